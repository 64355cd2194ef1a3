// The list of messages: tens of thousands of them, of which a screenful is drawn.

import { html, useComputed, useEffect, useId, useLayoutEffect, useRef, useSignal } from "../vendor/preact.js";
import { copy } from "../lib/files.js";
import { whole } from "../lib/format.js";
import { entire, readable } from "./json.js";
import { Layout } from "./layout.js";
import { moment, size, summary } from "./rows.js";

// Pixels, as css/wire.css has them.
const FINE = { row: 28, detail: 280 };
const COARSE = { row: 44, detail: 320 };
const WAYS = { out: ["→", "sent"], in: ["←", "received"] };

/**
 * @param {{ rows: import("../vendor/preact.js").Signal<import("./rows.js").Row[]>, began: number,
 *   follow: import("../vendor/preact.js").Signal<boolean> }} properties
 */
export function List({ rows, began, follow }) {
  const box = useRef(null);
  const heights = useHeights();
  const opened = useSignal(new Set());
  const active = useSignal(0);
  const wanted = useRef(null);
  const scrolled = useSignal(0);
  const visible = useSignal(400);
  const layout = useComputed(() => new Layout(rows.value.length, indices(rows.value, opened.value), heights.value));
  const [from, to] = layout.value.window(scrolled.value, visible.value);
  useSize(box, visible);
  useLayoutEffect(() => {
    if (follow.value && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [follow.value, rows.value]);
  useLayoutEffect(() => {
    const button = wanted.current !== null && box.current?.querySelector(`[data-index="${wanted.current}"] > button`);
    if (!button) return;
    button.focus({ preventScroll: true });
    wanted.current = null;
  });
  const go = (index) => {
    const to = Math.max(0, Math.min(rows.value.length - 1, index));
    reveal(box.current, layout.value, to, heights.value.row);
    active.value = wanted.current = to;
    scrolled.value = box.current.scrollTop;
  };
  const scroll = () => {
    const { scrollTop, scrollHeight, clientHeight } = box.current;
    scrolled.value = scrollTop;
    follow.value = scrollHeight - scrollTop - clientHeight < heights.value.row;
  };
  const toggle = (id) => {
    const next = new Set(opened.value);
    if (!next.delete(id)) next.add(id);
    opened.value = next;
    // What somebody reads is not to run away.
    follow.value = false;
  };
  const stop = active.value >= from && active.value < to ? active.value : from;
  return html`<div class="wire-list scroll" ref=${box} tabindex="0" role="region" aria-label="List of messages"
      onScroll=${scroll}
      onKeyDown=${(event) => move(event, active.value, Math.floor(visible.value / heights.value.row), rows.value.length, go)}>
    <ol role="list" style=${{ paddingTop: `${layout.value.top(from)}px`, height: `${layout.value.height}px` }}>
      ${rows.value.slice(from, to).map((row, offset) => html`<${Item} key=${row.id} row=${row} index=${from + offset}
          total=${rows.value.length} began=${began}
        size=${row.frames.length} open=${opened.value.has(row.id)} stop=${from + offset === stop}
            onToggle=${() => toggle(row.id)} onFocus=${() => (active.value = from + offset)} />`)}
    </ol>
    ${rows.value.length === 0 && html`<p class="hint">Nothing to show.</p>`}
  </div>`;
}

function Item({ row, index, total, began, open, stop, onToggle, onFocus }) {
  const id = useId();
  const [first] = row.frames;
  const [prefix] = /^(serverContent|realtimeInput)\./.exec(row.kind) ?? [""];
  const [arrow, way] = WAYS[row.direction] ?? ["×", "closed"];
  return html`<li class="wire-item ${row.direction ?? "closed"} ${row.frames.length > 1 ? "fold" : ""}"
      data-index=${index} aria-posinset=${index + 1} aria-setsize=${total}>
    <button class="wire-row" aria-expanded=${open ? "true" : "false"} aria-controls=${open ? id : undefined}
        tabindex=${stop ? 0 : -1} onClick=${onToggle} onFocus=${onFocus}>
      <span class="wire-time">${moment(first.at - began)}</span>
      <span class="wire-way"><span aria-hidden="true">${arrow}</span> <span class="wire-word">${way}</span></span>
      <span class="wire-what"><span class="wire-kind">${prefix && html`<span class="wire-prefix">${prefix}</span>`}
        ${row.kind.slice(prefix.length)}</span> <span class="wire-preview">${summary(row)}</span></span>
      <span class="wire-size">${first.close ? "" : size(row.bytes)}</span>
    </button>
    ${open && html`<${Detail} id=${id} row=${row} />`}
  </li>`;
}

function Detail({ id, row }) {
  const done = useSignal("");
  const take = async () => {
    done.value = "";
    done.value = (await copy(entire(row))) ? "Copied." : "The browser does not let this page copy: select the text instead.";
  };
  const { socket } = row.frames[0];
  return html`<div class="wire-detail" id=${id}>
    <div class="row"><button onClick=${take}>Copy JSON</button><span class="hint">connection ${whole(socket)}</span>
      <span class="hint" role="status">${done}</span></div>
    <pre tabindex="0" aria-label="JSON">${readable(row)}</pre>
  </div>`;
}

/** The arrow keys go from row to row, wherever the list is scrolled to. */
function move(event, active, page, total, go) {
  if (!event.target.matches(".wire-row, .wire-list") || event.altKey || event.ctrlKey || event.metaKey) return;
  const to = {
    ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + page, PageUp: active - page, Home: 0, End: total - 1,
  }[event.key];
  if (to === undefined || total === 0) return;
  event.preventDefault();
  go(to);
}

function reveal(box, layout, index, height) {
  const top = layout.top(index);
  if (top < box.scrollTop) box.scrollTop = top;
  else if (top + height > box.scrollTop + box.clientHeight) box.scrollTop = top + height - box.clientHeight;
}

function indices(rows, opened) {
  if (!opened.size) return [];
  return rows.flatMap((row, index) => (opened.has(row.id) ? [index] : []));
}

function useSize(box, visible) {
  useEffect(() => {
    const observer = new ResizeObserver(() => (visible.value = box.current?.clientHeight ?? 400));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
}

function useHeights() {
  const heights = useSignal(FINE);
  useEffect(() => {
    const coarse = matchMedia("(pointer: coarse)");
    const set = () => (heights.value = coarse.matches ? COARSE : FINE);
    set();
    coarse.addEventListener("change", set);
    return () => coarse.removeEventListener("change", set);
  }, []);
  return heights;
}
