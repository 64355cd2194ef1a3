// What a lost connection is given: time between tries, and room for what the user does meanwhile.

const FIRST = 250;
const LONGEST = 5000;
const PATIENCE = 120_000;
const STEADY = 5000;
const KEPT_SECONDS = 5;

/** How long to wait before the next try: 0.25 s, doubling to 5 s, for two minutes. */
export class Backoff {
  #next = FIRST;
  #since = null;
  #opened = null;

  /** @param {number} now @returns {number|null} milliseconds to wait; null: it was tried long enough */
  lost(now) {
    // A connection that did not last is no success: a server that falls over at every try is not asked for ever.
    if (this.#opened !== null && now - this.#opened >= STEADY) this.reset();
    this.#opened = null;
    this.#since ??= now;
    if (now - this.#since >= PATIENCE) return null;
    const wait = this.#next;
    this.#next = Math.min(LONGEST, this.#next * 2);
    return wait;
  }

  opened(now) {
    this.#opened = now;
  }

  reset() {
    this.#next = FIRST;
    this.#since = this.#opened = null;
  }
}

/** What waits for a connection: all that was typed or marked, the newest seconds of sound, the newest picture. */
export class Outbox {
  /** Seconds of sound that were let go. */
  droppedSeconds = 0;
  #items = [];
  #seconds = 0;

  /** @param {object} message @param {{ seconds?: number, at?: number, rms?: number, frame?: boolean }} hints */
  add(message, hints = {}) {
    if (hints.frame) this.#items = this.#items.filter((item) => !item.hints.frame);
    this.#items.push({ message, hints });
    this.#seconds += hints.seconds ?? 0;
    while (this.#seconds > KEPT_SECONDS + 1e-6) this.#drop();
  }

  /** What was typed, in order. @returns {string[]} */
  get texts() {
    return this.#items.map(({ message }) => typed(message)).filter((text) => text.trim());
  }

  /** Keep only what was typed: nobody likes to type it twice. */
  keepTexts() {
    this.#items = this.#items.filter(({ message }) => typed(message).trim());
    this.#seconds = 0;
  }

  /** @returns {{ message: object, hints: object }[]} all of it, in order; then it is empty */
  take() {
    const items = this.#items;
    this.#items = [];
    this.#seconds = 0;
    return items;
  }

  #drop() {
    const oldest = this.#items.findIndex((item) => item.hints.seconds);
    const [{ hints }] = this.#items.splice(oldest, 1);
    this.#seconds -= hints.seconds;
    this.droppedSeconds += hints.seconds;
  }
}

function typed({ realtimeInput, clientContent }) {
  if (typeof realtimeInput?.text === "string") return realtimeInput.text;
  const parts = (clientContent?.turns ?? []).flatMap((turn) => turn.parts ?? []);
  return parts.map((part) => part.text ?? "").join("");
}
