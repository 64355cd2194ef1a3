"""Random calls over upstreams that do everything known of them, at random moments."""

import asyncio

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.engines.relay.talking import Talk, converse

from antiphon.engines.relay.reading import State
from antiphon.live.events import (
    Failure,
    GenerationComplete,
    GenerationStarted,
    Interrupted,
    Lost,
    ToolCalls,
    TurnComplete,
    Used,
)
from antiphon.testing.upstream import (
    Answer,
    Bill,
    Call,
    CancelCalls,
    Close,
    Cut,
    End,
    Frame,
    GoAway,
    Ground,
    Interrupt,
    Pause,
    Say,
    Stall,
    Think,
)

FRAME_BYTES = 9_600
INTERIM = {"serverContent": {"interimInputTranscription": {"text": "hm"}}}
ACTIVITY = {"voiceActivity": {"type": "ACTIVITY_START", "audioOffset": "0.2s"}}

contents = st.sampled_from(
    [
        Say(0.2, "one "),
        Say(0.4, "two ", late=True),
        Say(0.2, "three ", beside=True),
        Say(0.4, usage=True),
        Think("hm"),
        Ground(("q",), times=2),
        Call(("f",)),
        Call(("f", "g")),
        Bill(2),
        Frame({}),
        Frame(INTERIM),
        Frame(ACTIVITY),
        End(),
        Pause(0.002),
    ]
)
endings = st.sampled_from(
    [
        (End(),),
        (End(complete=False),),
        (End(usage="after"),),
        (End(), Bill(2)),
        (Interrupt(times=2),),
        (Call(("f",), not_wait=True), CancelCalls(), Interrupt()),
        (GoAway(20.0), End()),
        (End(), GoAway(0.05)),
        (End(), Close(1011, "Internal error encountered.")),
        (Close(1011, "Internal error encountered."),),
        (Close(1000, "The operation was cancelled."),),
        (Cut(),),
        (Say(0.2), Stall()),
    ]
)
answers = st.tuples(st.lists(contents, max_size=4), endings).map(lambda parts: Answer(*parts[0], *parts[1]))
scripts = st.lists(answers, min_size=1, max_size=8)
handles = st.sampled_from([True, True, False])
upstreams = st.fixed_dictionaries({"exclusive": st.booleans(), "handles": handles, "spaced": st.booleans()})
# A failure is found again by its seed; making it small would take minutes.
unshrunk = tuple(phase for phase in Phase if phase not in (Phase.shrink, Phase.explain))


@settings(max_examples=20, deadline=None, phases=unshrunk, suppress_health_check=list(HealthCheck))
@given(scripts, upstreams, st.lists(st.sampled_from(["ask", "speak"]), min_size=1, max_size=4))
def test_whatever_an_upstream_does(script: list[Answer], upstream: dict[str, bool], user: list[str]) -> None:
    asyncio.run(_walk(script, upstream, user))


async def _walk(script: list[Answer], upstream: dict[str, bool], user: list[str]) -> None:
    # What follows the script ends what the script left open.
    closing = [Answer(Say(0.2), End())] * 6
    async with converse(*script, *closing, upstream=upstream, stall_seconds=0.1, leave_seconds=0.02) as talk:
        for action in user:
            talk.ask() if action == "ask" else talk.speak()
            await _settled(talk)
        check_generations(talk)
        check_calls(talk)
        check_sound(talk, lossless=not any(isinstance(step, Cut | Stall) for answer in script for step in answer.steps))
        await check_money(talk, script)


async def _settled(talk: Talk) -> None:
    """Until the turn is over, or the call is somebody else's."""
    before = len(talk.all(TurnComplete))

    def settled() -> bool:
        conversation = talk.conversation
        idle = conversation._reader.state is State.IDLE and conversation._mending is None and not talk.upstream.busy
        return bool(talk.all(Lost) or talk.all(Failure)) or (len(talk.all(TurnComplete)) > before and idle)

    # What is told again after a drop is on its way for a moment.
    for _ in range(2):
        await talk.wait_for(settled, 5.0)
        await asyncio.sleep(0.005)


def check_generations(talk: Talk) -> None:
    """Numbers grow by one, each turn ends once, and nothing comes of a generation that is over."""
    current, is_over = 0, True
    ends: list[type] = []
    for event in talk.events:
        number = getattr(event, "generation", None)
        if isinstance(event, GenerationStarted):
            assert is_over
            current, is_over, ends = current + 1, False, []
            assert number == current
        elif isinstance(event, Used):
            assert number in (current, 0)
        elif number is not None:
            assert number == current, event
            assert not is_over, event
            assert Interrupted not in ends or isinstance(event, TurnComplete)
            if isinstance(event, GenerationComplete | Interrupted):
                assert type(event) not in ends
                ends.append(type(event))
            is_over = isinstance(event, TurnComplete)
            assert not is_over or ends
    assert is_over or talk.all(Lost) or talk.all(Failure)


def check_calls(talk: Talk) -> None:
    """Every call is told once."""
    ids = [call.id for calls in talk.all(ToolCalls) for call in calls.calls]
    assert len(ids) == len(set(ids))


def check_sound(talk: Talk, *, lossless: bool) -> None:
    """What came, came in order and as it was; all of it, unless the network lost it."""
    sent, came = _frames(bytes(talk.upstream.spoken)), _frames(talk.sound)
    rest = iter(sent)
    assert all(frame in rest for frame in came)
    assert not lossless or talk.all(Lost) or came == sent


async def check_money(talk: Talk, script: list[Answer]) -> None:
    """What was told as used is what the upstream charges, as far as it said so."""
    if talk.all(Lost) or any(isinstance(step, Cut) for answer in script for step in answer.steps):
        return
    told = talk.upstream.told
    # The last record may come after the end of the turn.
    await talk.wait_for(lambda: talk.used.prompt.total >= sum(each["promptTokenCount"] for each in told))
    assert talk.used.prompt.total == sum(each["promptTokenCount"] for each in told)
    assert talk.used.response.total == sum(each["responseTokenCount"] for each in told)


def _frames(sound: bytes) -> list[bytes]:
    return [sound[at : at + FRAME_BYTES] for at in range(0, len(sound), FRAME_BYTES)]
