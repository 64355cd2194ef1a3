"""pytest fixtures: a real server for your tests, with nothing to install or to download.

Mark a test with ``@pytest.mark.antiphon(script="answers.yaml")`` and let it take ``antiphon_server``: within the test
``genai.Client()`` talks to that server, because the environment already points there.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from antiphon.testing.server import RunningServer, Servers


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "antiphon(script, pace_turns, virtual_time, ...): how antiphon_server answers")


@pytest.fixture(scope="session")
def antiphon_servers() -> "Iterator[Servers]":
    """Starts servers: ``antiphon_servers.start(script=...)``. The models are loaded once for the whole run."""
    # Imported here: pytest loads this plugin in every project, and most tests need no server.
    from antiphon.testing.server import Servers

    with Servers() as servers:
        yield servers


@pytest.fixture
def antiphon_server(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, antiphon_servers: "Servers"
) -> "Iterator[RunningServer]":
    """A server for one test, as its ``antiphon`` marker says; the environment points google-genai at it."""
    marker = request.node.get_closest_marker("antiphon")
    settings = dict(marker.kwargs) if marker else {}
    script = settings.get("script")
    if isinstance(script, str) and "\n" not in script:
        settings["script"] = request.path.parent / script
    running = antiphon_servers.start(**settings)
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    yield running
    antiphon_servers.stop(running)
