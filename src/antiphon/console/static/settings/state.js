/** The settings of one conversation: a setup of the Live API, what each of its fields means, and what the server says. */

import { computed, effect, signal, untracked } from "../vendor/preact.js";
import { ask } from "../lib/server.js";
import { get, put, same } from "./paths.js";
import { DEFAULT_SETUP, FIRST_MODEL, Presets } from "./presets.js";
import { BrokenLink, decode, encode, holdsSettings } from "./share.js";

const PAUSE = 250; // ms without a change before the server is asked

/**
 * @typedef {{ value: any, label: string, state: State, why: string }} Option
 * @typedef {"supported" | "ignored" | "refused"} State what the server does with a field
 * @typedef {{ path: string, kind: string, label: string, help: string, group: string, options: Option[],
 *   default: string, unit: string, minimum: number | null, maximum: number | null, listed: boolean, secret: boolean,
 *   state: State, why: string }} Field
 * @typedef {{ ok: boolean, refused: null | { field: string, reason: string, remedy: string },
 *   ignored: { field: string, why: string }[], notes: string[],
 *   changed: { path: string, label: string, value: any, default: string }[] }} Verdicts
 */

/** Settings, all of them in signals. Call {@link Settings#dispose} when they are of no use any more. */
export class Settings {
  #presence = new Set();
  #ends = [];
  #asked = 0;

  /** @param {object} [setup] what follows `setup` in the first message; without a model it gets the first one */
  constructor(setup = DEFAULT_SETUP, { presets = new Presets(), watch = true } = {}) {
    this.presets = presets;
    /** signal: the setup, to be sent as it is. Change it with {@link set}, {@link reset} and {@link replace}. */
    this.setup = signal(/** @type {Record<string, any>} */ ({ model: FIRST_MODEL, ...setup }));
    /** signal: the name of the model, with `models/` */
    this.model = computed(() => String(this.setup.value.model ?? ""));
    /** signal: `Field[]`, as the model and the engine of this server have them; empty until they came */
    this.fields = signal([]);
    /** signal: names of groups, in order */
    this.groups = signal([]);
    /** signal: what is known of the model, null until it came */
    this.facts = signal(null);
    /** signal: models to choose from */
    this.models = signal([]);
    /** signal: `Verdicts` on the setup as it is, null while nobody was asked */
    this.verdicts = signal(null);
    /** signal: why the server could not be asked; empty when it could */
    this.problem = signal("");
    /** signal: what happened to a link that was opened; empty when there was none */
    this.notice = signal("");
    if (watch) this.#watch();
  }

  /**
   * The settings that a link holds; those of a fresh page where it holds none. A link that cannot be opened is told in
   * `notice`.
   * @param {string} hash `location.hash`
   * @returns {Promise<Settings>}
   */
  static async fromLink(hash, options = {}) {
    const settings = new Settings(DEFAULT_SETUP, options);
    await settings.open(hash);
    // Another link in the address bar of the same page loads nothing anew.
    const another = () => settings.open(location.hash);
    addEventListener("hashchange", another);
    settings.#ends.push(() => removeEventListener("hashchange", another));
    return settings;
  }

  /**
   * Take the settings of a link, if it holds any; one that cannot be opened changes nothing and is told in `notice`.
   * @param {string} hash
   */
  async open(hash) {
    if (!holdsSettings(hash)) return;
    try {
      this.setup.value = { model: FIRST_MODEL, ...(await decode(hash)) };
      this.notice.value =
        "These settings come from a link, which holds no keys, handles or headers. Look at them before you connect.";
    } catch (error) {
      if (!(error instanceof BrokenLink)) throw error;
      this.notice.value = `The link could not be opened: ${error.message}. The settings are as they were.`;
    }
  }

  /** @returns {Promise<string>} what follows `#` in an address that has these settings, without secrets */
  toLink() {
    return encode(this.setup.value);
  }

  /** What the setup has at a path; `undefined` where it has nothing. */
  get(path) {
    return get(this.setup.value, path);
  }

  /** Set a field; `undefined` is {@link reset}. */
  set(path, value) {
    this.setup.value = put(this.setup.value, path, value, this.#presence);
  }

  /** Leave a field out, so that the default holds. */
  reset(path) {
    if (path === "model") this.set(path, FIRST_MODEL);
    else this.set(path, undefined);
  }

  /** @returns {boolean} whether the setup says anything about a field */
  isSet(path) {
    return path === "model" || this.get(path) !== undefined;
  }

  /** Take another setup; it keeps the model where it names none. */
  replace(setup) {
    this.setup.value = { model: this.model.value, ...setup };
  }

  /** @returns {{ state: State, why: string } | null} what the server does with a field as it is set now */
  verdict(path) {
    const verdicts = this.verdicts.value;
    if (!verdicts) return null;
    const where = `setup.${path}`.replaceAll("[]", "");
    const about = ({ field }) => touches(field.replace(/\[\d+\]/g, ""), where);
    if (verdicts.refused && about(verdicts.refused)) {
      const { reason, remedy } = verdicts.refused;
      return { state: "refused", why: remedy ? `${reason}; ${remedy}` : reason };
    }
    const ignored = this.isSet(path) && verdicts.ignored.find(about);
    return ignored ? { state: "ignored", why: ignored.why } : null;
  }

  /** Ask nobody any more. */
  dispose() {
    this.#ends.splice(0).forEach((end) => end());
  }

  #watch() {
    this.#load("models").then((answer) => answer && (this.models.value = answer.models));
    this.#ends.push(effect(() => this.#askForFields(this.model.value)));
    let timer = 0;
    const check = effect(() => {
      const setup = this.setup.value;
      clearTimeout(timer);
      timer = setTimeout(() => this.#check(setup), PAUSE);
    });
    this.#ends.push(check, () => clearTimeout(timer));
  }

  async #askForFields(model) {
    const number = (this.#asked += 1);
    const answer = await this.#load(`fields?model=${encodeURIComponent(model)}`);
    if (!answer || number !== this.#asked) return;
    this.#presence = new Set(answer.fields.filter((each) => each.kind === "presence").map((each) => each.path));
    this.groups.value = answer.groups;
    this.facts.value = answer.model;
    this.fields.value = answer.fields;
  }

  async #check(setup) {
    const answer = await this.#load("check", { setup });
    if (answer && same(untracked(() => this.setup.value), setup)) this.verdicts.value = answer;
  }

  async #load(path, body) {
    try {
      const answer = await ask(path, body);
      this.problem.value = "";
      return answer;
    } catch (error) {
      this.problem.value = error.message;
      return null;
    }
  }
}

/** Whether a field that the server names is the one at `path`, above it or below it. */
function touches(named, path) {
  return named === path || named.startsWith(`${path}.`) || path.startsWith(`${named}.`);
}
