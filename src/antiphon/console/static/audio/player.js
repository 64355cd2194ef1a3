// The speaker: one gapless line at 24 kHz that can be cut at once, and that knows what was heard.
import { signal } from "../vendor/preact.js";
import { keepAwake, loadWorklet } from "./context.js";
import { withSource } from "./devices.js";

const RATE = 24000;
/** No queue grows past this many seconds; what comes then is refused and counted in `refused`. */
const MAX_SECONDS = 1800;
/** Turns whose count of heard samples is kept. */
const TURNS_KEPT = 200;
/** The time constant of volume changes, in seconds: short, and without a click. */
const GLIDE = 0.005;

/** One loudspeaker line: 24 kHz, mono, 16 bits. */
export class Player {
  /**
   * Called when the first audible sample of a turn leaves the speaker; `at`, of performance.now(), may lie ms ahead.
   * @type {(news: { turn: number, at: number }) => void}
   */
  onFirst = () => {};
  /**
   * Called when all that was queued has left the speaker: that is when it may be closed.
   * @type {(news: { turn: number, at: number }) => void}
   */
  onDrained = () => {};
  /**
   * Called when what a flush cut has left the speaker; not where nothing was playing.
   * @type {(news: { turn: number, at: number }) => void}
   */
  onCut = () => {};
  playing = signal(false);
  /** RMS of what plays, 0..1, 27 times a second; volume and mute do not change it. */
  level = signal(0);
  /** How often a turn ran dry before its end. */
  underruns = signal(0);
  /** Seconds that were refused because half an hour was waiting already. */
  refused = signal(0);

  #context;
  #node;
  #gain;
  #awake;
  #volume = 1;
  #muted = false;
  #epoch = 0;
  #waiting = 0; // frames of this epoch that were queued and not yet reported as rendered
  #first = null; // the turn with which the line began after it was empty
  #mark = null; // { turn, time }: what is rendered, and up to when that was reported
  #cut = null; // { turn, frames }: what a flush assumes to be rendered until the audio thread has told
  #rendered = new Map();
  #ending = 0;

  /** Whether this browser lets a page choose the speaker. */
  static get canChooseSpeaker() {
    return "AudioContext" in globalThis && "setSinkId" in AudioContext.prototype;
  }

  /**
   * Opens the line. Call it in a tap: browsers play nothing before one.
   *
   * @param {{ sinkId?: string }} [wanted]
   * @returns {Promise<Player>}
   * @throws {DOMException} `explain` of devices.js says what to do.
   */
  static async open({ sinkId } = {}) {
    return withSource("speaker", async () => {
      const context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
      let player = null;
      try {
        await loadWorklet(context, "player.worklet.js");
        player = new Player(context);
        if (sinkId) await player.setSink(sinkId);
        return player;
      } catch (error) {
        await (player ?? context).close();
        throw error;
      }
    });
  }

  /** Not to be called: {@link Player.open} loads the worklet first. */
  constructor(context) {
    this.#context = context;
    this.#awake = keepAwake(context);
    this.#node = new AudioWorkletNode(context, "player", { numberOfInputs: 0, outputChannelCount: [1] });
    this.#node.port.onmessage = ({ data }) => this.#receive(data);
    this.#gain = context.createGain();
    this.#node.connect(this.#gain).connect(context.destination);
  }

  /** Whether the browser or the system keeps the line silent until the next tap. */
  get asleep() {
    return this.#awake.asleep;
  }

  /** The bus after volume and mute, for whoever wants to listen in. */
  get output() {
    return this.#gain;
  }

  get context() {
    return this.#context;
  }

  /** 0..1, independent of the system's. */
  get volume() {
    return this.#volume;
  }

  set volume(value) {
    this.#volume = Math.max(0, Math.min(1, value));
    this.#turnKnob();
  }

  get muted() {
    return this.#muted;
  }

  set muted(value) {
    this.#muted = Boolean(value);
    this.#turnKnob();
  }

