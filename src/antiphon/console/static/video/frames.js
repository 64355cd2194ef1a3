// Pictures from a camera or a screen as JPEG, at an exact rate.
import { signal } from "../vendor/preact.js";
import { alarm } from "./alarm.js";

/** While a picture is due and not wanted, this many ms pass until that is asked again. */
const ASK_AGAIN = 50;

/**
 * @typedef {object} Frame
 * @property {Uint8Array} jpeg
 * @property {number} width
 * @property {number} height
 * @property {number} at When the picture was taken, by performance.now().
 */

/** A source of pictures. */
export class Frames {
  /** Whether the source is gone: unplugged, the permission withdrawn, or ended by the browser's own button. */
  ended = signal(false);
  /** Stays the same object while the camera is turned, so that a preview need not change. */
  stream;
  closed = false;

  #video = document.createElement("video");
  #stops = new Set();
  #onEnded = () => this.fail();

  /** @param {MediaStream} stream With one video track. */
  constructor(stream) {
    this.stream = stream;
    this.#video.muted = true;
    this.#video.playsInline = true;
    this.#video.srcObject = stream;
    this.watch(this.track);
  }

  get track() {
    return this.stream.getVideoTracks()[0];
  }

  /** The name of the device, of the window or of the tab. */
  get label() {
    return this.track?.label ?? "";
  }

  /** Pixels; 0 before the first picture. */
  get width() {
    return this.#video.videoWidth;
  }

  get height() {
    return this.#video.videoHeight;
  }

  /** Follows a track to its end, and plays it. */
  watch(track) {
    track.addEventListener("ended", this.#onEnded);
    // Refused only where the page is hidden or closed just now: a picture that is due plays it again.
    this.#video.play().catch(() => {});
  }

  /**
   * Takes pictures until stopped: never more than `fps` a second, and that many in the long run.
   *
   * @param {object} wanted
   * @param {number} [wanted.fps] Pictures a second, 0.2 to 2.
   * @param {number} [wanted.maxSide] Pixels of the longer side; a picture is never enlarged.
   * @param {number} [wanted.quality] Of the JPEG, 0..1.
   * @param {() => boolean} [wanted.wanted] Asked for each picture; one that is not wanted waits until it is.
   * @param {(frame: Frame) => void} fn
   * @returns {() => void} Stops it.
   */
  run({ fps = 1, maxSide = 768, quality = 0.7, wanted = () => true }, fn) {
    const period = 1000 / Math.max(0.2, Math.min(2, fps));
    const loop = { running: true, due: performance.now() };
    const stop = () => {
      loop.running = false;
      this.#stops.delete(stop);
    };
    this.#stops.add(stop);
    this.#loop(loop, period, { maxSide, quality, wanted, fn });
    return stop;
  }

  /** Takes one picture now; null when there is none yet. */
  async grab(maxSide, quality) {
    if (this.track?.readyState !== "live") return null; // The element would show the last picture for ever.
    if (this.#video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || !this.width) {
      this.#video.play().catch(() => {});
      return null;
    }
    const at = performance.now();
    const { width, height } = fit(this.width, this.height, maxSide);
    const jpeg = await encode(this.#video, width, height, quality);
    return jpeg && { jpeg, width, height, at };
  }

  /** Gives the device back and stops every run. */
  close() {
    this.closed = true;
    for (const stop of [...this.#stops]) stop();
    for (const track of this.stream.getTracks()) track.stop();
    this.#video.srcObject = null;
  }

  async #loop(loop, period, { maxSide, quality, wanted, fn }) {
    while (loop.running) {
      await alarm(loop.due - performance.now());
      if (!loop.running) return;
      const frame = wanted() ? await this.grab(maxSide, quality) : null;
      loop.due = frame ? next(loop.due, period, frame.at) : performance.now() + ASK_AGAIN;
      if (frame && loop.running) fn(frame);
    }
  }

  /** The source is gone. */
  fail() {
    for (const stop of [...this.#stops]) stop();
    this.ended.value = true;
  }
}

/** A moment on the grid of the last one: a late picture does not make the next ones late, and no two come together. */
function next(due, period, taken) {
  const late = taken - due;
  return late < period / 2 ? due + period : taken + period;
}

/**
 * The size that fits into a square, with the same shape and never larger than it was.
 *
 * @param {number} width
 * @param {number} height
 * @param {number} maxSide
 */
export function fit(width, height, maxSide) {
  const scale = Math.min(1, maxSide / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** Draws the present picture and encodes it; null when the browser refuses. */
async function encode(video, width, height, quality) {
  const canvas = canvasOf(width, height);
  const brush = canvas.getContext("2d", { alpha: false });
  brush.imageSmoothingQuality = "high";
  brush.drawImage(video, 0, 0, width, height);
  const blob = await toBlob(canvas, quality);
  return blob && new Uint8Array(await blob.arrayBuffer());
}

function canvasOf(width, height) {
  const offscreen = globalThis.OffscreenCanvas;
  if (offscreen && "convertToBlob" in offscreen.prototype) return new offscreen(width, height);
  return Object.assign(document.createElement("canvas"), { width, height });
}

function toBlob(canvas, quality) {
  if ("convertToBlob" in canvas) return canvas.convertToBlob({ type: "image/jpeg", quality });
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
}
