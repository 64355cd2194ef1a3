// What was said, line by line.

import { signal } from "../vendor/preact.js";
import { SpokenText } from "./spoken_text.js";

/**
 * @typedef {{ id: number, who: "user"|"model"|"note", turn: number, text: string, interim: string,
 *   heard: number|null, cut: boolean, language: string, finished: boolean, at: number,
 *   kind?: "interrupted"|"resumed"|"goAway"|"tool"|"frame"|"thought"|"sources",
 *   tool?: string, call?: number, links?: { uri: string, title: string }[], count?: number }} Line
 * `interim` is text that may still change; `heard` counts characters of `text` (null: all of it); `call` is the
 * key of a ToolCall.
 */

export class Captions {
  /** @type {import("../vendor/preact.js").Signal<Line[]>} */
  lines = signal([]);
  #ids = 0;
  #open = new Map();
  #spoken = new Map();

  /** @param {Partial<Line>} line @returns {number} its id */
  add(line) {
    const whole = { ...EMPTY, ...line, id: (this.#ids += 1) };
    const lines = this.lines.value;
    const before = lines.findIndex(precedes(whole));
    this.lines.value = before < 0 ? [...lines, whole] : [...lines.slice(0, before), whole, ...lines.slice(before)];
    return whole.id;
  }

  /**
   * Add a fragment of a transcript, or of text, to the line it goes on with.
   * @param {Line["who"]} who @param {number} turn @param {string} text @param {number} at milliseconds
   * @param {{ kind?: Line["kind"], language?: string, finished?: boolean }} [options]
   * @returns {number} the line's id
   */
  append(who, turn, text, at, { kind, language = "", finished = false } = {}) {
    const key = keyOf(who, turn, kind);
    const id = this.#open.get(key) ?? this.#begin(key, { who, turn, kind, at });
    this.#change(id, (line) => ({
      ...line,
      text: line.text + text,
      interim: "",
      language: language || line.language,
      finished: finished || line.finished,
    }));
    if (finished) this.#open.delete(key);
    return id;
  }

  /** Replace what is not final yet of the user's line. */
  hypothesis(turn, text, at, language = "") {
    const key = keyOf("user", turn);
    const id = this.#open.get(key) ?? this.#begin(key, { who: "user", turn, at });
    this.#change(id, (line) => ({ ...line, interim: text, language: language || line.language }));
  }

  /** A fragment of what the model says aloud. */
  say(turn, text, at, options) {
    if (!text) return;
    const id = this.append("model", turn, text, at, options);
    const spoken = this.#spokenOf(turn);
    spoken.addText(text);
    const part = spoken.parts.at(-1);
    if (part?.id === id) part.end = spoken.text.length;
    else spoken.parts.push({ id, start: spoken.text.length - text.length, end: spoken.text.length });
  }

  /** Sound of the model came. */
  sound(turn, seconds) {
    this.#spokenOf(turn).addSound(seconds);
  }

  /** Seconds of sound that came for a turn. */
  seconds(turn) {
    return this.#spoken.get(turn)?.seconds ?? 0;
  }

  /** The lines of these turns end: what comes goes into new ones. */
  finish(turn, who) {
    for (const [key, id] of this.#open) {
      if (!key.startsWith(`${turn} `) || (who && !key.startsWith(`${turn} ${who}`))) continue;
      this.#change(id, (line) => (line.finished && !line.interim ? line : { ...line, interim: "", finished: true }));
      if (who !== "user") this.#open.delete(key);
    }
  }

  /** The answer of a turn was cut after so many seconds of its sound. */
  cut(turn, seconds) {
    const spoken = this.#spoken.get(turn);
    if (!spoken) return;
    const heard = spoken.heard(seconds);
    for (const { id, start, end } of spoken.parts) {
      if (heard >= end) continue;
      const chars = Math.max(0, heard - start);
      this.#change(id, (line) => ({ ...line, heard: chars, cut: true, finished: true }));
    }
  }

  /** Characters of a line that were heard after so many seconds of its turn's sound; all where nothing is spoken. */
  heardOf(line, seconds) {
    if (line.heard !== null) return line.heard;
    const spoken = this.#spoken.get(line.turn);
    const part = spoken?.parts.find((each) => each.id === line.id);
    if (!part) return line.text.length;
    return Math.min(line.text.length, Math.max(0, spoken.heard(seconds) - part.start));
  }

  /** Change the newest line if it is of this kind, else add one. */
  amend(kind, make) {
    const last = this.lines.value.at(-1);
    if (last?.kind === kind) this.#change(last.id, make);
    else this.add(make(null));
  }

  #begin(key, line) {
    const id = this.add(line);
    this.#open.set(key, id);
    return id;
  }

  #spokenOf(turn) {
    if (!this.#spoken.has(turn)) {
      this.#spoken.set(turn, new SpokenText());
    }
    return this.#spoken.get(turn);
  }

  #change(id, make) {
    const lines = this.lines.value;
    let at = lines.length - 1;
    while (at >= 0 && lines[at].id !== id) at -= 1;
    const line = at < 0 ? undefined : make(lines[at]);
    if (!line || line === lines[at]) return;
    const changed = lines.slice();
    changed[at] = line;
    this.lines.value = changed;
  }
}

/** @type {Omit<Line, "id">} */
const EMPTY = {
  who: "note", turn: 0, text: "", interim: "", heard: null, cut: false, language: "", finished: false, at: 0,
};

function keyOf(who, turn, kind = "") {
  return `${turn} ${who} ${kind}`;
}

/**
 * Says before which lines a new one belongs: before none, mostly.
 * @param {Line} line
 * @returns {(line: Line) => boolean}
 */
function precedes({ who, kind, turn }) {
  // What was said comes before its answer, even where the transcript comes late.
  if (who === "user") return (line) => turn > 0 && line.who === "model" && line.turn >= turn;
  // And an answer is cut before what is said next.
  if (kind === "interrupted") return (line) => line.turn > turn;
  return () => false;
}
