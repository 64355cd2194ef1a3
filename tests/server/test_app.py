"""Every door on one port: what is none of them, and what a browser asks first."""

from typing import Any

import pytest


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/v1"), ("GET", "/v1/files"), ("POST", "/v1/models"), ("DELETE", "/healthz")],
)
async def test_what_is_no_endpoint_is_named_in_the_shape_that_clients_read(
    server: Any, get: Any, method: str, path: str
) -> None:
    response = await get(server.url + path, method)
    assert response.status_code == 404
    assert response.json() == {
        "error": {"code": 404, "message": f"{method} {path} is not an endpoint of this server", "status": "NOT_FOUND"}
    }


async def test_sockets_and_requests_share_a_port(server: Any, client: Any, get: Any) -> None:
    await client.setup()
    assert (await get(server.url + "/v1/models")).status_code == 200


async def test_a_request_to_the_live_path_is_none_of_the_endpoints(server: Any, get: Any) -> None:
    path = "/ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent"
    assert (await get(server.url + path)).status_code == 404


class TestBrowsers:
    PREFLIGHT = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "x-goog-api-key",
    }

    async def test_any_page_may_ask_unless_there_is_a_list(self, serve: Any, get: Any) -> None:
        server = await serve(keys=("s3cret",))
        preflight = await get(server.url + "/v1/models", "OPTIONS", headers=self.PREFLIGHT)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == "*"
        assert "x-goog-api-key" in preflight.headers["access-control-allow-headers"]
        response = await get(server.url + "/v1/models?key=s3cret", headers={"Origin": "https://app.example"})
        assert response.headers["access-control-allow-origin"] == "*"

    async def test_a_refusal_can_be_read_by_the_page_too(self, serve: Any, get: Any) -> None:
        server = await serve(keys=("s3cret",))
        response = await get(server.url + "/v1/models", headers={"Origin": "https://app.example"})
        assert response.status_code == 401
        assert response.headers["access-control-allow-origin"] == "*"

    async def test_with_a_list_only_those_pages_may(self, serve: Any, get: Any) -> None:
        server = await serve(allowed_origins=("https://app.example",))
        allowed = await get(server.url + "/v1/models", "OPTIONS", headers=self.PREFLIGHT)
        assert allowed.headers["access-control-allow-origin"] == "https://app.example"
        foreign = {**self.PREFLIGHT, "Origin": "https://evil.example"}
        refused = await get(server.url + "/v1/models", "OPTIONS", headers=foreign)
        assert "access-control-allow-origin" not in refused.headers
