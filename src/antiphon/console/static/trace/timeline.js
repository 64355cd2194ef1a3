// The timeline: the sound of both sides, and over it what happened. Its scroll box is the slider of the playhead.

import { html, useComputed, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { clock, tick, tickStep } from "./format.js";
import { outline } from "./wave.js";

/** Lanes from above to below: where each begins, and its height, in pixels. */
const LANES = {
  user: { label: "User", top: 24, height: 58 },
  model: { label: "Model", top: 88, height: 58 },
  tool: { label: "Tools", top: 152, height: 20 },
  event: { label: "Events", top: 178, height: 20 },
};
const HEIGHT = 204;
const LEAST_WIDTH = 3;

/**
 * @param {{ view: import("./view.js").View, nodes: import("./model.js").Node[], waves: object,
 *   player: import("./player.js").Player, selected: import("../vendor/preact.js").Signal<string>,
 *   onSelect: (node: import("./model.js").Node, at: number) => void, onSeek: (at: number) => void }} props
 */
export function Timeline({ view, nodes, waves, player, selected, onSelect, onSeek }) {
  const box = useRef(null);
  const [width, setWidth] = useState(600);
  const { begins, span } = view.window.value;
  const whole = Math.max(width, Math.round(width * view.total / span));

  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.max(120, Math.floor(entry.contentRect.width))));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    box.current.firstElementChild.style.width = `${whole}px`;
    const left = begins / view.total * whole;
    if (Math.abs(box.current.scrollLeft - left) > 1) box.current.scrollLeft = left;
  }, [begins, whole]);
  useEffect(() => {
    for (const wave of Object.values(waves)) wave.look(begins, span, width);
  }, [begins, span, width, waves]);

  const onScroll = () => {
    const at = box.current.scrollLeft / whole * view.total;
    if (Math.abs(at - begins) * width / span > 1) view.show(at, span);
  };
  const secondAt = (event) => begins + (event.clientX - box.current.getBoundingClientRect().left) / width * span;
  const onClick = (event) => {
    const id = event.target.closest("[data-node]")?.dataset.node;
    const node = nodes.find((each) => each.id === id);
    if (node) onSelect(node, secondAt(event));
    else onSeek(secondAt(event));
  };
  const onWheel = (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    view.zoom(event.deltaY < 0 ? 1.25 : 0.8, secondAt(event));
  };
  useEffect(() => {
    // Zooming must keep the browser from zooming the page, which a listener of Preact's cannot.
    box.current.addEventListener("wheel", onWheel, { passive: false });
    return () => box.current?.removeEventListener("wheel", onWheel);
  });

  const now = useComputed(() => player.time.value.toFixed(2));
  const said = useComputed(() => clock(player.time.value));
  const seen = { view: view.window.value, width };
  return html`<div class="timeline">
    <div class="lanes" aria-hidden="true">
      ${Object.entries(LANES).map(([name, lane]) => html`<span class=${`lane-name ${name}`}>${lane.label}</span>`)}
    </div>
    <div ref=${box} class="timeline-box" tabindex="0" role="slider" aria-label="Position in the call"
        aria-orientation="horizontal"
      aria-valuemin="0" aria-valuemax=${view.total.toFixed(2)} aria-valuenow=${now} aria-valuetext=${said}
      aria-describedby="timeline-keys" onScroll=${onScroll} onClick=${onClick}>
      <div class="timeline-whole">
        <svg class="timeline-picture" width=${width} height=${HEIGHT} viewBox=${`0 0 ${width} ${HEIGHT}`}
            aria-hidden="true">
          ${Object.values(LANES).map((lane) => html`<rect class="lane" x="0" y=${lane.top} width=${width}
              height=${lane.height} />`)}
          <${Ticks} ...${seen} />
          ${["user", "model"].map((side) => waves[side] && html`<${Wave} side=${side} wave=${waves[side]}
              ...${seen} />`)}
          ${nodes.map((node) => node.lane && html`<${Span} key=${node.id} node=${node}
              isSelected=${isChosen(selected.value, node)} ...${seen} />`)}
          <${Playhead} player=${player} ...${seen} />
        </svg>
      </div>
    </div>
  </div>`;
}

/** Whether a node is chosen, or a stage of what is. */
function isChosen(id, node) {
  return id !== "" && (node.id === id || (node.kind === "stage" && node.id.startsWith(`${id}-`)));
}

function Ticks({ view: { begins, span }, width }) {
  const step = tickStep(span, width);
  const first = Math.ceil(begins / step - 1e-9);
  const ticks = Array.from({ length: Math.max(0, Math.floor((begins + span) / step + 1e-9) - first + 1) }, (_, n) => (first + n) * step);
  return html`<g class="ticks">${ticks.map((at) => {
    const x = (at - begins) / span * width;
    return html`<g key=${at}><line x1=${x} x2=${x} y1="18" y2=${HEIGHT} /><text x=${x + 3} y="12">
      ${tick(at, step)}</text></g>`;
  })}</g>`;
}

function Wave({ side, wave, view, width }) {
  const lane = LANES[side];
  const path = outline(wave.peaks.value, view, width, lane.top + lane.height / 2, lane.height - 6);
  return html`<path class=${`wave ${side}`} d=${path} />`;
}

function Span({ node, isSelected, view: { begins, span }, width }) {
  const from = (node.begins - begins) / span * width;
  const to = (node.ends - begins) / span * width;
  if (to < -20 || from > width + 20) return null;
  const lane = LANES[node.lane];
  const classes = `span ${node.kind} ${node.id.split("-").pop()}${node.bad ? " bad" : ""}${isSelected ? " selected" : ""}`;
  if (node.ends === node.begins) return html`<${Mark} node=${node} lane=${lane}
      x=${Math.min(Math.max(from, 8), width - 8)} classes=${classes} />`;
  const left = Math.max(-8, from);
  const wide = Math.max(LEAST_WIDTH, Math.min(width + 8, to) - left);
  const inside = node.kind === "tool" || node.kind === "gap";
  return html`<g class=${classes} data-node=${node.id}>
    <title>${node.label}: ${node.detail}</title>
    <rect x=${left} y=${lane.top + 1} width=${wide} height=${lane.height - 2} rx="3" />
    ${inside && wide > 24 && html`<text x=${Math.max(4, left + 4)} y=${lane.top + 14}>
      ${shorten(node.label, wide)}</text>`}
  </g>`;
}

/** A moment: a line through the sound of the model, or a diamond among the events. */
function Mark({ node, lane, x, classes }) {
  const middle = lane.top + lane.height / 2;
  const shape = node.lane === "model"
    ? html`<path d=${`M${x} ${lane.top}V${lane.top + lane.height}M${x - 4} ${lane.top}H${x + 4}`} />`
    : html`<path d=${`M${x} ${middle - 6}l6 6l-6 6l-6 -6Z`} />`;
  return html`<g class=${`${classes} mark`} data-node=${node.id}><title>${node.label}: ${node.detail}</title>
    ${shape}</g>`;
}

function Playhead({ player, view: { begins, span }, width }) {
  const x = (player.time.value - begins) / span * width;
  if (x < -1 || x > width + 1) return null;
  return html`<g class="playhead"><line x1=${x} x2=${x} y1="14" y2=${HEIGHT} />
    <path d=${`M${x - 5} 10h10l-5 8z`} /></g>`;
}

function shorten(text, width) {
  const room = Math.floor((width - 8) / 6.5);
  return text.length <= room ? text : `${text.slice(0, Math.max(1, room - 1))}…`;
}
