// The transcript: every word is a button that plays from there. One of them is in the order of tabs; arrows move.

import { html, useComputed, useEffect, useRef } from "../vendor/preact.js";
import { clock } from "./format.js";

const LINGER_SECONDS = 0.4;

/**
 * @typedef {import("./model.js").Line} Line
 * @param {{ lines: Line[], player: import("./player.js").Player, onWord: (at: number) => void,
 *   onLine: (line: Line) => void, selected: import("../vendor/preact.js").Signal<string> }} props
 */
export function Words({ lines, player, onWord, onLine, selected }) {
  const box = useRef(null);
  const current = useRef(null);

  const take = (word, focus) => {
    if (!word) return;
    if (current.current) current.current.tabIndex = -1;
    current.current = word;
    word.tabIndex = 0;
    if (focus) word.focus();
  };
  useEffect(() => take(box.current?.querySelector("[data-at]"), false), [lines]);

  const onClick = (event) => {
    const word = event.target.closest("[data-at]");
    if (!word) return;
    take(word, false);
    onWord(Number(word.dataset.at));
  };
  const onKeyDown = (event) => {
    const words = [...box.current.querySelectorAll("[data-at]")];
    const place = words.indexOf(document.activeElement);
    if (place < 0) return;
    const goal = { ArrowRight: words[place + 1], ArrowLeft: words[place - 1], Home: words[0], End: words.at(-1),
      ArrowDown: neighbour(words, place, 1), ArrowUp: neighbour(words, place, -1) };
    if (!(event.key in goal)) return;
    event.preventDefault();
    event.stopPropagation();
    take(goal[event.key], true);
  };
  return html`<ol ref=${box} class="words" onClick=${onClick} onKeyDown=${onKeyDown}>
    ${lines.map((line) => html`<${Line} key=${line.entry} line=${line} player=${player} onLine=${onLine}
      isSelected=${Boolean(line.node) && selected.value === line.node.id} />`)}
  </ol>`;
}

function Line({ line, player, onLine, isSelected }) {
  const words = line.words ?? [];
  // A number that changes with each word, so that a line is drawn only when its own word changes.
  const now = useComputed(() => {
    const at = player.time.value;
    if (at <= 0 || at < line.begins || at < line.at || at > line.ends + LINGER_SECONDS) return -1;
    return words.findLastIndex((word) => word[1] <= at);
  });
  const how = line.who === "model" ? "Model" : line.how === "heard" ? "User" : `User, ${line.how}`;
  const cut = line.cut ?? Infinity;
  const heard = words.filter((word) => word[1] < cut).length;
  return html`<li class=${`line ${line.who}${isSelected ? " selected" : ""}`}>
    <button class="line-name quiet" onClick=${() => onLine(line)}>
      <span class="who">${how}</span> <span class="number soft">${clock(line.at)}</span></button>
    <p>${words.length
      ? html`${words.slice(0, heard).map((word, n) => html`<${Word} key=${n} word=${word} isNow=${now.value === n} />`)}
          ${heard < words.length && html`<del><span class="visually-hidden">Not heard: </span>
            ${words.slice(heard).map((word, n) =>
            html`<${Word} key=${n} word=${word} isNow=${now.value === heard + n} />`)}</del>`}`
      : html`<span class="soft">${line.characters} characters, not kept</span>`}</p>
  </li>`;
}

function Word({ word: [text, begins], isNow }) {
  return html`<button class=${isNow ? "word now" : "word"} tabindex="-1" data-at=${begins}>${text}</button>${" "}`;
}

/** The first word of the line after or before that of word `place`. */
function neighbour(words, place, step) {
  const line = words[place].closest("li");
  let goal = line;
  do goal = step > 0 ? goal.nextElementSibling : goal.previousElementSibling;
  while (goal && !goal.querySelector("[data-at]"));
  return goal?.querySelector("[data-at]") ?? words[place];
}
