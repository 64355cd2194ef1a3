"""What a caller gets for a setup: the constraint of the token, the session a handle stands for, one use counted."""

import logging
from typing import Protocol

from antiphon.calls.caller import Caller, Grant
from antiphon.live.constraint import constrain, overruled
from antiphon.live.inputs import Begin
from antiphon.live.snapshot import Snapshot
from antiphon.store.grants import Grants
from antiphon.wire.gemini import client
from antiphon.wire.gemini.decode import convert
from antiphon.wire.refusal import CloseCode, Refusal

log = logging.getLogger("antiphon.calls")

ANOTHER_TOKEN = "make another one with POST /v1alpha/auth_tokens"


class Resumptions(Protocol):
    """Where sessions are kept between connections."""

    async def load(self, handle: str, owner: str) -> Snapshot:
        """What ``handle`` stands for.

        Raises:
            Refusal: there is no such session of this owner.
        """
        ...


class Admission:
    """Looks up what a setup refers to, before its session sees it."""

    def __init__(self, grants: Grants, resumptions: Resumptions) -> None:
        self._grants = grants
        self._resumptions = resumptions

    async def begin(self, setup: client.Setup, caller: Caller) -> Begin:
        """What the session of ``caller`` begins with.

        A token loses one use, unless it resumes a session: that may be done until the token expires.

        Raises:
            Refusal: the key or the token does not allow it, or there is nothing to resume.
            StoreError: the database failed.
        """
        grant = caller.grant
        got = setup if grant is None else _constrained(setup, grant)
        _check_model(got, caller)
        left = None if grant is None else self._left(grant)
        snapshot = await self._snapshot(got, caller)
        if grant is not None and snapshot is None:
            await self._use(grant)
        return Begin(got, snapshot, left)

    async def _snapshot(self, setup: client.Setup, caller: Caller) -> Snapshot | None:
        handle = _handle(setup)
        return await self._resumptions.load(handle, caller.owner) if handle else None

    def _left(self, grant: Grant) -> float:
        left = grant.expires - self._grants.now()
        if left <= 0:
            raise Refusal("", "this ephemeral token has expired", ANOTHER_TOKEN, CloseCode.POLICY)
        return left

    async def _use(self, grant: Grant) -> None:
        if await self._grants.use(grant.id):
            return
        reason = "every use of this ephemeral token is spent"
        if grant.new_session_expires <= self._grants.now():
            reason = "newSessionExpireTime of this ephemeral token has passed"
        raise Refusal("", reason, ANOTHER_TOKEN, CloseCode.POLICY)


def _constrained(wanted: client.Setup, grant: Grant) -> client.Setup:
    constraint = None if grant.setup is None else convert(client.Setup, grant.setup, "setup")[0]
    got = constrain(wanted, constraint, grant.field_mask)
    if _handle(wanted) and not _handle(got):
        reason, remedy = "this token's setup rules out resuming", "connect without a handle"
        raise Refusal("setup.sessionResumption.handle", reason, remedy, CloseCode.POLICY)
    if changed := overruled(wanted, got):
        log.info("token %s… overrules the connection's %s", grant.id[:8], ", ".join(changed))
    return got


def _check_model(setup: client.Setup, caller: Caller) -> None:
    """Without a model the session will refuse the setup, and say what it misses."""
    if setup.model and not caller.may_ask_for(setup.model):
        name = setup.model.rsplit("/", 1)[-1]
        remedy = f"it may have {', '.join(caller.models)}"
        raise Refusal("setup.model", f"{name[:60]} is not allowed for this key", remedy, CloseCode.POLICY)


def _handle(setup: client.Setup) -> str:
    return setup.session_resumption.handle if setup.session_resumption else ""
