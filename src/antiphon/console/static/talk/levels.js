import { html, useEffect, useRef } from "../vendor/preact.js";

const BARS = 96;
const EVERY = 50;
const GAIN = 6;

export const still = matchMedia("(prefers-reduced-motion: reduce)");

/** How high a level is drawn, 0 to 1: speech has an RMS of 0.02 to 0.3, which should fill the height. */
const height = (level) => Math.min(1, Math.sqrt(Math.max(0, level)) * Math.sqrt(GAIN));

/**
 * What both sides said in the last seconds: the user's voice above the line, the model's below it. Under reduced motion
 * two bars that stand, and change twice a second.
 * @param {{ user: () => number, model: () => number }} properties levels 0 to 1
 */
export function Levels({ user, model }) {
  return still.matches
    ? html`<div class="levels-still" aria-hidden="true"><${Meter} level=${user} tone="user" /><${Meter} level=${model}
        tone="model" /></div>`
    : html`<${Wave} user=${user} model=${model} />`;
}

function Wave({ user, model }) {
  const ref = useRef(null);
  useEffect(() => {
    const heights = [];
    const timer = setInterval(() => {
      heights.push([height(user()), height(model())]);
      if (heights.length > BARS) heights.shift();
      if (!document.hidden && ref.current) draw(ref.current, heights);
    }, EVERY);
    return () => clearInterval(timer);
  }, [user, model]);
  return html`<canvas class="levels" ref=${ref} aria-hidden="true"></canvas>`;
}

function draw(canvas, heights) {
  const ratio = devicePixelRatio || 1;
  const { clientWidth, clientHeight } = canvas;
  const [width, height] = [Math.round(clientWidth * ratio), Math.round(clientHeight * ratio)];
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d");
  const style = getComputedStyle(canvas);
  context.clearRect(0, 0, width, height);
  const step = width / BARS;
  const middle = height / 2;
  heights.forEach(([up, down], index) => {
    const x = (BARS - heights.length + index) * step;
    bar(context, style.getPropertyValue("--user"), x, middle, step, -Math.max(ratio, up * middle));
    bar(context, style.getPropertyValue("--model"), x, middle, step, Math.max(ratio, down * middle));
  });
}

function bar(context, color, x, from, step, length) {
  context.fillStyle = color;
  context.fillRect(x, from, Math.max(1, step * 0.6), length);
}

/**
 * One level as a bar, for choosing a microphone.
 * @param {{ level: () => number, tone: "user" | "model" }} properties
 */
export function Meter({ level, tone }) {
  const ref = useRef(null);
  useEffect(() => {
    const show = () => ref.current && (ref.current.style.transform = `scaleX(${height(level()).toFixed(3)})`);
    const timer = setInterval(show, still.matches ? 500 : 60);
    return () => clearInterval(timer);
  }, [level]);
  return html`<span class="level ${tone}" aria-hidden="true"><span ref=${ref}></span></span>`;
}
