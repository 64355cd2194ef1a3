/** One control for each kind of field. All take `{ id, field, value, onValue, described }`; `undefined` is "not set". */

import { html, useEffect, useState } from "../vendor/preact.js";
import { FunctionsEditor } from "./functions.js";
import { JsonEditor } from "./json_editor.js";

const STATES = { ignored: "ignored", refused: "refused" };

/** The control of a field. */
export function Control(props) {
  const Kind = KINDS[props.field.kind] ?? JsonControl;
  return html`<${Kind} ...${props} />`;
}

function Choice({ id, field, value, onValue, described }) {
  const known = field.options.map((option) => String(option.value));
  const chosen = field.listed && Array.isArray(value) ? value[0] : value;
  const text = chosen === undefined ? "" : String(chosen);
  const pick = (event) => {
    const option = field.options.find((each) => String(each.value) === event.target.value);
    if (!option) onValue(undefined);
    else onValue(field.listed ? [option.value] : option.value);
  };
  return html`<select id=${id} value=${text} aria-describedby=${described} onChange=${pick}>
    <option value="">${field.default ? `Default (${field.default})` : "Not set"}</option>
    ${text && !known.includes(text) && html`<option value=${text}>${text}</option>`}
    ${field.options.map(
      (option) => html`<option value=${String(option.value)}>
        ${option.label}${option.state in STATES ? ` (${STATES[option.state]})` : ""}
      </option>`,
    )}
  </select>`;
}

function Presence({ id, value, onValue, described }) {
  return html`<span class="switch">
    <input
      type="checkbox"
      id=${id}
      checked=${value !== undefined}
      aria-describedby=${described}
      onChange=${(event) => onValue(event.target.checked ? {} : undefined)}
    />
  </span>`;
}

function NumberBox({ id, field, value, onValue, described }) {
  const read = (event) => {
    const text = event.target.value.trim();
    onValue(text === "" ? undefined : Number(text));
  };
  return html`<span class="with-unit">
    <input
      type="number"
      id=${id}
      value=${value ?? ""}
      min=${field.minimum ?? undefined}
      max=${field.maximum ?? undefined}
      step=${field.kind === "integer" ? 1 : "any"}
      aria-describedby=${described}
      onInput=${read}
    />
    ${field.unit && html`<span class="soft">${field.unit}</span>`}
  </span>`;
}

function TextBox({ id, field, value, onValue, described }) {
  const list = field.options.length ? `${id}-list` : undefined;
  return html`<input
      type="text"
      id=${id}
      value=${typeof value === "string" ? value : ""}
      list=${list}
      autocomplete="off"
      spellcheck=${false}
      aria-describedby=${described}
      onInput=${(event) => onValue(event.target.value || undefined)}
    />
    ${list &&
    html`<datalist id=${list}>
      ${field.options.map((option) => html`<option value=${option.value}>${option.label}</option>`)}
    </datalist>`}`;
}

function LongText({ id, value, onValue, described }) {
  return html`<textarea
    id=${id}
    rows="4"
    value=${typeof value === "string" ? value : ""}
    aria-describedby=${described}
    onInput=${(event) => onValue(event.target.value || undefined)}
  ></textarea>`;
}

/** A turn of text: its parts are paragraphs. */
function ContentText({ value, onValue, ...rest }) {
  const parts = Array.isArray(value?.parts) ? value.parts : [];
  const text = typeof value === "string" ? value : parts.map((part) => part?.text ?? "").join("\n");
  const write = (written) => onValue(written === undefined ? undefined : { parts: [{ text: written }] });
  return html`<${LongText} ...${rest} value=${text} onValue=${write} />`;
}

function Lines({ id, value, onValue, described }) {
  const there = Array.isArray(value) ? value.join("\n") : "";
  const [text, setText] = useState(there);
  const lines = (written) => written.split("\n").map((line) => line.trim()).filter(Boolean);
  useEffect(() => {
    if (lines(text).join("\n") !== there) setText(there);
  }, [there]);
  const read = (event) => {
    setText(event.target.value);
    const found = lines(event.target.value);
    onValue(found.length ? found : undefined);
  };
  return html`<textarea id=${id} rows="2" value=${text} aria-describedby=${described} onInput=${read}></textarea>`;
}

function JsonControl({ id, value, onValue, described }) {
  return html`<${JsonEditor} id=${id} value=${value} onValue=${onValue} described=${described} rows=${2} />`;
}

const KINDS = {
  boolean: Choice,
  choice: Choice,
  presence: Presence,
  integer: NumberBox,
  number: NumberBox,
  text: TextBox,
  "long text": LongText,
  content: ContentText,
  "list of text": Lines,
  JSON: JsonControl,
  functions: FunctionsEditor,
};
