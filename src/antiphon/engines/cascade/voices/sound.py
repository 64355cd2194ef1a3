"""The sound that speech services send, raw samples or a WAV file of any rate, at the rate of all speech."""

import re
import struct
from typing import Final

import numpy as np

from antiphon.audio.resample import Resampler
from antiphon.engines.cascade.parts import VoiceFailed
from antiphon.live.events import OUTPUT_RATE

_READABLE: Final = ("", "audio/pcm", "audio/l16", "audio/raw", "application/octet-stream", "audio/wav", "audio/x-wav")
_RATE: Final = re.compile(r"rate=(\d{4,6})\b")
_LONGEST_HEADER: Final = 4096


class Sound:
    """Turns the bytes of an answer into mono 16-bit little-endian samples at 24 kHz.

    A WAV file says what it is, whatever it was called; the sizes in its header are not believed, for who streams does
    not know them. Raw samples are mono 16-bit little-endian, at the rate that the media type names, else at ``rate``.

    Raises:
        VoiceFailed: the answer is something else.
    """

    def __init__(self, media_type: str, rate: int) -> None:
        self._media_type = media_type
        named = _RATE.search(media_type)
        self._rate = int(named[1]) if named else rate
        self._channels = 1
        self._resampler: Resampler | None = None
        self._rest = bytearray()

    def feed(self, piece: bytes) -> bytes:
        """Take more of the answer; the samples that are ready.

        Raises:
            VoiceFailed: this is no sound that can be read.
        """
        self._rest += piece
        if self._resampler is None and not self._begin():
            return b""
        assert self._resampler is not None
        whole = len(self._rest) - len(self._rest) % (2 * self._channels)
        taken = bytes(self._rest[:whole])
        del self._rest[:whole]
        return self._resampler.feed(self._mono(taken))

    def flush(self) -> bytes:
        """What the filter still held back."""
        return self._resampler.flush() if self._resampler is not None else b""

    def _begin(self) -> bool:
        """Find out what comes; False while it cannot be said yet."""
        if len(self._rest) < 4:
            return False
        if self._rest.startswith(b"RIFF"):
            if not self._read_header():
                return False
        else:
            self._check_media_type()
        self._resampler = Resampler(self._rate, OUTPUT_RATE, "HQ")
        return True

    def _check_media_type(self) -> None:
        plain = self._media_type.split(";")[0].strip().casefold()
        if plain not in _READABLE:
            raise VoiceFailed(f"voice: the service answered with {plain}; it must send pcm or wav: see format")

    def _read_header(self) -> bool:
        """Read a WAV header up to its samples; False while it is not all there."""
        position = 12
        while len(self._rest) >= position + 8:
            name, size = struct.unpack_from("<4sI", self._rest, position)
            position += 8
            if name == b"data":
                del self._rest[:position]
                return True
            if name == b"fmt " and len(self._rest) >= position + 16:
                self._read_format(position)
            position += size + size % 2
            if position > _LONGEST_HEADER:
                raise VoiceFailed("voice: the service sent a WAV file without samples")
        return False

    def _read_format(self, position: int) -> None:
        _, self._channels, self._rate, _, _, bits = struct.unpack_from("<HHIIHH", self._rest, position)
        if bits != 16 or not 1 <= self._channels <= 8 or not 1_000 <= self._rate <= 400_000:
            raise VoiceFailed(f"voice: the service sent WAV with {bits}-bit samples; it must send 16-bit ones")

    def _mono(self, pcm: bytes) -> bytes:
        if self._channels == 1:
            return pcm
        frames = np.frombuffer(pcm, "<i2").reshape(-1, self._channels)
        return bytes(np.rint(frames.mean(axis=1)).astype("<i2").tobytes())
