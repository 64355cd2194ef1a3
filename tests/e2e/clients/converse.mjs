// Talks to a Live API server with an unmodified @google/genai and prints what happened as JSON.
//
//     node converse.mjs SPEECH_FOLDER [SCENARIO ...]
//
// BASE_URL, if set, is given to the client as httpOptions.baseUrl; otherwise the environment alone says where the
// server is (GOOGLE_GEMINI_BASE_URL, NODE_EXTRA_CA_CERTS). Each scenario is a session of its own, and the facts have
// the shape of those of converse.py. A scenario that throws is reported as {"error": ...}.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

// Resolved from the working directory: the SDK is installed there, not beside this file.
const { GoogleGenAI, Modality } = createRequire(join(process.cwd(), 'package.json'))('@google/genai');

const MODEL = 'gemini-3.8-live';
const RATE = 16_000;
const CHUNK_SECONDS = 0.02;
const CHUNK_BYTES = 2 * RATE * CHUNK_SECONDS;
const WAV_HEADER_BYTES = 44;
const LONG_QUESTION = 'What can you do?';
const LIGHTS = {
  name: 'turn_on_the_lights',
  description: 'Turns on the lights in a room.',
  parameters: { type: 'OBJECT', properties: { room: { type: 'STRING', description: 'The room.' } }, required: ['room'] },
};

const [speech, ...names] = process.argv.slice(2);
const httpOptions = process.env.BASE_URL ? { baseUrl: process.env.BASE_URL } : {};
const ai = new GoogleGenAI({ apiKey: process.env.GOOGLE_API_KEY, httpOptions });

// The server under test recognises two people at once.
let freeVoices = 2;
const waitingForVoice = [];
async function withVoice(work) {
  if (freeVoices > 0) freeVoices -= 1;
  else await new Promise((resolve) => waitingForVoice.push(resolve));
  try {
    return await work();
  } finally {
    const next = waitingForVoice.shift();
    if (next) next();
    else freeVoices += 1;
  }
}

// Messages in order, awaited one by one; the close ends them.
class Inbox {
  #messages = [];
  #wake = () => {};
  closed = null;

  put(message) {
    this.#messages.push(message);
    this.#wake();
  }

  close(event) {
    this.closed = { code: event.code ?? null, reason: event.reason ?? String(event.message) };
    this.#wake();
  }

