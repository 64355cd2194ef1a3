// The microphone: 16 kHz, 16 bits, mono, in chunks of 20 ms, whatever the device gives.
import { signal } from "../vendor/preact.js";
import { ContextClock, keepAwake, loadWorklet } from "./context.js";
import { mediaDevices, refreshDevices, withSource } from "./devices.js";

/** Every second chunk moves the level: 25 times a second. */
const CHUNKS_PER_LEVEL = 2;

/**
 * @typedef {object} Chunk
 * @property {Int16Array} pcm 320 samples: 20 ms at 16 kHz. Listeners share the array: copy it before changing it.
 * @property {number} rms 0..1
 * @property {number} peak 0..1
 * @property {number} at When its last sample was taken, by performance.now().
 */

/** One microphone; any number of listeners. */
export class Capture {
  /** Whether the device is gone: unplugged, or the permission withdrawn. */
  ended = signal(false);
  /** RMS, 0..1, 25 times a second. */
  level = signal(0);
  /** Whether the system silences it for now: a phone call, a locked screen, a switch at the device. */
  asleep = signal(false);

  #stream;
  #track;
  #graph = null;
  #rebuilding = null;
  #listeners = new Set();
  #clock = new ContextClock();
  #squares = 0;
  #counted = 0;
  #closed = false;
  #check = () => this.#followDevice();

  /**
   * Asks for a microphone. Call it in a tap: a phone starts sound only then.
   *
   * @param {object} [wanted]
   * @param {string} [wanted.deviceId] The system's own choice without it.
   * @param {boolean} [wanted.echoCancellation]
   * @param {boolean} [wanted.noiseSuppression]
   * @param {boolean} [wanted.autoGainControl]
   * @returns {Promise<Capture>}
   * @throws {DOMException} What getUserMedia threw; `explain` of devices.js says what to do.
   */
  static async open({ deviceId, echoCancellation = true, noiseSuppression = true, autoGainControl = true } = {}) {
    return withSource("microphone", async () => {
      const audio = { echoCancellation, noiseSuppression, autoGainControl };
      if (deviceId) audio.deviceId = { exact: deviceId };
      const capture = new Capture(await mediaDevices().getUserMedia({ audio }));
      try {
        await capture.#build();
      } catch (error) {
        await capture.close();
        throw error;
      }
      refreshDevices();
      return capture;
    });
  }

  /** Not to be called: {@link Capture.open} asks for the permission. */
  constructor(stream) {
    this.#stream = stream;
    [this.#track] = stream.getAudioTracks();
    this.#track.addEventListener("ended", () => this.#end());
    this.#track.addEventListener("mute", this.#check);
    this.#track.addEventListener("unmute", this.#check);
    navigator.mediaDevices.addEventListener?.("devicechange", this.#check);
  }

  /** The name of the device. */
  get label() {
    return this.#track.label;
  }

  get deviceId() {
    return this.#track.getSettings().deviceId ?? "";
  }

  /** Samples per second of the device, before they are brought to 16 000. */
  get sampleRate() {
    return this.#graph?.context.sampleRate ?? 0;
  }

  /**
   * Hands every chunk to a function from now on.
   *
   * @param {(chunk: Chunk) => void} fn
   * @returns {() => void} Stops it.
   */
  listen(fn) {
    const listener = { fn };
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Gives the device back. */
  async close() {
    this.#closed = true;
    this.#listeners.clear();
    this.#track.removeEventListener("mute", this.#check);
    this.#track.removeEventListener("unmute", this.#check);
    navigator.mediaDevices.removeEventListener?.("devicechange", this.#check);
    for (const track of this.#stream.getTracks()) track.stop();
    this.level.value = 0;
    await this.#tearDown();
  }

  async #build() {
    const context = contextLike(this.#track);
    const awake = keepAwake(context);
    this.#graph = { context, awake, node: null };
    await loadWorklet(context, "capture.worklet.js");
    if (this.#closed) return;
    const node = new AudioWorkletNode(context, "capture", { channelCount: 1, channelCountMode: "explicit" });
    node.port.onmessage = ({ data }) => this.#receive(data);
    context.createMediaStreamSource(this.#stream).connect(node);
    // Some browsers run only what leads somewhere; this sink is never heard.
    node.connect(context.createMediaStreamDestination());
    context.addEventListener("statechange", () => this.#clock.reset());
    awake.asleep.subscribe(() => this.#feel());
    this.#graph.node = node;
  }

  async #tearDown() {
    const graph = this.#graph;
    this.#graph = null;
    if (!graph) return;
    graph.awake.stop();
    if (graph.node) {
      graph.node.port.onmessage = null;
      graph.node.port.postMessage("stop");
    }
    if (graph.context.state !== "closed") await graph.context.close();
  }

  #followDevice() {
    this.#feel();
    this.#followRate();
  }

  #feel() {
    this.asleep.value = this.#track.muted || Boolean(this.#graph?.awake.asleep.value);
  }

  /** A headset that changes its profile changes its rate; some browsers then give silence to the old context. */
  async #followRate() {
    const rate = this.#track.getSettings().sampleRate;
    if (this.#closed || this.#rebuilding || this.ended.value || !rate || rate === this.sampleRate) return;
    if (this.#graph?.refused === rate) return;
    this.#rebuilding = this.#tearDown().then(() => this.#build());
    try {
      await this.#rebuilding;
      // Where the browser insists on another rate it resamples by itself: asking again would change nothing.
      if (this.sampleRate !== rate) this.#graph.refused = rate;
    } catch {
      this.#end();
    } finally {
      this.#rebuilding = null;
      if (this.#closed) await this.#tearDown();
    }
  }

  #end() {
    this.level.value = 0;
    this.ended.value = true;
  }

  #receive({ pcm, rms, peak, time, now }) {
    if (this.#closed) return;
    this.#clock.observe(now, performance.now());
    const chunk = { pcm, rms, peak, at: this.#clock.at(time) };
    this.#measure(rms);
    for (const { fn } of [...this.#listeners]) fn(chunk);
  }

  #measure(rms) {
    this.#squares += rms * rms;
    this.#counted += 1;
    if (this.#counted < CHUNKS_PER_LEVEL) return;
    this.level.value = Math.sqrt(this.#squares / this.#counted);
    this.#squares = this.#counted = 0;
  }
}

/** A context at the rate of the device, so that the browser does not resample a second time. */
function contextLike(track) {
  const { sampleRate } = track.getSettings();
  try {
    return new AudioContext({ latencyHint: "interactive", ...(sampleRate ? { sampleRate } : {}) });
  } catch {
    return new AudioContext({ latencyHint: "interactive" });
  }
}
