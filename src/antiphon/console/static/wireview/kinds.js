// What kind of message a frame holds, told from its head: frames of sound are long, and there are many.

const SMALL = 4096;
const PREVIEW = 160;
const MIME = '"mimeType"';
const described = new WeakMap();

/**
 * @typedef {{ kind: string, preview: string, bytes: number, sound: { seconds: number }|null, media: boolean }} Description
 *   `sound`: the frame holds sound and nothing else; `media`: it holds data that nobody reads
 */

/** @param {import("../live/wire.js").Frame} frame @returns {Description} */
export function describe(frame) {
  if (!described.has(frame)) described.set(frame, look(frame));
  return described.get(frame);
}

function look(frame) {
  if (frame.close) {
    const { code, reason } = frame.close;
    return { kind: "close", preview: `${code} ${reason}`.trim(), bytes: 0, sound: null, media: false };
  }
  const { text } = frame;
  const media = text.length > SMALL || text.includes('"audio/pcm') || text.includes('"image/');
  const bytes = text.length;
  if (media) return { kind: fromHead(text), preview: "", bytes, sound: soundIn(text), media };
  const message = parsed(text);
  if (!message) return { kind: "not JSON", preview: text.slice(0, PREVIEW), bytes, sound: null, media };
  return { kind: kindOf(message), preview: preview(message), bytes, sound: null, media };
}

function fromHead(text) {
  const [, outer, inner] = /^\s*\{\s*"(\w+)"\s*:\s*(?:\{\s*"(\w+)")?/.exec(text.slice(0, 200)) ?? [];
  if (!outer) return "not JSON";
  return inner && ["realtimeInput", "serverContent"].includes(outer) ? `${outer}.${inner}` : outer;
}

function kindOf(message) {
  const kinds = Object.entries(message).map(([key, value]) => {
    const within = ["realtimeInput", "serverContent"].includes(key) ? Object.keys(value ?? {}) : [];
    return within.length ? `${key}.${within.join("+")}` : key;
  });
  return kinds.length ? kinds.join(" + ") : "empty";
}

function preview(message) {
  const content = message.serverContent ?? {};
  const spoken = content.inputTranscription ?? content.interimInputTranscription ?? content.outputTranscription;
  const calls = message.toolCall?.functionCalls;
  if (spoken) return spoken.text ?? "";
  if (typeof message.realtimeInput?.text === "string") return message.realtimeInput.text;
  if (calls) return calls.map(({ name, args }) => `${name}(${JSON.stringify(args ?? {})})`).join(", ");
  if (message.usageMetadata) return `${message.usageMetadata.totalTokenCount ?? 0} tokens`;
  if (message.voiceActivity) return `at ${message.voiceActivity.audioOffset ?? "?"}: ${message.voiceActivity.type}`;
  const [value] = Object.values(message);
  // Flags say all they say by their names, which stand beside this.
  if (value === true || Object.values(value ?? {}).every((each) => each === true)) return "";
  return (JSON.stringify(value) ?? "").slice(0, PREVIEW);
}

/** The sound in a frame, if that is all it holds. */
function soundIn(text) {
  const type = text.indexOf('"audio/pcm');
  if (type < 0 || text.indexOf(MIME) !== text.lastIndexOf(MIME)) return null;
  const label = text.indexOf('"data"');
  const start = text.indexOf('"', text.indexOf(":", label) + 1) + 1;
  const end = text.indexOf('"', start);
  if (label < 0 || end < 0) return null;
  const around = text.slice(0, start) + text.slice(end);
  if (/Transcription|Complete|interrupted|usageMetadata|"text"|Metadata|activity/.test(around)) return null;
  const rate = Number(/rate=(\d+)/.exec(around)?.[1] ?? (around.includes("realtimeInput") ? 16_000 : 24_000));
  return { seconds: Math.floor(((end - start) * 3) / 4 / 2) / rate };
}

function parsed(text) {
  try {
    const message = JSON.parse(text);
    return message && typeof message === "object" ? message : null;
  } catch {
    return null;
  }
}
