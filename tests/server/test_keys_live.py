"""Keys of the database at the doors of a running server: what each allows, and what becomes of its calls."""

import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from antiphon.calls.call import Call
from antiphon.calls.keywatch import LOOK_SECONDS
from antiphon.live.events import Used
from antiphon.live.tokens import Tokens, UpstreamUsage, Usage
from antiphon.server.running import Server
from antiphon.store.grants import StoredGrant
from antiphon.store.keys import KeyLimits, Keys, KeyTerms
from antiphon.store.ledger import Entry, Ledger

PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
TOKEN_PATH = "/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContentConstrained"
OLDER = "models/gemini-2.5-flash-native-audio-preview-12-2025"
DEAR = UpstreamUsage("google", "gemini-3.8-live", Usage(response=Tokens(audio=100_000)))

Made = tuple[str, str]


@pytest.fixture
async def locked(serve: Callable[..., Awaitable[Server]]) -> Server:
    """A server that strangers cannot use."""
    return await serve(keys=("configured",))


@pytest.fixture
def make(locked: Server) -> Callable[..., Awaitable[Made]]:
    """Makes keys: id and secret."""

    async def make(**terms: Any) -> Made:
        key, secret = await keys_of(locked).create(KeyTerms(name="demo", **terms), "")
        return key.id, secret

    return make


def keys_of(server: Server) -> Keys:
    return server._memory.keys


@pytest.fixture
def talk(locked: Server, dial: Any) -> Callable[..., Awaitable[Any]]:
    """A client with a key that has not sent its setup yet."""

    async def talk(secret: str) -> Any:
        return await dial(locked, f"{PATH}?key={secret}")

    return talk


class TestWhatAKeyIsFor:
    async def test_it_talks(self, make: Any, talk: Any) -> None:
        client = await talk((await make())[1])
        assert "setupComplete" in await client.setup()

    async def test_one_for_something_else_does_not(self, locked: Server, make: Any, talk: Any, get: Any) -> None:
        _, secret = await make(permissions=("metrics",))
        client = await talk(secret)
        code, reason = await client.closed()
        assert (code, reason) == (
            1008,
            'this API key lacks the permission "live"; ask the owner of the server for it',
        )
        for method, path in (
            ("GET", "/v1beta/models"),
            ("POST", "/v1alpha/auth_tokens"),
            ("POST", "/v1beta/models/gemini-3.8-live:countTokens"),
        ):
            answer: httpx.Response = await get(f"{locked.url}{path}", method, headers={"x-goog-api-key": secret})
            assert (answer.status_code, answer.json()["error"]["status"]) == (403, "PERMISSION_DENIED")

    async def test_metrics_need_their_own(self, serve: Any, get: Any) -> None:
        server = await serve(keys=("configured",), host="0.0.0.0")
        url = f"http://127.0.0.1:{server.port}/metrics"
        for permission, status in (("live", 403), ("metrics", 200)):
            _, secret = await keys_of(server).create(KeyTerms(name="m", permissions=(permission,)), "")
            assert (await get(url, headers={"x-goog-api-key": secret})).status_code == status

    async def test_one_that_expired_says_so(self, make: Any, talk: Any) -> None:
        client = await talk((await make(expires=time.time() - 1))[1])
        assert await client.closed() == (1008, "this API key has expired; ask the owner of the server for another")


class TestModels:
    async def test_another_than_the_allowed_is_refused(self, make: Any, talk: Any) -> None:
        _, secret = await make(models=("gemini-3.8-live", "gemini-3.1-flash-live-preview"))
        client = await talk(secret)
        await client.send({"setup": {"model": OLDER}})
        code, reason = await client.closed()
        assert code == 1008
        assert reason.startswith(
            f"setup.model: {OLDER.removeprefix('models/')} is not allowed for this key; it may have g"
        )

    @pytest.mark.parametrize("model", ["models/gemini-3.8-live", "gemini-3.8-live"])
    async def test_an_allowed_one_is_not(self, make: Any, talk: Any, model: str) -> None:
        client = await talk((await make(models=("gemini-3.8-live",)))[1])
        await client.send({"setup": {"model": model}})
        assert "setupComplete" in await client.receive()

    async def test_a_token_is_limited_the_same(self, locked: Server, make: Any, dial: Any) -> None:
        key_id, _ = await make(models=("gemini-3.8-live",))
        secret = await locked._memory.grants.create(
            StoredGrant(key_id, None, (), 2, time.time() + 60, time.time() + 60)
        )
        path = f"{TOKEN_PATH}?access_token=auth_tokens/{secret}"
        client = await dial(locked, path)
        assert "setupComplete" in await client.setup()
        other = await dial(locked, path)
        await other.send({"setup": {"model": OLDER}})
        assert "is not allowed for this key" in (await other.closed())[1]

    async def test_none_other_is_listed(self, locked: Server, make: Any, get: Any) -> None:
        _, secret = await make(models=("gemini-3.8-live",))
        headers = {"x-goog-api-key": secret}
        listed = (await get(f"{locked.url}/v1beta/models", headers=headers)).json()["models"]
        assert [each["name"] for each in listed] == ["models/gemini-3.8-live"]
        assert (await get(f"{locked.url}/v1beta/{OLDER}", headers=headers)).status_code == 404

    async def test_a_token_for_another_is_not_made(self, locked: Server, make: Any, get: Any) -> None:
        _, secret = await make(models=("gemini-3.8-live",))
        answer = await get(
            f"{locked.url}/v1alpha/auth_tokens",
            "POST",
            headers={"x-goog-api-key": secret},
            json={"bidiGenerateContentSetup": {"setup": {"model": OLDER}}},
        )
        assert answer.status_code == 400
        assert "bidiGenerateContentSetup.model" in answer.json()["error"]["message"]


