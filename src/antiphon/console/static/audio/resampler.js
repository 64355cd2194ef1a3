// Changes the rate of a stream of samples. Shared by the capture worklet and whoever wants to check it.

/** Zero crossings of the filter on each side, at the lower of both rates: 2.5 ms of delay at 16 kHz. */
const CROSSINGS = 40;
/** The cut-off as a share of the lower Nyquist rate: at 16 kHz flat up to 7 kHz and gone from 8 kHz on. */
const CUTOFF = 0.9375;
/** The shape of the Kaiser window, for 80 dB in the stop band. */
const BETA = 7.857;

/**
 * A streaming polyphase resampler with a Kaiser-windowed sinc.
 *
 * Output sample `n` lies exactly at input sample `n * from / to`: the filter delays when a sample comes out, not what
 * time it stands for. How the input is cut into blocks does not change a bit of the output.
 */
export class Resampler {
  #up;
  #down;
  #half;
  #cutoff;
  #phases;
  #held;
  #filled;
  #begin;
  #base = 0;
  #phase = 0;

  /**
   * @param {number} from Samples per second that come in, a whole number.
   * @param {number} to Samples per second that go out, a whole number.
   */
  constructor(from, to) {
    for (const rate of [from, to]) {
      if (!Number.isInteger(rate) || rate <= 0) throw new RangeError(`a rate is a positive whole number, not ${rate}`);
    }
    const common = divisor(from, to);
    this.#up = to / common;
    this.#down = from / common;
    this.#half = Math.ceil(CROSSINGS * Math.max(1, from / to));
    this.#cutoff = CUTOFF * Math.min(1, to / from);
    this.#phases = new Array(this.#up);
    this.#held = new Float32Array(4 * this.#half + 256);
    this.#filled = this.#half - 1;
    this.#begin = this.#half - 1;
  }

  /**
   * Takes a block and hands out every sample that it completes.
   *
   * @param {Float32Array} block
   * @param {(sample: number, position: number) => void} take Gets the sample and its place among all input samples.
   */
  push(block, take) {
    if (this.#up === this.#down) {
      for (let i = 0; i < block.length; i += 1) take(block[i], this.#base + i);
      this.#base += block.length;
      return;
    }
    this.#append(block);
    while (this.#begin + this.#half < this.#filled) {
      take(this.#sample(), this.#base + this.#phase / this.#up);
      this.#advance();
    }
    this.#forget();
  }

  #append(block) {
    if (this.#filled + block.length > this.#held.length) {
      const larger = new Float32Array(2 * (this.#filled + block.length));
      larger.set(this.#held.subarray(0, this.#filled));
      this.#held = larger;
    }
    this.#held.set(block, this.#filled);
    this.#filled += block.length;
  }

  #sample() {
    const taps = (this.#phases[this.#phase] ??= this.#filter(this.#phase / this.#up));
    const first = this.#begin - this.#half + 1;
    let sum = 0;
    for (let k = 0; k < taps.length; k += 1) sum += taps[k] * this.#held[first + k];
    return sum;
  }

  #advance() {
    this.#phase += this.#down;
    const whole = Math.floor(this.#phase / this.#up);
    this.#phase -= whole * this.#up;
    this.#begin += whole;
    this.#base += whole;
  }

  /** Drops what no later sample needs. */
  #forget() {
    const unneeded = Math.min(this.#begin - this.#half + 1, this.#filled);
    if (unneeded <= 0) return;
    this.#held.copyWithin(0, unneeded, this.#filled);
    this.#filled -= unneeded;
    this.#begin -= unneeded;
  }

  /** The taps for an output that lies `fraction` of a sample after an input; their sum is 1, so the level is exact. */
  #filter(fraction) {
    const taps = new Float32Array(2 * this.#half);
    let sum = 0;
    for (let k = 0; k < taps.length; k += 1) {
      const distance = k - this.#half + 1 - fraction;
      taps[k] = sinc(this.#cutoff * distance) * kaiser(distance / this.#half);
      sum += taps[k];
    }
    return taps.map((tap) => tap / sum);
  }
}

/**
 * A sample between -1 and 1 as 16 bits. Louder ones are clamped: they never wrap around.
 *
 * @param {number} sample
 */
export function toInt16(sample) {
  return Math.max(-32768, Math.min(32767, Math.round(sample * 32768)));
}

function divisor(a, b) {
  return b === 0 ? a : divisor(b, a % b);
}

function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function kaiser(x) {
  return Math.abs(x) > 1 ? 0 : bessel(BETA * Math.sqrt(1 - x * x)) / bessel(BETA);
}

/** The modified Bessel function of the first kind and order zero, by its series. */
function bessel(x) {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > 1e-12 * sum; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
