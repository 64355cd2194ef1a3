"""What pages about calls, keys and money look at: everything of one server that there is to see or to change."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct
from starlette.types import ASGIApp, Scope

from antiphon.calls.caller import Caller, Permission
from antiphon.calls.clock import Clock
from antiphon.calls.memory import Memory
from antiphon.calls.recording import RecordingConfig
from antiphon.calls.routes import Prospect
from antiphon.calls.station import EngineStatus
from antiphon.calls.switchboard import Switchboard
from antiphon.calls.watching import Watching
from antiphon.live.policy import Policy
from antiphon.meter.budgets import BudgetConfig, Budgets
from antiphon.meter.prices import Prices
from antiphon.routing.route import Route
from antiphon.store.ledger import Ledger


class Doorkeeper(Protocol):
    """Says who is at the other end."""

    @property
    def open(self) -> bool:
        """Whether everybody may come in without a key."""
        ...

    @property
    def configured(self) -> Mapping[str, frozenset[Permission]]:
        """The owners whose keys are in the configuration, and what those are for."""
        ...

    async def admit(self, scope: Scope) -> Caller:
        """Who makes a request, by the key that it carries.

        Raises:
            Refusal: there is none, or it is not good here.
        """
        ...

    async def admit_key(self, key: str) -> Caller:
        """Who shows ``key``.

        Raises:
            Refusal: it is no key of this server.
        """
        ...

    async def recall(self, owner: str) -> Caller | None:
        """Who showed a key before; None once that key is no longer in force."""
        ...


class Installation(Struct, frozen=True):
    """Where the server is, and what its owner decided. ``ca`` is the certificate of its own authority.

    ``keeps_content``: timelines hold words, arguments and results.
    """

    version: str
    host: str
    port: int
    tls_port: int | None
    names: tuple[str, ...]
    ca: Path | None
    data_dir: Path
    keeps_content: bool
    recording: RecordingConfig


class Desk(Struct, frozen=True, kw_only=True):
    """The parts of one running server. ``now`` is the time of day, in seconds of the Unix epoch.

    ``prospect`` says what a call of a model would begin with, and raises Refusal where there could be none.
    ``explain`` tells the configuration in effect, line by line and without secrets.
    """

    installation: Installation
    doorkeeper: Doorkeeper
    switchboard: Switchboard
    memory: Memory
    ledger: Ledger
    prices: Prices
    budget: BudgetConfig
    budgets: Budgets
    watching: Watching
    policy: Policy
    clock: Clock
    now: Callable[[], float]
    engines: Callable[[], Sequence[EngineStatus]]
    routes: Callable[[], Mapping[str, Route]]
    explain: Callable[[], Sequence[str]]
    max_sessions: int
    prospect: Callable[[str], Prospect]


Pages = Callable[[Desk], ASGIApp]
"""Makes the application that serves everything below :data:`PAGES_PATH`."""

PAGES_PATH = "/console"
