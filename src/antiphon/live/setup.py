"""What a client and this server agreed on when the session was set up, free of any wire format."""

from typing import Any, Literal

from msgspec import Struct, field

from antiphon.live.profiles import Coverage, Profile
from antiphon.wire.gemini.dialect import Dialect

__all__ = ["ActivityDetection", "Compression", "Coverage", "Setup", "Thinking", "Tool"]


class Tool(Struct, frozen=True):
    """A function the model may call. ``parameters`` is a JSON schema (types in lower case) or None.

    The model waits for a ``blocking`` function, and talks on while any other runs.
    """

    name: str
    description: str = ""
    parameters: dict[str, Any] | None = None
    blocking: bool = True


class Thinking(Struct, frozen=True):
    """How much the model thinks before it answers; by level or by budget (tokens), as its profile has it.

    An empty level and no budget leave it to the engine.
    """

    level: str = ""
    budget: int | None = None
    include_thoughts: bool = False


class Compression(Struct, frozen=True):
    """When the context passes ``trigger_tokens``, its oldest turns go until ``target_tokens`` are left."""

    trigger_tokens: int
    target_tokens: int


class ActivityDetection(Struct, frozen=True):
    """How the engine finds the user's turns in the sound.

    ``prefix_padding_ms`` is both the speech needed before an onset is committed and the look-back included with
    it; None leaves the engine's default. ``silence_ms`` is the silence that ends a turn.
    """

    automatic: bool = True
    start_sensitivity: Literal["high", "low"] = "high"
    end_sensitivity: Literal["high", "low"] = "high"
    prefix_padding_ms: int | None = None
    silence_ms: int | None = None


class Setup(Struct, frozen=True):
    """One agreed session. ``modality`` is what the model answers in.

    ``coverage`` says which input belongs to a user's turn: what came during activity, that and all pictures, or
    everything. ``dialect`` is what the client reads. ``resumable`` asks for resumption handles, ``transparent`` for the
    index of the last consumed message with them, ``vad_signal`` for the signals of the Vertex dialect.
    """

    profile: Profile
    dialect: Dialect = "gemini"
    modality: Literal["audio", "text"] = "audio"
    system_instruction: str = ""
    tools: tuple[Tool, ...] = ()
    voice: str = ""
    language: str = ""
    detection: ActivityDetection = field(default_factory=ActivityDetection)
    interruptible: bool = True
    transcribe_input: bool = False
    transcribe_output: bool = False
    initial_history: bool = False
    coverage: Coverage = "activity"
    media_resolution: Literal["", "low", "medium", "high"] = ""
    thinking: Thinking = field(default_factory=Thinking)
    proactive: bool = False
    affective: bool = False
    search: bool = False
    compression: Compression | None = None
    resumable: bool = False
    transparent: bool = False
    vad_signal: bool = False
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    max_output_tokens: int | None = None
