"""Pictures: this brain cannot see what is in one, and says so, once, with what plain decoding tells."""

import io
import re

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from antiphon.engines.cascade.brain.skill import Ask, recent, spoken
from antiphon.engines.cascade.brain.words import core
from antiphon.engines.cascade.parts import Say
from antiphon.live.history import History, Picture

MAX_PIXELS = 40_000_000
"""Pixels of a picture that is decoded; of a larger one only the size is told."""
_SMALL = (48, 48)
_MOSTLY = 0.4
"""The share of a picture that its color must have to be named."""
_MENTION = re.compile(r"\bI have your (?:picture|video)\b")
_LOOK = re.compile(
    r"what (?:do|can) you see(?: now| here| there)?"
    r"|(?:can|do) you see (?:this|that|it|me|my \w+|the \w+|a \w+)"
    r"|(?:(?:please )?look at|describe) (?:this|that|it|the|my)(?: \w+)?"
    r"|what is (?:in|on) (?:this|that|the|my) (?:picture|image|photo|video|screen|camera)"
    r"|what (?:is|are) (?:this|that|these|those)(?: picture| image| photo)?"
    r"|what am i (?:holding|showing you|wearing)"
)
_HUES = ((15, "red"), (45, "orange"), (70, "yellow"), (165, "green"), (195, "turquoise"), (260, "blue"),
         (290, "purple"), (340, "pink"), (361, "red"))  # fmt: skip


def see(ask: Ask) -> Say | None:
    """Say what can be told of a picture that comes without words, or that is asked about; None for anything else."""
    pictures = _pictures(ask.prompt.history[-1:])
    if pictures and not ask.said.words:
        return Say(remark(pictures))
    if not _LOOK.fullmatch(" ".join(core(ask.said).words)):
        return None
    shown = pictures or _newest(ask.prompt.history)
    pointed = not re.search(r"see|look|picture|image|photo|video|screen|camera|holding|wearing", ask.text.lower())
    if not shown:
        return None if pointed else Say("I have no picture from you, and I could not see what is in it.")
    return Say(remark(shown))


def first_look(ask: Ask) -> str:
    """What is said, once in a conversation, about the pictures that came with the user's words; else nothing."""
    pictures = _pictures(ask.prompt.history[-1:])
    if not pictures or any(turn.role == "model" and _MENTION.search(spoken(turn)) for turn in recent(ask.before)):
        return ""
    return remark(pictures)


def mentions(text: str) -> bool:
    """Whether a text says already that a picture was received."""
    return bool(_MENTION.search(text))


def remark(pictures: list[Picture]) -> str:
    """What plain decoding tells of the newest picture, and that nothing else is known."""
    known = _known(pictures[-1])
    if any(picture.frame for picture in pictures):
        known = f", its newest picture {known}" if known else ""
        return f"I have your video{known}, but I cannot see what is in it."
    if len(pictures) > 1:
        known = f", the last one {known}" if known else ""
        return f"I have your pictures{known}, but I cannot see what is in them."
    if not known:
        return "I have your picture, but it cannot be opened: it is damaged, or no JPEG, PNG or WebP."
    return f"I have your picture, {known}, but I cannot see what is in it."


def _pictures(turns: History) -> list[Picture]:
    return [part for turn in turns if turn.role == "user" for part in turn.parts if isinstance(part, Picture)]


def _newest(history: History) -> list[Picture]:
    return next((found for turn in reversed(recent(history)) if (found := _pictures((turn,)))), [])


def _known(picture: Picture) -> str:
    """Size and color, "640 by 480 and mostly red"; empty for what cannot be decoded."""
    try:
        with Image.open(io.BytesIO(picture.data)) as image:
            size = f"{image.width} by {image.height}"
            if image.width * image.height > MAX_PIXELS:
                return size
            image.draft("RGB", _SMALL)
            image.thumbnail(_SMALL)
            return f"{size} and {_color(np.asarray(image.convert('RGB').convert('HSV')))}"
    except Exception:
        # Pillow's decoders raise whatever broken data makes of them.
        return ""


def _color(hsv: NDArray[np.uint8]) -> str:
    """What color most of a picture has, pixels as hue, saturation and value of 0 to 255 each."""
    hues, saturations, values = hsv.reshape(-1, 3).astype(int).T
    names = np.empty(len(hues), dtype="<U9")
    below = 0
    for degrees, name in _HUES:
        names[(hues * 360 // 255 >= below) & (hues * 360 // 255 < degrees)] = name
        below = degrees
    names[(names == "orange") & (values < 160)] = "brown"
    names[saturations < 45] = "gray"
    names[(saturations < 45) & (values > 200)] = "white"
    names[values < 45] = "black"
    kinds, counts = np.unique(names, return_counts=True)
    share = counts.max() / len(names)
    return f"mostly {kinds[counts.argmax()]}" if share >= _MOSTLY else "of many colors"
