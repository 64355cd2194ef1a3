// The trace of a session: what happened, over its sound.

import { html, render } from "../vendor/preact.js";
import { Trace } from "./trace.js";

const place = document.getElementById("trace");

async function begin() {
  const answer = await fetch(place.dataset.source, { headers: { accept: "application/json" } });
  if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
  const session = await answer.json();
  if (session.connections.some((connection) => connection.timeline)) render(html`<${Trace}
      session=${session} />`, place);
  else place.hidden = true;
}

begin().catch((error) => {
  render(html`<p class="notice warn"
      role="alert">The timeline cannot be drawn: ${error.message}. The tables below have all of it.</p>`, place);
});
