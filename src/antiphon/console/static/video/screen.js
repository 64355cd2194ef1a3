// The screen, a window or a tab.
import { mediaDevices, withSource } from "../audio/devices.js";
import { Frames } from "./frames.js";

/** Whether a screen can be shared here, and if not why. */
export const screenSupport = support();

/**
 * Asks for a screen, a window or a tab. Call it in a tap.
 *
 * @returns {Promise<Frames>} Its `ended` turns true when the browser's own button ends the sharing.
 * @throws {DOMException} `explain` of devices.js says what to do.
 */
export async function openScreen() {
  return withSource("screen", async () => {
    if (!mediaDevices().getDisplayMedia) throw new DOMException("getDisplayMedia is missing", "NotSupportedError");
    // A few pictures a second are sent at most: more would only warm the machine.
    return new Frames(await mediaDevices().getDisplayMedia({ video: { frameRate: { ideal: 5 } }, audio: false }));
  });
}

function support() {
  if (!globalThis.isSecureContext) return { available: false, reason: "Sharing a screen needs https or localhost." };
  if (navigator.mediaDevices?.getDisplayMedia) return { available: true, reason: "" };
  return { available: false, reason: "This browser cannot share a screen; those on phones cannot. Use the camera." };
}
