"""A real browser in front of a real server, a microphone that says what a test wants, and ears at the speaker."""

import base64
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from antiphon.server.tls import ensure_tls
from antiphon.testing import SPOKEN
from antiphon.testing.server import RunningServer, Servers

sync_api = pytest.importorskip("playwright.sync_api")

HERE = Path(__file__).parent
AXE = "axe-core@4.14.1"
PATIENCE = 15_000
"""Milliseconds until something that does not come fails."""


@pytest.fixture(scope="module")
def launch(missing: Callable[[str], NoReturn]) -> Iterator[Callable[..., Any]]:
    """Starts the Chromium of the system, headless, with flags.

    As long as Playwright is in use its event loop counts as running in this thread, so no other can: there are no
    ``async`` tests in a module with a browser, and browsers end with their module.
    """
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        missing("Chromium is not installed")
    started: list[Any] = []

    def launch(*flags: str) -> Any:
        started.append(playwright.chromium.launch(executable_path=path, args=["--no-first-run", *flags]))
        return started[-1]

    with sync_api.sync_playwright() as playwright:
        yield launch
        for browser in started:
            browser.close()


@pytest.fixture(scope="module")
def chromium(launch: Callable[..., Any]) -> Any:
    """A browser for all tests of a module."""
    return launch("--disable-quic")


@pytest.fixture(scope="session")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Gives a data directory certificates that are there already: to make them takes a second."""
    certificates = tmp_path_factory.mktemp("certificates") / "tls"

    def certified(data_dir: Path) -> Path:
        ensure_tls(certificates)
        shutil.copytree(certificates, data_dir / "tls", dirs_exist_ok=True)
        return data_dir

    return certified


@pytest.fixture
def start(antiphon_servers: Servers, certified: Callable[[Path], Path]) -> Iterator[Callable[..., RunningServer]]:
    """Starts servers with settings; they end with the test."""
    started: list[RunningServer] = []

    def start(**settings: Any) -> RunningServer:
        if "data_dir" in settings:
            certified(settings["data_dir"])
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
    """Finds what keeps people out of a page: one line for each violation, and one if the page scrolls sideways."""
    folder = installed("axe", ["npm", "install", "--prefix", ".", "--no-audit", "--no-fund", "--silent", AXE])
    source = (folder / "node_modules/axe-core/axe.min.js").read_text()

    def violations(page: Any) -> list[Any]:
        page.evaluate(source)
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        found = page.evaluate("tags => axe.run({runOnly: tags})", tags)["violations"]
        told = [f"{each['id']}: {each['help']}: {[node['html'] for node in each['nodes']][:5]}" for each in found]
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return [*told, f"{wide} pixels too wide"] if wide > 0 else told

    return violations
