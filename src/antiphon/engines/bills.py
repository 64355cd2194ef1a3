"""Who is paid for the answers of an engine, as far as its settings tell."""

from typing import Any

from msgspec import UnsetType
from yarl import URL

from antiphon.engines.cascade.brain.language_model.config import LanguageModelConfig
from antiphon.engines.cascade.endpoints import payee
from antiphon.engines.cascade.recognisers.config import RecogniserConfig
from antiphon.engines.cascade.voices.config import VoiceConfig
from antiphon.engines.native.config import RemoteOmniConfig
from antiphon.engines.relay.config import GeminiRelayConfig
from antiphon.engines.relay.openai_config import OpenAIRealtimeConfig
from antiphon.engines.settings import CascadeConfig, EmbeddedConfig, HearingConfig
from antiphon.providers import gemini_rest

Bills = tuple[tuple[str, str], ...]
"""Providers and models, by their names in the price list."""


def bills(settings: Any) -> Bills:
    """Who is paid, and for which models; nobody where everything runs on the owner's hardware."""
    return tuple((provider, model) for provider, model in _parts(settings) if provider)


def _parts(settings: Any) -> list[tuple[str, str]]:
    match settings:
        case GeminiRelayConfig():
            return [(settings.payer, settings.price_model or settings.model)]
        case OpenAIRealtimeConfig():
            return _realtime(settings)
        case HearingConfig(RemoteOmniConfig() as model):
            paid = _paid(model.provider, model.url, model.model)
            return [paid, *_speech(settings.recogniser), *_speech(settings.voice)]
        case HearingConfig():
            return [*_speech(settings.recogniser), *_speech(settings.voice)]
        case CascadeConfig():
            thinking = _thinking(settings.language_model)
            return [*thinking, *_speech(settings.recogniser), *_speech(settings.voice)]
        case EmbeddedConfig():
            return _thinking(settings.language_model)
    return []


def _realtime(config: OpenAIRealtimeConfig) -> list[tuple[str, str]]:
    written = config.transcription_price_model or config.scribe
    parts = [(config.payer, config.price_model or config.model)]
    return [*parts, (config.payer, written)] if written else parts


def _speech(config: RecogniserConfig | VoiceConfig) -> list[tuple[str, str]]:
    return [_paid(config.provider, config.url, config.model)] if config.kind == "openai" else []


def _thinking(config: LanguageModelConfig | None) -> list[tuple[str, str]]:
    if config is None or config.kind == "llama":
        return []
    return [_paid(config.provider, config.url or gemini_rest.URL, config.model)]


def _paid(provider: str | UnsetType, url: str, model: str) -> tuple[str, str]:
    return payee(provider, URL(url)), model