class TestRevocation:
    async def test_calls_that_run_are_closed_within_a_second(self, locked: Server, make: Any, talk: Any) -> None:
        key_id, secret = await make()
        client, other = await talk(secret), await talk("configured")
        for each in (client, other):
            await each.setup()
        began = time.monotonic()
        await keys_of(locked).revoke(key_id)
        assert await client.closed() == (1008, "this API key was revoked; ask the owner of the server for another")
        assert LOOK_SECONDS < 1
        assert time.monotonic() - began < 3, "a second, and what a busy computer adds"
        await other.text("Still there?")
        assert await other.turn()

    async def test_nobody_comes_in_any_more(self, locked: Server, make: Any, talk: Any, dial: Any) -> None:
        key_id, secret = await make()
        token = await locked._memory.grants.create(StoredGrant(key_id, None, (), 2, time.time() + 60, time.time() + 60))
        await keys_of(locked).revoke(key_id)
        for client in (await talk(secret), await dial(locked, f"{TOKEN_PATH}?access_token=auth_tokens/{token}")):
            assert "was revoked" in (await client.closed())[1]

    async def test_one_that_expires_ends_its_calls(self, locked: Server, make: Any, talk: Any) -> None:
        _, secret = await make(expires=time.time() + 0.7)
        client = await talk(secret)
        await client.setup()
        assert "has expired" in (await client.closed())[1]

    async def test_one_that_may_not_talk_any_more_ends_its_calls(self, locked: Server, make: Any, talk: Any) -> None:
        key_id, secret = await make()
        client = await talk(secret)
        await client.setup()
        await keys_of(locked).update(key_id, KeyTerms(name="demo", permissions=("metrics",)))
        code, reason = await client.closed()
        assert (code, reason.partition(";")[0]) == (1008, 'this API key lost the permission "live"')

    async def test_a_new_secret_ends_none(self, locked: Server, make: Any, talk: Any) -> None:
        key_id, secret = await make()
        client = await talk(secret)
        await client.setup()
        rotated = await keys_of(locked).rotate(key_id)
        assert rotated is not None
        again = await talk(rotated[1])
        assert "setupComplete" in await again.setup()
        await client.text("Still there?")
        assert await client.turn()


class TestSessionsAtOnce:
    async def test_there_are_as_many_as_the_key_may_have(
        self, make: Any, talk: Any, locked: Server, until: Any
    ) -> None:
        _, secret = await make(limits=KeyLimits(concurrent=1))
        first, second = await talk(secret), await talk(secret)
        assert "setupComplete" in await first.setup()
        await second.send({"setup": {"model": "models/gemini-3.8-live"}})
        assert await second.closed() == (
            1008,
            "this key may have 1 sessions at once, and has them; end one, or try again later",
        )
        first.vanish()
        await until(lambda: locked.sessions == 0)
        third = await talk(secret)
        assert "setupComplete" in await third.setup()

    async def test_going_on_with_a_session_takes_its_place(self, make: Any, talk: Any) -> None:
        _, secret = await make(limits=KeyLimits(concurrent=1))
        first = await talk(secret)
        await first.setup(sessionResumption={})
        await first.text("Remember this.")
        handle = ""
        while not handle:
            handle = (await first.receive()).get("sessionResumptionUpdate", {}).get("newHandle", "")
        again = await talk(secret)
        assert "setupComplete" in await again.setup(sessionResumption={"handle": handle})


class TestMoney:
    async def test_who_spent_the_day_does_not_begin(self, locked: Server, make: Any, talk: Any) -> None:
        key_id, secret = await make(limits=KeyLimits(day=Decimal("0.05")))
        spent = Entry(
            call="c", session_id="s", generation=1, kind="generation", at=time.time(), owner=key_id, amount=5 * 10**10
        )
        await Ledger(locked._memory.database).add([spent])
        client = await talk(secret)
        await client.send({"setup": {"model": "models/gemini-3.8-live"}})
        assert await client.closed() == (
            1008,
            "this key's own limit for today, $0.05, is used up; ask the owner of the server for more",
        )

    @pytest.mark.parametrize("when", ["before", "during"])
    async def test_a_call_ends_when_the_limit_is_reached(
        self, locked: Server, make: Any, talk: Any, puppet: Any, when: str, until: Any
    ) -> None:
        limits = KeyLimits(day=Decimal("0.05"))
        key_id, secret = await make(limits=limits if when == "before" else KeyLimits())
        client = await talk(secret)
        await client.setup()
        puppet.answers = False
        await client.text("Go on.")
        await until(lambda: bool(puppet.latest.sent))
        puppet.latest.emit(Used(1, DEAR))
        puppet.latest.emit(*puppet._answer(puppet.latest, 1, "done"))
        if when == "during":
            (call,) = locked._switchboard.calls
            await until(lambda: _spent(locked, call) > 0)
            await keys_of(locked).update(key_id, KeyTerms(name="demo", limits=limits))
            await until(lambda: bool(locked._metering and locked._metering.budgets.limits(key_id)))
            puppet.answers = True
            await client.text("And on.")
        code, reason = await client.closed()
        assert (code, reason) == (1008, "this key's own limit for today, $0.05, is used up")


def _spent(server: Server, call: Call) -> Decimal:
    assert server._metering is not None
    budgets = server._metering.budgets
    return sum((account.spent for account in budgets._accounts.values()), Decimal(0))
