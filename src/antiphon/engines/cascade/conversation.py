"""One caller of the cascade: listens, thinks and speaks, each as soon as the step before it has something."""

import asyncio
from collections.abc import AsyncIterator

from msgspec.structs import replace

from antiphon.engines.cascade.ears import Ears
from antiphon.engines.cascade.listening import Listener
from antiphon.engines.cascade.parts import Brain, Prompt, Recogniser, RecognitionContext, Search, Voice
from antiphon.engines.cascade.reply import Reply
from antiphon.live.events import (
    ActivityEnd,
    ActivityStart,
    Audio,
    Continue,
    GenerationComplete,
    Image,
    Interrupt,
    ModelEvent,
    Respond,
    StreamEnd,
    ToolResults,
    Update,
    Used,
    UserEvent,
)
from antiphon.live.history import History
from antiphon.live.setup import Setup


class CascadeConversation:
    """The :class:`~antiphon.engines.base.Conversation` of a recogniser, a brain and a voice.

    An answer that is interrupted is kept until the next one begins, so that it can go on when the interruption was
    none.
    """

    def __init__(
        self,
        setup: Setup,
        ears: Ears,
        recogniser: Recogniser,
        brain: Brain,
        voice: Voice,
        context: RecognitionContext,
        search: Search | None = None,
    ) -> None:
        self._setup = setup
        self._recogniser = recogniser
        self._brain = brain
        self._voice = voice
        self._context = context
        self._search = search
        self._events: asyncio.Queue[ModelEvent] = asyncio.Queue()
        self._listener = Listener(
            setup.detection,
            ears,
            lambda: recogniser.utterance(self._context),
            self._events.put_nowait,
            language=setup.language,
            interim=setup.transcribe_input,
        )
        self._reply: Reply | None = None
        self._making: asyncio.Task[None] | None = None
        self._closed = False
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, event: UserEvent) -> None:
        """Take what the user does."""
        match event:
            case Audio():
                self._listener.hear(event)
            case Respond(generation, history):
                self._answer(generation, history)
            case ToolResults(generation, _, history):
                self._use_results(generation, history)
            case Interrupt(generation):
                self._suspend(generation)
            case Continue(generation, interrupted, heard, _):
                self._continue(generation, interrupted, heard)
            case Update(setup):
                self._update(setup)
            case ActivityStart():
                self._listener.begin()
            case ActivityEnd():
                self._listener.end()
            case StreamEnd():
                self._listener.flush()
            case Image():
                pass

    async def __aiter__(self) -> AsyncIterator[ModelEvent]:
        """What the model does; after :meth:`aclose`, what is left, such as what an upstream was used for until then."""
        while not self._closed or not self._events.empty():
            yield await self._events.get()

    async def aclose(self) -> None:
        """End every task of the conversation."""
        self._forget_reply()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._listener.aclose()
        self._closed = True

    # --- answers --------------------------------------------------------------------------------------------

    def _answer(self, generation: int, history: History) -> None:
        self._forget_reply()
        self._reply = Reply(generation, self._setup, self._brain, self._voice, self._events.put_nowait)
        self._make(self._reply, history)

    def _use_results(self, generation: int, history: History) -> None:
        if self._reply is None or self._reply.generation != generation:
            self._answer(generation, history)
        else:
            self._make(self._reply, history)

    def _make(self, reply: Reply, history: History) -> None:
        if self._making is not None:
            self._making.cancel()
        self._making = asyncio.create_task(reply.make(self._prompt(history)))
        self._tasks.add(self._making)
        self._making.add_done_callback(self._tasks.discard)

    def _prompt(self, history: History) -> Prompt:
        setup = self._setup
        search = self._search if setup.search else None
        return Prompt(
            history,
            setup.system_instruction,
            setup.tools,
            setup.language,
            search,
            setup.thinking,
            spoken=setup.modality == "audio",
            temperature=setup.temperature,
            top_p=setup.top_p,
            top_k=setup.top_k,
            seed=setup.seed,
            max_output_tokens=setup.max_output_tokens,
            media_resolution=setup.media_resolution,
        )

    def _forget_reply(self) -> None:
        if self._making is not None:
            self._making.cancel()
        self._reply = self._making = None

    def _suspend(self, generation: int) -> None:
        if self._reply is not None and self._reply.generation < generation:
            self._reply.suspend(self._withdraw(self._reply.generation))

    def _withdraw(self, generation: int) -> list[ModelEvent]:
        """Take back the events of a generation that nobody has taken yet; what was used stays used."""
        withdrawn: list[ModelEvent] = []
        for _ in range(self._events.qsize()):
            event = self._events.get_nowait()
            if getattr(event, "generation", None) == generation and not isinstance(event, Used):
                withdrawn.append(event)
            else:
                self._events.put_nowait(event)
        return withdrawn

    def _continue(self, generation: int, interrupted: int, heard: float) -> None:
        if self._reply is not None and self._reply.generation == interrupted:
            self._reply.go_on(generation, heard)
        else:
            self._events.put_nowait(GenerationComplete(generation))

    def _update(self, setup: Setup) -> None:
        """Answer with another setup from now on; the recogniser learns what it is about, and keeps what it learnt."""
        self._setup = setup
        context = self._recogniser.context(setup.system_instruction, setup.tools, self._brain.phrases(), setup.language)
        self._context = replace(self._context, phrases=context.phrases, language=context.language)
