// Where the time of an answer went: from the end of what was asked to the first sound that was heard.
//
// The server knows when speech ended, when it was sure of that, when it began to answer and when the first output left
// it; the browser knows when that came and when it was heard. What is not known is no boundary: the stages beside it are
// one.

/**
 * Moments in ms of one clock, null where unknown, in the order in which they come.
 * @typedef {{ asked: number|null, decided: number|null, started: number|null, sent: number|null,
 *   received: number|null, heard: number|null }} Moments
 * @typedef {{ keys: string[], title: string, from: number, to: number, ms: number }} Stage `from`, `to`: ms since asked
 * @typedef {{ stages: Stage[], total: number, adjusted: number, last: string }} Waterfall
 * `total`: ms; `adjusted`: ms by which moments of two clocks had to be moved to be in order
 * @typedef {{ number: number, interrupted: boolean, typed: boolean, waterfall: Waterfall }} Answer
 * @typedef {{ turns: import("../live/turns.js").Turn[], lines: import("../live/captions.js").Line[] }} Heard
 * what a conversation shows
 */

/** What each stage is, by the moment that ends it. */
const STAGES = {
  decided: "End of turn decided",
  started: "Answer begun",
  sent: "First output sent",
  received: "First output received",
  heard: "First sample heard",
};
const ORDER = ["asked", ...Object.keys(STAGES)];
/** The browser's own: they are never moved. */
const OURS = new Set(["received", "heard"]);

/**
 * @param {Moments} moments
 * @param {boolean} typed what was typed has no end of speech that anybody must decide on
 * @returns {Waterfall | null} null where no beginning or no end is known
 */
export function waterfall(moments, typed = false) {
  const order = typed ? ORDER.filter((key) => key !== "decided") : ORDER;
  const known = order.filter((key) => Number.isFinite(moments[key]));
  if (known[0] !== "asked" || known.length < 2) return null;
  const { at, adjusted } = inOrder(known, moments);
  const stages = [];
  for (let i = 1; i < known.length; i += 1) {
    const keys = order.slice(order.indexOf(known[i - 1]) + 1, order.indexOf(known[i]) + 1);
    const [from, to] = [at[i - 1] - at[0], at[i] - at[0]];
    stages.push({ keys, title: keys.map((key) => STAGES[key]).join(", "), from, to, ms: to - from });
  }
  return { stages, total: at.at(-1) - at[0], adjusted, last: known.at(-1) };
}

/** The moments, none before the one before it. Those of the server give way: its clock is only known within a few ms. */
function inOrder(known, moments) {
  const at = known.map((key) => moments[key]);
  const wanted = [...at];
  for (let i = at.length - 2; i > 0; i -= 1) if (!OURS.has(known[i])) at[i] = Math.min(at[i], at[i + 1]);
  for (let i = 1; i < at.length; i += 1) at[i] = Math.max(at[i], at[i - 1]);
  return { at, adjusted: Math.max(0, ...at.map((moment, i) => Math.abs(moment - wanted[i]))) };
}

/**
 * Which turn of the server a turn of the browser shows: the last whose first output left before the first frame came.
 * Both count their turns differently, for there are some that only one of them has.
 * @param {{ number: number, firstFrame: number|null }[]} turns of the conversation, in order
 * @param {{ sent: number|null }[]} told turns of the server, in order, `sent` in ms of the browser's clock
 * @param {number} slack ms by which the two clocks may differ
 * @returns {Map<number, number>} from the number of a turn to an index in `told`
 */
export function match(turns, told, slack = 0) {
  const found = new Map();
  let next = 0;
  for (const turn of turns) {
    if (turn.firstFrame === null || turn.firstFrame === undefined) continue;
    let last = -1;
    for (let i = next; i < told.length; i += 1) {
      if (told[i].sent !== null && told[i].sent <= turn.firstFrame + slack) last = i;
    }
    if (last < 0) continue;
    found.set(turn.number, last);
    next = last + 1;
  }
  return found;
}

/**
 * What the server knows of its turns.
 * @param {import("./channel.js").Entry[]} entries
 * @param {(entry: import("./channel.js").Entry, seconds: number|undefined) => number|null} at
 * @returns {(Moments & { entry: import("./channel.js").Entry, spoken: boolean })[]}
 */
export function serverTurns(entries, at) {
  const turns = [];
  let decided = null;
  for (const entry of [...entries].sort((one, other) => one.connection - other.connection || one.at - other.at)) {
    if (entry.kind === "activity") decided = entry.ended === undefined ? null : entry;
    if (entry.kind === "words" && entry.how !== "heard") decided = null;
    if (entry.kind !== "turn") continue;
    const ours = decided && decided.connection === entry.connection && decided.ended <= entry.at + 0.001;
    const asked = entry.latency === undefined || entry.first === undefined ? undefined : entry.first - entry.latency;
    turns.push({
      entry,
      spoken: Boolean(ours),
      asked: at(entry, asked),
      decided: ours ? at(entry, decided.ended) : null,
      started: at(entry, entry.at),
      sent: at(entry, entry.first),
      received: null,
      heard: null,
    });
    decided = null;
  }
  return turns;
}

/**
 * The waterfall of every answer that there is one of, in order.
 * @param {Heard | null} heard null for who only looks on
 * @param {import("./channel.js").Channel | null} channel
 * @returns {Answer[]}
 */
export function answers(heard, channel) {
  const entries = channel?.entries.value ?? [];
  const told = serverTurns(entries, (entry, seconds) => channel.at(entry, seconds));
  const all = heard ? both(heard, told, 5 + (channel?.rtt.value ?? 0) / 2) : told.map(alone);
  return all.filter((each) => each.waterfall);
}

/**
 * @param {import("../live/conversation.js").Conversation | null} conversation
 * @returns {Heard | null} for {@link answers}
 */
export function heardIn(conversation) {
  return conversation ? { turns: conversation.turns.value, lines: conversation.lines.value } : null;
}

function alone(told) {
  const { number, interrupted } = told.entry;
  return { number, typed: !told.spoken, interrupted: interrupted !== undefined, waterfall: waterfall(told, !told.spoken) };
}

function both({ turns, lines }, told, slack) {
  const written = new Map();
  for (const { who, kind, turn, at } of lines) if (who === "model" && !kind && !written.has(turn)) written.set(turn, at);
  const received = turns.map((turn) => ({ ...turn, firstFrame: turn.firstFrame ?? written.get(turn.number) ?? null }));
  const found = match(received, told, slack);
  return received.map((turn) => answer(turn, told[found.get(turn.number)]));
}

function answer(turn, told) {
  const typed = told ? !told.spoken : turn.decided === null || turn.decided === undefined;
  const moments = {
    // When the last sound of the speech was taken here, or the text was sent; else when the server had that sound.
    asked: turn.requested ?? told?.asked ?? null,
    decided: told?.decided ?? turn.decided ?? null,
    started: told?.started ?? null,
    sent: told?.sent ?? null,
    received: turn.firstFrame,
    heard: turn.firstHeard,
  };
  return { number: turn.number, typed, interrupted: turn.interrupted !== null && turn.interrupted !== undefined, waterfall: waterfall(moments, typed) };
}
