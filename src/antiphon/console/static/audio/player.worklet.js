// The speaker's side of the audio thread: chunks in, one gapless line out, silence at once when told.

/** Samples that fade when speech is cut: 4 ms at 24 kHz, within one quantum, so that it does not click. */
const FADE = 96;
/** Seconds of sound, or of waiting, before a turn begins: what arrives unevenly at first shall not stutter. */
const START = 0.05;
/** Seconds without sound within a turn that count as running dry; a longer pause was meant, as around a tool. */
const DRY = 0.5;
/** What is louder than this is heard: -54 dB of full scale. */
const AUDIBLE = 0.002;
/** Quanta between two reports: 37 ms, 27 a second. */
const QUANTA = 7;

class PlayerProcessor extends AudioWorkletProcessor {
  #queue = [];
  #queued = 0;
  #turn = null;
  #heard = false;
  #state = "empty"; // "empty" | "waiting" for enough to start | "playing"
  #since = 0;
  #rendered = new Map();
  #epoch = 0;
  #squares = 0;
  #quanta = 0;
  #fading = null;
  #running = true;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => this.#handle(data);
  }

  #handle(message) {
    if (message.kind === "enqueue") this.#enqueue(message);
    else if (message.kind === "flush") this.#flush(message.epoch);
    else this.#running = false;
  }

  #enqueue({ turn, pcm }) {
    if (this.#state === "empty") this.#begin(turn);
    this.#queue.push({ turn, pcm, position: 0 });
    this.#queued += pcm.length;
  }

  /** The line was empty: is this a new turn, a meant pause, or did the turn run dry? */
  #begin(turn) {
    const dry = turn === this.#turn && currentTime - this.#since < DRY;
    if (dry) this.port.postMessage({ kind: "underrun", turn });
    this.#since = currentTime;
    this.#state = "waiting";
    if (dry) this.#run(turn);
  }

  #run(turn) {
    this.#state = "playing";
    this.port.postMessage({ kind: "started", epoch: this.#epoch, turn, time: currentTime });
  }

  /** Keeps just what fades out in the next quantum. */
  #flush(epoch) {
    this.#fading = this.#state === "playing" && this.#queued > 0 ? new Float32Array(FADE) : null;
    if (this.#fading) this.#take(this.#fading);
    this.#fading?.forEach((sample, i) => (this.#fading[i] = sample * (1 - (i + 1) / FADE)));
    this.#queue = [];
    this.#queued = 0;
    this.#epoch = epoch;
    this.#state = "empty";
    this.#since = -Infinity;
    this.#report("flushed");
  }

  process(_inputs, [[output]]) {
    if (this.#state === "waiting") this.#start(output.length);
    if (this.#fading) {
      output.set(this.#fading);
      this.#fading = null;
      this.port.postMessage({ kind: "cut", turn: this.#turn, time: currentTime + FADE / sampleRate });
    } else if (this.#state === "playing") {
      this.#play(output);
    }
    return this.#running;
  }

  #start(quantum) {
    const waited = currentTime - this.#since + quantum / sampleRate;
    if (this.#queued >= START * sampleRate || waited >= START) this.#run(this.#queue[0].turn);
  }

  #play(output) {
    this.#take(output);
    for (const sample of output) this.#squares += sample * sample;
    this.#quanta += 1;
    if (this.#queued === 0) this.#drain(output.length);
    else if (this.#quanta === QUANTA) this.#report("progress");
  }

  #drain(quantum) {
    this.#state = "empty";
    this.#since = currentTime + quantum / sampleRate;
    this.#report("drained");
  }

  /** Fills a buffer from the queue, as far as there is sound. */
  #take(buffer) {
    let written = 0;
    while (written < buffer.length && this.#queue.length > 0) {
      const chunk = this.#queue[0];
      this.#enter(chunk.turn);
      const count = Math.min(buffer.length - written, chunk.pcm.length - chunk.position);
      for (let i = 0; i < count; i += 1) buffer[written + i] = chunk.pcm[chunk.position + i] / 32768;
      this.#listen(buffer, written, count);
      this.#rendered.set(chunk.turn, (this.#rendered.get(chunk.turn) ?? 0) + count);
      written += count;
      chunk.position += count;
      this.#queued -= count;
      if (chunk.position === chunk.pcm.length) this.#queue.shift();
    }
  }

  #enter(turn) {
    if (turn === this.#turn) return;
    this.#turn = turn;
    this.#heard = false;
  }

  /** Reports the first sample of a turn that can be heard: many begin with silence. */
  #listen(buffer, from, count) {
    if (this.#heard) return;
    for (let i = from; i < from + count; i += 1) {
      if (Math.abs(buffer[i]) <= AUDIBLE) continue;
      this.#heard = true;
      this.port.postMessage({ kind: "first", turn: this.#turn, time: (currentFrame + i) / sampleRate });
      return;
    }
  }

  /** Tells how much of each turn was rendered since the last report. */
  #report(kind) {
    const level = this.#quanta ? Math.sqrt(this.#squares / (this.#quanta * 128)) : 0;
    const rendered = [...this.#rendered];
    this.#rendered.clear();
    this.#squares = this.#quanta = 0;
    const time = currentTime + 128 / sampleRate;
    this.port.postMessage({ kind, epoch: this.#epoch, turn: this.#turn, rendered, level, time });
  }
}

registerProcessor("player", PlayerProcessor);
