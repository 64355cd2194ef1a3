"""What an OpenAI Realtime upstream's events say, as events of an engine that takes turns.

1. A response is one round of an answer; a generation is the answer. One that calls functions goes on, with the response
   that begins after all of them were answered, as the same generation. Any other response begins a new one.
2. Functions of a response are called together, when it is done.
3. A generation is interrupted when the user begins to speak, even if all of it was made: it may still be heard. Only
   the session knows; it says so with what was heard, and the upstream is told by :meth:`Reader.cuts`.
4. After that, nothing of the response under way is passed on, whatever still comes.
5. Words have no place in the sound, and run ahead of it as a rule. They are taken to be spoken at
   :data:`CHARACTERS_PER_SECOND`, and told with the sound that they are taken to begin in; what is left when the sound
   ends belongs to its end.
"""

import json
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator

import msgspec
import pybase64
from msgspec import Struct

from antiphon.audio.resample import Resampler
from antiphon.engines.relay.openai_billing import Bill
from antiphon.live.events import (
    OUTPUT_RATE,
    ActivityEnded,
    ActivityStarted,
    GenerationComplete,
    GenerationStarted,
    Interrupted,
    ModelEvent,
    ModelText,
    OutputTranscript,
    Speech,
    ToolCalls,
    Used,
    UserWords,
)
from antiphon.live.history import FunctionCall
from antiphon.live.setup import Setup
from antiphon.live.tokens import UpstreamUsage
from antiphon.wire.openai import realtime as wire

log = logging.getLogger("antiphon.relay")

CHARACTERS_PER_SECOND = 15.0
"""How fast a model speaks: 150 words a minute of six characters."""

_NOTCH = 0.001
"""Seconds before the end of the sound where words begin that would begin after it."""

REMEMBERED = 64
"""Responses that are over, whose late events are dropped."""

_BYTES_PER_SECOND = 2 * OUTPUT_RATE
_FILTERED = "GENERATED_CONTENT_PROHIBITED"


class Cut(Struct, frozen=True):
    """A spoken item of which only the first ``ms`` were heard."""

    item_id: str
    content_index: int
    ms: int


class _Spoken(Struct):
    """A spoken item and where its sound lies in the generation's, in seconds.

    ``characters`` of it are known; those that the sound did not come to yet wait, each with where it is to begin.
    """

    item_id: str
    content_index: int
    begins: float
    ends: float
    characters: int = 0
    waiting: deque[tuple[float, str]] = msgspec.field(default_factory=deque)


class Active(Struct):
    """A response under way. ``dead``: nothing of it is wanted any more."""

    id: str
    generation: int
    dead: bool = False
    calls: dict[str, FunctionCall] = {}
    names: dict[str, tuple[str, str]] = {}
    written: set[str] = set()


