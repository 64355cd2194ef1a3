"""Engines out of their configuration. Nothing is loaded or asked before an engine starts."""

from pathlib import Path
from typing import Any, Final

from antiphon.audio.frames import VadUnavailable
from antiphon.engines.base import Engine, EngineUnavailable
from antiphon.engines.cascade import search as searches
from antiphon.engines.cascade.brain import BuiltinBrain, ScriptBrain, ScriptError
from antiphon.engines.cascade.brain.language_model import LanguageModelConfig, language_model
from antiphon.engines.cascade.endpoints import secret
from antiphon.engines.cascade.engine import CascadeEngine
from antiphon.engines.cascade.parts import Brain, Search
from antiphon.engines.cascade.recognisers.config import RecogniserConfig, recogniser
from antiphon.engines.cascade.sphinx.recogniser import SphinxRecogniser
from antiphon.engines.cascade.voices.config import VoiceConfig, voice
from antiphon.engines.gates import GateConfig, GatedEngine
from antiphon.engines.native.assembly import native
from antiphon.engines.native.config import MoshiConfig
from antiphon.engines.relay.config import GeminiRelayConfig
from antiphon.engines.relay.gemini import relay
from antiphon.engines.relay.openai import realtime_relay
from antiphon.engines.relay.openai_config import OpenAIRealtimeConfig
from antiphon.engines.settings import CascadeConfig, EmbeddedConfig, HearingConfig, SearchConfig
from antiphon.engines.sharing import Pool, SharedRecogniser, SharedVoice

NO_GATES: Final = GateConfig()


class Assembly:
    """Makes engines. Those of one assembly share voice activity, and recognisers and voices of equal settings."""

    def __init__(self) -> None:
        self._pool = Pool()

    def build(self, settings: Any, gates: GateConfig = NO_GATES) -> Engine:
        """The engine of its settings (:mod:`~antiphon.engines.settings`), behind its gates, not started yet.

        Raises:
            EngineUnavailable: a setting cannot be used, such as a key from an environment variable that is not set.
        """
        engine = self._made(settings)
        if isinstance(engine, CascadeEngine):
            engine.activity = self._pool.activity()
        return _gated(engine, gates)

    def _made(self, settings: Any) -> Engine:
        match settings:
            case EmbeddedConfig():
                return self._embedded(settings)
            case CascadeConfig():
                return self._cascade(settings)
            case HearingConfig():
                return native(
                    settings.model,
                    voice=self.voice(settings.voice),
                    recogniser=self.recogniser(settings.recogniser),
                )
            case MoshiConfig():
                return native(settings)
            case GeminiRelayConfig() | OpenAIRealtimeConfig():
                return _relayed(settings)
        raise EngineUnavailable(f"{type(settings).__name__} is no kind of engine")

    def recogniser(self, config: RecogniserConfig) -> SharedRecogniser:
        """A share in the recogniser of its settings.

        Raises:
            EngineUnavailable: a setting cannot be used.
        """
        return self._pool.recogniser(config, lambda: recogniser(config))

    def voice(self, config: VoiceConfig) -> SharedVoice:
        """A share in the voice of its settings.

        Raises:
            EngineUnavailable: a setting cannot be used.
        """
        return self._pool.voice(config, lambda: voice(config))

    def _embedded(self, config: EmbeddedConfig) -> CascadeEngine:
        settings = (config.recognisers, config.recogniser_wait)
        return CascadeEngine(
            self._pool.recogniser(settings, lambda: SphinxRecogniser(*settings)),
            _brain(config.script, config.language_model),
            self.voice(VoiceConfig()),
            search=_search(config.search),
        )

    def _cascade(self, config: CascadeConfig) -> CascadeEngine:
        return CascadeEngine(
            self.recogniser(config.recogniser),
            _brain(config.script, config.language_model),
            self.voice(config.voice),
            search=_search(config.search),
        )


def _gated(engine: Engine, gates: GateConfig) -> Engine:
    try:
        return GatedEngine(engine, gates) if gates.silence or gates.video else engine
    except VadUnavailable as error:
        raise EngineUnavailable(f"gates: {error}") from error


def _brain(script: str, model: LanguageModelConfig | None) -> Brain:
    if not script:
        return language_model(model) if model else BuiltinBrain()
    try:
        return ScriptBrain.from_file(Path(script).expanduser())
    except ScriptError as error:
        raise EngineUnavailable(str(error)) from error


def _search(config: SearchConfig) -> Search | None:
    return searches.configured(config.folder, config.searxng)


def _relayed(config: GeminiRelayConfig | OpenAIRealtimeConfig) -> Engine:
    secret(config.name, config.key)
    if isinstance(config, GeminiRelayConfig) and config.vertex is not None:
        secret(f"{config.name}: vertex.token", config.vertex.token)
    try:
        return relay(config) if isinstance(config, GeminiRelayConfig) else realtime_relay(config)
    except ValueError as error:
        raise EngineUnavailable(f"{config.name}: {error}") from None
