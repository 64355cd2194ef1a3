"""The microphone and the loudspeaker of this computer, through PortAudio where it is installed."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Self

from antiphon.providers.live import LiveError

INPUT_RATE = 16_000
OUTPUT_RATE = 24_000
_REMEDY = "say something with --text, or speak a file with --wav"


def _sounddevice() -> Any:
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        remedy = "pip install sounddevice (and the PortAudio library of your system)"
        raise LiveError(f"no microphone: {error}; {remedy}, or {_REMEDY}") from error
    return sounddevice


class Microphone:
    """Sound as it is spoken, in chunks of 20 ms."""

    rate = INPUT_RATE

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def take(data: Any, *_: Any) -> None:
            loop.call_soon_threadsafe(self._queue.put_nowait, bytes(data))

        self._stream = _open("RawInputStream", rate=INPUT_RATE, callback=take)

    def __enter__(self) -> Self:
        self._stream.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Mono 16-bit little-endian at :attr:`rate`."""
        while True:
            yield await self._queue.get()


class Player:
    """Plays an answer, and forgets what is left of it when the user barges in."""

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque()
        self._rest = b""
        self._stream = _open("RawOutputStream", rate=OUTPUT_RATE, callback=self._fill)

    def __enter__(self) -> Self:
        self._stream.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def play(self, pcm: bytes) -> None:
        """Queue sound: mono 16-bit little-endian at 24 kHz."""
        self._waiting.append(pcm)

    def flush(self) -> None:
        """Stop playing what is queued."""
        self._waiting.clear()
        self._rest = b""

    def _fill(self, out: Any, *_: Any) -> None:
        sound = self._rest
        while len(sound) < len(out) and self._waiting:
            sound += self._waiting.popleft()
        out[:] = sound[: len(out)].ljust(len(out), b"\0")
        self._rest = sound[len(out) :]


def _open(kind: str, *, rate: int, callback: Any) -> Any:
    sounddevice = _sounddevice()
    try:
        return getattr(sounddevice, kind)(
            samplerate=rate, blocksize=rate // 50, channels=1, dtype="int16", callback=callback
        )
    except sounddevice.PortAudioError as error:
        raise LiveError(f"no microphone or loudspeaker: {error}; {_REMEDY}") from error
