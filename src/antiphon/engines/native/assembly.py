"""Engines whose model hears speech itself, out of their configuration."""

from antiphon.engines.base import Engine, EngineUnavailable
from antiphon.engines.cascade.brain.language_model.brain import LanguageModelBrain
from antiphon.engines.cascade.endpoints import payee, secret
from antiphon.engines.cascade.espeak.voice import EspeakVoice
from antiphon.engines.cascade.parts import Recogniser, Voice
from antiphon.engines.cascade.sphinx.recogniser import SphinxRecogniser
from antiphon.engines.native.config import MoshiConfig, NativeConfig, OmniConfig, RemoteOmniConfig
from antiphon.engines.native.moshi.engine import MoshiEngine
from antiphon.engines.native.omni.engine import HearingEngine
from antiphon.engines.native.omni.remote import RemoteOmniModel
from antiphon.engines.native.omni.thinker import ThinkerModel
from antiphon.providers.http import Timeouts
from antiphon.providers.openai_chat import OpenAiChat
from antiphon.wire.openai import chat


def native(config: NativeConfig, *, voice: Voice | None = None, recogniser: Recogniser | None = None) -> Engine:
    """The engine of ``config``; nothing is imported, loaded or asked before it starts.

    ``voice`` speaks where the model does not, ``recogniser`` reads where the model is not to; without them espeak-ng
    and pocketsphinx do.

    Raises:
        EngineUnavailable: a setting cannot be used; the message names it and the remedy.
    """
    if isinstance(config, MoshiConfig):
        return MoshiEngine(config)
    reader = None if config.transcribes else recogniser or SphinxRecogniser()
    voice = voice or EspeakVoice()
    if isinstance(config, OmniConfig):
        brain = LanguageModelBrain(ThinkerModel(config))
        # Its prompts have no place for functions, and it was not trained to call them.
        return HearingEngine(brain, voice, reader, sound_seconds=config.sound_seconds, tools=False)
    return _remote(config, voice, reader)


def _remote(config: RemoteOmniConfig, voice: Voice, recogniser: Recogniser | None) -> HearingEngine:
    timeouts = Timeouts(config.connect_timeout, config.first_token_timeout, config.next_token_timeout)
    try:
        client = OpenAiChat(config.url, secret("remote-omni", config.key), timeouts=timeouts)
    except ValueError as error:
        raise EngineUnavailable(f"remote-omni: {error}") from None
    speech = chat.AudioOutput(format=config.audio_format, voice=config.voice)

    def brain(speech: chat.AudioOutput | None) -> LanguageModelBrain:
        return LanguageModelBrain(
            RemoteOmniModel(
                client,
                config.model,
                provider=payee(config.provider, client.http.base),
                speech=speech,
                audio_rate=config.audio_rate,
                max_tokens=config.max_tokens,
            )
        )

    return HearingEngine(
        brain(None),
        voice,
        recogniser,
        speaking=brain(speech) if config.speaks else None,
        sound_seconds=config.sound_seconds,
        tools=config.tools,
    )
