import { html } from "../vendor/preact.js";

const PATHS = {
  microphone: "M12 15a3 3 0 0 0 3-3V6a3 3 0 0 0-6 0v6a3 3 0 0 0 3 3zM5 11v1a7 7 0 0 0 14 0v-1M12 19v3",
  muted: "M9 9v3a3 3 0 0 0 4.5 2.6M15 11V6a3 3 0 0 0-5.7-1.3M5 11v1a7 7 0 0 0 10.5 6M19 12v-1M12 19v3M3 3l18 18",
  hangup: "M3 14c0-4 4-7 9-7s9 3 9 7l-1 2-4-1-1-3a9 9 0 0 0-6 0l-1 3-4 1z",
  hold: "M8 12V6a1.5 1.5 0 0 1 3 0v5V4a1.5 1.5 0 0 1 3 0v7-5a1.5 1.5 0 0 1 3 0v8a7 7 0 0 1-7 7c-3 0-4-2-6-6a1.5 1.5 0 0 1 3-1z",
  camera: "M3 7h11v10H3zM14 11l6-4v10l-6-4z",
  screen: "M3 4h18v12H3zM8 20h8M12 16v4",
  sound: "M4 9v6h4l5 4V5L8 9zM16.5 8.5a5 5 0 0 1 0 7M19 6a8.5 8.5 0 0 1 0 12",
  silent: "M4 9v6h4l5 4V5L8 9zM17 9l5 6M22 9l-5 6",
  options: "M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4",
  keyboard: "M2 6h20v12H2zM6 10h.01M10 10h.01M14 10h.01M18 10h.01M7 14h10",
  send: "M4 12l16-8-6 16-3-7z",
  close: "M6 6l12 12M18 6L6 18",
  flip: "M4 9a8 8 0 0 1 14-3l2 2M20 4v4h-4M20 15a8 8 0 0 1-14 3l-2-2M4 20v-4h4",
  play: "M7 4l13 8-13 8z",
};

/**
 * A drawing beside words; never the only name of anything.
 * @param {{ name: keyof typeof PATHS }} properties
 */
export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" focusable="false">
    <path d=${PATHS[name]} />
  </svg>`;
}
