// Counts what a page holds: `leaks.held()`. Devices answer at once, or, after `leaks.wait()`, when `leaks.answer()` lets them.
(() => {
  const [contexts, tracks, sources, sockets] = [[], [], [], []];
  const kept = (list, Kind) => class extends Kind {
    constructor(...options) {
      super(...options);
      list.push(this);
    }
  };
  window.AudioContext = kept(contexts, AudioContext);
  window.EventSource = kept(sources, EventSource);
  window.WebSocket = kept(sockets, WebSocket);

  let answered = Promise.resolve();
  const microphone = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  const camera = () => Object.assign(document.createElement("canvas"), { width: 64, height: 48 }).captureStream(5);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    await answered;
    const stream = wanted.video ? camera() : await microphone(wanted);
    tracks.push(...stream.getTracks());
    window.leaks.given += 1;
    return stream;
  };

  const listeners = new Map();
  const keyOf = (type, options) => `${type} ${typeof options === "object" ? Boolean(options?.capture) : Boolean(options)}`;
  const watch = (target) => {
    const own = new Map();
    listeners.set(target, own);
    const { addEventListener, removeEventListener } = target;
    const forget = (type, fn, options) => own.get(keyOf(type, options))?.delete(fn);
    target.addEventListener = (type, fn, options) => {
      const key = keyOf(type, options);
      if (!options?.once) own.set(key, (own.get(key) ?? new Set()).add(fn));
      options?.signal?.addEventListener("abort", () => forget(type, fn, options));
      addEventListener.call(target, type, fn, options);
    };
    target.removeEventListener = (type, fn, options) => {
      forget(type, fn, options);
      removeEventListener.call(target, type, fn, options);
    };
  };
  for (const target of [window, document, navigator.mediaDevices]) watch(target);

  const count = (list, holds) => list.filter(holds).length;
  window.leaks = {
    given: 0,
    held: () => ({
      contexts: count(contexts, (each) => each.state !== "closed"),
      tracks: count(tracks, (each) => each.readyState === "live"),
      sources: count(sources, (each) => each.readyState !== EventSource.CLOSED),
      sockets: count(sockets, (each) => each.readyState !== WebSocket.CLOSED),
      listeners: [...listeners.values()].flatMap((own) => [...own.values()]).reduce((sum, each) => sum + each.size, 0),
    }),
    wait: () => (answered = new Promise((resolve) => (window.leaks.answer = resolve))),
  };
})();
