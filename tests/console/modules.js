// What a test needs to work with single modules of the console: their address, sound, and time.
(() => {
  /** A module by its path below the folder of static files: `await load("audio/player.js")`. */
  window.load = (path) => {
    const style = document.querySelector("link[rel=stylesheet]").href;
    return import(style.slice(0, style.indexOf("css/")) + path);
  };

  /** A sine as 16 bits; `start` counts samples, so that one goes on where another ended. */
  window.sine = (hz, seconds, amplitude, rate, start = 0) =>
    Int16Array.from({ length: seconds * rate }, (_, i) =>
      Math.round(32768 * amplitude * Math.sin((2 * Math.PI * hz * (start + i)) / rate)),
    );

  window.pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
})();
