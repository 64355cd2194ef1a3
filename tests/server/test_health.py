"""Whether the process lives, and whether it takes calls. (While it stops: see ``test_live_endings``.)"""

from typing import Any


async def test_a_living_server_says_so_to_everybody(serve: Any, get: Any) -> None:
    server = await serve(keys=("s3cret",))
    response = await get(server.url + "/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def test_a_server_with_room_is_ready(server: Any, get: Any, client: Any) -> None:
    await client.setup()
    response = await get(server.url + "/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ready", "sessions": 1})


async def test_a_full_server_is_not_ready_and_lives(serve: Any, dial: Any, get: Any) -> None:
    server = await serve(max_sessions=1)
    await (await dial(server)).setup()
    response = await get(server.url + "/readyz")
    assert (response.status_code, response.json()) == (503, {"status": "not ready", "sessions": 1})
    assert (await get(server.url + "/healthz")).status_code == 200
