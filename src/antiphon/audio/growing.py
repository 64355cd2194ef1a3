"""WAV files that grow while they can be played: a process that is killed leaves a whole file."""

import os
import struct
from pathlib import Path
from types import TracebackType
from typing import Final, Self

HEADER_BYTES: Final = 44
MAX_BYTES: Final = (1 << 32) - 1 - HEADER_BYTES
"""Of samples: what the size fields of a WAV file can say."""


class GrowingWav:
    """A new file of mono 16-bit sound at ``rate`` samples per second, which nobody but its owner can read.

    What is written goes straight to the operating system, the samples before the header that counts them.

    Raises:
        OSError: there is such a file, or it cannot be made.
    """

    def __init__(self, path: Path, rate: int) -> None:
        self._rate = rate
        self._bytes = 0
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        self._write(0, self._header())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def samples(self) -> int:
        """How long it is."""
        return self._bytes // 2

    def put(self, at: int, pcm: bytes) -> None:
        """Put ``pcm`` at sample ``at``, over what was there; what was never written before it is silence.

        Raises:
            OSError: the file cannot be written, or would be longer than a WAV file can be.
        """
        end = 2 * at + len(pcm)
        if end > MAX_BYTES:
            raise OSError(f"a WAV file holds {MAX_BYTES} bytes at most")
        self._write(HEADER_BYTES + 2 * at, pcm)
        self._bytes = max(self._bytes, end)

    def cut(self, at: int) -> None:
        """Drop everything from sample ``at`` on.

        Raises:
            OSError: the file cannot be written.
        """
        if 2 * at < self._bytes:
            self._bytes = 2 * at
            self.count()
            os.ftruncate(self._file, HEADER_BYTES + self._bytes)

    def count(self) -> None:
        """Let the header tell what was written; until then players leave the rest out.

        Raises:
            OSError: the file cannot be written.
        """
        self._write(0, self._header())

    def close(self) -> None:
        """Finish the file. Idempotent."""
        if self._file >= 0:
            try:
                self.count()
            finally:
                os.close(self._file)
                self._file = -1

    def _header(self) -> bytes:
        riff = struct.pack("<4sI4s", b"RIFF", HEADER_BYTES - 8 + self._bytes, b"WAVE")
        return riff + struct.pack(
            "<4sIHHIIHH4sI", b"fmt ", 16, 1, 1, self._rate, 2 * self._rate, 2, 16, b"data", self._bytes
        )

    def _write(self, at: int, data: bytes) -> None:
        os.lseek(self._file, at, os.SEEK_SET)
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]
