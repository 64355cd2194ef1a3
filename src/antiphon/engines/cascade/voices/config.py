"""A voice out of its configuration; packages and models are loaded when it starts."""

from pathlib import Path
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.endpoints import ENVIRONMENT, payee, secret
from antiphon.engines.cascade.espeak.voice import EspeakVoice
from antiphon.engines.cascade.parts import Voice
from antiphon.engines.cascade.voices.endpoint import EndpointVoice
from antiphon.engines.cascade.voices.local import LocalVoice
from antiphon.live.events import OUTPUT_RATE
from antiphon.providers.http import Timeouts
from antiphon.providers.openai_audio import OpenAiAudio

_NEEDED = {"espeak": (), "kokoro": ("path",), "piper": ("path",), "openai": ("url", "model")}


class VoiceConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who speaks; times in seconds.

    ``kind`` is ``espeak`` (on board), ``kokoro`` or ``piper`` with the model in the folder ``path``, or ``openai`` for
    every service that answers ``/audio/speech`` at ``url`` with its ``model``. ``key`` is a key, or ``env:NAME`` for
    that of an environment variable; it is never shown. ``provider`` is who is paid, by the name in the price list.

    ``voice`` speaks in sessions that name none: one of the API's thirty or of the model's own; ``language`` is the
    BCP-47 tag for sessions that name none (``kokoro``, ``piper``). ``workers`` are child processes and ``threads``
    the cores of each. ``voices`` are the names that an ``openai`` service has, where they are not OpenAI's;
    ``format`` and ``rate`` (samples per second) what it sends; ``instructions`` tell it how to speak.
    """

    kind: Literal["espeak", "kokoro", "piper", "openai"] = "espeak"
    path: str = ""
    url: str = ""
    model: str = ""
    key: str = ""
    provider: str | UnsetType = UNSET
    voice: str = ""
    voices: tuple[str, ...] = ()
    language: str = ""
    workers: int = 1
    threads: int = 1
    format: Literal["pcm", "wav"] = "pcm"
    rate: int = OUTPUT_RATE
    instructions: str = ""
    timeout: float = 30.0

    def __post_init__(self) -> None:
        for name in _NEEDED[self.kind]:
            if not getattr(self, name):
                raise ValueError(f"{name} is missing, which kind {self.kind!r} needs")
        for name in ("workers", "threads", "timeout"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be positive")
        if not 4_000 <= self.rate <= 192_000:
            raise ValueError("rate must be 4000 to 192000")

    def __repr__(self) -> str:
        shown = {name: getattr(self, name) for name in self.__struct_fields__}
        shown["key"] = self.key if self.key.startswith(ENVIRONMENT) or not self.key else "hidden"
        return f"VoiceConfig({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    __str__ = __repr__


def voice(config: VoiceConfig) -> Voice:
    """The voice of ``config``. Nothing is loaded or asked before its ``start``.

    Raises:
        EngineUnavailable: a setting cannot be used; the message names it and the remedy.
    """
    match config.kind:
        case "kokoro" | "piper" as kind:
            return LocalVoice(
                kind,
                Path(config.path).expanduser(),
                voice=config.voice,
                language=config.language,
                workers=config.workers,
                threads=config.threads,
            )
        case "openai":
            return _endpoint(config)
        case _:
            return EspeakVoice(config.workers)


def _endpoint(config: VoiceConfig) -> EndpointVoice:
    timeouts = Timeouts(first=config.timeout, next=config.timeout)
    try:
        client = OpenAiAudio(config.url, secret("voice", config.key), timeouts=timeouts)
    except ValueError as error:
        raise EngineUnavailable(f"voice: {error}") from None
    return EndpointVoice(
        client,
        config.model,
        provider=payee(config.provider, client.http.base),
        voice=config.voice,
        voices=config.voices,
        sound_format=config.format,
        rate=config.rate,
        instructions=config.instructions,
    )
