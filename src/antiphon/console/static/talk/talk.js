import { computed, effect, signal, untracked } from "../vendor/preact.js";
import { Capture } from "../audio/capture.js";
import { explain } from "../audio/devices.js";
import { Player } from "../audio/player.js";
import { Conversation } from "../live/conversation.js";
import { WireLog } from "../live/wire.js";
import { openCamera } from "../video/camera.js";
import { openScreen } from "../video/screen.js";
import { preference } from "../lib/preferences.js";
import { openChosen } from "./chosen.js";
import { ENDPOINT, newToken } from "./server.js";
import { Vision } from "./vision.js";

const MANUAL = "realtimeInputConfig.automaticActivityDetection.disabled";
const RECORD_LABEL = "antiphon_record";

/** States of a conversation in which something can be sent, now or in a moment. */
const ALIVE = new Set(["connecting", "open", "reconnecting"]);

/** Everything that the talk page does, apart from how it looks. All state in signals. */
export class Talk {
  /** "start", "call", "after" or "replay" */
  stage = signal("start");
  /** whether devices are being opened for a call */
  starting = signal(false);
  conversation = signal(null);
  log = signal(null);
  channel = signal(null);
  capture = signal(null);
  player = signal(null);
  /** `{ title, fix }` of a device that failed, null while none did */
  trouble = signal(null);
  muted = signal(false);
  held = signal(false);
  /** Whether the microphone is open only while a key or a button is held. */
  push;
  consent = signal(false);
  /** Whether this call is recorded. */
  recording = signal(false);
  began = signal(0);
  ended = signal(0);

  devices = {
    microphone: preference("microphone", ""),
    speaker: preference("speaker", ""),
    camera: preference("camera", ""),
  };
  processing = {
    echoCancellation: preference("echoCancellation", true),
    noiseSuppression: preference("noiseSuppression", true),
    autoGainControl: preference("autoGainControl", true),
  };
  volume = preference("volume", 1);
  silent = preference("silent", false);

  /** Whether turns of this call end by the client's word only. */
  #manual = signal(false);
  #sent = signal("");
  #speaking = false;
  /** Rise with every call, and with every microphone asked for or closed: what comes late is closed at once. */
  #attempt = 0;
  #asked = 0;
  #stopListening = () => {};

