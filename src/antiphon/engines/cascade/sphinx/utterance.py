"""One utterance at the server's side: its sound, its place in line, and the readings somebody waits for."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any, Protocol

from msgspec import field

from antiphon.engines.cascade.parts import INPUT_RATE, Hypothesis, RecognitionContext

log = logging.getLogger("antiphon.cascade")

KEPT_SECONDS = 60
"""How much of an utterance's sound is kept, to be heard once a recogniser is free or again when one was lost."""

_KEPT_BYTES = KEPT_SECONDS * INPUT_RATE * 2
_numbers = count(1)


class Microphone:
    """What has been learnt of the sound of one session: its cepstral mean, as the decoders write it."""

    mean = ""


class SphinxContext(RecognitionContext, frozen=True):
    """A context with a memory of the session's sound. Its utterances are read better and sooner from the second on."""

    microphone: Microphone = field(default_factory=Microphone)


class Listener(Protocol):
    """What hears an utterance: takes messages in order, and refuses sound when it is too far behind."""

    def send(self, message: dict[str, Any]) -> None:
        """Take a message."""

    def hear(self, pcm: bytes) -> bool:
        """Take sound; False when it was refused."""
        ...


class SphinxUtterance:
    """The :class:`~antiphon.engines.cascade.parts.Utterance` of the embedded recogniser.

    Made by :meth:`SphinxRecogniser.utterance`; ``enqueue`` asks for a listener, ``release`` gives it back.
    """

    def __init__(
        self,
        context: RecognitionContext,
        enqueue: Callable[["SphinxUtterance"], None],
        release: Callable[["SphinxUtterance"], None],
    ) -> None:
        self.phrases = context.phrases
        self._microphone = context.microphone if isinstance(context, SphinxContext) else Microphone()
        self.lost_bytes = 0
        self.replayed = False
        self._enqueue = enqueue
        self._release = release
        self._listener: Listener | None = None
        self._sound: deque[bytes] = deque()
        self._kept_bytes = 0
        self._begun = False
        self._closed = False
        self._failure: Exception | None = None
        self._awaited: dict[int, asyncio.Future[str]] = {}
        self._partials: dict[int, asyncio.Future[str]] = {}

    def feed(self, pcm: bytes) -> None:
        """Take more sound. The first asks for a recogniser; sound for which there is no room is lost, and counted."""
        if self._closed or self._failure is not None or not pcm:
            return
        self._keep(pcm)
        if self._listener is not None:
            self._hear(self._listener, pcm)
        elif not self._begun:
            self._begun = True
            self._enqueue(self)

    async def finish(self) -> Hypothesis:
        """The words of all sound fed so far; empty when the recogniser was lost twice.

        Raises:
            RecogniserBusy: no recogniser became free within the bound of the recogniser.
        """
        if self._failure is not None:
            raise self._failure
        if self._closed or not self._begun:
            return Hypothesis("")
        number = next(_numbers)
        answer = self._awaited[number] = asyncio.get_running_loop().create_future()
        if self._listener is not None:
            self._listener.send({"finish": number})
        try:
            return Hypothesis(await answer)
        finally:
            self._awaited.pop(number, None)

    async def partial(self) -> Hypothesis:
        """The words so far; empty while no recogniser listens. One that is lost on the way leaves it empty, too."""
        if self._listener is None:
            return Hypothesis("")
        number = next(_numbers)
        answer = self._partials[number] = asyncio.get_running_loop().create_future()
        self._listener.send({"partial": number})
        try:
            return Hypothesis(await answer)
        finally:
            self._partials.pop(number, None)

    async def aclose(self) -> None:
        """Give the recogniser back; who still waits for a reading gets an empty one."""
        if not self._closed:
            self.abandon()
            self._release(self)

    # --- for the pool -----------------------------------------------------------------------------------------

    def listen(self, listener: Listener) -> None:
        """Be heard from the start by ``listener``."""
        self._listener = listener
        listener.send({"begin": self.phrases, "mean": self._microphone.mean})
        for pcm in self._sound:
            self._hear(listener, pcm)
        for number in self._awaited:
            listener.send({"finish": number})

    def answer(self, number: int, text: str, mean: str = "") -> None:
        """A reading arrived; one nobody waits for any more is ignored."""
        self._microphone.mean = mean or self._microphone.mean
        awaited = self._awaited.get(number)
        if awaited is not None and not awaited.done():
            awaited.set_result(text)

    def answer_partial(self, number: int, text: str) -> None:
        """The words so far arrived."""
        awaited = self._partials.get(number)
        if awaited is not None and not awaited.done():
            awaited.set_result(text)

    def lose(self) -> None:
        """The listener is gone; another may follow."""
        self._listener = None
        for number in list(self._partials):
            self.answer_partial(number, "")

    def fail(self, error: Exception) -> None:
        """There will be no listener."""
        self._failure = error
        self._forget()
        for awaited in self._awaited.values():
            if not awaited.done():
                awaited.set_exception(error)

    def abandon(self) -> None:
        """Nothing more will be heard: every reading is empty."""
        self._closed = True
        self.lose()
        self._forget()
        for number in list(self._awaited):
            self.answer(number, "")

    def _keep(self, pcm: bytes) -> None:
        self._sound.append(pcm)
        self._kept_bytes += len(pcm)
        while self._kept_bytes > _KEPT_BYTES:
            oldest = self._sound.popleft()
            self._kept_bytes -= len(oldest)
            if self._listener is None:
                self._count_lost(oldest)

    def _forget(self) -> None:
        self._sound.clear()
        self._kept_bytes = 0

    def _hear(self, listener: Listener, pcm: bytes) -> None:
        if not listener.hear(pcm):
            self._count_lost(pcm)

    def _count_lost(self, pcm: bytes) -> None:
        if not self.lost_bytes:
            log.warning("a recogniser falls behind: sound of an utterance is lost")
        self.lost_bytes += len(pcm)
