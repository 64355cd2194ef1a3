// Makes ephemeral tokens with an unmodified @google/genai, talks with them, and prints what happened as JSON.
//
// BASE_URL says where the server is, GOOGLE_API_KEY what opens it. The facts have the shape of those of tokens.py, and
// a scenario that throws is reported as {"error": ...}.

import { createRequire } from 'node:module';
import { join } from 'node:path';

// Resolved from the working directory: the SDK is installed there, not beside this file.
const { GoogleGenAI, Modality } = createRequire(join(process.cwd(), 'package.json'))('@google/genai');

const MODEL = 'gemini-3.8-live';
const CONFIG = { responseModalities: [Modality.AUDIO], outputAudioTranscription: {} };
const httpOptions = { baseUrl: process.env.BASE_URL, apiVersion: 'v1alpha' };
const maker = new GoogleGenAI({ apiKey: process.env.GOOGLE_API_KEY, httpOptions });

// What the SDK warns about goes to the same place as the facts.
console.warn = () => {};

async function make(config = {}) {
  return (await maker.authTokens.create({ config })).name;
}

// What is said to a text in a session of its own, opened with nothing but the token; or how the server ended it.
function say(token, text, config = {}) {
  const holder = new GoogleGenAI({ apiKey: token, httpOptions });
  return new Promise((resolve, reject) => {
    let said = '';
    let audio = false;
    const session = holder.live.connect({
      model: MODEL,
      config: { ...CONFIG, ...config },
      callbacks: {
        onmessage: (message) => {
          const content = message.serverContent;
          said += content?.outputTranscription?.text ?? '';
          audio ||= Boolean(content?.modelTurn?.parts?.some((part) => part.inlineData));
          if (!content?.turnComplete) return;
          session.then((open) => open.close());
          resolve({ said, audio });
        },
        onclose: ({ code, reason }) => resolve({ code, reason }),
      },
    });
    // Version 2 leaves connect() pending when it is refused, version 3 rejects; both tell onclose.
    session.then((open) => open.sendRealtimeInput({ text }), () => {});
    setTimeout(() => reject(new Error('took more than 30 s')), 30_000).unref();
  });
}

// The first handle that holds a turn, in a session that is left then.
function handleAfterTurn(token, text) {
  const holder = new GoogleGenAI({ apiKey: token, httpOptions });
  return new Promise((resolve, reject) => {
    let complete = false;
    const session = holder.live.connect({
      model: MODEL,
      config: CONFIG,
      callbacks: {
        onmessage: (message) => {
          complete ||= Boolean(message.serverContent?.turnComplete);
          const handle = message.sessionResumptionUpdate?.newHandle;
          if (!complete || !handle) return;
          session.then((open) => open.close());
          resolve(handle);
        },
        onclose: ({ code, reason }) => reject(new Error(`closed ${code}: ${reason}`)),
      },
    });
    session.then((open) => open.sendRealtimeInput({ text }), () => {});
  });
}

const scenarios = {
  async once() {
    const token = await make();
    return {
      prefix: token.split('/')[0],
      first: await say(token, 'What is two plus three?'),
      second: await say(token, 'What is two plus three?'),
    };
  },

  async everything_is_locked() {
    const token = await make({ liveConnectConstraints: { model: MODEL, config: CONFIG } });
    return say(token, 'What is two plus three?', { outputAudioTranscription: undefined });
  },

  async what_is_set_is_locked() {
    const constraints = { config: { outputAudioTranscription: {}, temperature: 0.5 } };
    const token = await make({ liveConnectConstraints: constraints, lockAdditionalFields: [] });
    return say(token, 'What is two plus three?', { outputAudioTranscription: undefined, temperature: 0.1 });
  },

  async a_default_is_locked() {
    const token = await make({ uses: 0, lockAdditionalFields: ['outputAudioTranscription', 'temperature'] });
    return [await say(token, 'What is two plus three?'), await say(token, 'What is two plus three?')];
  },

  async resumed() {
    const config = { ...CONFIG, sessionResumption: {} };
    const token = await make({ liveConnectConstraints: { model: MODEL, config } });
    const handle = await handleAfterTurn(token, 'My name is Alice.');
    return say(token, 'What is my name?', { sessionResumption: { handle } });
  },

  async a_mistake() {
    try {
      return { 'not refused': await make({ lockAdditionalFields: ['temprature'] }) };
    } catch (error) {
      return { code: error.status, reason: error.message };
    }
  },
};

async function attempt(name) {
  try {
    return [name, await scenarios[name]()];
  } catch (error) {
    return [name, { error: error.stack }];
  }
}

const facts = Object.fromEntries(await Promise.all(Object.keys(scenarios).map(attempt)));
process.stdout.write(`${JSON.stringify(facts)}\n`, () => process.exit(0));
