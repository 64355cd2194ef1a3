// One conversation across any number of sockets, with the public Live endpoint.

import { signal } from "../vendor/preact.js";
import { base64OfSamples, toBase64 } from "../lib/base64.js";
import { explainClose, worthAnotherTry } from "./closes.js";
import { Reading } from "./reading.js";
import { Backoff, Outbox } from "./reconnecting.js";
import { Shown } from "./shown.js";
import { LiveSocket, liveUrl } from "./socket.js";

const INPUT_RATE = 16_000;
/** Bytes that may wait in the browser before pictures are let go: sound is never behind pictures for long. */
const CROWDED = 512 * 1024;
/** Milliseconds before the server goes at which even an answer in progress is left. */
const LAST_MOMENT = 2000;
/** Milliseconds between two looks whether a connection that will end can be replaced now. */
const LOOK = 250;
/** Milliseconds that the server has to answer a setup. */
const SETUP_PATIENCE = 15_000;
/** Milliseconds without anything going out after which a connection counts as lost. */
const STALLED = 8000;

export class Conversation extends Shown {
  /** @type {import("../vendor/preact.js").Signal<"idle"|"connecting"|"open"|"reconnecting"|"closed"|"failed">} */
  state = signal("idle");
  problem = signal(null);
  /** Seconds of the user's sound, and pictures, that could not be sent. */
  dropped = signal({ seconds: 0, frames: 0 });
  /** What was typed and waits for a connection. @type {import("../vendor/preact.js").Signal<string[]>} */
  waiting = signal([]);
  /** Whether the newest handle is of the present: the server would go on from here. */
  resumable = signal(false);
  #options;
  #log;
  #now;
  #setup = null;
  #socket = null;
  #sockets = 0;
  #handle = "";
  #backoff = new Backoff();
  #outbox = new Outbox();
  #timers = new Map();
  #attempt = 0;
  #begun = false;
  #micOpen = false;
  #marking = false;

  /**
   * @param {{ endpoint: string, token: () => Promise<string>, setup: () => object, player?: object|null,
   *   log?: import("./wire.js").WireLog|null, now?: () => number }} options
   */
  constructor({ endpoint, token, setup, player = null, log = null, now = () => performance.now() }) {
    super();
    this.#options = { endpoint, token, setup };
    this.#log = log;
    this.#now = now;
    this.reading = new Reading({ player, now });
  }

  // --- begin and end -------------------------------------------------------------------------------------------

  /** Begin, or after a failure go on where it was. Never throws: what goes wrong is in `problem`. */
  async connect() {
    if (["connecting", "open", "reconnecting"].includes(this.state.value)) return;
    this.problem.value = null;
    this.#backoff.reset();
    this.#setup = structuredClone(this.#options.setup());
    this.state.value = this.#begun ? "reconnecting" : "connecting";
    await this.#dial();
  }

  /** Connect again from here with the setup of now, of which all but the model may have changed. */
  async renew() {
    if (this.state.value !== "open") return;
    this.#setup = structuredClone(this.#options.setup());
    this.#letGo();
    await this.#dial();
  }

