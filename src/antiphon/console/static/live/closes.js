// Why a connection ended, in plain words, and whether it is worth another try.

const NETWORK = new Set([1001, 1005, 1006, 1011, 1012, 1013, 1014, 1015]);

const TITLES = {
  1000: "The conversation ended",
  1001: "The server is stopping",
  1003: "The server cannot read what was sent",
  1005: "The connection ended without a reason",
  1006: "The connection was lost",
  1007: "The server refused what was sent",
  1008: "The server does not allow this",
  1009: "A message was too large",
  1010: "The server needs an extension that this browser lacks",
  1011: "The server failed",
  1012: "The server restarts",
  1013: "The server is busy",
  1015: "The server's certificate was not accepted",
};

const FIXES = {
  1000: "Start a new conversation.",
  1001: "Connect again when it is back.",
  1005: "Connect again.",
  1006: "Check that the server runs and that this device has a network, then connect again.",
  1007: "Change the setting that the reason names, then connect again.",
  1008: "Choose another model or setting, or ask whoever runs the server for permission.",
  1009: "Send smaller pictures or texts.",
  1011: "Connect again; the log of the server tells more.",
  1012: "Connect again in a moment.",
  1013: "Connect again in a moment.",
  1015: "Open the server's address in a tab of its own and accept or install its certificate.",
};

/**
 * What a reason speaks of, and what to do about it.
 * @type {[RegExp, string, string][]}
 */
const KNOWN = [
  [/resumption|session handle|entity was not found|session not found/i, "The conversation cannot be resumed", "Start a new conversation."],
  [/ephemeral token|^token:/i, "The pass for this conversation is no longer good", "Connect again: the page gets a new one."],
  [/API key/i, "The key was not accepted", "Log in with a key of this server."],
  [/is not found|not found for/i, "There is no such model here", "Choose another model in the settings."],
  [/^idle:/, "Nothing was said for a long time", "Connect again when you want to go on."],
  [/^session: it was resumed/, "The conversation goes on elsewhere", "Close it there, or start a new one here."],
  [/^session:/, "The conversation has reached its longest duration", "Set contextWindowCompression for longer ones."],
  [/quota|budget/i, "What may be spent is spent", "Raise the budget, or wait until its period is over."],
];

/**
 * @param {number} code @param {string} reason the server's, verbatim
 * @returns {{ title: string, fix: string, code: number, reason: string }}
 */
export function explainClose(code, reason) {
  const [, title, fix] = KNOWN.find(([pattern]) => pattern.test(reason)) ?? [];
  const plain = title ?? TITLES[code] ?? `The connection ended (${code})`;
  return {
    title: reason ? `${plain}: ${reason}` : plain,
    fix: fix ?? FIXES[code] ?? "Connect again; if it happens again, the log of the server tells more.",
    code,
    reason,
  };
}

/**
 * Whether to connect again with the handle.
 * @param {number} code @param {string} reason @param {boolean} announced the server had said that it would go
 */
export function worthAnotherTry(code, reason, announced) {
  // The page gets a new token for every connection, so an old one ends nothing.
  if (code === 1008 && /^token:/.test(reason)) return true;
  if (code === 1000) return announced && !/^(session|idle):/.test(reason);
  return NETWORK.has(code) || code > 3000;
}
