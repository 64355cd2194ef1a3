import { computed, effect, html, render, signal } from "../vendor/preact.js";
import { watchDevices } from "../audio/devices.js";
import { Settings } from "../settings/state.js";
import { Checks } from "./checks.js";
import { Controls, TextBox, Tiles } from "./controls.js";
import { Help } from "./help.js";
import { Keys } from "./keys.js";
import { Levels } from "./levels.js";
import { Options } from "./options.js";
import { Panels } from "./panels.js";
import { preference } from "./preferences.js";
import { Saved } from "./saved.js";
import { startData } from "./server.js";
import { Banners, Length, Status } from "./status.js";
import { Summary } from "./summary.js";
import { Surroundings } from "./surroundings.js";
import { Talk } from "./talk.js";
import { Mocks, OfferedFunctions } from "./tools.js";
import { Transcript } from "./transcript.js";
import { Welcome } from "./welcome.js";

const start = startData();
const settings = await Settings.fromLink(location.hash);
takeServedModel();
const talk = new Talk(settings, start);
const checks = new Checks(start);
const mocks = new Mocks();
const saved = new Saved(talk);
const surroundings = new Surroundings(talk.alive);
const captions = { size: preference("captions.size", "medium"), announce: preference("captions.announce", false) };
const open = { options: signal(false), help: signal(false), panel: signal("") };
const field = { current: null };
const keys = new Keys({
  talk: (down) => talk.hold(down),
  mute: () => talk.alive.value && talk.toggleMute(),
  sound: () => talk.toggleSilent(),
  type: () => field.current?.focus(),
  help: () => (open.help.value = true),
  stop: () => talk.stopSpeech(),
});

/** Lines of the model are said by a screen reader only where no voice says them. */
const announces = computed(() => captions.announce.value || talk.silent.value || talk.player.value === null);
const modelName = computed(() => start.models.find((each) => `models/${each.id}` === settings.model.value)?.name ?? "Model");

const PANELS = [
  { name: "meters", title: "Meters", load: loadMeters },
  { name: "settings", title: "Settings", load: loadSettings, note: () => html`<${Outdated} />` },
  { name: "code", title: "Code", load: loadCode },
  { name: "wire", title: "Wire", load: loadWire },
];

async function loadMeters() {
  const { Meters } = await import("../meters/panel.js");
  return () => {
    const conversation = talk.conversation.value;
    if (!conversation) return html`<p class="hint">Response times, cost and context of a call are shown here while it runs.</p>`;
    return html`<${Meters} conversation=${conversation} channel=${talk.channel.value} />`;
  };
}

async function loadSettings() {
  const { SettingsPanel } = await import("../settings/panel.js");
  return () => html`<${SettingsPanel} settings=${settings} /><${OfferedFunctions} setup=${settings.setup.value} mocks=${mocks} />`;
}

async function loadCode() {
  const { GetCode } = await import("../settings/code.js");
  return () => html`<${GetCode} settings=${settings} />`;
}

async function loadWire() {
  const { WireView } = await import("../wireview/view.js");
  return () => (talk.log.value ? html`<${WireView} log=${talk.log.value} />` : html`<p class="hint">Every message of a call, both ways, is shown here while it runs.</p>`);
}

function Outdated() {
  if (!talk.alive.value) return null;
  if (!talk.outdated.value) return html`<p class="hint">Changes hold once you connect again.</p>`;
  return html`<div class="banner notice"><p>Changed. This call still has the settings it began with.</p><button onClick=${() => talk.apply()}>Reconnect to apply</button></div>`;
}

/** A page must not begin with a model that the server does not have. */
function takeServedModel() {
  const served = start.models.some((each) => `models/${each.id}` === settings.model.value);
  if (!served && start.models.length && !location.hash) settings.set("model", `models/${start.models[0].id}`);
}

function App() {
  const stage = talk.stage.value;
  return html`<div class="talk ${open.panel.value ? "with-panel" : ""} stage-${stage}">
    <div class="stage">
      <${Banners} talk=${talk} surroundings=${surroundings} />
      ${stage === "start" ? html`<${Welcome} talk=${talk} checks=${checks} replay=${saved} />` : html`<${Call} stage=${stage} />`}
    </div>
    <${Panels} panels=${PANELS} open=${open.panel} />
    <${Options} talk=${talk} captions=${captions} open=${open.options} />
    <${Help} keys=${keys} open=${open.help} />
  </div>`;
}

function Call({ stage }) {
  const conversation = talk.conversation.value;
  return html`
    ${stage === "call" && html`<header class="call-head">
      <${Status} talk=${talk} />
      ${talk.recording.value && html`<span class="badge bad"><span class="dot" aria-hidden="true"></span>Recording</span>`}
      <${Levels} user=${userLevel} model=${modelLevel} />
      <${Length} talk=${talk} />
    </header>`}
    ${stage === "replay" && html`<div class="banner notice" role="status"><p><strong>Replay</strong> of ${saved.name.value}, ${saved.length}. Nothing is sent.</p>
      <button onClick=${() => saved.listen()}>Listen</button><button onClick=${() => saved.close()}>Close</button></div>`}
    <${Transcript} conversation=${conversation} announce=${announces.value} size=${captions.size.value} modelName=${modelName.value} mocks=${stage === "call" ? mocks : null}
      empty=${stage === "call" ? "Ask something, by voice or by typing: “What can you do?”" : "Nothing was said."} />
    ${stage === "call" && html`<footer class="dock">
      <${Tiles} talk=${talk} />
      <${TextBox} talk=${talk} field=${field} />
      <${Controls} talk=${talk} keys=${keys} options=${open.options} help=${open.help} />
    </footer>`}
    ${stage === "after" && html`<${Summary} talk=${talk} again=${() => (talk.stage.value = "start")} />`}
  `;
}

const userLevel = () => (talk.sending.peek() ? (talk.capture.peek()?.level.peek() ?? 0) : 0);
const modelLevel = () => talk.player.peek()?.level.peek() ?? 0;

effect(() => talk.alive.value && mocks.serve(talk.conversation.value));
watchDevices();
keys.listen();
const place = document.getElementById("app");
place.textContent = "";
render(html`<${App} />`, place);
