import { signal } from "../vendor/preact.js";
import { WireLog } from "../live/wire.js";
import { clock } from "../lib/format.js";

/** A saved call, shown once more. */
export class Saved {
  /** Signal: why a file could not be opened; "" while none failed */
  problem = signal("");
  /** Signal: the name of the open file */
  name = signal("");
  #talk;
  #player = null;
  #attempt = 0;

  /** @param {import("./talk.js").Talk} talk */
  constructor(talk) {
    this.#talk = talk;
  }

  /** @param {File} file JSON lines, as the wire panel saves them */
  async open(file) {
    this.problem.value = "";
    try {
      await this.show(WireLog.fromJSONL(await file.text()), file.name);
    } catch (error) {
      this.problem.value = `${file.name}: ${error.message}`;
    }
  }

  /** Show all of it at once. @param {WireLog} log @param {string} name */
  async show(log, name) {
    const { Replay } = await import("../live/replay.js");
    this.#stop();
    const replay = new Replay(log, { speed: Infinity });
    this.#show(replay, log, name);
    await replay.play();
  }

  /** Once more, as it sounded. Call it in a tap. */
  async listen() {
    const { Replay } = await import("../live/replay.js");
    const { log } = this.#talk;
    this.#stop();
    const attempt = this.#attempt;
    const player = await this.#talk.openPlayer();
    if (attempt !== this.#attempt) return void player?.close();
    this.#player = player;
    const replay = new Replay(log.value, { player: this.#player, speed: 1 });
    this.#show(replay, log.value, this.name.value);
    await replay.play();
  }

  close() {
    this.#stop();
    this.#talk.conversation.value = null;
    this.#talk.stage.value = "start";
  }

  /** @returns {string} how long it lasted */
  get length() {
    return clock(this.#talk.conversation.value.duration ?? 0);
  }

  #show(replay, log, name) {
    this.#talk.channel.value?.close();
    this.#talk.channel.value = null;
    this.#talk.log.value = log;
    this.#talk.conversation.value = replay;
    this.#talk.stage.value = "replay";
    this.name.value = name;
  }

  #stop() {
    this.#attempt += 1;
    this.#talk.conversation.value?.close?.();
    this.#player?.close();
    this.#player = null;
  }
}
