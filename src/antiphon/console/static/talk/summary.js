import { html } from "../vendor/preact.js";
import { clock, dollars, milliseconds } from "../lib/format.js";
import { quantile } from "../meters/stats.js";
import { traceAddress } from "./server.js";

/** Milliseconds from the end of the user's words to the first sound, of every turn that had both. */
function responses(turns) {
  const first = (turn) => turn.firstHeard ?? turn.firstFrame;
  return turns.filter((turn) => turn.requested && first(turn)).map((turn) => first(turn) - turn.requested);
}

/** What a call was, once it is over. */
export function Summary({ talk, again }) {
  const { turns, sessionId } = talk.conversation.value;
  const middle = quantile(responses(turns.value), 0.5);
  const money = talk.channel.value?.money.value;
  return html`<section class="card summary" aria-label="Summary of the call">
    <h2 tabindex="-1" ref=${(element) => element?.focus({ preventScroll: true })}>Call ended</h2>
    <dl class="figures">
      <${Figure} title="Length" value=${clock(talk.ended.value - talk.began.value)} />
      <${Figure} title="Turns" value=${turns.value.length} />
      <${Figure} title="Response (p50)" value=${middle === null ? "–" : milliseconds(middle)} />
      <${Figure} title="Cost" value=${money ? dollars(money.amount) : "–"} />
      ${money?.hosted && html`<${Figure} title="If hosted" value=${dollars(money.hosted.amount)} />`}
    </dl>
    <div class="row">
      <button class="primary" onClick=${again}>Start over</button>
      ${sessionId.value && talk.start.may_see_sessions && html`<a class="button"
          href=${traceAddress(sessionId.value)}>Open the trace</a>`}
    </div>
  </section>`;
}

function Figure({ title, value }) {
  return html`<div><dt>${title}</dt><dd>${value}</dd></div>`;
}
