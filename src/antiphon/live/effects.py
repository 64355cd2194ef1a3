"""What a session wants done. Whoever owns the session performs effects in order and decides nothing."""

from msgspec import Struct

from antiphon.live.events import UserEvent
from antiphon.live.seed import Seed
from antiphon.live.setup import Setup
from antiphon.live.snapshot import Snapshot
from antiphon.live.tokens import UpstreamUsage, Usage
from antiphon.wire.gemini.server import ServerMessage


class Send(Struct, frozen=True):
    """Send this message to the client. Never dropped."""

    message: ServerMessage


class SendSpeech(Struct, frozen=True, gc=False):
    """Send model speech (24 kHz mono s16le) to the client; dropped once ``generation`` is dead."""

    generation: int
    pcm: bytes


class SendFrame(Struct, frozen=True, gc=False):
    """Send this frame of the Gemini dialect as it is. With a ``generation`` it holds speech, and is dropped with it."""

    generation: int
    frame: bytes


class Open(Struct, frozen=True):
    """Open an engine's conversation, and report :class:`~antiphon.live.inputs.EngineOpened`.

    ``replay_from``: what the user said from this second of the input on, the engine before did not hear to the end.
    """

    setup: Setup
    seed: Seed = Seed()
    replay_from: float | None = None


class Abandon(Struct, frozen=True):
    """The engine's conversation is good for nothing any more; report :class:`~antiphon.live.inputs.EngineLost`."""

    reason: str


class Announce(Struct, frozen=True):
    """Close the engine's conversation, and say ``text`` as ``generation`` with a voice of the server's own."""

    generation: int
    text: str
    setup: Setup


class Tell(Struct, frozen=True, gc=False):
    """Hand this to the engine's conversation."""

    event: UserEvent


class Unheard(Struct, frozen=True):
    """So many seconds of the user's sound were told to nobody: they came outside of any activity that was marked."""

    seconds: float


class Charge(Struct, frozen=True):
    """A generation ended, and this is what it used. Once per generation.

    ``usage`` is what the client is told, ``upstream`` what the engine's own upstreams were used for; none where
    everything ran on the owner's hardware.
    """

    generation: int
    usage: Usage
    upstream: tuple[UpstreamUsage, ...] = ()


class Spend(Struct, frozen=True):
    """An upstream told what it was used for only after the generation had been charged: it was interrupted."""

    generation: int
    upstream: UpstreamUsage


class Close(Struct, frozen=True):
    """End the session. ``reason`` is whole; a close frame carries what fits. Once, and the last effect.

    ``code`` is None when the client already left.
    """

    code: int | None
    reason: str


class Save(Struct, frozen=True):
    """Keep ``snapshot``, and report :class:`~antiphon.live.inputs.Saved` with a handle to it once it is safe."""

    snapshot: Snapshot


class Note(Struct, frozen=True):
    """Something for the log that the client cannot be told: an ignored field, a late answer."""

    text: str


Effect = (
    Send | SendSpeech | SendFrame | Open | Abandon | Announce | Tell | Unheard | Charge | Spend | Save | Close | Note
)
