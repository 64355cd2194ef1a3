"""A recogniser out of its configuration; packages and models are loaded when it starts."""

from pathlib import Path
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.endpoints import ENVIRONMENT, payee, secret
from antiphon.engines.cascade.parts import Recogniser
from antiphon.engines.cascade.recognisers.endpoint import EndpointRecogniser
from antiphon.engines.cascade.recognisers.sherpa import SherpaRecogniser
from antiphon.engines.cascade.recognisers.whisper import WhisperRecogniser
from antiphon.engines.cascade.sphinx.recogniser import SphinxRecogniser
from antiphon.providers.http import Timeouts
from antiphon.providers.openai_audio import OpenAiAudio

_NEEDED = {"sphinx": (), "faster-whisper": ("path",), "sherpa-onnx": ("path",), "openai": ("url", "model")}


class RecogniserConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who listens; times in seconds.

    ``kind`` is ``sphinx`` (on board), ``faster-whisper`` or ``sherpa-onnx`` with the model in the folder ``path``, or
    ``openai`` for every service that answers ``/audio/transcriptions`` at ``url`` with its ``model``. ``key`` is a key,
    or ``env:NAME`` for that of an environment variable; it is never shown. ``provider`` is who is paid, by the name in
    the price list: well-known hosts are known, and nobody is paid for what runs on a private network.

    ``language`` is the BCP-47 tag for sessions that name none. ``workers`` is how many are listened to at once, except
    with ``sherpa-onnx``, which listens to all; ``wait`` how long an utterance waits for a worker or a reading.
    ``threads`` are cores for each, 0 for what the library thinks best. ``device`` and ``compute_type`` are
    CTranslate2's. ``interim`` sends an ``openai`` service the utterance while it lasts, too, which costs as often.
    """

    kind: Literal["sphinx", "faster-whisper", "sherpa-onnx", "openai"] = "sphinx"
    path: str = ""
    url: str = ""
    model: str = ""
    key: str = ""
    provider: str | UnsetType = UNSET
    language: str = ""
    workers: int = 0
    wait: float = 10.0
    threads: int = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    compute_type: str = "auto"
    interim: bool = False
    timeout: float = 30.0

    def __post_init__(self) -> None:
        for name in _NEEDED[self.kind]:
            if not getattr(self, name):
                raise ValueError(f"{name} is missing, which kind {self.kind!r} needs")
        for name in ("wait", "timeout"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be positive")
        for name in ("workers", "threads"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative")

    def __repr__(self) -> str:
        shown = {name: getattr(self, name) for name in self.__struct_fields__}
        shown["key"] = self.key if self.key.startswith(ENVIRONMENT) or not self.key else "hidden"
        return f"RecogniserConfig({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    __str__ = __repr__


def recogniser(config: RecogniserConfig) -> Recogniser:
    """The recogniser of ``config``. Nothing is loaded or asked before its ``start``.

    Raises:
        EngineUnavailable: a setting cannot be used; the message names it and the remedy.
    """
    folder = Path(config.path).expanduser()
    if config.kind == "faster-whisper":
        return WhisperRecogniser(
            folder,
            language=config.language,
            workers=config.workers or 1,
            wait=config.wait,
            threads=config.threads,
            device=config.device,
            compute_type=config.compute_type,
        )
    if config.kind == "sherpa-onnx":
        return SherpaRecogniser(folder, threads=config.threads or 1, wait=config.wait)
    return _endpoint(config) if config.kind == "openai" else SphinxRecogniser(config.workers or 2, config.wait)


def _endpoint(config: RecogniserConfig) -> EndpointRecogniser:
    timeouts = Timeouts(first=config.timeout, next=config.timeout)
    try:
        client = OpenAiAudio(config.url, secret("recogniser", config.key), timeouts=timeouts)
    except ValueError as error:
        raise EngineUnavailable(f"recogniser: {error}") from None
    return EndpointRecogniser(
        client,
        config.model,
        provider=payee(config.provider, client.http.base),
        language=config.language,
        interim=config.interim,
        concurrency=config.workers or 16,
        wait=config.wait,
    )
