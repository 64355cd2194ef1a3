/**
 * Settings as the part of an address after `#`: JSON, deflated, in the alphabet of base64url.
 *
 * A link is read by people who trust it, so nothing secret goes in; and it may come from anybody, so what comes out is
 * data and nothing else.
 */

import { fromBase64, toBase64 } from "../lib/base64.js";

const PREFIX = "s=";
const SECRET = /(^|[^a-z])(key|token|secret|password|authorization|credential)s?$/i;
const MAX_LINK = 100_000;
const MAX_SETUP = 1_000_000;

/** A link that cannot be opened; the message says why. */
export class BrokenLink extends Error {}

/**
 * The setup without what only its owner should have: resumption handles, credentials of tool servers, and whatever
 * is called a key, a token, a secret or an authorization.
 * @param {unknown} value
 * @returns {any}
 */
function withoutSecrets(value, parent = "") {
  if (Array.isArray(value)) return value.map((each) => withoutSecrets(each, parent));
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([name, member]) => !isSecret(name, member, parent));
  return Object.fromEntries(kept.map(([name, member]) => [name, clean(name, member)]));
}

/**
 * What a link leaves out of a setup.
 * @param {unknown} setup
 * @returns {string[]} the paths of it
 */
export function leftOut(setup) {
  return differences(setup, withoutSecrets(setup), "");
}

function differences(before, after, path) {
  if (after === undefined) return [path];
  if (typeof before !== "object" || before === null) return before === after ? [] : [`what is secret in ${path}`];
  return Object.keys(before).flatMap((name) => {
    const inner = Array.isArray(before) ? `${path}[${name}]` : path ? `${path}.${name}` : name;
    return differences(before[name], after[name], inner);
  });
}

/** What declares a parameter is no secret, whatever the parameter is called. */
const SCHEMAS = new Set(["parameters", "parametersJsonSchema", "response", "responseJsonSchema", "responseSchema"]);

function clean(name, member) {
  if (SCHEMAS.has(camel(name))) return member;
  if (camel(name) === "url" && typeof member === "string") return withoutCredentials(member);
  return withoutSecrets(member, camel(name));
}

function isSecret(name, member, parent) {
  const spelled = camel(name);
  if (spelled === "handle" && parent === "sessionResumption") return true;
  if (spelled === "headers" || spelled === "authConfig") return true;
  // maxOutputTokens and the like are counts, which clients may write as text.
  if (typeof member === "number" || /^\d+$/.test(member)) return false;
  return SECRET.test(spelled.replace(/([a-z])([A-Z])/g, "$1 $2"));
}

function camel(name) {
  return name.replace(/_+([a-z0-9])/g, (_, letter) => letter.toUpperCase());
}

function withoutCredentials(text) {
  try {
    const url = new URL(text);
    url.username = url.password = url.search = url.hash = "";
    return url.href;
  } catch {
    return "";
  }
}

/**
 * @param {object} setup
 * @returns {Promise<string>} what follows `#` in an address
 */
export async function encode(setup) {
  const bytes = new TextEncoder().encode(JSON.stringify(withoutSecrets(setup)));
  return PREFIX + toText(await through(bytes, new CompressionStream("deflate-raw")));
}

/**
 * @param {string} hash with or without `#`
 * @returns {boolean} whether it holds settings at all
 */
export function holdsSettings(hash) {
  return hash.replace(/^#/, "").startsWith(PREFIX);
}

/**
 * @param {string} hash
 * @returns {Promise<object>} the setup
 * @throws {BrokenLink} it is cut off, too long or holds no setup
 */
export async function decode(hash) {
  const text = hash.replace(/^#/, "").slice(PREFIX.length);
  if (text.length > MAX_LINK) throw new BrokenLink("it is too long");
  let value;
  try {
    const bytes = await through(fromBase64(text), new DecompressionStream("deflate-raw"), MAX_SETUP);
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    if (error instanceof BrokenLink) throw error;
    throw new BrokenLink("it is incomplete or was changed on its way");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new BrokenLink("it holds no setup");
  return withoutSecrets(value);
}

async function through(bytes, stream, limit = Infinity) {
  const writer = stream.writable.getWriter();
  // What is wrong with the data shows on the reading side.
  writer.write(bytes).catch(() => {});
  writer.close().catch(() => {});
  const pieces = [];
  let size = 0;
  const reader = stream.readable.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > limit) {
      await reader.cancel();
      throw new BrokenLink("it is too long");
    }
    pieces.push(value);
  }
  return joined(pieces, size);
}

function joined(pieces, size) {
  const all = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

function toText(bytes) {
  return toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
