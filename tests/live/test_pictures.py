"""Pictures in a conversation, in virtual time."""

from typing import Any

from antiphon.live import events as engine
from antiphon.live.abilities import Abilities
from antiphon.live.history import Picture, Turn, Words
from antiphon.live.inputs import FrameSkipped

PNG = {"data": "iVBORw0KGgo=", "mimeType": "image/png"}
DATA = b"\x89PNG\r\n\x1a\n"
FRAME = Picture("image/png", DATA, frame=True)


def show(driver: Any) -> None:
    driver.client(realtimeInput={"video": PNG})


def asked(driver: Any) -> Turn:
    turn: Turn = next(event for event in reversed(driver.told) if isinstance(event, engine.Respond)).history[-1]
    return turn


def hear(driver: Any, text: str) -> None:
    driver.event(engine.ActivityStarted(0.0))
    driver.event(engine.ActivityEnded(2.0))
    driver.event(engine.InputTranscript(text, final=True))


def test_frames_are_part_of_what_the_user_says(driver: Any) -> None:
    driver.open()
    for _ in range(2):
        show(driver)
        driver.later(1)
    hear(driver, "what is this")
    assert asked(driver) == Turn("user", (FRAME, FRAME, Words("what is this")))


def test_the_older_model_takes_only_what_came_while_the_user_spoke(driver: Any) -> None:
    driver.open(model="gemini-2.5-flash-native-audio-preview-12-2025")
    for _ in range(3):
        show(driver)
        driver.later(1)
    hear(driver, "what is this")
    assert asked(driver).parts == (FRAME, Words("what is this")), "the newest was in view at the onset"


def test_frames_cost_video_tokens_by_their_resolution(driver: Any) -> None:
    driver.open(generationConfig={"mediaResolution": "MEDIA_RESOLUTION_LOW"})
    show(driver)
    driver.text("So?")
    assert driver.session.context.tokens.video == 64


def test_images_in_content_cost_image_tokens(driver: Any) -> None:
    driver.open().client(clientContent={"turns": [{"parts": [{"inlineData": PNG}, {"text": "look"}]}]})
    assert (driver.session.context.tokens.image, driver.session.context.tokens.video) == (258, 0)


def test_more_than_one_a_second_are_dropped_and_counted(driver: Any) -> None:
    driver.open()
    for _ in range(30):
        if driver.session.wants_frame(driver.now):
            show(driver)
        else:
            driver.event(FrameSkipped())
        driver.later(0.1)
    driver.text("So?")
    assert len(asked(driver).parts) == 1 + 4, "a frame may come half a second early"
    assert driver.session.record(driver.now).dropped_frames == 26


def test_an_engine_that_looks_sees_them_as_they_come(driver: Any) -> None:
    driver.open()
    show(driver)
    assert driver.told == [engine.Image("image/png", DATA)]


def test_one_that_cannot_see_is_noted_once(new_driver: Any) -> None:
    driver = new_driver(None, Abilities("blind"))
    driver.open()
    for _ in range(2):
        show(driver)
        driver.later(1)
    assert driver.told == []
    assert driver.notes == ["realtimeInput.video: blind cannot see; pictures stay in the history"]
