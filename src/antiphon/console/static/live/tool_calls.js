// The functions that the model called, and what became of each.

import { signal } from "../vendor/preact.js";

/**
 * @typedef {{ key: number, id: string, name: string, args: object, turn: number, at: number,
 *   state: "waiting"|"answered"|"cancelled"|"expired"|"failed", answered: number|null, response: object|null,
 *   blocking: boolean }} ToolCall times in milliseconds; `key` is
 *   unique here, while a server may use an id again once it went on from an earlier point; `failed`: the answer was `{ error }`
 */

export class ToolCalls {
  /** @type {import("../vendor/preact.js").Signal<ToolCall[]>} */
  calls = signal([]);
  #blocking = new Map();
  #usually = true;

  /** Learn from a setup which functions the model waits for. */
  declare(setup) {
    this.#usually = !/3\.8/.test(setup.model ?? "");
    this.#blocking.clear();
    for (const tool of setup.tools ?? []) {
      for (const each of tool.functionDeclarations ?? []) this.#blocking.set(each.name, each.behavior);
    }
  }

  /** @returns {number} the key of the call */
  called({ id, name, args }, turn, at) {
    const behavior = this.#blocking.get(name);
    const blocking = behavior ? behavior === "BLOCKING" : this.#usually;
    const key = this.calls.value.length + 1;
    /** @type {ToolCall} */
    const call = { key, id, name, args: args ?? {}, turn, at, state: "waiting", answered: null, response: null, blocking };
    this.calls.value = [...this.calls.value, call];
    return key;
  }

  /** @param {{ id: string, response: object, willContinue?: boolean }} answer */
  answered({ id, response, willContinue }, at) {
    const state = willContinue ? "waiting" : response && "error" in response ? "failed" : "answered";
    this.#change((call) => call.id === id && call.state === "waiting", { state, response, answered: at });
  }

  cancelled(ids, at) {
    const wanted = new Set(ids);
    this.#change((call) => wanted.has(call.id) && call.state === "waiting", { state: "cancelled", answered: at });
  }

  /**
   * Nobody waits for the answers of these any more.
   * @param {number} at @param {(call: ToolCall) => boolean} [these]
   */
  expire(at, these = () => true) {
    this.#change((call) => call.state === "waiting" && these(call), { state: "expired", answered: at });
  }

  /** The newest call with this id: a session that was resumed from an earlier point may use an id again. */
  find(id) {
    return this.calls.value.findLast((call) => call.id === id);
  }

  get waiting() {
    return this.calls.value.some((call) => call.state === "waiting");
  }

  #change(fits, changes) {
    if (!this.calls.value.some(fits)) return;
    this.calls.value = this.calls.value.map((call) => (fits(call) ? { ...call, ...changes } : call));
  }
}
