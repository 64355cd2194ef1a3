// Plays both sides of a connection together. Both files begin when the call did, so they have one time.

import { effect, signal } from "../vendor/preact.js";

const DRIFT_SECONDS = 0.06;
const LOOK_MS = 400;

/** Two `<audio>` elements as one. */
export class Player {
  /** Seconds since the call began. */
  time = signal(0);
  playing = signal(false);
  /** Why it does not play; empty if it does. */
  problem = signal("");
  volumes = { user: signal(1), model: signal(1) };

  #tracks = new Map();
  #looked = 0;
  #frame = 0;

  /**
   * Take the element of one side. @param {"user"|"model"} side @param {HTMLAudioElement | null} element
   * @param {number} seconds its length
   */
  attach(side, element, seconds) {
    this.#tracks.get(side)?.release();
    this.#tracks.delete(side);
    if (!element) return;
    const release = effect(() => { element.volume = this.volumes[side].value; });
    const onEnded = () => this.#ended();
    element.addEventListener("ended", onEnded);
    this.#tracks.set(side, { element, seconds, release: () => { release(); element.removeEventListener("ended", onEnded); } });
  }

  /** Whether there is anything to hear. */
  get able() {
    return this.#tracks.size > 0;
  }

  /** @param {number} at seconds; goes on playing if it did */
  seek(at) {
    this.time.value = Math.max(0, at);
    for (const { element, seconds } of this.#tracks.values()) element.currentTime = Math.min(this.time.value, seconds);
    if (this.playing.value) this.play();
  }

  /** From where it is. */
  async play() {
    const audible = [...this.#tracks.values()].filter((track) => this.time.value < track.seconds - 0.01);
    this.problem.value = audible.length || !this.able ? "" : "Nothing was recorded after this.";
    this.playing.value = audible.length > 0;
    if (!audible.length) return;
    this.#tick();
    try {
      await Promise.all(audible.map((track) => track.element.play()));
    } catch (error) {
      if (error.name === "AbortError") return;
      this.pause();
      this.problem.value = `The recording does not play: ${error.message}`;
    }
  }

  pause() {
    this.playing.value = false;
    cancelAnimationFrame(this.#frame);
    for (const { element } of this.#tracks.values()) element.pause();
  }

  toggle() {
    if (this.playing.value) this.pause();
    else this.play();
  }

  #tick() {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame((now) => {
      if (!this.playing.value) return;
      const leading = this.#leading();
      if (leading && !leading.element.seeking) this.time.value = leading.element.currentTime;
      if (now - this.#looked > LOOK_MS) {
        this.#looked = now;
        this.#align(leading);
      }
      this.#tick();
    });
  }

  /** The track that lasts longest has the time. */
  #leading() {
    const running = [...this.#tracks.values()].filter((track) => !track.element.paused && !track.element.ended);
    return running.sort((a, b) => b.seconds - a.seconds)[0];
  }

  #align(leading) {
    if (!leading || leading.element.seeking) return;
    for (const track of this.#tracks.values()) {
      const { element, seconds } = track;
      const apart = Math.abs(element.currentTime - leading.element.currentTime);
      if (track !== leading && !element.seeking && apart > DRIFT_SECONDS && leading.element.currentTime < seconds) {
        element.currentTime = leading.element.currentTime;
      }
    }
  }

  #ended() {
    if (this.#leading()) return;
    this.time.value = Math.max(...[...this.#tracks.values()].map((track) => track.seconds));
    this.pause();
  }
}
