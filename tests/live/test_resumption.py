"""A session that goes on over another connection."""

from typing import Any

import pytest

from antiphon.live import events as engine
from antiphon.live.effects import Save
from antiphon.live.history import model, user
from antiphon.live.inputs import Begin, EngineOpened, Evicted, Saved
from antiphon.live.policy import Policy
from antiphon.wire.gemini.client import Setup
from antiphon.wire.gemini.decode import convert
from antiphon.wire.gemini.server import SessionResumptionUpdate

IMPATIENT = Policy(pace_turns=False, voice_activity=False)


def saves(driver: Any) -> list[Any]:
    return [effect.snapshot for effect in driver.effects if isinstance(effect, Save)]


def updates(driver: Any) -> list[SessionResumptionUpdate]:
    found = (message.session_resumption_update for message in driver.messages)
    return [update for update in found if update is not None]


def turn(driver: Any, number: int, text: str = "hi") -> None:
    driver.text(text)
    driver.event(engine.Speech(number, bytes(4800)))
    driver.event(engine.OutputTranscript(number, "Yes.", 0.0))
    driver.event(engine.GenerationComplete(number))


@pytest.fixture
def resumable(new_driver: Any) -> Any:
    return new_driver(IMPATIENT).open(sessionResumption={})


def resume(driver: Any, snapshot: Any, **setup: Any) -> Any:
    wanted, _ = convert(Setup, {"model": "gemini-3.1-flash-live-preview", **setup}, "setup")
    driver.event(Begin(wanted, snapshot))
    driver.event(EngineOpened())
    return driver


def test_a_handle_is_sent_after_the_setup_once_it_is_safe(resumable: Any, names: Any) -> None:
    assert names(resumable.effects) == ["open", "setup_complete", "save"]
    assert updates(resumable) == []
    resumable.event(Saved("h1", 1))
    assert updates(resumable) == [SessionResumptionUpdate(new_handle="h1", resumable=True)]


def test_a_turn_makes_the_session_unresumable_until_it_ends(resumable: Any) -> None:
    resumable.event(Saved("h1", 1))
    turn(resumable, 1)
    resumable.event(Saved("h2", 2))
    assert updates(resumable)[1:] == [
        SessionResumptionUpdate(),
        SessionResumptionUpdate(new_handle="h2", resumable=True),
    ]


def test_a_handle_that_comes_too_late_is_not_told(resumable: Any) -> None:
    resumable.text("hi")
    resumable.event(Saved("h1", 1))
    assert [update.resumable for update in updates(resumable)] == [False]


def test_without_asking_there_are_none(new_driver: Any) -> None:
    driver = new_driver(IMPATIENT).open()
    turn(driver, 1)
    assert saves(driver) == []
    assert updates(driver) == []


def test_what_cannot_be_saved_is_noted(resumable: Any) -> None:
    resumable.event(Saved("", 1))
    assert updates(resumable) == []
    assert resumable.notes == ["the session could not be saved: it cannot be resumed from here"]


def test_the_conversation_goes_on_where_it_was(resumable: Any, new_driver: Any) -> None:
    resumable.audio(bytes(32_000))
    turn(resumable, 1)
    snapshot = saves(resumable)[-1]
    assert snapshot.input_seconds == 1.0
    other = resume(new_driver(IMPATIENT), snapshot, sessionResumption={"handle": "h"})
    other.text("and now")
    respond = other.told[-1]
    assert respond.generation == 2
    assert respond.history == (user("hi"), model("Yes."), user("and now"))
    assert other.messages[0].setup_complete.session_id == "s1"
    assert other.session.usage == resumable.session.usage


def test_everything_but_the_model_may_change(resumable: Any, new_driver: Any) -> None:
    turn(resumable, 1)
    snapshot = saves(resumable)[-1]
    other = resume(new_driver(IMPATIENT), snapshot, systemInstruction={"parts": [{"text": "Be brief."}]})
    assert other.session.setup.system_instruction == "Be brief."
    third = new_driver(IMPATIENT)
    setup, _ = convert(Setup, {"model": "gemini-3.8-live"}, "setup")
    third.event(Begin(setup, snapshot))
    assert third.closes[0].reason.startswith("setup.model: cannot change on resumption; use models/gemini-3.1")


def test_initial_history_is_not_collected_again(resumable: Any, new_driver: Any) -> None:
    turn(resumable, 1)
    history = {"historyConfig": {"initialHistoryInClientContent": True}}
    other = resume(new_driver(IMPATIENT), saves(resumable)[-1], **history)
    other.client(clientContent={"turns": [], "turnComplete": True})
    assert isinstance(other.told[-1], engine.Respond)


def test_the_index_of_the_last_message_comes_where_it_was_asked_for(new_driver: Any) -> None:
    driver = new_driver(IMPATIENT).open(sessionResumption={"transparent": True})
    driver.audio()
    driver.audio()
    turn(driver, 1)
    driver.event(Saved("h2", 2))
    assert updates(driver)[-1].last_consumed_client_message_index == 3


def test_who_is_resumed_elsewhere_ends(resumable: Any) -> None:
    resumable.event(Evicted())
    assert (resumable.closes[0].code, resumable.closes[0].reason[:19]) == (1000, "session: it was res")
