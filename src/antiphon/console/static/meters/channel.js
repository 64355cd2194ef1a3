// What the server tells of a call beside the conversation: its timeline, its costs, its context.

import { computed, signal } from "../vendor/preact.js";
import { API } from "../lib/server.js";
import { ServerClock } from "./clock.js";
import { together } from "./cost.js";

/** Milliseconds between two attempts to find a session that is not there, and how many there are. */
const AGAIN = 1500;
const ATTEMPTS = 3;

/**
 * An entry of a timeline as the server writes it, with `connection`, the number of the call that it is of, and
 * `index` within that. Its times are seconds since the call began; {@link Channel#at} makes them those of this browser.
 * @typedef {{ connection: number, index: number, kind: string, at: number, [field: string]: any }} Entry
 */

/** The channel of one session. It goes on when the session does so in another call; close() it in the end. */
export class Channel {
  #connections = signal([]);
  /** Who the call is of, and when it began; null until the server told. */
  hello = signal(null);
  /** What the session costs, with the calls that it went on from. */
  money = computed(() => together(this.#connections.value.map((each) => each.money).filter(Boolean)));
  context = signal(null);
  /** What the call does: `{ doing, engine }`. */
  status = signal(null);
  /** How the call ended: `{ code, reason }`; null while it runs. */
  ended = signal(null);
  /**
   * lost: tries again; gone: there is no such session, or not any more
   * @type {import("../vendor/preact.js").Signal<"connecting"|"open"|"lost"|"gone">}
   */
  state = signal("connecting");
  /** Milliseconds to add to seconds of the server's clock * 1000 to get performance.now(); null until it is known. */
  offset = signal(null);
  /** Milliseconds: the offset is right within half of it. */
  rtt = signal(null);
  /** Every entry of the session, call by call. */
  entries = computed(() => this.#connections.value.flatMap((each) => each.entries));
  #clock;
  #source = null;
  #timer = 0;
  #attempts = 0;
  #closed = false;

  /** @param {string} sessionId */
  constructor(sessionId) {
    this.session = sessionId;
    this.#clock = new ServerClock(new URL("clock", API), ({ offset, rtt }) => this.#offsetIs(offset, rtt));
    this.#open();
  }

  /** Listen again if it ended: the session may go on. */
  follow() {
    if (this.#closed || this.#source) return;
    this.#attempts = 0;
    this.#clock.reset();
    this.#open();
  }

  /**
   * A moment of an entry in this browser's time.
   * @param {Entry} entry
   * @param {number | undefined | null} seconds since its call began
   * @returns {number | null} ms of performance.now(); null if there is no such moment, or the offset is not known
   */
  at(entry, seconds) {
    const { clock, offset } = this.#connections.value[entry.connection] ?? {};
    return seconds == null || offset == null ? null : (clock + seconds) * 1000 + offset;
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#gone();
  }

  #open() {
    clearTimeout(this.#timer);
    this.#attempts += 1;
    const source = new EventSource(new URL(`sessions/${encodeURIComponent(this.session)}/events?follow=1`, API));
    this.#source = source;
    const on = (name, take) => {
      source.addEventListener(name, ({ data }) => source === this.#source && take(JSON.parse(data)));
    };
    on("hello", (hello) => this.#begun(hello));
    on("entry", (entry) => this.#take(entry));
    on("money", (money) => this.#amend({ money }));
    on("context", (context) => (this.context.value = context));
    on("status", (status) => (this.status.value = status));
    // It may go on in another call, after a change of connection: then there is another hello.
    on("end", (end) => (this.ended.value = end));
    on("over", () => this.#gone());
    source.onerror = () => source === this.#source && this.#failed(source);
  }

  #begun(hello) {
    this.#attempts = 0;
    const known = this.#connections.value;
    const last = known.at(-1);
    const again = last?.clock === hello.clock && last.began === hello.began;
    const connection = { clock: hello.clock, began: hello.began, offset: this.offset.value, entries: [], money: null };
    // After a pause of the network everything is told anew.
    this.#connections.value = again ? [...known.slice(0, -1), connection] : [...known, connection];
    if (known.length) this.#clock.reset();
    this.hello.value = hello;
    this.ended.value = null;
    this.state.value = "open";
  }

  #take(entry) {
    const connection = this.#connections.value.length - 1;
    const current = this.#connections.value[connection];
    if (!current) return;
    const entries = [...current.entries];
    entries[entry.index] = { ...entry, connection };
    this.#amend({ entries });
  }

  /** Something of the latest call changed. */
  #amend(changes) {
    const known = this.#connections.value;
    if (known.length) this.#connections.value = known.with(-1, { ...known.at(-1), ...changes });
  }

  #failed(source) {
    if (source.readyState !== EventSource.CLOSED) {
      this.state.value = "lost";
      return;
    }
    this.#forget();
    if (this.#attempts < ATTEMPTS) this.#later();
    else this.#gone();
  }

  #gone() {
    this.#clock.pause();
    this.#forget();
    this.state.value = "gone";
  }

  #later() {
    clearTimeout(this.#timer);
    if (!this.#closed) this.#timer = setTimeout(() => !this.#source && this.#open(), AGAIN);
  }

  #forget() {
    this.#source?.close();
    this.#source = null;
  }

  #offsetIs(offset, rtt) {
    this.offset.value = offset;
    this.rtt.value = rtt;
    this.#amend({ offset });
  }
}
