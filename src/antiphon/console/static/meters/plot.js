// Lines over turns or minutes, drawn by uPlot, which is loaded when the first of them is shown.

import { html, useEffect, useRef } from "../vendor/preact.js";

const HEIGHT = 150;

let library;

/** @returns {Promise<any>} uPlot, with its style */
function load() {
  library ??= Promise.all([import("../vendor/uplot.js"), style("../vendor/uplot.css")]).then(([module]) => module.default);
  return library;
}

/** Load a style once, whichever page the instrument is on. @returns {Promise<void>} */
export function style(path) {
  const { href } = new URL(path, import.meta.url);
  if ([...document.styleSheets].some((sheet) => sheet.href === href)) return Promise.resolve();
  return new Promise((resolve) => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href });
    link.onload = link.onerror = () => resolve();
    document.head.append(link);
  });
}

/**
 * @param {{ label: string, x: { label: string, zero?: boolean, format: (value: number) => string }, series: { label: string, token: string, dashed?: boolean,
 *   format: (value: number) => string }[], data: number[][] }} properties
 *   `label`: what is to be seen, in a sentence; `x.zero`: begin at nothing; `token`: the colour, a custom property; `data`: x first, then each series
 */
export function Plot({ label, x, series, data }) {
  const place = useRef(null);
  const plot = useRef(null);
  const newest = useRef(data);
  newest.current = data;
  useEffect(() => {
    const life = new AbortController();
    const draw = async () => {
      const uPlot = await load();
      if (life.signal.aborted || !place.current) return;
      plot.current?.destroy();
      plot.current = new uPlot(options(place.current, x, series), newest.current, place.current);
    };
    const sizes = new ResizeObserver(() => place.current && plot.current?.setSize({ width: width(place.current), height: HEIGHT }));
    sizes.observe(place.current);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw, { signal: life.signal });
    draw();
    return () => {
      life.abort();
      sizes.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, []);
  useEffect(() => plot.current?.setData(data), [data]);
  return html`<div class="plot" role="img" aria-label=${label} ref=${place}></div>`;
}

function options(place, x, series) {
  const token = (name) => getComputedStyle(place).getPropertyValue(name).trim();
  const font = `11px ${token("--font") || "sans-serif"}`;
  const grid = { stroke: token("--border"), width: 1 };
  const ticks = { stroke: token("--border-strong"), width: 1 };
  const axis = { stroke: token("--text-soft"), font, grid, ticks };
  return {
    width: width(place),
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: false, range: (_, least, most) => (least === most ? [least - 1, most + 1] : [x.zero ? 0 : least, most]) },
      y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] },
    },
    axes: [
      { ...axis, size: 34, label: x.label, labelFont: font, labelSize: 14, values: (_, values) => values.map(x.format) },
      { ...axis, size: 66, values: (_, values) => values.map(series[0].format) },
    ],
    series: [{}, ...series.map((each) => line(each.label, token(each.token), each.dashed))],
  };
}

function line(label, colour, dashed) {
  const points = { show: true, size: 5, fill: colour };
  return { label, stroke: colour, width: 2, dash: dashed ? [6, 4] : undefined, points };
}

function width(place) {
  return Math.max(120, Math.floor(place.getBoundingClientRect().width));
}
