// Who asked when, and when the answer came: one turn is what the user did, and what the model did about it.
//
// A turn is open until the server says that it is complete. It is *asked* while the user may still add to it, and
// *answered* from the first thing of the model's. The user may ask turn 5 while the model answers turn 4.

import { signal } from "../vendor/preact.js";

/**
 * Times are milliseconds of `performance.now()`, null where something has not happened.
 * @typedef {{ number: number, began: number|null, requested: number|null, decided: number|null,
 *   firstFrame: number|null, firstHeard: number|null, generated: number|null, interrupted: number|null,
 *   stopped: number|null, silent: number|null, complete: number|null, usage: object|null,
 *   droppedSeconds: number, audioSeconds: number, status: string, reason: string }} Turn
 * `began`: the user began to speak; `decided`: the server said that they ended; `stopped`: silenced here.
 */

export class Turns {
  /** @type {import("../vendor/preact.js").Signal<Turn[]>} */
  turns = signal([]);
  /** Number of the turn that the user adds to; 0: none. */
  asking = 0;
  /** Number of the turn that the model answers; 0: none. */
  answering = 0;

  get(number) {
    return this.turns.value.find((turn) => turn.number === number);
  }

  set(number, changes) {
    if (!this.get(number)) return;
    this.turns.value = this.turns.value.map((turn) => (turn.number === number ? { ...turn, ...changes } : turn));
  }

  /** The user begins to speak, or sends text. @returns {number} the turn */
  begin(at) {
    const turn = this.get(this.asking);
    if (!turn || turn.requested !== null || this.#settled(turn)) this.#open(at);
    else if (turn.began === null) this.set(turn.number, { began: at });
    return this.asking;
  }

  /** Words of the user came; they belong to the turn that is asked, or was just asked. @returns {number} */
  hears(at) {
    const turn = this.get(this.asking);
    if (!turn || turn.complete !== null || turn.interrupted !== null) this.#open(at);
    return this.asking;
  }

  /** The user has asked: their speech ended `at`, or their text was sent. */
  request(at, decided = null) {
    const turn = this.get(this.asking);
    if (turn && !this.#settled(turn)) this.set(turn.number, { requested: at, decided });
  }

  /**
   * Something of the model's came.
   * @param {number | null} lastLoud when the user was last heard: that ends a speech whose end nobody told
   * @returns {number} the turn that it answers
   */
  answer(lastLoud = null) {
    if (this.answering) return this.answering;
    const asked = this.#unanswered().at(-1);
    const asking = this.get(this.asking);
    if (asked) this.answering = asked.number;
    else if (asking && !this.#settled(asking)) this.set((this.answering = asking.number), { requested: lastLoud });
    else this.answering = this.#open(null);
    return this.answering;
  }

  /** The turn that an end without any answer belongs to: the oldest that waits. */
  ending() {
    return this.answering || (this.#unanswered()[0]?.number ?? 0);
  }

  /** The server ended a turn. */
  complete(number, changes) {
    // What was asked before, and taken together with this, is over as well.
    const at = changes.complete;
    this.turns.value = this.turns.value.map((turn) => {
      if (turn.number === number) return { ...turn, ...changes };
      return turn.number < number && turn.complete === null ? { ...turn, complete: at } : turn;
    });
    if (number >= this.answering) this.answering = 0;
  }

  /** The connection is gone: nothing that is open will be answered. */
  lose(at) {
    this.turns.value = this.turns.value.map((turn) => (turn.complete === null ? { ...turn, complete: at } : turn));
    this.answering = this.asking = 0;
  }

  #settled(turn) {
    return turn.complete !== null || turn.interrupted !== null || turn.number === this.answering;
  }

  #unanswered() {
    return this.turns.value.filter((turn) => turn.requested !== null && turn.complete === null);
  }

  #open(began) {
    const number = (this.turns.value.at(-1)?.number ?? 0) + 1;
    this.turns.value = [...this.turns.value, { ...EMPTY, number, began }];
    this.asking = number;
    return number;
  }
}

const EMPTY = {
  began: null, requested: null, decided: null, firstFrame: null, firstHeard: null, generated: null,
  interrupted: null, stopped: null, silent: null, complete: null, usage: null, droppedSeconds: 0, audioSeconds: 0,
  status: "", reason: "",
};
