"""One caller of the cascade: listens, thinks and speaks, each as soon as the step before it has something."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing

from antiphon.engines.cascade.ears import Ears
from antiphon.engines.cascade.listening import Listener
from antiphon.engines.cascade.parts import Brain, Call, Fail, Prompt, Recogniser, RecognitionContext, Say, Voice
from antiphon.engines.cascade.sentences import Sentences
from antiphon.live.events import (
    OUTPUT_RATE,
    ActivityEnd,
    ActivityStart,
    Audio,
    Failure,
    GenerationComplete,
    Image,
    Interrupt,
    ModelEvent,
    ModelText,
    OutputTranscript,
    Respond,
    Speech,
    StreamEnd,
    ToolCalls,
    ToolResults,
    UserEvent,
)
from antiphon.live.history import History
from antiphon.live.setup import Setup

log = logging.getLogger("antiphon.cascade")

MAX_LEAD = 20.0
"""Seconds of speech that may be ahead of the user's ear: what an interruption throws away at most."""


class CascadeConversation:
    """The :class:`~antiphon.engines.base.Conversation` of a recogniser, a brain and a voice."""

    def __init__(
        self, setup: Setup, ears: Ears, recogniser: Recogniser, brain: Brain, voice: Voice, context: RecognitionContext
    ) -> None:
        self._setup = setup
        self._brain = brain
        self._voice = voice
        self._events: asyncio.Queue[ModelEvent] = asyncio.Queue()
        self._listener = Listener(setup.detection, ears, lambda: recogniser.utterance(context), self._events.put_nowait)
        self._reply: asyncio.Task[None] | None = None
        self._ended_replies: set[asyncio.Task[None]] = set()
        self._generation = 0
        self._position = 0.0
        self._began = 0.0

    def send(self, event: UserEvent) -> None:
        """Take what the user does."""
        match event:
            case Audio():
                self._listener.hear(event)
            case Respond(generation, history) | ToolResults(generation, _, history):
                self._start_reply(generation, history)
            case Interrupt():
                self._stop_reply()
            case ActivityStart():
                self._listener.begin()
            case ActivityEnd():
                self._listener.end()
            case StreamEnd():
                self._listener.flush()
            case Image():
                pass

    async def __aiter__(self) -> AsyncIterator[ModelEvent]:
        """What the model does."""
        while True:
            yield await self._events.get()

    async def aclose(self) -> None:
        """End every task of the conversation."""
        self._stop_reply()
        await asyncio.gather(*self._ended_replies, return_exceptions=True)
        await self._listener.aclose()

    def _start_reply(self, generation: int, history: History) -> None:
        if generation != self._generation:
            self._generation, self._position = generation, 0.0
        self._reply = asyncio.create_task(self._guarded_reply(generation, history))
        self._ended_replies.add(self._reply)
        self._reply.add_done_callback(self._ended_replies.discard)

    def _stop_reply(self) -> None:
        if self._reply is not None:
            self._reply.cancel()
            self._reply = None

    async def _guarded_reply(self, generation: int, history: History) -> None:
        try:
            await self._make_reply(generation, history)
        except Exception as error:
            log.exception("an answer failed")
            self._events.put_nowait(Failure("the engine failed while it answered", detail=repr(error)))

    async def _make_reply(self, generation: int, history: History) -> None:
        setup = self._setup
        prompt = Prompt(history, setup.system_instruction, setup.tools, setup.language)
        sentences = Sentences()
        async with aclosing(self._brain.reply(prompt)) as thoughts:
            async for thought in thoughts:
                match thought:
                    case Say(text):
                        await self._say(generation, sentences.feed(text))
                    case Call(calls):
                        await self._say(generation, sentences.flush())
                        self._events.put_nowait(ToolCalls(generation, calls))
                        return
                    case Fail(code, reason):
                        self._events.put_nowait(Failure(reason, code))
                        return
        await self._say(generation, sentences.flush())
        self._events.put_nowait(GenerationComplete(generation))

    async def _say(self, generation: int, sentences: list[str]) -> None:
        for sentence in sentences:
            if self._setup.modality == "text":
                self._events.put_nowait(ModelText(generation, sentence))
            else:
                await self._speak(generation, sentence)

    async def _speak(self, generation: int, sentence: str) -> None:
        begins = self._position
        speech = self._voice.speak(sentence, self._setup.voice, self._setup.language)
        async with aclosing(speech) as chunks:
            async for chunk in chunks:
                await self._hold_lead()
                if chunk.pcm:
                    self._events.put_nowait(Speech(generation, chunk.pcm))
                    self._position += len(chunk.pcm) / (2 * OUTPUT_RATE)
                if chunk.words:
                    text = "".join(word.text for word in chunk.words)
                    offset = begins + chunk.words[0].offset
                    self._events.put_nowait(OutputTranscript(generation, text, offset))

    async def _hold_lead(self) -> None:
        """Wait while more speech is made than anybody could have heard."""
        now = asyncio.get_running_loop().time()
        if self._position == 0.0:
            self._began = now
        ahead = self._began + self._position - now
        if ahead > MAX_LEAD:
            await asyncio.sleep(ahead - MAX_LEAD)
