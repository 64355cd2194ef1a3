"""Nothing crosses from one key to another, and nobody goes on with a key that ended."""

import threading
import time
from contextlib import contextmanager

import httpx
import pytest
from tests.console import calling, stored
from tests.console.clients import HTML, browser

from antiphon.console import channel
from antiphon.store.keys import Keys, KeyTerms

OLDER = "models/gemini-2.5-flash-native-audio-preview-12-2025"
PLACES = (
    *("/sessions/{}", "/sessions/{}/live", "/sessions/{}/delete", "/sessions/{}/otlp.json", "/sessions/{}/markdown"),
    *("/sessions/{}/audio/1/user.wav", "/sessions/{}/audio/1/user.peaks.json", "/sessions/compare?a={0}&b={0}"),
)


@pytest.fixture(scope="module")
def server(antiphon_servers, tmp_path_factory):
    """A closed server, with a session and its sound of a key of the database."""
    folder = tmp_path_factory.mktemp("strangers")
    server = antiphon_servers.start(keys=["plain"], admin_keys=["root"], data_dir=folder)
    server.folder = folder
    yield server
    antiphon_servers.stop(server)


@pytest.fixture
def make(server):
    """Makes keys: id and secret."""

    def make(*permissions, **terms):
        told = {"name": "stranger", "permissions": permissions or ["live", "sessions"], **terms}
        key = ask(server, "/admin/keys", "root", json=told).json()
        return key["id"], key["secret"]

    return make


def ask(server, path, key="", **sent):
    headers = {"x-goog-api-key": key} if key else {}
    method = "POST" if sent else "GET"
    return httpx.request(method, f"{server.url}/console{path}", headers=headers, timeout=20, **sent)


@contextmanager
def watching(server, session_id, key):
    """Watch a session; the lines that came, and an event that says that no more will."""
    lines, over = [], threading.Event()

    def read():
        try:
            url = f"{server.url}/console/api/sessions/{session_id}/events?follow=1"
            with httpx.stream("GET", url, headers={"x-goog-api-key": key}, timeout=20) as answer:
                lines.extend(answer.iter_lines())
        finally:
            over.set()

    thread = threading.Thread(target=read)
    thread.start()
    yield lines, over
    thread.join(20)


class TestOwners:
    def test_what_is_somebody_elses_looks_like_what_is_not_there(self, server, make):
        owner, _ = make()
        stored.seed(server.folder, stored.record("foreign0"), owner=owner, timeline=stored.recorded())
        stored.sound(server.folder, "foreign0")
        for key in (make()[1], "plain", make("sessions")[1]):
            for place in PLACES:
                there, nowhere = (ask(server, place.format(name), key) for name in ("foreign0", "unknown0"))
                assert (there.status_code, nowhere.status_code) == (404, 404), place
                assert there.text.replace("foreign0", "unknown0") == nowhere.text
            assert ask(server, "/sessions/foreign0/delete", key, data={}).status_code == 404
            assert "foreign0" not in ask(server, f"/sessions?owner={owner}", key).text
        assert ask(server, "/sessions/foreign0", "root").status_code == 200

    @pytest.mark.parametrize("shown", ["header", "cookie", "query"])
    def test_a_token_opens_no_page(self, server, shown):
        token = stored.grant(server.folder, "owner")
        secret = f"auth_tokens/{token}"
        headers = {"header": {"x-goog-api-key": secret}, "cookie": {"cookie": f"antiphon_console={secret}"}}
        query = f"?access_token={secret}" if shown == "query" else ""
        for path in ("/", "/sessions", "/api/start", "/admin/keys"):
            answer = httpx.get(f"{server.url}/console{path}{query}", headers=headers.get(shown, {}))
            assert answer.status_code == 401, path

    def test_a_key_in_an_address_opens_no_page_and_goes_no_further(self, server):
        answer = httpx.get(f"{server.url}/console/sessions?key=plain", headers=HTML)
        assert answer.status_code == 303
        assert "plain" not in answer.headers["location"]


class TestModels:
    def test_a_key_learns_of_no_other_than_its_own(self, server, make):
        key = make("live", models=["gemini-3.8-live"])[1]
        listed = ask(server, "/api/models", key).json()["models"]
        assert [each["name"] for each in listed] == ["models/gemini-3.8-live"]
        assert ask(server, "/api/fields", key).json()["model"]["id"] == "gemini-3.8-live"
        assert "not allowed for this key" in ask(server, f"/api/fields?model={OLDER}", key).json()["model"]["problem"]
        checked = ask(server, "/api/check", key, json={"setup": {"model": OLDER}}).json()
        assert (checked["ok"], checked["refused"]["reason"]) == (False, "is not allowed for this key")
        assert ask(server, "/api/check", key, json={"setup": {"model": "models/gemini-3.8-live"}}).json()["ok"]

    def test_no_tokens_are_counted_for_another(self, server, make):
        key = make("live", models=["gemini-3.8-live"])[1]
        body = {"contents": [{"parts": [{"text": "hello"}]}]}
        for model, status in ((OLDER, 404), ("models/gemini-3.8-live", 200)):
            url = f"{server.url}/v1beta/{model}:countTokens"
            answer = httpx.post(url, json=body, headers={"x-goog-api-key": key})
            assert answer.status_code == status
            assert "2.5-flash-native" not in answer.text.partition("this server has")[2]


