"""Images in messages: checked before anybody else sees them, in order, and few at a time."""

import asyncio
import base64
import io
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image

from antiphon.live import events
from antiphon.live.history import Picture
from antiphon.server.pictures import PictureCheck
from antiphon.wire.gemini.client import Blob, ClientContent, Content, Part, RealtimeInput, Setup, ToolResponse
from antiphon.wire.gemini.media import ImageInfo, check_image
from antiphon.wire.refusal import Refusal

FIELDS: dict[str, Callable[[dict[str, str]], dict[str, Any]]] = {
    "realtimeInput.video": lambda blob: {"realtimeInput": {"video": blob}},
    "realtimeInput.mediaChunks[0]": lambda blob: {"realtime_input": {"media_chunks": blob}},
    "clientContent.turns[0].parts[1].inlineData": lambda blob: {
        "clientContent": {"turns": [{"role": "user", "parts": [{"text": "see"}, {"inlineData": blob}]}]}
    },
    "toolResponse.functionResponses[0].parts[0].inlineData": lambda blob: {
        "toolResponse": {"functionResponses": [{"id": "1", "parts": [{"inlineData": blob}]}]}
    },
}
EVERY_FIELD = pytest.mark.parametrize("field", FIELDS)


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((64, 48)).save(file, "JPEG")
    return file.getvalue()


JPEG = jpeg()


def blob(data: bytes = JPEG, mime_type: str = "image/jpeg") -> dict[str, str]:
    return {"data": base64.b64encode(data).decode(), "mimeType": mime_type}


class TestAtTheDoor:
    @EVERY_FIELD
    async def test_a_broken_one_is_refused_by_its_field(self, client: Any, field: str) -> None:
        await client.setup()
        await client.send(FIELDS[field](blob(JPEG[:-40])))
        code, reason = await client.closed()
        assert code == 1007
        assert reason.startswith(f"{field}.data: is no whole JPEG image")

    @EVERY_FIELD
    async def test_a_type_that_lies_is_refused_by_its_field(self, client: Any, field: str) -> None:
        await client.setup()
        await client.send(FIELDS[field](blob(JPEG, "image/png")))
        assert (await client.closed())[1].startswith(f"{field}.mimeType: says 'image/png', but the data is JPEG")

    @EVERY_FIELD
    async def test_a_whole_one_passes(self, client: Any, field: str) -> None:
        await client.setup()
        await client.send(FIELDS[field](blob()))
        await client.text("what do you see")
        assert await client.turn()

    async def test_frames_that_come_too_soon_are_not_looked_at(self, client: Any) -> None:
        await client.setup()
        await client.send({"realtimeInput": {"video": blob()}})
        await client.send({"realtimeInput": {"video": blob(b"broken")}})
        await client.text("what do you see")
        assert await client.turn()

    async def test_what_is_no_image_is_not_looked_at(self, client: Any) -> None:
        await client.setup()
        parts = [{"inlineData": blob(b"AAAA", "application/pdf")}, {"text": "read"}]
        await client.send({"clientContent": {"turns": [{"role": "user", "parts": parts}], "turnComplete": True}})
        assert await client.turn()

    async def test_the_engine_reads_the_usual_name_of_its_type(self, client: Any, puppet: Any) -> None:
        await client.setup()
        parts = [{"inlineData": blob(JPEG, "Image/JPG")}, {"text": "what is it"}]
        await client.send({"clientContent": {"turns": [{"role": "user", "parts": parts}], "turnComplete": True}})
        (respond,) = await puppet.latest.told(events.Respond)
        (seen,) = [part for turn in respond.history for part in turn.parts if isinstance(part, Picture)]
        assert (seen.mime_type, seen.data) == ("image/jpeg", JPEG)


class Doorkeeper:
    """Checks images when it may; says what is being checked."""

    def __init__(self) -> None:
        self.may = threading.Semaphore(0)
        self.running: set[bytes] = set()
        self.most = 0
        self.done: list[bytes] = []

    def check(self, mime_type: str, data: bytes) -> ImageInfo:
        self.running.add(data)
        self.most = max(self.most, len(self.running))
        assert self.may.acquire(timeout=20)
        self.running.discard(data)
        self.done.append(data)
        return ImageInfo(1, 1, "PNG")


@pytest.fixture
def keeper(monkeypatch: pytest.MonkeyPatch) -> Iterator[Doorkeeper]:
    keeper = Doorkeeper()
    monkeypatch.setattr("antiphon.server.pictures.check_image", keeper.check)
    yield keeper
    keeper.may.release(100)


class TestOrder:
    async def test_what_follows_a_picture_waits_for_it_and_nobody_else_does(
        self, server: Any, dial: Any, puppet: Any, keeper: Doorkeeper, until: Any
    ) -> None:
        client = await dial(server)
        await client.setup()
        waiting = puppet.latest
        await client.send({"realtimeInput": {"video": blob()}})
        await client.audio()
        await until(lambda: keeper.running)
        other = await dial(server)
        await other.setup()
        await other.text("hi")
        assert await other.turn()
        assert waiting.sent == []
        keeper.may.release()
        await waiting.told(events.Audio)


def video(data: bytes) -> RealtimeInput:
    return RealtimeInput(video=Blob(data=data, mime_type="image/png"))


class TestCheck:
    @pytest.mark.parametrize(
        "message",
        [
            Setup(),
            ClientContent(turns=[Content(parts=[Part(text="x"), Part(inline_data=Blob(data=b"x"))])]),
            RealtimeInput(audio=Blob(data=b"x", mime_type="audio/pcm"), media_chunks=[Blob(data=b"x")]),
            RealtimeInput(video=Blob(data=b"x", mime_type="video/mp4")),
            ToolResponse(),
        ],
    )
    async def test_messages_without_images_pass_at_once(self, message: Any, keeper: Doorkeeper) -> None:
        await PictureCheck().check(message)
        assert keeper.most == 0

    async def test_no_more_than_so_many_at_once_and_all_in_the_end(self, keeper: Doorkeeper, until: Any) -> None:
        check = PictureCheck(concurrency=2)
        work = [asyncio.create_task(check.check(video(bytes([number])))) for number in range(5)]
        await until(lambda: len(keeper.running) == 2)
        keeper.may.release(5)
        await asyncio.gather(*work)
        assert keeper.most == 2
        assert len(keeper.done) == 5

    async def test_many_images_of_one_client_do_not_keep_others_waiting(self, keeper: Doorkeeper, until: Any) -> None:
        check = PictureCheck(concurrency=1)
        chunks = [Blob(data=bytes([number]), mime_type="image/png") for number in range(10)]
        many = asyncio.create_task(check.check(RealtimeInput(media_chunks=chunks)))
        await until(lambda: keeper.running)
        one = asyncio.create_task(check.check(video(b"one")))
        await asyncio.sleep(0)
        keeper.may.release(11)
        await asyncio.gather(many, one)
        assert keeper.done[1] == b"one"

    async def test_the_first_bad_one_is_named_and_the_slot_is_free_again(self) -> None:
        check = PictureCheck(concurrency=1)
        chunks = [Blob(data=JPEG, mime_type=kind) for kind in ("image/jpg", "image/webp", "image/png")]
        for _ in range(3):
            with pytest.raises(Refusal, match=r"^realtimeInput\.mediaChunks\[1\]\.mimeType: says 'image/webp'"):
                await check.check(RealtimeInput(media_chunks=list(chunks)))
        assert check_image("", JPEG).width == 64
        assert chunks[0].mime_type == "image/jpeg"
