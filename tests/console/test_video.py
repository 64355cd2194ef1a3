"""Pictures of camera and screen, from a browser with a fake camera and a fake screen."""

import base64
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tests.console.conftest import HERE, PATIENCE

from antiphon.testing.server import Servers

SETTLED = 20
"""Chunks after which the clock of a new context is right."""

FLAGS = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


@pytest.fixture(scope="module")
def url(antiphon_servers: Servers) -> Iterator[str]:
    server = antiphon_servers.start()
    yield f"{server.url}/console/login"
    antiphon_servers.stop(server)


@pytest.fixture(scope="module")
def fake_devices(launch: Any) -> Any:
    """A browser whose camera shows a pattern and whose screen moves."""
    return launch(*FLAGS)


@pytest.fixture
def page(fake_devices: Any, url: str) -> Iterator[Any]:
    """A quiet page of the console in that browser."""
    context = fake_devices.new_context()
    context.set_default_timeout(PATIENCE)
    context.add_init_script(path=str(HERE / "modules.js"))
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda told: problems.append(told.text) if told.type == "error" else None)
    page.goto(url)
    page.evaluate("async () => Object.assign(window, await load('video/camera.js'), await load('video/screen.js'))")
    yield page
    context.close()
    assert not problems, problems


def take(page: Any, milliseconds: int, **options: Any) -> list[dict[str, Any]]:
    """The pictures that ``window.source`` gives in a while; none may come after the stop."""
    told = page.evaluate(
        """async ({ options, milliseconds }) => {
            const frames = [];
            const text = (bytes) => btoa(bytes.reduce((all, byte) => all + String.fromCharCode(byte), ""));
            const stop = source.run(options, (frame) => frames.push({ ...frame, jpeg: text(frame.jpeg) }));
            await pause(milliseconds);
            stop();
            const count = frames.length;
            await pause(600);
            return { frames, late: frames.length - count };
        }""",
        {"options": options, "milliseconds": milliseconds},
    )
    assert told["late"] == 0
    return [{**each, "jpeg": base64.b64decode(each["jpeg"])} for each in told["frames"]]


def size(jpeg: bytes) -> tuple[int, int]:
    """Width and height as the header of a JPEG states them."""
    assert jpeg[:3] == b"\xff\xd8\xff"
    assert jpeg[-2:] == b"\xff\xd9"
    at = 2
    while jpeg[at + 1] not in (0xC0, 0xC2):
        at += 2 + struct.unpack(">H", jpeg[at + 2 : at + 4])[0]
    height, width = struct.unpack(">HH", jpeg[at + 5 : at + 9])
    return width, height


class TestCamera:
    def test_pictures_come_in_size_and_at_their_rate(self, page):
        page.evaluate("async () => { window.source = await openCamera(); await pause(500); }")
        frames = take(page, 2300, fps=2, maxSide=320, quality=0.6)
        assert 4 <= len(frames) <= 5
        width, height = page.evaluate("[source.width, source.height]")
        wanted = (320, round(320 * height / width))
        assert {size(each["jpeg"]) for each in frames} == {wanted}
        assert {(each["width"], each["height"]) for each in frames} == {wanted}
        times = [each["at"] for each in frames]
        assert np.median(np.diff(times)) == pytest.approx(500, abs=60)
        drift = (times[-1] - times[0]) / 500
        assert drift == pytest.approx(round(drift), abs=0.25), "what comes late does not make the next one late"
        assert page.evaluate("[source.label !== '', source.ended.value]") == [True, False]

    def test_a_picture_that_is_not_wanted_waits(self, page):
        page.evaluate("async () => { window.source = await openCamera(); await pause(500); }")
        asked = page.evaluate("""async () => {
            let wanted = false;
            const taken = [];
            source.run({ fps: 0.5, wanted: () => wanted }, ({ at }) => taken.push(at));
            await pause(400);
            const before = taken.length;
            const since = performance.now();
            wanted = true;
            await pause(1000);
            wanted = false;
            source.close();
            return { before, waited: taken[0] - since, count: taken.length, live: source.track.readyState };
        }""")
        assert (asked["before"], asked["count"], asked["live"]) == (0, 1, "ended")
        assert 0 <= asked["waited"] < 800, "speech begins: its picture does not wait for the next full period"

    def test_pictures_are_never_enlarged_and_keep_their_shape(self, page):
        told = page.evaluate("""async () => {
            const { fit } = await load("video/frames.js");
            return [[640, 480, 1000], [1280, 720, 768], [720, 1280, 768], [3000, 1, 100]].map((each) => fit(...each));
        }""")
        assert [(each["width"], each["height"]) for each in told] == [(640, 480), (768, 432), (432, 768), (100, 1)]

    def test_a_browser_without_the_newer_ways_gives_pictures_too(self, page):
        page.evaluate("""async () => {
            delete OffscreenCanvas.prototype.convertToBlob;
            window.Worker = undefined;
            window.source = await openCamera();
            await pause(300);
        }""")
        frames = take(page, 1200, fps=2, maxSide=200)
        assert 2 <= len(frames) <= 3
        assert max(size(frames[0]["jpeg"])) == 200

    def test_it_turns_to_the_other_side_and_the_preview_stays(self, page):
        told = page.evaluate("""async () => {
            const real = navigator.mediaDevices;
            const asked = [];
            const open = real.getUserMedia.bind(real);
            const one = await real.enumerateDevices();
            window.source = await openCamera();
            const alone = await source.flip();
            const [camera] = one.filter((each) => each.kind === "videoinput");
            real.enumerateDevices = async () => [camera, camera];
            real.getUserMedia = (wanted) => {
                asked.push(wanted.video.facingMode ?? wanted.video.deviceId);
                return open(wanted);
            };
            MediaStreamTrack.prototype.getSettings = () => ({ facingMode: "user", deviceId: camera.deviceId });
            const { stream, track } = source;
            const flipped = await source.flip();
            const same = stream === source.stream && source.track !== track;
            return { alone, flipped, same, asked, tracks: stream.getTracks().length, ended: source.ended.value };
        }""")
        assert told == {
            "alone": False,
            "flipped": True,
            "same": True,
            "asked": [{"ideal": "environment"}],
            "tracks": 1,
            "ended": False,
        }
        page.evaluate("pause(300)")
        assert take(page, 1000, fps=1), "pictures go on after the turn"