  async next() {
    while (!this.#messages.length) {
      if (this.closed) throw new Error(`closed ${this.closed.code}: ${this.closed.reason}`);
      await new Promise((resolve) => { this.#wake = resolve; });
    }
    return this.#messages.shift();
  }

  async ended() {
    while (!this.closed) await new Promise((resolve) => { this.#wake = resolve; });
    return this.closed;
  }
}

async function connect(config = {}) {
  const inbox = new Inbox();
  const session = await ai.live.connect({
    model: MODEL,
    config: { responseModalities: [Modality.AUDIO], inputAudioTranscription: {}, outputAudioTranscription: {}, ...config },
    callbacks: { onmessage: (message) => inbox.put(message), onclose: (event) => inbox.close(event) },
  });
  return { session, inbox };
}

async function withSession(config, work) {
  const { session, inbox } = await connect(config);
  try {
    return await work(session, inbox);
  } finally {
    session.close();
  }
}

// What the messages of one turn amount to. `order` has each kind of content at its first appearance.
class Turn {
  heard = '';
  said = '';
  audioBytes = 0;
  order = [];
  usage = null;
  calls = [];

  take(message) {
    const content = message.serverContent;
    if (message.toolCall) {
      this.#see('tool_call');
      this.calls.push(...message.toolCall.functionCalls);
    }
    if (message.usageMetadata) this.usage = message.usageMetadata.totalTokenCount;
    if (content) this.#takeContent(content);
    return Boolean(content?.turnComplete);
  }

  #takeContent(content) {
    if (content.inputTranscription?.text) {
      this.heard += content.inputTranscription.text;
      this.#see('heard');
    }
    for (const part of content.modelTurn?.parts ?? []) {
      if (!part.inlineData) continue;
      this.audioBytes += Buffer.from(part.inlineData.data, 'base64').length;
      this.#see('audio');
    }
    if (content.outputTranscription?.text) {
      this.said += content.outputTranscription.text;
      this.#see('said');
    }
    // By presence, as the web console tests them: a field that is sent as false would show.
    if ('interrupted' in content) this.#see('interrupted');
    if ('generationComplete' in content) this.#see('generation_complete');
    if ('turnComplete' in content) this.#see('turn_complete');
  }

  #see(kind) {
    if (!this.order.includes(kind)) this.order.push(kind);
  }

  facts() {
    return {
      heard: this.heard,
      said: this.said,
      audio_seconds: this.audioBytes / (2 * 24_000),
      order: this.order,
      usage: this.usage,
      calls: this.calls.map(({ id, name, args }) => ({ id, name, args })),
    };
  }
}

async function listen(inbox, turn = new Turn()) {
  while (!turn.take(await inbox.next()));
  return turn.facts();
}

async function sendPaced(session, chunks, goesOn = () => true) {
  const began = performance.now();
  for (const [index, chunk] of chunks.entries()) {
    await sleep(Math.max(0, began + (index + 1) * CHUNK_SECONDS * 1000 - performance.now()));
    if (!goesOn()) return;
    session.sendRealtimeInput({ audio: { data: chunk.toString('base64'), mimeType: `audio/pcm;rate=${RATE}` } });
  }
}

function chunksOf(name) {
  const sound = readFileSync(join(speech, `${name}.wav`)).subarray(WAV_HEADER_BYTES);
  const chunks = [];
  for (let at = 0; at < sound.length; at += CHUNK_BYTES) chunks.push(sound.subarray(at, at + CHUNK_BYTES));
  return chunks;
}

// Speak, then let the microphone deliver silence until the work is done.
async function whileSpeaking(session, name, work) {
  let on = true;
  const microphone = (async () => {
    await sendPaced(session, chunksOf(name), () => on);
    while (on) await sendPaced(session, [Buffer.alloc(CHUNK_BYTES)], () => on);
  })();
  try {
    return await work();
  } finally {
    on = false;
    await microphone;
  }
}

const scenarios = {
  text: () => withSession({}, async (session, inbox) => {
    session.sendRealtimeInput({ text: 'What is two plus three?' });
    return listen(inbox);
  }),

  content: () => withSession({}, async (session, inbox) => {
    session.sendClientContent({ turns: [{ role: 'user', parts: [{ text: 'What is two plus three?' }] }], turnComplete: true });
    return listen(inbox);
  }),

  spoken: () => withVoice(() => withSession({}, (session, inbox) =>
    whileSpeaking(session, 'what_is_two_plus_three', () => listen(inbox)))),

  barge_in: () => withVoice(() => withSession({}, async (session, inbox) => {
    session.sendRealtimeInput({ text: LONG_QUESTION });
    const turn = new Turn();
    while (!turn.audioBytes) turn.take(await inbox.next());
    return whileSpeaking(session, 'what_is_two_plus_three', async () => {
      const interrupted = await listen(inbox, turn);
      return { interrupted, answered: await listen(inbox) };
    });
  })),

  manual: () => withVoice(() => withSession(
    { realtimeInputConfig: { automaticActivityDetection: { disabled: true } } },
    async (session, inbox) => {
      session.sendRealtimeInput({ activityStart: {} });
      await sendPaced(session, chunksOf('what_is_two_plus_three'));
      session.sendRealtimeInput({ activityEnd: {} });
      return listen(inbox);
    },
  )),

  memory: () => withSession({}, async (session, inbox) => {
    session.sendRealtimeInput({ text: 'My name is Alice.' });
    const first = await listen(inbox);
    session.sendRealtimeInput({ text: 'What is my name?' });
    return { first, second: await listen(inbox) };
  }),

  function: () => withSession({ tools: [{ functionDeclarations: [LIGHTS] }] }, async (session, inbox) => {
    session.sendRealtimeInput({ text: 'Please turn on the lights in the kitchen.' });
    const turn = new Turn();
    for (;;) {
      const message = await inbox.next();
      if (turn.take(message)) return turn.facts();
      for (const { id, name } of message.toolCall?.functionCalls ?? []) {
        session.sendToolResponse({ functionResponses: [{ id, name, response: { result: 'the lights are on' } }] });
      }
    }
  }),

  // Version 2 tells onclose and leaves connect() pending; version 3 rejects as well.
  bad_model: async () => {
    const inbox = new Inbox();
    const callbacks = { onmessage: (message) => inbox.put(message), onclose: (event) => inbox.close(event) };
    ai.live.connect({ model: 'gemini-of-nobody', callbacks }).catch(() => {});
    return inbox.ended();
  },

  models: async () => {
    const found = [];
    for await (const model of await ai.models.list()) found.push(model.name);
    return found;
  },

  tokens: async () => {
    const { name } = await ai.models.get({ model: MODEL });
    const { totalTokens } = await ai.models.countTokens({ model: MODEL, contents: 'x'.repeat(40) });
    return { model: name, total: totalTokens };
  },
};

async function attempt(name) {
  const limit = new AbortController();
  const overdue = sleep(30_000, null, { signal: limit.signal }).then(() => { throw new Error('took more than 30 s'); });
  try {
    return await Promise.race([scenarios[name](), overdue]);
  } catch (error) {
    return { error: error.stack };
  } finally {
    overdue.catch(() => {});
    limit.abort();
  }
}

const chosen = names.length ? names : Object.keys(scenarios);
const results = await Promise.all(chosen.map(attempt));
const facts = Object.fromEntries(chosen.map((name, index) => [name, results[index]]));
const { version } = JSON.parse(readFileSync(join(process.cwd(), 'node_modules/@google/genai/package.json')));
process.stdout.write(`${JSON.stringify({ sdk: `@google/genai ${version}`, ...facts })}\n`, () => process.exit(0));
