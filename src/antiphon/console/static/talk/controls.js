import { html, useId, useSignal } from "../vendor/preact.js";
import { explain } from "../audio/devices.js";
import { screenSupport } from "../video/screen.js";
import { whole } from "../lib/format.js";
import { Icon } from "./icons.js";
import { label } from "./keys.js";
import { Picture } from "./picture.js";

/** What one does in a call. Hearing about a key is enough: it stands on the button. */
export function Controls({ talk, keys, options, help }) {
  const microphone = talk.capture.value !== null;
  const key = (name) => (keys.on.value && keys.bound.value[name] ? label(keys.bound.value[name]) : "");
  return html`<div class="controls" role="group" aria-label="Call" onClick=${letGo}>
    ${talk.holding.value && microphone && html`<${Hold} talk=${talk} keyName=${key("talk")} />`}
    <${Control} icon=${microphone && !talk.muted.value ? "microphone" : "muted"} onClick=${() => talk.toggleMute()}
      pressed=${microphone && talk.muted.value} title=${microphone ? "Mute" : "Mic on"} keyName=${key("mute")} />
    <${Control} icon="hold" onClick=${() => talk.setPush(!talk.push.value)} pressed=${talk.push.value}
        title="Push to talk" />
    <${Control} icon="camera"
        onClick=${() => toggle(talk.camera, { deviceId: talk.devices.camera.value || undefined })}
        pressed=${talk.camera.on.value} title="Camera" />
    ${screenSupport.available && html`<${Control} icon="screen" onClick=${() => toggle(talk.screen)}
        pressed=${talk.screen.on.value} title="Screen" />`}
    <${Control} icon=${talk.silent.value ? "silent" : "sound"} onClick=${() => talk.toggleSilent()}
        pressed=${talk.silent.value} title="Sound off" keyName=${key("sound")} />
    <${Control} icon="options" onClick=${() => (options.value = true)} title="Options" />
    <${Control} icon="keyboard" extra onClick=${() => (help.value = true)} title="Keys" keyName=${key("help")} />
    <button class="control hangup" onClick=${() => talk.hangUp()}><${Icon} name="hangup" /><span>Hang up</span></button>
  </div>`;
}

/** A button that was pressed with a pointer must not take the space bar from push to talk. */
function letGo(event) {
  if (event.detail > 0 && event.target.closest("button")) /** @type {HTMLElement} */ (document.activeElement)?.blur();
}

function toggle(vision, options) {
  if (vision.on.value) vision.stop();
  else vision.start(options);
}

function Control({ icon, title, pressed, onClick, keyName = "", extra = false }) {
  const state = pressed === undefined ? undefined : pressed ? "true" : "false";
  return html`<button class="control ${extra ? "extra" : ""}" onClick=${onClick} aria-pressed=${state}
      title=${keyName ? `${title} (${keyName})` : title}
    aria-keyshortcuts=${keyName || undefined}><${Icon} name=${icon} /><span>${title}</span></button>`;
}

/** Talks while it is held; Enter, or a click of an assistive tool, holds it until the next one. */
function Hold({ talk, keyName }) {
  const down = (event) => {
    event.preventDefault();
    event.currentTarget.setPointerCapture?.(event.pointerId);
    talk.hold(true);
  };
  const up = () => talk.hold(false);
  const latch = (event) => event.detail === 0 && talk.hold(!talk.held.value);
  return html`<button class="control hold" aria-pressed=${talk.held.value ? "true" : "false"} onPointerDown=${down}
      onPointerUp=${up} onPointerCancel=${up}
    onClick=${latch} onContextMenu=${(event) => event.preventDefault()} aria-keyshortcuts=${keyName || undefined}>
    <${Icon} name="microphone" /><span>${talk.held.value ? "Talking" : "Hold to talk"}${keyName && html` <kbd>${keyName}</kbd>`}</span></button>`;
}

/** The line to type in. */
export function TextBox({ talk, field }) {
  const id = useId();
  const text = useSignal("");
  const send = (event) => {
    event.preventDefault();
    if (text.value.trim() && talk.say(text.value.trim())) text.value = "";
  };
  return html`<form class="joined textbox" onSubmit=${send}>
    <label class="visually-hidden" for=${id}>Type to the model</label>
    <input id=${id} ref=${field} value=${text.value} autocomplete="off" enterkeyhint="send"
        placeholder="Type to the model" onInput=${(event) => (text.value = event.target.value)} />
    <button aria-label="Send"><${Icon} name="send" /></button>
  </form>`;
}

const RATES = [[0.2, "every 5 s"], [0.5, "every 2 s"], [1, "every second"], [2, "twice a second"]];
const SIDES = [384, 768, 1024, 1536];

/** What the model is shown now, and what that costs. */
export function Tiles({ talk }) {
  const on = [talk.camera, talk.screen].filter((each) => each.on.value);
  if (!on.length) return null;
  return html`<div class="tiles">${on.map((each) => html`<${Tile} key=${each.title} vision=${each}
      talk=${talk} />`)}</div>`;
}

function Tile({ vision, talk }) {
  const id = useId();
  const source = vision.source.value;
  const turn = () => source.flip().catch((error) => (vision.problem.value = explain(error, "camera")));
  return html`<section class="tile" aria-label=${vision.title}>
    <${Picture} stream=${source.stream} label=${`${vision.title}: what the model is shown`} />
    <div class="tile-text">
      <p><strong>${vision.title}</strong> <span class="number">${whole(vision.sent.value)}</span> frames · about <span
          class="number">${whole(vision.tokens.value)}</span> tokens</p>
      <div class="row tile-row">
        <label class="check"><input type="checkbox" checked=${vision.onlySpeaking.value}
            onChange=${(event) => (vision.onlySpeaking.value = event.target.checked)} /> Only while I speak</label>
        ${source.flip && html`<button class="small" onClick=${turn}><${Icon} name="flip" /> <span>Front or back</span></button>`}
      <details><summary>Rate and size</summary><div class="row">
        <label for="${id}-rate">Frames</label>
        <select id="${id}-rate" value=${String(vision.fps.value)}
            onChange=${(event) => vision.set({ fps: Number(event.target.value) })}>
          ${RATES.map(([rate, words]) => html`<option value=${String(rate)}>${words}</option>`)}
        </select>
        <label for="${id}-side">Size</label>
        <select id="${id}-side" value=${String(vision.maxSide.value)}
            onChange=${(event) => vision.set({ maxSide: Number(event.target.value) })}>
          ${SIDES.map((side) => html`<option value=${String(side)}>up to ${side} px</option>`)}
        </select>
        <p class="hint">${talk.frameTokens()} tokens a frame${vision.fps.value > 1 && "; the server keeps one a second"}.
          What was seen stays in the context and is read again each turn.</p>
      </div></details>
      </div>
    </div>
  </section>`;
}
