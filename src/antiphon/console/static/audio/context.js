// What microphone and speaker share: a context that keeps running, and its clock.
import { signal } from "../vendor/preact.js";

/** For so long the closest match of both clocks is believed, in ms: then drift would show. */
const MEMORY = 10_000;

/**
 * Tells when, by `performance.now()`, something happened on the clock of an audio context.
 *
 * Messages from the audio thread come late by chance and never early, so the quickest of the last seconds is right.
 */
export class ContextClock {
  #slots = [];

  /**
   * @param {number} time What the context's clock showed, in seconds.
   * @param {number} now When the message arrived, in ms.
   */
  observe(time, now) {
    const offset = now - time * 1000;
    const slot = Math.floor(now / 1000);
    const last = this.#slots.at(-1);
    if (last?.slot === slot) last.offset = Math.min(last.offset, offset);
    else this.#slots.push({ slot, offset });
    while (this.#slots[0].slot < slot - MEMORY / 1000) this.#slots.shift();
  }

  /** The `performance.now()` of a moment of the context, both in their own unit. */
  at(time) {
    return time * 1000 + Math.min(...this.#slots.map((slot) => slot.offset));
  }

  /** Forgets all: the context stood still meanwhile. */
  reset() {
    this.#slots = [];
  }
}

/**
 * Wakes a context that the system put to sleep: iOS sets it to `interrupted` after a call or a screen lock, browsers to
 * `suspended` without a tap. Tried when the state changes, when the page is seen again and at every tap or key.
 *
 * @param {AudioContext} context
 * @returns {{ asleep: import("../vendor/preact.js").Signal<boolean>, stop: () => void }}
 */
export function keepAwake(context) {
  const asleep = signal(context.state !== "running");
  const wake = () => {
    asleep.value = context.state !== "running";
    // A refusal is no news: the next tap tries again, and `asleep` says so.
    if (asleep.value && context.state !== "closed" && !document.hidden) context.resume().catch(() => {});
  };
  /** @type {[EventTarget, string][]} */
  const places = [
    [context, "statechange"],
    [document, "visibilitychange"],
    [document, "pointerdown"],
    [document, "keydown"],
  ];
  for (const [target, name] of places) target.addEventListener(name, wake);
  wake();
  const stop = () => places.forEach(([target, name]) => target.removeEventListener(name, wake));
  return { asleep, stop };
}

/**
 * Loads a worklet beside this module into a context.
 *
 * @param {AudioContext} context
 * @param {string} name The file's name.
 */
export async function loadWorklet(context, name) {
  if (!context.audioWorklet) throw new DOMException("AudioWorklet is missing", "NotSupportedError");
  await context.audioWorklet.addModule(new URL(name, import.meta.url));
}
