// A saved conversation once more: the same messages, through the same reading, at the pace of then or faster.

import { signal } from "../vendor/preact.js";
import { explainClose } from "./closes.js";
import { Reading } from "./reading.js";
import { Shown } from "./shown.js";

/** Messages handed over without a pause, at most: the page stays alive. */
const BATCH = 200;

/** Has the signals of a Conversation that show something, and none of its ways to say something. */
export class Replay extends Shown {
  /** @type {import("../vendor/preact.js").Signal<"idle"|"open"|"paused"|"closed">} */
  state = signal("idle");
  problem = signal(null);
  resumable = signal(false);
  dropped = signal({ seconds: 0, frames: 0 });
  /** Milliseconds of the saved conversation that were replayed. */
  position = signal(0);
  /** Of it all, milliseconds. */
  duration;
  #frames;
  #next = 0;
  #speed;
  #now;
  #timer = null;
  #socket = null;
  #began = 0;
  #done = null;

  /**
   * @param {import("./wire.js").WireLog} log
   * @param {{ player?: object|null, speed?: number, now?: () => number }} options `speed` Infinity: at once
   */
  constructor(log, { player = null, speed = 1, now = () => performance.now() } = {}) {
    super();
    this.#frames = log.frames.value;
    this.#speed = speed;
    this.#now = now;
    const first = this.#frames[0]?.at ?? 0;
    this.duration = (this.#frames.at(-1)?.at ?? first) - first;
    // At any pace but its own, sound cannot be played: its length is taken from the times of then.
    const sounds = speed === 1 ? player : null;
    this.reading = new Reading({ player: sounds, now: sounds ? now : () => this.#then() });
  }

  /** Nobody waits for it any more. */
  answer() {
    return false;
  }

  hangUp() {
    this.close();
  }

  stopSpeech() {
    this.reading.stopSpeech(this.#then());
  }

  /** Begin, or go on after a pause. @returns {Promise<void>} when all of it was replayed */
  play() {
    this.state.value = "open";
    this.#began = this.#now() - this.position.value / this.#speed;
    return new Promise((resolve) => {
      this.#done = resolve;
      this.#step();
    });
  }

  pause() {
    clearTimeout(this.#timer);
    if (this.state.value === "open") this.state.value = "paused";
  }

  close() {
    clearTimeout(this.#timer);
    this.reading.player.flush();
    this.state.value = "closed";
  }

  #step() {
    let handed = 0;
    while (this.#next < this.#frames.length && this.#due() <= 0 && handed < BATCH) {
      this.#take(this.#frames[this.#next]);
      this.#next += 1;
      handed += 1;
    }
    if (this.#next >= this.#frames.length) return this.#end();
    this.#timer = setTimeout(() => this.#step(), Math.max(0, this.#due()));
  }

  /** Milliseconds until the next frame. */
  #due() {
    const offset = this.#frames[this.#next].at - this.#frames[0].at;
    return this.#speed === Infinity ? 0 : offset / this.#speed - (this.#now() - this.#began);
  }

  /** The time of then. */
  #then() {
    return (this.#frames[0]?.at ?? 0) + this.position.value;
  }

  #take(frame) {
    this.position.value = frame.at - this.#frames[0].at;
    if (this.#socket !== null && frame.socket < this.#socket) return;
    if (frame.socket !== this.#socket) this.#change(frame);
    if (frame.close) return this.#closed(frame);
    let message;
    try {
      message = JSON.parse(frame.text);
    } catch {
      return;
    }
    if (frame.direction === "out") this.reading.sent(message, frame.at);
    else this.reading.received(message, frame.at);
  }

  #change(frame) {
    if (this.#socket !== null) this.reading.lost(frame.at);
    this.#socket = frame.socket;
  }

  #closed({ at, close }) {
    this.reading.lost(at);
    this.problem.value = explainClose(close.code, close.reason);
  }

  #end() {
    this.reading.lost(this.#then());
    this.state.value = "closed";
    this.#done?.();
  }
}
