"""What this server would do with a setup: by asking the session that a call would begin, which does nothing else.

There is no second table of what models permit: every verdict here comes from the agreement itself.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct, structs

from antiphon.audio.activity import ActivityConfig
from antiphon.calls.routes import Prospect
from antiphon.console.fields import Choice, Field, fields, get, put
from antiphon.engines.cascade.ears import activity_config
from antiphon.engines.cascade.espeak.voices import DEFAULT as DEFAULT_VOICE
from antiphon.engines.cascade.espeak.voices import PRESETS
from antiphon.live import agreement, profiles
from antiphon.live.agreement.realtime import COVERAGES
from antiphon.live.inputs import Begin, Unread
from antiphon.live.policy import Policy
from antiphon.live.session import Session
from antiphon.live.setup import ActivityDetection, Setup
from antiphon.live.tokens import PICTURE_TOKENS
from antiphon.wire.gemini import client
from antiphon.wire.gemini.decode import convert, decode_client
from antiphon.wire.gemini.dialect import dialect_of
from antiphon.wire.refusal import Refusal

State = Literal["supported", "ignored", "refused"]
_STATES: Final[tuple[State, ...]] = ("supported", "ignored", "refused")
_COVERAGE_NAMES: Final = {coverage: name for name, coverage in COVERAGES.items()}


class Verdict(Struct, frozen=True):
    """What a server does with a field, and why where it does not what the field says."""

    state: State = "supported"
    why: str = ""


class Option(Struct, frozen=True, rename="camel"):
    """A value that a field may have, and what the server does with it."""

    value: Any
    label: str
    state: State = "supported"
    why: str = ""


class FieldView(Struct, frozen=True, rename="camel"):
    """One setting as a model of this server has it. ``default`` is what holds without it, for people."""

    path: str
    kind: str
    label: str
    help: str
    group: str
    default: str
    unit: str
    minimum: float | None
    maximum: float | None
    listed: bool
    secret: bool
    options: tuple[Option, ...]
    state: State
    why: str


class Refused(Struct, frozen=True):
    """Why a setup would be refused."""

    field: str
    reason: str
    remedy: str = ""


class Ignored(Struct, frozen=True):
    """A field that would be set in vain."""

    field: str
    why: str = ""


class Changed(Struct, frozen=True):
    """A field that a setup sets. Values of secret fields are not repeated."""

    path: str
    label: str
    value: Any
    default: str


class Check(Struct, frozen=True):
    """What a server would do with a setup."""

    ok: bool
    refused: Refused | None = None
    ignored: tuple[Ignored, ...] = ()
    notes: tuple[str, ...] = ()
    changed: tuple[Changed, ...] = ()


class Examiner:
    """Says what one server does with settings. ``prospect`` is the desk's."""

    def __init__(self, prospect: Callable[[str], Prospect], policy: Policy) -> None:
        self._prospect = prospect
        self._policy = policy

    def check(self, setup: Any) -> Check:
        """What would become of a session with ``setup``, parsed JSON. Handles are not looked up."""
        try:
            wanted, unread = decode_client(msgspec.json.encode({"setup": setup}))
            assert isinstance(wanted, client.Setup)
            self._heed_unread(unread)
            prospect = self._prospect(wanted.model)
            _, ignored = self._session().agree(_begin(wanted, prospect))
        except Refusal as refusal:
            return Check(False, refused=Refused(refusal.field, refusal.reason, refusal.remedy))
        return Check(
            True,
            ignored=(*(Ignored(path, "no such field") for path in unread), *map(_ignored, ignored)),
            notes=tuple(_notes(wanted, self._policy)),
            changed=tuple(_changed(wanted, self.defaults(wanted.model, prospect))),
        )

    def fields(self, model: str) -> tuple[FieldView, ...]:
        """Every setting as ``model`` has it here.

        Raises:
            Refusal: there can be no session with this model.
        """
        prospect = self._prospect(model)
        base = {"model": model}
        vain = frozenset(self._vain(base, prospect))
        known = self.defaults(model, prospect)
        return tuple(self._view(each, base, prospect, vain, known.get(each.path, "")) for each in fields())

    def defaults(self, model: str, prospect: Prospect) -> dict[str, str]:
        """What holds where a setup says nothing, by path, for people."""
        bare = self._agreed({"model": model, "contextWindowCompression": {}}, prospect)[0]
        return {each.path: each.default for each in fields() if each.default} | _of_setup(bare, prospect)

    def _view(
        self, each: Field, base: dict[str, Any], prospect: Prospect, vain: frozenset[str], default: str
    ) -> FieldView:
        verdicts = [self._verdict(each, value, base, prospect, vain) for value in each.probes]
        chosen = _whole(each, verdicts)
        return FieldView(
            each.path,
            each.kind or "JSON",
            each.label,
            each.help,
            each.group,
            default,
            each.unit,
            each.minimum,
            each.maximum,
            each.listed,
            each.secret,
            tuple(_options(each, verdicts)),
            chosen.state,
            chosen.why,
        )

    def _verdict(
        self, each: Field, value: Any, base: dict[str, Any], prospect: Prospect, vain: frozenset[str]
    ) -> Verdict:
        """What setting one field does: refused, or named as ignored, where the setup without it is not."""
        if each.path == "model":
            return Verdict()
        try:
            ignored = [_ignored(path) for path in self._vain(put(base, each.path, value), prospect) if path not in vain]
        except Refusal as refusal:
            return Verdict("refused", "; ".join(filter(None, (refusal.reason, refusal.remedy))))
        return Verdict("ignored", ignored[0].why) if ignored else Verdict()

    def _vain(self, setup: dict[str, Any], prospect: Prospect) -> list[str]:
        return self._agreed(setup, prospect)[1]

    def _agreed(self, setup: dict[str, Any], prospect: Prospect) -> tuple[Setup, list[str]]:
        begin = _begin(convert(client.Setup, setup, "setup")[0], prospect)
        return agreement.agree(begin.setup, self._policy, begin.abilities)

    def _session(self) -> Session:
        return Session(self._policy, 0.0)

    def _heed_unread(self, unread: tuple[str, ...]) -> None:
        """Members that no setup has: a strict session ends over them."""
        if not unread:
            return
        session = self._session()
        session.receive(Unread(unread), 0.0)
        if session.closed:
            raise Refusal(unread[0], "is no field of this message", "remove it")


