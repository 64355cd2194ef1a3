"""A recogniser that keeps the sound, a brain that gets it, and a recogniser that is the model itself."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final

from msgspec.structs import replace

from antiphon.engines.cascade.brain.language_model.brain import LanguageModelBrain
from antiphon.engines.cascade.brain.language_model.messages import Said
from antiphon.engines.cascade.brain.language_model.model import LanguageModel, Meter, ModelFailed, Request, Text
from antiphon.engines.cascade.parts import (
    Hypothesis,
    Prompt,
    Recogniser,
    RecogniserFailed,
    RecognitionContext,
    Thought,
    Utterance,
)
from antiphon.engines.native.omni.sounds import Heard, Sound, Sounds
from antiphon.live.history import Words
from antiphon.live.setup import Tool

TRANSCRIBE: Final = (
    "Write down exactly what is said in the recording, in its own language, and nothing else. "
    "If nobody speaks, write nothing."
)
TRANSCRIPT_TOKENS: Final = 256
MIN_TRANSCRIPT_BYTES: Final = 2 * 1_600
"""A tenth of a second: in less there are no words."""


class KeepingRecogniser:
    """``recogniser`` for one session; what it heard is kept in ``sounds``. Somebody else starts and closes it."""

    def __init__(self, recogniser: Recogniser, sounds: Sounds) -> None:
        self._recogniser = recogniser
        self._sounds = sounds

    async def start(self) -> None:
        """Nothing: it has been started."""

    def context(
        self, system_instruction: str, tools: Sequence[Tool], phrases: Sequence[str], language: str = ""
    ) -> RecognitionContext:
        """The recogniser's own."""
        return self._recogniser.context(system_instruction, tools, phrases, language)

    def utterance(self, context: RecognitionContext) -> "KeepingUtterance":
        """Begin to recognise an utterance, and to keep it."""
        return KeepingUtterance(self._recogniser.utterance(context), self._sounds)

    async def aclose(self) -> None:
        """Nothing: somebody else closes it."""


class KeepingUtterance:
    """Another utterance, and how it sounds."""

    def __init__(self, utterance: Utterance, sounds: Sounds) -> None:
        self._utterance = utterance
        self._sounds = sounds
        self._sound = Sound()
        self._pcm = bytearray()

    def feed(self, pcm: bytes) -> None:
        """Take more sound."""
        self._pcm += pcm
        self._utterance.feed(pcm)

    async def finish(self) -> Hypothesis:
        """The hypothesis for all sound fed so far; from then on, that sound belongs to these words."""
        pcm = bytes(self._pcm)
        hypothesis = await self._utterance.finish()
        if hypothesis.text.strip():
            self._sound.text, self._sound.pcm = hypothesis.text, pcm
            self._sounds.keep(self._sound)
        return hypothesis

    async def partial(self) -> Hypothesis:
        """The words so far."""
        return await self._utterance.partial()

    async def aclose(self) -> None:
        """Give the recogniser back. Idempotent."""
        await self._utterance.aclose()


class HearingBrain:
    """``brain`` for one session, whose history has sound where there was some."""

    def __init__(self, brain: LanguageModelBrain, sounds: Sounds) -> None:
        self.patience = brain.patience
        self.thinks = brain.thinks
        self._brain = brain
        self._sounds = sounds

    def phrases(self) -> Sequence[str]:
        """The brain's own."""
        return self._brain.phrases()

    def reply(self, prompt: Prompt) -> AsyncGenerator[Thought, None]:
        """Answer what was heard, not only what was read from it."""
        return self._brain.reply(replace(prompt, history=self._sounds.heard(prompt.history)))


class ModelRecogniser:
    """Speech to text by the omni model itself: whatever language it hears, at the price of one more request a turn.

    It is asked when the user pauses, so that the words are there, as a rule, when the pause turns out to be the end.
    ``model`` is started and closed by somebody else.
    """

    def __init__(self, model: LanguageModel) -> None:
        self._model = model

    async def start(self) -> None:
        """Nothing: the model is started where it belongs."""

    def context(
        self, system_instruction: str, tools: Sequence[Tool], phrases: Sequence[str], language: str = ""
    ) -> RecognitionContext:
        """The language, as far as it is known."""
        return RecognitionContext(language=language)

    def utterance(self, context: RecognitionContext) -> "ModelUtterance":
        """Begin an utterance."""
        return ModelUtterance(self._model)

    async def aclose(self) -> None:
        """Nothing: the model is closed where it belongs."""


class ModelUtterance:
    """Collects the sound; there are no partial words."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self._pcm = bytearray()

    def feed(self, pcm: bytes) -> None:
        """Take more sound."""
        self._pcm += pcm

    async def finish(self) -> Hypothesis:
        """What the model reads from all sound fed so far.

        Raises:
            RecogniserFailed: the model has no answer.
        """
        if len(self._pcm) < MIN_TRANSCRIPT_BYTES:
            return Hypothesis("")
        request = _transcription(bytes(self._pcm))
        meter, words = Meter(self._model, request), ""
        try:
            async with aclosing(self._model.answer(request)) as deltas:
                async for delta in deltas:
                    meter.see(delta)
                    words += delta.text if isinstance(delta, Text) else ""
        except ModelFailed as error:
            raise RecogniserFailed(f"the words of a turn: {error}") from error
        return Hypothesis(" ".join(words.split()), meter.used(whole=True) if self._model.provider else None)

    async def partial(self) -> Hypothesis:
        """Nothing."""
        return Hypothesis("")

    async def aclose(self) -> None:
        """Forget the sound. Idempotent."""
        self._pcm.clear()


def _transcription(pcm: bytes) -> Request:
    parts = (Heard("", pcm), Words(TRANSCRIBE))
    return Request((Said(parts),), temperature=0.0, max_output_tokens=TRANSCRIPT_TOKENS)
