// What happens in a call, as lines: one for each entry of its timeline that says something.

import { html, useEffect, useRef } from "../vendor/preact.js";
import { clock, duration } from "../trace/format.js";

const NEAR = 40;

/** @param {{ entries: import("../vendor/preact.js").Signal<import("../meters/channel.js").Entry[]> }} props */
export function Transcript({ entries }) {
  const box = useRef(null);
  const isAtEnd = useRef(true);
  const lines = entries.value.filter(Boolean).map(line).filter(Boolean);
  useEffect(() => {
    if (isAtEnd.current) box.current.scrollTop = box.current.scrollHeight;
  });
  const onScroll = () => {
    const { scrollTop, scrollHeight, clientHeight } = box.current;
    isAtEnd.current = scrollHeight - scrollTop - clientHeight < NEAR;
  };
  return html`<div ref=${box} class="told" role="log" aria-label="What happens" tabindex="0" onScroll=${onScroll}>
    ${lines.length === 0 && html`<p class="soft">Nothing yet.</p>`}
    ${lines.map((each) => html`<div key=${each.key} class=${`told-line ${each.kind}`}>
      <span class="number soft">${clock(each.at)}</span>
      <span class="who">${each.who}</span>
      <span class="break">${each.text}${each.notes.map((note) => html` <span class=${`badge ${note.state ?? ""}`}>
        ${note.text}</span>`)}</span>
    </div>`)}
  </div>`;
}

function line(entry) {
  const told = TOLD[entry.kind]?.(entry);
  return told && { key: `${entry.connection}-${entry.index}`, at: entry.at, notes: [], ...told };
}

const TOLD = {
  activity: (entry) => entry.ended === undefined && { kind: "user", who: "User", text: "speaks …" },
  words: (entry) => ({ kind: "user", who: "User", text: said(entry) }),
  turn: (entry) => ({
    kind: "model", who: `Turn ${entry.number}`, text: entry.characters ? said(entry) : entry.ended === undefined ? "…" : "",
    notes: [
      entry.latency !== undefined && { text: duration(entry.latency) },
      entry.outcome && entry.outcome !== "complete" && { text: entry.outcome, state: "warn" },
    ].filter(Boolean),
  }),
  tool: (entry) => ({
    kind: "tool", who: "Function", text: `${entry.name}(${entry.arguments ?? ""})${entry.result ? ` → ${entry.result}` : ""}`,
    notes: [{ text: entry.outcome ?? "waits", state: { answered: "good", expired: "bad" }[entry.outcome] ?? "warn" }],
  }),
  gap: (entry) => ({ kind: "gap", who: "Gap", text: `${duration(entry.seconds)} without ${entry.lost}: ${entry.reason}` }),
  engine: (entry) => ({ kind: "engine", who: "Engine", text: [entry.what, entry.engine, entry.reason].filter(Boolean).join(" ") }),
  remark: (entry) => ({ kind: "remark", who: entry.about, text: entry.text }),
};

function said(entry) {
  return entry.text || `(${entry.characters} characters)`;
}