  /** @param {import("../settings/state.js").Settings} settings @param {import("./server.js").Start} start */
  constructor(settings, start) {
    this.settings = settings;
    this.start = start;
    this.push = signal(this.#wantsManual());
    this.camera = new Vision("Camera", openCamera, this);
    this.screen = new Vision("Screen", openScreen, this);
    this.#followSignals();
  }

  alive = computed(() => ALIVE.has(this.conversation.value?.state.value ?? "idle"));
  open = computed(() => this.conversation.value?.state.value === "open");

  /** Whether the microphone is open only while held. */
  holding = computed(() => this.push.value || this.#manual.value);

  /** Whether what the microphone hears goes to the model now. */
  sending = computed(() => {
    const ready = this.open.value && this.capture.value !== null && !this.muted.value;
    return ready && (this.held.value || !this.holding.value);
  });

  /** What this call began with. */
  sent = computed(() => (this.#sent.value ? JSON.parse(this.#sent.value) : {}));

  /** Whether the settings are others than those that this call began with. */
  outdated = computed(() => this.alive.value && this.#sent.value !== JSON.stringify(this.#setup()));

  /** Begin a call. Call it in a tap. @param {{ microphone: boolean }} options */
  async begin({ microphone }) {
    const attempt = (this.#attempt += 1);
    this.starting.value = true;
    this.trouble.value = null;
    // Both are asked for within the tap: a phone refuses later.
    const [player, capture] = await Promise.all([this.openPlayer(), microphone ? this.#newCapture() : null]);
    const late = attempt !== this.#attempt;
    if (late || (microphone && !capture)) {
      player?.close();
      capture?.close();
    } else {
      if (capture) this.#use(capture);
      this.#connect(player);
    }
    if (!late) this.starting.value = false;
  }

  /** Begin a call by typing; whoever is still asked for the microphone has changed their mind. */
  async beginWith(text) {
    await this.begin({ microphone: false });
    this.say(text);
  }

  hangUp() {
    this.stage.value = "after";
    this.#stopListening();
    this.conversation.value?.hangUp();
    this.#release();
    this.ended.value = performance.now();
  }

  /** Begin anew with the settings as they are. */
  async again() {
    const microphone = this.capture.value !== null;
    this.hangUp();
    await this.begin({ microphone });
  }

  /** Connect the same conversation once more. */
  reconnect() {
    this.conversation.value.connect();
  }

  /** Let the settings as they are now hold for this call: in a new connection, or, with another model, in a new call. */
  async apply() {
    if (this.sent.value.model === this.settings.model.value) await this.conversation.value.renew();
    else await this.again();
  }

  /** @param {string} text @returns {boolean} whether it was sent, or will be */
  say(text) {
    return this.conversation.value?.sendText(text) ?? false;
  }

  /** Mute or open the microphone; turn it on where the call began without. Call it in a tap. */
  async toggleMute() {
    if (this.capture.value) this.muted.value = !this.muted.value;
    else if (await this.#openCapture()) this.muted.value = false;
  }

  toggleSilent() {
    this.silent.value = !this.silent.value;
  }

  /**
   * Hold to talk, or let the server find turns. A setup says which: the connection is renewed as soon as nobody speaks.
   * Until then the microphone is open only while held, and the server is told when it closes.
   */
  setPush(push) {
    this.push.value = push;
    this.held.value = false;
    if (push) this.settings.set(MANUAL, true);
    else this.settings.reset(MANUAL);
  }

  hold(down) {
    if (this.holding.value) this.held.value = down;
  }

  stopSpeech() {
    this.conversation.value?.stopSpeech();
  }

  /** Change a device, now and for later. @param {"microphone" | "speaker" | "camera"} kind */
  async choose(kind, deviceId) {
    this.devices[kind].value = deviceId;
    this.trouble.value = null;
    if (kind === "microphone" && this.capture.value) await this.#openCapture();
    if (kind === "camera" && this.camera.on.value) await this.camera.start({ deviceId });
    if (kind === "speaker") await this.player.value?.setSink(deviceId).catch((error) => this.#tell(error));
  }

  /** Switch a kind of processing of the microphone. */
  async process(name, on) {
    this.processing[name].value = on;
    if (this.capture.value) await this.#openCapture();
  }

  // What the camera and the screen ask.

  sendFrame({ jpeg }) {
    if (!this.open.value) return false;
    this.conversation.value.sendFrame({ jpeg });
    return true;
  }

  speaking() {
    return this.held.value || this.conversation.value?.activity.value === "hearing";
  }

  frameTokens() {
    const resolution = String(this.settings.setup.value.generationConfig?.mediaResolution ?? "");
    const name = resolution.replace("MEDIA_RESOLUTION_", "").toLowerCase();
    return this.start.picture_tokens[name] ?? this.start.picture_tokens[""];
  }

  // Inside.

  #wantsManual() {
    return this.settings.setup.value.realtimeInputConfig?.automaticActivityDetection?.disabled === true;
  }

  #setup() {
    const setup = structuredClone(this.settings.setup.value);
    const labels = setup.labels ?? {};
    return this.consent.value ? { ...setup, labels: { ...labels, [RECORD_LABEL]: "yes" } } : setup;
  }

  #connect(player) {
    const log = new WireLog();
    const conversation = new Conversation({ endpoint: ENDPOINT, token: newToken, setup: () => this.#send(), player, log });
    this.recording.value = this.start.recording === "always" || (this.start.recording === "consented" && this.consent.value);
    for (const vision of [this.camera, this.screen]) vision.reset();
    this.held.value = this.muted.value = false;
    this.player.value = player;
    this.channel.value?.close();
    this.channel.value = null;
    this.log.value = log;
    this.began.value = performance.now();
    this.ended.value = 0;
    this.conversation.value = conversation;
    this.stage.value = "call";
    conversation.connect();
  }

  /** The setup of a connection that begins now. */
  #send() {
    const setup = this.#setup();
    this.#manual.value = this.#wantsManual();
    this.#sent.value = JSON.stringify(setup);
    return setup;
  }

  /** Turn the microphone on, or change it. @returns {Promise<boolean>} whether it is on */
  async #openCapture() {
    const asked = (this.#asked += 1);
    const capture = await this.#newCapture();
    if (asked !== this.#asked) {
      // The call is over, or another was asked for meanwhile.
      capture?.close();
      return false;
    }
    if (capture) this.#use(capture);
    return capture !== null;
  }

  async #newCapture() {
    const processing = Object.fromEntries(Object.entries(this.processing).map(([name, on]) => [name, on.value]));
    try {
      const open = (deviceId) => Capture.open({ deviceId, ...processing });
      const tell = (trouble) => (this.trouble.value = trouble);
      return await openChosen("microphone", this.devices.microphone.value, open, tell);
    } catch (error) {
      this.#tell(error);
      return null;
    }
  }

  #use(capture) {
    this.#closeCapture();
    this.#stopListening = capture.listen((chunk) => this.#hear(chunk));
    capture.ended.subscribe((ended) => ended && this.#lost(capture));
    this.capture.value = capture;
  }

  #hear(chunk) {
    if (this.sending.value) this.conversation.value.sendAudio(chunk);
  }

  #lost(capture) {
    if (this.capture.value !== capture) return;
    this.#closeCapture();
    const fix = "Plug it in again or choose another one under Options, then turn the microphone on. You can type meanwhile.";
    this.trouble.value = { title: "The microphone is gone", fix };
  }

  #closeCapture() {
    this.#asked += 1;
    this.#stopListening();
    this.capture.value?.close();
    this.capture.value = null;
  }

  /** A loudspeaker, or null and a word about why. Call it in a tap. */
  async openPlayer() {
    try {
      const player = await Player.open();
      const speaker = this.devices.speaker.value;
      // A speaker that is gone must not keep the others silent.
      if (speaker) await player.setSink(speaker).catch((error) => this.#tell(error));
      player.volume = this.volume.value;
      player.muted = this.silent.value;
      return player;
    } catch (error) {
      // Captions go on without a loudspeaker.
      this.#tell(error);
      return null;
    }
  }

  #tell(error) {
    this.trouble.value = explain(error);
  }

  #release() {
    this.#closeCapture();
    this.camera.stop();
    this.screen.stop();
    this.player.value?.close();
    this.player.value = null;
  }

  #followSignals() {
    effect(() => this.#mark(this.sending.value));
    effect(() => {
      if (!this.player.value) return;
      this.player.value.volume = this.volume.value;
      this.player.value.muted = this.silent.value;
    });
    effect(() => {
      const manual = this.#wantsManual();
      if (!untracked(() => this.alive.value)) this.push.value = manual;
    });
    effect(() => {
      const conversation = this.conversation.value;
      const quiet = conversation?.resumable.value && conversation.activity.value === "listening" && !this.held.value;
      if (this.open.value && quiet && this.push.value !== this.#manual.value) untracked(() => conversation.renew());
    });
    effect(() => {
      if (this.stage.value === "call" && this.conversation.value?.state.value === "closed") untracked(() => this.hangUp());
    });
    effect(() => {
      // The end comes after the last figures.
      const over = this.stage.value !== "call" && this.channel.value?.ended.value;
      if (over) untracked(() => this.channel.value.close());
    });
    effect(() => {
      const session = this.conversation.value?.sessionId.value;
      // A replay has a session too, which may be of another server.
      if (this.stage.value === "call" && this.open.value && session) untracked(() => this.#watch(session));
    });
  }

  /** Tell the model when the microphone opens and closes. */
  #mark(sending) {
    const conversation = untracked(() => this.conversation.value);
    if (!conversation || sending === this.#speaking) return;
    this.#speaking = sending;
    if (conversation.state.peek() !== "open") return;
    if (this.#manual.peek()) sending ? conversation.activityStart() : conversation.activityEnd();
    else if (!sending) conversation.audioStreamEnd();
  }

  /** Money and what the server does come by a channel of its own; it goes on when the session does. */
  async #watch(session) {
    const known = this.channel.value;
    if (known?.session === session) {
      known.follow();
      return;
    }
    const { Channel } = await import("../meters/channel.js");
    if (this.conversation.value?.sessionId.value !== session) return;
    this.channel.value?.close();
    this.channel.value = new Channel(session);
  }
}
