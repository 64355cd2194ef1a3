// Every message of a conversation, both ways, as it travelled.

import { effect, html, untracked, useComputed, useEffect, useSignal } from "../vendor/preact.js";
import { WireLog } from "../live/wire.js";
import { saveAs } from "../lib/files.js";
import { whole } from "../lib/format.js";
import { List } from "./list.js";
import { Filter, kindsOf, rowsOf } from "./rows.js";

const PAUSE = 100; // milliseconds between two looks at a log that grows

/**
 * @param {{ log: WireLog, onReplay?: (log: WireLog, name: string) => void }} properties
 *   `onReplay` gets a saved conversation that was opened; without it none can be
 */
export function WireView({ log, onReplay }) {
  const paused = useSignal(false);
  const frames = useFrames(log, paused);
  const query = useSignal("");
  /** @type {import("../vendor/preact.js").Signal<"" | "in" | "out">} */
  const direction = useSignal("");
  const hidden = useSignal(new Set());
  const folded = useSignal(true);
  const follow = useSignal(true);
  const cleared = useSignal(0);
  const kept = useComputed(() => frames.value.filter((frame) => frame.id > cleared.value));
  const filter = useComputed(() => new Filter({ query: query.value, hidden: hidden.value, direction: direction.value }));
  const rows = useComputed(() => rowsOf(kept.value, filter.value, folded.value));
  useEffect(() => () => (cleared.value = 0), [log]);
  return html`<section class="wire" aria-label="Messages">
    <div class="row wire-tools">
      <div class="field"><label>Find<input type="search" value=${query}
          onInput=${(event) => (query.value = event.currentTarget.value)} /></label></div>
      <div class="field"><label>Direction<select value=${direction}
          onChange=${(event) => (direction.value = event.currentTarget.value)}>
        <option value="">Both</option><option value="out">Sent</option><option value="in">Received</option>
      </select></label></div>
      <label class="check"><input type="checkbox" checked=${folded}
          onChange=${(event) => (folded.value = event.currentTarget.checked)} /> Fold sound</label>
    </div>
    <${Kinds} frames=${kept} hidden=${hidden} />
    <div class="row wire-tools">
      <${Toggle} on=${follow} label="Follow" title="Keep the newest message in sight" />
      <${Toggle} on=${paused} label="Pause" title="Show nothing new; everything is still kept" />
      <${Clear} frames=${frames} cleared=${cleared} />
      <button onClick=${() => saveAs(fileName(), log.toJSONL(), "application/jsonl")}>Download JSONL</button>
      ${onReplay && html`<${Open} onReplay=${onReplay} />`}
    </div>
    <p class="hint wire-count">${told(log, rows.value, kept.value)}</p>
    <${List} rows=${rows} began=${log.began ?? 0} follow=${follow} />
  </section>`;
}

/** The frames of a log as of now, or of when it was paused; a burst of messages is one change. */
function useFrames(log, paused) {
  const frames = useSignal(log.frames.peek());
  useEffect(() => {
    let timer = null;
    const look = () => {
      timer = null;
      if (!paused.peek()) frames.value = log.frames.peek();
    };
    look();
    const stop = effect(() => {
      log.changed.value;
      if (!paused.value) timer ??= setTimeout(look, PAUSE);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [log]);
  return frames;
}

function told(log, rows, kept) {
  const gone = log.letGo.peek().frames;
  // As of the last look: not drawn anew for every message.
  const parts = [`${whole(untracked(() => log.count))} messages`];
  if (gone) parts.push(`the oldest ${whole(gone)} were let go`);
  const shown = rows.reduce((sum, row) => sum + row.frames.length, 0);
  if (shown < kept.length) parts.push(`${whole(shown)} of ${whole(kept.length)} fit the filter`);
  return `${parts.join(", ")}.`;
}

function Toggle({ on, label, title }) {
  return html`<button aria-pressed=${on.value ? "true" : "false"} title=${title}
      onClick=${() => (on.value = !on.value)}>${label}</button>`;
}

function Clear({ frames, cleared }) {
  const hides = cleared.value > 0;
  const toggle = () => (cleared.value = hides ? 0 : (frames.value.at(-1)?.id ?? 0));
  return html`<button title="Only from sight: a download has everything" onClick=${toggle}>
    ${hides ? "Show all" : "Clear"}</button>`;
}

function Kinds({ frames, hidden }) {
  const kinds = useComputed(() => kindsOf(frames.value));
  const toggle = (kind) => {
    const next = new Set(hidden.value);
    if (!next.delete(kind)) next.add(kind);
    hidden.value = next;
  };
  return html`<details class="wire-kinds">
    <summary>Kinds${hidden.value.size > 0 && ` (${hidden.value.size} hidden)`}</summary>
    <fieldset><legend>Show</legend>
      ${kinds.value.map(([kind, number]) => html`<label class="check" key=${kind}>
        <input type="checkbox" checked=${!hidden.value.has(kind)} onChange=${() => toggle(kind)} /> <span class="break">
          ${kind}</span> <span class="soft">${whole(number)}</span>
      </label>`)}
      ${kinds.value.length === 0 && html`<p class="hint">No messages yet.</p>`}
    </fieldset>
  </details>`;
}

function Open({ onReplay }) {
  const problem = useSignal("");
  const read = async (input) => {
    const [file] = input.files;
    if (!file) return;
    problem.value = "";
    try {
      onReplay(WireLog.fromJSONL(await file.text()), file.name);
    } catch (error) {
      problem.value = `${file.name}: ${error.message}`;
    }
    input.value = "";
  };
  return html`<label class="button wire-open">Open JSONL<input type="file" class="visually-hidden"
      accept=".jsonl,application/jsonl,text/plain" onChange=${(event) => read(event.currentTarget)} /></label>
    <p class=${problem.value ? "problem" : ""} role="alert">${problem}</p>`;
}

function fileName() {
  return `antiphon-${new Date().toISOString().slice(0, 19).replace(/[:T]/g, "-")}.jsonl`;
}
