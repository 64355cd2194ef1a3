// What a conversation takes and costs, while it runs: response times, money, context, budget.

import { html, useEffect, useId, useSignal } from "../vendor/preact.js";
import { dollars, milliseconds } from "../lib/format.js";
import { Bars, StageTable, sentence } from "./bars.js";
import { bill, costCurve, costRows } from "./cost.js";
import { Plot, style } from "./plot.js";
import { summary, trend } from "./stats.js";
import { answers, heardIn } from "./waterfall.js";

/**
 * @param {{ conversation?: import("../live/conversation.js").Conversation | null, channel: import("./channel.js").Channel | null }} properties
 *   without a conversation: for somebody who looks on at one elsewhere
 */
export function Meters({ conversation = null, channel }) {
  useEffect(() => void style("../css/meters.css"), []);
  const told = answers(heardIn(conversation), channel);
  const money = channel?.money.value ?? null;
  return html`<div class="meters">
    <${State} channel=${channel} />
    <${Figures} told=${told} money=${money} />
    <${ResponseTimes} told=${told} rtt=${conversation ? channel?.rtt.value : null} />
    <${Costs} money=${money} entries=${channel?.entries.value ?? []} />
    <${Fill} context=${channel?.context.value ?? null} />
    <${Budget} budget=${money?.budget ?? null} />
  </div>`;
}

/** The words for a channel that tells nothing. */
function State({ channel }) {
  const state = channel ? channel.state.value : "none";
  const words = {
    none: "The meters begin with the conversation.",
    connecting: "Waiting for the server’s figures …",
    lost: "The server’s figures stopped coming; trying again …",
    gone: channel?.hello.value ? "The session is over: these are its last figures." : "The server tells nothing of this session: it does not run here, or the key may not see it.",
  }[state];
  return html`<p class="hint" role="status">${words ?? ""}</p>`;
}

function Figures({ told, money }) {
  const { count, p50, p95 } = summary(told.map((answer) => answer.waterfall.total));
  const minutes = money?.free ? (money.hosted?.per_minute ?? null) : (money?.per_minute ?? null);
  const projected = money?.free ? money.hosted?.projection?.amount : money?.projected_ten_minutes;
  return html`<dl class="figures">
    <div><dt>Response, median</dt><dd>${count ? milliseconds(p50) : "–"}</dd></div>
    <div><dt>95th percentile</dt><dd>${count ? milliseconds(p95) : "–"}</dd></div>
    <div><dt>Cost</dt><dd>${money ? `${dollars(money.amount)}${money.unknown.length ? " + ?" : ""}` : "–"}</dd></div>
    <div><dt>${money?.free ? "A minute, if hosted" : "A minute"}</dt><dd>
      ${minutes === null ? "–" : dollars(minutes)}</dd></div>
    <div><dt>${money?.free ? "Ten minutes, if hosted" : "Ten minutes"}</dt><dd>
      ${projected == null ? "–" : dollars(projected)}</dd></div>
  </dl>`;
}

// --- response times ----------------------------------------------------------------------------------------------

function ResponseTimes({ told, rtt }) {
  const times = told.map((answer) => answer.waterfall.total);
  return html`<section class="meter-part" aria-label="Response time">
    <h2>Response time</h2>
    ${told.length === 0 ? html`<p
        class="hint">No answer yet. Each will show here where its time went.</p>` : html`<${OneAnswer} told=${told}
            rtt=${rtt} />`}
    ${told.length > 1 && html`<${Trend} told=${told} times=${times} />`}
  </section>`;
}

