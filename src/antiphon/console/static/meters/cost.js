// Money as pages show it. Amounts come as exact decimal strings; what is computed here is for looking at only.

import { dollars } from "../lib/format.js";

/**
 * What the channel tells of money: amounts in dollars as exact decimals, null where something has no known price.
 * @typedef {{ name: string, count: string, amount: string | null }} Part
 * @typedef {{ amount: string, basis: string } | null} Projection of ten minutes
 * @typedef {{ model: string, amount: string | null, per_minute: string | null, by: Part[],
 *   projection?: Projection }} Hosted
 * @typedef {{ amount: string | null, unknown: string[], provisional: boolean, free: boolean, by: Part[],
 *   seconds: number, per_minute: string | null, projected_ten_minutes: string | null, projection?: Projection, hosted: Hosted | null,
 *   budget: { kind: string, limit: string, spent: string, used: string } | null }} Money
 */

/** The parts of a bill in the order of the table; others follow as they come. */
const ORDER = [
  "audio in", "audio out", "text in", "text out", "image in", "video in", "thoughts",
  "cached audio", "cached text", "cached image", "cached video", "searches",
];

/**
 * Both bills part by part.
 * @param {Money} money
 * @returns {{ name: string, count: number, amount: string|null|undefined, hosted: string|null|undefined }[]}
 *   dollars; null: has no price; undefined: not on that bill
 */
export function costRows(money) {
  const rows = new Map();
  for (const { name, count, amount } of money.by) rows.set(name, { name, count: Number(count), amount });
  for (const { name, count, amount } of money.hosted?.by ?? []) {
    rows.set(name, { count: Number(count), ...rows.get(name), name, hosted: amount });
  }
  const place = ({ name }) => (ORDER.indexOf(name) + 1 || ORDER.length + 1);
  return [...rows.values()].sort((one, other) => place(one) - place(other));
}

/**
 * The bill of a session that went on in other calls: what each of them cost, and what the latest says of the future.
 * @param {Money[]} bills call by call
 * @returns {Money | null}
 */
export function together(bills) {
  const last = bills.at(-1) ?? null;
  if (bills.length < 2) return last;
  const seconds = bills.reduce((sum, each) => sum + each.seconds, 0);
  const charged = bills.filter((each) => each.by.length || each.unknown.length);
  const amount = total(bills.map((each) => each.amount));
  const hosted = total(bills.map((each) => each.hosted.amount));
  const hostedBy = parts(bills.map((each) => each.hosted.by));
  return {
    ...last,
    seconds,
    amount,
    unknown: [...new Set(bills.flatMap((each) => each.unknown))],
    provisional: bills.some((each) => each.provisional),
    free: charged.length > 0 && charged.every((each) => each.free),
    by: parts(bills.map((each) => each.by)),
    per_minute: minute(amount, seconds),
    hosted: { ...last.hosted, amount: hosted, by: hostedBy, per_minute: minute(hosted, seconds) },
  };
}

const minute = (amount, seconds) => (amount === null || seconds < 1 ? null : String((Number(amount) * 60) / seconds));

/** A sum of dollars to the picodollar; null if any of it is unknown. */
function total(amounts) {
  if (amounts.some((amount) => amount === null)) return null;
  return amounts.reduce((sum, amount) => sum + Number(amount), 0).toFixed(12);
}

function parts(lists) {
  const sums = new Map();
  for (const { name, count, amount } of lists.flat()) {
    const before = sums.get(name) ?? { count: 0, amount: "0" };
    sums.set(name, { name, count: String(Number(before.count) + Number(count)), amount: total([before.amount, amount]) });
  }
  return [...sums.values()];
}

/**
 * How the bill grew: after each turn, its minutes since the session began and what it had come to, in dollars.
 * @param {import("./channel.js").Entry[]} entries
 * @returns {{ number: number, minutes: number, cost: number, hosted: number }[]}
 */
export function costCurve(entries) {
  let [cost, hosted, before] = [0, 0, 0];
  /** @type {{ connection: number, ended?: number }} */
  let last = { connection: 0, ended: 0 };
  const turns = entries.filter((entry) => entry?.kind === "turn" && entry.ended !== undefined);
  turns.sort((one, other) => one.connection - other.connection || one.ended - other.ended);
  return turns.map((turn) => {
    // Calls of one session are drawn one after the other.
    if (turn.connection !== last.connection) before += last.ended;
    last = turn;
    cost += Number(turn.cost?.known ?? 0);
    hosted += Number(turn.hosted ?? 0);
    return { number: turn.number, minutes: (before + turn.ended) / 60, cost, hosted };
  });
}

/**
 * The bill in a sentence.
 * @param {Money | null} money
 * @returns {string}
 */
export function bill(money) {
  if (!money) return "Costs are not told yet.";
  const { free, amount, unknown, hosted } = money;
  const more = unknown.length ? " and what has no known price" : "";
  const here = free
    ? "This call costs nothing: it runs on this server's own hardware"
    : `This call has cost ${dollars(amount)}${more} until now`;
  if (hosted?.amount == null) return `${here}.`;
  return `${here}; the hosted ${hosted.model} would have charged ${dollars(hosted.amount)} for the same.`;
}
