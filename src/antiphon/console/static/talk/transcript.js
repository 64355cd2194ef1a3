import { html, useEffect, useRef, useSignal } from "../vendor/preact.js";
import { milliseconds } from "../lib/format.js";
import { ToolCard } from "./tools.js";

/** Pixels above the end within which new lines are followed. */
const NEAR = 80;

/**
 * What was said. Only finished lines are in the live region; what is still said stands beside them, in its place.
 * `announce`: whether a screen reader says the model's lines; `mocks`: answers to functions, null for none; `setup`:
 * what the call began with; `empty`: what stands there before the first line.
 * @param {{ conversation: any, announce: boolean, look: string, modelName: string, mocks?: any, setup?: object,
 *   label?: string, empty?: string }} properties
 */
export function Transcript(properties) {
  const { conversation, announce, look, modelName, mocks = null, setup = {} } = properties;
  const { label = "Transcript", empty = "" } = properties;
  const lines = conversation.lines.value.filter(isShown);
  const box = useRef(null);
  const { away, scrolled } = useEnd(box);
  const show = (line, order) =>
    html`<${Entry} key=${line.id} ...${{ line, order, conversation, announce, modelName, mocks, setup }} />`;
  const ordered = lines.map((line, order) => [line, order]);
  return html`<div class="transcript-frame">
    <div class="transcript ${look}" ref=${box} onScroll=${scrolled} tabindex="0" role="region"
        aria-label=${label}>
      ${!lines.length && empty && html`<p class="empty">${empty}</p>`}
      <div role="log" aria-label="Finished lines" class="log">
        ${ordered.filter(([line]) => !isPending(line)).map(([line, order]) => show(line, order))}
      </div>
      ${ordered.filter(([line]) => isPending(line)).map(([line, order]) => show(line, order))}
      <${Waiting} conversation=${conversation} place=${{ order: lines.length }} />
    </div>
    ${away.value && html`<button class="latest" onClick=${() => (away.value = false)}>Newest lines</button>`}
  </div>`;
}

/** Keep the end in sight until the reader scrolls up. */
function useEnd(box) {
  const away = useSignal(false);
  const top = useRef(0);
  const follow = () => {
    if (!away.peek() && box.current) box.current.scrollTop = box.current.scrollHeight;
  };
  useEffect(follow);
  useEffect(() => {
    const watch = new ResizeObserver(follow);
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  const scrolled = ({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
    const near = scrollHeight - scrollTop - clientHeight < NEAR;
    // Lines and banners that come move the end away; only a reader moves up.
    if (near) away.value = false;
    else if (scrollTop < top.current) away.value = true;
    top.current = scrollTop;
  };
  return { away, scrolled };
}

const isShown = (line) => line.who === "note" || Boolean(line.text || line.interim || line.links?.length);

/** Notes and functions are there at once, whole. */
const isPending = (line) => line.who !== "note" && !line.finished;

function Entry({ line, order, conversation, announce, modelName, mocks, setup }) {
  const place = { order };
  if (line.kind === "tool") {
    const call = conversation.tools.value.find((each) => each.key === line.call);
    return call ? html`<div class="line" style=${place}><${ToolCard}
        ...${{ call, conversation, mocks, setup }} /></div>` : null;
  }
  if (line.who === "note") return html`<${Note} line=${line} place=${place} conversation=${conversation} />`;
  if (line.kind === "sources") return html`<${Sources} line=${line} place=${place} />`;
  const mine = line.who === "user";
  const quiet = !mine && !announce ? "off" : undefined;
  return html`<div class="line ${line.who} ${isPending(line) ? "pending" : ""}" style=${place} aria-live=${quiet}
      data-who=${line.who}>
    <p class="who">${mine ? "You" : modelName}${line.kind === "thought" && " · thought"}${!mine && html`<${Reaction}
        line=${line} conversation=${conversation} />`}</p>
    <p class="said" lang=${line.language || undefined}><${Said} line=${line} /></p>
  </div>`;
}

/** What was typed and is not sent yet. A replay has nothing of that kind. */
function Waiting({ conversation, place }) {
  const texts = conversation.waiting?.value ?? [];
  const why = conversation.state.value === "failed" ? "not sent" : "waits for the connection";
  return texts.map((text) => html`<div class="line user waiting" style=${place}><p class="who">You · ${why}</p><p
      class="said">${text}</p></div>`);
}

function Said({ line }) {
  const { text, interim, cut, heard } = line;
  if (!cut || heard === null || heard >= text.length) return html`${text}${interim && html`<span
      class="interim">${interim}</span>`}`;
  return html`${text.slice(0, heard)}<del>${text.slice(heard)}</del><span class="visually-hidden"> (not heard)</span>`;
}

/** How long the user waited for the first word, on the first line of an answer. */
function Reaction({ line, conversation }) {
  const spoken = conversation.lines.value.filter((each) => each.who === "model" && each.kind !== "thought");
  const first = spoken.find((each) => each.turn === line.turn);
  const turn = conversation.turns.value.find((each) => each.number === line.turn);
  const began = turn?.firstHeard ?? turn?.firstFrame;
  if (first?.id !== line.id || !turn?.requested || !began) return null;
  return html`<span class="reaction" aria-live="off"
      title="From the end of your words to the first sound">${milliseconds(began - turn.requested)}</span>`;
}

function Note({ line, place, conversation }) {
  return html`<div class="line note" style=${place}
      data-kind=${line.kind}><p>${line.text}${line.kind === "interrupted" && silence(line, conversation.turns.value)}</p></div>`;
}

/** How quickly it became silent: since the user began to speak where that is known, else since the server said so. */
function silence(line, turns) {
  const turn = turns.find((each) => each.number === line.turn);
  if (!turn?.silent) return "";
  const next = turns.find((each) => each.number > line.turn && each.began !== null && each.began <= turn.silent);
  if (next) return ` Silent ${milliseconds(turn.silent - next.began)} after you began.`;
  return turn.interrupted === null ? "" : ` Silent after ${milliseconds(turn.silent - turn.interrupted)}.`;
}

function Sources({ line, place }) {
  return html`<div class="line note" style=${place}><p>${line.text ? `Searched for ${line.text}` : "Sources"}</p>
    ${line.links?.length > 0 && html`<ul class="sources">${line.links.map(({ uri, title }) => html`<li><a href=${uri}
        target="_blank" rel="noreferrer noopener">${title}</a></li>`)}</ul>`}
  </div>`;
}