class Reader:
    """Reads one upstream. ``number`` is that of the last generation.

    ``place`` turns milliseconds of the upstream's input into seconds of the session's, ``rate`` is that of its sound.
    """

    def __init__(
        self,
        setup: Setup,
        number: int,
        bill: Bill,
        *,
        place: Callable[[float | None], float],
        rate: int = OUTPUT_RATE,
    ) -> None:
        self.setup = setup
        self.number = number
        self.bill = bill
        self.active: Active | None = None
        self.speaking = False
        """Whether the user is heard to speak."""
        self.waiting: dict[str, int] = {}
        """Calls that were neither answered nor given up, and the generation that made each."""
        self.seconds = 0.0
        """Speech of the present generation so far."""
        self.failure: wire.ErrorDetail | None = None
        """Why the last response failed, until somebody took note of it."""
        self._place = place
        self._resampler = Resampler(rate, OUTPUT_RATE, "HQ")
        self._odd = b""
        self._open = self._cut = False
        # What an upstream before this one said may still be heard.
        self._inherited = number > 0
        self._spoken: list[_Spoken] = []
        self._interrupted: tuple[int, list[_Spoken]] = (0, [])
        self._over: deque[str] = deque(maxlen=REMEMBERED)
        self._deaf = False
        self._heard: dict[str, str] = {}
        self._finished: deque[str] = deque(maxlen=REMEMBERED)
        self._pause = False
        self._made_calls = 0
        self._handlers: dict[type, Callable[..., Iterable[ModelEvent]]] = {
            wire.SpeechStarted: self._speech_started,
            wire.SpeechStopped: self._speech_stopped,
            wire.InputTranscriptDelta: self._heard_more,
            wire.InputTranscriptCompleted: self._heard_all,
            wire.InputTranscriptFailed: self._heard_nothing,
            wire.ResponseCreated: self._response_created,
            wire.ResponseDone: self._response_done,
            wire.OutputItem: self._output_item,
            wire.AudioDelta: self._audio,
            wire.AudioTranscriptDelta: self._words,
            wire.AudioTranscriptDone: self._all_words,
            wire.TextDelta: self._text,
            wire.TextDone: self._all_text,
            wire.FunctionCallDone: self._function_call,
        }

    def read(self, event: wire.ServerEvent) -> list[ModelEvent]:
        """What an event says; what is of no use for a conversation says nothing."""
        handler = self._handlers.get(type(event))
        return [] if handler is None else list(handler(event))

    # --- what the conversation asks for ---------------------------------------------------------------------

    @property
    def uncut(self) -> int:
        """The answer that was interrupted and of which it is not known yet how much was heard; 0 for none."""
        number, spoken = self._interrupted
        return number if any(each.ends > each.begins for each in spoken) else 0

    @property
    def quiet(self) -> bool:
        """Whether nothing is under way."""
        return self.active is None and not self._open and not self.speaking and not self.waiting

    def interrupt(self) -> list[ModelEvent]:
        """The user interrupts: end the present generation, and drop whatever of it still comes."""
        if self.active is not None:
            self.active.dead = True
        if self._cut or not (self._open or self._spoken or self._inherited):
            return []
        self._open, self._cut = False, True
        self._interrupted = (self.number, self._spoken)
        return [Interrupted(self.number)]

    def cuts(self, generation: int, heard: float) -> list[Cut]:
        """What the upstream must forget of an interrupted generation, of which ``heard`` seconds were heard."""
        number, spoken = self._interrupted
        if number != generation:
            return []
        self._interrupted = (0, [])
        unheard = [each for each in spoken if each.item_id and each.ends > max(each.begins, heard + 0.001)]
        return [Cut(each.item_id, each.content_index, _milliseconds(heard - each.begins)) for each in unheard]

    def answered(self, call_id: str) -> int | None:
        """A call got its result; the number of the generation that waited for it, None where nobody does."""
        return self.waiting.pop(call_id, None)

    def abandon(self) -> list[ModelEvent]:
        """The response under way will not be heard of again: charge an estimate of it."""
        active, self.active = self.active, None
        used = self.bill.unfinished() if active is not None else None
        return self._charged(used)

    # --- the user -------------------------------------------------------------------------------------------

    def _speech_started(self, event: wire.SpeechStarted) -> Iterator[ModelEvent]:
        self.speaking = True
        yield ActivityStarted(self._place(event.audio_start_ms))
        if self.setup.interruptible:
            yield from self.interrupt()

    def _speech_stopped(self, event: wire.SpeechStopped) -> Iterator[ModelEvent]:
        self.speaking = False
        yield ActivityEnded(self._place(event.audio_end_ms))

    def _heard_more(self, event: wire.InputTranscriptDelta) -> Iterator[ModelEvent]:
        if event.delta and (event.item_id or "") not in self._finished:
            yield self._user_words(event.item_id or "", event.delta, finished=False)

    def _heard_all(self, event: wire.InputTranscriptCompleted) -> Iterator[ModelEvent]:
        item_id, text = event.item_id or "", event.transcript or ""
        if not item_id or item_id not in self._finished:
            told = self._heard.get(item_id, "")
            rest = text.removeprefix(told) if text.startswith(told) else ""
            yield self._user_words(item_id, rest, finished=True)
            self._finish(item_id)
        yield from self._charged(self.bill.transcribed(item_id, event.usage))

    def _heard_nothing(self, event: wire.InputTranscriptFailed) -> Iterator[ModelEvent]:
        reason = event.error.message if event.error else ""
        log.warning("what the user said was not transcribed: %s", reason)
        yield UserWords("", finished=True)
        self._finish(event.item_id or "")

    def _finish(self, item_id: str) -> None:
        self._heard.pop(item_id, None)
        self._pause = True
        if item_id:
            self._finished.append(item_id)

    def _user_words(self, item_id: str, text: str, *, finished: bool) -> UserWords:
        first = item_id not in self._heard
        self._heard[item_id] = self._heard.get(item_id, "") + text
        if first and text and self._pause and not text[0].isspace():
            # Two utterances of one turn, whose words are joined as they are.
            text = f" {text}"
        return UserWords(text, finished)

    # --- responses ------------------------------------------------------------------------------------------

    def _response_created(self, event: wire.ResponseCreated) -> Iterator[ModelEvent]:
        yield from self._begin(event.response.id or "")

    def _begin(self, response_id: str) -> Iterator[ModelEvent]:
        if self.active is not None:
            # The end of the one before was left out.
            yield from self._end(wire.Response(id=self.active.id, status="completed"))
        self._deaf = False
        self.bill.began()
        if not (self._open and self.number not in self.waiting.values()):
            yield from self._new_generation()
        self.active = Active(response_id, self.number)

    def _new_generation(self) -> Iterator[ModelEvent]:
        if self._open:
            # It called functions that nobody answered yet; their results come later.
            yield GenerationComplete(self.number)
        self.number += 1
        self.seconds, self._spoken, self._pause = 0.0, [], False
        self._open, self._cut, self._inherited = True, False, False
        yield GenerationStarted(self.number)

    def _response_done(self, event: wire.ResponseDone) -> Iterator[ModelEvent]:
        response = event.response
        active = self.active
        if active is None or (response.id and active.id and response.id != active.id):
            # Late, or of one whose beginning was left out.
            yield from self._charged(self._billed(response))
            return
        yield from self._end(response)

    def _end(self, response: wire.Response) -> Iterator[ModelEvent]:
        active, self.active = self.active, None
        assert active is not None
        if active.id:
            self._over.append(active.id)
        self._deaf = active.dead
        yield from self._charged(self._billed(response))
        status, details = response.status or "completed", response.status_details
        if status == "failed" or (details is not None and details.error is not None):
            self.failure = (details.error if details else None) or wire.ErrorDetail(message="the response failed")
        elif active.dead:
            pass
        elif status == "cancelled":
            yield from self.interrupt()
        else:
            yield from self._last_words()
            yield from self._complete(active, response)

    def _complete(self, active: Active, response: wire.Response) -> Iterator[ModelEvent]:
        for item in response.output or ():
            if item.type == "function_call":
                self._note_call(active, item.id, item.call_id, item.name, item.arguments)
        if active.calls:
            self.waiting |= dict.fromkeys(active.calls, self.number)
            yield ToolCalls(self.number, tuple(active.calls.values()))
            return
        self._open = False
        filtered = response.status_details is not None and response.status_details.reason == "content_filter"
        yield GenerationComplete(self.number, reason=_FILTERED if filtered else "")

    def _billed(self, response: wire.Response) -> UpstreamUsage | None:
        return self.bill.done(response.id or "", response.usage, failed=response.status == "failed")

    def _charged(self, used: UpstreamUsage | None) -> list[ModelEvent]:
        return [] if used is None else [Used(self.number, used)]

    # --- what a response is made of -------------------------------------------------------------------------

    def _current(self, response_id: str | None) -> Iterator[ModelEvent]:
        """Begin the response that something belongs to, where its beginning was left out."""
        if self.active is None and (response_id or "") not in self._over and not (self._deaf and not response_id):
            yield from self._begin(response_id or "")

    def _wanted(self, response_id: str | None) -> Active | None:
        active = self.active
        if active is None or active.dead or (response_id and active.id and response_id != active.id):
            return None
        return active

    def _audio(self, event: wire.AudioDelta) -> Iterator[ModelEvent]:
        yield from self._current(event.response_id)
        if self._wanted(event.response_id) is None:
            return
        pcm = self._decoded(event.delta)
        if not pcm:
            return
        seconds = len(pcm) / _BYTES_PER_SECOND
        yield from self._spoken_item(event.item_id or "", event.content_index or 0)
        spoken = self._spoken[-1]
        self.seconds += seconds
        spoken.ends = self.seconds
        self.bill.made(seconds=seconds)
        yield Speech(self.number, pcm)
        yield from self._told(spoken)

    def _decoded(self, delta: str) -> bytes:
        try:
            pcm = self._odd + pybase64.b64decode(delta)
        except ValueError:
            log.warning("sound that is not base64 was skipped")
            return b""
        self._odd = pcm[len(pcm) & ~1 :]
        return self._resampler.feed(pcm[: len(pcm) & ~1])

    def _spoken_item(self, item_id: str, content_index: int = 0) -> Iterator[ModelEvent]:
        """Let the last of ``_spoken`` be this item."""
        if not self._spoken or self._spoken[-1].item_id != item_id:
            yield from self._last_words()
            self._spoken.append(_Spoken(item_id, content_index, self.seconds, self.seconds))

    def _last_words(self) -> Iterator[ModelEvent]:
        """The words of which no sound is left to come."""
        if self._spoken:
            yield from self._told(self._spoken[-1], whole=True)

    def _told(self, spoken: _Spoken, *, whole: bool = False) -> Iterator[ModelEvent]:
        """The words that the sound came to."""
        waiting = spoken.waiting
        while waiting and (whole or waiting[0][0] < spoken.ends):
            offset, text = waiting.popleft()
            latest = max(spoken.begins, spoken.ends - _NOTCH)
            yield OutputTranscript(self.number, text, min(offset, latest))

    def _words(self, event: wire.AudioTranscriptDelta) -> Iterator[ModelEvent]:
        yield from self._current(event.response_id)
        active = self._wanted(event.response_id)
        if active is None or not event.delta:
            return
        active.written.add(event.item_id or "")
        yield from self._spoken_item(event.item_id or "")
        spoken = self._spoken[-1]
        spoken.waiting.append((spoken.begins + spoken.characters / CHARACTERS_PER_SECOND, event.delta))
        spoken.characters += len(event.delta)
        self.bill.made(characters=len(event.delta))
        yield from self._told(spoken)

    def _all_words(self, event: wire.AudioTranscriptDone) -> Iterator[ModelEvent]:
        """The words of an item, for servers that tell them only in one piece: spread over its sound."""
        active, text = self._wanted(event.response_id), event.transcript
        if active is None or not text or (event.item_id or "") in active.written:
            return
        active.written.add(event.item_id or "")
        yield from self._spoken_item(event.item_id or "")
        spoken = self._spoken[-1]
        self.bill.made(characters=len(text))
        # All of the sound may be there already, or none of it.
        lasts, usual = spoken.ends - spoken.begins, len(text) / CHARACTERS_PER_SECOND
        pace = len(text) / (lasts if lasts > usual / 2 else usual)
        for word in _with_spaces(text):
            spoken.waiting.append((spoken.begins + spoken.characters / pace, word))
            spoken.characters += len(word)
        yield from self._told(spoken)

    def _text(self, event: wire.TextDelta) -> Iterator[ModelEvent]:
        if self.setup.modality == "audio":
            # Some servers write the words of what they speak.
            said = wire.AudioTranscriptDelta(response_id=event.response_id, item_id=event.item_id, delta=event.delta)
            yield from self._words(said)
            return
        yield from self._current(event.response_id)
        active = self._wanted(event.response_id)
        if active is not None and event.delta:
            active.written.add(event.item_id or "")
            self.bill.made(characters=len(event.delta))
            yield ModelText(self.number, event.delta)

    def _all_text(self, event: wire.TextDone) -> Iterator[ModelEvent]:
        active = self._wanted(event.response_id)
        if active is not None and (event.item_id or "") not in active.written:
            yield from self._text(
                wire.TextDelta(response_id=event.response_id, item_id=event.item_id, delta=event.text)
            )

    # --- functions ------------------------------------------------------------------------------------------

    def _output_item(self, event: wire.OutputItem) -> Iterator[ModelEvent]:
        item = event.item
        if item.type != "function_call":
            return
        yield from self._current(event.response_id)
        active = self._wanted(event.response_id)
        if active is None:
            return
        active.names[item.id or ""] = (item.name or "", item.call_id or "")
        if item.status == "completed" and item.arguments:
            self._note_call(active, item.id, item.call_id, item.name, item.arguments)

    def _function_call(self, event: wire.FunctionCallDone) -> Iterator[ModelEvent]:
        yield from self._current(event.response_id)
        active = self._wanted(event.response_id)
        if active is not None:
            self._note_call(active, event.item_id, event.call_id, event.name, event.arguments)

    def _note_call(
        self, active: Active, item_id: str | None, call_id: str | None, name: str | None, arguments: str | None
    ) -> None:
        known_name, known_id = active.names.get(item_id or "", ("", ""))
        call_id = call_id or known_id
        if not call_id:
            self._made_calls += 1
            call_id = f"call-{self._made_calls}"
        if call_id not in active.calls:
            active.calls[call_id] = FunctionCall(call_id, name or known_name, _arguments(arguments))


def _milliseconds(seconds: float) -> int:
    """Whole milliseconds, rounded down but for the noise of adding floats."""
    return max(0, int(seconds * 1000 + 1e-6))


def _arguments(text: str | None) -> dict[str, object]:
    """A call's arguments. Models are known to write what is no JSON: the function is called without any then."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        log.warning("a function was called with arguments that are no JSON; they were left out")
        return {}
    return value if isinstance(value, dict) else {}


def _with_spaces(text: str) -> Iterator[str]:
    """The words of ``text``, each with the space before it."""
    start = 0
    for at in range(1, len(text)):
        if text[at].isspace() and not text[at - 1].isspace():
            yield text[start:at]
            start = at
    if text[start:]:
        yield text[start:]
