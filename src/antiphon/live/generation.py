"""One answer of the model while it is being made and heard."""

from collections.abc import Iterator

from antiphon.live.events import OUTPUT_RATE, OutputTranscript
from antiphon.live.history import FunctionCall, FunctionResult, Part, Turn, Words
from antiphon.live.playback import PlaybackClock
from antiphon.live.tokens import Tokens, UpstreamUsage, Usage, audio_tokens, text_tokens

BYTES_PER_SECOND = OUTPUT_RATE * 2
CANCELLED = {"error": "cancelled: the user interrupted"}


class _Segment:
    """What was said up to function calls, the calls and their results. ``begins`` in seconds of the answer."""

    __slots__ = ("begins", "calls", "results", "spoken", "told", "written")

    def __init__(self, begins: float) -> None:
        self.begins = begins
        self.told = False
        self.spoken: list[OutputTranscript] = []
        self.written: list[str] = []
        self.calls: dict[str, FunctionCall] = {}
        self.results: dict[str, FunctionResult] = {}

    def parts(self, heard: float) -> Iterator[Part]:
        # A word that has begun counts as heard.
        spoken = (fragment.text for fragment in self.spoken if fragment.offset < heard)
        if text := "".join([*spoken, *self.written]):
            yield Words(text)
        yield from self.calls.values()

    def answers(self) -> tuple[FunctionResult, ...]:
        cancelled = (FunctionResult(call.id, call.name, CANCELLED) for call in self.calls.values())
        return tuple(self.results.get(result.id, result) for result in cancelled)


class Generation:
    """What generation ``number`` said, called and used so far.

    ``prompt`` is what the model read to begin it, ``transcribed`` how many characters of transcripts were sent since
    the last one: they are charged as text that was made.
    """

    def __init__(self, number: int, prompt: Tokens, transcribed: int = 0) -> None:
        self.number = number
        self.clock = PlaybackClock()
        self.waiting = False
        self.reason = ""
        self.cut_short = False
        self.told_complete = False
        self.orphaned = False
        """Its engine is gone, and nobody will say that it is over."""
        self.upstream: list[UpstreamUsage] = []
        self._prompt = prompt
        self._tool_prompt = Tokens()
        self._segments = [_Segment(0.0)]
        self._characters = 0
        self._transcribed = transcribed
        self._thought_characters = 0
        self._searches = 0

    @property
    def pristine(self) -> bool:
        """Whether the client was told nothing yet of what the model makes now, after its last calls if it made any."""
        return not self._segments[-1].told

    @property
    def called_functions(self) -> bool:
        """Whether the model called functions to make this answer."""
        return any(segment.calls for segment in self._segments)

    @property
    def last_calls(self) -> frozenset[str]:
        """Ids of the calls that were made last."""
        return frozenset(self._segments[-1].calls)

    @property
    def unanswered(self) -> list[str]:
        """Ids of the calls that the model waits for."""
        segment = self._segments[-1]
        return [call_id for call_id in segment.calls if call_id not in segment.results]

    def waits_for(self, call_id: str) -> bool:
        """Whether a call is one of those that were made last; its result may still be replaced."""
        return call_id in self._segments[-1].calls

    @property
    def usage(self) -> Usage:
        """What the generation used so far."""
        response = self.made + Tokens(text=text_tokens(self._transcribed))
        thoughts = text_tokens(self._thought_characters)
        return Usage(self._prompt, response, self._tool_prompt, thoughts, self._searches)

    @property
    def made(self) -> Tokens:
        """What the model itself made."""
        return Tokens(text=text_tokens(self._characters), audio=audio_tokens(self.clock.sent))

    def speech(self, pcm: bytes, now: float) -> None:
        """Model speech was sent."""
        self.spoke_for(len(pcm) / BYTES_PER_SECOND, now)

    def spoke_for(self, seconds: float, now: float) -> None:
        """So much speech was sent."""
        self.clock.send(seconds, now)
        self._segments[-1].told = True

    def spoke(self, fragment: OutputTranscript) -> None:
        """Words of the speech became known."""
        self._segments[-1].spoken.append(fragment)

    def wrote(self, text: str) -> None:
        """Text of a text answer was sent."""
        self._segments[-1].written.append(text)
        self._segments[-1].told = True
        self._characters += len(text)

    def transcribed(self, text: str) -> None:
        """A transcript was sent, of either side."""
        self._transcribed += len(text)

    def thought(self, text: str) -> None:
        """The model thought, whether or not the client sees it."""
        self._thought_characters += len(text)

    def searched(self, queries: int) -> None:
        """The model searched for ``queries`` things."""
        self._searches += queries

    def called(self, calls: tuple[FunctionCall, ...]) -> None:
        """Functions were called."""
        self._segments[-1].calls |= {call.id: call for call in calls}
        self._segments[-1].told = True
        self._characters += sum(len(call.name) + len(repr(call.args)) for call in calls)

    def answer(self, result: FunctionResult) -> None:
        """A call got its result."""
        self._segments[-1].results[result.id] = result

    def resume(self) -> tuple[FunctionResult, ...]:
        """All calls have results, which the model reads and goes on."""
        results = self._segments[-1].answers()
        self._tool_prompt += Tokens(text=text_tokens(sum(len(repr(result.response)) for result in results)))
        self._segments.append(_Segment(self.clock.sent))
        return results

    def turns(self, heard: float) -> Iterator[tuple[Turn, Tokens | None]]:
        """The turns this answer left in the history, with their tokens where the words do not tell them.

        Speech is cut at ``heard`` seconds of the answer; calls without a result were cancelled.
        """
        ends = [segment.begins for segment in self._segments[1:]] + [self.clock.sent]
        for segment, end in zip(self._segments, ends, strict=True):
            if parts := tuple(segment.parts(heard)):
                seconds = max(0.0, min(end, heard) - segment.begins)
                written = sum(map(len, segment.written)) + sum(len(repr(c.args)) for c in segment.calls.values())
                yield Turn("model", parts), Tokens(text=text_tokens(written), audio=audio_tokens(seconds))
            if segment.calls:
                yield Turn("user", segment.answers()), None
