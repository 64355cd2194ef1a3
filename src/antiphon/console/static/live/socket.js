// One WebSocket to the public Live endpoint. What it says goes to one listener, and to none once it was let go.

const SERVICE = "google.ai.generativelanguage.v1alpha.GenerativeService";
const decoder = new TextDecoder();

/**
 * @param {string} endpoint `ws(s)://host`, a prefix may follow
 * @param {string} secret an ephemeral token (`auth_tokens/…`), or an API key
 * @returns {string}
 */
export function liveUrl(endpoint, secret) {
  const base = endpoint.replace(/\/+$/, "");
  if (secret.startsWith("auth_tokens/")) {
    return `${base}/ws/${SERVICE}.BidiGenerateContentConstrained?access_token=${secret}`;
  }
  return `${base}/ws/${SERVICE}.BidiGenerateContent?key=${encodeURIComponent(secret)}`;
}

export class LiveSocket {
  #socket;
  #log;
  #now;
  #listener;
  #least = 0;
  #moved = null;

  /**
   * @param {string} url
   * @param {{ number: number, log: import("./wire.js").WireLog | null, now: () => number,
   *   listener: { opened(): void, received(message: object, at: number): void, ended(code: number, reason: string): void } }} options
   */
  constructor(url, { number, log, now, listener }) {
    this.number = number;
    this.#log = log;
    this.#now = now;
    this.#listener = listener;
    this.#socket = new WebSocket(url);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => this.#listener?.opened();
    this.#socket.onmessage = (event) => this.#take(event.data);
    this.#socket.onclose = (event) => this.#ended(event.code, event.reason);
  }

  /** Bytes that wait to be sent. */
  get waiting() {
    return this.#socket.bufferedAmount;
  }

  /**
   * Milliseconds since something last went out, while something waits to: a network that is gone closes nothing.
   * To be asked again and again.
   */
  get stalled() {
    const { bufferedAmount } = this.#socket;
    if (this.#moved === null || bufferedAmount === 0 || bufferedAmount < this.#least) this.#moved = this.#now();
    this.#least = bufferedAmount;
    return this.#now() - this.#moved;
  }

  /** @param {object} message @returns {boolean} whether it went out */
  send(message) {
    if (this.#socket.readyState !== WebSocket.OPEN) return false;
    const text = JSON.stringify(message);
    this.#socket.send(text);
    this.#log?.add({ direction: "out", at: this.#now(), text, socket: this.number });
    return true;
  }

  /** Close, and hear nothing more from it. */
  close(code = 1000, reason = "") {
    this.#listener = null;
    this.#socket.close(code, reason);
  }

  #take(data) {
    const at = this.#now();
    const text = typeof data === "string" ? data : decoder.decode(data);
    // What still comes of a socket that was let go did travel: it is in the log, and nowhere else.
    this.#log?.add({ direction: "in", at, text, socket: this.number });
    if (!this.#listener) return;
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    if (message && typeof message === "object") this.#listener.received(message, at);
  }

  #ended(code, reason) {
    this.#log?.addClose({ at: this.#now(), socket: this.number, close: { code, reason } });
    const listener = this.#listener;
    this.#listener = null;
    listener?.ended(code, reason);
  }
}
