// Which rows the list has: frames that pass the filters, sound folded.

import { whole } from "../lib/format.js";
import { describe } from "./kinds.js";

/**
 * @typedef {{ id: number, frames: import("../live/wire.js").Frame[], kind: string, preview: string, bytes: number,
 *   direction: "out"|"in"|undefined, seconds: number }} Row more than one frame: folded sound
 */

/** Says which frames pass; remembers what it said, so that only new frames are searched. */
export class Filter {
  #said = new WeakMap();

  /** @param {{ query?: string, hidden?: Set<string>, direction?: ""|"in"|"out" }} wanted */
  constructor({ query = "", hidden = new Set(), direction = "" } = {}) {
    this.query = query.trim().toLowerCase();
    this.hidden = hidden;
    this.direction = direction;
  }

  passes(frame) {
    if (!this.#said.has(frame)) this.#said.set(frame, this.#decide(frame));
    return this.#said.get(frame);
  }

  #decide(frame) {
    const { kind, media, preview } = describe(frame);
    if (this.hidden.has(kind)) return false;
    if (this.direction && frame.direction && frame.direction !== this.direction) return false;
    if (!this.query) return true;
    // The letters of encoded sound and pictures would match nearly every short word.
    const searched = media ? kind : `${kind}\n${frame.text ?? preview}`;
    return searched.toLowerCase().includes(this.query);
  }
}

/** @param {import("../live/wire.js").Frame[]} frames @param {Filter} filter @param {boolean} fold @returns {Row[]} */
export function rowsOf(frames, filter, fold) {
  const rows = [];
  // Sound flows both ways at once: each direction has a fold of its own.
  let open = {};
  for (const frame of frames) {
    if (!filter.passes(frame)) continue;
    const about = describe(frame);
    if (!fold || !about.sound) open = {};
    const row = fold && about.sound ? open[frame.direction] : undefined;
    if (row) extend(row, frame, about);
    else rows.push((open[frame.direction] = begin(frame, about)));
    if (!about.sound) open = {};
  }
  return rows;
}

/** @param {import("../live/wire.js").Frame[]} frames @returns {[string, number][]} each kind and how many there are */
export function kindsOf(frames) {
  const counts = new Map();
  for (const frame of frames) {
    const { kind } = describe(frame);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return [...counts].sort(([one], [other]) => one.localeCompare(other));
}

function begin(frame, { kind, preview, bytes, sound }) {
  return { id: frame.id, frames: [frame], kind, preview, bytes, direction: frame.direction, seconds: sound?.seconds ?? 0 };
}

function extend(row, frame, { bytes, sound }) {
  row.frames.push(frame);
  row.bytes += bytes;
  row.seconds += sound.seconds;
}

/** @param {Row} row @returns {string} "37 audio frames, 0.74 s" */
export function summary(row) {
  if (row.frames.length > 1) return `${whole(row.frames.length)} audio frames, ${row.seconds.toFixed(2)} s`;
  return row.seconds ? `${row.seconds.toFixed(2)} s of sound` : row.preview;
}

/** @param {number} bytes @returns {string} */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(bytes < 10_000 ? 1 : 0)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** @param {number} milliseconds @returns {string} "1:02.345" */
export function moment(milliseconds) {
  const whole = Math.max(0, Math.round(milliseconds));
  const seconds = Math.floor(whole / 1000);
  const rest = String(whole % 1000).padStart(3, "0");
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}.${rest}`;
}
