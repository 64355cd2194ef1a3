/** The functions a model may call: a list of names, examples to start from, and their declarations as JSON. */

import { html } from "../vendor/preact.js";
import { JsonEditor } from "./json_editor.js";
import { GET_WEATHER, SEARCH_ORDERS, TURN_ON_THE_LIGHTS } from "./presets.js";

const EXAMPLES = [GET_WEATHER, TURN_ON_THE_LIGHTS, SEARCH_ORDERS];

/** What keeps a value from being a list of declarations; the server says more. */
function check(value) {
  if (value === undefined) return "";
  if (!Array.isArray(value)) return "This must be a list of functions: [ { … } ].";
  const nameless = value.findIndex((each) => typeof each?.name !== "string" || !each.name);
  return nameless < 0 ? "" : `Function ${nameless + 1} has no name.`;
}

/** See `controls.js` for the properties. */
export function FunctionsEditor({ id, value, onValue, described }) {
  const functions = Array.isArray(value) ? value : [];
  const has = (name) => functions.some((each) => each?.name === name);
  const without = (index) => {
    const left = functions.filter((_, other) => other !== index);
    onValue(left.length ? left : undefined);
  };
  return html`<div class="stack">
    ${functions.length > 0 &&
    html`<ul class="functions">
      ${functions.map(
        (each, index) => html`<li key=${index}>
          <code class="break">${String(each?.name ?? "")}</code>
          <button type="button" class="quiet" aria-label="Remove ${each?.name}"
              onClick=${() => without(index)}>Remove</button>
        </li>`,
      )}
    </ul>`}
    <div class="row" role="group" aria-label="Examples of functions">
      ${EXAMPLES.map(
        (each) => html`<button type="button" disabled=${has(each.name)} onClick=${() => onValue([...functions, each])}>
          Add <code>${each.name}</code>
        </button>`,
      )}
    </div>
    <${JsonEditor} id=${id} value=${value} onValue=${onValue} described=${described} rows=${6} check=${check} />
  </div>`;
}
