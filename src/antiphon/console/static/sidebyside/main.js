import { effect, html, render, useEffect, useId, useSignal } from "../vendor/preact.js";
import { Capture } from "../audio/capture.js";
import { explain } from "../audio/devices.js";
import { Player } from "../audio/player.js";
import { CompactMeters } from "../meters/compact.js";
import { captionPreferences } from "../talk/captions.js";
import { openChosen } from "../talk/chosen.js";
import { Icon } from "../talk/icons.js";
import { Meter } from "../talk/levels.js";
import { preference } from "../lib/preferences.js";
import { startData } from "../talk/server.js";
import { Around, Banner, Countdown, statusOf } from "../talk/status.js";
import { Surroundings } from "../talk/surroundings.js";
import { Mocks } from "../talk/tools.js";
import { Transcript } from "../talk/transcript.js";
import { Consent, ModelPicker } from "../talk/welcome.js";
import { Pair, Side } from "./side.js";

const VOICE = "generationConfig.speechConfig.voiceConfig.prebuiltVoiceConfig.voiceName";
/** @type {["left" | "right" | "both", string][]} */
const CHOICES = [["left", "Left"], ["right", "Right"], ["both", "Both"]];

const start = startData();
const microphone = preference("microphone", "");
const speaker = preference("speaker", "");
const captions = captionPreferences();
const mocks = new Mocks();
const pair = new Pair([new Side("left", "Left"), new Side("right", "Right")], {
  capture: () => openChosen("microphone", microphone.value, (deviceId) => Capture.open({ deviceId }), tell),
  player: async () => {
    const player = await Player.open();
    // A speaker that is gone must not keep the others silent.
    if (speaker.value) await player.setSink(speaker.value).catch((error) => tell(explain(error)));
    return player;
  },
  explain,
});

chooseModels();
const surroundings = new Surroundings(pair.alive);

/** @param {{ title: string, fix: string }} trouble of a device */
function tell(trouble) {
  pair.trouble.value = trouble;
}

/** Two models to begin with: the usual one, and another. */
function chooseModels() {
  const [left, right] = pair.sides.map((side) => side.settings);
  const served = start.models.map((each) => `models/${each.id}`);
  if (!served.includes(left.model.value) && served.length) left.set("model", served[0]);
  right.set("model", served.find((each) => each !== left.model.value) ?? left.model.value);
}

