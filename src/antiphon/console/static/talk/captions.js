import { computed } from "../vendor/preact.js";
import { preference } from "../lib/preferences.js";

/** How captions look, and whether a screen reader says them: for every page that has some. */
export function captionPreferences() {
  const size = preference("captions.size", "medium");
  const strong = preference("captions.strong", false);
  const top = preference("captions.top", false);
  const look = computed(() => `captions-${size.value}${strong.value ? " captions-strong" : ""}${top.value ? " captions-top" : ""}`);
  return { size, strong, top, look, announce: preference("captions.announce", false) };
}
