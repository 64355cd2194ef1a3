"""The embedded recogniser: a pool of child processes, each hearing one utterance at a time."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Any

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.parts import INPUT_RATE, RecogniserBusy, RecognitionContext
from antiphon.engines.cascade.process import WorkerProcess
from antiphon.engines.cascade.sphinx.phrases import context_phrases
from antiphon.engines.cascade.sphinx.utterance import KEPT_SECONDS, SphinxContext, SphinxUtterance
from antiphon.live.setup import Tool

log = logging.getLogger("antiphon.cascade")

WORKER = "antiphon.engines.cascade.sphinx.worker"

_BACKLOG_BYTES = (KEPT_SECONDS + 10) * INPUT_RATE * 2
_REMEMBERED_MODELS = 3
_LONGEST_PAUSE = 30.0


class _Child:
    """One child process and the utterance it hears."""

    def __init__(self, module: str) -> None:
        self._module = module
        self.utterance: SphinxUtterance | None = None
        self.ready = False
        self._loaded: deque[tuple[str, ...]] = deque(maxlen=_REMEMBERED_MODELS)
        self._wanted: dict[tuple[str, ...], None] = {}
        self._behind_bytes = 0
        self._process = WorkerProcess(module)

    async def start(self) -> None:
        """Start the process, or start it anew. Raises EngineUnavailable."""
        self._process = WorkerProcess(self._module)
        self._loaded.clear()
        self._behind_bytes = 0
        await self._process.start()
        self.ready = True

    async def serve(self) -> None:
        """Pass the child's messages on until it ends."""
        async for message in self._process.messages():
            match message:
                case {"heard": size}:
                    self._behind_bytes -= size
                case {"text": text, "finish": number, "mean": mean} if self.utterance is not None:
                    self.utterance.answer(number, text, mean)
                case {"text": text, "partial": number} if self.utterance is not None:
                    self.utterance.answer_partial(number, text)
                case {"error": text}:
                    log.error("a recogniser failed: %s", text)
        self.ready = False
        await self._process.aclose()

    def send(self, message: dict[str, Any]) -> None:
        """Queue a message for the child."""
        self._process.send(message)

    def hear(self, pcm: bytes) -> bool:
        """Let the child hear sound, unless it is far behind already."""
        if self._behind_bytes > _BACKLOG_BYTES:
            return False
        self._behind_bytes += len(pcm)
        self.send({"sound": pcm})
        return True

    def take(self, utterance: SphinxUtterance) -> None:
        """Hear ``utterance`` from its start."""
        self.utterance = utterance
        self._remember(utterance.phrases)
        utterance.listen(self)

    def end(self) -> None:
        """The utterance is over."""
        self.utterance = None
        self.send({"end": True})

    def prepare(self, phrases: tuple[str, ...]) -> None:
        """Load a model for ``phrases``: now, or when the utterance being heard is over."""
        self._wanted[phrases] = None
        while len(self._wanted) > _REMEMBERED_MODELS:
            del self._wanted[next(iter(self._wanted))]
        self.prepare_wanted()

    def prepare_wanted(self) -> None:
        """Load the models asked for, when there is nothing to hear."""
        if not self.ready or self.utterance is not None:
            return
        wanted, self._wanted = self._wanted, {}
        for phrases in wanted:
            if phrases not in self._loaded:
                self._remember(phrases)
                self.send({"prepare": phrases})

    def _remember(self, phrases: tuple[str, ...]) -> None:
        if phrases in self._loaded:
            self._loaded.remove(phrases)
        self._loaded.append(phrases)

    async def aclose(self) -> None:
        """End the process."""
        self.ready = False
        await self._process.aclose()


