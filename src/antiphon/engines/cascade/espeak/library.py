"""espeak-ng through ctypes: synthesis into a callback, with word events.

Import this in a worker process only (see the package's docstring). Names, numbers and structures follow
``speak_lib.h`` of espeak-ng 1.52, https://github.com/espeak-ng/espeak-ng/blob/1.52.0/src/include/espeak-ng/speak_lib.h.
"""

import ctypes
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from antiphon.engines.cascade.espeak.order import Delivery

BUFFER = 20
"""Milliseconds of sound per callback to ask for; espeak-ng gives no less than 60."""

_SYNCHRONOUS = 2  # espeak_AUDIO_OUTPUT: no device, espeak_Synth returns when the callback has had everything
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4  # espeak_PARAMETER
_CHARS_UTF8 = 0x0001
_END_PAUSE = 0x1000
_CHARACTERS = 1  # espeak_POSITION_TYPE
_LIST_TERMINATED, _WORD = 0, 1  # espeak_EVENT_TYPE


class EspeakError(Exception):
    """espeak-ng refused a voice or a text; the message says which."""


class WordEvent(Struct, frozen=True):
    """A word begins: ``position`` and ``length`` in characters of the text, ``sample`` of the sound."""

    position: int
    length: int
    sample: int


Take = Callable[[bytes, list[WordEvent]], bool]
"""Takes sound (mono, 16-bit, native order) and the words reached; False stops the synthesis."""


class _Identifier(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Identifier),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class Espeak:
    """The library, loaded. It keeps global state: one instance per process, one synthesis at a time."""

    def __init__(self) -> None:
        """Load the library and its data.

        Raises:
            ImportError: ``espeakng_loader`` is not installed.
            OSError: its library does not load on this machine.
            EspeakError: the library refuses its data.
        """
        import espeakng_loader

        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        self.sample_rate: int = self._library.espeak_Initialize(_SYNCHRONOUS, BUFFER, data, 0)
        if self.sample_rate <= 0:
            raise EspeakError(f"espeak-ng does not accept its data in {data.decode()}")
        self._take: Take = _ignore
        self._failure: BaseException | None = None
        self._callback = _Callback(self._on_sound)  # kept: the library holds only the address

    def synthesise(self, text: str, delivery: Delivery, take: Take, *, end_pause: bool) -> None:
        """Speak ``text``, handing sound to ``take`` while it is made, until all is made or ``take`` says stop.

        ``end_pause`` adds the silence that belongs after the last punctuation mark, so that texts spoken one after
        the other sound like one text. Whatever ``take`` raises stops the synthesis and is raised here.

        Raises:
            EspeakError: the voice is unknown or the synthesis failed.
        """
        self._select(delivery)
        # Each time: whoever loaded the library since left an address that may be gone by now.
        self._library.espeak_SetSynthCallback(self._callback)
        self._take, self._failure = take, None
        encoded = text.encode() + b"\0"
        flags = _CHARS_UTF8 | (_END_PAUSE if end_pause else 0)
        result = self._library.espeak_Synth(encoded, len(encoded), 0, _CHARACTERS, 0, flags, None, None)
        self._take = _ignore
        if self._failure is not None:
            raise self._failure
        if result != 0:
            raise EspeakError(f"espeak-ng failed with {result}")

    def _select(self, delivery: Delivery) -> None:
        if self._library.espeak_SetVoiceByName(delivery.voice.encode()) != 0:
            raise EspeakError(f"espeak-ng has no voice {delivery.voice!r}")
        parameters = {
            _RATE: delivery.rate,
            _VOLUME: delivery.volume,
            _PITCH: delivery.pitch,
            _RANGE: delivery.range,
        }
        for parameter, value in parameters.items():
            self._library.espeak_SetParameter(parameter, value, 0)

    def _on_sound(self, samples: Any, count: int, events: Any) -> int:
        try:
            sound = ctypes.string_at(samples, count * 2) if samples and count > 0 else b""
            return 0 if self._take(sound, list(_words(events))) else 1
        except BaseException as error:  # ctypes would print it and go on
            self._failure = error
            return 1


def _words(events: Any) -> Iterator[WordEvent]:
    index = 0
    while (event := events[index]).type != _LIST_TERMINATED:
        if event.type == _WORD:
            yield WordEvent(event.text_position - 1, event.length, event.sample)
        index += 1


def _ignore(_sound: bytes, _words: list[WordEvent]) -> bool:
    return True