  /** End it. A later connect() begins another conversation. */
  hangUp() {
    if (this.#socket && this.#micOpen && this.reading.automatic) this.audioStreamEnd();
    this.#forgetSocket(1000, "");
    this.#forgetSession();
    this.#takeWaiting();
    this.#marking = false;
    this.reading.stopSpeech(this.#now());
    this.reading.lost(this.#now());
    if (this.state.value !== "idle") this.state.value = "closed";
  }

  #forgetSession() {
    this.#begun = this.resumable.value = false;
    this.#handle = "";
    this.reading.restart();
  }

  async #dial() {
    const attempt = (this.#attempt += 1);
    let secret;
    try {
      secret = await this.#options.token();
    } catch (error) {
      if (attempt === this.#attempt) this.#tokenFailed(error);
      return;
    }
    if (attempt !== this.#attempt) return;
    const number = (this.#sockets += 1);
    const listener = {
      opened: () => this.#sendSetup(),
      received: (message, at) => this.#received(message, at),
      ended: (code, reason) => this.#ended(code, reason),
    };
    this.#socket = new LiveSocket(liveUrl(this.#options.endpoint, secret), { number, log: this.#log, now: this.#now, listener });
    this.#after("setup", SETUP_PATIENCE, () => this.#tooLate());
  }

  #sendSetup() {
    const message = { setup: this.#fullSetup() };
    if (this.#socket?.send(message)) this.reading.sent(message, this.#now());
  }

  #fullSetup() {
    const sessionResumption = { ...this.#setup.sessionResumption };
    delete sessionResumption.handle;
    if (this.#handle) sessionResumption.handle = this.#handle;
    return { ...this.#setup, sessionResumption };
  }

  #tooLate() {
    this.#forgetSocket(1000, "");
    this.#ended(1006, "");
  }

  #tokenFailed(error) {
    const problem = error?.title ? error : {
      title: `The server gave no pass for a conversation: ${error?.message ?? error}`,
      fix: "Check that the server runs, and that you are still logged in.",
    };
    this.#lost(problem, error?.final !== true);
  }

  // --- what comes ----------------------------------------------------------------------------------------------

  #received(message, at) {
    if (message.sessionResumptionUpdate) this.#keepHandle(message.sessionResumptionUpdate);
    this.reading.received(message, at);
    if (message.setupComplete) this.#opened(at);
    if (message.goAway) this.#after("goAway", 0, () => this.#leaveInTime());
  }

  #keepHandle({ newHandle, resumable }) {
    this.resumable.value = Boolean(resumable && newHandle);
    if (this.resumable.value) this.#handle = newHandle;
  }

  #opened(at) {
    this.#cancel("setup");
    this.#backoff.opened(at);
    this.#begun = true;
    this.state.value = "open";
    this.problem.value = null;
    for (const { message, hints } of this.#takeWaiting()) this.#send(message, hints);
  }

  #ended(code, reason) {
    const announced = this.goAway.value !== null;
    const problem = explainClose(code, reason);
    this.#forgetSocket();
    if (code === 1000 && this.#begun && !worthAnotherTry(code, reason, announced)) this.#finish("closed", problem);
    else this.#lost(problem, worthAnotherTry(code, reason, announced));
  }

  /** The connection is gone, or never came. */
  #lost(problem, again) {
    this.reading.lost(this.#now());
    this.#markAgain();
    this.resumable.value = false;
    // What never began is not tried again: whoever is there to see it can press a button.
    const wait = again && this.#begun ? this.#backoff.lost(this.#now()) : null;
    if (wait === null) return this.#finish("failed", problem);
    this.state.value = "reconnecting";
    this.problem.value = problem;
    this.#after("again", wait, () => this.#dial());
  }

  #finish(state, problem) {
    this.#forgetSocket();
    this.reading.lost(this.#now());
    this.problem.value = problem;
    this.state.value = state;
    this.#outbox.keepTexts();
    // What the server refused, or ended for good, is not worth resuming.
    if ([1007, 1008].includes(problem.code) || /^session:/.test(problem.reason ?? "")) this.#forgetSession();
  }

  // --- the server will go --------------------------------------------------------------------------------------

  #leaveInTime() {
    const { at } = this.goAway.value ?? {};
    if (at === undefined || this.state.value !== "open") return;
    if (this.#handle && (this.#quiet() || this.#now() > at - LAST_MOMENT)) {
      this.#letGo();
      this.#dial();
    } else {
      this.#after("goAway", LOOK, () => this.#leaveInTime());
    }
  }

  /** Nobody would miss a word now. */
  #quiet() {
    return this.resumable.value && this.activity.value === "listening";
  }

  #letGo() {
    this.#forgetSocket(1000, "");
    this.reading.lost(this.#now());
    this.#markAgain();
    this.state.value = "reconnecting";
  }

  /** Speech that the client marks goes on over the new connection, which has not seen its beginning. */
  #markAgain() {
    if (this.#marking) this.#outbox.add({ realtimeInput: { activityStart: {} } });
    this.#marking = false;
  }

  #forgetSocket(code, reason) {
    this.#attempt += 1;
    for (const name of [...this.#timers.keys()]) this.#cancel(name);
    this.#socket?.close(code, reason);
    this.#socket = null;
  }

  #after(name, milliseconds, work) {
    this.#cancel(name);
    this.#timers.set(name, setTimeout(work, milliseconds));
  }

  #cancel(name) {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }

  // --- what goes -----------------------------------------------------------------------------------------------

  /** @param {{ pcm: Int16Array, at?: number, rms?: number }} chunk of {@link Capture}: 16 kHz */
  sendAudio({ pcm, at = this.#now(), rms = 0 }) {
    this.#micOpen = true;
    if (this.state.value === "open" && this.#socket?.stalled > STALLED) this.#ended(1006, "");
    const audio = { mimeType: `audio/pcm;rate=${INPUT_RATE}`, data: base64OfSamples(pcm) };
    this.#send({ realtimeInput: { audio } }, { seconds: pcm.length / INPUT_RATE, at, rms });
  }

  sendText(text) {
    return this.#send({ realtimeInput: { text } });
  }

  /**
   * Add to the history, in order.
   * @param {string|object[]} content a text of the user, or turns (`{ role, parts }`)
   * @param {{ turnComplete?: boolean }} options whether the model shall answer
   */
  sendContent(content, { turnComplete = true } = {}) {
    const turns = typeof content === "string" ? [{ role: "user", parts: [{ text: content }] }] : content;
    return this.#send({ clientContent: { turns, turnComplete } });
  }

  /** @param {{ jpeg: Uint8Array }} frame @returns {boolean} whether it went, or will */
  sendFrame({ jpeg }) {
    if (this.#socket?.waiting > CROWDED) return this.#drop(0, 1);
    const video = { mimeType: "image/jpeg", data: toBase64(jpeg) };
    return this.#send({ realtimeInput: { video } }, { frame: true });
  }

  /** The user begins to speak. Only where the setup disables automatic detection. */
  activityStart() {
    return this.#send({ realtimeInput: { activityStart: {} } });
  }

  activityEnd() {
    return this.#send({ realtimeInput: { activityEnd: {} } });
  }

  /** The microphone pauses: the server need not wait for more. */
  audioStreamEnd() {
    if (!this.#micOpen) return false;
    this.#micOpen = false;
    return this.#send({ realtimeInput: { audioStreamEnd: true } });
  }

  /**
   * Answer a function call.
   * @param {string} id @param {object} response `{ error }` tells of a failure
   * @param {{ scheduling?: "SILENT"|"WHEN_IDLE"|"INTERRUPT", willContinue?: boolean }} options
   * @returns {boolean} whether somebody still waited for it
   */
  answer(id, response, { scheduling, willContinue } = {}) {
    const call = this.reading.tools.find(id);
    if (call?.state !== "waiting" || this.state.value !== "open") return false;
    const answer = { id, name: call.name, response };
    if (scheduling) answer.scheduling = scheduling;
    if (willContinue) answer.willContinue = true;
    return this.#send({ toolResponse: { functionResponses: [answer] } });
  }

  /** Silence the answer here, until it ends. */
  stopSpeech() {
    this.reading.stopSpeech(this.#now());
  }

  /** Send now, or when there is a connection again. */
  #send(message, hints = {}) {
    if (this.state.value === "open" && this.#socket?.send(message)) {
      this.reading.sent(message, this.#now(), hints);
      if (message.realtimeInput?.activityStart) this.#marking = true;
      if (message.realtimeInput?.activityEnd) this.#marking = false;
      return true;
    }
    if (!["connecting", "open", "reconnecting"].includes(this.state.value)) return false;
    const before = this.#outbox.droppedSeconds;
    this.#outbox.add(message, hints);
    this.waiting.value = this.#outbox.texts;
    this.#drop(this.#outbox.droppedSeconds - before, 0);
    return true;
  }

  #takeWaiting() {
    this.waiting.value = [];
    return this.#outbox.take();
  }

  #drop(seconds, frames) {
    if (seconds || frames) {
      const { dropped } = this;
      dropped.value = { seconds: dropped.value.seconds + seconds, frames: dropped.value.frames + frames };
    }
    return false;
  }
}
