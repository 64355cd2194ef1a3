/** The settings as programs, in the languages people use. */

import { html, useEffect, useId, useRef, useSignal } from "../vendor/preact.js";
import { copy } from "../lib/files.js";
import { ask } from "../lib/server.js";

const PAUSE = 300; // ms without a change before the server is asked
const TOLD_FOR = 4000; // ms
const TARGETS = [
  { target: "python", title: "Python" },
  { target: "javascript", title: "JavaScript" },
  { target: "websocket", title: "WebSocket" },
  { target: "livekit", title: "LiveKit" },
  { target: "pipecat", title: "Pipecat" },
  { target: "adk", title: "ADK" },
  { target: "curl", title: "curl" },
];

/** @param {{ settings: import("./state.js").Settings }} props */
export function GetCode({ settings }) {
  const id = useId();
  const chosen = useSignal(TARGETS[0].target);
  const answer = useSignal(null);
  const problem = useSignal("");
  const asked = useRef(0);
  const setup = settings.setup.value;
  useEffect(() => {
    const number = (asked.current += 1);
    const timer = setTimeout(async () => {
      try {
        const got = await ask("code", { setup, target: chosen.value });
        if (number !== asked.current) return;
        answer.value = got;
        problem.value = "";
      } catch (error) {
        if (number === asked.current) problem.value = error.message;
      }
    }, PAUSE);
    return () => clearTimeout(timer);
  }, [setup, chosen.value]);

  return html`<section class="get-code" aria-label="Code">
    <${Tabs} id=${id} chosen=${chosen} />
    <div role="tabpanel" id="${id}-panel" aria-labelledby="${id}-${chosen.value}" tabindex="0">
      ${problem.value && html`<p class="problem" role="alert">${problem.value}</p>`}
      ${answer.value &&
      html`<${Block} title="In a shell" text=${answer.value.shell} />
        <${Block} title=${answer.value.file} text=${answer.value.code} />
        ${answer.value.notes.map((note) => html`<p class="hint">${note}</p>`)}`}
    </div>
  </section>`;
}

function Tabs({ id, chosen }) {
  const move = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const now = TARGETS.findIndex((each) => each.target === chosen.value);
    const next = TARGETS[(now + step + TARGETS.length) % TARGETS.length];
    chosen.value = next.target;
    document.getElementById(`${id}-${next.target}`)?.focus();
    event.preventDefault();
  };
  return html`<div class="tabs" role="tablist" aria-label="Language" onKeyDown=${move}>
    ${TARGETS.map(({ target, title }) => {
      const selected = target === chosen.value;
      return html`<button
        type="button"
        role="tab"
        id="${id}-${target}"
        aria-selected=${selected ? "true" : "false"}
        aria-controls="${id}-panel"
        tabindex=${selected ? 0 : -1}
        onClick=${() => (chosen.value = target)}
      >
        ${title}
      </button>`;
    })}
  </div>`;
}

function Block({ title, text }) {
  const told = useSignal("");
  const take = async () => {
    told.value = (await copy(text)) ? "Copied." : "The browser did not allow it: select the text and copy it.";
    setTimeout(() => (told.value = ""), TOLD_FOR);
  };
  return html`<div class="code-block">
    <div class="row">
      <h3>${title}</h3>
      <button type="button" onClick=${take} aria-label="Copy ${title}">Copy</button>
      <span class="hint" role="status">${told.value}</span>
    </div>
    <pre tabindex="0" role="region" aria-label=${title}><code>${text}</code></pre>
  </div>`;
}
