// How times read: the same as on the page around it.

/** @param {number} seconds @returns {string} `m:ss.ss` */
export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds * 100));
  return `${Math.floor(whole / 6000)}:${(whole % 6000 / 100).toFixed(2).padStart(5, "0")}`;
}

/** @param {number} seconds @returns {string} milliseconds below one second */
export function duration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  return seconds < 60 ? `${seconds.toFixed(1)} s` : `${clock(seconds)} min`;
}

/** @param {number} span seconds to be seen @param {number} width in pixels @returns {number} seconds between two ticks */
export function tickStep(span, width) {
  const least = span * 90 / Math.max(1, width);
  return [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600].find((step) => step >= least) ?? 1800;
}

/** @param {number} seconds @param {number} step between ticks @returns {string} */
export function tick(seconds, step) {
  const minutes = Math.floor(seconds / 60 + 1e-9);
  const rest = seconds - 60 * minutes;
  return `${minutes}:${rest.toFixed(step < 0.1 ? 2 : step < 1 ? 1 : 0).padStart(step < 0.1 ? 5 : step < 1 ? 4 : 2, "0")}`;
}
