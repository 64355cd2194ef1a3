"""Pictures are described as far as decoding goes, once, and never pretended to be seen."""

import io
from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from antiphon.engines.cascade.brain import sight
from antiphon.engines.cascade.brain.builtin import BuiltinBrain
from antiphon.engines.cascade.brain.sight import remark
from antiphon.engines.cascade.parts import Call, Prompt, Say, Thought
from antiphon.live.history import History, Picture, Turn, Words, model, user

BRAIN = BuiltinBrain(lambda: datetime(2030, 5, 1, 17, 5))
RED = "I have your picture, 640 by 480 and mostly red, but I cannot see what is in it."


def picture(color: Any = (200, 20, 20), size: tuple[int, int] = (640, 480), kind: str = "JPEG", **more: Any) -> Picture:
    data = io.BytesIO()
    Image.new("RGB", size, color).save(data, kind)
    return Picture(f"image/{kind.lower()}", data.getvalue(), **more)


async def said(*history: Turn) -> str:
    thoughts: list[Thought] = [thought async for thought in BRAIN.reply(Prompt(history))]
    return "".join(thought.text for thought in thoughts if isinstance(thought, Say))


COLORS = [
    ((200, 20, 20), "mostly red"),
    ((240, 140, 20), "mostly orange"),
    ((110, 60, 10), "mostly brown"),
    ((250, 250, 30), "mostly yellow"),
    ((20, 160, 40), "mostly green"),
    ((20, 40, 200), "mostly blue"),
    ((130, 30, 200), "mostly purple"),
    ((250, 80, 180), "mostly pink"),
    ((255, 255, 255), "mostly white"),
    ((128, 128, 128), "mostly gray"),
    ((5, 5, 5), "mostly black"),
]


@pytest.mark.parametrize(("color", "named"), COLORS)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_size_and_color_are_told(color: Any, named: str, kind: str) -> None:
    assert remark([picture(color, (64, 48), kind)]) == (
        f"I have your picture, 64 by 48 and {named}, but I cannot see what is in it."
    )


def test_a_picture_of_many_colors_has_none() -> None:
    wheel = np.zeros((60, 60, 3), np.uint8)
    wheel[:, :20, 0] = wheel[:, 20:40, 1] = wheel[:, 40:, 2] = 220
    data = io.BytesIO()
    Image.fromarray(wheel).save(data, "PNG")
    assert "60 by 60 and of many colors" in remark([Picture("image/png", data.getvalue())])


def test_several_pictures_and_video_are_told_from_one() -> None:
    assert remark([picture(), picture((5, 5, 5), (8, 8))]) == (
        "I have your pictures, the last one 8 by 8 and mostly black, but I cannot see what is in them."
    )
    assert remark([picture(frame=True)]) == (
        "I have your video, its newest picture 640 by 480 and mostly red, but I cannot see what is in it."
    )
    assert remark([Picture("image/png", b"", frame=True)]) == "I have your video, but I cannot see what is in it."


@pytest.mark.parametrize("data", [b"", b"no picture", picture().data[:200], picture(kind="PNG").data[:60]])
def test_broken_data_is_said_so(data: bytes) -> None:
    assert remark([Picture("image/jpeg", data)]).startswith("I have your picture, but it cannot be opened")


def test_of_a_huge_picture_only_the_size_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sight, "MAX_PIXELS", 100)
    assert remark([picture(size=(11, 10))]) == "I have your picture, 11 by 10, but I cannot see what is in it."


@given(st.binary(max_size=300), st.integers(0, 600))
def test_any_data_is_remarked_on(noise: bytes, at: int) -> None:
    whole = picture((1, 200, 3), (16, 16), "PNG").data
    assert remark([Picture("image/png", whole[:at] + noise + whole[at:])])
    assert remark([Picture("image/png", noise)])


class TestInConversation:
    async def test_it_is_said_before_the_answer(self) -> None:
        turn = Turn("user", (picture(), Words("What is 2 plus 2?")))
        assert await said(turn) == f"{RED} 2 plus 2 is 4."

    async def test_it_is_said_once(self) -> None:
        first = Turn("user", (picture(), Words("What is 2 plus 2?")))
        again = Turn("user", (picture(), Words("What is 3 plus 3?")))
        assert await said(first, model(f"{RED} 2 plus 2 is 4."), again) == "3 plus 3 is 6."

    async def test_it_is_said_again_when_nobody_heard_it(self) -> None:
        first = Turn("user", (picture(), Words("What is 2 plus 2?")))
        assert await said(first, model("I"), Turn("user", (picture(), Words("Hello.")))) == f"{RED} Hello."

    async def test_a_picture_alone_is_always_spoken_of(self) -> None:
        alone = Turn("user", (picture(),))
        assert await said(alone) == RED
        assert await said(alone, model(RED), alone) == RED

    @pytest.mark.parametrize(
        "text", ["What do you see?", "can you see me", "Describe this picture, please.", "What is in the picture?"]
    )
    async def test_asked_about_it_it_says_so_again_and_no_more(self, text: str) -> None:
        history: History = (Turn("user", (picture(), Words("Hello."))), model(f"{RED} Hello."))
        assert await said(*history, user(text)) == RED
        assert await said(Turn("user", (picture(), Words(text)))) == RED
        assert await said(user(text)) == "I have no picture from you, and I could not see what is in it."

    async def test_a_call_is_made_all_the_same(self, function: Callable[..., Any]) -> None:
        turn = Turn("user", (picture(), Words("Turn on the lights.")))
        prompt = Prompt((turn,), tools=(function("turn_on_the_lights"),))
        spoken, call = [thought async for thought in BRAIN.reply(prompt)]
        assert spoken == Say(f"{RED} ")
        assert isinstance(call, Call)

    async def test_what_points_at_no_picture_is_no_such_question(self) -> None:
        assert (await said(user("What is this?"))).startswith("I heard:")
