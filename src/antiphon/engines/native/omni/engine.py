"""The engine of a model that hears: the cascade's ears and turns, the user's own sound in the history."""

from msgspec.structs import replace

from antiphon.engines.base import NOTHING, Conversation, EngineUnavailable
from antiphon.engines.cascade.brain.language_model.brain import LanguageModelBrain
from antiphon.engines.cascade.conversation import CascadeConversation
from antiphon.engines.cascade.engine import CascadeEngine
from antiphon.engines.cascade.parts import Recogniser, Search, Voice
from antiphon.engines.native.omni.hearing import HearingBrain, KeepingRecogniser, ModelRecogniser
from antiphon.engines.native.omni.sounds import Sounds
from antiphon.live.seed import Seed
from antiphon.live.setup import Setup


class HearingEngine(CascadeEngine):
    """Turns are found, ended and interrupted as in the cascade; ``brain`` hears the last ``sound_seconds`` of them.

    The words of a turn, for transcripts and for what is older, are ``recogniser``'s; without one the model's own.
    ``speaking`` answers in place of ``brain`` where answers are heard; it has the same model, which speaks itself.
    """

    def __init__(
        self,
        brain: LanguageModelBrain,
        voice: Voice,
        recogniser: Recogniser | None = None,
        *,
        speaking: LanguageModelBrain | None = None,
        sound_seconds: float = 60.0,
        tools: bool = True,
        search: Search | None = None,
    ) -> None:
        super().__init__(recogniser or ModelRecogniser(brain.model), brain, voice, search=search)
        self.abilities = replace(self.abilities, name="omni", tools=tools)
        self._by_modality = {"text": brain, "audio": speaking or brain}
        self._sound_seconds = sound_seconds

    async def open(self, setup: Setup, seed: Seed = NOTHING) -> Conversation:
        """Begin a conversation that keeps its own sound."""
        if self._ears is None:
            raise EngineUnavailable("the engine has not been started")
        sounds = Sounds(self._sound_seconds)
        recogniser = KeepingRecogniser(self.recogniser, sounds)
        brain = HearingBrain(self._by_modality[setup.modality], sounds)
        context = recogniser.context(setup.system_instruction, setup.tools, brain.phrases(), setup.language)
        return CascadeConversation(setup, self._ears, recogniser, brain, self.voice, context, search=self.search)
