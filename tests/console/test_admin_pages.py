"""Tokens, usage, limits, engines and the log: who may see them, what they say, and as what."""

import csv
import io
import json
import re
import sqlite3
import time

import httpx
import pytest
from tests.console.calling import MODEL, websocket
from tests.console.clients import HTML, browser, program
from tests.console.stored import DAY, grant, spend
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from antiphon.server.auth import owner_of
from antiphon.store.database import FILE_NAME

PAGES = ("keys", "keys/new", "tokens", "usage", "limits", "engines", "audit", "audit/verify")
TOKEN_PATH = "/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContentConstrained"


@pytest.fixture
def server(start, tmp_path):
    return start(keys=["plain"], admin_keys=["root"], data_dir=tmp_path, budget={"key_day": 2})


@pytest.fixture
def api(server):
    with program(server.url) as client:
        yield client


@pytest.fixture
def page(server):
    with browser(server.url) as client:
        yield client


class TestWhoMaySeeThem:
    def test_the_way_to_the_first_of_them(self, server):
        with browser(server.url) as admin:
            assert admin.get("").url.path == "/console/admin/keys"

    def test_only_who_may_manage(self, server):
        with browser(server.url, "plain") as plain, httpx.Client(headers=HTML) as nobody:
            for path in PAGES:
                refused = plain.get(f"/{path}")
                assert refused.status_code == 403, path
                assert "permission" in refused.text
                asked = nobody.get(f"{server.url}/console/admin/{path}")
                assert asked.status_code == 303
                assert asked.headers["location"].startswith("/console/login?next=")
                assert httpx.get(f"{server.url}/console/admin/{path}").status_code == 401

    def test_nobody_else_may_change_anything(self, server, api):
        key = api.post("/keys", json={"name": "x", "permissions": ["live"]}).json()
        posts = ("keys", f"keys/{key['id']}", f"keys/{key['id']}/rotate", f"keys/{key['id']}/revoke", "tokens/revoke")
        for secret in ("plain", key["secret"]):
            with program(server.url, secret) as other:
                assert {other.post(f"/{path}", json={}).status_code for path in posts} == {403}

    @pytest.mark.parametrize("path", PAGES)
    def test_each_is_a_page_and_json(self, api, page, path):
        shown = page.get(f"/{path}")
        assert shown.status_code == 200
        assert "<h1>" in shown.text
        assert shown.headers["cache-control"] == "no-store"
        if path != "keys/new":
            assert api.get(f"/{path}").headers["content-type"] == "application/json"
            assert page.get(f"/{path}?format=json").headers["content-type"] == "application/json"


class TestTokens:
    def test_they_are_told_by_owner_and_never_what_they_are(self, api, page, tmp_path):
        secret = grant(tmp_path, owner_of("plain"), setup={"model": MODEL}, field_mask=("model",), uses_left=None)
        grant(tmp_path, owner_of("plain"), expires=time.time() - 1)
        (holder,) = api.get("/tokens").json()["owners"]
        (token,) = holder["tokens"]
        assert (token["model"], token["locked"], token["uses_left"]) == ("gemini-3.8-live", ["model"], None)
        text = page.get("/tokens").text
        assert "locks model" in text
        for told in (text, json.dumps(holder)):
            assert secret not in told

    def test_one_ends_with_its_session(self, server, api, page, tmp_path):
        secret, other = grant(tmp_path, owner_of("plain")), grant(tmp_path, owner_of("plain"))
        url = websocket(server, f"{TOKEN_PATH}?access_token=auth_tokens/")
        with connect(url + secret) as socket:
            socket.send(json.dumps({"setup": {"model": MODEL}}))
            socket.recv(10)
            (holder,) = api.get("/tokens").json()["owners"]
            (running,) = [token for token in holder["tokens"] if token["running"]]
            assert "1 token revoked." in page.post(f"/tokens/{running['id']}/revoke").text
            with pytest.raises(ConnectionClosed, match="this ephemeral token was revoked"):
                socket.recv(10)
        assert api.post(f"/tokens/{running['id']}/revoke").status_code == 404
        with connect(url + other) as socket:
            socket.send(json.dumps({"setup": {"model": MODEL}}))
            assert "setupComplete" in socket.recv(10).decode()

    def test_all_of_an_owner_end(self, api, page, tmp_path):
        for owner in ("plain", "plain", "root"):
            grant(tmp_path, owner_of(owner))
        asked = page.get(f"/tokens/revoke?owner={owner_of('plain')}")
        assert "2 tokens end now" in asked.text
        assert "2 tokens revoked." in page.post("/tokens/revoke", data={"owner": owner_of("plain")}).text
        (left,) = api.get("/tokens").json()["owners"]
        assert left["owner"] == owner_of("root")
        assert api.post("/tokens/revoke", json={}).status_code == 400
        assert page.get("/tokens/revoke?owner=nobody").status_code == 404


