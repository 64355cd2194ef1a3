"""What a client and this server agreed on when the session was set up, free of any wire format."""

from typing import Any, Literal

from msgspec import Struct, field

from antiphon.live.profiles import Profile


class Tool(Struct, frozen=True):
    """A function the model may call. ``parameters`` is a JSON schema (types in lower case) or None."""

    name: str
    description: str = ""
    parameters: dict[str, Any] | None = None


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
    """One agreed session. ``modality`` is what the model answers in."""

    profile: Profile
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
    temperature: float | None = None
    max_output_tokens: int | None = None
