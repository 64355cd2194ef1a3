"""Showing a key once, and what the cookie that comes of it is worth."""

from unittest.mock import AsyncMock

import httpx
import pytest

from antiphon.store import logins
from antiphon.store.database import StoreError
from antiphon.store.keys import Keys

HTML = {"accept": "text/html"}


@pytest.fixture
def url(start):
    return start(keys=["plain"], admin_keys=["root"]).url


@pytest.fixture
def client(url):
    with httpx.Client(base_url=url, headers=HTML) as client:
        yield client


def log_in(client, key, there="/console/"):
    return client.post("/console/login", data={"key": key, "next": there})


class TestAsking:
    def test_a_page_asks_for_a_key_and_comes_back(self, client):
        answer = client.get("/console/sessions?model=x")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/console/login?next=%2Fconsole%2Fsessions%3Fmodel%3Dx"
        form = client.get(answer.headers["location"]).text
        assert 'value="/console/sessions?model=x"' in form
        assert log_in(client, "root", "/console/sessions?model=x").headers["location"] == "/console/sessions?model=x"

    def test_a_program_is_told_what_to_send(self, url):
        answer = httpx.get(f"{url}/console/", headers={"accept": "application/json"})
        assert answer.status_code == 401
        assert "x-goog-api-key" in answer.json()["error"]["message"]

    def test_a_program_shows_its_key_with_the_request(self, url):
        assert httpx.post(f"{url}/console/api/token", headers={"x-goog-api-key": "plain"}).status_code == 200
        assert httpx.post(f"{url}/console/api/token", headers={"x-goog-api-key": "wrong"}).status_code == 401

    @pytest.mark.parametrize(
        "there",
        ["https://evil.example/", "//evil.example/console/", "/\\evil.example", "/other", "javascript:alert(1)"],
    )
    def test_it_never_leads_away(self, client, there):
        assert log_in(client, "root", there).headers["location"] == "/console/"


class TestShowing:
    def test_a_wrong_key_says_so(self, client):
        answer = log_in(client, "wrong")
        assert answer.status_code == 401
        assert "not a key of this server" in answer.text
        assert "wrong" not in answer.text
        assert "set-cookie" not in answer.headers

    def test_the_cookie_is_for_nobody_else(self, client):
        cookie = log_in(client, "root").headers["set-cookie"].lower()
        assert "root" not in cookie
        for word in ("httponly", "samesite=strict", "path=/console"):
            assert word in cookie

    def test_it_opens_what_the_key_opens(self, client):
        log_in(client, "plain")
        assert client.get("/console/").status_code == 200
        refused = client.get("/console/admin/keys")
        assert refused.status_code == 403
        assert "/console/sessions" in refused.text, "the ways out of the page"
        assert "Log out" in refused.text

    def test_logging_out_makes_the_cookie_worthless(self, client):
        log_in(client, "root")
        secret = client.cookies["antiphon_console"]
        assert client.post("/console/logout").status_code == 303
        client.cookies.set("antiphon_console", secret, path="/console")
        assert client.get("/console/").status_code == 303

    def test_a_key_taken_out_of_force_takes_its_logins_along(self, start, tmp_path):
        server = start(admin_keys=["old", "other"], data_dir=tmp_path)
        with httpx.Client(base_url=server.url, headers=HTML) as client:
            log_in(client, "old")
            assert client.get("/console/").status_code == 200
            again = start(admin_keys=["other"], data_dir=tmp_path)
            assert client.get(f"{again.url}/console/").status_code == 303


class TestForeignPages:
    @pytest.mark.parametrize(
        "headers",
        [
            {"origin": "https://evil.example"},
            {"origin": "null"},
            {"origin": "null", "sec-fetch-site": "same-origin"},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
        ],
    )
    def test_they_change_nothing(self, client, headers):
        log_in(client, "root")
        assert client.post("/console/api/token", headers=headers).status_code == 403

    def test_an_open_server_answers_by_its_own_names_only(self, start):
        url = start().url
        assert httpx.get(f"{url}/console/", headers={**HTML, "host": "evil.example"}).status_code == 421
        assert httpx.get(f"{url}/console/", headers={**HTML, "host": "127.0.0.1:1"}).status_code == 200

    def test_its_names_are_those_of_this_computer_and_of_its_certificate(self, start):
        url = start(tls_names=["voice.lan"]).url
        for host in ("localhost", "antiphon.localhost", "[::1]:8080", "voice.lan"):
            assert httpx.get(f"{url}/console/", headers={**HTML, "host": host}).status_code == 200, host
        assert httpx.get(f"{url}/console/", headers={**HTML, "host": "localhost.evil.example"}).status_code == 421

    def test_a_server_with_keys_answers_by_any_name(self, url):
        assert httpx.get(f"{url}/console/", headers={**HTML, "host": "voice.example"}).status_code == 303


def test_a_login_ends_after_half_a_day(start, tmp_path):
    server = start(admin_keys=["root"], data_dir=tmp_path, virtual_time=True)
    with httpx.Client(base_url=server.url, headers=HTML) as client:
        log_in(client, "root")
        server.clock.advance(logins.LIFETIME - 1)
        assert client.get("/console/").status_code == 200
        server.clock.advance(2)
        assert client.get("/console/").status_code == 303


class TestOneBrowser:
    def test_who_logs_in_again_leaves_no_login_behind(self, client):
        log_in(client, "root")
        first = client.cookies["antiphon_console"]
        log_in(client, "plain")
        client.cookies.clear()
        client.cookies.set("antiphon_console", first, path="/console")
        assert client.get("/console/").status_code == 303

    def test_with_and_without_tls_it_has_a_cookie_for_each(self, start, new_page):
        server = start(admin_keys=["root"])
        page = new_page(ignore_https_errors=True)
        for url in (server.tls_url, server.url):
            page.goto(f"{url}/console/admin/keys")
            page.fill("input[name=key]", "root")
            page.press("input[name=key]", "Enter")
            page.wait_for_url(f"{url}/console/admin/keys")


class TestWhereItLeads:
    @pytest.fixture
    def make(self, url):
        """Makes keys for something; their secrets."""

        def make(*permissions):
            told = {"name": "some", "permissions": permissions}
            made = httpx.post(f"{url}/console/admin/keys", json=told, headers={"x-goog-api-key": "root"})
            return made.json()["secret"]

        return make

    def test_to_the_first_page_that_the_key_opens(self, client, make):
        assert log_in(client, make("sessions")).headers["location"] == "/console/sessions"
        assert log_in(client, make("live")).headers["location"] == "/console/"

    def test_nowhere_with_a_key_that_opens_none(self, client, make):
        answer = log_in(client, make("metrics"))
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
        assert "opens none of these pages" in answer.text

    def test_there_after_a_mistake_too(self, client):
        assert 'value="/console/sessions"' in log_in(client, "wrong", "/console/sessions").text

    def test_a_database_that_fails_is_no_wrong_key(self, client, url, monkeypatch):
        monkeypatch.setattr(Keys, "find", AsyncMock(side_effect=StoreError("locked")))
        assert log_in(client, "antiphon-some").status_code == 503
        shown = {"x-goog-api-key": "antiphon-some"}
        assert httpx.get(f"{url}/console/api/clock", headers=shown).status_code == 503
