"""``POST /{version}/auth_tokens``: ephemeral tokens, for programs that must not hold a key."""

import logging
import time

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from antiphon.calls.caller import Caller
from antiphon.live import constraint, profiles
from antiphon.server import body
from antiphon.server.auth import TOKEN_PREFIX, Gate
from antiphon.server.models import error, refused
from antiphon.store.database import StoreError
from antiphon.store.grants import GrantLimitError, Grants, StoredGrant
from antiphon.wire.gemini import client
from antiphon.wire.gemini.auth_token import AuthToken, decode_auth_token, moment
from antiphon.wire.refusal import Refusal

log = logging.getLogger("antiphon.server")

LIFETIME = 30 * 60.0
"""Seconds a token lives unless its maker says otherwise."""

NEW_SESSION_LIFETIME = 60.0
"""Seconds within which a session must begin unless its maker says otherwise."""

MAX_LIFETIME = 20 * 3600.0
MAX_BODY = 1 << 20


def routes(gate: Gate, grants: Grants) -> list[Route]:
    """The routes of this door, for any version and below any prefix, as clients build their URLs."""
    door = TokenDoor(gate, grants)
    paths = ("/{version}/auth_tokens", "/{prefix:path}/{version}/auth_tokens")
    return [Route(path, door.create, methods=["POST"]) for path in paths]


class TokenDoor:
    """Makes tokens for those who show a key."""

    def __init__(self, gate: Gate, grants: Grants) -> None:
        self._gate = gate
        self._grants = grants

    async def create(self, request: Request) -> Response:
        """Answer one request."""
        try:
            caller = await self._gate.admit(request.scope, "live")
        except Refusal as refusal:
            return refused(refusal)
        try:
            wish = decode_auth_token(await body.read(request, MAX_BODY))
            _check_allowed(wish, caller)
            grant = grant_for(wish, caller.owner, self._grants.now())
            secret = await self._grants.create(grant)
        except Refusal as refusal:
            return error(400, str(refusal), "INVALID_ARGUMENT")
        except GrantLimitError:
            reason = f"all {self._grants.per_owner} ephemeral tokens of this key are alive"
            return error(429, f"{reason}; wait for some to expire, or give them an expireTime", "RESOURCE_EXHAUSTED")
        except StoreError:
            log.exception("a token could not be kept")
            return error(503, "the server cannot keep tokens now; try again, or see its log", "UNAVAILABLE")
        return JSONResponse({"name": TOKEN_PREFIX + secret}, headers={"Cache-Control": "no-store"})


def grant_for(token: AuthToken, owner: str, now: float) -> StoredGrant:
    """What is kept of a token that was asked for at ``now`` (seconds of the Unix epoch).

    Raises:
        Refusal: a time is out of range, the model is not known, or the mask names what is no field of a setup.
    """
    setup = token.bidi_generate_content_setup
    if setup is not None:
        _check_model(setup)
    uses = 1 if token.uses is None else token.uses
    return StoredGrant(
        owner=owner,
        setup=None if setup is None else msgspec.to_builtins(setup),
        field_mask=tuple(map(".".join, constraint.resolve(token.field_mask))),
        uses_left=uses or None,
        expires=_time(token.expire_time, "expireTime", now, LIFETIME),
        new_session_expires=_time(token.new_session_expire_time, "newSessionExpireTime", now, NEW_SESSION_LIFETIME),
    )


def _check_allowed(token: AuthToken, caller: Caller) -> None:
    setup = token.bidi_generate_content_setup
    if setup is not None and setup.model and not caller.may_ask_for(setup.model):
        reason = f"{setup.model[:50]} is not allowed for this key"
        raise Refusal("bidiGenerateContentSetup.model", reason, f"it may have {', '.join(caller.models)}")


def _check_model(setup: client.Setup) -> None:
    if setup.model and profiles.find(setup.model) is None:
        known = ", ".join(reversed(profiles.PROFILES))
        raise Refusal("bidiGenerateContentSetup.model", f"{setup.model[:50]} is not found", f"use {known}")


def _time(text: str, field: str, now: float, default: float) -> float:
    if not text:
        return now + default
    when = moment(text, field)
    if not now < when < now + MAX_LIFETIME:
        here = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
        reason = f"{text[:40]} has passed" if when <= now else f"{text[:40]} is too far ahead"
        raise Refusal(field, reason, f"choose less than 20 hours after {here}, the time of this server")
    return when
