import { html, useEffect, useId, useRef, useSignal } from "../vendor/preact.js";
import { Icon } from "./icons.js";

/**
 * Instruments beside the conversation, loaded when their tab opens. Closed they are a strip of tabs.
 * @param {{ panels: { name: string, title: string, load: () => Promise<any>, note?: any }[], open: any }} properties
 *   `open`: signal with the name of the open one, "" for none; `load` gives a component without properties
 */
export function Panels({ panels, open }) {
  const id = useId();
  const shown = panels.find((each) => each.name === open.value);
  const place = useRef(null);
  useEffect(() => {
    // On a narrow page it is below the conversation, where nobody would see that it opened.
    if (shown) place.current.scrollIntoView({ block: "nearest" });
  }, [shown]);
  const choose = (name) => (open.value = open.value === name ? "" : name);
  const move = (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const tabs = [...event.currentTarget.querySelectorAll("[role=tab]")];
    tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length].focus();
  };
  return html`<aside class="panels ${shown ? "open" : "closed"}" aria-label="Instruments" ref=${place}>
    <div class="panels-head">
      <div class="tabs" role="tablist" aria-label="Instruments" onKeyDown=${move}>
        ${panels.map(({ name, title }, index) => html`<button role="tab" key=${name} id="${id}-${name}"
            aria-selected=${name === open.value ? "true" : "false"}
          aria-controls=${name === open.value ? `${id}-panel` : undefined}
              tabindex=${name === (shown ?? panels[0]).name || (!shown && index === 0) ? 0 : -1}
          onClick=${() => choose(name)}>${title}</button>`)}
      </div>
      ${shown && html`<button class="quiet close" aria-label="Close instruments"
          onClick=${() => (open.value = "")}><${Icon} name="close" /></button>`}
    </div>
    ${shown && html`<div class="panel" role="tabpanel" id="${id}-panel" aria-labelledby="${id}-${shown.name}"
        tabindex="0">
      <h2 class="visually-hidden">${shown.title}</h2>
      ${shown.note?.()}
      <${Lazy} key=${shown.name} load=${shown.load} />
    </div>`}
  </aside>`;
}

const loaded = new Map();

function Lazy({ load }) {
  const state = useSignal({ component: loaded.get(load), problem: "" });
  const attempt = async () => {
    try {
      const component = await load();
      loaded.set(load, component);
      state.value = { component, problem: "" };
    } catch (error) {
      state.value = { component: null, problem: `This part could not be loaded: ${error.message}` };
    }
  };
  useEffect(() => {
    if (!state.value.component) attempt();
  }, []);
  const { component: Component, problem } = state.value;
  if (problem) return html`<p class="problem" role="alert">${problem} <button
      onClick=${attempt}>Try again</button></p>`;
  return Component ? html`<${Component} />` : html`<p class="hint">Loading …</p>`;
}
