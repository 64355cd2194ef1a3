/** Settings under a name: those that come along, and those that this browser keeps. */

import { signal } from "../vendor/preact.js";

const PLACE = "antiphon.presets";
const MAX_NAME = 60;

/** The model of a page on which nobody chose one. */
export const FIRST_MODEL = "models/gemini-3.8-live";

const CAPTIONS = { inputAudioTranscription: {}, outputAudioTranscription: {} };

/** What a page begins with: captions on both sides, and a session that can go on after a broken connection. */
export const DEFAULT_SETUP = { ...CAPTIONS, sessionResumption: {} };

const detection = (members) => ({ realtimeInputConfig: { automaticActivityDetection: members } });

/** A function to try tools with. */
export const GET_WEATHER = {
  name: "get_weather",
  description: "The weather in a city now.",
  parameters: {
    type: "OBJECT",
    properties: { city: { type: "STRING", description: "The city." } },
    required: ["city"],
  },
};

/** Another one, which does something. */
export const TURN_ON_THE_LIGHTS = {
  name: "turn_on_the_lights",
  description: "Turns on the lights in a room.",
  parameters: {
    type: "OBJECT",
    properties: { room: { type: "STRING", description: "The room." } },
    required: ["room"],
  },
};

/** One that the model need not wait for. */
export const SEARCH_ORDERS = {
  name: "search_orders",
  description: "Finds the orders of a customer. It takes a while.",
  parameters: {
    type: "OBJECT",
    properties: {
      customer: { type: "STRING", description: "The name of the customer." },
      limit: { type: "INTEGER", description: "How many orders at most." },
    },
    required: ["customer"],
  },
  behavior: "NON_BLOCKING",
};

/**
 * What comes along. `setup` has no model: a preset keeps the one that is chosen.
 * @type {{ name: string, help: string, setup: object }[]}
 */
export const BUILT_IN = [
  { name: "Default", help: "Captions on both sides; turns are found by themselves.", setup: DEFAULT_SETUP },
  {
    name: "Push to talk",
    help: "You mark your turns; nothing else ends them.",
    setup: { ...DEFAULT_SETUP, ...detection({ disabled: true }) },
  },
  {
    name: "Patient listener",
    help: "Waits two seconds of silence before it answers, and is hard to interrupt by noise.",
    setup: {
      ...DEFAULT_SETUP,
      ...detection({
        startOfSpeechSensitivity: "START_SENSITIVITY_LOW",
        endOfSpeechSensitivity: "END_SENSITIVITY_LOW",
        prefixPaddingMs: 200,
        silenceDurationMs: 2000,
      }),
    },
  },
  {
    name: "Fast turn",
    help: "Answers after 300 ms of silence; may cut in when you hesitate.",
    setup: {
      ...DEFAULT_SETUP,
      ...detection({
        startOfSpeechSensitivity: "START_SENSITIVITY_HIGH",
        endOfSpeechSensitivity: "END_SENSITIVITY_HIGH",
        prefixPaddingMs: 32,
        silenceDurationMs: 300,
      }),
    },
  },
  {
    name: "Tools demo",
    help: "Ask for the weather in a city, or for the lights in a room.",
    setup: { ...DEFAULT_SETUP, tools: [{ functionDeclarations: [GET_WEATHER, TURN_ON_THE_LIGHTS] }] },
  },
  {
    name: "Long call",
    help: "Forgets its oldest turns instead of ending, and goes on after a broken connection.",
    setup: {
      ...DEFAULT_SETUP,
      contextWindowCompression: { triggerTokens: 25600, slidingWindow: { targetTokens: 12800 } },
    },
  },
];

/** Presets of this browser. */
export class Presets {
  #storage;

  /** @param {Storage | null} [storage] */
  constructor(storage = browserStorage()) {
    this.#storage = storage;
    /** signal: `{ name, setup }[]`, by name */
    this.own = signal(this.#read());
  }

  /** @returns {{ name: string, help?: string, setup: object }[]} built-in ones first */
  get all() {
    return [...BUILT_IN, ...this.own.value];
  }

  /**
   * Keep a setup under a name; one of the same name is replaced.
   * @throws {Error} the name is empty or that of a built-in one
   */
  save(name, setup) {
    const fit = this.#fit(name);
    this.#write([...this.own.value.filter((each) => each.name !== fit), { name: fit, setup }]);
  }

  /** @throws {Error} the new name is empty or taken */
  rename(name, newName) {
    const fit = this.#fit(newName);
    if (fit === name) return;
    if (this.own.value.some((each) => each.name === fit)) throw new Error(`There is a preset "${fit}" already.`);
    this.#write(this.own.value.map((each) => (each.name === name ? { ...each, name: fit } : each)));
  }

  remove(name) {
    this.#write(this.own.value.filter((each) => each.name !== name));
  }

  /** @returns {string} all own presets, as JSON for a file */
  exported() {
    return JSON.stringify({ presets: this.own.value }, null, 2);
  }

  /**
   * Take the presets of such a file; those of the same name are replaced.
   * @param {string} text
   * @returns {number} how many there were
   * @throws {Error} it is no such file
   */
  take(text) {
    const taken = parsed(text).map(({ name, setup }) => ({ name: this.#fit(name), setup }));
    const names = new Set(taken.map((each) => each.name));
    this.#write([...this.own.value.filter((each) => !names.has(each.name)), ...taken]);
    return names.size;
  }

  #fit(name) {
    const fit = String(name).trim().slice(0, MAX_NAME);
    if (!fit) throw new Error("A preset needs a name.");
    if (BUILT_IN.some((each) => each.name === fit)) throw new Error(`"${fit}" comes along and cannot be replaced.`);
    return fit;
  }

  #read() {
    try {
      return parsed(this.#storage?.getItem(PLACE) ?? '{"presets": []}');
    } catch {
      return [];
    }
  }

  #write(presets) {
    this.own.value = presets.sort((one, other) => one.name.localeCompare(other.name));
    try {
      this.#storage?.setItem(PLACE, this.exported());
    } catch {
      throw new Error("This browser does not let the page keep anything; the preset is gone when you leave.");
    }
  }
}

function parsed(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`This is not JSON: ${error.message}`);
  }
  const found = value?.presets;
  const fits = (each) => typeof each?.name === "string" && typeof each?.setup === "object" && each.setup !== null;
  if (!Array.isArray(found) || !found.every(fits)) {
    throw new Error('This is no file of presets: it must hold {"presets": [{"name": …, "setup": …}]}.');
  }
  return found.map(({ name, setup }) => ({ name, setup }));
}

function browserStorage() {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}
