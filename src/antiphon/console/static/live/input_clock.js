// When which sample of the user's sound was taken: servers count the input in samples, people in time.

const KEPT = 6000; // chunks: two minutes of 20 ms
const LOUD = 0.01; // RMS of speech, at the least

export class InputClock {
  /** When the last chunk that was no silence was taken, milliseconds; null before any. */
  lastLoud = null;
  #seconds = 0;
  #chunks = [];

  /** @param {number} seconds of a chunk, @param {number} at when its last sample was taken, @param {number} [rms] */
  add(seconds, at, rms = 0) {
    this.#seconds += seconds;
    this.#chunks.push({ end: this.#seconds, at });
    if (this.#chunks.length > KEPT) this.#chunks.splice(0, KEPT / 2);
    if (rms > LOUD) this.lastLoud = at;
  }

  /** @returns {number|null} when the sample at this offset of the input was taken; null where that is not known */
  at(seconds) {
    let chunk = null;
    for (let i = this.#chunks.length - 1; i >= 0 && this.#chunks[i].end >= seconds; i -= 1) chunk = this.#chunks[i];
    return chunk && chunk.at - (chunk.end - seconds) * 1000;
  }

  /** A new connection counts from nothing. */
  restart() {
    this.#seconds = 0;
    this.#chunks = [];
  }
}

/** @param {string|undefined} duration such as "1.5s" @returns {number|null} seconds */
export function secondsOf(duration) {
  const seconds = Number.parseFloat(duration ?? "");
  return Number.isFinite(seconds) ? seconds : null;
}
