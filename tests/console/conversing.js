// What the tests of conversations share: a loudspeaker that has played as much as a test says, and a conversation.
class FakePlayer {
  seconds = {};
  played = {};
  flushes = [];
  last = 0;
  onFirst = () => {};
  onDrained = () => {};
  onCut = () => {};
  enqueue(pcm, turn) {
    if (!this.seconds[turn]) this.onFirst({ turn, at: performance.now() });
    this.seconds[turn] = (this.seconds[turn] ?? 0) + pcm.length / 24000;
    this.last = turn;
  }
  heard(turn) {
    return Math.min(this.seconds[turn] ?? 0, this.played[turn] ?? 0);
  }
  play(seconds) {
    this.played[this.last] = seconds;
  }
  flush() {
    const turn = this.last;
    const heardSeconds = this.heard(turn);
    const droppedSeconds = (this.seconds[turn] ?? 0) - heardSeconds;
    this.seconds[turn] = heardSeconds;
    this.flushes.push(performance.now());
    return { turn, heardSeconds, droppedSeconds };
  }
}

window.FakePlayer = FakePlayer;
window.SETUP = {
  model: "models/gemini-3.8-live",
  generationConfig: { responseModalities: ["AUDIO"] },
  inputAudioTranscription: {},
  outputAudioTranscription: {},
};
window.token = async () => {
  const answer = await fetch("/console/api/token", { method: "POST" });
  return (await answer.json()).name;
};
/** A conversation with this server; `say` is what the test looks at: every signal as plain data. */
window.converse = ({ setup = {}, player = null, token = window.token, now } = {}) => {
  const log = new wire.WireLog();
  const conversation = new conversing.Conversation({
    endpoint: location.origin.replace(/^http/, "ws"), token, setup: () => ({ ...SETUP, ...setup }), player, log, now,
  });
  conversation.setup = setup;
  conversation.log = log;
  conversation.seen = () => ({
    state: conversation.state.value, activity: conversation.activity.value, problem: conversation.problem.value,
    session: conversation.sessionId.value, lines: conversation.lines.value, tools: conversation.tools.value,
    turns: conversation.turns.value, usage: conversation.usage.value, reconnects: conversation.reconnects.value,
    dropped: conversation.dropped.value, goAway: conversation.goAway.value,
  });
  return conversation;
};
