import { computed } from "../vendor/preact.js";
import { preference } from "../lib/preferences.js";

/** What one key does. `held` ones last as long as the key is down. */
export const ACTIONS = [
  { name: "talk", title: "Push to talk, while held", key: " ", held: true },
  { name: "mute", title: "Mute or open the microphone", key: "m" },
  { name: "sound", title: "Mute or open the loudspeaker", key: "l" },
  { name: "type", title: "Go to the text box", key: "t" },
  { name: "help", title: "Show this help", key: "?" },
];

const FIELDS = "input, textarea, select, [contenteditable], dialog";
const OWN_SPACE = "button, a[href], summary, [role=tab]";

/** Single keys that act wherever no field has the focus. They can be changed and switched off (WCAG 2.1.4). */
export class Keys {
  on = preference("keys.on", true);
  #chosen = preference("keys.chosen", {});
  /** Signal: the key of each action, by its name; "" for none. */
  bound = computed(() =>
    Object.fromEntries(ACTIONS.map(({ name, key }) => [name, this.#chosen.value[name] ?? key])),
  );
  #acts;
  #held = null;

  /** @param {Record<string, (down: boolean) => void>} acts by the names of {@link ACTIONS}, and `stop` for Escape */
  constructor(acts) {
    this.#acts = acts;
  }

  /**
   * Give an action another key, or none ("").
   * @returns {string} what is wrong with it; "" if nothing is
   */
  bind(name, key) {
    const other = ACTIONS.find((each) => key && each.name !== name && this.bound.value[each.name] === key);
    if (other) return `${label(key)} is taken by “${other.title}”: choose another key, or change that one first.`;
    this.#chosen.value = { ...this.#chosen.value, [name]: key };
    return "";
  }

  reset() {
    this.#chosen.value = {};
  }

  /** Listen to a document. @returns {() => void} stops */
  listen(target = document) {
    const stop = new AbortController();
    const options = { signal: stop.signal };
    target.addEventListener("keydown", (event) => this.#down(event), options);
    target.addEventListener("keyup", (event) => this.#up(event), options);
    addEventListener("blur", () => this.#release(), options);
    return () => stop.abort();
  }

  #down(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Escape") {
      if (!event.target.closest("dialog")) this.#acts.stop(true);
      return;
    }
    const action = this.#actionOf(event);
    if (!action) return;
    event.preventDefault();
    if (event.repeat) return;
    if (action.held) this.#held = { name: action.name, code: event.code };
    this.#acts[action.name](true);
  }

  #actionOf(event) {
    if (!this.on.value || event.target.closest(FIELDS)) return undefined;
    if (event.key === " " && event.target.closest(OWN_SPACE)) return undefined;
    const key = event.key.toLowerCase();
    return ACTIONS.find(({ name }) => this.bound.value[name] === key);
  }

  #up(event) {
    if (this.#held?.code === event.code) {
      event.preventDefault();
      this.#release();
    }
  }

  /** A key that goes up in another window never tells this one. */
  #release() {
    const held = this.#held;
    this.#held = null;
    if (held) this.#acts[held.name](false);
  }
}

/** How a key is called. @param {string} key as in `KeyboardEvent.key`, lower case */
export function label(key) {
  if (key === "") return "none";
  return key === " " ? "Space" : key.length === 1 ? key.toUpperCase() : key;
}
