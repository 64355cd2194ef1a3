/** JSON as text, in both directions: what is typed becomes the value, and a value that changes elsewhere the text. */

import { html, useEffect, useState } from "../vendor/preact.js";
import { same } from "./paths.js";

/**
 * Parse JSON for people.
 * @param {string} text
 * @returns {{ value?: any, problem?: string }} `undefined` for blank text; or what is wrong, with line and column
 */
export function parse(text) {
  if (!text.trim()) return { value: undefined };
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    const place = where(text, error.message);
    const reason = error.message.replace(/ (in JSON )?at position.*$/, "").replace(/, "?[\s\S]*" is not valid JSON$/, "");
    return { problem: place ? `Line ${place.line}, column ${place.column}: ${reason}.` : `${reason}.` };
  }
}

/** The place that an engine's message names; the end of the text where it ended too soon. */
function where(text, message) {
  const named = /line (\d+) column (\d+)/.exec(message);
  if (named) return { line: Number(named[1]), column: Number(named[2]) };
  const position = /position (\d+)/.exec(message);
  if (!position && !/end of/i.test(message)) return null;
  const before = text.slice(0, position ? Number(position[1]) : text.length).split("\n");
  return { line: before.length, column: before.at(-1).length + 1 };
}

/**
 * @param {{ id: string, value: any, onValue: (value: any) => void, described?: string, label?: string, rows?: number,
 *   check?: (value: any) => string }} props `check` says what is wrong with a value that is JSON; empty for nothing
 */
export function JsonEditor({ id, value, onValue, described, label, rows = 8, check = () => "" }) {
  const shown = value === undefined ? "" : JSON.stringify(value, null, 2);
  const [text, setText] = useState(shown);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    const now = parse(text);
    if (now.problem || !same(now.value, value)) {
      setText(shown);
      setProblem("");
    }
  }, [shown]);
  const read = (event) => {
    setText(event.target.value);
    const found = parse(event.target.value);
    const wrong = found.problem ?? check(found.value);
    setProblem(wrong);
    if (!wrong) onValue(found.value);
  };
  const told = [described, problem && `${id}-problem`].filter(Boolean).join(" ");
  return html`<textarea
      id=${id}
      class="mono"
      rows=${rows}
      spellcheck=${false}
      autocapitalize="off"
      value=${text}
      aria-label=${label}
      aria-invalid=${problem ? "true" : undefined}
      aria-describedby=${told || undefined}
      onInput=${read}
    ></textarea>
    <p class="hint wrong" id="${id}-problem" role="status">${problem}</p>`;
}
