// Waiting that is not slowed down in a hidden page.

let worker;
let count = 0;
const waiting = new Map();

/**
 * Waits.
 *
 * @param {number} delay ms; none or less than none waits for the next task.
 * @returns {Promise<void>}
 */
export function alarm(delay) {
  worker ??= start();
  return new Promise((resolve) => {
    if (!worker) return void setTimeout(resolve, Math.max(0, delay));
    count += 1;
    waiting.set(count, resolve);
    worker.postMessage({ id: count, delay: Math.max(0, delay) });
  });
}

/** The worker, or false where workers are forbidden: then a plain timer must do. */
function start() {
  try {
    const worker = new Worker(new URL("ticker.worker.js", import.meta.url));
    worker.onmessage = ({ data }) => ring(data);
    worker.onerror = () => giveUp();
    return worker;
  } catch {
    return false;
  }
}

function ring(id) {
  waiting.get(id)?.();
  waiting.delete(id);
}

function giveUp() {
  worker = false;
  for (const id of [...waiting.keys()]) ring(id);
}
