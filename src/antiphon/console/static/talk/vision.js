import { computed, signal } from "../vendor/preact.js";
import { explain } from "../audio/devices.js";
import { openChosen } from "./chosen.js";

/** What the model is shown: the camera or the screen, one frame now and then. */
export class Vision {
  /** Signal: the running source, null while it is off. */
  source = signal(null);
  /** Signal: `{ title, fix }`, null while nothing is wrong. */
  problem = signal(null);
  /** Signals: frames a second, and pixels of the longer side. */
  fps = signal(1);
  maxSide = signal(768);
  /** Signal: whether only what is in view while the user speaks is sent. */
  onlySpeaking = signal(false);
  /** Signals: frames of this call, and the tokens they cost. */
  sent = signal(0);
  tokens = signal(0);
  on = computed(() => this.source.value !== null);

  #open;
  #talk;
  #stop = () => {};
  #attempt = 0;

  /**
   * @param {"Camera" | "Screen"} title
   * @param {(options?: object) => Promise<any>} open `openCamera` or `openScreen`
   * @param {{ sendFrame(frame: object): boolean, speaking(): boolean, frameTokens(): number }} talk
   */
  constructor(title, open, talk) {
    this.title = title;
    this.#open = open;
    this.#talk = talk;
  }

  /** Ask for it and send its frames. Call it in a tap. What goes wrong is in {@link problem}. */
  async start(options) {
    this.stop();
    this.problem.value = null;
    const attempt = this.#attempt;
    try {
      const open = (deviceId) => this.#open({ ...options, deviceId });
      const tell = (trouble) => (this.problem.value = trouble);
      const source = await openChosen("camera", options?.deviceId, open, tell);
      // Stopped meanwhile, or asked for once more.
      if (attempt !== this.#attempt) return source.close();
      this.source.value = source;
      source.ended.subscribe((ended) => ended && this.source.value === source && this.stop());
      this.#run();
    } catch (error) {
      if (attempt === this.#attempt) this.problem.value = explain(error);
    }
  }

  stop() {
    this.#attempt += 1;
    this.#stop();
    this.#stop = () => {};
    this.source.value?.close();
    this.source.value = null;
  }

  /** Change how frames are made, now or for later. */
  set({ fps = this.fps.value, maxSide = this.maxSide.value }) {
    this.fps.value = fps;
    this.maxSide.value = maxSide;
    if (this.on.value) this.#run();
  }

  /** A call begins: nothing was sent yet. */
  reset() {
    this.sent.value = this.tokens.value = 0;
  }

  #run() {
    this.#stop();
    const options = { fps: this.fps.value, maxSide: this.maxSide.value, quality: 0.8, wanted: () => this.#wanted() };
    this.#stop = this.source.value.run(options, (frame) => this.#send(frame));
  }

  #wanted() {
    return !this.onlySpeaking.value || this.#talk.speaking();
  }

  #send(frame) {
    if (!this.#talk.sendFrame(frame)) return;
    this.sent.value += 1;
    this.tokens.value += this.#talk.frameTokens();
  }
}
