import { computed, signal } from "../vendor/preact.js";
import { Capture } from "../audio/capture.js";
import { explain } from "../audio/devices.js";
import { Player } from "../audio/player.js";
import { openCamera } from "../video/camera.js";
import { freshStart } from "./server.js";

/**
 * @typedef {{ state: "good" | "bad" | "open", text: string, fix?: string, link?: string }} Finding
 * "open": nobody tried yet
 */

const UNTRIED = { state: "open", text: "Not tried yet" };
const ALLOWED = { state: "open", text: "Allowed" };
const RATE = 24000;

/** What a call needs, looked at before one. Nothing is asked of the user before they press something. */
export class Checks {
  start;
  problem = signal("");
  microphone = signal(UNTRIED);
  speaker = signal(UNTRIED);
  camera = signal(UNTRIED);
  /** Signal: the microphone while it is tried */
  capture = signal(null);
  /** Signal: the picture while the camera is tried */
  picture = signal(null);
  /** How often each was closed: what comes later than that is closed at once. */
  #closed = { capture: 0, picture: 0 };

  /** @param {import("./server.js").Start} start */
  constructor(start) {
    this.start = signal(start);
    this.#lookAtPermissions();
  }

  server = computed(() => {
    if (!this.problem.value) return good(`Antiphon ${this.start.value.version}`);
    return bad(this.problem.value, "See that it runs and that this computer reaches it, then check again.");
  });

  engine = computed(() => {
    const { engines } = this.start.value;
    const [ready, down] = [engines.filter((each) => each.ready), engines.filter((each) => !each.ready)];
    const why = down.map((each) => `${each.name}: ${each.detail || "not ready"}`).join("; ");
    if (ready.length) return good(`${ready.map((each) => each.name).join(", ")} ready${why && ` (${why})`}`);
    return bad("No engine is ready", `${why || "None is configured"}. See the server's log, then check again.`);
  });

  page = computed(() => {
    if (isSecureContext) return good(location.protocol === "https:" ? "Encrypted" : "This computer");
    const port = this.start.value.tls_port;
    const found = bad("Browsers give no microphone to this address", "Open the page with https. Typing works here.");
    return port ? { ...found, link: `https://${location.hostname}:${port}${location.pathname}` } : found;
  });

  /** Whether a call can begin at all. */
  ready = computed(() => this.server.value.state === "good" && this.engine.value.state === "good");

  async again() {
    try {
      this.start.value = await freshStart();
      this.problem.value = "";
    } catch (error) {
      this.problem.value = error.message;
    }
  }

  /** Listen to the microphone until {@link close}. Call it in a tap. */
  async tryMicrophone(options) {
    this.closeMicrophone();
    try {
      const capture = await this.#unlessClosed("capture", Capture.open(options));
      if (capture) this.microphone.value = good(capture.label || "Microphone");
    } catch (error) {
      this.microphone.value = explained(error, "microphone");
    }
  }

  /** Play two tones. Call it in a tap. @param {{ sinkId?: string }} [options] */
  async trySpeaker({ sinkId } = {}) {
    try {
      const player = await Player.open({ sinkId });
      player.onDrained = () => player.close();
      player.enqueue(tones(), 0);
      this.speaker.value = good("Two tones were played. Nothing heard? Look at the volume and the chosen speaker.");
    } catch (error) {
      this.speaker.value = explained(error, "speaker");
    }
  }

  /** Look through the camera until {@link close}. Call it in a tap. */
  async tryCamera(options) {
    this.closeCamera();
    try {
      const picture = await this.#unlessClosed("picture", openCamera(options));
      if (picture) this.camera.value = good(picture.label || "Camera");
    } catch (error) {
      this.camera.value = explained(error, "camera");
    }
  }

  closeMicrophone() {
    this.#closed.capture += 1;
    this.capture.value?.close();
    this.capture.value = null;
  }

  closeCamera() {
    this.#closed.picture += 1;
    this.picture.value?.close();
    this.picture.value = null;
  }

  close() {
    this.closeMicrophone();
    this.closeCamera();
  }

  /** @param {"capture" | "picture"} name @param {Promise<any>} opening @returns {Promise<any>} null: nobody waits for it */
  async #unlessClosed(name, opening) {
    const closed = this.#closed[name];
    const device = await opening;
    if (closed === this.#closed[name]) return (this[name].value = device);
    device.close();
    return null;
  }

  /** What was decided earlier is known without asking. */
  async #lookAtPermissions() {
    for (const kind of ["microphone", "camera"]) {
      try {
        const status = await navigator.permissions.query({ name: /** @type {PermissionName} */ (kind) });
        this.#permission(kind, status.state);
        status.onchange = () => this.#permission(kind, status.state);
      } catch {
        // Some browsers do not tell; the row says "not tried".
      }
    }
  }

  #permission(kind, state) {
    const finding = this[kind];
    if (state === "denied") finding.value = explained(new DOMException("Permission denied", "NotAllowedError"), kind);
    else if (finding.peek().state !== "good") finding.value = state === "granted" ? ALLOWED : UNTRIED;
  }
}

const good = (text) => ({ state: "good", text });
const bad = (text, fix) => ({ state: "bad", text, fix });

function explained(error, source) {
  const { title, fix } = explain(error, source);
  return bad(title, fix);
}

/** A fourth, softly: half a second each. */
function tones() {
  const pcm = new Int16Array(RATE);
  for (let at = 0; at < RATE; at += 1) {
    const half = RATE / 2;
    const within = at % half;
    const envelope = Math.min(1, within / 480, (half - within) / 4800);
    pcm[at] = 6000 * envelope * Math.sin((2 * Math.PI * (at < half ? 440 : 587) * at) / RATE);
  }
  return pcm;
}
