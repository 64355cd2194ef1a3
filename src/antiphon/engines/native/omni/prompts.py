"""A request as Qwen's models read it: ChatML, with sound among the words (Qwen2.5-Omni's chat_template.json).

Whatever users or clients wrote is tokenised as plain text, so no ``<|im_end|>`` of theirs ends a turn.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from antiphon.audio.pcm import to_int16
from antiphon.engines.cascade.brain.language_model.messages import Answered, Message, Said, as_json
from antiphon.engines.cascade.brain.language_model.model import Request
from antiphon.engines.cascade.parts import INPUT_RATE
from antiphon.engines.native.omni.sounds import Heard
from antiphon.live.history import Words

START: Final = "<|im_start|>"
END: Final = "<|im_end|>"
SOUND: Final = "<|AUDIO|>"
SOUND_START: Final = "<|audio_bos|>"
SOUND_END: Final = "<|audio_eos|>"
DEFAULT_INSTRUCTION: Final = "You are a helpful assistant in a spoken conversation. Answer briefly."
MIN_SAMPLES: Final = INPUT_RATE // 10

Piece = str | bytes
"""Words, or sound: mono 16-bit at 16 kHz."""


class Prompt(Struct):
    """``ids`` are the tokens, ``sound_tokens`` of them :data:`SOUND`; ``sounds`` are log-mel, ``[mel, frames]``."""

    ids: list[int]
    sounds: list[NDArray[np.float32]]
    sound_tokens: int


def turns(request: Request) -> Iterator[tuple[str, list[Piece]]]:
    """Roles and what they said; what a model without tools and eyes cannot take is left out."""
    yield "system", [request.instruction or DEFAULT_INSTRUCTION]
    for message in request.messages:
        yield from _turn(message)


def _turn(message: Message) -> Iterator[tuple[str, list[Piece]]]:
    match message:
        case Said(parts):
            pieces = [piece for part in parts if isinstance(part, Words) and (piece := _piece(part))]
            yield "user", pieces or ["(A picture.)"]
        case Answered(text):
            if text:
                yield "assistant", [text]
        case _:
            yield "user", [f"({result.name}: {as_json(result.response)})" for result in message.results]


def _piece(part: Words) -> Piece:
    return part.pcm if isinstance(part, Heard) and part.pcm else part.text


class Reader:
    """Writes prompts with the ``tokenizer`` and the feature ``extractor`` of a model.

    ``length_of`` says how many tokens so many frames of log-mel become. Not for the event loop: features take time.
    """

    def __init__(self, tokenizer: Any, extractor: Any, length_of: Any) -> None:
        self._tokenizer = tokenizer
        self._extractor = extractor
        self._length_of = length_of
        self._special = {name: tokenizer.convert_tokens_to_ids(name) for name in (START, END, SOUND)}
        self._special |= {name: tokenizer.convert_tokens_to_ids(name) for name in (SOUND_START, SOUND_END)}

    def read(self, request: Request) -> Prompt:
        """The prompt of a request, up to where the assistant speaks."""
        prompt = Prompt([], [], 0)
        for role, pieces in turns(request):
            self._begin(prompt, role)
            for piece in pieces:
                self._write(prompt, piece)
            prompt.ids.append(self._special[END])
            prompt.ids += self._plain("\n")
        self._begin(prompt, "assistant")
        return prompt

    def _begin(self, prompt: Prompt, role: str) -> None:
        prompt.ids.append(self._special[START])
        prompt.ids += self._plain(f"{role}\n")

    def _write(self, prompt: Prompt, piece: Piece) -> None:
        if isinstance(piece, str):
            prompt.ids += self._plain(piece)
            return
        features = self._features(piece)
        count = int(self._length_of(features.shape[1]))
        prompt.ids += [self._special[SOUND_START], *[self._special[SOUND]] * count, self._special[SOUND_END]]
        prompt.sounds.append(features)
        prompt.sound_tokens += count

    def _plain(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return ids

    def _features(self, pcm: bytes) -> NDArray[np.float32]:
        samples = to_int16(pcm).astype(np.float32) / 32_768
        if len(samples) < MIN_SAMPLES:
            samples = np.pad(samples, (0, MIN_SAMPLES - len(samples)))
        made = self._extractor(samples, sampling_rate=INPUT_RATE, padding=False, truncation=False, return_tensors="np")
        features: NDArray[np.float32] = made["input_features"][0]
        return features
