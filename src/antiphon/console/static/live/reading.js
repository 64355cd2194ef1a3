// What the messages of a conversation mean, both ways: the same for one that runs and for one that is replayed.

import { computed, signal } from "../vendor/preact.js";
import { samplesOf } from "../lib/base64.js";
import { Captions } from "./captions.js";
import { InputClock, secondsOf } from "./input_clock.js";
import { SilentPlayer } from "./silent_player.js";
import { ToolCalls } from "./tool_calls.js";
import { Turns } from "./turns.js";

const RATE = 24_000;
const APART = 1_000_000;
/** Milliseconds after which nobody waits for an answer any more: a cough is heard, but not answered. */
const PONDER = 20_000;
let readings = 0;

/** @typedef {Record<string, any>} Message one message of the Live API, as JSON has it */

export class Reading {
  captions = new Captions();
  tools = new ToolCalls();
  turns = new Turns();
  sessionId = signal("");
  usage = signal(null);
  goAway = signal(null);
  /** Whether the user speaks, as the server or the client itself says. */
  userActive = signal(false);
  /** The turn whose sound is on its way or in the air; 0: none. */
  speaking = signal(0);
  thinking = signal(false);
  /** @type {import("../vendor/preact.js").Signal<"idle"|"listening"|"hearing"|"thinking"|"speaking"|"tool">} */
  activity = computed(() => this.#activity());
  open = signal(false);
  /** How often the conversation went on with another connection. */
  reconnects = signal(0);
  clock = new InputClock();
  player;
  #now;
  #silenced = 0;
  #setups = 0;
  #remembered = false;
  #over = false;
  #ponder = null;
  #automatic = true;
  // One loudspeaker may serve many conversations, and each counts its turns from one.
  #base = (readings += 1) * APART;

  /** @param {{ player: object|null, now?: () => number }} options */
  constructor({ player, now = () => performance.now() }) {
    this.#now = now;
    this.usePlayer(player);
  }

  /** From now on sound goes there; null: nowhere, at its own pace. */
  usePlayer(player) {
    this.player = player ?? new SilentPlayer(this.#now);
    this.player.onFirst = ({ turn, at }) => this.#first(turn - this.#base, at ?? this.#now());
    this.player.onDrained = ({ turn, at }) => this.#drained(turn - this.#base, at ?? this.#now());
    this.player.onCut = ({ turn, at }) => this.turns.set(turn - this.#base, { silent: at });
  }

  /** Seconds of a turn that were heard so far. */
  heardSeconds(turn) {
    return this.player.heard(this.#base + turn);
  }

  /** Whether turns are detected by the server. */
  get automatic() {
    return this.#automatic;
  }

  // --- what the client says ------------------------------------------------------------------------------------

  /**
   * @param {Message} message that goes out
   * @param {number} at
   * @param {{ seconds?: number, at?: number, rms?: number }} hints of sound: how long, when taken, how loud
   */
  sent(message, at, hints = {}) {
    if (message.setup) this.#setUp(message.setup);
    if (message.realtimeInput) this.#input(message.realtimeInput, at, hints);
    if (message.clientContent) this.#clientContent(message.clientContent, at);
    for (const each of message.toolResponse?.functionResponses ?? []) this.tools.answered(each, at);
  }

  #setUp(setup) {
    this.#automatic = !setup.realtimeInputConfig?.automaticActivityDetection?.disabled;
    this.#remembered = Boolean(setup.sessionResumption?.handle);
    this.clock.restart();
    this.tools.declare(setup);
  }

  #input(input, at, hints) {
    if (input.audio) this.clock.add(hints.seconds ?? lengthOf(input.audio), hints.at ?? at, hints.rms);
    if (input.video) this.#frame(at);
    if (input.activityStart) this.#begins(at);
    if (input.activityEnd) this.#ends(at, at);
    if (typeof input.text === "string") this.#typed(input.text, at, true);
  }

  #clientContent({ turns = [], turnComplete = false }, at) {
    for (const { role, parts = [] } of turns) {
      const text = parts.map((part) => part.text ?? "").join("");
      if (role === "model") this.captions.add({ who: "model", text, at, finished: true });
      else this.#typed(text, at, false);
    }
    if (!turnComplete) return;
    if (!turns.length) this.turns.begin(at);
    this.turns.request(at);
    this.#think(true);
  }

  #typed(text, at, asks) {
    // A space alone asks for an answer to what was said before; it says nothing.
    const turn = this.turns.begin(at);
    if (text.trim()) this.captions.add({ who: "user", turn, text, at, finished: true });
    if (!asks) return;
    this.turns.request(at);
    this.#think(true);
  }

