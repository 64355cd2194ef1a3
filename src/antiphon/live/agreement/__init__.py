"""A client's setup, updates and content, turned into what this server agreed to; what it cannot honour is named.

Three measures decide: what the model's profile permits, what the engine can do, and what the server's owner wants.
A *lenient* server takes whatever real clients send, and ignores what a model does not have; a *strict* one refuses
what the hosted service refuses. Both name the field: where the hosted service stays silent, or closes with "invalid
argument", a client of this server reads what to change.
"""

from antiphon.live.agreement.content import scheduling_of, turn
from antiphon.live.agreement.generation import MAX_TEMPERATURE
from antiphon.live.agreement.session import agree, update

__all__ = ["MAX_TEMPERATURE", "agree", "scheduling_of", "turn", "update"]
