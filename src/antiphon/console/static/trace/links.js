// Places in a session by the hash of the address: `#turn-3`, `#t=12.4`, and `#c2-turn-3` in a later connection.

/**
 * @typedef {{ connection: number, name: string, at: number | null }} Place `connection` counts from 1; `at` in seconds
 */

/** @param {string} hash @returns {Place | null} */
export function parse(hash) {
  const found = /^#(?:c(\d+)-)?(?:(t)=([\d.]+)|([a-z]+-[\w-]+))$/.exec(decodeURIComponent(hash));
  if (!found) return null;
  const at = found[2] ? Number(found[3]) : null;
  if (at !== null && !Number.isFinite(at)) return null;
  return { connection: Number(found[1] ?? 1), name: found[4] ?? "", at };
}

/** @param {number} connection @param {string} name @returns {string} the id of an element of the page */
export function anchor(connection, name) {
  return connection === 1 ? name : `c${connection}-${name}`;
}

/** Put a place into the address, without a new page in the history. @param {string} id */
export function show(id) {
  history.replaceState(history.state, "", `#${id}`);
}