function OneAnswer({ told, rtt }) {
  const id = useId();
  const chosen = useSignal("");
  const answer = told.find((each) => String(each.number) === chosen.value) ?? told.at(-1);
  const { adjusted } = answer.waterfall;
  return html`<div class="row">
      <label for="${id}-turn">Turn</label>
      <select id="${id}-turn" value=${chosen.value} onChange=${(event) => (chosen.value = event.target.value)}>
        <option value="">${told.at(-1).number}, the latest</option>
        ${told.slice(0, -1).reverse().map(({ number, interrupted }) => html`<option key=${number}
            value=${String(number)}>${number}${interrupted ? ", interrupted" : ""}</option>`)}
      </select>
    </div>
    <p class="sentence">${sentence(answer)}</p>
    <${Bars} answer=${answer} />
    <p class="hint">${rtt == null ? "" : `The clocks of server and browser agree within ${milliseconds(Math.max(1, rtt / 2))}.`}
      ${adjusted > 1 ? ` Moments were moved by up to ${milliseconds(adjusted)} to be in order.` : ""}</p>
    <details><summary>Stages as a table</summary><${StageTable} answer=${answer}
        name="Stages of turn ${answer.number}" /></details>`;
}

const number = (value) => (Number.isInteger(value) ? String(value) : "");

function Trend({ told, times }) {
  const text = trend(times);
  return html`<figure class="trend">
      <figcaption>${text}</figcaption>
      <${Plot} label="Response time by turn. ${text}" x=${{ label: "turn", format: number }}
        series=${[{ label: "response", token: "--chart-1", format: milliseconds }]}
            data=${[told.map((answer) => answer.number), times]} />
    </figure>
    <details><summary>All response times as a table</summary>
      <div class="scroll" tabindex="0" role="region" aria-label="All response times"><table>
        <caption>All response times</caption>
        <thead><tr><th scope="col">Turn</th><th scope="col">Asked by</th>
          <th scope="col" class="number">Response</th></tr></thead>
        <tbody>${told.map(({ number: turn, typed, interrupted, waterfall }) => html`<tr key=${turn}><th scope="row">
          ${turn}${interrupted ? " (interrupted)" : ""}</th>
          <td>${typed ? "text" : "speech"}</td><td class="number">${milliseconds(waterfall.total)}</td></tr>`)}</tbody>
      </table></div>
    </details>`;
}

// --- money -------------------------------------------------------------------------------------------------------

function Costs({ money, entries }) {
  return html`<section class="meter-part" aria-label="Cost">
    <h2>Cost</h2>
    <p class="sentence">${bill(money)}</p>
    ${money && html`<${Parts} money=${money} /><${Projected} money=${money} />`}
    ${money?.unknown.map((reason) => html`<p class="notice warn" key=${reason}>${reason}</p>`)}
    ${money?.provisional && html`<p class="hint">Part of it is an estimate until who is paid has told.</p>`}
    <${Curve} curve=${costCurve(entries)} free=${money?.free ?? false} hosted=${money?.hosted} />
  </section>`;
}

function Parts({ money }) {
  const rows = costRows(money);
  if (!rows.length) return null;
  const amount = (value) => (value === undefined ? "–" : dollars(value));
  const hosted = money.hosted;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Cost by part"><table>
    <caption>By part, until now</caption>
    <thead><tr><th scope="col">Part</th><th scope="col" class="number">Used</th><th scope="col" class="number">Here</th>
      <th scope="col" class="number">If hosted</th></tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${row.name}><th scope="row">${row.name}</th><td class="number">
      ${row.count.toLocaleString("en")}</td>
      <td class="number">${amount(row.amount)}</td><td class="number">${amount(row.hosted)}</td></tr>`)}</tbody>
    <tfoot><tr><th scope="row">All</th><td></td><td class="number">${dollars(money.amount)}</td><td class="number">
      ${hosted?.amount == null ? "–" : dollars(hosted.amount)}</td></tr></tfoot>
  </table></div>`;
}

const BASES = {
  "measured turns": "a call of turns like these, with its history billed again in each",
  "average so far": "ten times the average minute so far",
};

