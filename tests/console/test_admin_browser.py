"""The admin pages in a browser, full of things: nobody is kept out, nothing is cut off, and scripts are not needed."""

import time

import pytest
from tests.console.clients import program
from tests.console.stored import DAY, grant, spend

from antiphon.server.auth import owner_of

PATHS = (
    "keys",
    "keys/new",
    "keys/{id}",
    "keys/{id}/rotate",
    "keys/{id}/revoke",
    "tokens",
    "tokens/revoke?owner={id}",
    "usage?by=key",
    "usage?by=model",
    "limits",
    "engines",
    "audit/verify",
)
IN_THE_DARK = ("keys/{id}", "tokens", "usage?by=key", "limits", "audit/verify")
"""Pages with all colours that there are."""

LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 800}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 800}},
    "narrow": {"color_scheme": "light", "viewport": {"width": 320, "height": 700}},
}


@pytest.fixture(scope="module")
def full(antiphon_servers, tmp_path_factory, certified):
    """A server with keys, tokens and days of usage; and the id of a key."""
    folder = certified(tmp_path_factory.mktemp("full"))
    server = antiphon_servers.start(data_dir=folder, keys=["plain"], admin_keys=["root"])
    with program(server.url) as api:
        wish = {"permissions": ["live"], "models": ["gemini-3.8-live"], "day": "1", "month": "9", "expires": "30d"}
        key = api.post("/keys", json={"name": "an app with a name that is rather long indeed", **wish}).json()
        gone = api.post("/keys", json={"name": "old", "permissions": ["metrics"]}).json()
        api.post(f"/keys/{gone['id']}/revoke")
    for number in range(8):
        spend(folder, key["id"], 0.4 + 0.1 * number, at=time.time() - number * DAY)
        spend(folder, owner_of("plain"), 0.2, at=time.time() - number * DAY, model="gemini-3.1-flash-live-preview")
    spend(folder, key["id"], 0, unknown="openai/tts-1 has no price")
    grant(folder, key["id"], setup={"model": "models/gemini-3.8-live"}, field_mask=("model",))
    yield server, key["id"]
    antiphon_servers.stop(server)


def log_in(page, url):
    page.goto(f"{url}/console/login")
    page.fill("#key", "root")
    page.press("#key", "Enter")
    page.wait_for_url("**/console/")


@pytest.mark.slow
@pytest.mark.parametrize("look", LOOKS)
def test_nobody_is_kept_out(full, new_page, axe, look):
    server, key_id = full
    page = new_page(microphone=False, **LOOKS[look])
    log_in(page, server.url)
    found = {}
    for path in IN_THE_DARK if look == "dark" else PATHS:
        page.goto(f"{server.url}/console/admin/{path.format(id=key_id)}")
        if violations := axe(page):
            found[path] = violations
    assert not found


def test_a_key_is_made_and_seen_once_by_keyboard_and_without_scripts(full, new_page):
    server, _ = full
    page = new_page(microphone=False, java_script_enabled=False)
    log_in(page, server.url)
    page.goto(f"{server.url}/console/admin/keys/new")
    page.get_by_label("Dollars for a day").fill("nothing")
    page.get_by_label("Name").fill("by keyboard")
    page.get_by_label("Name").press("Enter")
    problem = page.get_by_label("Dollars for a day")
    assert problem.get_attribute("aria-invalid") == "true"
    assert problem.input_value() == "nothing"
    assert page.get_by_role("alert").is_visible()
    problem.fill("2.50")
    page.get_by_role("button", name="Make the key").focus()
    page.keyboard.press("Space")
    secret = page.get_by_label("Secret").input_value()
    assert secret.startswith("antiphon-")
    assert secret not in page.url
    page.reload()
    assert page.get_by_label("Secret").count() == 0
    assert secret not in page.content()
    page.problems = [told for told in page.problems if "400" not in told]


def test_charts_are_seen(full, new_page):
    server, _ = full
    page = new_page(microphone=False)
    log_in(page, server.url)
    page.goto(f"{server.url}/console/admin/usage?by=model")
    bars = page.locator("svg.chart rect.bar")
    assert bars.count() == 2 + 16
    colours = {bars.nth(number).evaluate("bar => getComputedStyle(bar).fill") for number in range(bars.count())}
    assert len(colours) == 2
    assert all(bars.nth(number).bounding_box()["height"] > 0 for number in range(bars.count()))
