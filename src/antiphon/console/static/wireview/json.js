// Messages for people to read, and whole ones to copy.

import { whole } from "../lib/format.js";

const LONG = 120;
const HEAD = 32;
const SHOWN = 5;
const BASE64 = /^[A-Za-z0-9+/_-]+=*$/;

/** @param {import("./rows.js").Row} row @returns {string} with encoded data shortened */
export function readable(row) {
  const shown = row.frames.slice(0, SHOWN).map((frame) => pretty(messageOf(frame), shorten));
  const more = row.frames.length - shown.length;
  return shown.join("\n") + (more > 0 ? `\n… ${whole(more)} more frames of sound` : "");
}

/** @param {import("./rows.js").Row} row @returns {string} all of it, as JSON; a list where it is folded */
export function entire(row) {
  const messages = row.frames.map(messageOf);
  return pretty(messages.length > 1 ? messages : messages[0]);
}

function messageOf(frame) {
  if (frame.close) return { close: frame.close };
  try {
    return JSON.parse(frame.text);
  } catch {
    return frame.text;
  }
}

function pretty(value, replacer) {
  return JSON.stringify(value, replacer, 2);
}

function shorten(_, value) {
  if (typeof value !== "string" || value.length <= LONG || !BASE64.test(value)) return value;
  return `${value.slice(0, HEAD)}…${whole(value.length)} characters`;
}
