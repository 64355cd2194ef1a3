"""A real browser in front of a real server, a microphone that says what a test wants, and ears at the speaker."""

import asyncio
import base64
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from antiphon.testing import SPOKEN
from antiphon.testing.server import RunningServer, Servers

sync_api = pytest.importorskip("playwright.sync_api")

HERE = Path(__file__).parent
AXE = "axe-core@4.14.1"
PATIENCE = 15_000
"""Milliseconds until something that does not come fails."""


@pytest.fixture(scope="session")
def chromium(missing: Callable[[str], NoReturn]) -> Iterator[Any]:
    """The Chromium of the system, headless."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        missing("Chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--disable-quic", "--no-first-run"])
        _playwright.append(asyncio.get_running_loop())
        yield browser
        asyncio._set_running_loop(_playwright.pop())
        browser.close()


_playwright: list[asyncio.AbstractEventLoop] = []
"""Playwright's loop, which counts as running as long as its browser does: only tests with a browser may see that."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Let Playwright's loop run for the tests with a browser, and for no other."""
    if _playwright and "chromium" in getattr(item, "fixturenames", ()):
        asyncio._set_running_loop(_playwright[0])
    try:
        return (yield)
    finally:
        asyncio._set_running_loop(None)


@pytest.fixture
def start(antiphon_servers: Servers) -> Iterator[Callable[..., RunningServer]]:
    """Starts servers with settings; they end with the test."""
    started: list[RunningServer] = []

    def start(**settings: Any) -> RunningServer:
        started.append(antiphon_servers.start(**settings))
        return started[-1]

    yield start
    for each in started:
        antiphon_servers.stop(each)


@pytest.fixture
def new_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page of its own browser context; what goes wrong in its script fails the test.

    ``microphone`` replaces the real one by a scripted one (:func:`speak`); other options are those of a context.
    ``page.problems`` may be cleared by a test that expects some.
    """
    contexts: list[Any] = []
    pages: list[Any] = []

    def new_page(*, microphone: bool = True, scripts: tuple[str, ...] = (), **options: Any) -> Any:
        context = chromium.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        for name in (*(["scripted_microphone.js"] if microphone else []), *scripts):
            context.add_init_script(path=str(HERE / name))
        page = context.new_page()
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(f"{error}"))
        page.on("console", lambda told: page.problems.append(told.text) if told.type == "error" else None)
        pages.append(page)
        return page

    yield new_page
    problems = [problem for page in pages for problem in page.problems]
    for context in contexts:
        context.close()
    assert not problems, problems


def speak(page: Any, name: str) -> None:
    """Let the scripted microphone say one of the spoken sentences, from now on."""
    page.evaluate("wav => __mic.speak(wav)", base64.b64encode(SPOKEN[name].path.read_bytes()).decode())


@pytest.fixture(scope="session")
def axe(installed: Callable[..., Path]) -> Callable[[Any], list[Any]]:
    """Finds what keeps people out of a page: one line for each violation."""
    folder = installed("axe", ["npm", "install", "--prefix", ".", "--no-audit", "--no-fund", "--silent", AXE])
    source = (folder / "node_modules/axe-core/axe.min.js").read_text()

    def violations(page: Any) -> list[Any]:
        page.evaluate(source)
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        found = page.evaluate("tags => axe.run({runOnly: tags})", tags)["violations"]
        return [f"{each['id']}: {each['help']}: {[node['html'] for node in each['nodes']][:5]}" for each in found]

    return violations
