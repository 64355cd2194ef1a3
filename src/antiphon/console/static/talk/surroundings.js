import { effect, signal } from "../vendor/preact.js";

/** Milliseconds out of sight from which on the user is told. */
const WORTH_TELLING = 10_000;

/** What is around a call: the network, whether the page is in sight, and a screen that stays on. */
export class Surroundings {
  online = signal(navigator.onLine);
  /** Signal: what happened while nobody looked; "" for nothing. */
  notice = signal("");
  #hidden = 0;
  #lock = null;

  /** @param {import("../vendor/preact.js").Signal<boolean>} calling whether a call is open */
  constructor(calling) {
    this.calling = calling;
    addEventListener("online", () => (this.online.value = true));
    addEventListener("offline", () => (this.online.value = false));
    addEventListener("beforeunload", (event) => calling.peek() && event.preventDefault());
    document.addEventListener("visibilitychange", () => this.#seen());
    effect(() => {
      if (calling.value) this.#keepOn();
      else this.#letGo();
    });
  }

  #seen() {
    if (document.hidden) {
      this.#hidden = performance.now();
      return;
    }
    if (!this.calling.peek()) return;
    this.#keepOn();
    const gone = performance.now() - this.#hidden;
    if (gone < WORTH_TELLING) return;
    this.notice.value = `This tab was out of sight for ${Math.round(gone / 1000)} s. The call went on meanwhile.`;
  }

  /** Browsers let go of the lock whenever the page is hidden. */
  async #keepOn() {
    try {
      this.#lock = (await navigator.wakeLock?.request("screen")) ?? null;
      if (!this.calling.peek()) this.#letGo();
    } catch {
      // Low battery, or no right to: the screen may go dark.
    }
  }

  #letGo() {
    this.#lock?.release().catch(() => {});
    this.#lock = null;
  }
}
