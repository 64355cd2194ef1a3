// Where each row is, of which only those in sight are drawn. Opened rows are higher, all by the same.

const BEYOND = 8; // rows drawn above and below what is in sight

export class Layout {
  /**
   * @param {number} rows @param {number[]} opened indices, ascending
   * @param {{ row: number, detail: number }} heights pixels
   */
  constructor(rows, opened, { row, detail }) {
    this.rows = rows;
    this.#opened = opened;
    this.#row = row;
    this.#detail = detail;
  }

  #opened;
  #row;
  #detail;

  get height() {
    return this.top(this.rows);
  }

  /** @param {number} index @returns {number} pixels above this row */
  top(index) {
    let before = 0;
    while (before < this.#opened.length && this.#opened[before] < index) before += 1;
    return index * this.#row + before * this.#detail;
  }

  /** @param {number} y pixels @returns {number} the row there */
  at(y) {
    let low = 0;
    let high = Math.max(0, this.rows - 1);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.top(middle) <= y) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** @returns {[number, number]} the rows to draw, the second exclusive */
  window(scrolled, visible) {
    return [Math.max(0, this.at(scrolled) - BEYOND), Math.min(this.rows, this.at(scrolled + visible) + 1 + BEYOND)];
  }
}
