"""What a session tells an engine (user events) and what an engine tells a session (model events).

Every answer is a *generation* with a number that only grows. A user event that may start or stop one says the
number, a model event says which generation it belongs to, and whatever carries an old number is dropped: that is
the whole of barge-in.

Engines that take turns (:class:`~antiphon.live.abilities.Abilities`) are told no :class:`Respond` and no
:class:`Continue`: they get :class:`Content`, number their generations upwards from the seed's, and tell
:class:`GenerationStarted`, :class:`Interrupted` and, where they pace the user's ear, :class:`TurnComplete`.
"""

from msgspec import Struct

from antiphon.live.grounding import GroundedSearch
from antiphon.live.history import FunctionCall, FunctionResult, History, Turn
from antiphon.live.setup import Setup
from antiphon.live.tokens import UpstreamUsage

OUTPUT_RATE = 24_000
"""Samples per second of all model speech on the wire (mono, 16-bit little-endian)."""


# --- user events: session -> engine -------------------------------------------------------------------------


class Audio(Struct, frozen=True, gc=False):
    """Microphone sound: mono 16-bit little-endian samples at ``rate`` per second."""

    pcm: bytes
    rate: int


class Image(Struct, frozen=True, gc=False):
    """A picture or a video frame."""

    mime_type: str
    data: bytes


class ActivityStart(Struct, frozen=True):
    """The client says that the user's turn begins (manual activity detection)."""


class ActivityEnd(Struct, frozen=True):
    """The client says that the user's turn is over (manual activity detection)."""


class StreamEnd(Struct, frozen=True):
    """The microphone paused: what was heard so far is a complete utterance."""


class Content(Struct, frozen=True):
    """Turns that the client wrote, for an engine that takes turns; ``complete`` asks for an answer.

    ``realtime`` text was typed amid the realtime input. ``frame`` is the client's own message in the Gemini dialect,
    where a relay of that dialect may pass it on as it is, else empty. Function calls and results may be among the
    turns when they come from an engine that had the call before.
    """

    turns: tuple[Turn, ...]
    complete: bool
    realtime: bool = False
    frame: bytes = b""


class Respond(Struct, frozen=True):
    """Answer ``history``, which ends with the user's turn, as ``generation``."""

    generation: int
    history: History


class ToolResults(Struct, frozen=True):
    """The answers to every call of ``generation``, which goes on; ``history`` ends with them.

    A call that is not blocking has the result :data:`~antiphon.live.history.RUNNING` here; what it came to is in the
    history of a later :class:`Respond`.
    """

    generation: int
    results: tuple[FunctionResult, ...]
    history: History
    frame: bytes = b""
    """The client's own message, where it may be passed on as it is (engines that take turns only)."""


class Interrupt(Struct, frozen=True):
    """Stop: every generation numbered below ``generation`` is dead; ``heard`` seconds of the last were heard."""

    generation: int
    heard: float = 0.0


class Continue(Struct, frozen=True):
    """Go on, as ``generation``, with the answer ``interrupted``, whose first ``heard`` seconds were heard.

    Only engines whose abilities say ``continues`` get this, before anything else was to be answered. Offsets of the
    continued answer begin at 0 again.
    """

    generation: int
    interrupted: int
    heard: float
    history: History


class Update(Struct, frozen=True):
    """The instruction or the tools changed: whatever is answered from now on, is answered with ``setup``."""

    setup: Setup


UserEvent = (
    Audio
    | Image
    | ActivityStart
    | ActivityEnd
    | StreamEnd
    | Content
    | Respond
    | ToolResults
    | Interrupt
    | Continue
    | Update
)


# --- model events: engine -> session ------------------------------------------------------------------------


class ActivityStarted(Struct, frozen=True):
    """Speech onset was decided. ``offset`` is in seconds of input audio, counted in samples."""

    offset: float


class ActivityEnded(Struct, frozen=True):
    """The end of the user's turn was decided. ``offset`` is in seconds of input audio.

    A final :class:`InputTranscript` follows, whatever happens in between: that is what is answered.
    """

    offset: float


class InputTranscript(Struct, frozen=True):
    """What the recogniser heard. A partial replaces the last partial; a final ends the utterance.

    Each activity has exactly one final, in order; its text is empty when nothing could be made out. Partials come
    only while the user is active.
    """

    text: str
    final: bool


