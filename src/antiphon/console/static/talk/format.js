/** How numbers read on these pages. */

/** @param {number} ms @returns {string} `850 ms`, `1.24 s` */
export function milliseconds(ms) {
  const whole = Math.max(0, Math.round(ms));
  return whole < 1000 ? `${whole} ms` : `${(whole / 1000).toFixed(2)} s`;
}

/** @param {number} ms @returns {string} `0:07`, `12:30`, `1:02:03` */
export function clock(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** @param {string | number | null | undefined} amount dollars, exact as a string @returns {string} */
export function dollars(amount) {
  if (amount === null || amount === undefined) return "unknown";
  const value = Number(amount);
  return `$${value.toFixed(value !== 0 && value < 0.1 ? 5 : 2)}`;
}

/** @param {number} count @returns {string} with thin spaces between thousands */
export function whole(count) {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** @param {number[]} numbers @returns {number | null} the one in the middle */
export function median(numbers) {
  if (!numbers.length) return null;
  const sorted = [...numbers].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
