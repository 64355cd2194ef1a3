"""Whose session it would be: the provider and the model of a name, and the rules that its service follows.

Gemini models: their profile (``live/profiles/models.toml``, with sources and dates). That a model which is always
listening charges for silence once, when it comes, is how the guide of proactive audio reads ("input tokens are charged
while the model listens"); whether silence also stays in the window is not documented.

``gpt-realtime`` and its kin: the guide "Managing costs" of the Realtime API (speech is 10 tokens a second in, 20 out;
silence is not charged; the conversation is read again, from the cache as far as it begins as before) and the reference
of ``truncation`` (32k context, of which 28,224 tokens of input; the oldest messages go as needed, which empties the
cache). A session lasts an hour. How often the cache is hit is not promised; all of it here, see ``Rules.cache``.
"""

import msgspec
from msgspec import Struct

from antiphon.live import profiles
from antiphon.live.profiles import Profile
from antiphon.meter.prices import bare
from antiphon.meter.simulation import Call, Compression, Rules, ScenarioError

LOCAL = "local"
"""The name of engines on hardware of one's own."""

HOUR = 3600.0

_REALTIME = Rules(
    window=32_000,
    coverage="activity_and_all_video",
    compression=Compression(28_224, 28_224),
    input_rate=10,
    output_rate=20,
    max_frames_per_second=0.0,
    cache=1.0,
    cap=HOUR,
    covers_by_choice=False,
)
_WIDE_REALTIME = msgspec.structs.replace(_REALTIME, window=128_000, compression=Compression(128_000, 128_000))

_PROVIDERS = {"gemini": "google", "gpt": "openai", "grok": "x-ai", "qwen": "alibaba"}
"""By the first word of a model's name, as the price list calls them."""


class Service(Struct, frozen=True, kw_only=True):
    """A model as its provider sells it. ``name`` is what it was asked for as; ``provider`` is empty for local engines.

    ``known``: its rules are, so that a context and a memory can be told.
    ``notes`` say what was assumed, or should be known before it is chosen.
    """

    name: str
    provider: str
    model: str
    rules: Rules
    known: bool = True
    notes: tuple[str, ...] = ()

    def counts(self, call: Call) -> tuple[Call, tuple[str, ...]]:
        """The part of ``call`` that the service takes, and what it does not."""
        if call.frames_per_second and not self.rules.max_frames_per_second:
            note = "takes no video: counted without"
            return msgspec.structs.replace(call, frames_per_second=0.0), (note,)
        return call, ()


def find(name: str) -> Service:
    """The service for a model's name, which may begin with its provider's: ``openai/gpt-realtime``.

    Raises:
        ScenarioError: the name does not tell the provider.
    """
    if name == LOCAL:
        note = "nothing but the machine it runs on"
        return Service(name=name, provider="", model=LOCAL, rules=Rules(), known=False, notes=(note,))
    provider, _, model = bare(name).partition("/") if "/" in bare(name) else ("", "", bare(name))
    provider = provider or _PROVIDERS.get(model.partition("-")[0], "")
    if not provider:
        raise ScenarioError(f"model {name}: whose is it? Write provider/{model}, or {LOCAL} for engines of your own")
    if profile := profiles.find(model):
        return _gemini(name, provider, profile)
    if model.startswith(("gpt-realtime", "gpt-4o-realtime")):
        rules = _WIDE_REALTIME if model.startswith("gpt-realtime-2") else _REALTIME
        return Service(name=name, provider=provider, model=model, rules=rules, notes=("assumes that its cache is hit",))
    note = "the rules of its service are not known: if it bills tokens, those of Gemini Live are assumed"
    return Service(name=name, provider=provider, model=model, rules=Rules(), known=False, notes=(note,))


def _gemini(name: str, provider: str, profile: Profile) -> Service:
    listens = profile.proactive_audio == "always"
    rules = Rules(
        window=profile.input_token_limit,
        coverage=profile.default_coverage,
        silence="once" if listens else "free",
        audio_cap=profile.audio_cap,
        video_cap=profile.video_cap,
    )
    alias = profiles.alias(name)
    notes = (
        f"is another name of {profile.id}" if alias else "",
        f"{profile.status}: its successor is {profile.successor}" if profile.successor else "",
        "is always listening: silence is charged once, when it comes" if listens else "",
    )
    return Service(name=name, provider=provider, model=profile.id, rules=rules, notes=tuple(filter(None, notes)))