class UserWords(Struct, frozen=True):
    """More words of the user's present turn, from an engine that takes turns; fragments join verbatim.

    They may come late, after the answer began. ``finished``: the last of this utterance.
    """

    text: str
    finished: bool = False


class GenerationStarted(Struct, frozen=True):
    """An engine that takes turns begins to answer, as ``generation``: one more than its last."""

    generation: int


class Interrupted(Struct, frozen=True):
    """An engine that takes turns stopped this answer because the user spoke or wrote. Nothing of it follows.

    Only its :class:`TurnComplete`, from engines that pace. ``again``: it was not the user; the engine failed in the
    middle and will answer the same turn anew.
    """

    generation: int
    again: bool = False


class TurnComplete(Struct, frozen=True):
    """The turn is over in the user's ear, says an engine that paces; after :class:`GenerationComplete` or
    :class:`Interrupted`.

    ``reason`` and ``waiting`` as in :class:`GenerationComplete`.
    """

    generation: int
    reason: str = ""
    waiting: bool = False


class CallsCancelled(Struct, frozen=True):
    """An engine that takes turns no longer wants the answers to these calls, which it named so itself."""

    generation: int
    ids: tuple[str, ...]


class RelayedSpeech(Struct, frozen=True, gc=False):
    """A frame of the Gemini dialect that holds ``seconds`` of model speech and nothing else, to be passed on unread."""

    generation: int
    frame: bytes
    seconds: float


class Speech(Struct, frozen=True, gc=False):
    """Model speech: mono 16-bit little-endian at :data:`OUTPUT_RATE`. Any length."""

    generation: int
    pcm: bytes


class OutputTranscript(Struct, frozen=True):
    """Words of the model's speech, to be joined verbatim (a fragment carries its own leading space).

    ``offset`` is where the fragment begins, in seconds of the generation's audio: what an interruption cuts by.
    """

    generation: int
    text: str
    offset: float


class ModelText(Struct, frozen=True):
    """Text of a text answer, or of a thought; never spoken."""

    generation: int
    text: str
    thought: bool = False


class ToolCalls(Struct, frozen=True):
    """The model calls functions and waits for all of them."""

    generation: int
    calls: tuple[FunctionCall, ...]


class Grounding(Struct, frozen=True):
    """What the answer rests on: the queries that were searched and what was found.

    ``repeated``: the interrupted answer that this one goes on with told it already, and its queries were counted.
    """

    generation: int
    grounding: GroundedSearch
    repeated: bool = False


class GenerationComplete(Struct, frozen=True):
    """The model made everything it wanted to say.

    ``waiting``: it stays silent because it expects the user to go on. ``reason``: why the turn ended, where that is not
    as usual (a ``turnCompleteReason`` of the API).
    """

    generation: int
    waiting: bool = False
    reason: str = ""


class Used(Struct, frozen=True):
    """An upstream of the engine told what it used for ``generation``; several add up.

    May come after the generation was interrupted, until the next one begins: what was made until then is paid for.
    """

    generation: int
    upstream: UpstreamUsage


class Lost(Struct, frozen=True):
    """The engine's conversation is gone, through no fault of the client's: another one may take the call over.

    ``reason`` is for the client where nobody takes over; ``detail`` is for the log only and must hold no secrets.
    ``retry``: another conversation of the same engine may do better.
    """

    reason: str
    detail: str = ""
    retry: bool = True


class Failure(Struct, frozen=True):
    """The engine cannot go on: the session closes with ``code`` and ``reason``.

    ``detail`` is for the log only; it may be long and must hold no secrets.
    """

    reason: str
    code: int = 1011
    detail: str = ""


class Relayed(Struct, frozen=True):
    """A frame of the Gemini dialect and everything it says, in order.

    The session takes the events as if they came alone. If the client may know all of what it would tell of them, it
    sends the frame itself, as it is; otherwise what remains is written anew.
    """

    frame: bytes
    events: "tuple[ModelEvent, ...]"


ModelEvent = (
    ActivityStarted
    | ActivityEnded
    | InputTranscript
    | UserWords
    | GenerationStarted
    | Interrupted
    | TurnComplete
    | CallsCancelled
    | RelayedSpeech
    | Relayed
    | Speech
    | OutputTranscript
    | ModelText
    | ToolCalls
    | Grounding
    | GenerationComplete
    | Used
    | Lost
    | Failure
)
