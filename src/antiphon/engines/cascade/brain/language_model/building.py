"""A brain out of its configuration."""

from pathlib import Path
from typing import Final

from msgspec import UNSET
from yarl import URL

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.brain.language_model.brain import LanguageModelBrain, Manners
from antiphon.engines.cascade.brain.language_model.config import LanguageModelConfig
from antiphon.engines.cascade.brain.language_model.gemini import GeminiModel
from antiphon.engines.cascade.brain.language_model.llama import LlamaModel
from antiphon.engines.cascade.brain.language_model.model import LanguageModel
from antiphon.engines.cascade.brain.language_model.openai import OpenAiModel
from antiphon.providers import gemini_rest
from antiphon.providers.gemini_rest import GeminiRest
from antiphon.providers.http import Timeouts, is_local
from antiphon.providers.openai_chat import OpenAiChat

PROVIDERS: Final = {
    "api.openai.com": "openai",
    "generativelanguage.googleapis.com": "google",
    "aiplatform.googleapis.com": "google",
    "openrouter.ai": "openrouter",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral",
    "api.deepseek.com": "deepseek",
    "api.x.ai": "x-ai",
    "api.together.xyz": "together",
    "api.fireworks.ai": "fireworks",
    "api.cerebras.ai": "cerebras",
    "api.anthropic.com": "anthropic",
}
"""Hosts, and who is paid for what they answer, by the names of the price list (genai-prices)."""


def language_model(config: LanguageModelConfig) -> LanguageModelBrain:
    """The brain that asks the model of ``config``. Nothing is loaded or asked yet.

    Raises:
        EngineUnavailable: a setting cannot be used; the message names it and the remedy.
    """
    manners = Manners(config.preface, config.apology, config.max_pictures)
    return LanguageModelBrain(build_model(config), manners)


def build_model(config: LanguageModelConfig) -> LanguageModel:
    """The model of ``config``.

    Raises:
        EngineUnavailable: a setting cannot be used; the message names it and the remedy.
    """
    try:
        return {"openai": _openai, "gemini": _gemini, "llama": _llama}[config.kind](config)
    except ValueError as error:
        raise EngineUnavailable(f"language model: {error}") from None


def _openai(config: LanguageModelConfig) -> LanguageModel:
    client = OpenAiChat(
        config.url, config.secret(), headers=config.headers, extra=config.extra, timeouts=_timeouts(config)
    )
    return OpenAiModel(
        client,
        config.model,
        provider=_provider(config, client.http.base),
        vision=config.vision is True,
        thinks=config.thinking is True,
        calls_functions=config.tools,
        efforts=config.efforts,
    )


def _gemini(config: LanguageModelConfig) -> LanguageModel:
    client = GeminiRest(
        config.url or gemini_rest.URL, config.secret(), headers=config.headers, timeouts=_timeouts(config)
    )
    return GeminiModel(
        client,
        config.model,
        provider=_provider(config, client.http.base),
        vision=config.vision is not False,
        thinks=config.thinking is not False,
    )


def _llama(config: LanguageModelConfig) -> LanguageModel:
    return LlamaModel(
        Path(config.path).expanduser(),
        name=config.model,
        context=config.context,
        threads=config.threads,
        gpu_layers=config.gpu_layers,
        max_waiting=config.max_waiting,
        thinks=config.thinking is True,
    )


def _timeouts(config: LanguageModelConfig) -> Timeouts:
    return Timeouts(config.connect_timeout, config.first_token_timeout, config.next_token_timeout, config.attempts)


def _provider(config: LanguageModelConfig, base: URL) -> str:
    """Who is paid. A host that nobody knows is named itself: its price is unknown, and not nothing."""
    if config.provider is not UNSET:
        return str(config.provider)
    host = base.host or ""
    if is_local(host):
        return ""
    known = (name for end, name in PROVIDERS.items() if host == end or host.endswith((f".{end}", f"-{end}")))
    return next(known, host)
