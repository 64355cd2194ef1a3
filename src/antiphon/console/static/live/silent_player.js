// A loudspeaker that is not there: sound passes at its own pace, unheard. For typing and reading, and for replays.

const RATE = 24_000;

export class SilentPlayer {
  /** @type {(news: { turn: number, at: number }) => void} as those of {@link Player} */
  onFirst = () => {};
  /** @type {(news: { turn: number, at: number }) => void} */
  onDrained = () => {};
  onCut = () => {};
  #now;
  #queue = [];
  #timer = null;

  /** @param {() => number} now milliseconds */
  constructor(now = () => performance.now()) {
    this.#now = now;
  }

  /** @param {Int16Array} pcm @param {number} turn */
  enqueue(pcm, turn) {
    const last = this.#queue.at(-1);
    const starts = Math.max(this.#now(), last ? last.ends : 0);
    const seconds = pcm.length / RATE;
    if (last?.turn === turn && starts === last.ends) last.ends += seconds * 1000;
    else this.#begin({ turn, starts, ends: starts + seconds * 1000, before: this.heard(turn) });
    this.#wait();
  }

  flush() {
    const now = this.#now();
    const left = this.#queue.filter((each) => each.ends > now);
    const turn = left[0]?.turn ?? this.#queue.at(-1)?.turn ?? 0;
    const heardSeconds = this.heard(turn);
    const droppedSeconds = left.reduce((sum, each) => sum + (each.ends - Math.max(now, each.starts)) / 1000, 0);
    for (const each of left) each.ends = Math.max(each.starts, now);
    clearTimeout(this.#timer);
    this.#timer = null;
    return { turn, heardSeconds, droppedSeconds };
  }

  /** @returns {number} seconds of a turn that have passed */
  heard(turn) {
    const now = this.#now();
    return this.#queue
      .filter((each) => each.turn === turn)
      .reduce((sum, each) => sum + Math.max(0, Math.min(now, each.ends) - each.starts) / 1000, 0);
  }

  close() {
    clearTimeout(this.#timer);
  }

  #begin(stretch) {
    this.#queue.push(stretch);
    if (stretch.before === 0) this.onFirst({ turn: stretch.turn, at: stretch.starts });
  }

  #wait() {
    clearTimeout(this.#timer);
    const { turn, ends } = this.#queue.at(-1);
    this.#timer = setTimeout(() => this.onDrained({ turn, at: ends }), Math.max(0, ends - this.#now()));
  }
}
