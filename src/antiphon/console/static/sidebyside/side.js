import { computed, signal } from "../vendor/preact.js";
import { Conversation } from "../live/conversation.js";
import { WireLog } from "../live/wire.js";
import { Channel } from "../meters/channel.js";
import { Settings } from "../settings/state.js";
import { ENDPOINT, newToken } from "../talk/server.js";

const ALIVE = new Set(["connecting", "open", "reconnecting"]);

/** One of two conversations: its settings, its connection, its loudspeaker line. */
export class Side {
  conversation = signal(null);
  channel = signal(null);
  /** Signal: what the call began with */
  sent = signal({});
  player = null;
  alive = computed(() => ALIVE.has(this.conversation.value?.state.value ?? "idle"));
  #unsubscribe = () => {};

  settings = new Settings();

  /** @param {"left" | "right"} name @param {string} title */
  constructor(name, title) {
    this.name = name;
    this.title = title;
  }

  /** @param {any} player of its own, null for none */
  begin(player) {
    this.end();
    this.player = player;
    const setup = (this.sent.value = structuredClone(this.settings.setup.value));
    const log = new WireLog();
    const conversation = new Conversation({ endpoint: ENDPOINT, token: newToken, setup: () => setup, player, log });
    this.conversation.value = conversation;
    this.#unsubscribe = conversation.sessionId.subscribe((session) => session && this.#watch(session));
    conversation.connect();
  }

  end() {
    this.conversation.value?.hangUp();
    this.#unsubscribe();
    this.player?.close();
    this.player = null;
  }

  /** @param {{ pcm: Int16Array, at: number, rms: number }} chunk of the one microphone */
  hear(chunk) {
    const conversation = this.conversation.value;
    if (conversation?.state.peek() === "open" && conversation.reading.automatic) conversation.sendAudio(chunk);
  }

  /** The microphone pauses. */
  pause() {
    if (this.conversation.value?.state.peek() === "open") this.conversation.value.audioStreamEnd();
  }

  /** @param {string} text @returns {boolean} whether it was sent, or will be */
  say(text) {
    return this.conversation.value?.sendText(text) ?? false;
  }

  #watch(session) {
    if (this.channel.value?.session === session) return;
    this.channel.value?.close();
    this.channel.value = new Channel(session);
  }
}

/** Both of them, with one microphone. */
export class Pair {
  capture = signal(null);
  muted = signal(false);
  /** @type {import("../vendor/preact.js").Signal<"left" | "right" | "both">} */
  audible = signal("left");
  /** Signal: `{ title, fix }` of a device that failed, null while none did */
  trouble = signal(null);
  #devices;
  #attempt = 0;
  #stopListening = () => {};

  /**
   * @param {Side[]} sides
   * @param {{ capture: () => Promise<any>, player: () => Promise<any>, explain: (error: unknown) => any }} devices
   */
  constructor(sides, devices) {
    this.sides = sides;
    this.#devices = devices;
  }

  alive = computed(() => this.sides.some((side) => side.alive.value));

  /** Begin both. Call it in a tap. @param {{ microphone: boolean }} options */
  async begin({ microphone }) {
    this.end();
    this.trouble.value = null;
    const attempt = this.#attempt;
    // All of them are asked for within the tap: a phone refuses later.
    const opening = Promise.all(this.sides.map(() => this.#player()));
    const [players, capture] = await Promise.all([opening, microphone ? this.#newCapture() : null]);
    if (attempt !== this.#attempt || (microphone && !capture)) {
      for (const device of [...players, capture]) device?.close();
      return;
    }
    if (capture) this.#listen(capture);
    players.forEach((player, index) => this.sides[index].begin(player));
    this.choose(this.audible.value);
  }

  end() {
    this.#attempt += 1;
    this.#stopListening();
    this.capture.value?.close();
    this.capture.value = null;
    for (const side of this.sides) side.end();
  }

  /** @param {string} text @returns {boolean} whether one of them got it, or will */
  say(text) {
    return this.sides.map((side) => side.say(text)).includes(true);
  }

  /** Whom one hears. @param {"left" | "right" | "both"} audible */
  choose(audible) {
    this.audible.value = audible;
    for (const side of this.sides) if (side.player) side.player.muted = audible !== "both" && audible !== side.name;
  }

  toggleMute() {
    this.muted.value = !this.muted.value;
    if (!this.muted.value) return;
    for (const side of this.sides) side.pause();
  }

  stopSpeech() {
    for (const side of this.sides) side.conversation.value?.stopSpeech();
  }

  async #newCapture() {
    try {
      return await this.#devices.capture();
    } catch (error) {
      this.trouble.value = this.#devices.explain(error);
      return null;
    }
  }

  #listen(capture) {
    this.muted.value = false;
    this.capture.value = capture;
    this.#stopListening = capture.listen((chunk) => this.#hear(chunk));
  }

  #hear(chunk) {
    if (!this.muted.value) for (const side of this.sides) side.hear(chunk);
  }

  async #player() {
    try {
      return await this.#devices.player();
    } catch (error) {
      // Captions go on without a loudspeaker.
      this.trouble.value = this.#devices.explain(error);
      return null;
    }
  }
}
