"""``POST /{version}/models/{model}:countTokens``: what a session would charge, and errors that name the field."""

from typing import Any

import pytest

BASES = ["/v1", "/v1beta", "//v1beta", "/gemini/v1", "/v1beta1/publishers/google"]
HELLO = {"contents": [{"role": "user", "parts": [{"text": "x" * 40}]}]}
PICTURE = {"inline_data": {"mime_type": "image/png", "data": "AAAA"}}


def text(count: int) -> dict[str, Any]:
    return {"modality": "TEXT", "tokenCount": count}


@pytest.fixture
def count(server: Any, get: Any) -> Any:
    """Asks for the tokens of a body."""

    async def count(body: Any, path: str = "/v1/models/gemini-3.8-live") -> Any:
        return await get(f"{server.url}{path}:countTokens", "POST", json=body)

    return count


async def test_it_counts_wherever_it_is_asked(count: Any) -> None:
    for base in BASES:
        response = await count(HELLO, base + "/models/gemini-3.8-live")
        assert response.status_code == 200, base
        assert response.json() == {"totalTokens": 10, "promptTokensDetails": [text(10)]}


@pytest.mark.parametrize(
    ("body", "counted"),
    [
        ({"contents": "x" * 8}, [text(2)]),
        ({"contents": [{"parts": [{"text": "xxxx"}, PICTURE]}]}, [text(1), {"modality": "IMAGE", "tokenCount": 258}]),
        (
            {"contents": [{"parts": [PICTURE]}], "generation_config": {"mediaResolution": "low"}},
            [{"modality": "IMAGE", "tokenCount": 64}],
        ),
        ({**HELLO, "systemInstruction": {"parts": [{"text": "x" * 20}]}}, [text(15)]),
        ({"generateContentRequest": {**HELLO, "model": "models/other", "system_instruction": "xxxx"}}, [text(11)]),
        ({"generate_content_request": HELLO}, [text(10)]),
        (
            {"contents": [{"role": "model", "parts": [{"functionCall": {"name": "name", "args": {"a": 1}}}]}]},
            [text(3)],
        ),
        ({"contents": [{"parts": [{"fileData": {"fileUri": "u"}}]}]}, []),
    ],
)
async def test_everything_that_a_session_reads_counts(count: Any, body: Any, counted: list[Any]) -> None:
    found = (await count(body)).json()
    assert found.get("promptTokensDetails", []) == counted
    assert found.get("totalTokens", 0) == sum(each["tokenCount"] for each in counted)


async def test_declared_functions_count(count: Any) -> None:
    function = {"name": "lights", "description": "x" * 40, "parameters": {"type": "OBJECT", "properties": {}}}
    tools = [{"function_declarations": [function]}]
    beside = (await count({**HELLO, "tools": tools})).json()["totalTokens"]
    inside = (await count({"generateContentRequest": {**HELLO, "tools": tools}})).json()["totalTokens"]
    assert beside == inside > 20


class TestErrors:
    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ({}, "contents: is missing; send contents or generateContentRequest"),
            ({"contents": []}, "contents: is missing; send contents or generateContentRequest"),
            ({**HELLO, "generateContentRequest": HELLO}, "contents: stands beside generateContentRequest; send one"),
            ({"contents": [{"role": "god"}]}, "contents[0].role: invalid role 'god'; use user or model"),
            (
                {"generateContentRequest": {"contents": [{"role": "god"}]}},
                "generateContentRequest.contents[0].role: invalid role 'god'",
            ),
            ({"contents": [{"parts": [{"text": 5}]}]}, "contents[0].parts[0].text: expected str"),
            (
                {**HELLO, "tools": [{"functionDeclarations": [{"name": "a b"}]}]},
                "tools[0].functionDeclarations[0].name: invalid name 'a b'",
            ),
            ([], "expected an object, got a list"),
        ],
    )
    async def test_what_is_wrong_is_named(self, count: Any, body: Any, message: str) -> None:
        response = await count(body)
        assert response.status_code == 400
        error = response.json()["error"]
        assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
        assert error["message"].startswith(message)

    @pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 5000])
    async def test_a_body_that_is_no_json(self, server: Any, get: Any, content: bytes) -> None:
        url = f"{server.url}/v1/models/gemini-3.8-live:countTokens"
        response = await get(url, "POST", content=content)
        assert response.status_code == 400
        assert response.json()["error"]["message"].startswith("body: malformed JSON")

    async def test_a_body_beyond_the_limit(self, serve: Any, get: Any) -> None:
        server = await serve(max_message_bytes=1000)
        url = f"{server.url}/v1/models/gemini-3.8-live:countTokens"
        response = await get(url, "POST", json={"contents": "x" * 2000})
        assert response.json()["error"]["message"] == "body: more than 1000 bytes; send less"

    async def test_an_unknown_model(self, count: Any) -> None:
        response = await count(HELLO, "/v1/models/gpt-4")
        assert response.status_code == 404
        assert response.json()["error"]["message"].startswith("models/gpt-4 is not found; this server has gemini-2.5")

    async def test_another_method_is_not_served(self, server: Any, get: Any) -> None:
        for path, method in (("embedContent", "POST"), ("countTokens", "DELETE")):
            response = await get(f"{server.url}/v1/models/gemini-3.8-live:{path}", method)
            assert response.status_code == 404

    async def test_a_key_is_needed(self, serve: Any, get: Any) -> None:
        server = await serve(keys=("s3cret",))
        url = f"{server.url}/v1/models/gemini-3.8-live:countTokens"
        assert (await get(url, "POST", json=HELLO)).status_code == 401
        assert (await get(url + "?key=s3cret", "POST", json=HELLO)).status_code == 200
