import { html, useEffect, useRef, useSignal } from "../vendor/preact.js";
import { ACTIONS, label } from "./keys.js";

/**
 * A dialog that a signal opens; Escape and its button close it.
 * @param {{ open: any, title: string, children: any }} properties
 */
export function Dialog({ open, title, children }) {
  const ref = useRef(null);
  useEffect(() => {
    if (open.value && !ref.current.open) ref.current.showModal();
    if (!open.value && ref.current.open) ref.current.close();
  }, [open.value]);
  return html`<dialog ref=${ref} aria-label=${title} onClose=${() => (open.value = false)}>
    <div class="row dialog-head">
      <h2>${title}</h2>
      <button class="quiet" onClick=${() => ref.current.close()}>Close</button>
    </div>
    ${open.value && children}
  </dialog>`;
}

/** Every key, each of which can be changed or taken away. */
export function Help({ keys, open }) {
  const problem = useSignal("");
  const bind = (name, key) => (problem.value = keys.bind(name, key));
  return html`<${Dialog} open=${open} title="Keyboard">
    <label class="check"><input type="checkbox" checked=${keys.on.value}
        onChange=${(event) => (keys.on.value = event.target.checked)} /> Single keys act (never inside a field)</label>
    <div class="scroll" tabindex="0" role="region" aria-label="Keys"><table>
      <thead><tr><th scope="col">Action</th><th scope="col">Key</th><th scope="col">Change</th></tr></thead>
      <tbody>
        ${ACTIONS.map(({ name, title }) => html`<${KeyRow} key=${name} title=${title} bound=${keys.bound.value[name]}
            bind=${(key) => bind(name, key)} />`)}
        <tr><td>Stop the model's speech</td><td><kbd>Esc</kbd></td><td class="soft">fixed</td></tr>
      </tbody>
    </table></div>
    <p class="hint bad" role="alert">${problem.value}</p>
    <p class="hint">Arrow keys move between tabs. On a focused button the space bar presses the button.</p>
    <button onClick=${() => (problem.value = "", keys.reset())}>Reset all keys</button>
  <//>`;
}

function KeyRow({ title, bound, bind }) {
  const waiting = useSignal(false);
  const take = (event) => {
    if (!waiting.value || ["Tab", "Escape", "Shift", "Control", "Alt", "Meta"].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    waiting.value = false;
    bind(event.key.toLowerCase());
  };
  return html`<tr><td>${title}</td><td>${bound ? html`<kbd>${label(bound)}</kbd>` : html`<span
      class="soft">none</span>`}</td>
    <td><div class="row nowrap"><button class="small" aria-label=${`Change the key: ${title}`}
        aria-pressed=${waiting.value ? "true" : "false"}
      onClick=${() => (waiting.value = !waiting.value)} onKeyDown=${take}
          onKeyUp=${(event) => event.key === " " && event.preventDefault()}
          onBlur=${() => (waiting.value = false)}>${waiting.value ? "Press a key" : "Change"}</button>
      ${bound && html`<button class="small quiet" aria-label=${`No key: ${title}`}
          onClick=${() => bind("")}>None</button>`}</div></td></tr>`;
}
