// Ears at the speaker: whatever a page connects to the destination of an audio context is recorded, sample by sample.
(() => {
  const KEPT = 120; // seconds
  const ears = [];

  class Ear {
    constructor(context) {
      Object.assign(this, { context, rate: context.sampleRate, blocks: [], offset: Infinity });
    }

    /** ms between rendering and sound, as the browser states it. */
    get latency() {
      return 1000 * (this.context.baseLatency + this.context.outputLatency);
    }

    hear({ frame, samples }) {
      const end = ((frame + samples.length) / this.rate) * 1000;
      this.offset = Math.min(this.offset, performance.now() - end);
      this.blocks.push({ frame, samples });
      if (this.blocks.length * samples.length > KEPT * this.rate) this.blocks.shift();
    }

    time(frame) {
      return (frame / this.rate) * 1000 + this.offset;
    }

    /** All samples between two moments, and when the first of them was rendered. */
    between(from, to) {
      const blocks = this.blocks.filter((b) => this.time(b.frame + b.samples.length) > from && this.time(b.frame) < to);
      const samples = [];
      let first = null;
      for (const { frame, samples: some } of blocks) {
        some.forEach((sample, i) => {
          if (this.time(frame + i) < from || this.time(frame + i) >= to) return;
          first ??= frame + i;
          samples.push(sample);
        });
      }
      return { samples, first: first ?? 0 };
    }
  }

  const AUDIBLE = 0.002;
  const SILENCE = 0.005; // seconds of exact zero that make a gap

  function gaps(samples, rate) {
    let found = 0;
    let run = 0;
    for (const sample of samples) {
      if (sample === 0) run += 1;
      else {
        if (run > SILENCE * rate) found += 1;
        run = 0;
      }
    }
    return found;
  }

  /** The strongest frequency, by correlation with sines on a grid of 10 Hz, then of 1 Hz. */
  function peak(samples, rate) {
    const some = samples.slice(0, Math.min(samples.length, rate / 2));
    const strength = (hz) => {
      const c = 2 * Math.cos((2 * Math.PI * hz) / rate);
      let [a, b] = [0, 0];
      for (const sample of some) [a, b] = [sample + c * a - b, a];
      return a * a + b * b - c * a * b;
    };
    const best = (from, to, step) => {
      let found = from;
      let most = -1;
      for (let hz = from; hz <= to; hz += step) {
        const now = strength(hz);
        if (now > most) [found, most] = [hz, now];
      }
      return found;
    };
    const coarse = best(20, Math.min(8000, rate / 2 - 20), 10);
    return best(coarse - 10, coarse + 10, 1);
  }

  function report({ from = -Infinity, to = Infinity, which = null } = {}) {
    const heard = (which === null ? ears : [ears[which]]).filter(Boolean).map((ear) => describe(ear, from, to));
    heard.sort((a, b) => b.energy - a.energy);
    const nothing = { rms: 0, gaps: 0, first: null, last: null, peakHz: 0, seconds: 0, top: 0, step: 0, latency: 0 };
    return heard[0] ?? nothing;
  }

  function describe(ear, from, to) {
    const { samples, first } = ear.between(from, to);
    const loud = (sample) => Math.abs(sample) > AUDIBLE;
    const start = samples.findIndex(loud);
    const end = samples.findLastIndex(loud);
    const sound = start < 0 ? [] : samples.slice(start, end + 1);
    const energy = sound.reduce((sum, sample) => sum + sample * sample, 0);
    const rms = sound.length ? Math.sqrt(energy / sound.length) : 0;
    return {
      rms,
      energy,
      gaps: gaps(sound, ear.rate),
      first: sound.length ? ear.time(first + start) : null,
      last: sound.length ? ear.time(first + end) : null,
      peakHz: sound.length > ear.rate / 50 ? peak(sound, ear.rate) : 0,
      seconds: sound.length / ear.rate,
      top: sound.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0),
      step: sound.reduce((most, sample, i) => Math.max(most, i ? Math.abs(sample - sound[i - 1]) : 0), 0),
      rate: ear.rate,
      latency: ear.latency,
    };
  }

  /** Reads a copy of what goes to the speaker; the copy needs no module, which the page's policy would refuse. */
  async function listen(node) {
    const ear = new Ear(node.context);
    ears.push(ear);
    const copy = node.context.createMediaStreamDestination();
    copy.channelCount = 1;
    connect.call(node, copy);
    const [track] = copy.stream.getAudioTracks();
    const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: 1000 }).readable.getReader();
    for (let frame = 0; ; ) {
      const { value, done } = await reader.read();
      if (done) return;
      const samples = new Float32Array(value.numberOfFrames);
      value.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
      value.close();
      ear.hear({ frame, samples });
      frame += samples.length;
    }
  }

  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (target, ...rest) {
    if (target instanceof AudioDestinationNode && !(this.context instanceof OfflineAudioContext)) {
      listen(this);
    }
    return connect.call(this, target, ...rest);
  };
  window.__ears = { report, forget: () => ears.forEach((ear) => (ear.blocks = [])) };
})();
