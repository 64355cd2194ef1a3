from collections.abc import Iterator

import pytest
from tests.engines.weights.site import Site, Watcher, running

from antiphon.engines.weights.fetch import Fetcher

ENVIRONMENT = ("HF_ENDPOINT", "HF_TOKEN", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy")


@pytest.fixture(scope="module")
def _site() -> Iterator[Site]:
    with running() as site:
        yield site


@pytest.fixture(scope="module")
def _other() -> Iterator[Site]:
    with running() as site:
        yield site


@pytest.fixture
def site(_site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A server, empty; what the environment says of hubs and proxies does not count."""
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    _site.clear()
    return _site


@pytest.fixture
def other(_other: Site, site: Site) -> Site:
    """A second server: another origin."""
    _other.clear()
    return _other


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture
def slept() -> list[float]:
    """The seconds that the fetcher would have slept."""
    return []


@pytest.fixture
def fetcher(slept: list[float]) -> Fetcher:
    """A fetcher that does not really wait between attempts."""
    return Fetcher({}, sleep=slept.append)
