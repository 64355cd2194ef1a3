"""One thread that decodes the streams of all sessions, a batch at each step."""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from antiphon.engines.cascade.parts import INPUT_RATE, RecogniserFailed

log = logging.getLogger("antiphon.cascade")

MAX_BATCH: Final = 32
"""Streams of one step. More gain little on a CPU, and each would wait for all."""

BACKLOG_SECONDS: Final = 20
"""How far behind its sound a stream may be; what comes then is lost, and counted."""

_BACKLOG_BYTES = BACKLOG_SECONDS * INPUT_RATE * 2
_SETTLING = INPUT_RATE * 3 // 10
_STEP = INPUT_RATE // 100
_LONGEST_CHUNK = INPUT_RATE * 10


class Stream:
    """An utterance as the thread knows it. ``words`` may be read by anyone."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.words = ""
        self.lost_bytes = 0
        self.behind_bytes = 0
        self.loop = loop
        self.state: Any = None
        self.padded = True
        self.failure: RecogniserFailed | None = None
        self.awaited: list[asyncio.Future[str]] = []


class Decoding:
    """The streams of one model. All methods but the thread's own return at once."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._commands: deque[Callable[[], None]] = deque()
        self._wake = threading.Condition()
        self._closed = False
        self._streams: set[Stream] = set()
        self._padding = np.zeros(_chunk_samples(model) + _SETTLING, np.float32)
        self._thread = threading.Thread(target=self._run, name="sherpa", daemon=True)

    def start(self) -> None:
        """Begin to decode."""
        self._thread.start()

    def open(self) -> Stream:
        """A new stream."""
        return Stream(asyncio.get_running_loop())

    def feed(self, stream: Stream, pcm: bytes) -> None:
        """Give a stream more sound, unless it is too far behind."""
        if stream.behind_bytes > _BACKLOG_BYTES:
            if not stream.lost_bytes:
                log.warning("the recogniser falls behind: sound of an utterance is lost")
            stream.lost_bytes += len(pcm)
            return
        with self._wake:
            if not self._closed:
                stream.behind_bytes += len(pcm)
                self._commands.append(lambda: self._hear(stream, pcm))
                self._wake.notify()

    def finish(self, stream: Stream) -> "asyncio.Future[str]":
        """The words of all sound fed so far. Fails with RecogniserFailed where the model does."""
        awaited: asyncio.Future[str] = stream.loop.create_future()
        self._do(lambda: self._await(stream, awaited))
        return awaited

    def end(self, stream: Stream) -> None:
        """Forget a stream; who waits for its words gets those there are."""
        self._do(lambda: self._forget(stream))

    def close(self) -> None:
        """End the thread, and answer everybody. Waits for the step being made."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()

    def _do(self, command: Callable[[], None]) -> None:
        with self._wake:
            self._commands.append(command)
            self._wake.notify()
            closed = self._closed
        if closed:
            self._thread.join()
            self._drain()

    # --- the thread -----------------------------------------------------------------------------------------

    def _run(self) -> None:
        while self._take():
            batch = [stream for stream in self._streams if self._model.is_ready(stream.state)]
            for start in range(0, len(batch), MAX_BATCH):
                self._step(batch[start : start + MAX_BATCH])
            self._answer_waiting()
        for stream in list(self._streams):
            self._forget(stream)

    def _take(self) -> bool:
        """Do what was asked for, when there is something to do; False when all is over."""
        with self._wake:
            while not (self._closed or self._commands or self._busy()):
                self._wake.wait()
            closed = self._closed
        self._drain()
        return not closed

    def _busy(self) -> bool:
        return any(self._model.is_ready(stream.state) for stream in self._streams)

    def _drain(self) -> None:
        while self._commands:
            try:
                self._commands.popleft()()
            except Exception:
                log.exception("the recogniser could not take sound")

    def _step(self, batch: list[Stream]) -> None:
        try:
            self._model.decode_streams([stream.state for stream in batch])
            for stream in batch:
                stream.words = self._model.get_result(stream.state).strip()
        except Exception as error:
            log.exception("the recogniser failed; %d utterances are lost", len(batch))
            for stream in batch:
                stream.failure = RecogniserFailed(f"the recogniser failed: {error}")
                self._forget(stream)

    def _answer_waiting(self) -> None:
        """Who waits for a stream of which everything was decoded gets its words."""
        for stream in self._streams:
            if stream.awaited and not self._model.is_ready(stream.state):
                _answer(stream)

    def _hear(self, stream: Stream, pcm: bytes) -> None:
        if stream.failure is not None:
            return
        if stream.state is None:
            stream.state = self._model.create_stream()
            self._streams.add(stream)
        samples = np.frombuffer(pcm, "<i2").astype(np.float32) / 32_768
        stream.state.accept_waveform(INPUT_RATE, samples)
        stream.padded = False
        with self._wake:
            stream.behind_bytes -= len(pcm)

    def _await(self, stream: Stream, awaited: "asyncio.Future[str]") -> None:
        stream.awaited.append(awaited)
        if stream not in self._streams:  # forgotten, or nothing was fed
            _answer(stream)
        elif not stream.padded:
            stream.padded = True
            stream.state.accept_waveform(INPUT_RATE, self._padding)

    def _forget(self, stream: Stream) -> None:
        self._streams.discard(stream)
        _answer(stream)


def _answer(stream: Stream) -> None:
    """Nothing more will be decoded before there is more sound: who waits gets the words, or the failure."""
    awaited, stream.awaited = stream.awaited, []
    if awaited and not stream.loop.is_closed():
        stream.loop.call_soon_threadsafe(_set, awaited, stream.failure or stream.words)


def _set(awaited: "list[asyncio.Future[str]]", outcome: str | Exception) -> None:
    for future in awaited:
        if future.done():
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)


def _chunk_samples(model: Any) -> int:
    """How much sound the model wants before it takes a step: found out with silence."""
    stream = model.create_stream()
    silence = np.zeros(_STEP, np.float32)
    for samples in range(_STEP, _LONGEST_CHUNK, _STEP):
        stream.accept_waveform(INPUT_RATE, silence)
        if model.is_ready(stream):
            model.decode_streams([stream])
            return samples
    raise ValueError(f"the model takes no step within {_LONGEST_CHUNK / INPUT_RATE:g} s of sound")
