"""The server's side of a voice that runs in processes of its own: cuts texts, hands them out, yields what they say."""

import asyncio
import itertools
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.espeak import text as texts
from antiphon.engines.cascade.parts import SpeechChunk, SpokenWord
from antiphon.engines.cascade.process import WorkerDied, WorkerProcess
from antiphon.live.events import OUTPUT_RATE

ATTEMPTS = 2
"""How often a piece of text is tried when workers die of it."""

log = logging.getLogger(__name__)

Order = dict[str, Any]
"""What a worker is asked: an ``id``, a ``text``, and how to speak it."""


class _Job:
    """A piece of text on its way through a worker.

    ``replies`` is bounded by the piece: a worker runs ahead of the listener by no more than one piece.
    """

    def __init__(self, order: Order) -> None:
        self.order = order
        self.replies: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.worker: WorkerProcess | None = None
        self.cancelled = False
        self.sounded = False

    def cancel(self) -> None:
        """Nobody listens any more: stop the worker if it is at work on this, else never begin."""
        self.cancelled = True
        if self.worker is not None:
            self.worker.send({"cancel": self.order["id"]})

    def put(self, reply: dict[str, Any]) -> None:
        """Take a message of the worker."""
        if not self.cancelled:
            self.sounded = self.sounded or bool(reply["pcm"])
            self.replies.put_nowait(reply)


class ProcessVoice:
    """Text to speech in ``workers`` child processes, shared by all sessions (see :class:`.parts.Voice`).

    Pieces of text wait in one queue. A speech has no more than one piece in it at a time, so speeches take turns
    and a long text delays others by one of its pieces only. A worker that dies is started again for the next piece.

    A child answers an order with messages ``{"id", "pcm", "words"}``, a word being ``[start, end, sample]`` (characters
    of the text, sample of the sound of the order), and then ``{"id", "done"}``, with an ``"error"`` where it failed;
    ``{"cancel": id}`` stops the order it names.

    Args:
        new_worker: makes a child that was not started yet.
        workers: how many there are.
        patience: seconds without a message after which a worker counts as hung.
        piece: characters spoken in one go at most.
    """

    def __init__(
        self, new_worker: Callable[[], WorkerProcess], workers: int, patience: float, piece: int = texts.PIECE
    ) -> None:
        if workers < 1:
            raise ValueError(f"workers must be at least 1, not {workers}")
        self._workers = [new_worker() for _ in range(workers)]
        self._patience = patience
        self._piece = piece
        self._tasks: list[asyncio.Task[None]] = []
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue()
        self._numbers = itertools.count(1)

    def order(self, number: int, piece: str, voice: str, language: str) -> Order:
        """What the child is asked in order to say ``piece``; its text is as long as ``piece``."""
        raise NotImplementedError

    async def start(self) -> None:
        """Start the workers and let each speak once.

        Raises:
            EngineUnavailable: what speaks cannot be loaded; the message names the remedy.
        """
        try:
            await asyncio.gather(*(worker.start() for worker in self._workers))
            self._tasks = [asyncio.create_task(self._work(worker)) for worker in self._workers]
            async for _ in self.speak("Ready."):
                pass
        except BaseException:
            await self.aclose()
            raise

    async def speak(self, text: str, voice: str = "", language: str = "") -> AsyncGenerator[SpeechChunk, None]:
        """Speak ``text`` with one of the API's voices, in the language of a BCP-47 tag.

        Text of which nothing is pronounced has no sound. A worker that dies twice of the same text ends the speech
        early, which is logged.

        Raises:
            EngineUnavailable: the voice is not started, or closed.
        """
        samples = 0
        for piece in texts.pieces(text, self._piece):
            async with aclosing(self._speak_piece(piece, voice, language, samples)) as chunks:
                async for chunk in chunks:
                    samples += len(chunk.pcm) // 2
                    yield chunk

    async def aclose(self) -> None:
        """End the workers and every speech that waits for them. Idempotent."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        while not self._jobs.empty():
            self._jobs.get_nowait().replies.put_nowait(None)
        await asyncio.gather(*(worker.aclose() for worker in self._workers))

    async def _speak_piece(self, piece: str, voice: str, language: str, base: int) -> AsyncGenerator[SpeechChunk, None]:
        order = self.order(next(self._numbers), piece, voice, language)
        if not order["text"].strip():
            yield SpeechChunk(b"", (SpokenWord(piece, base / OUTPUT_RATE),))
            return
        if not self._tasks:
            raise EngineUnavailable("the voice is not running: start() it first")
        job = _Job(order)
        self._jobs.put_nowait(job)
        try:
            while (reply := await job.replies.get()) is not None:
                yield SpeechChunk(reply["pcm"], _words(piece, reply["words"], base))
        finally:
            job.cancel()

    async def _work(self, worker: WorkerProcess) -> None:
        while True:
            job = await self._jobs.get()
            try:
                if not job.cancelled:
                    await self._perform(worker, job)
            finally:
                job.worker = None
                job.replies.put_nowait(None)

    async def _perform(self, worker: WorkerProcess, job: _Job) -> None:
        for _ in range(ATTEMPTS):
            if await self._attempt(worker, job) or job.cancelled:
                return
            if job.sounded:  # said twice would be worse than said in part
                break
        log.error("a text of %d characters could not be spoken to its end", len(job.order["text"]))

    async def _attempt(self, worker: WorkerProcess, job: _Job) -> bool:
        try:
            await self._converse(worker, job)
        except Exception as error:  # whatever it was, the queue goes on with a new worker
            log.warning("voice worker failed: %s", self._reason(error))
            await worker.aclose()
            return False
        return True

    async def _converse(self, worker: WorkerProcess, job: _Job) -> None:
        if not worker.alive:
            await worker.start()
        job.worker = worker
        worker.send(job.order)
        while True:
            async with asyncio.timeout(self._patience):
                reply = await worker.receive()
            if "done" in reply:
                break
            job.put(reply)
        if "error" in reply:
            log.error("the voice failed: %s", reply["error"])

    def _reason(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return f"silent for {self._patience:g} s"
        return str(error) if isinstance(error, (WorkerDied, EngineUnavailable)) else repr(error)


def _words(piece: str, marks: list[tuple[int, int, int]], base: int) -> tuple[SpokenWord, ...]:
    return tuple(SpokenWord(piece[start:end], (base + sample) / OUTPUT_RATE) for start, end, sample in marks)
