"""``POST /{version}/auth_tokens``: what is kept of a request, and what its maker is told about mistakes."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from antiphon.server import auth_tokens
from antiphon.server.auth import Gate, owner_of
from antiphon.store.database import Database
from antiphon.store.grants import Grants, StoredGrant

NOW = 1_000_000.0
KEY = {"x-goog-api-key": "s3cret"}
URL = "http://door"
MODEL = "models/gemini-3.8-live"


def at(seconds: float) -> str:
    """A moment ``seconds`` from now, as SDKs write it."""
    return datetime.fromtimestamp(NOW + seconds, UTC).isoformat()


class Door:
    """The door behind a key, and what it keeps."""

    def __init__(self, grants: Grants) -> None:
        self.grants = grants
        app = Starlette(routes=auth_tokens.routes(Gate(("s3cret",), grants), grants))
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL)

    async def post(self, body: Any = None, path: str = "/v1alpha/auth_tokens", **options: Any) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        return await self.http.post(URL + path, content=content, **{"headers": KEY, **options})

    async def kept(self, body: Any = None) -> StoredGrant:
        """What is kept of a token with ``body``."""
        response = await self.post(body)
        assert response.status_code == 200, response.text
        found = await self.grants.find(response.json()["name"].removeprefix("auth_tokens/"))
        assert found is not None
        return found[1]

    async def error(self, body: Any, **options: Any) -> str:
        """What the maker of a mistake is told."""
        response = await self.post(body, **options)
        error = response.json()["error"]
        assert (response.status_code, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
        return str(error["message"])


@pytest.fixture
async def door(database: Database) -> AsyncIterator[Door]:
    door = Door(Grants(database, lambda: NOW, per_owner=3))
    yield door
    await door.http.aclose()


async def test_the_answer_is_a_name_and_nothing_else(door: Door) -> None:
    response = await door.post()
    assert response.json().keys() == {"name"}
    assert response.json()["name"].startswith("auth_tokens/")
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("base", ["/v1", "/v1beta", "/v1alpha", "//v1alpha", "/gemini/v1alpha", "/deep/er/v1"])
async def test_any_version_below_any_prefix(door: Door, base: str) -> None:
    assert (await door.post(path=f"{base}/auth_tokens")).status_code == 200


async def test_the_defaults(door: Door) -> None:
    assert await door.kept() == StoredGrant(owner_of("s3cret"), None, (), 1, NOW + 1800, NOW + 60)


async def test_every_wish(door: Door) -> None:
    kept = await door.kept(
        {
            "uses": 5,
            "expireTime": at(7200),
            "newSessionExpireTime": at(3600),
            "bidiGenerateContentSetup": {"model": MODEL, "generationConfig": {"response_modalities": ["audio"]}},
            "fieldMask": "model,generation_config.responseModalities,temperature",
        }
    )
    assert kept == StoredGrant(
        owner=owner_of("s3cret"),
        setup={"model": MODEL, "generationConfig": {"responseModalities": ["AUDIO"]}},
        field_mask=("model", "generationConfig.responseModalities", "generationConfig.temperature"),
        uses_left=5,
        expires=NOW + 7200,
        new_session_expires=NOW + 3600,
    )


async def test_no_uses_is_no_limit(door: Door) -> None:
    assert (await door.kept({"uses": 0})).uses_left is None


@pytest.mark.parametrize("field", ["expireTime", "newSessionExpireTime"])
class TestTimes:
    async def test_up_to_20_hours(self, door: Door, field: str) -> None:
        await door.kept({field: at(1)})
        await door.kept({field: at(20 * 3600 - 1)})

    @pytest.mark.parametrize("seconds", [20 * 3600, 10**8])
    async def test_no_more(self, door: Door, field: str, seconds: int) -> None:
        message = await door.error({field: at(seconds)})
        assert message.startswith(
            f"{field}: {at(seconds)} is too far ahead; choose less than 20 hours after 1970-01-12"
        )

    @pytest.mark.parametrize("seconds", [0, -1, -NOW])
    async def test_nothing_that_has_passed(self, door: Door, field: str, seconds: float) -> None:
        message = await door.error({field: at(seconds)})
        assert message.startswith(f"{field}: {at(seconds)} has passed; choose less than 20 hours after")
        assert message.endswith("1970-01-12T13:46:40Z, the time of this server")

    async def test_a_time_needs_its_zone(self, door: Door, field: str) -> None:
        assert "with a time zone, such as" in await door.error({field: "1970-01-12T14:00:00"})


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"fieldMask": "generationConfig.temprature"}, "fieldMask: generationConfig.temprature is no field of a setup"),
        (
            {"bidiGenerateContentSetup": {"model": "gpt"}},
            "bidiGenerateContentSetup.model: gpt is not found; use",
        ),
        (
            {"bidiGenerateContentSetup": {"modle": "x"}},
            "bidiGenerateContentSetup.modle: is unknown; did you mean",
        ),
        ({"uses": -1}, "uses: -1 is out of range"),
        (b"{", "body: malformed JSON"),
    ],
)
async def test_a_mistake_shows_when_the_token_is_made(door: Door, body: Any, told: str) -> None:
    assert (await door.error(body)).startswith(told)


async def test_a_body_has_its_limit(door: Door) -> None:
    setup = {"systemInstruction": "x" * auth_tokens.MAX_BODY}
    assert await door.error({"bidiGenerateContentSetup": setup}) == "body: more than 1048576 bytes; send less"
    setup["systemInstruction"] = "x" * (auth_tokens.MAX_BODY // 2)
    assert (await door.kept({"bidiGenerateContentSetup": setup})).setup is not None


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({}, "no API key was sent"),
        ({"x-goog-api-key": "wrong"}, "API key not valid"),
        ({"x-goog-api-key": "auth_tokens/x"}, "an ephemeral token is not an API key; send an API key"),
    ],
)
async def test_without_a_key_no_tokens(door: Door, headers: dict[str, str], told: str) -> None:
    response = await door.post(headers=headers)
    assert response.status_code == 401
    assert response.json()["error"]["status"] == "UNAUTHENTICATED"
    assert response.json()["error"]["message"].startswith(told)


async def test_a_token_makes_no_tokens(door: Door) -> None:
    name = (await door.post()).json()["name"]
    assert (await door.post(headers={"x-goog-api-key": name})).status_code == 401


async def test_so_many_are_alive_and_no_more(door: Door) -> None:
    for _ in range(3):
        await door.post()
    response = await door.post()
    assert response.status_code == 429
    assert response.json()["error"] == {
        "code": 429,
        "message": "all 3 ephemeral tokens of this key are alive; wait for some to expire, or give them an expireTime",
        "status": "RESOURCE_EXHAUSTED",
    }


async def test_without_the_database_the_server_is_to_blame(door: Door, database: Database) -> None:
    await database.aclose()
    response = await door.post()
    assert (response.status_code, response.json()["error"]["status"]) == (503, "UNAVAILABLE")


async def test_tokens_are_made_and_not_read(door: Door) -> None:
    assert (await door.http.get("/v1alpha/auth_tokens", headers=KEY)).status_code == 405
