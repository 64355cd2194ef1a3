import { effect, html } from "../vendor/preact.js";
import { Controls, TextBox, Tiles } from "./controls.js";
import { Levels } from "./levels.js";
import { Length, Status } from "./status.js";
import { Summary } from "./summary.js";
import { Mocks } from "./tools.js";
import { Transcript } from "./transcript.js";

export { Help } from "./help.js";
export { Options } from "./options.js";

const mocks = new Mocks();
const served = new WeakSet();

/** Whoever has chosen to answer functions by themselves need not have the page in sight. */
function serve(talk) {
  if (served.has(talk)) return;
  served.add(talk);
  effect(() => talk.alive.value && mocks.serve(talk.conversation.value));
}

/** A call, while it runs, after it, and once more. @param {{ page: any }} properties what the parts of the page share */
export function Call({ page }) {
  const { talk, captions, announces, modelName, open } = page;
  const stage = talk.stage.value;
  serve(talk);
  return html`
    ${stage === "call" && html`<${Head} talk=${talk} />`}
    ${stage === "replay" && html`<${ReplayBanner} saved=${page.saved} />`}
    <${Transcript} conversation=${talk.conversation.value} announce=${announces.value} look=${captions.look.value}
        modelName=${modelName.value}
      mocks=${stage === "call" ? mocks : null} setup=${talk.sent.value}
          empty=${stage === "call" ? "Ask something, by voice or by typing: “What can you do?”" : "Nothing was said."} />
    ${stage === "call" && html`<footer class="dock">
      <${Tiles} talk=${talk} />
      <${TextBox} talk=${talk} field=${page.field} />
      <${Controls} talk=${talk} keys=${page.keys} options=${open.options} help=${open.help} />
    </footer>`}
    ${stage === "after" && html`<${Summary} talk=${talk} again=${() => (talk.stage.value = "start")} />`}
  `;
}

function Head({ talk }) {
  return html`<header class="call-head">
    <${Status} talk=${talk} />
    ${talk.recording.value && html`<span class="badge bad"><span class="dot"
        aria-hidden="true"></span>Recording</span>`}
    <${Levels} user=${() => userLevel(talk)} model=${() => talk.player.peek()?.level.peek() ?? 0} />
    <${Length} talk=${talk} />
  </header>`;
}

function userLevel(talk) {
  return talk.sending.peek() ? (talk.capture.peek()?.level.peek() ?? 0) : 0;
}

function ReplayBanner({ saved }) {
  return html`<div class="banner notice"
      role="status"><p><strong>Replay</strong> of ${saved.name.value}, ${saved.length}. Nothing is sent.</p>
    <button onClick=${() => saved.listen()}>Listen</button><button onClick=${() => saved.close()}>Close</button></div>`;
}
