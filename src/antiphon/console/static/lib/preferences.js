import { effect, signal } from "../vendor/preact.js";

const PREFIX = "antiphon.";

/**
 * A signal that this browser remembers between visits. Without storage (private windows) it lasts as long as the page.
 * @template T
 * @param {string} name
 * @param {T} initial
 * @returns {import("../vendor/preact.js").Signal<T>}
 */
export function preference(name, initial) {
  const kept = signal(read(name, initial));
  effect(() => write(name, kept.value));
  return kept;
}

function read(name, initial) {
  try {
    const text = localStorage.getItem(PREFIX + name);
    const value = text === null ? initial : JSON.parse(text);
    return typeof value === typeof initial ? value : initial;
  } catch {
    return initial;
  }
}

function write(name, value) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // Nothing is lost but comfort.
  }
}
