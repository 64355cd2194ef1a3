"""The page where one talks, as people use it, and a server whose answers are known."""

import json
import re
from typing import Any

from playwright.sync_api import Locator, Page, expect
from tests.console.conftest import PATIENCE

from antiphon.testing.server import RunningServer

STORY = (
    "Once upon a time there was a lighthouse at the end of a long pier, and its keeper counted every step aloud. " * 2
)
SCRIPT = f"""
similar: 0.8
rules:
  - when: "story"
    say: "{STORY}"
  - when: "weather in *"
    call: {{name: get_weather, args: {{city: "{{0}}"}}}}
    after: "It is {{result.degrees}} degrees in {{0}}."
otherwise: {{builtin: true}}
"""


class Talking:
    """A page that was opened, and what it sent."""

    def __init__(self, page: Page, server: RunningServer) -> None:
        self.page = page
        self.sent: list[dict[str, Any]] = []
        page.on("websocket", lambda socket: socket.on("framesent", lambda frame: self.sent.append(json.loads(frame))))
        page.goto(f"{server.url}/console/")

    def type_instead(self, text: str) -> None:
        """Begin a call without a microphone, by typing."""
        self.page.get_by_label("Type instead").fill(text)
        self.page.keyboard.press("Enter")

    def start(self) -> None:
        """Begin a call with the microphone."""
        self.page.get_by_role("button", name="Start talking").click()
        self.is_now("Listening")

    def say(self, text: str) -> None:
        """Type something in a call."""
        self.page.get_by_label("Type to the model").fill(text)
        self.page.keyboard.press("Enter")

    def press(self, name: str) -> None:
        """Press one of the buttons of a call."""
        self.page.get_by_role("group", name="Call").get_by_role("button", name=name).click()

    def is_now(self, text: str | re.Pattern[str]) -> None:
        """Wait until the call is in a state."""
        expect(self.page.locator(".status")).to_have_text(text, timeout=PATIENCE)

    def hears(self, text: str) -> None:
        """Wait for a finished line of the model."""
        expect(self.log.locator("[data-who=model]").filter(has_text=text)).to_have_count(1, timeout=PATIENCE)

    @property
    def log(self) -> Locator:
        """The transcript."""
        return self.page.get_by_role("log")

    def inputs(self, kind: str) -> list[Any]:
        """What it sent of a kind of ``realtimeInput``."""
        return [each["realtimeInput"][kind] for each in self.sent if kind in each.get("realtimeInput", {})]

    @property
    def setups(self) -> list[dict[str, Any]]:
        """The setups of all its connections."""
        return [each["setup"] for each in self.sent if "setup" in each]