function Projected({ money }) {
  const told = [
    money.projection && !money.free && ["Ten minutes will have cost", money.projection],
    money.hosted?.projection && [`Ten minutes at the hosted ${money.hosted.model} would cost`, money.hosted.projection],
  ].filter(Boolean);
  return told.map(([words, { amount, basis }]) => html`<p class="hint" key=${words}>
    ${words} ${dollars(amount)}: ${BASES[basis] ?? basis}.</p>`);
}

const span = (minutes) => (minutes < 1 ? `${Math.round(60 * minutes)} seconds` : `${minutes.toFixed(1)} minutes`);

function Curve({ curve, free, hosted }) {
  if (curve.length < 2) return null;
  const last = curve.at(-1);
  const lines = [
    !free && { label: "here", token: "--chart-2", format: dollars, of: "cost" },
    hosted?.amount != null && { label: "if hosted", token: "--chart-3", format: dollars, of: "hosted", dashed: !free },
  ].filter(Boolean);
  if (!lines.length) return null;
  const text = `After ${span(last.minutes)} and ${curve.length} turns: ${lines.map(({ label, of }) => `${dollars(last[of])} ${label}`).join(", ")}.`;
  return html`<figure class="trend">
      <figcaption>${text}</figcaption>
      <${Plot} key=${lines.map((line) => line.of).join()} label="Cost by minute. ${text}"
          x=${{ label: "minutes", zero: true, format: (value) => String(Math.round(value * 1000) / 1000) }}
              series=${lines}
        data=${[curve.map((point) => point.minutes), ...lines.map(({ of }) => curve.map((point) => point[of]))]} />
    </figure>
    <details><summary>Cost by turn as a table</summary>
      <div class="scroll" tabindex="0" role="region" aria-label="Cost by turn"><table>
        <caption>The bill after each turn</caption>
        <thead><tr><th scope="col">Minutes</th><th scope="col" class="number">Here</th>
          <th scope="col" class="number">If hosted</th></tr></thead>
        <tbody>${curve.map((point, index) => html`<tr key=${index}><th scope="row">${point.minutes.toFixed(2)}</th>
          <td class="number">${dollars(point.cost)}</td><td class="number">
            ${hosted?.amount == null ? "–" : dollars(point.hosted)}</td></tr>`)}</tbody>
      </table></div>
    </details>`;
}

// --- context and budget ------------------------------------------------------------------------------------------

const percent = (share) => (share > 0 && share < 0.001 ? "less than 0.1 %" : `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`);

function Fill({ context }) {
  const id = useId();
  if (!context) return null;
  const { tokens, window, trigger } = context;
  const share = tokens / window;
  const slides = trigger ? ` The oldest turns go at ${trigger.toLocaleString("en")}.` : "";
  return html`<section class="meter-part" aria-label="Context">
    <h2 id=${id}>Context</h2>
    <meter aria-labelledby=${id} min="0" max=${window} high=${0.8 * window} optimum="0"
        value=${Math.min(tokens, window)}></meter>
    <p class="hint">${tokens.toLocaleString("en")} of ${window.toLocaleString("en")} tokens, ${percent(share)}, were read last.${slides}</p>
  </section>`;
}

const LIMITS = { session: "this session", key_day: "the key today", key_month: "the key this month" };

function Budget({ budget }) {
  const id = useId();
  if (!budget) return null;
  const share = Number(budget.used);
  const state = share >= 1 ? "used up" : share >= 0.8 ? "nearly used up" : "left";
  return html`<section class="meter-part" aria-label="Budget">
    <h2 id=${id}>Budget of ${LIMITS[budget.kind] ?? budget.kind}</h2>
    <meter aria-labelledby=${id} min="0" max="1" high="0.8" optimum="0" value=${Math.min(1, share)}></meter>
    <p class="hint">${dollars(budget.spent)} of ${dollars(budget.limit)} spent, ${Math.round(100 * share)} %${state === "left" ? "" : `: ${state}`}.</p>
  </section>`;
}
