// The microphone's side of the audio thread: any rate in, chunks of 20 ms at 16 kHz out.
import { Resampler, toInt16 } from "./resampler.js";

const RATE = 16000;
const CHUNK = 320;

class CaptureProcessor extends AudioWorkletProcessor {
  #resampler = new Resampler(sampleRate, RATE);
  #chunk = new Int16Array(CHUNK);
  #filled = 0;
  #squares = 0;
  #peak = 0;
  #began = -1;
  #taken = 0;
  #running = true;
  #take = (sample, position) => this.#add(toInt16(sample), position);

  constructor() {
    super();
    this.port.onmessage = () => (this.#running = false);
  }

  process([input]) {
    if (input.length === 0) return this.#running;
    // The resampler counts samples; when quanta went missing, its count must be moved to the clock of the context.
    this.#began = currentFrame - this.#taken;
    this.#resampler.push(input[0], this.#take);
    this.#taken += input[0].length;
    return this.#running;
  }

  #add(sample, position) {
    this.#chunk[this.#filled] = sample;
    this.#filled += 1;
    this.#squares += sample * sample;
    this.#peak = Math.max(this.#peak, Math.abs(sample));
    if (this.#filled === CHUNK) this.#post((this.#began + position) / sampleRate);
  }

  #post(time) {
    const rms = Math.sqrt(this.#squares / CHUNK) / 32768;
    const message = { pcm: this.#chunk, rms, peak: this.#peak / 32768, time, now: currentTime };
    this.port.postMessage(message, [this.#chunk.buffer]);
    this.#chunk = new Int16Array(CHUNK);
    this.#filled = this.#squares = this.#peak = 0;
  }
}

registerProcessor("capture", CaptureProcessor);
