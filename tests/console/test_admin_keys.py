"""Keys on pages: made, shown once, changed, replaced, revoked; and what programs get at the same addresses."""

import re
import time

import httpx
import pytest
from tests.console.calling import call
from tests.console.clients import HTML, browser, program
from tests.console.stored import DAY, grant, logged, spend
from websockets.exceptions import ConnectionClosed

from antiphon.server.auth import owner_of

SECRET = re.compile(r"antiphon-[\w-]{43}")
WANTED = {"name": "phone app", "permissions": ["live"], "models": ["gemini-3.8-live"], "day": "5", "expires": "30d"}


@pytest.fixture
def server(start, tmp_path):
    return start(keys=["plain"], admin_keys=["root"], data_dir=tmp_path)


@pytest.fixture
def api(server):
    with program(server.url) as client:
        yield client


@pytest.fixture
def page(server):
    with browser(server.url) as client:
        yield client


class TestMaking:
    def test_a_page_shows_the_secret_once(self, page, api, tmp_path):
        made = page.post("/keys", data=WANTED)
        (secret,) = set(SECRET.findall(made.text))
        assert made.headers["cache-control"] == "no-store"
        assert secret not in str(made.url)
        again = page.get(made.url)
        assert "phone app" in again.text
        assert not SECRET.search(again.text)
        (key,) = api.get("/keys").json()["keys"]
        assert not SECRET.search(str(key))
        assert (key["name"], key["models"], key["day"]) == ("phone app", ["gemini-3.8-live"], "5")
        (entry,) = logged(tmp_path, "key.create")
        assert (entry.target, entry.actor[:14]) == (key["id"], "configured key")
        assert secret not in entry.detail

    def test_another_login_does_not_see_it(self, server, page):
        answer = page.post("/keys", data=WANTED, follow_redirects=False)
        there = answer.headers["location"]
        with browser(server.url) as other:
            assert not SECRET.search(other.get(f"{server.url}{there}").text)
        assert SECRET.search(page.get(f"{server.url}{there}").text)

    def test_it_opens_the_live_api_and_its_use_is_seen(self, server, api):
        key = api.post("/keys", json=WANTED).json()
        headers = {"x-goog-api-key": key["secret"]}
        assert httpx.get(f"{server.url}/v1beta/models", headers=headers).status_code == 200
        assert api.get(f"/keys/{key['id']}").json()["last_used"] == pytest.approx(time.time(), abs=10)

    def test_a_program_gets_it_with_the_answer(self, api):
        made = api.post("/keys", json=WANTED)
        assert made.status_code == 201
        assert SECRET.fullmatch(made.json()["secret"])

    def test_a_wrong_field_keeps_what_was_written(self, page):
        answer = page.post("/keys", data={**WANTED, "day": "a lot", "concurrent": "0", "name": "<phone>"})
        assert answer.status_code == 400
        for field in ("day", "concurrent"):
            assert f'aria-describedby="{field}-hint {field}-problem"' in answer.text
            assert f'id="{field}-problem"' in answer.text
        assert answer.text.count('aria-invalid="true"') == 2
        assert 'value="a lot"' in answer.text
        assert 'value="&lt;phone&gt;"' in answer.text
        assert 'value="gemini-3.8-live" checked' in answer.text
        assert 'value="30d"' in answer.text

    def test_a_program_is_told_by_field(self, api):
        answer = api.post("/keys", json={**WANTED, "models": ["gpt"], "permissions": []})
        assert answer.status_code == 400
        fields = answer.json()["error"]["fields"]
        assert fields["permissions"].startswith("choose at least one")
        assert fields["models"].startswith("gpt is not served here; write some of gemini-3.8-live")

    @pytest.mark.parametrize("body", ["nonsense", "[1]", '"x"'])
    def test_what_is_no_object_is_refused(self, api, body):
        answer = api.post("/keys", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 400
        assert "not a JSON object" in answer.json()["error"]["message"]

    def test_another_site_cannot(self, server, page):
        for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
            assert page.post("/keys", data=WANTED, headers=headers).status_code == 403


class TestListing:
    def test_costs_of_today_and_of_the_month(self, api, page, tmp_path):
        key = api.post("/keys", json=WANTED).json()
        spend(tmp_path, key["id"], 0.25)
        spend(tmp_path, key["id"], 9, at=time.time() - 40 * DAY)
        spend(tmp_path, key["id"], 0, unknown="no price")
        spend(tmp_path, owner_of("plain"), 0.75)
        told = api.get("/keys").json()
        assert (told["keys"][0]["today_dollars"], told["keys"][0]["today_unknown"]) == ("0.25", 1)
        assert told["keys"][0]["this_month_dollars"] == "0.25"
        assert {each["owner"]: each["today_dollars"] for each in told["configured"]}[owner_of("plain")] == "0.75"
        text = page.get("/keys").text
        assert "$0.25" in text
        assert "1 unknown" in text
        assert "root" not in text
        assert "plain" not in text

    def test_an_open_server_says_that_it_is(self, start, tmp_path):
        server = start(data_dir=tmp_path)
        text = httpx.get(f"{server.url}/console/admin/keys", headers=HTML).text
        assert "everybody here may do everything" in text
        assert "There is no key yet" in text


class TestChanging:
    def test_a_page_changes_everything(self, api, page, tmp_path):
        key = api.post("/keys", json=WANTED).json()
        changed = page.post(
            f"/keys/{key['id']}", data={"name": "tablet", "permissions": ["live", "sessions"], "day": "7"}
        )
        assert "Changed." in changed.text
        told = api.get(f"/keys/{key['id']}").json()
        assert (told["name"], told["permissions"], told["day"]) == ("tablet", ["live", "sessions"], "7")
        assert told["expires"] is None
        assert "models" not in told
        (entry,) = logged(tmp_path, "key.change")
        assert '"day":["5","7"]' in entry.detail

    def test_a_program_changes_what_it_names(self, api):
        key = api.post("/keys", json=WANTED).json()
        told = api.post(f"/keys/{key['id']}", json={"day": None, "concurrent": 2}).json()
        assert "day" not in told
        assert (told["concurrent"], told["models"]) == (2, ["gemini-3.8-live"])
        assert told["expires"] == pytest.approx(key["expires"], abs=60)

    def test_a_wrong_field_changes_nothing(self, api, page, tmp_path):
        key = api.post("/keys", json=WANTED).json()
        answer = page.post(f"/keys/{key['id']}", data={**WANTED, "expires": "2020-01-01", "name": "other"})
        assert answer.status_code == 400
        assert "that has passed" in answer.text
        assert 'value="other"' in answer.text
        assert api.get(f"/keys/{key['id']}").json()["name"] == "phone app"
        assert not logged(tmp_path, "key.change")

    def test_an_unknown_one_is_not_there(self, api):
        for method, path in (("GET", ""), ("POST", ""), ("GET", "/rotate"), ("POST", "/rotate"), ("POST", "/revoke")):
            assert api.request(method, f"/keys/ak_unknown{path}").status_code == 404


class TestReplacing:
    def test_a_new_secret_is_shown_once_beside_the_old_one(self, server, api, page, tmp_path):
        key = api.post("/keys", json=WANTED).json()
        assert "A new secret for phone app" in page.get(f"/keys/{key['id']}/rotate").text
        shown = page.post(f"/keys/{key['id']}/rotate", data={"grace": "24h"})
        (new,) = set(SECRET.findall(shown.text))
        assert "Old secret good until" in shown.text
        for secret in (key["secret"], new):
            headers = {"x-goog-api-key": secret}
            assert httpx.get(f"{server.url}/v1beta/models", headers=headers).status_code == 200
        assert not SECRET.search(page.get(f"/keys/{key['id']}").text)
        third = api.post(f"/keys/{key['id']}/rotate", json={"grace": "0s"}).json()["secret"]
        assert [
            httpx.get(f"{server.url}/v1beta/models", headers={"x-goog-api-key": secret}).status_code
            for secret in (key["secret"], new, third)
        ] == [401, 401, 200]
        assert len(logged(tmp_path, "key.rotate")) == 2

    def test_a_wrong_time_is_refused(self, api, page):
        key = api.post("/keys", json=WANTED).json()
        answer = page.post(f"/keys/{key['id']}/rotate", data={"grace": "soon"})
        assert answer.status_code == 400
        assert 'aria-describedby="grace-problem"' in answer.text
        assert api.post(f"/keys/{key['id']}/rotate", json={"grace": "soon"}).json()["error"]["fields"]["grace"]


class TestRevoking:
    def test_it_asks_and_ends_sessions_and_tokens(self, server, api, page, tmp_path):
        key = api.post("/keys", json=WANTED).json()
        grant(tmp_path, key["id"])
        assert len(api.get("/tokens").json()["owners"]) == 1
        with call(server, key["secret"]) as (socket, _):
            assert "1 session of it will be closed" in page.get(f"/keys/{key['id']}/revoke").text
            began = time.monotonic()
            done = page.post(f"/keys/{key['id']}/revoke")
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(10)
            assert time.monotonic() - began < 3
        assert closed.value.rcvd.code == 1008
        assert closed.value.rcvd.reason.startswith("this API key was revoked")
        assert "Revoked: the key" in done.text
        assert api.get("/tokens").json() == {"owners": []}
        assert api.get(f"/keys/{key['id']}").json()["state"] == "revoked"
        assert api.post(f"/keys/{key['id']}/rotate").status_code == 409
        (entry,) = logged(tmp_path, "key.revoke")
        assert entry.detail == '{"sessions_ended":1}'

    def test_a_revoked_admin_is_out_at_once(self, server, api):
        key = api.post("/keys", json={"name": "boss", "permissions": ["admin"]}).json()
        with browser(server.url, key["secret"]) as boss:
            assert boss.get("/keys").status_code == 200
            api.post(f"/keys/{key['id']}/revoke")
            assert "Log in" in boss.get("/keys").text
            said = boss.post(f"{server.url}/console/login", data={"key": key["secret"]})
        assert said.status_code == 401
        assert "This API key was revoked." in said.text
