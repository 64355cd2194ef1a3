"""A driver for sessions: says what happens, keeps what comes out, and holds the time."""

import base64
from typing import Any

import pytest

from antiphon.live.abilities import Abilities
from antiphon.live.effects import Charge, Close, Effect, Note, Open, Save, Send, SendSpeech, Tell
from antiphon.live.events import UserEvent
from antiphon.live.inputs import EngineOpened, Tick
from antiphon.live.policy import Policy
from antiphon.live.session import Event, Session
from antiphon.wire.gemini.client import MEMBERS
from antiphon.wire.gemini.decode import convert
from antiphon.wire.gemini.server import ServerMessage

SIGHTED = Abilities("test", images=True, continues=True, searches=True, thinks=True)


class Driver:
    """One session under test. ``now`` moves only when told to."""

    def __init__(self, policy: Policy | None = None, abilities: Abilities | None = None) -> None:
        self.now = 100.0
        # Activity messages come with every utterance; the tests of them ask for them.
        self.session = Session(policy or Policy(voice_activity=False), self.now, "s1", abilities or SIGHTED)
        self.effects: list[Effect] = []

    def event(self, event: Event) -> list[Effect]:
        new = self.session.receive(event, self.now)
        self.effects += new
        return new

    def client(self, **members: Any) -> list[Effect]:
        """A client message, as JSON members."""
        ((name, value),) = members.items()
        message, _ = convert(MEMBERS[name], value, name)
        return self.event(message)

    def open(self, **setup: Any) -> "Driver":
        """Through setup to an open session."""
        self.client(setup={"model": "models/gemini-3.1-flash-live-preview", **setup})
        self.event(EngineOpened())
        return self

    def text(self, text: str) -> list[Effect]:
        return self.client(realtimeInput={"text": text})

    def audio(self, pcm: bytes = bytes(640), mime_type: str = "audio/pcm;rate=16000") -> list[Effect]:
        data = base64.b64encode(pcm).decode()
        return self.client(realtimeInput={"audio": {"data": data, "mimeType": mime_type}})

    def later(self, seconds: float) -> list[Effect]:
        """Let time pass, waking the session whenever it asked for it."""
        end, new = self.now + seconds, []
        while (deadline := self.session.deadline) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            new += self.event(Tick())
        self.now = end
        return new

    @property
    def messages(self) -> list[ServerMessage]:
        return [effect.message for effect in self.effects if isinstance(effect, Send)]

    @property
    def told(self) -> list[UserEvent]:
        return [effect.event for effect in self.effects if isinstance(effect, Tell)]

    @property
    def notes(self) -> list[str]:
        return [effect.text for effect in self.effects if isinstance(effect, Note)]

    @property
    def closes(self) -> list[Close]:
        return [effect for effect in self.effects if isinstance(effect, Close)]

    @property
    def charges(self) -> list[Charge]:
        return [effect for effect in self.effects if isinstance(effect, Charge)]


def names(effects: list[Effect]) -> list[str]:
    """What effects are, in words: the sequence a test can be read by."""
    return [name for effect in effects for name in _names(effect)]


def _names(effect: Effect) -> list[str]:
    match effect:
        case Send(message):
            content = message.server_content
            if content is None:
                return [
                    n for n in message.__struct_fields__ if getattr(message, n) is not None and n != "usage_metadata"
                ]
            return [n for n in content.__struct_fields__ if getattr(content, n)]
        case SendSpeech():
            return ["speech"]
        case Tell(event):
            return [f"tell {type(event).__name__}"]
        case Open() | Charge() | Close() | Note() | Save():
            return [type(effect).__name__.lower()]
    raise AssertionError(effect)


@pytest.fixture
def driver() -> Driver:
    return Driver()


@pytest.fixture(name="names")
def names_fixture() -> Any:
    return names


@pytest.fixture
def new_driver() -> type[Driver]:
    return Driver
