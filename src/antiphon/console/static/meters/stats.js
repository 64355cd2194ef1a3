// Numbers about many numbers.

/**
 * The value below which a share of the values is, between two values in proportion.
 * @param {number[]} values
 * @param {number} share 0..1
 * @returns {number | null} null without values
 */
export function quantile(values, share) {
  if (!values.length) return null;
  const sorted = [...values].sort((one, other) => one - other);
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
}

/**
 * @param {number[]} values
 * @returns {{ count: number, p50: number|null, p95: number|null, least: number|null, most: number|null }}
 */
export function summary(values) {
  return { count: values.length, p50: quantile(values, 0.5), p95: quantile(values, 0.95), least: quantile(values, 0), most: quantile(values, 1) };
}

/**
 * What response times did, in a sentence.
 * @param {number[]} values ms, in order
 * @returns {string}
 */
export function trend(values) {
  if (!values.length) return "No answers yet.";
  const { count, p50, p95, least, most } = summary(values);
  if (count === 1) return `One answer, after ${Math.round(p50)} ms.`;
  const half = Math.floor(count / 2);
  const [before, after] = [quantile(values.slice(0, half), 0.5), quantile(values.slice(-half), 0.5)];
  const change = after > before * 1.15 ? "slower than at first" : after < before * 0.85 ? "faster than at first" : "steady";
  return `${count} answers after ${Math.round(least)} to ${Math.round(most)} ms, half of them within ${Math.round(p50)} ms and 95 % within ${Math.round(p95)} ms; ${change}.`;
}
