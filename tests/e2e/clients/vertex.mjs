// Talks to a Live API server with an unmodified @google/genai in Vertex mode and prints what happened as JSON.
//
// BASE_URL says where the server is, without TLS. Each scenario is one way to be sent there; one that throws is reported
// as {"error": ...}.

import { createRequire } from 'node:module';
import { join } from 'node:path';

// Resolved from the working directory: the SDK is installed there, not beside this file.
const { GoogleGenAI, Modality } = createRequire(join(process.cwd(), 'package.json'))('@google/genai');

const BASE_URL = process.env.BASE_URL;
const KEY = process.env.GOOGLE_API_KEY;
delete process.env.GOOGLE_API_KEY;
delete process.env.GOOGLE_GEMINI_BASE_URL;

async function talk(options) {
  const ai = new GoogleGenAI({ vertexai: true, ...options });
  const facts = { said: '', types: [], usage: null };
  await new Promise((resolve, reject) => {
    const opened = ai.live.connect({
      model: 'gemini-3.8-live',
      config: { responseModalities: [Modality.AUDIO], outputAudioTranscription: {} },
      callbacks: {
        onmessage: (message) => {
          const content = message.serverContent ?? {};
          facts.said += content.outputTranscription?.text ?? '';
          for (const part of content.modelTurn?.parts ?? []) facts.types.push(part.inlineData.mimeType);
          if (message.usageMetadata) facts.usage = message.usageMetadata.responseTokenCount ?? null;
          if (content.turnComplete) resolve();
        },
        onerror: reject,
        onclose: (event) => reject(new Error(`closed ${event.code}: ${event.reason}`)),
      },
    });
    opened.then((session) => {
      session.sendClientContent({ turns: [{ role: 'user', parts: [{ text: 'What is two plus three?' }] }] });
    }, reject);
  });
  return { ...facts, types: [...new Set(facts.types)] };
}

const scenarios = {
  root: () => talk({ httpOptions: { baseUrl: BASE_URL } }),
  own_path: () => talk({ httpOptions: { baseUrl: `${BASE_URL}/gateway/live` } }),
  express: () => talk({ apiKey: KEY, httpOptions: { baseUrl: BASE_URL } }),
};
const attempt = (scenario) => scenario().catch((error) => ({ error: String(error.stack ?? error.message ?? error) }));
const results = await Promise.all(Object.values(scenarios).map(attempt));
console.log(JSON.stringify(Object.fromEntries(Object.keys(scenarios).map((name, n) => [name, results[n]]))));
process.exit(0);
