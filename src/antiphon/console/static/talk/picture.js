import { html, useEffect, useRef } from "../vendor/preact.js";

/** What a camera or a screen shows. @param {{ stream: MediaStream, label: string }} properties */
export function Picture({ stream, label }) {
  const ref = useRef(null);
  useEffect(() => {
    ref.current.srcObject = stream;
    ref.current.play().catch(() => {
      // It is shown once the page is.
    });
  }, [stream]);
  return html`<video class="picture" ref=${ref} muted playsinline aria-label=${label}></video>`;
}
