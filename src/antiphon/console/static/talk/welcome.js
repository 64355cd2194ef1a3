import { html, useId, useRef, useSignal } from "../vendor/preact.js";
import { Icon } from "./icons.js";
import { Meter } from "./levels.js";
import { Picture } from "./picture.js";

const FIRST = "Your browser asks for the microphone once you press it.";
const WAITING = "Waiting for the microphone: your browser may ask you.";

/** Where everybody begins: one button, a line to type, a model, and whether all is there. */
export function Welcome({ talk, checks, replay, options }) {
  const ready = checks.ready.value;
  const hint = talk.starting.value ? WAITING : FIRST;
  const begin = () => {
    checks.close();
    talk.begin({ microphone: true });
  };
  return html`<div class="welcome">
    <div class="hero">
      <p class="hero-title" aria-hidden="true">Say something.</p>
      <button class="primary start" onClick=${begin} disabled=${!ready || talk.starting.value}
          aria-describedby="start-hint"><${Icon} name="microphone" /> Start talking</button>
      <p class="hint" id="start-hint" aria-live="polite">${ready ? hint : "Something is in the way: see below."}</p>
      <${TypeInstead} talk=${talk} checks=${checks} disabled=${!ready} />
      <div class="choices row">
        <${ModelPicker} settings=${talk.settings} models=${checks.start.value.models} />
        <${Consent} talk=${talk} />
      </div>
    </div>
    <${ChecksCard} talk=${talk} checks=${checks} />
    <div class="more row">
      <button class="quiet" onClick=${() => (options.value = true)}>Devices and captions …</button>
      <${OpenSaved} replay=${replay} />
    </div>
  </div>`;
}

function TypeInstead({ talk, checks, disabled }) {
  const id = useId();
  const text = useSignal("");
  const send = (event) => {
    event.preventDefault();
    checks.close();
    if (text.value.trim()) talk.beginWith(text.value.trim());
  };
  return html`<form class="type-instead" onSubmit=${send}>
    <label for=${id}>Type instead</label>
    <div class="joined">
      <input id=${id} value=${text.value} autocomplete="off" enterkeyhint="send" placeholder="What is two plus three?"
          onInput=${(event) => (text.value = event.target.value)} />
      <button disabled=${disabled} aria-label="Start by typing"><${Icon} name="send" /></button>
    </div>
  </form>`;
}

/** @param {{ settings: any, models: { id: string, name: string, status: string }[], label?: string }} properties */
export function ModelPicker({ settings, models, label = "Model" }) {
  const id = useId();
  const chosen = settings.model.value.replace(/^models\//, "");
  const known = models.some((each) => each.id === chosen);
  return html`<div class="field"><label for=${id}>${label}</label>
    <select id=${id} value=${chosen} onChange=${(event) => settings.set("model", `models/${event.target.value}`)}>
      ${!known && html`<option value=${chosen}>${chosen}</option>`}
      ${models.map((each) => html`<option
          value=${each.id}>${each.name}${each.status === "stable" ? "" : ` (${each.status})`}</option>`)}
    </select></div>`;
}

/** Agreeing to be recorded, where the server asks; else what it does. */
export function Consent({ talk }) {
  const { recording, recording_days: days } = talk.start;
  const kept = `kept for ${Math.round(days)} ${Math.round(days) === 1 ? "day" : "days"}`;
  if (recording === "always") return html`<p class="hint recording-hint"><span class="dot"
      aria-hidden="true"></span> This server records every call; recordings are ${kept}.</p>`;
  if (recording === "off") return null;
  return html`<label class="check consent"><input type="checkbox" checked=${talk.consent.value}
      onChange=${(event) => (talk.consent.value = event.target.checked)} />
    Record this call <span class="hint">Everybody in it agrees; ${kept}.</span></label>`;
}

const MARKS = { good: "✓", bad: "!", open: "·" };
const WORDS = { good: "ready", bad: "needs attention", open: "not tried" };

function ChecksCard({ talk, checks }) {
  const { capture, picture } = checks;
  const device = (kind) => talk.devices[kind].value || undefined;
  const microphone = capture.value
    ? ["Stop", () => checks.closeMicrophone()]
    : ["Try", () => checks.tryMicrophone({ deviceId: device("microphone") })];
  const camera = picture.value
    ? ["Stop", () => checks.closeCamera()]
    : ["Try", () => checks.tryCamera({ deviceId: device("camera") })];
  const speaker = ["Play a tone", () => checks.trySpeaker({ sinkId: device("speaker") })];
  return html`<section class="card checks" aria-label="Before you start">
    <ul>
      <${Check} name="Server" finding=${checks.server.value} action=${["Check again", () => checks.again()]} />
      <${Check} name="Engine" finding=${checks.engine.value} />
      <${Check} name="Page" finding=${checks.page.value} />
      <${Check} name="Microphone" finding=${checks.microphone.value} action=${microphone}>
        ${capture.value && html`<${Meter} level=${() => capture.value?.level.value ?? 0} tone="user" />`}
      <//>
      <${Check} name="Speaker" finding=${checks.speaker.value} action=${speaker} />
      <${Check} name="Camera" optional finding=${checks.camera.value} action=${camera}>
        ${picture.value && html`<${Picture} stream=${picture.value.stream} label="What the camera sees" />`}
      <//>
    </ul>
  </section>`;
}

function Check({ name, finding, action, optional, children }) {
  const [title, act] = action ?? [];
  return html`<li class="check-row ${finding.state}">
    <span class="mark" aria-hidden="true">${MARKS[finding.state]}</span>
    <span class="check-name">${name}<span class="visually-hidden">: ${WORDS[finding.state]}</span></span>
    <span class="check-text" aria-live="polite">
      <span>${optional && finding.state === "open" ? `${finding.text} (optional)` : finding.text}</span>
      ${finding.fix && html`<span class="fix">${finding.fix} ${finding.link && html`<a
          href=${finding.link}>${finding.link}</a>`}</span>`}
      ${children}
    </span>
    ${action && html`<button class="small" onClick=${act} aria-label=${`${title}: ${name}`}>${title}</button>`}
  </li>`;
}

function OpenSaved({ replay }) {
  const input = useRef(null);
  return html`<div>
    <button class="quiet" onClick=${() => input.current.click()}>Open a saved call …</button>
    <input ref=${input} type="file" accept=".jsonl,application/jsonl,application/x-ndjson" hidden
      onChange=${(event) => event.target.files[0] && replay.open(event.target.files[0])} />
    ${replay.problem.value && html`<p class="problem" role="alert">${replay.problem.value}</p>`}
  </div>`;
}
