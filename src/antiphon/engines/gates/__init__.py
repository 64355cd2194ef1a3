"""Gates between a call and an engine that is paid for what it hears and sees: silence and idle video do not pass."""

from antiphon.engines.gates.config import GateConfig
from antiphon.engines.gates.engine import GatedEngine

__all__ = ["GateConfig", "GatedEngine"]
