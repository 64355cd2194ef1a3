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
  return html`<div class="setting ${changed ? "changed" : ""}" data-path=${field.path} data-state=${found.state}>
    <div class="setting-head">
      <label for=${id}>${field.label}</label>
      ${changed && html`<span class="badge">changed</span>`}
      ${found.state in BADGES && html`<span class="badge ${BADGES[found.state]}">${found.state}</span>`}
      ${changed &&
      html`<button type="button" class="quiet" aria-label="Reset ${field.label}" onClick=${() => settings.reset(field.path)}>
        Reset
      </button>`}
    </div>
    <${Control}
      id=${id}
      field=${field}
      value=${value}
      described=${told}
      onValue=${(next) => settings.set(field.path, next)}
    />
    <p class="hint" id="${id}-help">${field.help}${field.default ? ` Default: ${field.default}.` : ""}</p>
    ${found.state in BADGES && html`<p class="hint why" id="${id}-why">${reason(found)}</p>`}
  </div>`;
}

function reason({ state, why }) {
  const verb = state === "refused" ? "Refused" : "Ignored";
  return why ? `${verb}: ${why}.` : `${verb} by this server.`;
}