def _begin(wanted: client.Setup, prospect: Prospect) -> Begin:
    """The beginning of a call, as a call makes it of its plan."""
    known = profiles.find(wanted.model) is not None
    setup = wanted if known or not prospect.model else structs.replace(wanted, model=prospect.model)
    return Begin(setup, abilities=prospect.abilities, dialect=dialect_of(wanted.model))


def _ignored(named: str) -> Ignored:
    path, _, why = named.partition(" (")
    return Ignored(path, why.removesuffix(")"))


def _whole(each: Field, verdicts: list[Verdict]) -> Verdict:
    """What is to be said of a field with options: of being on, or the best that any of them gets."""
    if each.kind == "boolean":
        return verdicts[0]
    return min(verdicts, key=lambda verdict: _STATES.index(verdict.state))


def _options(each: Field, verdicts: list[Verdict]) -> Iterator[Option]:
    if each.path.endswith("prebuiltVoiceConfig.voiceName"):
        yield from (Option(name, f"{preset.style}, {preset.gender}") for name, preset in PRESETS.items())
        return
    options: tuple[Choice, ...] = each.options
    for option, verdict in zip(options, verdicts, strict=False):
        yield Option(option.value, option.label, verdict.state, verdict.why)


def _changed(wanted: client.Setup, defaults: dict[str, str]) -> Iterator[Changed]:
    setup = msgspec.to_builtins(wanted)
    for each in fields():
        value = get(setup, each.path)
        if value is not None and each.path != "model":
            yield Changed(each.path, each.label, _shown(each, value), defaults.get(each.path, ""))


def _shown(each: Field, value: Any) -> Any:
    """A value as it may be repeated. What is in an object that is a setting by being there has fields of its own."""
    if each.secret:
        return "set"
    return True if each.kind == "presence" else value


