// Asking the server that these pages came from.

export const API = new URL("../../../api/", import.meta.url);

/**
 * Ask the server.
 * @param {string} path below `/console/api/`
 * @param {object} [body] what to post; without it the answer is only read
 * @returns {Promise<any>} its answer
 * @throws {Error} it cannot be reached, or says what is wrong
 */
export async function ask(path, body) {
  const json = { accept: "application/json" };
  const post = { method: "POST", headers: { ...json, "content-type": "application/json" }, body: JSON.stringify(body) };
  let response;
  try {
    response = await fetch(new URL(path, API), body === undefined ? { headers: json } : post);
  } catch {
    throw new Error("The server cannot be reached.");
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok || answer === null) throw new Error(answer?.error?.message ?? `The server answered ${response.status}.`);
  return answer;
}
