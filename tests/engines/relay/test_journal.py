"""What is told again to an upstream that forgot it."""

import json

import numpy as np
import pytest

from antiphon.engines.relay.frames import audio_frame
from antiphon.engines.relay.journal import Frames, Journal
from antiphon.live.history import FunctionCall, FunctionResult

TENTH = 0.1
LOUD = audio_frame(np.full(1600, 4_000, "<i2").tobytes(), 16_000)
SILENT = audio_frame(bytes(3200), 16_000)


def turns(message: bytes) -> list[str]:
    content = json.loads(message)["clientContent"]
    return [f"{turn['role']}: {''.join(part['text'] for part in turn['parts'])}" for turn in content["turns"]]


def test_frames_keep_the_newest_sound_and_everything_else() -> None:
    frames = Frames(0.3)
    frames.put(b"text", 0.0)
    for number in range(5):
        frames.put(b"sound %d" % number, TENTH)
    frames.put(b"mark", 0.0)
    assert [frame for frame, _ in frames] == [b"text", b"sound 2", b"sound 3", b"sound 4", b"mark"]
    assert frames.dropped == pytest.approx(0.2)
    assert [frame for frame, _ in frames.take()] == [b"text", b"sound 2", b"sound 3", b"sound 4", b"mark"]
    assert len(frames) == 0
    frames.put(b"sound 5", 0.3)
    assert len(frames) == 1


def test_a_turn_that_is_over_is_told_in_words() -> None:
    journal = Journal(10.0)
    journal.heard("What time ")
    journal.heard("is it?")
    journal.sent(LOUD, TENTH)
    journal.owed = True
    journal.begins()
    journal.said("It is ")
    journal.calls["c"] = FunctionCall("c", "clock", {})
    journal.results["c"] = FunctionResult("c", "clock", {"output": "noon"})
    journal.said("noon.")
    journal.ends()
    assert journal.forgotten
    (past,) = journal.past()
    assert turns(past) == [
        "user: What time is it?",
        "model: It is noon.(called clock({}))",
        'user: (clock returned {"output": "noon"})',
    ]
    assert b"turnComplete" not in past
    assert journal.replayed() == []
    journal.kept()
    assert journal.past() == []


def test_an_answer_that_was_lost_is_asked_for_again() -> None:
    journal = Journal(10.0)
    journal.sent(b"question", 0.0)
    journal.heard("question")
    journal.owed = True
    journal.begins()
    journal.said("ans")
    journal.sent(LOUD, TENTH)
    journal.reopen()
    journal.ends()
    assert journal.past() == []
    assert [frame for frame, _ in journal.replayed()] == [b"question", LOUD]
    # A handle of now does not stand for what is still owed.
    journal.kept()
    assert len(journal.replayed()) == 2


def test_while_nobody_is_known_to_speak_only_what_may_be_speech_is_told_again() -> None:
    journal = Journal(20.0)
    for frame in [SILENT] * 30 + [LOUD] * 2 + [SILENT] * 3:
        journal.sent(frame, TENTH)
    assert len(journal.replayed()) == 5 + 2 + 3

    quiet = Journal(20.0)
    for _ in range(30):
        quiet.sent(SILENT, TENTH)
    assert len(quiet.replayed()) == 5


def test_the_present_turn_asks_for_an_answer() -> None:
    journal = Journal(1.0)
    journal.heard("Turn it on.")
    journal.calls["c"] = FunctionCall("c", "switch", {"on": True})
    journal.results["c"] = FunctionResult("c", "switch", {"output": "x" * 5_000})
    message = journal.present()
    assert json.loads(message)["clientContent"]["turnComplete"] is True
    assert turns(message)[1] == 'model: (called switch({"on": true}))'
    assert len(message) < 3_000
