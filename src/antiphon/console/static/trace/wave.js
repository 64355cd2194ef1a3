// How loud a track is, in parts as fine as what is seen of it.

import { signal } from "../vendor/preact.js";

const COARSE = 2000;
const PATIENCE_MS = 150;

/** The peaks of one track: all of it coarsely at first, and what is looked at finely. */
export class Wave {
  /** @type {import("../vendor/preact.js").Signal} `{ begins, step, peaks }`, in seconds and 0 to 1 */
  peaks = signal(null);

  #url;
  #seconds;
  #coarse = null;
  #waiting = 0;
  #asked = 0;

  /** @param {string} url of the peaks @param {number} seconds the length of the track */
  constructor(url, seconds) {
    this.#url = url;
    this.#seconds = seconds;
    this.#load({ points: COARSE }, true);
  }

  /** Somebody looks at `span` seconds from `begins` on, in `width` pixels. */
  look(begins, span, width) {
    clearTimeout(this.#waiting);
    const coarse = this.#coarse;
    if (!coarse) return;
    const from = Math.max(0, begins - span / 2);
    const to = Math.min(this.#seconds, begins + 1.5 * span);
    if (coarse.step <= 1.5 * span / Math.max(1, width) || to <= from) {
      this.peaks.value = coarse;
      return;
    }
    if (!covers(this.peaks.value, begins, Math.min(begins + span, this.#seconds), span / width)) this.peaks.value = coarse;
    this.#waiting = setTimeout(() => this.#load({ points: Math.min(8000, Math.round(2 * width)), from, to }), PATIENCE_MS);
  }

  async #load(query, isCoarse = false) {
    const asked = ++this.#asked;
    try {
      const answer = await fetch(`${this.#url}?${new URLSearchParams(query)}`, { headers: { accept: "application/json" } });
      if (!answer.ok) return;
      const peaks = await answer.json();
      if (isCoarse) this.#coarse = peaks;
      if (asked === this.#asked) this.peaks.value = peaks;
    } catch {
      // Without a picture of the sound the blocks of the timeline are still there.
    }
  }
}

function covers(peaks, from, to, step) {
  return peaks && peaks.begins <= from && peaks.begins + peaks.step * peaks.peaks.length >= to - peaks.step && peaks.step <= 2 * step;
}

/**
 * The outline of what is seen, as an SVG path around `middle`.
 * @param {{ begins: number, step: number, peaks: number[] } | null} peaks
 */
export function outline(peaks, { begins, span }, width, middle, height) {
  if (!peaks || !peaks.peaks.length) return "";
  const above = [];
  const below = [];
  const pixel = span / width;
  const first = Math.max(0, Math.floor((peaks.begins - begins) / pixel));
  const last = Math.min(width, Math.ceil((peaks.begins + peaks.step * peaks.peaks.length - begins) / pixel));
  for (let x = first; x < last; x++) {
    const from = Math.floor((begins + x * pixel - peaks.begins) / peaks.step);
    const to = Math.max(from + 1, Math.ceil((begins + (x + 1) * pixel - peaks.begins) / peaks.step));
    let loud = 0;
    for (let each = Math.max(0, from); each < to && each < peaks.peaks.length; each++) loud = Math.max(loud, peaks.peaks[each]);
    // Quiet speech is to be seen too: the root of loudness, not loudness.
    const reach = Math.max(0.5, Math.sqrt(loud) * height / 2);
    above.push(`${x} ${(middle - reach).toFixed(1)}`);
    below.push(`${x} ${(middle + reach).toFixed(1)}`);
  }
  return above.length ? `M${above.join("L")}L${below.reverse().join("L")}Z` : "";
}
