import { html, useEffect, useSignal } from "../vendor/preact.js";
import { clock } from "../lib/format.js";

const STATES = {
  idle: "Not connected",
  connecting: "Connecting …",
  reconnecting: "Reconnecting …",
  closed: "Call ended",
  failed: "Not connected",
};
const ACTIVITIES = { hearing: "Hearing you", thinking: "Thinking …", speaking: "Speaking", tool: "Waiting for a function" };

/**
 * What happens now, in a word or two.
 * @param {{ state: string, activity: string, microphone: boolean, muted: boolean, push?: boolean,
 *   held?: boolean }} now
 * @returns {{ name: string, text: string }}
 */
export function statusOf({ state, activity, microphone, muted, push = false, held = false }) {
  if (state !== "open") return { name: state, text: STATES[state] ?? state };
  if (ACTIVITIES[activity]) return { name: activity, text: ACTIVITIES[activity] };
  if (!microphone) return { name: "typing", text: "Ready for your words" };
  if (muted) return { name: "muted", text: "Muted" };
  if (push && !held) return { name: "holding", text: "Hold to talk" };
  return { name: "listening", text: "Listening" };
}

/** The status of the talk page; the title of the tab follows, for whoever looks elsewhere. */
export function Status({ talk }) {
  const { state, activity } = talk.conversation.value;
  const { name, text } = statusOf({
    state: state.value,
    activity: activity.value,
    microphone: talk.capture.value !== null,
    muted: talk.muted.value,
    push: talk.holding.value,
    held: talk.held.value,
  });
  useEffect(() => {
    document.title = talk.alive.value ? `${text} · Antiphon` : "Talk · Antiphon";
  }, [text, talk.alive.value]);
  return html`<p class="status ${name}" role="status"><span class="dot" aria-hidden="true"></span>${text}</p>`;
}

/** How long the call has lasted. */
export function Length({ talk }) {
  const now = useSignal(performance.now());
  useEffect(() => {
    const timer = setInterval(() => (now.value = performance.now()), 500);
    return () => clearInterval(timer);
  }, []);
  return html`<span class="soft number"
      title="Length of the call">${clock((talk.ended.value || now.value) - talk.began.value)}</span>`;
}

/** All that goes wrong or is about to, each with its fix. */
export function Banners({ talk, surroundings }) {
  const conversation = talk.conversation.value;
  const problem = conversation?.problem.value;
  const trouble = talk.trouble.value;
  return html`<div class="banners">
    ${problem && talk.stage.value !== "start" && html`<${Banner} bad title=${problem.title} fix=${problem.fix}>
      ${talk.stage.value === "call" && !talk.alive.value && html`<button
          onClick=${() => talk.reconnect()}>Reconnect</button>`}
    <//>`}
    ${trouble && html`<${Banner} bad title=${trouble.title} fix=${trouble.fix}>
      <button class="quiet" onClick=${() => (talk.trouble.value = null)}>Dismiss</button>
    <//>`}
    ${[talk.camera, talk.screen].map((each) => each.problem.value && html`<${Banner} key=${each.title} bad
        title=${each.problem.value.title} fix=${each.problem.value.fix}>
      <button class="quiet" onClick=${() => (each.problem.value = null)}>Dismiss</button>
    <//>`)}
    ${talk.alive.value && talk.player.value?.asleep?.value && html`<${Banner}
        title="The browser keeps the sound silent." fix="Tap anywhere, or press any key.">
      <button onClick=${() => talk.player.value.resume()}>Turn the sound on</button>
    <//>`}
    ${conversation?.goAway.value && talk.alive.value && html`<${Countdown} until=${conversation.goAway.value.at} />`}
    <${Around} surroundings=${surroundings} />
  </div>`;
}

/** What happens around a call, whatever page it is on. @param {{ surroundings: any }} properties */
export function Around({ surroundings }) {
  const { online, notice } = surroundings;
  return html`
    ${!online.value && html`<${Banner} title="This computer is offline."
        fix="The call goes on by itself once the network is back." />`}
    ${notice.value && html`<${Banner} title=${notice.value} fix="">
      <button class="quiet" onClick=${() => (notice.value = "")}>Dismiss</button>
    <//>`}
  `;
}

export function Banner({ title, fix, bad = false, children }) {
  return html`<div class="banner ${bad ? "problem" : "notice warn"}" role=${bad ? "alert" : undefined}>
    <p><strong>${title}</strong> ${fix}</p>${children}
  </div>`;
}

/** How long a connection lasts that the server will close. @param {{ until: number }} properties */
export function Countdown({ until }) {
  const now = useSignal(performance.now());
  useEffect(() => {
    const timer = setInterval(() => (now.value = performance.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const left = Math.max(0, Math.ceil((until - now.value) / 1000));
  const when = left ? html`in <span class="number">${left} s</span>` : "now";
  return html`<div class="banner notice warn"><p><strong>The server closes this connection ${when}.</strong> The call goes
    on in a new one.</p></div>`;
}
