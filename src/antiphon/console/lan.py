"""Under which addresses other machines of the network reach this one, and under which only itself does."""

import ipaddress
import socket
from contextlib import suppress
from typing import Final

_ELSEWHERE: Final = (("192.0.2.1", socket.AF_INET), ("2001:db8::1", socket.AF_INET6))
"""Addresses of documentation: the system is asked which way it would go there, and nothing is sent."""

WILDCARDS: Final = frozenset(("0.0.0.0", "::", ""))


def addresses() -> list[str]:
    """This machine's own addresses in its networks, the likeliest first; none without a network."""
    found: dict[str, None] = {}
    for target, family in _ELSEWHERE:
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((target, 9))
            found[probe.getsockname()[0]] = None
    with suppress(OSError):
        for *_, address in socket.getaddrinfo(socket.gethostname(), None):
            found[str(address[0])] = None
    return [address for address in found if _is_reachable(address)]


def is_here(host: str) -> bool:
    """Whether a name or an address is always that of this computer."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_reachable(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return not (parsed.is_loopback or parsed.is_link_local or parsed.is_unspecified)
