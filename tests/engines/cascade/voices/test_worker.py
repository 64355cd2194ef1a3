"""The child process of a neural voice, without a process and without a model."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from antiphon.engines.cascade.voices.order import Order
from antiphon.engines.cascade.voices.worker import CHUNK, perform


class Pipe:
    """Holds what was sent; messages wait in ``inbox``."""

    def __init__(self, *inbox: dict[str, Any]) -> None:
        self.inbox = list(inbox)
        self.sent: list[dict[str, Any]] = []

    def pending(self) -> bool:
        return bool(self.inbox)

    def receive(self) -> dict[str, Any] | None:
        return self.inbox.pop(0) or None

    def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)


class Model:
    """Half a second of full level for each sentence, at half the rate."""

    def __init__(self) -> None:
        self.spoken: list[str] = []

    def speak(self, sentence: str, voice: str, language: str) -> tuple[NDArray[np.float32], int]:
        self.spoken.append(sentence)
        if "odd" in sentence:
            raise ValueError("no phonemes")
        return np.full(6_000, 3.0, np.float32), 12_000


def order(text: str) -> Order:
    return Order(7, text, "Kore", "en")


def test_sentences_are_spoken_one_by_one_in_chunks_with_their_words() -> None:
    model, pipe = Model(), Pipe()
    perform(model, order("One two. Three?"), pipe)  # type: ignore[arg-type]
    assert model.spoken == ["One two. ", "Three?"]
    *chunks, done = pipe.sent
    assert done == {"id": 7, "done": True}
    assert [len(chunk["pcm"]) // 2 for chunk in chunks] == [CHUNK, CHUNK, 2_400] * 2
    words = [(start, end, sample) for chunk in chunks for start, end, sample in chunk["words"]]
    assert [word[:2] for word in words] == [(0, 4), (4, 9), (9, 15)]
    assert words[2][2] >= 12_000


def test_what_is_louder_than_possible_is_clipped() -> None:
    pipe = Pipe()
    perform(Model(), order("One."), pipe)  # type: ignore[arg-type]
    assert max(np.frombuffer(pipe.sent[1]["pcm"], "<i2")) == 32_767


def test_a_cancelled_order_ends_with_its_sentence() -> None:
    class Cancelling(Model):
        def speak(self, sentence: str, voice: str, language: str) -> tuple[NDArray[np.float32], int]:
            pipe.inbox.append({"cancel": 7})
            return super().speak(sentence, voice, language)

    pipe, model = Pipe({"cancel": 3}), Cancelling()
    perform(model, order("One. Two. Three."), pipe)  # type: ignore[arg-type]
    assert model.spoken == ["One. "]
    assert pipe.sent[-1] == {"id": 7, "done": True}


def test_a_model_that_fails_ends_its_order_only() -> None:
    pipe = Pipe()
    perform(Model(), order("One. odd. Two."), pipe)  # type: ignore[arg-type]
    assert pipe.sent[-1] == {"id": 7, "done": True, "error": "ValueError: no phonemes"}
    perform(Model(), order("Again."), pipe)  # type: ignore[arg-type]
    assert pipe.sent[-1] == {"id": 7, "done": True}