class TestUsage:
    @pytest.fixture
    def spent(self, api, tmp_path):
        key = api.post("/keys", json={"name": "phone app", "permissions": ["live"]}).json()
        spend(tmp_path, key["id"], 0.5)
        spend(tmp_path, key["id"], 1.5, at=time.time() - DAY)
        spend(tmp_path, owner_of("plain"), 0.25, model="gemini-3.1-flash-live-preview")
        spend(tmp_path, key["id"], 0.1, kind="window", window=2, estimated=True)
        spend(tmp_path, key["id"], 0, unknown="openai/tts-1 has no price")
        spend(tmp_path, key["id"], 99, at=time.time() - 60 * DAY)
        return key["id"]

    def test_a_page_names_the_keys_and_what_is_not_sure(self, page, spent):
        text = page.get("/usage?by=key").text
        for told in ("phone app", "$2.35", "1 unknown", "1 provisional", "1 estimated", "openai/tts-1 has no price"):
            assert told in text
        assert "$99" not in text

    def test_charts_say_what_tables_say(self, page, spent):
        text = page.get("/usage?by=model").text
        assert text.count('<svg class="chart"') == 2
        assert text.count("<table") == 2
        for title in re.findall(r"<rect[^>]*><title>([^<]*)</title>", text):
            assert re.search(r": \$\d", title)
        assert "style=" not in text

    @pytest.mark.parametrize("by", ["key", "model", "engine", "billed", "session", "day"])
    def test_every_way_to_sum_up(self, api, page, spent, by):
        assert page.get(f"/usage?by={by}").status_code == 200
        told = api.get(f"/usage?by={by}").json()
        assert (told["by"], told["total"]["dollars"]) == (by, "2.35")

    def test_csv_is_that_of_the_command(self, page, spent):
        answer = page.get("/usage?by=key&format=csv")
        assert answer.headers["content-disposition"] == 'attachment; filename="usage-by-key.csv"'
        rows = {row["key"]: row["dollars"] for row in csv.DictReader(io.StringIO(answer.text))}
        assert rows == {spent: "2.1", owner_of("plain"): "0.25"}

    def test_a_range_of_days(self, api, spent):
        day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - DAY))
        assert api.get(f"/usage?by=key&since={day}&until={day}").json()["total"]["dollars"] == "1.5"
        assert api.get("/usage?since=90d").json()["total"]["dollars"] == "101.35"

    @pytest.mark.parametrize(
        ("query", "field", "told"),
        [
            ("since=yesterday", "since", "write a day, such as 2026-11-24"),
            ("since=2026-11-24&until=2026-11-20", "until", "exchange them"),
            ("since=2020-01-01", "since", "at most 370 days"),
            ("until=9999999999999d", "until", "write a day"),
        ],
    )
    def test_what_is_wrong_is_named(self, api, page, query, field, told):
        assert told in api.get(f"/usage?{query}").json()["error"]["fields"][field]
        shown = page.get(f"/usage?{query}")
        assert shown.status_code == 400
        assert told in shown.text

    def test_nothing_yet(self, page):
        assert "Nothing was used in these days." in page.get("/usage").text

    def test_what_costs_nothing_is_shown_by_time(self, page, tmp_path):
        spend(tmp_path, owner_of("plain"), 0, provider="", billed="")
        text = page.get("/usage").text
        assert "Minutes of each day" in text
        assert "costs $0.00; the charts show how long" in text


