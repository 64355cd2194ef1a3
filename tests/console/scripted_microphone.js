// A microphone that says what a test wants, when it wants: __mic.speak(base64 of a WAV file).
(() => {
  let context, destination;
  const open = () => {
    if (!context) {
      context = new AudioContext();
      destination = context.createMediaStreamDestination();
    }
    context.resume();
    return destination.stream;
  };
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    if (!wanted.audio) return real(wanted);
    const sound = open().clone();
    if (wanted.video) for (const track of (await real({ video: wanted.video })).getTracks()) sound.addTrack(track);
    window.__mic.opened += 1;
    return sound;
  };
  window.__mic = {
    opened: 0,
    async speak(wav) {
      open();
      const bytes = Uint8Array.from(atob(wav), (letter) => letter.charCodeAt(0));
      const source = context.createBufferSource();
      source.buffer = await context.decodeAudioData(bytes.buffer);
      source.connect(destination);
      const ended = new Promise((resolve) => (source.onended = resolve));
      source.start();
      window.__mic.began = performance.now();
      await ended;
      window.__mic.ended = performance.now();
    },
  };
})();
