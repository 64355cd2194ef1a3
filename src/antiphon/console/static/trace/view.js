// Which part of a connection is seen, and how it is moved.

import { signal } from "../vendor/preact.js";

const LEAST_SECONDS = 0.25;

/** A window over a line of `total` seconds. */
export class View {
  /** `{ begins, span }`, in seconds. */
  window;
  total;

  /** @param {number} total seconds */
  constructor(total) {
    this.total = total;
    this.window = signal({ begins: 0, span: total });
  }

  /** Show `span` seconds from `begins` on, as far as there is so much. */
  show(begins, span) {
    const width = Math.min(this.total, Math.max(LEAST_SECONDS, span));
    const first = Math.min(Math.max(0, begins), this.total - width);
    const now = this.window.value;
    if (Math.abs(now.begins - first) < 1e-6 && Math.abs(now.span - width) < 1e-6) return;
    this.window.value = { begins: first, span: width };
  }

  /** See more or less around `around`, which stays where it is. @param {number} factor above 1 to see less */
  zoom(factor, around) {
    const { begins, span } = this.window.value;
    const width = Math.min(this.total, Math.max(LEAST_SECONDS, span / factor));
    const share = (Math.min(Math.max(around, begins), begins + span) - begins) / span;
    this.show(Math.min(Math.max(around, begins), begins + span) - share * width, width);
  }

  fit() {
    this.show(0, this.total);
  }

  /** Move as little as it takes to see a moment. @param {number} at seconds */
  reveal(at) {
    const { begins, span } = this.window.value;
    if (at < begins || at > begins + span) this.show(at - span / 10, span);
  }

  /** See all of a stretch, and a little around it, if it is not seen well. */
  frame(from, to) {
    const { begins, span } = this.window.value;
    const length = to - from;
    const isSeen = from >= begins && to <= begins + span;
    if (isSeen && (length === 0 || length > span / 40)) return;
    const wanted = Math.max(4 * LEAST_SECONDS, 1.6 * length);
    this.show(from - (wanted - length) / 2, isSeen || length > span ? wanted : Math.max(wanted, Math.min(span, 20 * wanted)));
  }
}
