// Keeps the list of running calls fresh, as long as somebody looks and nothing in it has the focus.

const EVERY_MS = 5000;

const place = document.getElementById("running");

async function refresh() {
  if (document.hidden || place.contains(document.activeElement)) return;
  try {
    const answer = await fetch(place.dataset.source, { headers: { accept: "text/html" }, redirect: "error" });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const shown = page.body.firstElementChild;
    if (shown && page.body.textContent.trim() !== place.textContent.trim()) place.replaceChildren(shown);
  } catch {
    // The server is away. What is shown was true, and the next time may go well.
  }
}

if (place) {
  setInterval(refresh, EVERY_MS);
  document.addEventListener("visibilitychange", refresh);
}
