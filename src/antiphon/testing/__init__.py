"""What users import in their own tests: a server in process, a script for its answers, spoken fixtures, a clock.

With Antiphon installed, pytest has the fixtures of :mod:`antiphon.testing.plugin` without any import.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from antiphon.testing.clock import VirtualClock
    from antiphon.testing.realtime_upstream import ScriptedRealtime
    from antiphon.testing.server import RunningServer, Servers
    from antiphon.testing.spoken import SPOKEN, Spoken
    from antiphon.testing.upstream import ScriptedUpstream

__all__ = ["SPOKEN", "RunningServer", "ScriptedRealtime", "ScriptedUpstream", "Servers", "Spoken", "VirtualClock"]

_HOMES = {
    "VirtualClock": "clock",
    "RunningServer": "server",
    "Servers": "server",
    "SPOKEN": "spoken",
    "Spoken": "spoken",
    "ScriptedRealtime": "realtime_upstream",
    "ScriptedUpstream": "upstream",
}


def __getattr__(name: str) -> Any:
    # Loaded on first use: pytest imports this package in every project where Antiphon is installed.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