class TestReplacedSecrets:
    @pytest.mark.parametrize(("grace", "status"), [("0s", 401), ("1h", 200)])
    def test_logins_end_with_the_secret_that_began_them(self, server, make, grace, status):
        key_id, secret = make("admin")
        with browser(server.url, secret) as thief:
            ask(server, f"/admin/keys/{key_id}/rotate", "root", json={"grace": grace})
            assert thief.get(f"{server.url}/console/api/clock", headers={"accept": "*/*"}).status_code == status

    def test_who_replaces_their_own_key_stays(self, server, make):
        key_id, secret = make("admin")
        with browser(server.url, secret) as owner:
            assert "antiphon-" in owner.post(f"/keys/{key_id}/rotate", data={"grace": "0s"}).text


class TestStreams:
    def test_nothing_more_comes_once_the_watchers_key_ended(self, server, make, monkeypatch):
        monkeypatch.setattr(channel, "LOOK", 0.1)
        key_id, secret = make("admin")
        with calling.call(server, "plain") as (socket, session_id), watching(server, session_id, secret) as seen:
            lines, over = seen
            until = time.monotonic() + 5
            while "event: hello" not in lines and time.monotonic() < until:
                time.sleep(0.02)
            assert not over.is_set()
            ask(server, f"/admin/keys/{key_id}/revoke", "root", data={})
            time.sleep(0.2)
            calling.say(socket, "What is two plus three?")
            assert over.wait(5)

    def test_one_owner_has_so_many_and_others_have_theirs(self, server, make, monkeypatch):
        monkeypatch.setattr(channel, "MOST_STREAMS", 2)
        with calling.call(server, "plain") as (_, session_id), httpx.Client(timeout=20) as client:
            url = f"{server.url}/console/api/sessions/{session_id}/events"

            def watch(key):
                return client.send(client.build_request("GET", url, headers={"x-goog-api-key": key}), stream=True)

            first, second, third, other = watch("plain"), watch("plain"), watch("plain"), watch("root")
            assert [each.status_code for each in (first, second, third, other)] == [200, 200, 429, 200]
            first.close()
            until = time.monotonic() + 5
            while (again := watch("plain")).status_code != 200 and time.monotonic() < until:
                time.sleep(0.05)
            for each in (second, other, again):
                each.close()
            assert again.status_code == 200


class TestTheLastAdmin:
    @pytest.fixture
    def alone(self, start, tmp_path):
        """A server that one key of the database may manage, and no other: the server, the id and the secret."""
        server = start(keys=["plain"], data_dir=tmp_path)
        terms = KeyTerms(name="boss", permissions=("live", "admin"))
        key, secret = stored.in_database(tmp_path, lambda database: Keys(database).create(terms, ""))
        return server, key.id, secret

    def test_is_told_before_it_is_revoked(self, alone):
        server, key_id, secret = alone
        with browser(server.url, secret) as boss:
            assert "No other key may manage this server" in boss.get(f"/keys/{key_id}/revoke").text
            boss.post("/keys", data={"name": "other", "permissions": "admin"})
            asked = boss.get(f"/keys/{key_id}/revoke").text
            assert "No other key" not in asked
            assert "the key that you are using" in asked

    def test_stays_one(self, alone):
        server, key_id, secret = alone
        kept = ask(server, f"/admin/keys/{key_id}", secret, json={"permissions": ["live"]})
        assert (kept.status_code, list(kept.json()["error"]["fields"])) == (400, ["permissions"])
        ask(server, "/admin/keys", secret, json={"name": "other", "permissions": ["admin"]})
        assert ask(server, f"/admin/keys/{key_id}", secret, json={"permissions": ["live"]}).status_code == 200


class TestShownOnce:
    def test_who_only_looks_whether_the_page_is_there_takes_nothing(self, server):
        with browser(server.url) as root:
            made = root.post("/keys", data={"name": "n", "permissions": "live"}, follow_redirects=False)
            place = f"{server.url}{made.headers['location']}"
            assert root.head(place).status_code == 200
            with browser(server.url) as other:
                assert "shown this once" not in other.get(place).text
            assert "shown this once" in root.get(place).text
            assert "shown this once" not in root.get(place).text
