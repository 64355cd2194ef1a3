// Which words of an answer were heard: text and sound arrive side by side, and neither names the other.

const WITHOUT_SPACES = /[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]/;

/**
 * The text of one answer and the sound that had come when each piece of it came. A piece belongs to the sound since
 * the piece before; pieces that come ahead of all sound share what follows.
 */
export class SpokenText {
  /** Seconds of sound that came. */
  seconds = 0;
  text = "";
  /** @type {{ id: number, start: number, end: number }[]} which line shows which characters of the text */
  parts = [];
  #marks = [];

  addSound(seconds) {
    this.seconds += seconds;
  }

  addText(piece) {
    this.text += piece;
    this.#marks.push({ chars: this.text.length, seconds: this.seconds });
  }

  /**
   * @param {number} seconds of this answer's sound that were heard
   * @returns {number} characters of the text, cut at a word
   */
  heard(seconds) {
    if (!this.seconds) return this.text.length;
    if (seconds <= 0) return 0;
    if (seconds >= this.seconds - 0.001) return this.text.length;
    let from = { chars: 0, seconds: 0 };
    for (const to of this.#anchors()) {
      if (seconds < to.seconds) return this.#atWord(from, to, seconds);
      from = to;
    }
    return this.text.length;
  }

  #anchors() {
    const anchors = new Map();
    for (const mark of this.#marks) if (mark.seconds > 0) anchors.set(mark.seconds, mark);
    const last = [...anchors.values()].at(-1);
    // Text that came before any sound ends where the sound ends.
    if (!last) return [{ chars: this.text.length, seconds: this.seconds }];
    return [...anchors.values()];
  }

  #atWord(from, to, seconds) {
    const part = (seconds - from.seconds) / (to.seconds - from.seconds);
    const chars = from.chars + Math.floor(part * (to.chars - from.chars));
    if (WITHOUT_SPACES.test(this.text.slice(from.chars, to.chars))) return chars;
    const space = this.text.slice(from.chars, chars).search(/\s\S*$/);
    return space < 0 ? from.chars : from.chars + space + 1;
  }
}
