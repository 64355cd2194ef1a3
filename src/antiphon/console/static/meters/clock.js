// How far the server's clock is from this browser's, by asking for it and timing the answer.

/**
 * @typedef {{ sent: number, received: number, clock: number }} Sample
 * `sent` and `received` in ms of performance.now(), `clock` in seconds of the server's clock
 * @typedef {{ offset: number, rtt: number }} Estimate
 * `offset`: ms to add to the server's seconds * 1000; it is right within half of `rtt`, ms
 */

/**
 * The estimate of the sample with the least round trip: it has the least room for error.
 * @param {Sample[]} samples
 * @returns {Estimate | null} null without samples
 */
export function bestEstimate(samples) {
  const estimates = samples.map(({ sent, received, clock }) => {
    return { offset: (sent + received) / 2 - clock * 1000, rtt: received - sent };
  });
  return estimates.reduce((best, each) => (best && best.rtt <= each.rtt ? best : each), null);
}

/** Samples that are taken at once, and the milliseconds between them and, after that, between later ones. */
const FIRST = 5;
const PAUSE = 150;
const LATER = 30_000;
/** Samples that are kept: clocks drift apart, and old samples would keep that from being seen. */
const KEPT = 12;

/** Asks the server for its clock, a few times at once and then now and again. */
export class ServerClock {
  #samples = [];
  #timer = 0;
  /** Which row of questions goes on: a pause or a reset begins another. */
  #row = 0;
  #url;
  #tell;

  /**
   * @param {URL} url
   * @param {(estimate: Estimate) => void} tell is called whenever there may be a better one
   */
  constructor(url, tell) {
    this.#url = url;
    this.#tell = tell;
    this.#ask(this.#row, 1);
  }

  /** Begin anew: it may be another server, or another clock. */
  reset() {
    this.pause();
    this.#samples = [];
    this.#ask(this.#row, 1);
  }

  /** Ask no more until {@link reset}. */
  pause() {
    this.#row += 1;
    clearTimeout(this.#timer);
  }

  async #ask(row, asked) {
    try {
      const sent = performance.now();
      const response = await fetch(this.#url, { cache: "no-store" });
      const received = performance.now();
      const { clock } = response.ok ? await response.json() : {};
      if (clock !== undefined && row === this.#row) this.#take({ sent, received, clock });
    } catch {
      // The stream of events tells that the server is gone; here is nothing to add.
    }
    if (row !== this.#row) return;
    this.#timer = setTimeout(() => this.#ask(row, asked + 1), asked < FIRST ? PAUSE : LATER);
  }

  #take(sample) {
    this.#samples = [...this.#samples, sample].slice(-KEPT);
    this.#tell(bestEstimate(this.#samples));
  }
}
