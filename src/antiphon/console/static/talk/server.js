/** What the pages ask of the server they came from. */

import { API, ask } from "../lib/server.js";

/** Where the Live API is: a browser client connects to it like any other. */
export const ENDPOINT = location.origin.replace(/^http/, "ws");

/**
 * @typedef {{ version: string, models: { id: string, name: string, status: string }[],
 *   engines: { name: string, ready: boolean, detail: string }[], tls_port: number | null,
 *   recording: "off" | "consented" | "always", recording_days: number, keeps_content: boolean,
 *   may_see_sessions: boolean, picture_tokens: Record<string, number> }} Start
 */

/** What came with the page. @returns {Start} */
export function startData() {
  return JSON.parse(document.getElementById("data").textContent);
}

/** The same, as it is now. @returns {Promise<Start>} @throws {Error} the server cannot be reached, or refuses */
export function freshStart() {
  return ask("start");
}

/** @returns {Promise<string>} a token that begins one session within a minute @throws {Error} there is none to be had */
export async function newToken() {
  return (await ask("token", {})).name;
}

/** Where a session's trace is. @param {string} id */
export function traceAddress(id) {
  return new URL(`../sessions/${encodeURIComponent(id)}`, API).href;
}
