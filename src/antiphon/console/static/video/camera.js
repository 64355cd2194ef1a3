// The camera.
import { mediaDevices, refreshDevices, withSource } from "../audio/devices.js";
import { Frames } from "./frames.js";

/** Larger pictures are scaled down anyway, and a small one is all that some cameras give. */
const SIZE = { width: { ideal: 1280 }, height: { ideal: 720 } };

/** A camera, whose front and back can be changed. */
export class Camera extends Frames {
  #facing;

  /**
   * @param {MediaStream} stream
   * @param {"user" | "environment"} facing Which way it was asked to look.
   */
  constructor(stream, facing) {
    super(stream);
    this.#facing = this.track.getSettings().facingMode || facing;
  }

  /** Which way it looks: "user" is the front of a phone. */
  get facing() {
    return this.#facing;
  }

  /**
   * Turns to the other side, or to the next camera where sides are not known.
   *
   * @returns {Promise<boolean>} Whether there is another one.
   * @throws {DOMException} When neither the other one nor the present one can be opened: then it has ended.
   */
  async flip() {
    const cameras = (await mediaDevices().enumerateDevices()).filter((each) => each.kind === "videoinput");
    if (cameras.length < 2) return false;
    const { deviceId, facingMode } = this.track.getSettings();
    const wanted = facingMode ? opposite(facingMode) : following(cameras, deviceId);
    this.track.stop(); // Phones open one camera at a time.
    try {
      await this.#swap(wanted);
    } catch (error) {
      await this.#swap({ deviceId: { exact: deviceId } }).catch(() => this.fail());
      throw Object.assign(error, { source: "camera" });
    }
    return true;
  }

  async #swap(constraint) {
    const fresh = (await mediaDevices().getUserMedia({ video: { ...SIZE, ...constraint } })).getVideoTracks()[0];
    if (this.closed) return fresh.stop();
    for (const track of this.stream.getVideoTracks()) this.stream.removeTrack(track);
    this.stream.addTrack(fresh);
    const facing = fresh.getSettings().facingMode ?? constraint.facingMode?.ideal;
    this.#facing = facing ?? this.#facing;
    this.watch(fresh);
  }
}

/**
 * Asks for a camera.
 *
 * @param {{ deviceId?: string, facingMode?: "user" | "environment" }} [wanted]
 * @returns {Promise<Camera>}
 * @throws {DOMException} `explain` of devices.js says what to do.
 */
export async function openCamera({ deviceId, facingMode = "user" } = {}) {
  return withSource("camera", async () => {
    const which = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: { ideal: facingMode } };
    const stream = await mediaDevices().getUserMedia({ video: { ...SIZE, ...which } });
    refreshDevices();
    return new Camera(stream, facingMode);
  });
}

function opposite(facingMode) {
  return { facingMode: { ideal: facingMode === "user" ? "environment" : "user" } };
}

function following(cameras, deviceId) {
  const index = cameras.findIndex((each) => each.deviceId === deviceId);
  return { deviceId: { exact: cameras[(index + 1) % cameras.length].deviceId } };
}
