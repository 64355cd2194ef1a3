// The waterfall of one answer, as bars with their names and times, and the same as a table.

import { html } from "../vendor/preact.js";
import { milliseconds } from "../lib/format.js";

const WIDTH = 320;
const ROW = 30;

const UNTIL = {
  heard: "the first sound was heard",
  received: "the first output came",
  sent: "the first output left the server",
};

/** What an answer's waterfall says, in a sentence. @param {import("./waterfall.js").Answer} answer @returns {string} */
export function sentence({ waterfall, typed }) {
  const longest = waterfall.stages.reduce((most, stage) => (stage.ms > most.ms ? stage : most));
  const from = typed ? "sending the text" : "the end of speech";
  const until = UNTIL[waterfall.last] ?? "the answer began";
  const most = `${longest.title.toLowerCase()}, ${milliseconds(longest.ms)}`;
  return `From ${from} until ${until}: ${milliseconds(waterfall.total)}. Longest: ${most}.`;
}

/** @param {{ answer: import("./waterfall.js").Answer }} properties */
export function Bars({ answer }) {
  const { stages, total } = answer.waterfall;
  const scale = (ms) => (total > 0 ? (ms / total) * WIDTH : 0);
  return html`<svg class="chart waterfall" viewBox="0 0 ${WIDTH} ${stages.length * ROW}" role="img"
      aria-label=${sentence(answer)}>
    ${stages.map(({ title, from, ms, keys }, row) => html`<g key=${keys.join()}>
      <text x="0" y=${row * ROW + 11}>${title}</text>
      <text class="value" x=${WIDTH} y=${row * ROW + 11} text-anchor="end">${milliseconds(ms)}</text>
      <rect class="track" x="0" y=${row * ROW + 16} width=${WIDTH} height="7" rx="2" />
      <rect class="bar ${keys.at(-1)}" x=${Math.min(scale(from), WIDTH - 2)} y=${row * ROW + 16}
          width=${Math.max(2, scale(ms))} height="7" rx="2" />
    </g>`)}
  </svg>`;
}

/** @param {{ answer: import("./waterfall.js").Answer, name: string }} properties */
export function StageTable({ answer, name }) {
  const { stages, total } = answer.waterfall;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${name}><table>
    <caption>${name}</caption>
    <thead><tr><th scope="col">Stage</th><th scope="col" class="number">From</th><th scope="col" class="number">To</th>
      <th scope="col" class="number">Took</th></tr></thead>
    <tbody>
      ${stages.map(({ title, from, to, ms }) => html`<tr key=${title}><th scope="row">${title}</th>
        <td class="number">${milliseconds(from)}</td><td class="number">${milliseconds(to)}</td><td class="number">
          ${milliseconds(ms)}</td></tr>`)}
      <tr><th scope="row">All</th><td class="number">0 ms</td><td class="number">${milliseconds(total)}</td>
        <td class="number">${milliseconds(total)}</td></tr>
    </tbody>
  </table></div>`;
}
