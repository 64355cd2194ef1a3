import { html, render } from "../vendor/preact.js";

render(html`<p>Talk</p>`, document.getElementById("app"));
