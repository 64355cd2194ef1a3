/** Names of exceptions that say that a device is not there; some browsers still use those from before the standard. */
const GONE = new Set(["OverconstrainedError", "ConstraintNotSatisfiedError", "NotFoundError", "DevicesNotFoundError"]);

/**
 * Open the device that was chosen, or, where that is gone, the system's: what was chosen last week may be in a drawer.
 * @template Device
 * @param {"microphone" | "camera"} kind
 * @param {string | undefined} deviceId empty for the system's
 * @param {(deviceId: string | undefined) => Promise<Device>} open
 * @param {(trouble: { title: string, fix: string }) => void} tell
 * @returns {Promise<Device>}
 * @throws {DOMException} neither can be opened
 */
export async function openChosen(kind, deviceId, open, tell) {
  try {
    return await open(deviceId || undefined);
  } catch (error) {
    if (!deviceId || !GONE.has(error.name)) throw error;
    const device = await open(undefined);
    tell({ title: `The ${kind} chosen before is not connected.`, fix: "The system's is used. Choose another under Options." });
    return device;
  }
}