  /**
   * Appends sound to the line.
   *
   * @param {Int16Array} pcm At 24 kHz; it is copied.
   * @param {number} turn What it belongs to.
   */
  enqueue(pcm, turn) {
    if (pcm.length === 0) return;
    if (this.#waiting + pcm.length > MAX_SECONDS * RATE) {
      this.refused.value += pcm.length / RATE;
      return;
    }
    if (this.#waiting === 0) this.#first = turn;
    this.#waiting += pcm.length;
    this.#remember(turn, 0);
    this.playing.value = true;
    const copy = pcm.slice();
    this.#node.port.postMessage({ kind: "enqueue", turn, pcm: copy }, [copy.buffer]);
  }

  /**
   * Silence from the next 128 frames on, after a fade of 4 ms.
   *
   * The numbers are right within some ms; a moment later `heard` knows the exact one.
   *
   * @returns {{ turn: number | null, heardSeconds: number, droppedSeconds: number }} `turn` is the one that was cut, or
   *   the last one when nothing was playing.
   */
  flush() {
    const turn = this.#mark?.turn ?? this.#first;
    const unreported = this.#unreported();
    const heardSeconds = ((this.#rendered.get(turn) ?? 0) + unreported) / RATE;
    const droppedSeconds = (this.#waiting - unreported) / RATE;
    this.#epoch += 1;
    this.#node.port.postMessage({ kind: "flush", epoch: this.#epoch });
    this.#cut = { turn, frames: unreported };
    this.#waiting = 0;
    this.#rest();
    return { turn, heardSeconds, droppedSeconds };
  }

  /**
   * The seconds of a turn that have left the speaker so far; 0 for one that is unknown.
   *
   * @param {number} turn
   */
  heard(turn) {
    const rendered = (this.#rendered.get(turn) ?? 0) + (this.#cut?.turn === turn ? this.#cut.frames : 0);
    if (this.#mark?.turn !== turn) return rendered / RATE;
    return Math.max(0, (rendered + this.#unreported()) / RATE - latency(this.#context));
  }

  /**
   * Plays through another speaker; "" is the system's.
   *
   * @param {string} deviceId
   * @throws {DOMException}
   */
  async setSink(deviceId) {
    return withSource("speaker", async () => {
      if (!Player.canChooseSpeaker) throw new DOMException("setSinkId is missing", "NotSupportedError");
      await this.#context.setSinkId(deviceId);
    });
  }

  /** Wakes the line; call it in a tap. Throws what AudioContext.resume throws. */
  async resume() {
    return withSource("speaker", () => this.#context.resume());
  }

  async close() {
    this.#awake.stop();
    this.#node.port.onmessage = null;
    this.#node.port.postMessage({ kind: "close" });
    this.#waiting = 0;
    this.#rest();
    if (this.#context.state !== "closed") await this.#context.close();
  }

  #turnKnob() {
    const wanted = this.#muted ? 0 : this.#volume;
    this.#gain.gain.setTargetAtTime(wanted, this.#context.currentTime, GLIDE);
  }

  /** Frames that were rendered since the last report, by the clock of the context. */
  #unreported() {
    if (!this.#mark) return 0;
    const frames = (this.#context.currentTime - this.#mark.time) * RATE;
    return Math.round(Math.max(0, Math.min(this.#waiting, frames)));
  }

  #receive(message) {
    if (message.kind === "underrun") this.underruns.value += 1;
    else if (message.kind === "first") this.onFirst({ turn: message.turn, at: leaves(this.#context, message.time) });
    else if (message.kind === "cut") this.onCut({ turn: message.turn, at: leaves(this.#context, message.time) });
    else if (message.kind === "started") this.#follow(message);
    else this.#account(message);
  }

  /** Books what was rendered. A report from before a flush still counts for its turns, and for nothing else. */
  #account(message) {
    let frames = 0;
    for (const [turn, count] of message.rendered) {
      frames += count;
      this.#remember(turn, count);
    }
    if (message.epoch !== this.#epoch) return;
    if (message.kind === "flushed") this.#cut = null;
    else this.#advance(message, frames);
  }

  #advance(message, frames) {
    this.#waiting -= frames;
    this.level.value = message.level;
    if (message.kind === "progress") this.#follow(message);
    else this.#mark = null;
    if (this.#waiting > 0 || message.kind !== "drained") return;
    this.#first = message.turn;
    this.#end(message.turn, leaves(this.#context, message.time));
  }

  /** The audio thread is ahead of the ear, with some headsets by a quarter of a second. */
  #end(turn, at) {
    this.level.value = 0;
    clearTimeout(this.#ending);
    const tell = () => {
      if (this.#waiting > 0) return;
      this.#rest();
      this.onDrained({ turn, at });
    };
    this.#ending = setTimeout(tell, at - performance.now());
  }

  #follow({ epoch, turn, time }) {
    if (epoch === this.#epoch) this.#mark = { turn, time };
  }

  #rest() {
    clearTimeout(this.#ending);
    this.#mark = null;
    this.level.value = 0;
    this.playing.value = false;
  }

  #remember(turn, frames) {
    this.#rendered.set(turn, (this.#rendered.get(turn) ?? 0) + frames);
    if (this.#rendered.size > TURNS_KEPT) this.#rendered.delete(this.#rendered.keys().next().value);
  }
}

/** Seconds between rendering and hearing. */
function latency(context) {
  return context.outputLatency || context.baseLatency || 0;
}

/** When a sample leaves the speaker, by performance.now(). */
function leaves(context, time) {
  const stamp = context.getOutputTimestamp?.();
  if (stamp?.contextTime > 0) return stamp.performanceTime + (time - stamp.contextTime) * 1000;
  return performance.now() + (time - context.currentTime + latency(context)) * 1000;
}