  #frame(at) {
    this.captions.amend("frame", (line) => {
      const count = (line?.count ?? 0) + 1;
      const text = count === 1 ? "1 picture sent" : `${count} pictures sent`;
      return { ...(line ?? { who: "note", turn: this.turns.asking, at, finished: true }), kind: "frame", count, text };
    });
  }

  #begins(at) {
    this.turns.begin(at);
    this.userActive.value = true;
    this.#think(false);
  }

  #ends(at, decided) {
    this.userActive.value = false;
    this.turns.request(at, decided);
    this.#think(true);
  }

  // --- what the server says ------------------------------------------------------------------------------------

  /** @param {Message} message that came in @param {number} at */
  received(message, at) {
    if (message.setupComplete) this.#setupComplete(message.setupComplete, at);
    if (message.goAway) this.#goAway(message.goAway, at);
    if (message.voiceActivity) this.#voice(message.voiceActivity, at);
    if (message.voiceActivityDetectionSignal) this.#signal(message.voiceActivityDetectionSignal, at);
    if (message.toolCallCancellation) this.tools.cancelled(message.toolCallCancellation.ids ?? [], at);
    if (message.serverContent) this.#serverContent(message.serverContent, message.usageMetadata, at);
    else if (message.usageMetadata) this.#used(message.usageMetadata);
    if (message.toolCall) this.#toolCall(message.toolCall, at);
  }

  #setupComplete({ sessionId }, at) {
    this.open.value = true;
    this.goAway.value = null;
    if (sessionId) this.sessionId.value = sessionId;
    this.#setups += 1;
    if (this.#setups === 1) return;
    this.reconnects.value += 1;
    const text = this.#remembered ? "Connected again." : "Connected again. The server remembers nothing of before.";
    this.captions.add({ kind: "resumed", at, finished: true, text });
  }

  /** What comes belongs to another conversation. */
  restart() {
    this.#setups = 0;
  }

  #goAway({ timeLeft }, at) {
    const seconds = secondsOf(timeLeft) ?? 0;
    this.goAway.value = { at: at + seconds * 1000 };
    const text = seconds < 1 ? "The server is stopping." : `The connection will end in ${Math.round(seconds)} s.`;
    this.captions.add({ kind: "goAway", at, finished: true, text });
  }

  #voice({ type, audioOffset = "" }, at) {
    const offset = secondsOf(audioOffset);
    const when = (offset === null ? null : this.clock.at(offset)) ?? this.clock.lastLoud ?? at;
    if (type === "ACTIVITY_START") this.#begins(when);
    else if (type === "ACTIVITY_END") this.#ends(when, at);
  }

  #signal({ vadSignalType }, at) {
    if (vadSignalType === "VAD_SIGNAL_TYPE_SOS") this.#voice({ type: "ACTIVITY_START" }, at);
    else if (vadSignalType === "VAD_SIGNAL_TYPE_EOS") this.#voice({ type: "ACTIVITY_END" }, at);
  }

  #serverContent(content, usage, at) {
    const { inputTranscription, interimInputTranscription, outputTranscription, groundingMetadata } = content;
    if (interimInputTranscription) this.#interim(interimInputTranscription, at);
    if (inputTranscription) this.#heardUser(inputTranscription, at);
    for (const part of content.modelTurn?.parts ?? []) this.#part(part, at);
    if (outputTranscription?.text) this.#said(outputTranscription, at);
    if (groundingMetadata) this.#sources(groundingMetadata, at);
    if (content.generationComplete) this.turns.set(this.#answer(), { generated: at });
    if (content.interrupted) this.#interrupted(at);
    if (usage) this.#used(usage);
    if (content.turnComplete) this.#turnComplete(content, at);
    else if (content.waitingForInput) this.#think(false);
  }

  #interim({ text = "", languageCode }, at) {
    this.captions.hypothesis(this.turns.hears(at), text, at, languageCode);
  }

  #heardUser({ text = "", finished = false, languageCode }, at) {
    if (text) this.captions.append("user", this.turns.hears(at), text, at, { finished, language: languageCode });
  }

  #part(part, at) {
    const turn = this.#answer();
    if (part.inlineData?.mimeType?.startsWith("audio/")) this.#sound(part.inlineData, turn, at);
    else if (part.text) this.#text(part, turn, at);
    else if (part.executableCode) this.#text({ text: part.executableCode.code ?? "" }, turn, at);
    else if (part.codeExecutionResult) this.#text({ text: part.codeExecutionResult.output ?? "" }, turn, at);
  }

  #text({ text, thought = false }, turn, at) {
    this.captions.append("model", turn, text, at, { kind: thought ? "thought" : undefined });
    if (thought) this.#think(true);
    else this.speaking.value = turn;
  }

  #sound({ data, mimeType }, turn, at) {
    const pcm = atRate(samplesOf(data), Number(/rate=(\d+)/.exec(mimeType)?.[1] ?? RATE));
    const known = this.turns.get(turn);
    const audioSeconds = known.audioSeconds + pcm.length / RATE;
    this.turns.set(turn, { audioSeconds, firstFrame: known.firstFrame ?? at });
    this.captions.sound(turn, pcm.length / RATE);
    if (turn === this.#silenced || known.interrupted !== null) return;
    this.speaking.value = turn;
    this.player.enqueue(pcm, this.#base + turn);
  }

  #said({ text, finished = false, languageCode }, at) {
    this.captions.say(this.#answer(), text, at, { finished, language: languageCode });
  }

  #sources({ webSearchQueries = [], groundingChunks = [] }, at) {
    const links = groundingChunks
      .map(({ web }) => ({ uri: web?.uri ?? "", title: web?.title || web?.uri || "" }))
      .filter(({ uri }) => /^https?:\/\//i.test(uri));
    if (!links.length && !webSearchQueries.length) return;
    const turn = this.#answer();
    this.captions.add({ who: "model", kind: "sources", turn, at, finished: true, text: webSearchQueries.join(", "), links });
  }

  #toolCall({ functionCalls = [] }, at) {
    const turn = this.#answer();
    this.captions.finish(turn, "model");
    for (const call of functionCalls) {
      const key = this.tools.called(call, turn, at);
      this.captions.add({ kind: "tool", tool: call.id, call: key, turn, at, finished: true, text: call.name });
    }
  }

  #answer() {
    const turn = this.turns.answer(this.clock.lastLoud);
    this.#think(false);
    this.#over = false;
    this.captions.finish(turn, "user");
    return turn;
  }

  #interrupted(at) {
    // It is the answer under way that is cut; else the one that still sounds; else one that had not begun.
    const turn = this.turns.answering || this.speaking.value || this.turns.ending();
    this.#cut(at, turn);
    this.#think(false);
    if (!turn) return;
    this.#over = this.turns.get(turn)?.complete !== null;
    this.turns.set(turn, { interrupted: at });
    const dropped = this.turns.get(turn)?.droppedSeconds ?? 0;
    const text = dropped > 0 ? `Interrupted: ${dropped.toFixed(1)} s were not heard.` : "Interrupted.";
    this.captions.add({ kind: "interrupted", turn, at, finished: true, text });
  }

  /** Silence at once, and cut every line that was not heard to its end. @returns {number} the turn; 0: none */
  #cut(at, wanted) {
    const { turn: key = 0, heardSeconds = 0, droppedSeconds = 0 } = this.player.flush() ?? {};
    const playing = key > this.#base ? key - this.#base : 0;
    const turn = wanted || this.speaking.value || (droppedSeconds > 0 ? playing : 0);
    const cut = new Set([playing, this.speaking.value, turn]);
    this.speaking.value = 0;
    if (!turn) return 0;
    const known = this.turns.get(turn);
    if (known) this.turns.set(turn, { droppedSeconds: known.droppedSeconds + droppedSeconds, silent: known.silent ?? at });
    for (const each of cut) {
      if (each) this.captions.cut(each, each === playing ? heardSeconds : this.heardSeconds(each));
    }
    return turn;
  }

  #turnComplete({ interactionStatus = "", turnCompleteReason = "" }, at) {
    // A turn that was complete, and is cut while it still sounds, may be said to be complete once more.
    if (this.#over && !this.turns.answering) return void (this.#over = false);
    const turn = this.turns.ending();
    this.#think(interactionStatus === "IN_PROGRESS");
    this.captions.finish(turn);
    if (interactionStatus === "IN_PROGRESS") return this.turns.set(turn, { status: interactionStatus });
    // What is only written is not heard to its end: it is over when the turn is.
    if (this.speaking.value === turn && !this.captions.seconds(turn)) this.speaking.value = 0;
    if (turn) this.turns.complete(turn, { complete: at, status: interactionStatus, reason: turnCompleteReason });
    if (this.#silenced === turn) this.#silenced = 0;
    // Functions that are not waited for outlive the turn that called them.
    this.tools.expire(at, (call) => call.blocking && call.turn === turn);
  }

  #used(usage) {
    this.usage.value = usage;
    const turn = this.turns.ending() || this.turns.turns.value.at(-1)?.number;
    if (turn) this.turns.set(turn, { usage });
  }

  // --- what happens here ---------------------------------------------------------------------------------------

  /** Silence the answer here, until it ends; the server is not told. */
  stopSpeech(at) {
    const turn = this.#cut(at, this.speaking.value || this.turns.answering);
    if (!turn) return;
    this.turns.set(turn, { stopped: at });
    if (this.turns.answering === turn) this.#silenced = turn;
  }

  /** The connection is gone. What was said stays; what was open is over. */
  lost(at) {
    for (const turn of this.turns.turns.value) if (turn.complete === null) this.captions.finish(turn.number);
    this.turns.lose(at);
    this.tools.expire(at);
    this.open.value = this.userActive.value = false;
    this.goAway.value = null;
    this.#think(false);
    this.#silenced = 0;
  }

  /** How many characters of a line have been heard by now. */
  heardOf(line) {
    return this.captions.heardOf(line, this.heardSeconds(line.turn));
  }

  #first(turn, at) {
    if (this.turns.get(turn)?.firstHeard === null) this.turns.set(turn, { firstHeard: at });
  }

  #drained(turn, at) {
    if (this.speaking.value === turn) this.speaking.value = 0;
    this.turns.set(turn, { silent: at });
  }

  #think(thinking) {
    clearTimeout(this.#ponder);
    this.thinking.value = thinking;
    if (thinking) this.#ponder = setTimeout(() => (this.thinking.value = false), PONDER);
  }

  #activity() {
    if (!this.open.value) return "idle";
    if (this.userActive.value) return "hearing";
    if (this.speaking.value) return "speaking";
    if (this.tools.calls.value.some((call) => call.state === "waiting")) return "tool";
    return this.thinking.value ? "thinking" : "listening";
  }
}

function lengthOf({ data = "", mimeType = "" }) {
  const rate = Number(/rate=(\d+)/.exec(mimeType)?.[1] ?? 16_000);
  return Math.floor((data.length * 3) / 4 / 2) / rate;
}

// Google always sends 24 kHz; what does not is brought there, plainly.
function atRate(pcm, rate) {
  if (rate === RATE || !rate) return pcm;
  const out = new Int16Array(Math.round((pcm.length * RATE) / rate));
  for (let i = 0; i < out.length; i += 1) {
    const where = (i * rate) / RATE;
    const left = Math.min(pcm.length - 1, Math.floor(where));
    const right = Math.min(pcm.length - 1, left + 1);
    out[i] = pcm[left] + (pcm[right] - pcm[left]) * (where - left);
  }
  return out;
}
