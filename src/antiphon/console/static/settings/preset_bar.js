/** Choosing, keeping and sharing settings. */

import { html, useId, useSignal } from "../vendor/preact.js";
import { saveAs } from "../lib/files.js";
import { BUILT_IN } from "./presets.js";
import { leftOut } from "./share.js";

/** @param {{ settings: import("./state.js").Settings }} props */
export function PresetBar({ settings }) {
  const id = useId();
  const chosen = useSignal("");
  const name = useSignal("");
  const told = useSignal("");
  const { presets } = settings;
  const own = presets.own.value;
  const mine = own.some((each) => each.name === chosen.value);
  const attempt = (work, done) => () => {
    try {
      work();
      told.value = done;
    } catch (error) {
      told.value = error.message;
    }
  };
  const apply = (event) => {
    chosen.value = event.target.value;
    const preset = presets.all.find((each) => each.name === chosen.value);
    if (!preset) return;
    settings.replace(preset.setup);
    told.value = `${preset.name} is set. ${preset.help ?? ""}`;
  };
  const save = attempt(() => presets.save(name.value, settings.setup.value), "Kept in this browser.");
  const rename = attempt(() => {
    presets.rename(chosen.value, name.value);
    chosen.value = name.value.trim();
  }, "Renamed.");
  const exportAll = () => saveAs("antiphon-presets.json", presets.exported(), "application/json");
  const remove = attempt(() => {
    presets.remove(chosen.value);
    chosen.value = "";
  }, "Deleted.");

  return html`<div class="presets">
    <div class="field">
      <label for="${id}-preset">Preset</label>
      <select id="${id}-preset" value=${chosen.value} onChange=${apply}>
        <option value="">Choose …</option>
        <optgroup label="Built in">${BUILT_IN.map((each) => html`<option value=${each.name}>${each.name}</option>`)}</optgroup>
        ${own.length > 0 &&
        html`<optgroup label="Yours">${own.map((each) => html`<option value=${each.name}>${each.name}</option>`)}</optgroup>`}
      </select>
    </div>
    <${ShareButton} settings=${settings} told=${told} />
    <details>
      <summary>Your presets</summary>
      <div class="stack">
        <label for="${id}-name">Name</label>
        <input id="${id}-name" maxlength="60" value=${name.value} onInput=${(event) => (name.value = event.target.value)} />
        <div class="row">
          <button type="button" onClick=${save}>Save these settings</button>
          <button type="button" disabled=${!mine} onClick=${rename}>Rename ${mine ? `“${chosen.value}”` : "chosen"}</button>
          <button type="button" class="danger" disabled=${!mine} onClick=${remove}>
            Delete ${mine ? `“${chosen.value}”` : "chosen"}
          </button>
        </div>
        <div class="row">
          <button type="button" disabled=${!own.length} onClick=${exportAll}>Export as a file</button>
          <label class="button" for="${id}-file">Import a file</label>
          <input
            id="${id}-file"
            class="visually-hidden"
            type="file"
            accept=".json,application/json"
            onChange=${(event) => take(event, presets, told)}
          />
        </div>
      </div>
    </details>
    <p class="hint" role="status">${told.value}</p>
  </div>`;
}

function ShareButton({ settings, told }) {
  const share = async () => {
    const secrets = leftOut(settings.setup.value);
    const without = secrets.length ? `Left out of it: ${secrets.join(", ")}.` : "Nothing in it is secret.";
    const address = `${location.origin}${location.pathname}#${await settings.toLink()}`;
    try {
      await navigator.clipboard.writeText(address);
      told.value = `The link is copied. ${without}`;
    } catch {
      history.replaceState(null, "", address);
      told.value = `The link is in the address bar: copy it there. ${without}`;
    }
  };
  return html`<button type="button" onClick=${share}>Copy link</button>`;
}

async function take(event, presets, told) {
  const [file] = event.target.files;
  if (!file) return;
  try {
    const count = presets.take(await file.text());
    told.value = count === 1 ? "One preset was imported." : `${count} presets were imported.`;
  } catch (error) {
    told.value = `${file.name}: ${error.message}`;
  }
  event.target.value = "";
}
