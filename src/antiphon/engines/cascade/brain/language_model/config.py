"""What an owner says about a language model."""

import os
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, field

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.brain.language_model.brain import APOLOGY
from antiphon.engines.cascade.brain.language_model.instruction import PREFACE
from antiphon.engines.cascade.brain.language_model.openai import EFFORTS

_ENVIRONMENT = "env:"
_HIDDEN = "…"


class LanguageModelConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A language model; times in seconds.

    ``kind`` is the dialect: ``openai`` for every server that speaks ``/chat/completions`` at ``url``, ``gemini`` for
    ``streamGenerateContent``, ``llama`` for a model file at ``path`` that this process loads. ``key`` is a key, or
    ``env:NAME`` for that of an environment variable; it is never shown. ``provider`` is who is paid, by the name in the
    price list: well-known hosts are known, and nobody is paid for what runs on a private network.

    ``vision`` says that it can look at pictures, ``thinking`` that it has levels of thought which clients may set; both
    are off unless said, but on with ``gemini``. Without ``tools`` it is told of no functions. ``efforts`` says what a
    level of thought is called as ``reasoning_effort``; other levels go as they are. ``extra`` goes into every request
    to an ``openai`` server.
    ``max_waiting``, ``context``, ``threads`` and ``gpu_layers`` are for ``llama``.
    """

    kind: Literal["openai", "gemini", "llama"] = "openai"
    url: str = ""
    model: str = ""
    path: str = ""
    key: str = ""
    provider: str | UnsetType = UNSET
    vision: bool | UnsetType = UNSET
    thinking: bool | UnsetType = UNSET
    tools: bool = True
    efforts: dict[str, str] = field(default_factory=lambda: dict(EFFORTS))
    headers: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    preface: str = PREFACE
    apology: str = APOLOGY
    max_pictures: int = 16
    connect_timeout: float = 5.0
    first_token_timeout: float = 60.0
    next_token_timeout: float = 30.0
    attempts: int = 2
    context: int = 8_192
    threads: int = 0
    gpu_layers: int = 0
    max_waiting: int = 8

    def __post_init__(self) -> None:
        needed = {"openai": ("url", "model"), "gemini": ("model",), "llama": ("path",)}[self.kind]
        for name in needed:
            if not getattr(self, name):
                raise ValueError(f"{name} is missing, which kind {self.kind!r} needs")
        for name in ("connect_timeout", "first_token_timeout", "next_token_timeout", "attempts", "context"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be positive")
        for name in ("max_pictures", "threads", "max_waiting"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative")

    def __repr__(self) -> str:
        shown = {name: getattr(self, name) for name in self.__struct_fields__}
        shown["key"] = self.key if self.key.startswith(_ENVIRONMENT) or not self.key else _HIDDEN
        shown["headers"] = dict.fromkeys(self.headers, _HIDDEN)
        # Members of a body may be secret as well (some services take their key there).
        shown["extra"] = dict.fromkeys(self.extra, _HIDDEN)
        return f"LanguageModelConfig({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    __str__ = __repr__

    def secret(self) -> str:
        """The key itself; empty where none is set.

        Raises:
            EngineUnavailable: the environment variable is not set.
        """
        if not self.key.startswith(_ENVIRONMENT):
            return self.key
        name = self.key.removeprefix(_ENVIRONMENT)
        value = os.environ.get(name, "")
        if not value:
            raise EngineUnavailable(f"language model: key is {self.key}, but the environment has no {name}; set it")
        return value
