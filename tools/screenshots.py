"""Takes the pictures of README and docs from the real console: a real server, a real browser, speech that is spoken.

    python tools/screenshots.py [--only NAME ...]

Needs Chromium. Run by hand when pages change, and commit what it writes into ``docs/images``.
"""

import argparse
import base64
import io
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from antiphon.testing import SPOKEN
from antiphon.testing.server import RunningServer, Servers

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
MICROPHONE = ROOT / "tests" / "console" / "scripted_microphone.js"
SCRIPT = """
similar: 0.8
rules:
  - when: "turn on the lights in the *"
    call: {name: set_lights, args: {room: "{0}", state: "lit"}}
    after: "The lights in the {0} are on."
otherwise: {builtin: true}
"""
WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 780}
PATIENCE = 20_000


class Studio:
    """One server, one browser, and a conversation that was held."""

    def __init__(self, server: RunningServer, browser: Browser) -> None:
        self._server = server
        self._browser = browser

    def page(self, path: str, **options: Any) -> Page:
        """A page of the console."""
        page = self._browser.new_context(device_scale_factor=1.5, **{"viewport": WIDE, **options}).new_page()
        page.add_init_script(path=str(MICROPHONE))
        page.set_default_timeout(PATIENCE)
        page.goto(f"{self._server.url}/console{path}")
        page.wait_for_selector("#app > .loading", state="detached")
        return page

    def conversation(self, **options: Any) -> Page:
        """The page where one talks, after a few spoken turns."""
        page = self.page("/", **options)
        page.get_by_role("button", name="Start talking").click()
        for name, answer in (
            ("my_name_is_alice", "Alice"),
            ("what_is_two_plus_three", "2 plus 3 is 5"),
            ("what_is_my_name", "Your name is Alice"),
        ):
            expect(page.locator(".status")).to_have_text("Listening", timeout=PATIENCE)
            page.evaluate("wav => __mic.speak(wav)", base64.b64encode(SPOKEN[name].path.read_bytes()).decode())
            said = page.get_by_role("log").locator("[data-who=model]").filter(has_text=answer)
            expect(said.last).to_be_visible(timeout=PATIENCE)
        expect(page.locator(".status")).to_have_text("Listening", timeout=PATIENCE)
        return page


def talk(studio: Studio) -> Page:
    """A conversation with its meters."""
    page = studio.conversation()
    page.get_by_role("tab", name="Meters").click()
    page.wait_for_timeout(1500)
    return page


def talk_dark(studio: Studio) -> Page:
    """A conversation with its messages, in the dark."""
    page = studio.conversation(color_scheme="dark")
    page.get_by_role("tab", name="Wire").click()
    page.wait_for_timeout(1000)
    return page


def settings(studio: Studio) -> Page:
    """The settings of a model, beside the conversation."""
    page = studio.page("/")
    page.get_by_role("tab", name="Settings").click()
    page.wait_for_timeout(1000)
    return page


def phone(studio: Studio) -> Page:
    """A conversation on a phone."""
    return studio.conversation(viewport=PHONE, has_touch=True, is_mobile=True)


def trace(studio: Studio) -> Page:
    """A call over its sound."""
    talked = studio.conversation()
    talked.get_by_role("button", name="Hang up").click()
    link = talked.get_by_role("link", name="Open the trace").get_attribute("href") or ""
    talked.wait_for_timeout(1500)
    page = studio.page("/sessions/" + link.rsplit("/", 1)[1])
    page.wait_for_timeout(1000)
    return page


def usage(studio: Studio) -> Page:
    """What calls cost."""
    return studio.page("/admin/usage")


PICTURES: dict[str, Callable[[Studio], Page]] = {
    "console-talk": talk,
    "console-wire": talk_dark,
    "console-settings": settings,
    "console-phone": phone,
    "console-trace": trace,
    "console-usage": usage,
}


def main() -> None:
    """Take the pictures that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PICTURES, metavar="NAME", help=f"of {', '.join(PICTURES)}")
    wanted = parser.parse_args().only or list(PICTURES)
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        sys.exit("Chromium is not installed: apt-get install chromium")
    with Servers() as servers, sync_playwright() as playwright:
        server = servers.start(script=SCRIPT, telemetry={"content": True}, recording={"mode": "always"})
        studio = Studio(server, playwright.chromium.launch(executable_path=path))
        for name in wanted:
            size = save(PICTURES[name](studio).screenshot(), IMAGES / f"{name}.png")
            print(f"{name}: {size / 1000:.0f} kB", flush=True)


def save(png: bytes, path: Path) -> int:
    """Write a picture with 256 colours, which pages like these do not exceed by much; its bytes."""
    with Image.open(io.BytesIO(png)) as picture:
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    return path.stat().st_size


if __name__ == "__main__":
    main()
