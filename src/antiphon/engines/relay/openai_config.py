"""How a relay to an OpenAI Realtime upstream is configured, and in what self-hosted servers differ from OpenAI's."""

from typing import Any, Final, Literal

from msgspec import UNSET, Struct, UnsetType
from yarl import URL

from antiphon.engines.cascade.endpoints import payee
from antiphon.providers.openai_realtime import OPENAI_URL, is_azure

TRANSCRIBER: Final = "gpt-4o-mini-transcribe"

Server = Literal["openai", "openai-beta", "speech-to-speech", "speaches", "localai", "vllm-omni"]


class Dialect(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a server speaks and can do. The defaults are OpenAI's.

    ``beta``: the spelling before general availability; its sessions have a temperature, and no thinking. ``greets``:
    the first thing it says is ``session.created``. ``confirms``: it answers ``session.update``.

    ``input_rate`` and ``output_rate`` are samples per second. ``formats``: the formats of sound are named in the
    session. ``detects``: it finds the user's turns itself; where it does not, they are found here. ``interrupts``: it
    stops its answer by itself when the user speaks. ``transcribes``: it writes down what the user says. ``truncates``:
    it can be told how much of an answer was heard. ``cancels``: an answer can be stopped. ``calls``: it calls
    functions.

    ``pictures``: it takes pictures. ``pads``: it takes a prefix padding for its detection.

    ``items``: it takes a history, with answers of the model's, as items; where it does not, the history is told in the
    instruction. ``acknowledges``: items may have ids of the client's choosing, and it says when one was added.

    ``names`` are events that it calls otherwise, with OpenAI's present names for them.
    """

    beta: bool = False
    greets: bool = True
    confirms: bool = True
    input_rate: int = 24_000
    output_rate: int = 24_000
    formats: bool = True
    detects: bool = True
    interrupts: bool = True
    transcribes: bool = True
    truncates: bool = True
    cancels: bool = True
    calls: bool = True
    pictures: bool = True
    pads: bool = True
    items: bool = True
    acknowledges: bool = True
    names: dict[str, str] = {}


DIALECTS: Final[dict[Server, Dialect]] = {
    "openai": Dialect(),
    "openai-beta": Dialect(beta=True, pictures=False),
    # Its README: takes only user's text and function results as items, answers neither truncate nor session.update.
    "speech-to-speech": Dialect(confirms=False, truncates=False, pictures=False, items=False, acknowledges=False),
    # Its source: refuses formats and padding, and is slow to stop by itself (400 ms).
    "speaches": Dialect(beta=True, formats=False, interrupts=False, pictures=False, pads=False),
    # Its source: drops an answer that was interrupted from its history, all of it.
    "localai": Dialect(truncates=False),
    # vllm-project/vllm-omni#5558: 16 kHz in, no detection of turns, no transcripts, no cancel, no functions.
    "vllm-omni": Dialect(
        input_rate=16_000,
        formats=False,
        confirms=False,
        detects=False,
        transcribes=False,
        truncates=False,
        cancels=False,
        calls=False,
        pictures=False,
        items=False,
        acknowledges=False,
    ),
}
"""What is known of servers, by their documentation or source; none of them was run here."""


class OpenAIRealtimeConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """One OpenAI Realtime upstream: OpenAI's, Azure's, or any server that speaks it.

    ``model`` is the upstream's name of the model (Azure: of the deployment). ``url`` is a base address (http, https,
    ws, wss) such as ``https://host/v1``; empty is OpenAI's. ``key`` is an API key or ``env:NAME``; never part of
    ``url``. ``api_version`` is that of an Azure preview, else empty. ``server`` names what is dialled; ``dialect``
    replaces what is known of it. ``headers`` are sent along.

    ``provider`` is who is paid, by the name in the price list: well-known hosts are known, and nobody is paid for what
    runs on a private network. ``price_model`` and ``transcription_price_model`` (empty: the model itself) are names in
    it, too.

    ``voice`` goes before the client's, ``voices`` says how voices that clients name are called here; by default those
    of the Gemini API go to the service's by gender. ``transcription`` is the model that writes down what the user says,
    even where the client does not ask: the history, and an engine that takes the call over, need the words. Unset, it
    is :data:`TRANSCRIBER` at OpenAI's and Azure's and left to any other server; empty is none. ``language`` (ISO 639-1)
    goes before the client's.

    ``threshold`` and ``low_threshold`` are the activation thresholds of the upstream's detection for high and low start
    sensitivity, None leaves its own; ``silence_ms`` and ``low_silence_ms`` the silence that ends a turn for high and
    low end sensitivity, where the client names no silence. ``semantic``: the upstream decides by what was said, not by
    silence (``semantic_vad``).

    ``sees``: the model looks at pictures, where its server takes them; at most one frame of video per
    ``frame_seconds`` is passed on, while the user speaks or just before. ``thinks``: it takes a thinking level.
    ``session`` is laid over the session that is sent, member by member.

    Seconds: ``dial_seconds`` to connect and set up; ``stall_seconds`` without an event while an answer is being made or
    was asked for, 0 for ever; ``session_seconds`` that the upstream lets a session last where it does not say, 0 for no
    end; ``leave_seconds`` before that end, to be gone in the first quiet moment; ``buffer_seconds`` of sound that wait
    where the upstream does not keep up.
    """

    model: str
    url: str = ""
    key: str = ""
    api_version: str = ""
    server: Server = "openai"
    dialect: Dialect | None = None
    headers: dict[str, str] = {}
    name: str = "openai-realtime"
    provider: str | UnsetType = UNSET
    price_model: str = ""
    voice: str = ""
    voices: dict[str, str] = {}
    language: str = ""
    transcription: str | UnsetType = UNSET
    transcription_price_model: str = ""
    threshold: float | None = None
    low_threshold: float = 0.7
    silence_ms: int = 500
    low_silence_ms: int = 900
    semantic: bool = False
    sees: bool = True
    frame_seconds: float = 1.0
    thinks: bool = False
    session: dict[str, Any] = {}
    dial_seconds: float = 8.0
    stall_seconds: float = 20.0
    session_seconds: float = 3600.0
    leave_seconds: float = 30.0
    buffer_seconds: float = 2.0

    def __repr__(self) -> str:
        # Without the key, the headers, and what is laid over the session, which may hold those of others.
        return f"OpenAIRealtimeConfig({self.name!r}, model={self.model!r}, url={self.base!r})"

    @property
    def base(self) -> str:
        """The address to dial, without the method."""
        return self.url or OPENAI_URL

    @property
    def speaks(self) -> Dialect:
        """What the upstream speaks."""
        return self.dialect or DIALECTS[self.server]

    @property
    def shows(self) -> bool:
        """Whether pictures are passed on."""
        return self.sees and self.speaks.pictures

    @property
    def hosted(self) -> bool:
        """Whether OpenAI's own models answer."""
        return self.payer in ("openai", "azure")

    @property
    def scribe(self) -> str:
        """The model that is asked to write down what the user says; empty for none, or for that of the server."""
        if self.transcription is not UNSET:
            return str(self.transcription)
        return TRANSCRIBER if self.hosted else ""

    @property
    def payer(self) -> str:
        """Who is paid; empty for nobody."""
        if self.provider is UNSET and is_azure(self.base):
            return "azure"
        return payee(self.provider, URL(self.base))