class TestLimits:
    def test_what_is_used_of_which_limit(self, api, page, tmp_path):
        key = api.post("/keys", json={"name": "phone app", "permissions": ["live"], "day": "1", "month": "40"}).json()
        spend(tmp_path, key["id"], 0.5)
        spend(tmp_path, owner_of("plain"), 0.5)
        told = {each["name"]: each for each in api.get("/limits").json()["keys"]}
        assert told["phone app"]["today"] == {"dollars": "0.5", "unknown": 0, "limit": "1", "own": True}
        plain = told[f"configured key {owner_of('plain')[:6]}"]
        assert plain["today"] == {"dollars": "0.5", "unknown": 0, "limit": "2", "own": False}
        text = page.get("/limits").text
        assert "of $1.00 (own), 50 %" in text
        assert "of $2.00, 25 %" in text
        assert "tool_timeout" in text
        assert f"/console/admin/keys/{key['id']}#change" in text


class TestEngines:
    def test_engines_routes_and_the_configuration_without_secrets(self, api, page):
        told = api.get("/engines").json()
        assert [engine["state"] for engine in told["engines"]] == ["ready"]
        text = page.get("/engines").text
        assert "Every model" in text
        for shown in (text, json.dumps(told)):
            assert "key_day = " in shown
            assert '"root"' not in shown.replace("\\", "").replace("&#34;", '"')
            assert '"plain"' not in shown.replace("\\", "").replace("&#34;", '"')


class TestAudit:
    def test_logins_are_there_good_and_bad_without_the_key(self, server, api):
        with httpx.Client() as client:
            client.post(f"{server.url}/console/login", data={"key": "s3cret-guess"})
        with browser(server.url):
            pass
        entries = api.get("/audit?action=login").json()["entries"]
        assert [entry["action"] for entry in entries] == ["login", "login.failed"]
        assert json.loads(entries[1]["detail"]) == {
            "from": "127.0.0.1",
            "reason": "API key not valid. Please pass a valid API key.",
        }
        assert "s3cret-guess" not in json.dumps(entries)

    def test_who_guesses_does_not_fill_it(self, server, api):
        with httpx.Client() as client:
            for _ in range(25):
                client.post(f"{server.url}/console/login", data={"key": "guess"})
        assert len(api.get("/audit?action=login.failed").json()["entries"]) == 20

    def test_pages_of_it(self, api, page):
        for number in range(55):
            api.post("/keys", json={"name": f"k{number}", "permissions": ["live"]})
        first = api.get("/audit").json()
        assert len(first["entries"]) == 50
        second = api.get(f"/audit?before={first['before']}").json()
        assert [entry["seq"] for entry in second["entries"]][-1] == 1
        assert second["before"] is None
        assert "Older" in page.get("/audit").text
        assert api.get("/audit?before=x").status_code == 400

    def test_as_csv(self, api, page):
        api.post("/keys", json={"name": "=1+1", "permissions": ["live"]})
        answer = page.get("/audit?format=csv&action=key.")
        assert answer.headers["content-type"].startswith("text/csv")
        (row,) = csv.DictReader(io.StringIO(answer.text))
        assert row["action"] == "key.create"

    def test_a_broken_one_is_named(self, api, page, tmp_path):
        for name in ("one", "two", "three"):
            api.post("/keys", json={"name": name, "permissions": ["live"]})
        assert api.get("/audit/verify").json()["broken"] is None
        assert "whole" in page.get("/audit/verify").text
        with sqlite3.connect(tmp_path / FILE_NAME) as connection:
            connection.execute("UPDATE audit SET detail = '{}' WHERE action = 'key.create' AND detail LIKE '%two%'")
        broken = api.get("/audit/verify").json()["broken"]
        assert f"Entry {broken}: what it says was changed" in page.get("/audit/verify").text
