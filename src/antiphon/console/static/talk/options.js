import { html, useId } from "../vendor/preact.js";
import { devices } from "../audio/devices.js";
import { Player } from "../audio/player.js";
import { screenSupport } from "../video/screen.js";
import { Dialog } from "./help.js";
import { Meter } from "./levels.js";
import { Consent } from "./welcome.js";

const SIZES = [["small", "Small"], ["medium", "Medium"], ["large", "Large"], ["huge", "Very large"]];
const LOOKS = [["strong", "Strong contrast"], ["top", "Begin at the top"]];
const PROCESSING = [
  ["echoCancellation", "Remove the loudspeaker from the microphone"],
  ["noiseSuppression", "Suppress noise"],
  ["autoGainControl", "Even out loudness"],
];

/** Devices, sound and captions. */
export function Options({ talk, captions, open, help }) {
  const showKeys = () => {
    open.value = false;
    help.value = true;
  };
  return html`<${Dialog} open=${open} title="Options">
    <fieldset><legend>Devices</legend><div class="stack">
      <${Device} talk=${talk} kind="microphone" list=${devices.value.microphones} title="Microphone" />
      ${talk.capture.value && html`<${Meter} level=${() => talk.capture.value?.level.value ?? 0} tone="user" />`}
      ${PROCESSING.map(([name, title]) => html`<label class="check" key=${name}><input type="checkbox"
          checked=${talk.processing[name].value}
        onChange=${(event) => talk.process(name, event.target.checked)} /> ${title}</label>`)}
      <${Device} talk=${talk} kind="speaker" list=${devices.value.speakers} title="Speaker"
          reason=${Player.canChooseSpeaker ? "" : "This browser does not let a page choose the speaker."} />
      <${Volume} talk=${talk} />
      <${Device} talk=${talk} kind="camera" list=${devices.value.cameras} title="Camera" />
      ${!screenSupport.available && html`<p class="hint">${screenSupport.reason}</p>`}
    </div></fieldset>
    <${Captions} captions=${captions} />
    <fieldset><legend>Recording</legend>${recording(talk)}</fieldset>
    <button onClick=${showKeys}>Keyboard …</button>
  <//>`;
}

function Device({ talk, kind, list, title, reason = "" }) {
  const id = useId();
  const chosen = talk.devices[kind].value;
  const gone = chosen && !list.some((each) => each.deviceId === chosen);
  return html`<div class="field"><label for=${id}>${title}</label>
    <select id=${id} value=${chosen} disabled=${Boolean(reason)}
        onChange=${(event) => talk.choose(kind, event.target.value)}>
      <option value="">The system's</option>
      ${gone && html`<option value=${chosen}>The one chosen before (not connected)</option>`}
      ${list.filter((each) => each.deviceId && each.deviceId !== "default").map((each) => html`<option
          value=${each.deviceId}>${each.label}</option>`)}
    </select>
    ${reason && html`<p class="hint">${reason}</p>`}</div>`;
}

function Volume({ talk }) {
  const id = useId();
  const percent = Math.round(talk.volume.value * 100);
  return html`<div class="field"><label for=${id}>Volume <span class="number soft">${percent} %</span></label>
    <input id=${id} type="range" min="0" max="100" step="5" value=${percent}
        onInput=${(event) => (talk.volume.value = Number(event.target.value) / 100)} />
    <label class="check"><input type="checkbox" checked=${talk.silent.value}
        onChange=${() => talk.toggleSilent()} /> Sound off</label></div>`;
}

function Captions({ captions }) {
  const id = useId();
  return html`<fieldset><legend>Captions</legend><div class="stack">
    <div class="field"><label for=${id}>Size</label><select id=${id} value=${captions.size.value}
        onChange=${(event) => (captions.size.value = event.target.value)}>
      ${SIZES.map(([value, title]) => html`<option value=${value}>${title}</option>`)}</select></div>
    ${LOOKS.map(([name, title]) => html`<label class="check" key=${name}><input type="checkbox"
        checked=${captions[name].value}
        onChange=${(event) => (captions[name].value = event.target.checked)} /> ${title}</label>`)}
    <label class="check"><input type="checkbox" checked=${captions.announce.value}
        onChange=${(event) => (captions.announce.value = event.target.checked)} /> A screen reader says the model's captions</label>
    <p class="hint">Without this they are said only while the sound is off, so that two voices do not talk at once.</p>
  </div></fieldset>`;
}

function recording(talk) {
  if (talk.start.recording === "off") {
    return html`<p
        class="hint">Recording is off on this server. Its owner turns it on with <code>recording.mode</code> in the configuration.</p>`;
  }
  return html`<${Consent} talk=${talk} />${talk.alive.value && talk.start.recording === "consented" && html`<p
      class="hint">A change holds from the next call on.</p>`}`;
}
