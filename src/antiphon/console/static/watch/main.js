// Looks on at a call that runs: what is said and done, and what it takes. Nothing here reaches the call.

import { html, render, useComputed, useEffect, useMemo } from "../vendor/preact.js";
import { Channel } from "../meters/channel.js";
import { Meters } from "../meters/panel.js";
import { Transcript } from "./transcript.js";

const DOING = {
  listening: "Listening", hearing: "The user speaks", thinking: "Thinking", speaking: "The model speaks", tool: "Waiting for a function",
};

const place = document.getElementById("session");

function Watch({ id, trace, content }) {
  const channel = useMemo(() => new Channel(id), [id]);
  useEffect(() => () => channel.close(), []);
  const hello = channel.hello.value;
  const over = channel.ended.value !== null || channel.state.value === "gone";
  return html`<header class="heading">
      <div>
        <p class="title">Session <span class="mono break">${id}</span>${" "}
          ${over ? html`<span class="badge">over</span>` : html`<span class="badge good live">live</span>`}</p>
        <p class="row meta">${hello && html`<span>${hello.model}</span><span>
          ${channel.status.value?.engine ?? hello.engine}</span>`}
          <span role="status" class="doing">${over ? "" : DOING[channel.status.value?.doing] ?? ""}</span></p>
      </div>
      <nav class="row" aria-label="This session"><a class="button"
          href=${trace.replace(/\/[^/]*$/, "")}>All sessions</a></nav>
    </header>
    ${over && html`<${Over} channel=${channel} trace=${trace} />`}
    ${!content && html`<p class="notice">Words are not kept on this server, so only their number is told. With
      <code>content = true</code> in <code>[telemetry]</code> they are shown here.</p>`}
    <div class="watching">
      <section aria-labelledby="said"><h2 id="said">What happens</h2>
        <${Transcript} entries=${channel.entries} /></section>
      <section aria-label="Meters"><${Meters} channel=${channel} /></section>
    </div>`;
}

function Over({ channel, trace }) {
  const end = channel.ended.value;
  const how = useComputed(() => (end === null ? "It is not to be seen any more." : end.code === null ? "The client left." : `It closed with ${end.code}${end.reason ? `: ${end.reason}` : "."}`));
  return html`<p class="notice" role="status">The call is over. ${how} <a href=${trace}>Open its trace</a></p>`;
}

const { id, trace, content } = place.dataset;
const app = document.getElementById("app");
app.replaceChildren();
render(html`<${Watch} id=${id} trace=${trace} content=${content === "yes"} />`, app);
