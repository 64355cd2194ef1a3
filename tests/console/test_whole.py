"""Conversations as people have them: a real browser, a real server, speech in and speech out."""

import re
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect
from tests.console.clients import get, over
from tests.console.conftest import PATIENCE, speak
from tests.console.ears import EARS, deaf_until_now, ears
from tests.console.talking import SCRIPT, Talking

SILENT_WITHIN = 50.0
"""Milliseconds from the message that says so until nothing of an interrupted answer is heard."""

WHEN_INTERRUPTED = """
(() => {
  const Real = window.WebSocket;
  window.__interrupted = [];
  window.WebSocket = class extends Real {
    constructor(...args) {
      super(...args);
      this.addEventListener("message", async ({ data }) => {
        const at = performance.now();
        const bytes = data instanceof Blob ? await data.arrayBuffer() : data;
        const text = typeof data === "string" ? data : new TextDecoder().decode(bytes);
        if (text.includes('"interrupted"')) window.__interrupted.push(at);
      });
    }
  };
})();
"""
"""Notes when a message that interrupts reached the browser, before the page sees it."""


@pytest.fixture
def listening(new_page):
    """Opens the page of a server with ears at its speaker."""

    def listening(server, *scripts: str, **options: Any) -> Talking:
        page = new_page(scripts=(EARS,), **options)
        for script in scripts:
            page.add_init_script(script)
        return Talking(page, server)

    return listening


class TestSpeech:
    def test_an_answer_is_heard_whole(self, start, listening):
        talk = listening(start(script=SCRIPT, pace_turns=True))
        talk.start()
        deaf_until_now(talk.page)
        speak(talk.page, "what_is_two_plus_three")
        talk.hears("2 plus 3 is 5")
        talk.is_now("Listening")
        heard = ears(talk.page)
        assert 0.02 < heard["rms"] < 0.5
        assert 0.8 < (heard["last"] - heard["first"]) / 1000 < 4
        # A voice pauses between words, and so may have zeros; what the speaker lacked would be counted as well.
        assert heard["gaps"] <= 3
        assert heard["first"] > talk.page.evaluate("__mic.ended")

    def test_speech_into_an_answer_silences_it_at_once(self, start, listening):
        talk = listening(start(script=SCRIPT, pace_turns=True), WHEN_INTERRUPTED)
        talk.start()
        talk.say("Tell me a story")
        talk.is_now("Speaking")
        talk.page.wait_for_timeout(1500)
        speak(talk.page, "wait_a_moment")
        expect(talk.log.locator("del")).to_have_count(1, timeout=PATIENCE)
        (at,) = talk.page.evaluate("__interrupted")
        before = ears(talk.page, until=at)
        assert before["rms"] > 0.02
        # What comes after it is the answer to what was said; the speaker is silent in between.
        assert ears(talk.page, since=at + SILENT_WITHIN, until=at + SILENT_WITHIN + 100)["first"] is None
        note = talk.log.locator("[data-kind=interrupted]")
        expect(note.first).to_contain_text(re.compile(r"Silent.* \d+ ms"))

    def test_two_conversations_at_once(self, start, listening):
        server = start(script=SCRIPT, pace_turns=True)
        first, second = listening(server), listening(server)
        first.start()
        second.start()
        speak(first.page, "my_name_is_alice")
        second.say("My name is Bob.")
        first.hears("Alice")
        second.hears("Bob")
        for talk, name in ((first, "Alice"), (second, "Bob")):
            talk.say("What is my name?")
            talk.hears(f"Your name is {name}")
            assert ears(talk.page)["rms"] > 0.02


class TestRestart:
    def test_a_killed_server_is_come_back_to(self, start_server, listening):
        server = start_server("--no-self-check", ANTIPHON_TLS_PORT="0")
        talk = listening(server)
        received = frames_received(talk)
        talk.type_instead("My name is Alice.")
        talk.hears("Alice")
        wait_until(talk, lambda: is_safe(received))
        server.stop(signal.SIGKILL)
        talk.is_now(re.compile("Reconnecting|connection", re.I))
        port = server.url.rsplit(":", 1)[1]
        again = start_server("--no-self-check", "--data-dir", str(server.data_dir), "--port", port)
        assert again.url == server.url
        talk.is_now(re.compile("Ready for your words", re.I))
        talk.say("What is my name?")
        talk.hears("Your name is Alice")
        talk.page.problems.clear()


