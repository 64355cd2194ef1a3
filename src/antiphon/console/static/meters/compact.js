// The meters of one of two conversations side by side: a line of figures and the latest waterfall.

import { html, useEffect } from "../vendor/preact.js";
import { dollars, milliseconds } from "../lib/format.js";
import { Bars } from "./bars.js";
import { style } from "./plot.js";
import { summary } from "./stats.js";
import { answers, heardIn } from "./waterfall.js";

/**
 * @param {{ conversation: import("../live/conversation.js").Conversation | null, channel: import("./channel.js").Channel | null, name?: string }} properties
 *   `name`: whose figures they are
 */
export function CompactMeters({ conversation, channel, name = "" }) {
  useEffect(() => void style("../css/meters.css"), []);
  const told = answers(heardIn(conversation), channel);
  const { count, p50, p95 } = summary(told.map((answer) => answer.waterfall.total));
  const money = channel?.money.value;
  const hosted = money?.hosted?.amount;
  return html`<div class="meters compact" role="group" aria-label=${name ? `Figures of ${name}` : "Figures"}>
    <dl class="figures">
      <div><dt>Latest</dt><dd>${count ? milliseconds(told.at(-1).waterfall.total) : "–"}</dd></div>
      <div><dt>Median of ${count}</dt><dd>${count ? milliseconds(p50) : "–"}</dd></div>
      <div><dt>95th percentile</dt><dd>${count ? milliseconds(p95) : "–"}</dd></div>
      <div><dt>Cost</dt><dd>${money ? dollars(money.amount) : "–"}</dd></div>
      <div><dt>If hosted</dt><dd>${hosted == null ? "–" : dollars(hosted)}</dd></div>
    </dl>
    ${count > 0 && html`<${Bars} answer=${told.at(-1)} />`}
  </div>`;
}
