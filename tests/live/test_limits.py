"""Sessions that end by rule, with a warning."""

from typing import Any

import pytest

from antiphon.live import events as engine
from antiphon.live.inputs import Begin, EngineOpened
from antiphon.live.policy import Policy
from antiphon.wire.gemini.client import Setup
from antiphon.wire.gemini.decode import convert

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
CAPPED = Policy(session_caps=True, voice_activity=False)


def go_aways(driver: Any) -> list[str]:
    return [message.go_away.time_left for message in driver.messages if message.go_away]


def keep_talking(driver: Any, seconds: float) -> None:
    """Audio all the while, so that it is no idleness that ends the session."""
    end = driver.now + seconds
    while driver.now < end and not driver.closes:
        driver.audio()
        driver.later(1.0)


def test_a_connection_ends_after_ten_minutes_and_says_so_fifty_seconds_before(new_driver: Any) -> None:
    driver = new_driver(CAPPED).open(contextWindowCompression={"slidingWindow": {}})
    keep_talking(driver, 549)
    assert go_aways(driver) == []
    keep_talking(driver, 2)
    assert go_aways(driver) == ["50.000s"]
    keep_talking(driver, 48)
    assert not driver.closes
    keep_talking(driver, 2)
    assert driver.closes[0].code == 1000
    assert driver.closes[0].reason.startswith("connection: its 600 s are over; connect again")


def test_a_session_with_pictures_ends_after_two_minutes_unless_it_is_compressed(new_driver: Any) -> None:
    driver = new_driver(CAPPED).open()
    driver.client(realtimeInput={"video": {"data": PIXEL, "mimeType": "image/png"}})
    keep_talking(driver, 121)
    assert driver.closes[0].reason.startswith("session: its 120 s with video are over; set contextWindowCompression")
    assert len(driver.closes[0].reason.encode()) <= 123


def test_a_session_ends_after_fifteen_minutes_over_all_its_connections(new_driver: Any) -> None:
    driver = new_driver(Policy(session_caps=True, connection_cap=5000, voice_activity=False)).open()
    keep_talking(driver, 901)
    assert driver.closes[0].reason.startswith("session: its 900 s with audio are over")


def test_caps_are_off_unless_asked_for(new_driver: Any) -> None:
    driver = new_driver().open()
    keep_talking(driver, 1000)
    assert not driver.closes
    assert go_aways(driver) == []


def test_a_picture_past_its_cap_ends_the_session_at_once(new_driver: Any) -> None:
    driver = new_driver(CAPPED).open()
    keep_talking(driver, 200)
    driver.client(realtimeInput={"video": {"data": PIXEL, "mimeType": "image/png"}})
    assert driver.closes


@pytest.mark.parametrize("left", [30.0, 90.0])
def test_a_session_ends_with_its_token(new_driver: Any, left: float) -> None:
    driver = new_driver()
    setup, _ = convert(Setup, {"model": "gemini-3.8-live"}, "setup")
    driver.event(Begin(setup, expires_in=left))
    driver.event(EngineOpened())
    driver.later(left - 1)
    assert go_aways(driver) == [f"{min(left, 50):.3f}s"]
    driver.later(1)
    assert (driver.closes[0].code, driver.closes[0].reason[:17]) == (1008, "token: it expired")


def test_an_answer_ends_at_max_output_tokens(new_driver: Any, names: Any) -> None:
    driver = new_driver().open(generationConfig={"maxOutputTokens": 50})
    driver.text("hi")
    driver.event(engine.Speech(1, bytes(48_000)))
    driver.effects.clear()
    driver.event(engine.Speech(1, bytes(48_000)))
    driver.event(engine.Speech(1, bytes(48_000)))
    assert names(driver.effects).count("speech") == 4
    driver.later(3)
    assert names(driver.effects)[-4:] == ["tell Interrupt", "generation_complete", "turn_complete", "charge"]
    assert driver.charges[0].usage.response.audio == 50
    assert driver.notes == ["an answer was cut at maxOutputTokens, 50"]


def test_without_compression_a_full_window_ends_the_session(driver: Any) -> None:
    driver.open()
    for _ in range(5):
        driver.client(clientContent={"turns": [{"parts": [{"text": "x" * 100_000}]}]})
    driver.text("And?")
    driver.text("And?")
    driver.client(clientContent={"turns": [{"parts": [{"text": "x" * 100_000}]}], "turnComplete": True})
    assert driver.closes[0].code == 1007
    assert driver.closes[0].reason.startswith("context: 150002 tokens are over the 131072 of the model; set context")


def test_with_compression_the_oldest_turns_go(driver: Any) -> None:
    driver.open(contextWindowCompression={"triggerTokens": 60000, "slidingWindow": {"targetTokens": 30000}})
    for number in range(5):
        driver.client(clientContent={"turns": [{"parts": [{"text": f"{number}" * 100_000}]}]})
    driver.text("And?")
    respond = next(event for event in driver.told if isinstance(event, engine.Respond))
    assert [turn.text[0] for turn in respond.history] == ["4", "A"]
    assert driver.notes[-1] == "the context was compressed: 4 turns were dropped"
    assert not driver.closes
