"""``GET /{version}/models``: for any version, below any prefix, in the shapes that clients read."""

from typing import Any

import pytest
from msgspec.structs import replace

from antiphon.routing.route import Route, Target

BASES = ["/v1", "/v1beta", "/v1alpha", "//v1beta", "/gemini/v1", "/deep/er/v1beta"]
PAGE = {
    "name",
    "displayName",
    "description",
    "version",
    "inputTokenLimit",
    "outputTokenLimit",
    "supportedGenerationMethods",
    "maxTemperature",
    "thinking",
}


async def test_the_list_is_the_same_wherever_it_is_asked_for(server: Any, get: Any) -> None:
    for base in BASES:
        response = await get(server.url + base + "/models")
        assert response.status_code == 200, base
        assert [model["name"] for model in response.json()["models"]] == [
            "models/gemini-2.5-flash-native-audio-preview-12-2025",
            "models/gemini-3.1-flash-live-preview",
            "models/gemini-3.8-live",
            "models/gemini-3.8-live-extended-thinking",
        ]


async def test_every_record_is_whole_and_says_that_it_is_live(server: Any, get: Any) -> None:
    for model in (await get(server.url + "/v1/models")).json()["models"]:
        assert set(model) == PAGE
        assert model["supportedGenerationMethods"] == ["bidiGenerateContent", "countTokens"]
        assert model["inputTokenLimit"] > 0
        assert (await get(f"{server.url}/v1/{model['name']}")).json() == model


async def test_one_model_is_found_wherever_it_is_asked_for(server: Any, get: Any) -> None:
    for base in BASES:
        response = await get(server.url + base + "/models/gemini-3.8-live")
        assert response.json()["name"] == "models/gemini-3.8-live", base


async def test_a_publisher_path_and_a_retired_name_find_their_model(server: Any, get: Any) -> None:
    vertex = await get(server.url + "/v1beta1/publishers/google/models/gemini-3.8-live")
    assert vertex.json()["name"] == "models/gemini-3.8-live"
    retired = await get(server.url + "/v1/models/gemini-2.0-flash-live-001")
    assert retired.json()["name"] == "models/gemini-2.5-flash-native-audio-preview-12-2025"


async def test_a_record_says_what_a_client_may_set(server: Any, get: Any) -> None:
    old, middle, new, thinking = await _listed(server, get)
    assert (old["inputTokenLimit"], old["outputTokenLimit"]) == (131_072, 8_192)
    assert "thinkingBudget" in old["description"]
    assert "thinkingLevel: minimal, low, medium, high; minimal by default" in middle["description"]
    assert "thinkingLevel: low, medium, high; medium by default" in thinking["description"]
    assert new["description"].endswith("Takes no thinkingConfig.")
    assert [model["thinking"] for model in (old, middle, new, thinking)] == [True, True, False, True]


async def test_a_model_that_goes_names_its_successor(server: Any, get: Any) -> None:
    told = {model["name"]: model["description"] for model in await _listed(server, get)}
    assert "Deprecated: move to gemini-3.8-live." in told["models/gemini-2.5-flash-native-audio-preview-12-2025"]
    assert "Legacy: move to gemini-3.8-live." in told["models/gemini-3.1-flash-live-preview"]
    assert "move to" not in told["models/gemini-3.8-live"]


async def test_a_retired_name_says_what_it_is_served_as(server: Any, get: Any) -> None:
    retired = (await get(server.url + "/v1/models/gemini-2.0-flash-exp")).json()
    assert "Stands in for gemini-2.0-flash-exp: shut down on 9 December 2025" in retired["description"]


async def _listed(server: Any, get: Any) -> list[dict[str, Any]]:
    models: list[dict[str, Any]] = (await get(server.url + "/v1/models")).json()["models"]
    return models


async def test_an_unknown_model_is_named_with_those_there_are(server: Any, get: Any) -> None:
    response = await get(server.url + "/v1/models/gpt-4")
    assert response.status_code == 404
    error = response.json()["error"]
    assert (error["code"], error["status"]) == (404, "NOT_FOUND")
    assert error["message"].startswith("models/gpt-4 is not found; this server has gemini-2.5")


class TestKeys:
    @pytest.mark.parametrize("path", ["/v1/models", "/v1/models/gemini-3.8-live", "/v1/models/none"])
    async def test_without_a_key_nothing_is_told(self, serve: Any, get: Any, path: str) -> None:
        server = await serve(keys=("s3cret",))
        response = await get(server.url + path)
        assert response.status_code == 401
        assert response.json() == {
            "error": {
                "code": 401,
                "message": "no API key was sent; send x-goog-api-key or ?key=",
                "status": "UNAUTHENTICATED",
            }
        }

    async def test_a_wrong_key_is_told_so(self, serve: Any, get: Any) -> None:
        server = await serve(keys=("s3cret",))
        response = await get(server.url + "/v1/models?key=wrong")
        assert response.status_code == 401
        assert response.json()["error"]["message"].startswith("API key not valid")

    async def test_a_key_is_taken_wherever_clients_put_it(self, serve: Any, get: Any) -> None:
        server = await serve(keys=("s3cret",))
        assert (await get(server.url + "/v1/models?key=s3cret")).status_code == 200
        for headers in ({"x-goog-api-key": "s3cret"}, {"Authorization": "Bearer s3cret"}):
            assert (await get(server.url + "/v1/models", headers=headers)).status_code == 200


class TestRoutes:
    @pytest.fixture
    async def server(self, serve: Any) -> Any:
        targets = (Target("embedded"),)
        routes = {"gemini-3.8-live": Route(targets), "ours": Route(targets, profile="gemini-3.1-flash-live-preview")}
        return await serve(routes=routes)

    async def test_only_what_is_served_is_listed(self, server: Any, get: Any) -> None:
        assert [model["name"] for model in await _listed(server, get)] == ["models/gemini-3.8-live", "models/ours"]

    async def test_a_name_of_the_owners_has_the_record_of_its_profile(self, server: Any, get: Any) -> None:
        own = (await get(server.url + "/v1/models/ours")).json()
        assert (own["name"], own["displayName"], own["version"]) == ("models/ours", "ours", "3.1")
        assert "thinkingLevel: minimal" in own["description"]
        assert "move to" not in own["description"]

    @pytest.mark.parametrize("name", ["gemini-3.1-flash-live-preview", "gemini-2.0-flash-live-001", "none"])
    async def test_what_is_not_served_is_not_found(self, server: Any, get: Any, name: str) -> None:
        response = await get(f"{server.url}/v1/models/{name}")
        assert response.status_code == 404
        told = response.json()["error"]["message"]
        assert told == f"models/{name} is not found; this server has gemini-3.8-live, ours"

    async def test_tokens_are_counted_by_its_rules(self, server: Any, get: Any) -> None:
        prompt = {"contents": [{"role": "user", "parts": [{"text": "four"}]}]}
        url = f"{server.url}/v1beta/models/ours:countTokens"
        assert (await get(url, "POST", json=prompt)).json()["totalTokens"] == 1

    async def test_what_a_new_configuration_serves_is_listed_at_once(self, server: Any, get: Any) -> None:
        await server.apply(replace(server.config, routes={"*": Route((Target("embedded"),))}))
        assert len(await _listed(server, get)) == 4
