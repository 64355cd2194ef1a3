"""Sessions that outlive their connection: over real sockets, a restart, and from one server to another."""

from typing import Any

import pytest

from antiphon.cli import sessions
from antiphon.live.events import Respond
from antiphon.live.policy import Policy
from antiphon.testing.clock import VirtualClock


async def handle_of(client: Any) -> str:
    """The next handle that the session can be resumed with."""
    while not (update := (await client.receive()).get("sessionResumptionUpdate", {})).get("resumable"):
        pass
    handle = update["newHandle"]
    assert isinstance(handle, str)
    return handle


async def after_a_turn(client: Any, text: str) -> str:
    """The handle that comes after the answer to ``text``."""
    await client.text(text)
    await client.turn()
    return await handle_of(client)


async def begin(dial: Any, server: Any, handle: str = "") -> Any:
    """A client whose session is open; it has its name in ``name`` and its first handle is taken."""
    client = await dial(server)
    opened = await client.setup(sessionResumption={"handle": handle} if handle else {})
    client.name = opened["setupComplete"]["sessionId"]
    await handle_of(client)
    return client


def heard(puppet: Any) -> list[str]:
    """All that the model read before it answered last."""
    answered: Respond = [event for event in puppet.latest.sent if isinstance(event, Respond)][-1]
    return [turn.text for turn in answered.history]


async def test_a_conversation_goes_on(server: Any, dial: Any, puppet: Any) -> None:
    first = await begin(dial, server)
    handle = await after_a_turn(first, "one")
    first.vanish()
    second = await begin(dial, server, handle)
    assert second.name == first.name
    await after_a_turn(second, "two")
    assert heard(puppet) == ["one", "one", "two"]


async def test_it_goes_on_after_a_restart(serve: Any, dial: Any, puppet: Any) -> None:
    server = await serve()
    first = await begin(dial, server)
    handle = await after_a_turn(first, "one")
    await server.stop()
    await after_a_turn(await begin(dial, await serve(), handle), "two")
    assert heard(puppet) == ["one", "one", "two"]


async def test_it_goes_on_from_an_earlier_turn(server: Any, dial: Any, puppet: Any) -> None:
    first = await begin(dial, server)
    handle = await after_a_turn(first, "one")
    await after_a_turn(first, "not this")
    await after_a_turn(await begin(dial, server, handle), "two")
    assert heard(puppet) == ["one", "one", "two"]


async def test_the_old_connection_is_closed(server: Any, dial: Any, until: Any) -> None:
    first = await begin(dial, server)
    second = await begin(dial, server, await after_a_turn(first, "one"))
    code, reason = await first.closed()
    assert code == 1000
    assert "resumed on another connection" in reason
    await after_a_turn(second, "two")
    await until(lambda: server.sessions == 1)


async def test_the_old_connection_is_closed_on_another_server_too(serve: Any, dial: Any, until: Any) -> None:
    here, there = await serve(), await serve()
    first = await begin(dial, here)
    second = await begin(dial, there, await after_a_turn(first, "one"))
    code, reason = await first.closed()
    assert code == 1000
    assert "resumed on another connection" in reason
    await after_a_turn(second, "two")
    await until(lambda: (here.sessions, there.sessions) == (0, 1))


@pytest.mark.parametrize(
    ("handle", "code", "reason"),
    [("A" * 32, 1008, "Requested entity was not found."), ("nonsense", 1007, "Invalid session handle")],
)
async def test_a_handle_that_is_none_is_refused(server: Any, dial: Any, handle: str, code: int, reason: str) -> None:
    client = await dial(server)
    await client.send({"setup": {"model": "models/gemini-3.8-live", "sessionResumption": {"handle": handle}}})
    closed = await client.closed()
    assert closed[0] == code
    assert reason in closed[1]
    assert "setup.sessionResumption.handle" in closed[1]


async def test_another_key_cannot_have_it(serve: Any, dial: Any) -> None:
    server = await serve(keys=("mine", "yours"))
    first = await dial(server, additional_headers={"x-goog-api-key": "mine"})
    await first.setup(sessionResumption={})
    handle = await handle_of(first)
    thief = await dial(server, additional_headers={"x-goog-api-key": "yours"})
    await thief.send({"setup": {"model": "models/gemini-3.8-live", "sessionResumption": {"handle": handle}}})
    assert (await thief.closed())[0] == 1008
    await after_a_turn(first, "still here")


async def test_a_handle_expires_some_time_after_the_session(serve: Any, dial: Any, until: Any) -> None:
    clock = VirtualClock()
    server = await serve(clock, resumption_ttl=100.0, session=Policy(pace_turns=False))
    first = await begin(dial, server)
    handle = await after_a_turn(first, "one")
    first.vanish()
    await until(lambda: server.sessions == 0)
    clock.advance(99)
    second = await begin(dial, server, handle)
    second.vanish()
    await until(lambda: server.sessions == 0)
    clock.advance(101)
    third = await dial(server)
    await third.send({"setup": {"model": "models/gemini-3.8-live", "sessionResumption": {"handle": handle}}})
    assert (await third.closed())[0] == 1008


async def test_a_session_is_remembered(server: Any, dial: Any, until: Any) -> None:
    client = await dial(server)
    await client.setup(generationConfig={"topK": 3, "responseLogprobs": True})
    await client.text("hi")
    await client.turn()
    client.vanish()
    await until(lambda: server.sessions == 0)
    (entry,) = await sessions.latest(server.config.data_dir, 10)
    assert entry.record.turns == 1
    assert entry.record.usage.total > 0
    assert any("responseLogprobs" in field for field in entry.record.ignored)


async def test_a_refused_setup_is_remembered_with_its_reason(server: Any, dial: Any, until: Any) -> None:
    client = await dial(server)
    await client.send({"setup": {"model": "models/gemini-3.8-live", "sessionResumption": {"handle": "nonsense"}}})
    await client.closed()
    await until(lambda: server.sessions == 0)
    (entry,) = await sessions.latest(server.config.data_dir, 10)
    assert entry.record.close_code == 1007
    assert "Invalid session handle" in entry.record.close_reason
