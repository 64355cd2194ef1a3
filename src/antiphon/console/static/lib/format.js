// How numbers read on these pages.

/** @param {number | null | undefined} ms @returns {string} `850 ms`, `1.24 s` */
export function milliseconds(ms) {
  if (ms === null || ms === undefined) return "unknown";
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

/**
 * Dollars for people: cents, and four significant digits of less than a dollar. What is there is never shown as nothing.
 * @param {string | number | null | undefined} amount
 * @returns {string}
 */
export function dollars(amount) {
  if (amount === null || amount === undefined) return "unknown";
  const value = Number(amount);
  if (value === 0 || Math.abs(value) >= 1) return `$${value.toFixed(2)}`;
  const places = Math.max(2, 3 - Math.floor(Math.log10(Math.abs(value))));
  const [whole, fraction] = value.toFixed(Math.min(places, 12)).split(".");
  return `$${whole}.${fraction.replace(/0+$/, "").padEnd(2, "0")}`;
}

/** @param {number} count @returns {string} with thin spaces between thousands */
export function whole(count) {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}
