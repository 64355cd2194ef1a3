// Numbers about many numbers.

/** The share by which the later half may differ from the first without being called slower or faster. */
const STEADY = 0.15;

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
  const [least, p50, p95, most] = [0, 0.5, 0.95, 1].map((share) => quantile(values, share));
  return { count: values.length, p50, p95, least, most };
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
  let change = "steady";
  if (after > before * (1 + STEADY)) change = "slower than at first";
  if (after < before * (1 - STEADY)) change = "faster than at first";
  const [from, to, middle, nearly] = [least, most, p50, p95].map(Math.round);
  const within = `half of them within ${middle} ms and 95 % within ${nearly} ms`;
  return `${count} answers after ${from} to ${to} ms, ${within}; ${change}.`;
}