function App() {
  return html`<div class="sides-page">
    <${Around} surroundings=${surroundings} />
    ${pair.trouble.value && html`<${Banner} bad title=${pair.trouble.value.title} fix=${pair.trouble.value.fix}>
      <button class="quiet" onClick=${() => (pair.trouble.value = null)}>Dismiss</button><//>`}
    ${start.recording === "always" && html`<div class="row"><${Consent} talk=${{ start }} />
      ${pair.alive.value && html`<span class="badge bad"><span class="dot" aria-hidden="true"></span>Recording</span>`}</div>`}
    <p class="sides-intro">Two models, or one model with two settings, hear the same words from one microphone.
      Compare what they answer, and how fast.</p>
    <div class="sides">${pair.sides.map((side) => html`<${SideView} key=${side.name} side=${side} />`)}</div>
    <${Both} />
  </div>`;
}

function SideView({ side }) {
  const { settings } = side;
  const conversation = side.conversation.value;
  const name = start.models.find((each) => `models/${each.id}` === settings.model.value)?.name ?? side.title;
  const heard = pair.audible.value === "both" || pair.audible.value === side.name;
  const problem = conversation?.problem.value;
  return html`<section class="card side ${heard ? "audible" : ""}" aria-label=${side.title}>
    <header>
      <h2>${side.title} ${side.alive.value && html`<span
          class="badge ${heard ? "good" : ""}">${heard ? "you hear this one" : "silent"}</span>`}</h2>
      <fieldset class="plain-row" disabled=${side.alive.value}><legend
          class="visually-hidden">Settings, ${side.title}</legend>
        <${ModelPicker} settings=${settings} models=${start.models} />
        <${VoicePicker} settings=${settings} />
        <${PresetPicker} settings=${settings} />
      </fieldset>
      <${AllSettings} side=${side} />
    </header>
    ${problem && html`<${Banner} bad title=${problem.title}
        fix=${problem.fix}>${!side.alive.value && pair.alive.value && html`<button
        onClick=${() => conversation.connect()}>Reconnect</button>`}<//>`}
    ${conversation?.goAway.value && side.alive.value && html`<${Countdown} until=${conversation.goAway.value.at} />`}
    ${conversation && html`<${SideStatus} side=${side} />
      <${Transcript} conversation=${conversation} announce=${false} look=${captions.look.value} modelName=${name}
          mocks=${mocks} setup=${side.sent.value} label=${`Transcript, ${side.title}`}
          empty="Speak or type: both get the same." />
      <${CompactMeters} conversation=${conversation} channel=${side.channel.value} name=${side.title} />`}
  </section>`;
}

function SideStatus({ side }) {
  const { state, activity } = side.conversation.value;
  const hasMicrophone = pair.capture.value !== null;
  const now = { state: state.value, activity: activity.value, microphone: hasMicrophone, muted: pair.muted.value };
  const { name, text } = statusOf(now);
  return html`<p class="status ${name}" role="status" aria-label=${side.title}><span class="dot"
      aria-hidden="true"></span>${text}</p>`;
}

function VoicePicker({ settings }) {
  const id = useId();
  const options = settings.fields.value.find((each) => each.path === VOICE)?.options ?? [];
  const chosen = settings.get(VOICE) ?? "";
  const known = options.some((each) => each.value === chosen);
  return html`<div class="field"><label for=${id}>Voice</label>
    <select id=${id} value=${chosen}
        onChange=${(event) => (event.target.value ? settings.set(VOICE, event.target.value) : settings.reset(VOICE))}>
      <option value="">The model's</option>
      ${chosen && !known && html`<option value=${chosen}>${chosen}</option>`}
      ${options.filter((each) => each.value).map((each) => html`<option value=${each.value}>${each.label}</option>`)}
    </select></div>`;
}

function PresetPicker({ settings }) {
  const id = useId();
  const apply = (event) => {
    const preset = settings.presets.all.find((each) => each.name === event.target.value);
    if (preset) settings.replace(preset.setup);
  };
  settings.presets.own.value;
  return html`<div class="field"><label for=${id}>Preset</label>
    <select id=${id} onChange=${apply}><option value="">Choose …</option>
      ${settings.presets.all.map((each) => html`<option value=${each.name}>${each.name}</option>`)}</select></div>`;
}

/** Everything else, loaded when it is wanted. */
function AllSettings({ side }) {
  const wanted = useSignal(false);
  const panel = useSignal(null);
  useEffect(() => {
    if (wanted.value) import("../settings/panel.js").then(({ SettingsPanel }) => (panel.value = { SettingsPanel }));
  }, [wanted.value]);
  const Shown = panel.value?.SettingsPanel;
  return html`<details class="all-settings"
      onToggle=${(event) => (wanted.value = event.target.open)}><summary>All settings, and the setup as JSON</summary>
    ${Shown ? html`<${Shown} settings=${side.settings} disabled=${side.alive.value} />` : html`<p
        class="hint">Loading …</p>`}</details>`;
}

function Both() {
  const alive = pair.alive.value;
  return html`<div class="both" role="group" aria-label="Both">
    ${alive
      ? html`<button class="danger" onClick=${() => pair.end()}><${Icon} name="hangup" /> Stop both</button>`
      : html`<button class="primary" onClick=${() => pair.begin({ microphone: true })}><${Icon}
          name="microphone" /> Start both</button>
          <button onClick=${() => pair.begin({ microphone: false })}>Start without a microphone</button>`}
    ${alive && pair.capture.value && html`<button aria-pressed=${pair.muted.value ? "true" : "false"}
        onClick=${() => pair.toggleMute()}><${Icon} name=${pair.muted.value ? "muted" : "microphone"} /> Mute</button>
      <${Meter} level=${microphoneLevel} tone="user" />`}
    <fieldset class="audible-choice"><legend>Hear</legend>
      ${CHOICES.map(([value, title]) => html`<label class="check" key=${value}><input type="radio" name="audible"
          value=${value} checked=${pair.audible.value === value}
          onChange=${() => pair.choose(value)} /> ${title}</label>`)}
    </fieldset>
    ${alive && html`<${Words} />`}
  </div>`;
}

function Words() {
  const id = useId();
  const text = useSignal("");
  const send = (event) => {
    event.preventDefault();
    if (text.value.trim() && pair.say(text.value.trim())) text.value = "";
  };
  return html`<form class="joined textbox" onSubmit=${send}><label class="visually-hidden"
      for=${id}>Type to both</label>
    <input id=${id} value=${text.value} autocomplete="off" enterkeyhint="send" placeholder="Type to both"
        onInput=${(event) => (text.value = event.target.value)} />
    <button aria-label="Send"><${Icon} name="send" /></button></form>`;
}

const microphoneLevel = () => (pair.muted.peek() ? 0 : (pair.capture.peek()?.level.peek() ?? 0));

for (const side of pair.sides) effect(() => side.alive.value && mocks.serve(side.conversation.value));
document.addEventListener("keydown", ({ key }) => key === "Escape" && pair.stopSpeech());
const place = document.getElementById("app");
place.textContent = "";
render(html`<${App} />`, place);