class TestScreen:
    def test_pictures_come_and_the_browsers_own_button_ends_them(self, page):
        assert page.evaluate("screenSupport") == {"available": True, "reason": ""}
        page.evaluate("async () => { window.source = await openScreen(); await pause(500); }")
        [frame, *_] = take(page, 1000, maxSide=768)
        assert max(size(frame["jpeg"])) == 768
        after = page.evaluate("""async () => {
            let count = 0;
            source.run({ fps: 2 }, () => (count += 1));
            await pause(200);
            source.track.dispatchEvent(new Event("ended"));
            const before = count;
            await pause(800);
            return { ended: source.ended.value, more: count - before };
        }""")
        assert after == {"ended": True, "more": 0}

    def test_a_phone_is_told_why_not(self, page):
        told = page.evaluate("""async () => {
            delete MediaDevices.prototype.getDisplayMedia;
            const base = document.querySelector("link[rel=stylesheet]").href.replace(/css.*/, "");
            const { screenSupport, openScreen } = await import(`${base}video/screen.js?again`);
            const { explain } = await load("audio/devices.js");
            return { screenSupport, explained: await openScreen().catch((error) => explain(error)) };
        }""")
        assert not told["screenSupport"]["available"]
        assert "phones" in told["screenSupport"]["reason"]
        assert "cannot share a screen" in told["explained"]["title"]


class TestMicrophone:
    def test_a_real_device_delivers_at_the_right_rate(self, page):
        told = page.evaluate("""async () => {
            const { Capture } = await load("audio/capture.js");
            const capture = await Capture.open();
            const chunks = [];
            capture.listen(({ at, peak }) => chunks.push({ at, peak }));
            await pause(1800);
            await capture.close();
            return { chunks, label: capture.label };
        }""")
        chunks = told["chunks"]
        # The clock of a new context takes a moment to settle.
        times = [each["at"] for each in chunks[SETTLED:]]
        milliseconds, _ = np.polyfit(range(len(times)), times, 1)
        assert 320 / milliseconds * 1000 == pytest.approx(16_000, rel=0.02)
        assert max(each["peak"] for each in chunks) > 0.1, "the fake microphone beeps"
        assert told["label"]


class TestRefusal:
    def test_a_refused_camera_and_screen_are_explained(self, new_page, url):
        page = new_page(microphone=False, scripts=("modules.js",))
        page.goto(url)
        camera, screen = page.evaluate("""async () => {
            const { explain } = await load("audio/devices.js");
            const { openCamera } = await load("video/camera.js");
            const { openScreen } = await load("video/screen.js");
            // A headless browser asks nobody for the screen, and waits for ever.
            const refuse = async () => { throw new DOMException("Permission denied by user", "NotAllowedError"); };
            navigator.mediaDevices.getDisplayMedia = refuse;
            const refused = [await openCamera().catch((error) => error), await openScreen().catch((error) => error)];
            return refused.map((error) => explain(error));
        }""")
        assert "camera" in camera["title"]
        assert "screen" in screen["title"].lower()
