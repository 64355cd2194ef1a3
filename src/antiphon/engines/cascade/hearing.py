"""One activity of the user while it is heard: its utterance, guesses at its end, and words while it lasts."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from antiphon.audio.frames import FRAME_BYTES
from antiphon.engines.cascade.parts import Hypothesis, RecogniserBusy, RecogniserFailed, Utterance
from antiphon.live.tokens import UpstreamUsage

log = logging.getLogger("antiphon.cascade")

INTERIM_BYTES: Final = 8 * FRAME_BYTES
"""How much sound, 256 ms of it, lies at least between two looks at the words so far."""

T = TypeVar("T")


class Hearing:
    """Feeds an utterance.

    ``on_interim``, where there is one, is given the words so far whenever they changed since it last took them; it says
    whether it does. ``on_used`` is told what an upstream was used for, whether or not anybody wants its words any more.
    """

    def __init__(
        self,
        utterance: Utterance,
        on_interim: Callable[[str], bool] | None = None,
        on_used: Callable[[UpstreamUsage], None] | None = None,
    ) -> None:
        self._utterance = utterance
        self._on_interim = on_interim
        self._on_used = on_used
        self._guess: asyncio.Task[Hypothesis] | None = None
        self._look: asyncio.Task[None] | None = None
        self._pause: list[bytes] = []
        self._unseen_bytes = 0
        self._interim = ""
        self._over = False
        self._tasks: set[asyncio.Task[Any]] = set()

    def feed(self, pcm: bytes) -> None:
        """Take more sound."""
        if self._guess is not None:
            # While a guess at the final transcript is being made, more sound would undo it.
            self._pause.append(pcm)
            return
        self._utterance.feed(pcm)
        self._unseen_bytes += len(pcm)
        if self._on_interim is not None and self._look is None and self._unseen_bytes >= INTERIM_BYTES:
            self._unseen_bytes = 0
            self._look = self._start(self._look_at_words())

    def guess(self, on_words: Callable[[str | None], None]) -> None:
        """The user may be done: ask for the final words now, so that they are there when it turns out to be true.

        ``on_words`` takes them once they are known, unless the activity went on or ended before; None if there are none
        to be had.
        """
        self._guess = self._start(self._finish())
        self._guess.add_done_callback(lambda guess: self._on_guessed(guess, on_words))

    def go_on(self) -> None:
        """The guess was wrong. What was said meanwhile is heard now."""
        if self._guess is not None:
            self._guess.cancel()
        self._guess = None
        pause, self._pause = self._pause, []
        if pause:
            self.feed(b"".join(pause))

    def end(self) -> None:
        """The activity is over; :meth:`words` are asked for."""
        self._over = True
        if self._look is not None:
            self._look.cancel()
        if self._guess is None:
            self._guess = self._start(self._finish())

    async def words(self) -> str:
        """The final words, when the activity is over; empty where no recogniser became free.

        Raises:
            RecogniserFailed: the recogniser has no answer.
        """
        assert self._guess is not None
        try:
            return (await self._guess).text
        except RecogniserBusy as error:
            log.warning("%s", error)
            return ""

    async def aclose(self) -> None:
        """Give the recogniser back. Idempotent."""
        self._over = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._utterance.aclose()

    def _start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)
        return task

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that the failure of a guess nobody wants is not reported as overlooked

    def _on_guessed(self, guess: asyncio.Task[Hypothesis], on_words: Callable[[str | None], None]) -> None:
        if guess is not self._guess or self._over or guess.cancelled():
            return
        words = None if guess.exception() else guess.result().text
        self._show(words or "")
        on_words(words)

    async def _finish(self) -> Hypothesis:
        return self._charged(await self._utterance.finish())

    def _charged(self, hypothesis: Hypothesis) -> Hypothesis:
        if hypothesis.used is not None and self._on_used is not None:
            self._on_used(hypothesis.used)
        return hypothesis

    async def _look_at_words(self) -> None:
        try:
            words = self._charged(await self._utterance.partial()).text
        except RecogniserFailed:  # the final words will say so, if they fail too
            return
        finally:
            self._look = None
        if self._guess is None:
            self._show(words)

    def _show(self, words: str) -> None:
        if self._on_interim is None or self._over or not words or words == self._interim:
            return
        if self._on_interim(words):
            self._interim = words
