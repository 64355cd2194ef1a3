/** One field of a setup: what it is called, what holds by default, what was set, and what the server does with it. */

import { html, useId } from "../vendor/preact.js";
import { Control } from "./controls.js";

const BADGES = { ignored: "warn", refused: "bad" };

/**
 * @param {{ settings: import("./state.js").Settings, field: import("./state.js").Field }} props
 */
export function FieldRow({ settings, field }) {
  const id = useId();
  const value = settings.get(field.path);
  const changed = value !== undefined;
  const found = settings.verdict(field.path) ?? { state: field.state, why: field.why };
  const told = [`${id}-help`, found.state in BADGES && `${id}-why`].filter(Boolean).join(" ");
  const control = html`<${Control}
    id=${id}
    field=${field}
    value=${value}
    described=${told}
    onValue=${(next) => settings.set(field.path, next)}
  />`;
  // A switch stands before what it switches; everything else below its name.
  const isSwitch = field.kind === "presence";
  return html`<div class="setting ${changed ? "changed" : ""}" data-path=${field.path} data-state=${found.state}
      data-kind=${field.kind}>
    <div class="setting-head">
      ${isSwitch && control}
      <label for=${id}>${field.label}</label>
      ${changed && html`<span class="badge">changed</span>`}
      ${found.state in BADGES && html`<span class="badge ${BADGES[found.state]}">${found.state}</span>`}
      ${changed &&
      html`<button type="button" class="quiet" aria-label="Reset ${field.label}"
          onClick=${() => settings.reset(field.path)}>
        Reset
      </button>`}
    </div>
    ${!isSwitch && control}
    <p class="hint" id="${id}-help">${field.help} ${stated(field)}</p>
    ${found.state in BADGES && html`<p class="hint why" id="${id}-why">${reason(found)}</p>`}
  </div>`;
}

/** What holds by default; where one chooses from a list, the list has it. */
function stated(field) {
  return field.default && !["choice", "boolean"].includes(field.kind) ? `Default: ${field.default}.` : "";
}

function reason({ state, why }) {
  const verb = state === "refused" ? "Refused" : "Ignored";
  return why ? `${verb}: ${why}.` : `${verb} by this server.`;
}
