"""Credentials in every place that clients put them; keys open everything, tokens one method."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from antiphon.calls.caller import EVERYTHING, LIVE, USUAL, Caller, Grant
from antiphon.server.auth import Forbidden, Gate, Keys, credential, owner_of
from antiphon.store.database import Database
from antiphon.store.grants import Grants, StoredGrant, digest
from antiphon.store.keys import KeyLimits, KeyTerms, StoredKey
from antiphon.store.keys import Keys as StoredKeys
from antiphon.wire.refusal import MAX_CLOSE_REASON, Refusal

SERVICE = "/ws/google.ai.generativelanguage.v1alpha.GenerativeService."
PLAIN, CONSTRAINED = f"{SERVICE}BidiGenerateContent", f"{SERVICE}BidiGenerateContentConstrained"
OTHER_METHODS = [PLAIN, "/", "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"]
NOW = 1_000_000.0


def scope(query: str = "", path: str = PLAIN, kind: str = "websocket", **headers: str) -> dict[str, Any]:
    """A connection; underscores in header names stand for dashes."""
    encoded = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return {"type": kind, "path": path, "headers": encoded, "query_string": query.encode()}


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (scope(), ""),
        (scope("key=a"), "a"),
        (scope("access_token=b"), "b"),
        (scope(x_goog_api_key="c"), "c"),
        (scope(authorization="Bearer d"), "d"),
        (scope(authorization="Token auth_tokens/e"), "auth_tokens/e"),
        (scope(authorization="TOKEN  f "), "f"),
        (scope(authorization="Basic g"), ""),
        (scope(authorization="Bearer"), ""),
        (scope("key="), ""),
        (scope("key=a&key=b"), "a"),
        (scope("key=a%2Bb%2Fc"), "a+b/c"),
        (scope("key=a+b/c=="), "a+b/c=="),
        (scope("access_token=auth_tokens/x"), "auth_tokens/x"),
    ],
)
def test_what_a_request_shows(shown: dict[str, Any], expected: str) -> None:
    assert credential(shown) == expected


def test_the_order_is_that_of_the_reference() -> None:
    everything = {"authorization": "Bearer 1", "x_goog_api_key": "3"}
    assert credential(scope("access_token=2&key=4", **everything)) == "1"
    del everything["authorization"]
    assert credential(scope("access_token=2&key=4", **everything)) == "2"
    assert credential(scope("key=4", **everything)) == "3"
    assert credential(scope("key=4")) == "4"


class TestKeys:
    def test_without_keys_everybody_is_the_same_owner(self) -> None:
        assert Keys(()).owner("") == Keys(()).owner("whatever") == ""
        assert Keys(()).owners == {""}

    def test_each_of_the_keys_is_an_owner_of_its_own(self) -> None:
        keys = Keys(("one", "two"))
        assert [keys.owner(key) for key in ("one", "two")] == [owner_of("one"), owner_of("two")]
        assert keys.owners == {owner_of("one"), owner_of("two")}
        assert len(keys.owners) == 2

    def test_an_owner_does_not_tell_the_key(self) -> None:
        assert owner_of("one") == owner_of("one")
        assert "one" not in owner_of("one")

    def test_no_key_says_how_to_send_one(self) -> None:
        with pytest.raises(Refusal, match="send x-goog-api-key or") as refused:
            Keys(("one",)).owner("")
        assert refused.value.code == 1008

    @pytest.mark.parametrize("wrong", ["o", "ONE", "one ", "onetwo", "é", "\x00"])
    def test_a_wrong_key_is_the_clients_to_change(self, wrong: str) -> None:
        with pytest.raises(Refusal, match="API key not valid") as refused:
            Keys(("one", "two")).owner(wrong)
        assert refused.value.code == 1007
        assert wrong not in ("é",) or "é" not in str(refused.value)


class World:
    """Gates of servers with one database, and the time on the wall."""

    def __init__(self, database: Database) -> None:
        self.now = NOW
        self.grants = Grants(database, lambda: self.now)
        self.keys = StoredKeys(database, lambda: self.now)

    def gate(self, *keys: str, strict: bool = False, admins: tuple[str, ...] = ()) -> Gate:
        return Gate(keys, self.grants, admin_keys=admins, strict=strict, stored=self.keys)

    async def stored(self, **terms: Any) -> tuple[StoredKey, str]:
        return await self.keys.create(KeyTerms(name="demo", **terms), "")

    async def token(self, owner: str = "", **wishes: Any) -> str:
        plain = StoredGrant(owner, {"model": "m"}, ("model",), 1, NOW + 1800, NOW + 60)
        return f"auth_tokens/{await self.grants.create(replace(plain, **wishes))}"


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


class TestAKeyAtTheGate:
    @pytest.mark.parametrize("path", [*OTHER_METHODS, CONSTRAINED, f"/prefix{CONSTRAINED}/"])
    @pytest.mark.parametrize("kind", ["websocket", "http"])
    async def test_it_opens_everything(self, world: World, path: str, kind: str) -> None:
        caller = await world.gate("one").admit(scope("key=one", path, kind))
        assert caller == Caller(owner_of("one"), permissions=USUAL)

    async def test_an_open_server_takes_anybody(self, world: World) -> None:
        for path in (*OTHER_METHODS, CONSTRAINED):
            assert await world.gate().admit(scope(path=path)) == Caller("", permissions=EVERYTHING)

    async def test_a_strict_one_wants_a_token_where_the_hosted_service_does(self, world: World) -> None:
        gate = world.gate("one", strict=True)
        with pytest.raises(Refusal, match="takes an ephemeral token, not an API key; dial") as refused:
            await gate.admit(scope("key=one", CONSTRAINED))
        assert refused.value.code == 1008
        assert (await gate.admit(scope("key=one", PLAIN))).owner == owner_of("one")

    @pytest.mark.parametrize("shown", [scope(), scope("key=wrong"), scope("key=wrong", CONSTRAINED)])
    async def test_anything_else_is_refused(self, world: World, shown: dict[str, Any]) -> None:
        with pytest.raises(Refusal):
            await world.gate("one").admit(shown)

    @given(st.text(st.characters(codec="ascii", exclude_categories=["C"], exclude_characters=" "), min_size=1))
    def test_it_opens_from_everywhere(self, key: str) -> None:
        gate = Gate((key,), Grants(Database(Path("unused"))))
        for shown in (
            scope(f"key={quote(key, safe='')}"),
            scope(x_goog_api_key=key),
            scope(authorization=f"Bearer {key}"),
        ):
            assert asyncio.run(gate.admit(shown)).owner == owner_of(key)

    @given(st.binary(max_size=40), st.binary(max_size=40))
    def test_whatever_bytes_are_shown_the_answer_is_a_refusal(self, query: bytes, header: bytes) -> None:
        shown = {**scope(), "query_string": b"key=" + query, "headers": [(b"authorization", b"Bearer " + header)]}
        key = "a-key-that-is-longer-than-all-of-those-bytes-put-together"
        with pytest.raises(Refusal):
            asyncio.run(Gate((key,), Grants(Database(Path("unused")))).admit(shown))


class TestATokenAtTheGate:
    @pytest.mark.parametrize("keys", [(), ("one", "two")])
    async def test_it_opens_its_method(self, world: World, keys: tuple[str, ...]) -> None:
        owner = owner_of("two") if keys else ""
        token = await world.token(owner)
        grant = Grant(digest(token.removeprefix("auth_tokens/")), {"model": "m"}, ("model",), NOW + 1800, NOW + 60)
        for strict in (False, True):
            for shown in (
                scope(f"access_token={token}", CONSTRAINED),
                scope(path=f"/prefix/{CONSTRAINED}/", authorization=f"Token {token}", x_goog_api_key=token),
            ):
                assert await world.gate(*keys, strict=strict).admit(shown) == Caller(owner, grant)

    @pytest.mark.parametrize("path", OTHER_METHODS)
    async def test_it_opens_no_other_and_is_told_which(self, world: World, path: str) -> None:
        token = await world.token()
        with pytest.raises(Refusal, match="not an API key; dial BidiGenerateContentConstrained with it") as refused:
            await world.gate().admit(scope(f"key={token}", path))
        assert refused.value.code == 1008

    @pytest.mark.parametrize("path", ["/v1/models", "/v1alpha/auth_tokens", CONSTRAINED])
    async def test_it_opens_no_request(self, world: World, path: str) -> None:
        token = await world.token()
        with pytest.raises(Refusal, match="an ephemeral token is not an API key; send an API key"):
            await world.gate().admit(scope(path=path, kind="http", x_goog_api_key=token))

    @pytest.mark.parametrize("token", ["auth_tokens/", "auth_tokens/unknown", "auth_tokens/é"])
    async def test_an_unknown_one_is_refused_even_by_an_open_server(self, world: World, token: str) -> None:
        await world.token()
        with pytest.raises(Refusal, match="ephemeral token not valid; make one") as refused:
            await world.gate().admit(scope(path=CONSTRAINED, authorization=f"Token {token}"))
        assert refused.value.code == 1007
        assert token not in str(refused.value)

    async def test_an_expired_one_is_told_so(self, world: World) -> None:
        token = await world.token()
        world.now += 1800
        with pytest.raises(Refusal, match="this ephemeral token has expired; make one") as refused:
            await world.gate().admit(scope(f"access_token={token}", CONSTRAINED))
        assert refused.value.code == 1007

    async def test_it_goes_out_of_force_with_its_key(self, world: World) -> None:
        of_key, of_nobody = await world.token(owner_of("one")), await world.token()
        for token, gate in ((of_key, world.gate("two")), (of_key, world.gate()), (of_nobody, world.gate("one"))):
            with pytest.raises(Refusal, match="not valid"):
                await gate.admit(scope(f"access_token={token}", CONSTRAINED))

    async def test_a_spent_one_still_comes_in_to_resume(self, world: World) -> None:
        token = await world.token()
        assert await world.grants.use(digest(token.removeprefix("auth_tokens/")))
        world.now += 61
        caller = await world.gate().admit(scope(f"access_token={token}", CONSTRAINED))
        assert caller.grant is not None

    async def test_without_the_database_the_server_is_to_blame(self, world: World, database: Database) -> None:
        await database.aclose()
        with pytest.raises(Refusal, match="cannot look up tokens; try again") as refused:
            await world.gate().admit(scope("access_token=auth_tokens/x", CONSTRAINED))
        assert refused.value.code == 1011


class TestAStoredKeyAtTheGate:
    async def test_it_is_what_the_database_says(self, world: World) -> None:
        limits = KeyLimits(concurrent=2)
        key, secret = await world.stored(permissions=("live", "metrics"), models=("m",), limits=limits)
        for gate in (world.gate("one"), world.gate()):
            caller = await gate.admit(scope(f"key={secret}"))
            assert caller == Caller(
                key.id, permissions=frozenset(("live", "metrics")), models=("m",), name="demo", limits=limits
            )

    async def test_configured_ones_come_first(self, world: World) -> None:
        _, secret = await world.stored()
        assert (await world.gate(secret).admit(scope(f"key={secret}"))).owner == owner_of(secret)

    async def test_what_only_looks_like_one_is_none(self, world: World) -> None:
        with pytest.raises(Refusal, match="API key not valid"):
            await world.gate("one").admit(scope("key=antiphon-guess"))
        assert (await world.gate().admit(scope("key=antiphon-guess"))).owner == ""

    async def test_an_expired_or_revoked_one_is_told_so(self, world: World) -> None:
        key, secret = await world.stored(expires=NOW + 60)
        world.now += 60
        for gate in (world.gate("one"), world.gate()):
            with pytest.raises(Refusal, match="this API key has expired; ask the owner") as refused:
                await gate.admit(scope(f"key={secret}"))
        await world.keys.revoke(key.id)
        with pytest.raises(Refusal, match="this API key was revoked; ask the owner") as refused:
            await world.gate("one").admit(scope(f"key={secret}"))
        assert refused.value.code == 1008
        assert secret not in str(refused.value)

    async def test_it_opens_what_it_is_for(self, world: World) -> None:
        _, secret = await world.stored(permissions=("metrics",))
        gate = world.gate("one")
        assert await gate.admit(scope(f"key={secret}", kind="http"), "metrics")
        with pytest.raises(Forbidden, match='lacks the permission "live"') as refused:
            await gate.admit(scope(f"key={secret}"), "live")
        assert refused.value.code == 1008

    async def test_who_may_do_everything_may_do_anything(self, world: World) -> None:
        _, secret = await world.stored(permissions=("admin",))
        assert await world.gate("one").admit(scope(f"key={secret}"), "live")
        assert (await world.gate("one", admins=("root",)).admit(scope("key=root"), "admin")).may("admin")

    async def test_it_is_recalled_while_it_is_in_force(self, world: World) -> None:
        key, _ = await world.stored(expires=NOW + 60)
        gate = world.gate("one")
        assert (await gate.recall(key.id) or Caller()).name == "demo"
        assert await gate.recall("ak_unknown") is None
        world.now += 60
        assert await gate.recall(key.id) is None

    async def test_when_it_was_used_is_noted(self, world: World) -> None:
        key, secret = await world.stored()
        await world.gate("one").admit(scope(f"key={secret}"))
        (listed,) = await world.keys.all()
        assert (listed.id, listed.last_used) == (key.id, NOW)

    async def test_its_tokens_are_limited_as_it_is(self, world: World) -> None:
        limits = KeyLimits(concurrent=1)
        key, _ = await world.stored(permissions=("admin",), models=("m",), limits=limits)
        token = await world.token(key.id)
        caller = await world.gate("one").admit(scope(f"access_token={token}", CONSTRAINED), "live")
        assert (caller.owner, caller.models, caller.limits) == (key.id, ("m",), limits)
        assert caller.permissions == LIVE, "a token opens the Live API and nothing else"
        assert caller.grant is not None

    async def test_its_tokens_go_with_it(self, world: World) -> None:
        key, _ = await world.stored()
        token = scope(f"access_token={await world.token(key.id)}", CONSTRAINED)
        assert await world.gate().admit(token)
        await world.keys.revoke(key.id)
        for gate in (world.gate(), world.gate("one")):
            with pytest.raises(Refusal, match="this API key was revoked"):
                await gate.admit(token)
        with pytest.raises(Refusal, match="not valid"):
            await world.gate("one").admit(scope(f"access_token={await world.token('ak_gone')}", CONSTRAINED))

    async def test_a_token_of_a_key_that_may_not_talk_may_not_either(self, world: World) -> None:
        key, _ = await world.stored(permissions=("metrics",))
        with pytest.raises(Forbidden):
            await world.gate("one").admit(scope(f"access_token={await world.token(key.id)}", CONSTRAINED), "live")

    async def test_without_the_database_the_server_is_to_blame(self, world: World, database: Database) -> None:
        await database.aclose()
        with pytest.raises(Refusal, match="cannot look up keys; try again") as refused:
            await world.gate("one").admit(scope("key=antiphon-x"))
        assert refused.value.code == 1011


async def test_every_reason_fits_a_close_frame(world: World) -> None:
    shown = [
        scope(),
        scope("key=wrong"),
        scope("key=auth_tokens/x"),
        scope("key=auth_tokens/x", CONSTRAINED),
        scope("key=one", CONSTRAINED),
    ]
    for each in shown:
        with pytest.raises(Refusal) as refused:
            await world.gate("one", strict=True).admit(each)
        assert len(str(refused.value).encode()) <= MAX_CLOSE_REASON
