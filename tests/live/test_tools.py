"""Every function call ends once, and it is known how."""

from hypothesis import given
from hypothesis import strategies as st

from antiphon.live.history import FunctionCall
from antiphon.live.tools import MAX_ENDED, Outcome, ToolLedger


def call(call_id: str, name: str = "f") -> FunctionCall:
    return FunctionCall(call_id, name, {})


def ledger(*calls: FunctionCall, blocking: bool = True) -> ToolLedger:
    tools = ToolLedger()
    for number, each in enumerate(calls):
        tools.add(each, blocking=blocking, deadline=10.0 + number)
    return tools


def test_an_answer_finds_its_call_by_id_or_by_a_name_that_is_unambiguous() -> None:
    tools = ledger(call("a", "f"), call("b", "g"), call("c", "g"))
    assert tools.find("b", "whatever") is tools.pending["b"]
    assert tools.find("", "f") is tools.pending["a"]
    assert tools.find("", "g") is None
    assert tools.find("x", "f") is None


def test_why_an_answer_is_not_wanted_is_said() -> None:
    tools = ledger(call("a"), call("b", "g"), call("c", "g"), call("d"))
    tools.end("a", Outcome.ANSWERED)
    tools.cancel(["d"])
    assert tools.why_not("a", "f") == "call 'a' was answered before"
    assert tools.why_not("d", "f") == "call 'd' was cancelled before"
    assert tools.why_not("x", "f") == "no call 'x' was made"
    assert tools.why_not("", "g") == "2 calls of 'g' wait for an answer, and it has no id"
    assert tools.why_not("", "h") == "no 'h' waits"


def test_calls_expire_one_by_one() -> None:
    tools = ledger(call("a"), call("b"))
    assert tools.deadline == 10.0
    assert [pending.call.id for pending in tools.expire(10.5)] == ["a"]
    assert tools.deadline == 11.0
    tools.postpone("b", 50.0)
    assert tools.expire(49.0) == []
    assert tools.why_not("a", "f") == "call 'a' was expired before"


@given(st.lists(st.integers(0, 5), max_size=3 * MAX_ENDED))
def test_memory_is_bounded(names: list[int]) -> None:
    tools = ToolLedger()
    for number, name in enumerate(names):
        tools.add(call(str(number), str(name)), blocking=True, deadline=1.0)
        tools.end(str(number), Outcome.ANSWERED)
    assert len(tools._ended) <= MAX_ENDED
    assert tools.made == len(names)
    assert len(tools) == 0


def test_ids_are_made_unique_within_a_session() -> None:
    tools = ledger(call("a"), call("b"))
    tools.end("a", Outcome.ANSWERED)
    assert tools.unique("c") == "c"
    assert tools.unique("a") == "a-3"
    assert tools.unique("b") == "b-3"
    assert tools.unique("") == "call-3"
