"""One model's rules, as a session reads them."""

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from antiphon.live.profiles.facts import Fact

Coverage = Literal["activity", "activity_and_all_video", "all_input"]


class Profile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one model permits and does. Tokens are the model's; times are seconds.

    ``generation`` is the model generation, as ``(major, minor)``. ``thinking_levels`` are in lower case, as is
    ``default_thinking_level``, which is empty where the model does not think by level.

    ``many_parts``: an event may carry several kinds of content at once. ``content_mid_session``: ``clientContent`` is
    taken all session long. ``roles_required``: its turns must say whose they are. ``collects_initial_history``:
    ``historyConfig`` makes the first client content wait.

    ``default_blocking``: the model waits for a function that declares no behaviour. ``scheduling``: a function's answer
    may say when it is spoken. ``input_cancels_blocking_calls``: new input of the user ends the wait.
    ``interrupt_waits_for_user``: an answer scheduled ``INTERRUPT`` interrupts the model, but lets the user finish.

    ``audio_cap`` and ``video_cap`` are how long a session without context compression lasts, ``connection_cap`` how
    long one connection. ``interaction_status``: ``turnComplete`` says whether the model will go on.
    """

    id: str
    display_name: str
    generation: tuple[int, int]
    status: Literal["stable", "legacy", "deprecated"]
    successor: str
    input_token_limit: int
    output_token_limit: int
    modalities: frozenset[Literal["audio", "text"]]
    thinking_control: Literal["budget", "level", "none"]
    thinking_levels: tuple[str, ...]
    default_thinking_level: str
    many_parts: bool
    interaction_status: bool
    content_mid_session: bool
    roles_required: bool
    collects_initial_history: bool
    default_coverage: Coverage
    default_blocking: bool
    allows_blocking: bool
    allows_non_blocking: bool
    scheduling: bool
    input_cancels_blocking_calls: bool
    interrupt_waits_for_user: bool
    proactive_audio: Literal["opt_in", "always", "none"]
    affective_dialog: bool
    audio_cap: float
    video_cap: float
    connection_cap: float

    @classmethod
    def of(cls, model: str, facts: Mapping[str, Fact]) -> "Profile":
        """The profile of ``model`` that its facts make.

        Raises:
            msgspec.ValidationError: a fact is missing, unknown or of the wrong type.
        """
        return msgspec.convert({"id": model} | {name: fact.value for name, fact in facts.items()}, cls)

    @property
    def thinking(self) -> bool:
        """Whether a client may say how much the model thinks."""
        return self.thinking_control != "none"
