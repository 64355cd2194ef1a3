// The instrument: controls, timeline, tree and words of one connection at a time.

import { html, useComputed, useEffect, useMemo, useRef, useSignal } from "../vendor/preact.js";
import { clock } from "./format.js";
import { anchor, parse, show } from "./links.js";
import { flatten, length, nodes as treeOf } from "./model.js";
import { Player } from "./player.js";
import { Timeline } from "./timeline.js";
import { Tree } from "./tree.js";
import { View } from "./view.js";
import { Wave } from "./wave.js";
import { Words } from "./words.js";

const SIDES = ["user", "model"];
const STEP_SECONDS = 1;
const ZOOM = 1.6;

/** @param {{ session: import("./model.js").Session }} props */
export function Trace({ session }) {
  const first = parse(location.hash)?.connection ?? 1;
  const number = useSignal(Math.min(first, session.connections.length));
  useEffect(() => {
    const follow = () => {
      const place = parse(location.hash);
      if (place && place.connection <= session.connections.length) number.value = place.connection;
    };
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return html`
    ${session.connections.length > 1 && html`<div class="row connections"><label for="connection">Connection</label>
      <select id="connection" value=${number.value}
          onChange=${(event) => { number.value = Number(event.target.value); }}>
        ${session.connections.map((each, n) => html`<option value=${n + 1}>
          ${n + 1} of ${session.connections.length}, ${clock(each.record.seconds)}</option>`)}
      </select></div>`}
    <${Connection} key=${number.value} session=${session} number=${number.value} />`;
}

function Connection({ session, number }) {
  const connection = session.connections[number - 1];
  const { player, view, tree, all, waves, lines } = useMemo(() => instruments(connection), [connection]);
  const selected = useSignal("");
  const open = useSignal(new Set());
  const top = useRef(null);

  const seek = (at, { isHeard = false } = {}) => {
    player.seek(Math.min(Math.max(0, at), view.total));
    view.reveal(player.time.value);
    if (isHeard) player.play();
  };
  const select = (node, at = node.begins) => {
    selected.value = node.id;
    open.value = new Set([...open.value, ...(path(tree, node) ?? [])]);
    view.frame(node.begins, node.ends);
    player.seek(Math.max(0, at));
    show(anchor(number, node.kind === "stage" ? turnOf(node.id) : node.id));
    highlight(number, connection, node);
  };
  const whole = () => {
    selected.value = "";
    view.fit();
    highlight(number, connection, null);
  };
  const hear = (at) => {
    seek(at, { isHeard: true });
    show(anchor(number, `t=${at.toFixed(2)}`));
  };

  useEffect(() => {
    const follow = () => {
      const place = parse(location.hash);
      if (!place || place.connection !== number) return;
      const node = all.find((each) => each.id === place.name);
      if (node) select(node);
      if (place.at !== null) {
        view.show(place.at - Math.min(view.total, 20) / 2, Math.min(view.total, 20));
        seek(place.at);
      }
      // The browser went to the row of the table; whoever follows a link wants to hear it.
      if (node || place.at !== null) top.current?.scrollIntoView({ block: "nearest" });
    };
    follow();
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  useEffect(() => () => player.pause(), []);
  useFollow(player, view);

  const onKeyDown = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || isField(event.target)) return;
    const at = player.time.value;
    const step = Math.min(STEP_SECONDS, view.window.value.span / 10);
    const isSlider = event.target.getAttribute("role") === "slider";
    const actions = {
      " ": () => player.toggle(),
      "+": () => view.zoom(ZOOM, at), "=": () => view.zoom(ZOOM, at), "-": () => view.zoom(1 / ZOOM, at), 0: () => view.fit(),
      ...(isSlider && {
        ArrowRight: () => seek(at + step), ArrowLeft: () => seek(at - step), ArrowUp: () => seek(at + step), ArrowDown: () => seek(at - step),
        PageDown: () => seek(at + view.window.value.span), PageUp: () => seek(at - view.window.value.span),
        Home: () => seek(0), End: () => seek(view.total),
      }),
    };
    if (!(event.key in actions) || (event.key === " " && isButton(event.target))) return;
    event.preventDefault();
    actions[event.key]();
  };
  const sides = SIDES.filter((side) => connection.sound[side]);
  return html`<div ref=${top} class="instrument" onKeyDown=${onKeyDown}>
    ${sides.map((side) => html`<${Track} key=${side} side=${side} sound=${connection.sound[side]} player=${player} />`)}
    <${Controls} player=${player} view=${view} sides=${sides} />
    <${Timeline} view=${view} nodes=${all} waves=${waves} player=${player} selected=${selected} onSelect=${select}
        onSeek=${seek} />
    <p class="hint" id="timeline-keys">On the timeline: ${sides.length > 0 && html`<kbd>Space</kbd> plays, `}arrows move, <kbd>+</kbd> <kbd>−</kbd> zoom, <kbd>0</kbd> shows all.
      ${lines.some((line) => line.words) && ` A click on a word, or Enter, ${sides.length ? "plays" : "shows"} it: times of words are estimates.`}</p>
    <div class="below-timeline">
      <${Tree} title=${session.connections.length > 1 ? `Connection ${number}` : "Session"}
          detail=${connection.record.engine} nodes=${tree}
        selected=${selected} open=${open} onSelect=${select} onWhole=${whole} />
      ${lines.length > 0 && html`<${Words} lines=${lines} player=${player} selected=${selected} onWord=${hear}
        onLine=${(line) => (line.node ? select(line.node) : seek(line.at))} />`}
    </div>
  </div>`;
}

function Track({ side, sound, player }) {
  const element = useRef(null);
  useEffect(() => {
    player.attach(side, element.current, sound.seconds);
    return () => player.attach(side, null, 0);
  }, []);
  return html`<audio ref=${element} data-side=${side} preload="auto" src=${sound.url}></audio>`;
}

function Controls({ player, view, sides }) {
  const said = useComputed(() => clock(player.time.value));
  const zoom = (factor) => view.zoom(factor, player.time.value);
  return html`<div class="row controls" role="group" aria-label="Playback and zoom">
    ${sides.length > 0 && html`<button class="primary play" onClick=${() => player.toggle()}>
      <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
        <path d=${player.playing.value ? "M1 0h4v12H1zM7 0h4v12H7z" : "M1 0l11 6l-11 6z"} /></svg>
      ${player.playing.value ? "Pause" : "Play"}</button>`}
    <span class="clock number"><span class="now">${said}</span> <span class="soft">/ ${clock(view.total)}</span></span>
    <span class="row zoom" role="group" aria-label="Zoom">
      <button aria-label="Zoom out" title="Zoom out (−)" onClick=${() => zoom(1 / ZOOM)}>−</button>
      <button aria-label="Zoom in" title="Zoom in (+)" onClick=${() => zoom(ZOOM)}>+</button>
      <button title="Show all (0)" onClick=${() => view.fit()}>All</button>
    </span>
    ${sides.map((side) => html`<${Volume} key=${side} side=${side} volume=${player.volumes[side]} />`)}
    <span role="status" class="soft">${player.problem.value}</span>
  </div>`;
}

function Volume({ side, volume }) {
  return html`<label class=${`volume ${side}`}>${side === "user" ? "User" : "Model"}
    <input type="range" min="0" max="100" step="5" value=${Math.round(100 * volume.value)}
        aria-valuetext=${`${Math.round(100 * volume.value)} percent`}
      onInput=${(event) => { volume.value = Number(event.target.value) / 100; }} /></label>`;
}

function instruments(connection) {
  const tree = treeOf(connection);
  const waves = {};
  for (const side of SIDES) {
    const sound = connection.sound[side];
    if (sound) waves[side] = new Wave(sound.peaks, sound.seconds);
  }
  const all = flatten(tree);
  const lines = connection.lines.map((line) => ({ ...line, node: nodeOf(all, line) }));
  return { player: new Player(), view: new View(length(connection)), tree, all, waves, lines };
}

/** While it plays, what is heard is seen. */
function useFollow(player, view) {
  useEffect(() => player.time.subscribe((at) => {
    if (!player.playing.peek()) return;
    const { begins, span } = view.window.peek();
    if (at < begins || at > begins + span) view.show(at - span / 20, span);
  }), []);
}

/** The ids of what is above a node. */
function path(tree, node) {
  for (const each of tree) {
    if (each === node) return [];
    const below = path(each.children, node);
    if (below) return [each.id, ...below];
  }
  return null;
}

const turnOf = (id) => id.split("-").slice(0, 2).join("-");

/** What a line belongs to: the turn it is, or the speech it was heard in. */
function nodeOf(all, line) {
  if (line.who === "model") return all.find((node) => node.id === `turn-${line.turn}`);
  const middle = (line.at + line.ends) / 2;
  return line.how === "heard" ? all.find((node) => node.kind === "user" && node.begins <= middle && middle <= node.ends) : undefined;
}

/** Mark the rows of the tables that tell of a node. */
function highlight(number, connection, node) {
  for (const row of document.querySelectorAll("tr.selected")) row.classList.remove("selected");
  if (!node) return;
  const ids = [anchor(number, turnOf(node.id)), node.entry >= 0 ? anchor(number, `entry-${node.entry}`) : ""];
  const turn = connection.timeline.entries[node.entry]?.turn;
  if (turn !== undefined) ids.push(anchor(number, `turn-${turn}`));
  for (const id of ids) document.getElementById(id)?.classList.add("selected");
}

const isField = (element) => /^(INPUT|SELECT|TEXTAREA)$/.test(element.tagName);
const isButton = (element) => /^(BUTTON|A|SUMMARY)$/.test(element.tagName);
