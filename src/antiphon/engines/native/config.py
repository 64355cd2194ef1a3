"""What an owner can set about engines whose model hears speech itself."""

import math
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

Dtype = Literal["", "bfloat16", "float16", "float32"]
"""The type of a model's weights; empty for bfloat16 on a GPU and float32 without."""


class MoshiConfig(Struct, frozen=True, forbid_unknown_fields=True, tag_field="engine", tag="moshi"):
    """A Moshi model: full duplex, one batched model for ``slots`` sessions at a time.

    ``model`` is a folder or the id of a hub repository that is on this machine already. ``backlog``: seconds of a
    session's sound that may wait; beyond that the oldest is dropped. ``silence``: seconds without speech that end an
    answer. A temperature of 0 takes the likeliest token.
    """

    model: str
    slots: int = 4
    device: str = ""
    dtype: Dtype = ""
    backlog: float = 5.0
    silence: float = 0.8
    temperature: float = 0.8
    text_temperature: float = 0.7
    top_k: int = 250
    text_top_k: int = 25

    def __post_init__(self) -> None:
        _check(self, positive=("slots", "backlog", "silence", "top_k", "text_top_k"))
        _check(self, not_negative=("temperature", "text_temperature"))


class OmniConfig(Struct, frozen=True, forbid_unknown_fields=True, tag_field="engine", tag="omni"):
    """A Qwen2.5-Omni model run here by transformers, turn by turn; a voice of the cascade speaks its answers.

    ``model`` is a folder or the id of a hub repository that is on this machine already. ``transcribes``: the model is
    asked for the words of every turn; without, a recogniser of the cascade is. ``sound_seconds``: how much of the
    user's speech is kept as sound; what is older is read as words. ``max_batch`` answers are made together,
    ``max_waiting`` more may wait.
    """

    model: str
    transcribes: bool = True
    device: str = ""
    dtype: Dtype = ""
    max_batch: int = 8
    max_waiting: int = 64
    max_new_tokens: int = 512
    sound_seconds: float = 60.0
    temperature: float = 0.7
    top_p: float = 0.9

    def __post_init__(self) -> None:
        _check(self, positive=("max_batch", "max_waiting", "max_new_tokens", "sound_seconds", "top_p"))
        _check(self, not_negative=("temperature",))


class RemoteOmniConfig(Struct, frozen=True, forbid_unknown_fields=True, tag_field="engine", tag="remote-omni"):
    """An omni model behind an OpenAI-compatible server (vLLM-Omni and its kin), turn by turn.

    ``url`` is its base, such as ``http://localhost:8091/v1``. ``key`` is a key, or ``env:NAME`` for that of an
    environment variable; it is never shown. ``speaks``: that server speaks the answers, in ``voice``, as files of
    ``audio_format`` (OpenAI streams ``pcm16``) or bare samples at ``audio_rate``; else a voice of the cascade does.
    ``transcribes``: it is asked for the words of every turn; without, a recogniser of the cascade is. ``provider`` is
    who is paid, empty for nobody; without it, the host tells.
    """

    url: str
    model: str
    key: str = ""
    provider: str | UnsetType = UNSET
    speaks: bool = True
    voice: str = ""
    audio_format: str = "wav"
    audio_rate: int = 24_000
    transcribes: bool = True
    tools: bool = True
    max_tokens: int = 512
    sound_seconds: float = 60.0
    connect_timeout: float = 5.0
    first_token_timeout: float = 60.0
    next_token_timeout: float = 30.0

    def __post_init__(self) -> None:
        timeouts = ("connect_timeout", "first_token_timeout", "next_token_timeout")
        _check(self, positive=("audio_rate", "max_tokens", "sound_seconds", *timeouts))

    def __repr__(self) -> str:
        shown = {name: getattr(self, name) for name in self.__struct_fields__}
        shown["key"] = self.key if self.key.startswith("env:") or not self.key else "hidden"
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    __str__ = __repr__


NativeConfig = MoshiConfig | OmniConfig | RemoteOmniConfig


def _check(config: Struct, positive: tuple[str, ...] = (), not_negative: tuple[str, ...] = ()) -> None:
    for name in positive:
        if not 0 < getattr(config, name) < math.inf:
            raise ValueError(f"{name} must be positive")
    for name in not_negative:
        if not 0 <= getattr(config, name) < math.inf:
            raise ValueError(f"{name} must not be negative")
