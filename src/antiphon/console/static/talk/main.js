import { computed, effect, html, render, signal } from "../vendor/preact.js";
import { watchDevices } from "../audio/devices.js";
import { Settings } from "../settings/state.js";
import { captionPreferences } from "./captions.js";
import { Checks } from "./checks.js";
import { Keys } from "./keys.js";
import { Panels } from "./panels.js";
import { Saved } from "./saved.js";
import { startData } from "./server.js";
import { Banners } from "./status.js";
import { Surroundings } from "./surroundings.js";
import { Talk } from "./talk.js";
import { Welcome } from "./welcome.js";

const start = startData();
const settings = await Settings.fromLink(location.hash);
takeServedModel();
const talk = new Talk(settings, start);
const checks = new Checks(start);
const saved = new Saved(talk);
const surroundings = new Surroundings(talk.alive);
const captions = captionPreferences();
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

const parts = signal(null);
const problem = signal("");
/** What the parts of a call share. */
const page = { talk, saved, keys, captions, announces, modelName, open, field };

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
    if (!conversation) return html`<p
        class="hint">Response times, cost and context of a call are shown here while it runs.</p>`;
    return html`<${Meters} conversation=${conversation} channel=${talk.channel.value} />`;
  };
}

async function loadSettings() {
  const [{ SettingsPanel }, { Mocks, OfferedFunctions }] = await Promise.all([
    import("../settings/panel.js"),
    import("./tools.js"),
  ]);
  const mocks = new Mocks();
  return () => html`<${SettingsPanel} settings=${settings} /><${OfferedFunctions} setup=${settings.setup.value}
      mocks=${mocks} />`;
}

async function loadCode() {
  const { GetCode } = await import("../settings/code.js");
  return () => html`<${GetCode} settings=${settings} />`;
}

async function loadWire() {
  const { WireView } = await import("../wireview/view.js");
  return () => (talk.log.value ? html`<${WireView} log=${talk.log.value}
      onReplay=${talk.alive.value ? undefined : (log, name) => saved.show(log, name)} />` : html`<p
      class="hint">Every message of a call, both ways, is shown here while it runs.</p>`);
}

function Outdated() {
  if (!talk.alive.value) return null;
  if (!talk.outdated.value) return html`<p class="hint">Changes hold once you connect again.</p>`;
  return html`<div class="banner notice"><p>Changed. This call still has the settings it began with.</p><button
      onClick=${() => talk.apply()}>Reconnect to apply</button></div>`;
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
      ${stage === "start" ? html`<${Welcome} talk=${talk} checks=${checks} replay=${saved} options=${open.options} />` : html`<${Later}
          name="Call" page=${page} />`}
    </div>
    <${Panels} panels=${PANELS} open=${open.panel} />
    ${open.options.value && html`<${Later} name="Options" talk=${talk} captions=${captions} open=${open.options}
        help=${open.help} />`}
    ${open.help.value && html`<${Later} name="Help" keys=${keys} open=${open.help} />`}
  </div>`;
}

/** Loaded once it is wanted: the first page need not wait for it. */
function Later({ name, ...properties }) {
  if (problem.value) return html`<p class="problem" role="alert">${problem.value} <button
      onClick=${load}>Try again</button></p>`;
  const Part = parts.value?.[name];
  return Part ? html`<${Part} ...${properties} />` : null;
}

async function load() {
  problem.value = "";
  try {
    parts.value = await import("./call.js");
  } catch (error) {
    problem.value = `A part of this page could not be loaded: ${error.message}`;
  }
}

effect(() => {
  const wanted = talk.starting.value || talk.stage.value !== "start" || open.help.value || open.options.value;
  if (wanted && !parts.peek()) load();
});
// Who follows a link to settings should see them before they hold.
if (settings.notice.value) open.panel.value = "settings";
watchDevices();
keys.listen();
const place = document.getElementById("app");
place.textContent = "";
render(html`<${App} />`, place);
