// What pages show of a conversation, whether it runs or is replayed.

export class Shown {
  /** @type {import("./reading.js").Reading} */
  reading;

  get activity() { return this.reading.activity; }
  get sessionId() { return this.reading.sessionId; }
  get goAway() { return this.reading.goAway; }
  get lines() { return this.reading.captions.lines; }
  get tools() { return this.reading.tools.calls; }
  get turns() { return this.reading.turns.turns; }
  get usage() { return this.reading.usage; }
  get reconnects() { return this.reading.reconnects; }
  get player() { return this.reading.player; }

  /** @param {import("./captions.js").Line} line @returns {number} how many of its characters have been heard by now */
  heardOf(line) {
    return this.reading.heardOf(line);
  }
}
