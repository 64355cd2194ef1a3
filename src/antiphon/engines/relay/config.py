"""How a relay to a Gemini Live upstream is configured."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType
from yarl import URL

from antiphon.engines.cascade.endpoints import payee

GEMINI_URL = "https://generativelanguage.googleapis.com"


class Vertex(Struct, frozen=True, forbid_unknown_fields=True):
    """A project of Vertex AI.

    ``token`` is a bearer token or ``env:NAME``; empty takes the credentials of this machine (Application Default
    Credentials), which needs ``pip install 'antiphon[vertex]'``.
    """

    project: str
    location: str = "us-central1"
    token: str = ""

    def __repr__(self) -> str:
        # Without the token.
        return f"Vertex({self.project!r}, {self.location!r})"


class GeminiRelayConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """One Gemini Live upstream: the Developer API, Vertex AI, or any server that speaks it.

    ``model`` is the upstream's name of the model. ``url`` is a base address (http, https, ws, wss); empty is the hosted
    service. ``key`` is an API key or ``env:NAME``; never part of ``url``. ``version`` is that of the API, empty for
    ``v1beta`` (Vertex: ``v1beta1``).

    ``provider`` and ``price_model`` (empty: ``model``) are the upstream's names in the price list; without a provider,
    it is who is known to be at the address, and nobody on a private network. ``voice`` and ``language`` go before the
    client's. ``setup`` is laid over the setup that is sent, member by member.

    ``transcripts`` asks for the words of both sides even where the client does not: the history kept here, and an
    engine that takes the call over, need them. ``context_cap`` is the number of tokens at which the upstream drops its
    oldest turns, down to half of it; None leaves the upstream's own (80 % of the window). Every turn is charged for all
    of it.

    ``context_updates``: the upstream takes ``contextUpdate``. One that does not is dialled anew, between two turns,
    when the instruction or the tools change.

    Seconds: ``dial_seconds`` to connect and set up; ``stall_seconds`` without a frame while an answer is being made or
    owed, 0 for ever; ``resume_seconds`` to get a lost session back; ``buffer_seconds`` of sound kept meanwhile;
    ``replay_seconds`` of the user's turn kept, to be said again to an upstream that forgot it; ``leave_seconds`` before
    the end that a ``goAway`` announces, to be gone at the latest (half of what is left, if that is less). ``resume``:
    ask for handles at all.
    """

    model: str
    url: str = ""
    key: str = ""
    vertex: Vertex | None = None
    version: str = ""
    name: str = "gemini-live"
    provider: str | UnsetType = UNSET
    price_model: str = ""
    voice: str = ""
    language: str = ""
    setup: dict[str, Any] = {}
    transcripts: bool = True
    context_cap: int | None = None
    context_updates: bool = False
    resume: bool = True
    dial_seconds: float = 8.0
    stall_seconds: float = 12.0
    resume_seconds: float = 6.0
    buffer_seconds: float = 2.0
    replay_seconds: float = 20.0
    leave_seconds: float = 5.0

    def __repr__(self) -> str:
        # Without the key, and without what is laid over the setup, which may hold keys of others.
        return f"GeminiRelayConfig({self.name!r}, model={self.model!r}, url={self.base!r})"

    @property
    def base(self) -> str:
        """The address to dial, without the method."""
        if self.url or self.vertex is None:
            return self.url or GEMINI_URL
        location = self.vertex.location
        return f"https://{'' if location == 'global' else f'{location}-'}aiplatform.googleapis.com"

    @property
    def payer(self) -> str:
        """Who is paid, by their name in the price list; empty for nobody."""
        if self.provider is UNSET and self.vertex is not None and not self.url:
            # Its host is named after its place.
            return "google"
        return payee(self.provider, URL(self.base))

    @property
    def path(self) -> str:
        """The model as the upstream's dialect spells it."""
        if "/" in self.model:
            return self.model
        if self.vertex is None:
            return f"models/{self.model}"
        return f"projects/{self.vertex.project}/locations/{self.vertex.location}/publishers/google/models/{self.model}"
