"""Keys of the database while calls run: a key that goes out of force ends its calls, a changed limit holds at once."""

from collections.abc import Callable, Iterable
from typing import Final

from antiphon.calls.call import Call
from antiphon.calls.metering import Metering, own_limits
from antiphon.live.inputs import Refused
from antiphon.store.keys import Keys, StoredKey, is_stored
from antiphon.wire.refusal import CloseCode, Refusal

LOOK_SECONDS: Final = 0.5
"""How often it is looked whether the keys of running calls are still good: one read of the database."""

_REMEDY: Final = "ask the owner of the server for another"


def objection_to(key: StoredKey, now: float) -> Refusal | None:
    """What is said to who shows a key that is no longer good; None for a good one."""
    state = key.state(now)
    if state == "active":
        return None
    reason = "this API key was revoked" if state == "revoked" else "this API key has expired"
    return Refusal("", reason, _REMEDY, CloseCode.POLICY)


def _lost(key: StoredKey) -> Refusal | None:
    """What is said once a key that talks may not talk any more; None while it may."""
    if {"live", "admin"} & set(key.terms.permissions):
        return None
    return Refusal("", 'this API key lost the permission "live"', _REMEDY, CloseCode.POLICY)


class KeyWatch:
    """Looks after the keys that calls came with."""

    def __init__(self, keys: Keys, calls: Callable[[], Iterable[Call]], metering: Metering) -> None:
        self._keys = keys
        self._calls = calls
        self._metering = metering

    async def look(self) -> None:
        """Close the calls of keys that are no longer good, hear of changed limits, write when keys were used.

        Raises:
            StoreError: the database failed.
        """
        await self._keys.write_uses()
        owners = {call.caller.owner for call in self._calls() if is_stored(call.caller.owner)}
        if not owners:
            return
        found = await self._keys.get_all(owners)
        now = self._keys.now()
        for call in tuple(self._calls()):
            key = found.get(call.caller.owner)
            objection = objection_to(key, now) or _lost(key) if key else None
            if objection is not None and not call.session.closed:
                call.receive(Refused(objection))
        for key in found.values():
            await self._metering.limit(key.id, own_limits(key.id, key.terms.limits) or {})
