"""No page keeps anybody out: axe finds nothing, in either scheme and at 320 pixels, and nothing is cut off there."""

import pytest
from tests.console.calling import spoken_call, typed_call

WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 320, "height": 700}
PAGES = (
    "/",
    "/side-by-side",
    "/sessions",
    "/sessions/{spoken}",
    "/sessions/{spoken}/delete",
    "/sessions/compare?a={spoken}&b={typed}",
    "/admin/keys",
    "/admin/tokens",
    "/admin/usage",
    "/admin/limits",
    "/admin/engines",
    "/admin/audit",
    "/phone",
    "/login",
    "/nowhere",
)
LOOKS = {
    "light": {"color_scheme": "light", "viewport": WIDE},
    "dark": {"color_scheme": "dark", "viewport": WIDE},
    "narrow": {"color_scheme": "light", "viewport": NARROW, "reduced_motion": "reduce"},
}


@pytest.fixture(scope="module")
def seeded(antiphon_servers, tmp_path_factory, certified):
    """A server with two calls that were recorded, and their sessions."""
    settings = {"telemetry": {"content": True}, "recording": {"mode": "always"}, "pace_turns": False}
    server = antiphon_servers.start(data_dir=certified(tmp_path_factory.mktemp("seeded")), **settings)
    spoken = spoken_call(server, ["what_is_two_plus_three", "my_name_is_alice"])
    yield server, {"spoken": spoken, "typed": typed_call(server, ["What is two plus three?"])}
    antiphon_servers.stop(server)


@pytest.mark.slow
@pytest.mark.parametrize("look", LOOKS)
def test_nobody_is_kept_out(seeded, new_page, axe, look):
    server, sessions = seeded
    page = new_page(**LOOKS[look])
    found = {}
    for path in PAGES:
        page.goto(f"{server.url}/console{path.format(**sessions)}")
        page.wait_for_selector("#app > .loading", state="detached")
        if violations := axe(page):
            found[path] = violations
    page.problems = [problem for problem in page.problems if "404" not in problem]
    assert not found
