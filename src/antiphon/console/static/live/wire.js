// What travelled over the sockets of a conversation, as it travelled.

import { computed, signal } from "../vendor/preact.js";

const MAX_FRAMES = 20_000;
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * One message of a WebSocket, or the end of one (`close`, no `text`).
 * @typedef {{ id: number, at: number, direction?: "out"|"in", text?: string, socket: number,
 *   close?: { code: number, reason: string } }} Frame `at` in milliseconds
 */

/** The newest frames. What exceeds its bounds is let go, oldest first, and counted. */
export class WireLog {
  #ring = [];
  #first = 0;
  #bytes = 0;
  #count = signal(0);
  #ids = 0;
  #maxFrames;
  #maxBytes;

  /** Rises with every frame and every close: for those who look now and then. */
  changed = signal(0);
  /** When the first of all frames came, milliseconds. */
  began = null;
  /** Frames and bytes that were let go. */
  letGo = signal({ frames: 0, bytes: 0 });

  /** The frames that are kept, oldest first, and the closes among them. */
  frames = computed(() => {
    this.changed.value;
    return this.#ring.slice(this.#first);
  });

  constructor({ maxFrames = MAX_FRAMES, maxBytes = MAX_BYTES } = {}) {
    this.#maxFrames = maxFrames;
    this.#maxBytes = maxBytes;
  }

  /** How many messages there were, with those that were let go; closes are none. */
  get count() {
    return this.#count.value;
  }

  /** Bytes of text that are kept. */
  get bytes() {
    this.changed.value;
    return this.#bytes;
  }

  /** @param {{ direction: "out"|"in", at: number, text: string, socket: number }} frame */
  add({ direction, at, text, socket }) {
    this.#count.value += 1;
    this.#keep({ id: (this.#ids += 1), at, direction, text, socket });
  }

  /** @param {{ at: number, socket: number, close: { code: number, reason: string } }} end of a connection */
  addClose({ at, socket, close }) {
    this.#keep({ id: (this.#ids += 1), at, socket, close });
  }

  /** @returns {string} one line of JSON for each frame; `at` in milliseconds since the first */
  toJSONL() {
    return this.frames.value.map((frame) => `${line(frame, this.began)}\n`).join("");
  }

  /**
   * @param {string} text what {@link toJSONL} made
   * @returns {WireLog} with all of it, whatever its size
   * @throws {Error} that names the line
   */
  static fromJSONL(text) {
    const log = new WireLog({ maxFrames: Infinity, maxBytes: Infinity });
    text.split("\n").forEach((each, number) => each.trim() && log.#read(each, number + 1));
    if (!log.#ring.length) throw new Error("The file holds no frames: choose a session that was saved as JSONL.");
    return log;
  }

  #read(text, number) {
    const { at, direction, socket = 1, message, close } = parsed(text, number);
    if (typeof at !== "number") throw unreadable(number, "“at” is not a number");
    if (close) return this.addClose({ at, socket, close: { code: close.code, reason: close.reason ?? "" } });
    if (direction !== "in" && direction !== "out") throw unreadable(number, "“direction” is neither “in” nor “out”");
    if (message === undefined) throw unreadable(number, "there is neither “message” nor “close”");
    this.add({ at, direction, socket, text: typeof message === "string" ? message : JSON.stringify(message) });
  }

  #keep(frame) {
    this.began ??= frame.at;
    this.#ring.push(frame);
    this.#bytes += size(frame);
    const gone = { frames: 0, bytes: 0 };
    while (this.#ring.length - this.#first > this.#maxFrames || this.#bytes > this.#maxBytes) this.#drop(gone);
    if (gone.frames) {
      const { frames, bytes } = this.letGo.value;
      this.letGo.value = { frames: frames + gone.frames, bytes: bytes + gone.bytes };
    }
    this.changed.value += 1;
  }

  #drop(gone) {
    const oldest = this.#ring[this.#first];
    this.#ring[this.#first] = undefined;
    this.#first += 1;
    this.#bytes -= size(oldest);
    gone.frames += oldest.close ? 0 : 1;
    gone.bytes += size(oldest);
    // Moving everything by one for every frame would cost more than the frames.
    if (this.#first > 1000 && this.#first * 2 > this.#ring.length) {
      this.#ring = this.#ring.slice(this.#first);
      this.#first = 0;
    }
  }
}

function size(frame) {
  return frame.text ? frame.text.length : 0;
}

function line(frame, began) {
  const at = Math.round((frame.at - began) * 10) / 10;
  if (frame.close) return JSON.stringify({ at, socket: frame.socket, close: frame.close });
  const head = JSON.stringify({ at, direction: frame.direction, socket: frame.socket });
  return `${head.slice(0, -1)},"message":${oneLine(frame.text)}}`;
}

// JSON holds line breaks between its values only; what is no JSON travels as a string.
function oneLine(text) {
  try {
    JSON.parse(text);
    return text.replace(/[\r\n]+/g, " ").trim();
  } catch {
    return JSON.stringify(text);
  }
}

function parsed(text, number) {
  try {
    return JSON.parse(text);
  } catch {
    throw unreadable(number, "it is not JSON");
  }
}

function unreadable(number, reason) {
  return new Error(`Line ${number} cannot be read: ${reason}. Choose a session that was saved as JSONL.`);
}
