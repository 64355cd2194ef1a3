/** Every setting of a conversation: presets, fields in groups, and the setup itself as JSON. */

import { html, useId, useSignal } from "../vendor/preact.js";
import { FieldRow } from "./field.js";
import { JsonEditor } from "./json_editor.js";
import { PresetBar } from "./preset_bar.js";

/**
 * @param {{ settings: import("./state.js").Settings, disabled?: boolean }} props `disabled` while a conversation runs:
 *   a setup is sent once
 */
export function SettingsPanel({ settings, disabled = false }) {
  const id = useId();
  const filter = useSignal("");
  const onlyChanged = useSignal(false);
  const fields = shown(settings, filter.value, onlyChanged.value);
  const searching = Boolean(filter.value.trim()) || onlyChanged.value;
  return html`<section class="settings" aria-label="Settings">
    ${settings.notice.value && html`<p class="notice" role="status">${settings.notice.value}</p>`}
    ${settings.problem.value && html`<p class="problem" role="alert">${settings.problem.value}</p>`}
    ${disabled && html`<p class="hint">Settings are sent once, when you connect. Hang up to change them.</p>`}
    <fieldset class="plain" disabled=${disabled}>
      <legend class="visually-hidden">Settings of the conversation</legend>
      <${ModelChoice} settings=${settings} />
      <${PresetBar} settings=${settings} />
      <${Summary} settings=${settings} />
      <div class="row search">
        <div class="field grow">
          <label for="${id}-filter">Find a setting</label>
          <input
            id="${id}-filter"
            type="search"
            value=${filter.value}
            onInput=${(event) => (filter.value = event.target.value)}
          />
        </div>
        <span class="row">
          <input
            id="${id}-changed"
            type="checkbox"
            checked=${onlyChanged.value}
            onChange=${(event) => (onlyChanged.value = event.target.checked)}
          />
          <label for="${id}-changed">Only changed</label>
        </span>
      </div>
      <p class="visually-hidden" role="status">${searching ? counted(fields.length) : ""}</p>
      ${settings.groups.value.map(
        (group) => html`<${Group} key=${group} name=${group} settings=${settings} fields=${fields}
            open=${searching} />`,
      )}
      ${searching && !fields.length && html`<p class="soft">No setting fits.</p>`}
      <details class="group raw">
        <summary>Setup as JSON</summary>
        <div class="stack">
          <label for="${id}-raw">What is sent as <code>setup</code></label>
          <${JsonEditor}
            id="${id}-raw"
            value=${settings.setup.value}
            rows=${14}
            check=${checkSetup}
            onValue=${(setup) => setup && settings.replace(setup)}
          />
        </div>
      </details>
    </fieldset>
  </section>`;
}

function checkSetup(value) {
  if (value === undefined) return "";
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "This must be an object: { … }.";
  return "setup" in value ? 'Leave out the wrapper: what follows "setup" belongs here.' : "";
}

function counted(number) {
  return number === 1 ? "One setting fits." : `${number} settings fit.`;
}

function shown(settings, filter, onlyChanged) {
  const words = filter.trim().toLowerCase().split(/\s+/).filter(Boolean);
  return settings.fields.value.filter((field) => {
    if (field.path === "model" || (onlyChanged && !settings.isSet(field.path))) return false;
    const text = `${field.label} ${field.path} ${field.help} ${field.group}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

function Group({ name, settings, fields, open }) {
  const mine = fields.filter((field) => field.group === name);
  if (!mine.length) return null;
  const changed = mine.filter((field) => settings.isSet(field.path)).length;
  return html`<details class="group" open=${open}>
    <summary>
      ${name} ${changed > 0 && html`<span class="badge">${changed} changed</span>`}
    </summary>
    <div class="group-fields">
      ${mine.map((field) => html`<${FieldRow} key=${field.path} settings=${settings} field=${field} />`)}
    </div>
  </details>`;
}

function ModelChoice({ settings }) {
  const id = useId();
  const models = settings.models.value;
  const asked = settings.model.value;
  const known = models.some((model) => model.name === asked);
  const facts = settings.facts.value;
  return html`<div class="field" data-path="model">
    <label for=${id}>Model</label>
    <select
      id=${id}
      value=${asked}
      aria-describedby="${id}-facts"
      onChange=${(event) => settings.set("model", event.target.value)}
    >
      ${!known && html`<option value=${asked}>${asked}</option>`}
      ${models.map((model) => html`<option value=${model.name}>${model.displayName} (${model.status})</option>`)}
    </select>
    <p class="hint" id="${id}-facts">${facts ? facts.notes.join(" ") : ""}</p>
  </div>`;
}

/** What the server says of the setup as a whole. */
function Summary({ settings }) {
  const verdicts = settings.verdicts.value;
  if (!verdicts) return html`<p class="hint" role="status"></p>`;
  const { refused, ignored, notes } = verdicts;
  return html`<div class="verdict" role="status">
    ${refused
      ? html`<p class="problem">
          The server would refuse this: <code class="break">${refused.field}</code> ${refused.reason}
            ${refused.remedy && `; ${refused.remedy}`}.
        </p>`
      : html`<p class="hint">
          The server takes these settings${ignored.length ? `; it ignores ${ignored.length} of them:` : "."}
        </p>`}
    ${ignored.length > 0 &&
    html`<ul class="hint">
      ${ignored.map(({ field, why }) => html`<li><code class="break">${field}</code>${why && ` (${why})`}</li>`)}
    </ul>`}
    ${notes.map((note) => html`<p class="hint">${note}</p>`)}
  </div>`;
}
