"""Calls of common kinds, to begin with: what they are like was chosen, not measured."""

import msgspec
from msgspec import Struct

from antiphon.meter.simulation import Call


class Preset(Struct, frozen=True, kw_only=True):
    """A kind of call. ``user`` and ``model`` are the shares of its time in which either speaks."""

    title: str
    minutes: float
    turns: int
    user: float
    model: float
    call: Call = Call()
    """The rest of it; its times and speech do not count."""

    def with_times(self, minutes: float | None = None, turns: int | None = None) -> Call:
        """The call, as long and in as many turns as asked; speech keeps its shares."""
        seconds = (self.minutes if minutes is None else minutes) * 60
        turns = self.turns if turns is None else turns
        length = seconds / max(1, turns)
        return msgspec.structs.replace(
            self.call, seconds=seconds, turns=turns, user=length * self.user, model=length * self.model
        )


PRESETS = {
    "reference": Preset(
        title="ten minutes without a pause, half of it the model: the call to compare models by",
        minutes=10, turns=30, user=0.5, model=0.5, call=Call(setup=2000),
    ),
    "support-call": Preset(
        title="eight minutes with a customer, a function in every fourth turn, both sides transcribed",
        minutes=8, turns=32, user=0.35, model=0.45,
        call=Call(setup=3000, tool_every=4, user_transcript=200, model_transcript=200),
    ),
    "booking": Preset(
        title="three minutes on the phone, short turns, a function in every third",
        minutes=3, turns=15, user=0.35, model=0.4, call=Call(setup=1500, tool_every=3),
    ),
    "tutor": Preset(
        title="half an hour of lesson, the model explains",
        minutes=30, turns=60, user=0.3, model=0.5, call=Call(setup=1500),
    ),
    "research": Preset(
        title="ten minutes of questions, every second one searched for with three queries",
        minutes=10, turns=20, user=0.25, model=0.55, call=Call(setup=1000, search_every=2, queries=3),
    ),
    "camera": Preset(
        title="two minutes in front of a camera, one frame a second",
        minutes=2, turns=6, user=0.3, model=0.4, call=Call(setup=1000, frames_per_second=1.0),
    ),
    "screen-share": Preset(
        title="twenty minutes over a shared screen, one frame a second",
        minutes=20, turns=40, user=0.3, model=0.35, call=Call(setup=2000, frames_per_second=1.0),
    ),
    "standby": Preset(
        title="an hour of listening, ten short exchanges",
        minutes=60, turns=10, user=0.02, model=0.03, call=Call(setup=1000),
    ),
}  # fmt: skip
"""By name."""