def _notes(wanted: client.Setup, policy: Policy) -> Iterator[str]:
    if wanted.session_resumption is not None and wanted.session_resumption.handle:
        yield "Whether the handle is good is looked up when you connect."
    if policy.session_caps and wanted.context_window_compression is None:
        profile = profiles.find(wanted.model)
        seconds = policy.audio_cap or (profile.audio_cap if profile else 0)
        yield f"Without compression the session ends after {seconds / 60:g} min."


def about(model: str, prospect: Prospect) -> Iterator[str]:
    """What one should know of a model before one talks to it."""
    profile, alias = profiles.find(model) or profiles.PROFILES.get(prospect.model), profiles.alias(model)
    if alias is not None:
        yield f"Served as {alias.model}: {alias.why}."
    elif profile is not None and profiles.find(model) is None:
        yield f"A name of this server's, with the rules of {profile.id}."
    if profile is not None and profile.status != "stable":
        yield f"It is {profile.status}; {profile.successor} succeeds it."
    yield f"Engine: {prospect.engine}."


# --- what holds by default --------------------------------------------------------------------------------------


def _of_setup(bare: Setup, prospect: Prospect) -> dict[str, str]:
    """What was agreed with a client that asked for nothing but compression."""
    named = {
        "responseModalities": bare.modality.capitalize(),
        "speechConfig.voiceConfig.prebuiltVoiceConfig.voiceName": _voice(prospect),
        "maxOutputTokens": f"{bare.profile.output_token_limit:,} tokens, the most that the model makes",
        "enableAffectiveDialog": _switch(bare.affective),
        "thinkingConfig.thinkingLevel": _thinking(bare, prospect),
        "thinkingConfig.thinkingBudget": "the model's choice" if bare.profile.thinking_control == "budget" else "none",
        "mediaResolution": f"{PICTURE_TOKENS['']} tokens a picture",
    }
    return (
        {f"generationConfig.{path}": text for path, text in named.items()}
        | _of_turns(bare, prospect)
        | _of_context(bare)
        | {"proactivity.proactiveAudio": _switch(bare.proactive)}
    )


def _of_turns(bare: Setup, prospect: Prospect) -> dict[str, str]:
    detection = "realtimeInputConfig.automaticActivityDetection"
    heard_here = not prospect.abilities.takes_turns
    return {
        f"{detection}.silenceDurationMs": _silence() if heard_here else "the engine's",
        f"{detection}.prefixPaddingMs": f"{ActivityConfig().prefix_padding_ms} ms" if heard_here else "the engine's",
        f"{detection}.startOfSpeechSensitivity": bare.detection.start_sensitivity.capitalize(),
        f"{detection}.endOfSpeechSensitivity": bare.detection.end_sensitivity.capitalize(),
        "realtimeInputConfig.activityHandling": _label(
            "realtimeInputConfig.activityHandling",
            client.ActivityHandling.INTERRUPTS if bare.interruptible else client.ActivityHandling.NO_INTERRUPTION,
        ),
        "realtimeInputConfig.turnCoverage": _label("realtimeInputConfig.turnCoverage", _COVERAGE_NAMES[bare.coverage]),
    }


def _of_context(bare: Setup) -> dict[str, str]:
    compression = bare.compression
    assert compression is not None, "it was asked for"
    return {
        "contextWindowCompression.triggerTokens": f"{compression.trigger_tokens:,} tokens",
        "contextWindowCompression.slidingWindow.targetTokens": "half of what makes it forget, "
        f"{compression.target_tokens:,} tokens",
    }


def _silence() -> str:
    high = activity_config(ActivityDetection()).silence_ms
    low = activity_config(ActivityDetection(end_sensitivity="low")).silence_ms
    return f"{high} ms, {low} ms with low end sensitivity, longer where a sentence goes on"


def _voice(prospect: Prospect) -> str:
    return "the engine's" if prospect.abilities.takes_turns else DEFAULT_VOICE


def _thinking(bare: Setup, prospect: Prospect) -> str:
    level = bare.thinking.level or (bare.profile.default_thinking_level if prospect.abilities.thinks else "")
    return level.capitalize() or "none"


def _switch(value: bool) -> str:
    return "on" if value else "off"


def _label(path: str, value: str) -> str:
    each = next(each for each in fields() if each.path == path)
    return next(option.label for option in each.options if option.value == value)