class SphinxRecogniser:
    """The :class:`~antiphon.engines.cascade.parts.Recogniser` on pocketsphinx: US English, no download.

    Args:
        recognisers: how many child processes, that is how many people may be heard speaking at once.
        wait: seconds an utterance may wait until one is free.
        worker: the module the children run.
    """

    def __init__(self, recognisers: int = 2, wait: float = 10.0, worker: str = WORKER) -> None:
        self._children = [_Child(worker) for _ in range(max(1, recognisers))]
        self._wait = wait
        self._waiting: dict[SphinxUtterance, asyncio.TimerHandle] = {}
        self._keepers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start every child; all are warm afterwards.

        Raises:
            EngineUnavailable: pocketsphinx is missing or cannot run; the message names the remedy.
        """
        results = await asyncio.gather(*(child.start() for child in self._children), return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        if failures:
            await self.aclose()
            raise failures[0]
        self._keepers = [asyncio.create_task(self._keep(child)) for child in self._children]
        self._serve_line()

    def context(
        self, system_instruction: str, tools: Sequence[Tool] = (), phrases: Sequence[str] = (), language: str = ""
    ) -> SphinxContext:
        """What an application lets one expect its users to say, for one session; a model is being prepared.

        The context also remembers what the session's microphone sounds like: give each session its own. Whatever the
        ``language``, US English is heard.
        """
        context = SphinxContext(context_phrases(system_instruction, tools, phrases).phrases, language)
        self.prepare(context)
        return context

    def prepare(self, context: RecognitionContext) -> None:
        """Let idle children load a model for ``context`` before its first utterance. Returns at once."""
        for child in self._children:
            child.prepare(context.phrases)

    def utterance(self, context: RecognitionContext) -> SphinxUtterance:
        """Begin to recognise an utterance. Its first sound asks for a recogniser."""
        return SphinxUtterance(context, self._enqueue, self._release)

    async def aclose(self) -> None:
        """End every child and task; what is still being heard ends with an empty hypothesis. Idempotent."""
        keepers, self._keepers = self._keepers, []
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        for utterance in [*self._waiting, *(child.utterance for child in self._children)]:
            if utterance is not None:
                self._leave_line(utterance)
                utterance.abandon()
        await asyncio.gather(*(child.aclose() for child in self._children))

    # --- the line ---------------------------------------------------------------------------------------------

    def _enqueue(self, utterance: SphinxUtterance) -> None:
        if not self._keepers:
            utterance.fail(RecogniserBusy("the recogniser is not running; it was closed or never started"))
            return
        loop = asyncio.get_running_loop()
        self._waiting[utterance] = loop.call_later(self._wait, self._give_up, utterance)
        self._serve_line()

    def _serve_line(self) -> None:
        for child in self._children:
            if child.ready and child.utterance is None:
                if self._waiting:
                    utterance = next(iter(self._waiting))
                    self._leave_line(utterance)
                    child.take(utterance)
                else:
                    child.prepare_wanted()

    def _leave_line(self, utterance: SphinxUtterance) -> None:
        timer = self._waiting.pop(utterance, None)
        if timer is not None:
            timer.cancel()

    def _give_up(self, utterance: SphinxUtterance) -> None:
        self._leave_line(utterance)
        count = len(self._children)
        utterance.fail(
            RecogniserBusy(
                f"no recogniser became free within {self._wait:g} s: all {count} are busy; "
                f"start the server with --recognisers {count + 1} or more"
            )
        )

    def _release(self, utterance: SphinxUtterance) -> None:
        self._leave_line(utterance)
        for child in self._children:
            if child.utterance is utterance:
                child.end()
        self._serve_line()

    # --- children that die ------------------------------------------------------------------------------------

    async def _keep(self, child: _Child) -> None:
        """Have a child serve; start it anew whenever it ends."""
        while True:
            self._serve_line()
            await child.serve()
            self._lost(child)
            await self._restart(child)

    def _lost(self, child: _Child) -> None:
        utterance, child.utterance = child.utterance, None
        log.warning("a recogniser process ended and is started again")
        if utterance is None:
            return
        utterance.lose()
        if utterance.replayed:
            log.error("an utterance ended two recogniser processes and is given up")
            utterance.abandon()
            return
        utterance.replayed = True
        self._enqueue_first(utterance)

    def _enqueue_first(self, utterance: SphinxUtterance) -> None:
        others, self._waiting = self._waiting, {}
        self._enqueue(utterance)
        self._waiting |= others

    async def _restart(self, child: _Child) -> None:
        pause = 0.5
        while not child.ready:
            try:
                await child.start()
            except EngineUnavailable as error:
                log.error("a recogniser cannot be started again: %s", error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
