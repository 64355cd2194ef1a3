// Which devices there are, and what to do when one is refused.
import { signal } from "../vendor/preact.js";
import { explanation } from "./problems.js";

/**
 * @typedef {{ deviceId: string, label: string }} Device
 * @typedef {"microphone" | "camera" | "screen" | "speaker"} Source
 */

/** What a browser lists. Names are invented until a permission was given: `named` says whether they are real. */
export const devices = signal({ microphones: [], speakers: [], cameras: [], named: false });

const KINDS = [
  ["microphones", "audioinput", "Microphone"],
  ["speakers", "audiooutput", "Speaker"],
  ["cameras", "videoinput", "Camera"],
];

/**
 * Keeps `devices` right while devices come and go.
 *
 * @returns {() => void} Stops it.
 */
export function watchDevices() {
  refreshDevices();
  const watched = navigator.mediaDevices;
  watched?.addEventListener?.("devicechange", refreshDevices);
  return () => watched?.removeEventListener?.("devicechange", refreshDevices);
}

/** Lists the devices anew: names appear with the first permission, and no event tells. */
export async function refreshDevices() {
  let found;
  try {
    found = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  } catch {
    found = []; // A browser that refuses the list still opens the default device.
  }
  const lists = KINDS.map(([list, kind, name]) => [list, named(found.filter((each) => each.kind === kind), name)]);
  devices.value = { ...Object.fromEntries(lists), named: found.some((each) => each.label !== "") };
}

function named(found, name) {
  return found.map(({ deviceId, label }, index) => ({ deviceId, label: label || `${name} ${index + 1}` }));
}

/**
 * The browser's door to devices.
 *
 * @returns {MediaDevices}
 * @throws {DOMException} SecurityError when the page came over plain http from another machine: then there is none.
 */
export function mediaDevices() {
  if (navigator.mediaDevices) return navigator.mediaDevices;
  const name = globalThis.isSecureContext ? "NotSupportedError" : "SecurityError";
  throw new DOMException("navigator.mediaDevices is missing", name);
}

/**
 * Does something with a device; an error of it says with which, so that `explain` needs no more.
 *
 * @template T
 * @param {Source} source
 * @param {() => Promise<T>} action
 * @returns {Promise<T>}
 */
export async function withSource(source, action) {
  try {
    return await action();
  } catch (error) {
    if (error && typeof error === "object") error.source ??= source;
    throw error;
  }
}

/**
 * What went wrong and what to do about it, in plain words.
 *
 * @param {any} error What getUserMedia, getDisplayMedia, setSinkId or an AudioContext threw.
 * @param {Source} [source] With which device; errors of this console's own modules know it.
 * @returns {{ title: string, fix: string }}
 */
export function explain(error, source = error?.source ?? "microphone") {
  const secure = globalThis.isSecureContext !== false;
  return explanation({ name: error?.name ?? "", message: `${error?.message ?? error ?? ""}`, source, secure });
}
