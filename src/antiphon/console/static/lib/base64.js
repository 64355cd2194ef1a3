// Base64 as fast as the browser can: sound comes in bursts of hundreds of frames.

const CHUNK = 0x8000;

/** @param {Uint8Array} bytes @returns {string} in the standard alphabet */
export function toBase64(bytes) {
  if (bytes.toBase64) return bytes.toBase64();
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK) {
    text += String.fromCharCode.apply(null, bytes.subarray(at, at + CHUNK));
  }
  return btoa(text);
}

/**
 * @param {string} text in either alphabet, padded or not
 * @returns {Uint8Array}
 * @throws {Error} it is not base64
 */
export function fromBase64(text) {
  const standard = /[-_]/.test(text) ? text.replace(/-/g, "+").replace(/_/g, "/") : text;
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(standard);
  const letters = atob(standard);
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at += 1) bytes[at] = letters.charCodeAt(at);
  return bytes;
}

/** @param {string} text base64 of 16-bit little-endian samples @returns {Int16Array} */
export function samplesOf(text) {
  const bytes = fromBase64(text);
  return new Int16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 1);
}

/** @param {Int16Array} pcm @returns {string} */
export function base64OfSamples(pcm) {
  return toBase64(new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength));
}
