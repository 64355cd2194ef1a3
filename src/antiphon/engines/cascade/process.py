"""Child processes that hold a native library apart from the server: frames of msgpack over pipes.

A library that holds the interpreter lock, keeps global state, may crash or has a licence of its own runs in a
child; the server only ever sees messages. The child's module calls :func:`serve`.
"""

import asyncio
import os
import select
import struct
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, BinaryIO

import msgspec

from antiphon.engines.base import EngineUnavailable

_LENGTH = struct.Struct("<I")
_START_TIMEOUT = 60.0
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class WorkerDied(Exception):
    """The child process ended while it was needed."""


class WorkerProcess:
    """A child running ``python -m module``, started once; messages in order both ways.

    The child reports ``{"ready": true}`` when its models are warm, or ``{"error": text}`` when it cannot run.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self.module = module
        self._arguments = arguments
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the child and wait until it is ready.

        Raises:
            EngineUnavailable: the child could not load what it needs; the message is the child's own.
        """
        command = (sys.executable, "-m", self.module, *self._arguments)
        pipe = asyncio.subprocess.PIPE
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, env=environment, start_new_session=True
        )
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                first = await self.receive()
        except (WorkerDied, TimeoutError) as error:
            await self.aclose()
            raise EngineUnavailable(f"{self.module} did not start: {error or 'no answer in time'}") from error
        if "error" in first:
            await self.aclose()
            raise EngineUnavailable(first["error"])

    @property
    def alive(self) -> bool:
        """Whether the child runs."""
        return self._process is not None and self._process.returncode is None

    def send(self, message: dict[str, Any]) -> None:
        """Queue a message for the child. Does nothing once the child is gone."""
        if self._process is None or self._process.stdin is None or self._process.stdin.is_closing():
            return
        body = _encode(message)
        self._process.stdin.write(_LENGTH.pack(len(body)) + body)

    async def receive(self) -> dict[str, Any]:
        """The child's next message.

        Raises:
            WorkerDied: the child ended.
        """
        if self._process is None or self._process.stdout is None:
            raise WorkerDied(f"{self.module} is not running")
        try:
            header = await self._process.stdout.readexactly(_LENGTH.size)
            body = await self._process.stdout.readexactly(_LENGTH.unpack(header)[0])
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise WorkerDied(f"{self.module} ended unexpectedly") from error
        message: dict[str, Any] = _decode(body)
        return message

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """The child's messages until it ends."""
        with suppress(WorkerDied):
            while True:
                yield await self.receive()

    async def aclose(self) -> None:
        """End the child: closed input first, then killed if it lingers. Idempotent."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(2):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


class Pipe:
    """The child's end: blocking reads and writes of whole messages."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink

    def receive(self) -> dict[str, Any] | None:
        """The next message, or None when the server is gone."""
        header = self._read(_LENGTH.size)
        body = self._read(_LENGTH.unpack(header)[0]) if header is not None else None
        if body is None:
            return None
        message: dict[str, Any] = _decode(body)
        return message

    def _read(self, size: int) -> bytes | None:
        """Exactly ``size`` bytes: a pipe hands out what it has."""
        pieces = bytearray()
        while len(pieces) < size:
            piece = self._source.read(size - len(pieces))
            if not piece:
                return None
            pieces += piece
        return bytes(pieces)

    def pending(self) -> bool:
        """Whether a message is waiting to be received."""
        return bool(select.select([self._source], [], [], 0)[0])

    def send(self, message: dict[str, Any]) -> None:
        """Send a message at once."""
        body = _encode(message)
        self._sink.write(_LENGTH.pack(len(body)) + body)
        self._sink.flush()


def serve(run: Callable[[Pipe], None]) -> None:
    """Run a child's loop over standard input and output.

    Output of the native library goes to standard error, so that it cannot break the frames. An ``ImportError`` or
    ``OSError`` while starting is reported to the server as an error message.
    """
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    pipe = Pipe(os.fdopen(os.dup(0), "rb", buffering=0), sink)
    try:
        run(pipe)
    except (ImportError, OSError, RuntimeError) as error:
        with suppress(OSError):
            pipe.send({"error": f"{type(error).__name__}: {error}"})
    except KeyboardInterrupt:
        pass
