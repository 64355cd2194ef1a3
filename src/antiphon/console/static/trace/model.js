// What is drawn of a connection: a tree of spans, made from its timeline. Times are seconds since it began.

import { duration } from "./format.js";

/**
 * @typedef {object} Node one thing that happened
 * @property {string} id unique in the connection; that of a turn is its anchor
 * @property {number} entry its place in the timeline, -1 for none
 * @property {"user"|"model"|"tool"|"gap"|"engine"|"remark"|"stage"} kind
 * @property {string} label
 * @property {string} detail
 * @property {number} begins
 * @property {number} ends
 * @property {"user"|"model"|"tool"|"event"|""} lane where it is drawn; "" for stages
 * @property {boolean} [bad] something went wrong
 * @property {Node[]} children
 */

/**
 * A session as the server tells it; times in seconds since its connection began.
 * @typedef {{ connections: Connection[] }} Session
 * @typedef {object} Connection
 * @property {Record<string, any>} record
 * @property {{ entries: Record<string, any>[] } | null} timeline
 * @property {Record<"user" | "model", { url: string, peaks: string, seconds: number }>} sound what was recorded
 * @property {Record<number, { begins: number, ends: number }>} speech of entries, by their place
 * @property {Line[]} lines
 *
 * @typedef {Record<string, any> & { node?: Node }} Line a line of the transcript, and what it belongs to
 */

/** @param {Connection} connection @returns {number} seconds, never 0 */
export function length(connection) {
  const sounds = Object.values(connection.sound).map((sound) => sound.seconds);
  const ends = (connection.timeline?.entries ?? []).map((entry) => entry.ended ?? entry.at);
  return Math.max(0.5, connection.record.seconds, ...sounds, ...ends);
}

/** @param {Connection} connection @returns {Node[]} what is right below the connection, in order */
export function nodes(connection) {
  const entries = connection.timeline?.entries ?? [];
  const made = entries.map((entry, number) => MAKERS[entry.kind]?.(entry, number, connection) ?? null);
  const turns = new Map();
  entries.forEach((entry, number) => entry.kind === "turn" && turns.set(entry.number, made[number]));
  const top = [];
  made.forEach((node, number) => {
    if (!node) return;
    const above = entries[number].kind === "tool" ? turns.get(entries[number].turn) : undefined;
    (above ? above.children : top).push(node);
  });
  for (const turn of turns.values()) turn.children.sort((a, b) => a.begins - b.begins);
  return top.sort((a, b) => a.begins - b.begins);
}

/** @param {Node[]} tree @returns {Node[]} all of it, those above before those below */
export function flatten(tree) {
  return tree.flatMap((node) => [node, ...flatten(node.children)]);
}

const MAKERS = {
  activity(entry, number, connection) {
    const speech = connection.speech[number];
    const detail = entry.detected === false ? "as the client says" : "detected";
    return node(`entry-${number}`, number, "user", "User speaks", detail, speech.begins, speech.ends, "user");
  },
  turn(entry, number, connection) {
    const speech = connection.speech[number];
    const ends = Math.max(entry.ended ?? entry.at, speech?.ends ?? 0);
    const lane = speech ? "" : "model";
    const label = `Turn ${entry.number}`;
    const made = node(`turn-${entry.number}`, number, "model", label, outcome(entry), entry.at, ends, lane);
    made.bad = entry.outcome === "abandoned";
    made.children = [...stages(entry, number, speech)];
    return made;
  },
  tool(entry, number) {
    const ends = entry.ended ?? entry.at;
    const made = node(`entry-${number}`, number, "tool", entry.name, entry.outcome ?? "waits", entry.at, ends, "tool");
    made.bad = entry.outcome === "expired";
    return made;
  },
  gap(entry, number) {
    const detail = `without ${entry.lost}: ${entry.reason}`;
    const label = entry.where === "engine" ? "Engine gap" : "Upstream gap";
    const made = node(`entry-${number}`, number, "gap", label, detail, entry.at, entry.at + entry.seconds, "event");
    made.bad = !entry.next;
    return made;
  },
  engine(entry, number) {
    const label = `Engine ${entry.what}`;
    const made = node(`entry-${number}`, number, "engine", label, entry.engine ?? "", entry.at, entry.at, "event");
    made.bad = entry.what !== "opened";
    return made;
  },
  remark(entry, number) {
    const label = capital(entry.about);
    const made = node(`entry-${number}`, number, "remark", label, entry.text, entry.at, entry.at, "event");
    made.bad = entry.about === "refused" || entry.about === "budget";
    return made;
  },
};

function* stages(turn, number, speech) {
  const stage = (name, label, begins, ends, lane = "") =>
    node(`turn-${turn.number}-${name}`, number, "stage", label, "", begins, ends, lane);
  if (turn.latency !== undefined && turn.first !== undefined) {
    yield stage("wait", "User waits", turn.first - turn.latency, turn.first, "model");
  }
  if (turn.complete !== undefined) yield stage("make", "Answer is made", turn.at, turn.complete);
  if (speech) yield stage("speech", "Speech is heard", speech.begins, speech.ends, "model");
  if (turn.interrupted !== undefined) yield stage("cut", "Interrupted", turn.interrupted, turn.interrupted, "model");
}

function outcome(turn) {
  const told = [turn.outcome ?? "goes on"];
  if (turn.latency !== undefined) told.push(`first output after ${duration(turn.latency)}`);
  return told.join(", ");
}

function node(id, entry, kind, label, detail, begins, ends, lane) {
  return { id, entry, kind, label, detail, begins, ends: Math.max(begins, ends), lane, children: [] };
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