class TestServerIsDown:
    def test_the_page_says_so_and_gets_over_it(self, antiphon_servers, start, listening):
        server = antiphon_servers.start(script=SCRIPT, pace_turns=False)
        talk = listening(server)
        antiphon_servers.stop(server)
        talk.page.get_by_role("button", name="Check again").click()
        expect(talk.page.locator(".check-row", has_text="Server")).to_contain_text("cannot be reached")
        expect(talk.page.get_by_role("button", name="Start talking")).to_be_disabled()
        start(script=SCRIPT, pace_turns=False, port=int(server.url.rsplit(":", 1)[1]))
        talk.page.get_by_role("button", name="Check again").click()
        expect(talk.page.locator(".check-row", has_text="Server")).to_contain_text("Antiphon")
        talk.type_instead("What is two plus three?")
        talk.hears("2 plus 3 is 5")
        talk.page.problems.clear()


@pytest.fixture(scope="module")
def with_devices(launch: Any) -> Any:
    """A browser with a microphone, a camera and a screen that nobody has to be asked for."""
    return launch("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


class TestPictures:
    def test_camera_and_screen_reach_the_model(self, start, with_devices):
        server = start(script=SCRIPT, pace_turns=False)
        page = with_devices.new_context(viewport={"width": 1280, "height": 800}).new_page()
        talk = Talking(page, server)
        talk.type_instead("What is two plus three?")
        talk.hears("2 plus 3 is 5")
        talk.press("Camera")
        talk.press("Screen")
        for title in ("Camera", "Screen"):
            tile = page.get_by_role("region", name=title)
            expect(tile).to_contain_text(re.compile(r"[2-9] frames"), timeout=PATIENCE)
        pictures = talk.inputs("video")
        assert {each["mimeType"] for each in pictures} == {"image/jpeg"}
        talk.say("What is two plus four?")
        talk.hears("2 plus 4 is 6")
        talk.press("Hang up")
        session = page.get_by_role("link", name="Open the trace").get_attribute("href").rsplit("/", 1)[1]
        over(server, session)
        (connection,) = get(server, f"/sessions/{session}").json()["connections"]
        assert connection["timeline"]["usage"]["prompt"].keys() & {"image", "video"}


class TestWire:
    def test_it_has_every_message_of_the_browser(self, start, listening):
        talk = listening(start(script=SCRIPT, pace_turns=False))
        received = frames_received(talk)
        talk.start()
        speak(talk.page, "what_is_two_plus_three")
        talk.hears("2 plus 3 is 5")
        talk.press("Hang up")
        talk.page.get_by_role("tab", name="Wire").click()
        total = len(talk.sent) + len(received)
        expect(talk.page.get_by_text(f"{total} messages.", exact=True)).to_be_visible()


class TestPermissions:
    @pytest.mark.parametrize("device", ["camera", "screen"])
    def test_a_refusal_names_the_way_out_and_the_call_goes_on(self, start, listening, device):
        method = "getUserMedia" if device == "camera" else "getDisplayMedia"
        refuse = f'navigator.mediaDevices.{method} = () => Promise.reject(new DOMException("no", "NotAllowedError"));'
        talk = listening(start(script=SCRIPT, pace_turns=False), refuse)
        talk.type_instead("What is two plus three?")
        talk.hears("2 plus 3 is 5")
        talk.press(device.capitalize())
        expect(talk.page.get_by_role("alert")).to_contain_text(re.compile(device, re.I))
        talk.say("What is two plus four?")
        talk.hears("2 plus 4 is 6")


def frames_received(talk: Talking) -> list[bytes]:
    """What the server sends to the page from now on."""
    frames: list[bytes] = []
    talk.page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(_bytes(frame))))
    return frames


def is_safe(frames: list[bytes]) -> bool:
    """Whether the server has told a handle since the last turn was complete."""
    ended = max((number for number, frame in enumerate(frames) if b'"turnComplete"' in frame), default=len(frames))
    return any(b'"newHandle"' in frame for frame in frames[ended:])


def _bytes(frame: str | bytes) -> bytes:
    return frame.encode() if isinstance(frame, str) else frame


def wait_until(talk: Talking, condition: Callable[[], bool]) -> None:
    """Let the browser go on until ``condition`` holds."""
    until = time.monotonic() + PATIENCE / 1000
    while not condition():
        assert time.monotonic() < until
        talk.page.wait_for_timeout(50)
