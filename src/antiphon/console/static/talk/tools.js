import { html, signal, useEffect, useId, useSignal } from "../vendor/preact.js";
import { milliseconds } from "../lib/format.js";
import { preference } from "../lib/preferences.js";

const STATES = {
  waiting: { title: "waits for an answer", tone: "warn" },
  answered: { title: "answered", tone: "good" },
  cancelled: { title: "cancelled by the server", tone: "" },
  expired: { title: "not answered in time", tone: "bad" },
  failed: { title: "answered with an error", tone: "bad" },
};

const SCHEDULING = ["", "INTERRUPT", "WHEN_IDLE", "SILENT"];
const FIRST_ANSWER = '{\n  "result": "ok"\n}';

/** One for all that show them. */
const texts = preference("mocks", {});
const automatics = preference("mocks.automatic", {});

/** Answers to functions that nobody runs: kept by name, and given by themselves where wanted. */
export class Mocks {
  #texts = texts;
  #automatic = automatics;

  /** @returns {string} JSON */
  textOf(name) {
    return this.#texts.value[name] ?? FIRST_ANSWER;
  }

  keep(name, text) {
    this.#texts.value = { ...this.#texts.value, [name]: text };
  }

  isAutomatic(name) {
    return this.#automatic.value[name] === true;
  }

  setAutomatic(name, on) {
    this.#automatic.value = { ...this.#automatic.value, [name]: on };
  }

  /** Answer what waits and shall be answered without a person. */
  serve(conversation) {
    for (const call of conversation.tools.value) {
      if (call.state !== "waiting" || call.response || !this.isAutomatic(call.name)) continue;
      const { value } = readAnswer(this.textOf(call.name));
      if (value) conversation.answer(call.id, value, {});
    }
  }
}

/** @returns {{ value?: object, error?: string }} a response that the API takes, or what is wrong with the text */
function readAnswer(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { error: `This is not JSON yet: ${error.message}` };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { error: 'The answer must be an object, such as {"result": "ok"}.' };
  }
  return { value };
}

/** One call of a function: what the model wants, and what it gets. */
export function ToolCard({ call, conversation, mocks, setup = {} }) {
  const schema = declared(setup).find((each) => each.name === call.name);
  const { title, tone } = STATES[call.state];
  const waiting = call.state === "waiting";
  return html`<section class="tool-card ${call.state}" aria-label=${`Function ${call.name}`}>
    <header class="row">
      <strong class="mono break">${call.name}</strong>
      <span class="badge ${tone}">${title}</span>
      <${Timer} call=${call} />
    </header>
    <${Arguments} args=${call.args} />
    ${call.blocking ? null : html`<p class="hint">The model talks on and does not wait for this answer.</p>`}
    ${waiting && mocks && html`<${AnswerForm} call=${call} conversation=${conversation} mocks=${mocks} />`}
    ${schema && html`<details><summary>Schema</summary><pre tabindex="0"
        aria-label=${`Schema of ${call.name}`}>${JSON.stringify(schema, null, 2)}</pre></details>`}
    ${call.response && html`<details><summary>Answer</summary><pre>${JSON.stringify(call.response, null, 2)}</pre></details>`}
  </section>`;
}

function Arguments({ args }) {
  const text = JSON.stringify(args, null, 2);
  return text === "{}" ? html`<p class="hint">No arguments.</p>` : html`<pre class="arguments" tabindex="0"
      aria-label="Arguments">${text}</pre>`;
}

function Timer({ call }) {
  const now = useSignal(performance.now());
  const running = call.state === "waiting";
  useEffect(() => {
    if (!running) return undefined;
    const timer = setInterval(() => (now.value = performance.now()), 100);
    return () => clearInterval(timer);
  }, [running]);
  const until = running ? now.value : (call.answered ?? call.at);
  return html`<span class="soft number" aria-live="off">${milliseconds(until - call.at)}</span>`;
}

/** What is typed survives when the card is drawn elsewhere. */
const drafts = new Map();

function draftOf(call, mocks) {
  const key = `${call.id} ${call.at}`;
  if (!drafts.has(key)) drafts.set(key, signal(mocks.textOf(call.name)));
  return drafts.get(key);
}

function AnswerForm({ call, conversation, mocks }) {
  const draft = draftOf(call, mocks);
  const scheduling = useSignal("");
  const id = useId();
  const { value, error } = readAnswer(draft.value);
  const send = (event) => {
    event.preventDefault();
    if (!value) return;
    mocks.keep(call.name, draft.value);
    conversation.answer(call.id, value, scheduling.value ? { scheduling: scheduling.value } : {});
    // The form goes away: the focus stays with the transcript.
    event.target.closest(".transcript")?.focus();
  };
  return html`<form class="stack" onSubmit=${send}>
    <label for="${id}-answer">Answer (JSON)</label>
    <textarea id="${id}-answer" class="mono" spellcheck="false" value=${draft.value}
        aria-invalid=${error ? "true" : undefined}
      aria-describedby=${error ? `${id}-error` : undefined}
          onInput=${(event) => (draft.value = event.target.value)}></textarea>
    ${error && html`<p class="hint bad" id="${id}-error">${error}</p>`}
    <div class="row">
      <button class="primary" disabled=${!value}>Send answer</button>
      ${!call.blocking && html`<label>When to say it <select value=${scheduling.value}
          onChange=${(event) => (scheduling.value = event.target.value)}>
        ${SCHEDULING.map((each) => html`<option value=${each}>${each || "default"}</option>`)}
      </select></label>`}
      <label class="check"><input type="checkbox" checked=${mocks.isAutomatic(call.name)}
        onChange=${(event) => automatic(call, mocks, draft.value, event.target.checked)} /> Answer automatically with this</label>
    </div>
  </form>`;
}

function automatic(call, mocks, text, on) {
  if (readAnswer(text).value) mocks.keep(call.name, text);
  mocks.setAutomatic(call.name, on);
}

const declared = (setup) => (setup.tools ?? []).flatMap((tool) => tool.functionDeclarations ?? []);

/** The functions that the setup offers, with their schemas: which exist, and which answer by themselves. */
export function OfferedFunctions({ setup, mocks }) {
  const functions = declared(setup);
  if (!functions.length) return null;
  return html`<details
      class="offered"><summary>${functions.length === 1 ? "1 function" : `${functions.length} functions`} offered</summary>
    ${functions.map((each) => html`<div class="offered-function" key=${each.name}>
      <div class="row"><strong class="mono break">${each.name}</strong>
        <label class="check"><input type="checkbox" checked=${mocks.isAutomatic(each.name)}
          onChange=${(event) => mocks.setAutomatic(each.name, event.target.checked)} /> Answer automatically</label></div>
      ${each.description && html`<p class="hint">${each.description}</p>`}
      <pre tabindex="0" aria-label=${`Schema of ${each.name}`}>${JSON.stringify(each, null, 2)}</pre>
    </div>`)}
  </details>`;
}
