// The tree of what happened: session, connection, turns, and what each turn was made of.

import { html, useEffect, useRef } from "../vendor/preact.js";
import { clock, duration } from "./format.js";

/**
 * @template T
 * @typedef {import("../vendor/preact.js").Signal<T>} Signal
 */

/** @typedef {import("./model.js").Node} Node */

/**
 * @param {{ title: string, detail: string, nodes: Node[], selected: Signal<string>, open: Signal<Set<string>>,
 *   onSelect: (node: Node) => void, onWhole: () => void }} props `open`: the ids of nodes that show what is below
 */
export function Tree({ title, detail, nodes, selected, open, onSelect, onWhole }) {
  const box = useRef(null);
  const rows = [{ id: "", level: 1, node: null }, ...visible(nodes, open.value, 2)];
  const current = rows.some((row) => row.id === selected.value) ? selected.value : "";

  useEffect(() => {
    const row = box.current?.querySelector('[aria-selected="true"]');
    if (row) keepInside(box.current, row);
  }, [selected.value]);

  const choose = (row, focus) => {
    if (row.node) onSelect(row.node);
    else onWhole();
    if (focus) requestAnimationFrame(() => box.current?.querySelector('[aria-selected="true"]')?.focus());
  };
  const unfold = (id, isOpen) => {
    const ids = new Set(open.value);
    if (isOpen) ids.add(id);
    else ids.delete(id);
    open.value = ids;
  };
  const onKeyDown = (event) => {
    const place = rows.findIndex((row) => row.id === current);
    const move = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: rows.length - 1 }[event.key];
    const row = rows[place];
    if (move !== undefined) choose(rows[Math.min(rows.length - 1, Math.max(0, move))], true);
    else if (event.key === "ArrowRight" && row.node?.children.length && !open.value.has(row.id)) unfold(row.id, true);
    else if (event.key === "ArrowLeft" && open.value.has(row.id)) unfold(row.id, false);
    else if (event.key === "ArrowLeft") choose(above(rows, place), true);
    else if (event.key === "Enter") choose(row, true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return html`<div ref=${box} class="tree" role="tree" aria-label="What happened" onKeyDown=${onKeyDown}>
    ${rows.map((row) => html`<${Row} key=${row.id} row=${row} title=${title} detail=${detail}
        isCurrent=${row.id === current}
      isOpen=${open.value.has(row.id)} onChoose=${() => choose(row, false)}
          onUnfold=${(isOpen) => unfold(row.id, isOpen)} />`)}
  </div>`;
}

function Row({ row, title, detail, isCurrent, isOpen, onChoose, onUnfold }) {
  const { node, level } = row;
  const folds = Boolean(node?.children.length);
  const length = node && node.ends > node.begins ? duration(node.ends - node.begins) : "";
  const toggle = (event) => {
    event.stopPropagation();
    onUnfold(!isOpen);
  };
  return html`<div class=${`tree-row level-${level} ${node?.kind ?? "whole"}${node?.bad ? " bad" : ""}`} role="treeitem"
      aria-level=${level}
    aria-selected=${isCurrent} aria-expanded=${folds ? isOpen : node ? undefined : true} tabindex=${isCurrent ? 0 : -1}
        data-node=${row.id} onClick=${onChoose}>
    <span class="fold" aria-hidden="true" onClick=${folds ? toggle : undefined}>
      ${folds ? (isOpen ? "▾" : "▸") : ""}</span>
    <span class="tree-label">${node ? node.label : title}${(node ? node.detail : detail) && html` <span class="soft">
      ${node ? node.detail : detail}</span>`}</span>
    <span class="tree-time number">${node ? clock(node.begins) : ""}${length && html` <span class="soft">
      ${length}</span>`}</span>
  </div>`;
}

/** The rows that are to be seen, in order. */
function visible(nodes, open, level) {
  return nodes.flatMap((node) => [
    { id: node.id, level, node },
    ...(open.has(node.id) ? visible(node.children, open, level + 1) : []),
  ]);
}

function above(rows, place) {
  for (let each = place - 1; each >= 0; each--) if (rows[each].level < rows[place].level) return rows[each];
  return rows[0];
}

/** Scroll the box, and not the page, until the row is seen. */
function keepInside(box, row) {
  const [outer, inner] = [box.getBoundingClientRect(), row.getBoundingClientRect()];
  if (inner.top < outer.top) box.scrollTop -= outer.top - inner.top;
  else if (inner.bottom > outer.bottom) box.scrollTop += inner.bottom - outer.bottom;
}
