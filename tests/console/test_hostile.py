"""Whatever is sent to whichever address of the console: it answers, and never with an error of its own."""

import json
import re
from unittest.mock import MagicMock
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import Mount, Route
from tests.console import stored

from antiphon.console.app import pages

fuzz = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
HTML = {"accept": "text/html"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}
NAMES = tuple(
    "a action b before by concurrent day deleted done engine expires follow format from grace has key limit model "
    "models month name next outcome owner permissions points q s session setup since target text to until".split()
)
ODD = (
    *("", "0", "-1", "1", "NaN", "nan", "inf", "-inf", "1e400", "9" * 30, "9" * 5000, "0" * 5000, "1" * 15),
    *("0001-01-01", "9999-12-31", "2026-02-30", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"),
    *("7d", "99999w", "\N{ARABIC-INDIC DIGIT THREE}d", "\N{SUPERSCRIPT TWO}", "..", "../../etc/passwd", "%2e%2e%2f"),
    *("\0", "\x7f", "\u202e", "\N{GRINNING FACE}", "=cmd|' /C calc'!A0", "<script>", "//[", "//evil.example", "%", "_"),
    *("live", "admin", "sessions", "tools", "json", "csv", "html", "key", "python", "true", "a" * 20_000),
    *("models/gemini-3.8-live", "gemini-3.8-live", "$5", "1_0", "0.0000001", "1e-999999999", "sNaN"),
)
DEEP = (b"[" * 60_000, b'{"setup":' * 5000, b'{"setup":{"model":"\\ud800"}}', b'{"setup":' + b"1" * 5000 + b"}")
SEED = "seeded-session"


def routes():
    """Every route of the console, its path and its method; but for streams, which wait for their session."""
    app = pages(MagicMock())
    (mount,) = app._app.routes
    assert isinstance(mount, Mount)
    return [
        (each.path, method)
        for each in mount.routes
        if isinstance(each, Route)
        for method in each.methods
        if not each.path.endswith("/events")
    ]


texts = st.one_of(st.sampled_from(ODD), st.text(max_size=30).filter(lambda text: text.isprintable() or "\0" in text))
pairs = st.lists(st.tuples(st.sampled_from(NAMES), texts), max_size=6)
parts = st.one_of(st.sampled_from((SEED, "{key}", "unknown", "..", "1", "user", "x" * 300, "9" * 5000, "é")), texts)
values = st.recursive(
    st.one_of(texts, st.none(), st.booleans(), st.integers(), st.floats()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from(NAMES), values, max_size=6)
bodies = st.one_of(
    pairs.map(lambda fields: (FORM, str(httpx.QueryParams(fields)).encode())),
    objects.map(lambda told: (JSON, json.dumps(told).encode())),
    st.binary(max_size=60).map(lambda body: (JSON, body)),
    st.binary(max_size=60).map(lambda body: (FORM, body)),
    st.binary(max_size=60).map(lambda body: ({"content-type": "multipart/form-data; boundary=b"}, b"--b\r\n" + body)),
    st.sampled_from(DEEP).map(lambda body: (JSON, body)),
)  # fmt: skip
hosts = st.sampled_from((None, "localhost", "[", "[::1", "a@b", "localhost:99999", "é", "localhost:x", "/"))
origins = st.sampled_from((None, None, None, "null", "http://[", "x", "https://evil.example"))


@pytest.fixture(scope="module")
def client(antiphon_servers, tmp_path_factory):
    """Somebody who may do everything, at a server that has a session and a key."""
    folder = tmp_path_factory.mktemp("hostile")
    server = antiphon_servers.start(keys=["plain"], admin_keys=["root"], data_dir=folder)
    stored.seed(folder, stored.record(SEED), timeline=stored.recorded())
    with httpx.Client(base_url=f"{server.url}/console", headers={"x-goog-api-key": "root"}, timeout=30) as client:
        client.data_dir = folder
        yield client
    antiphon_servers.stop(server)


@pytest.fixture(scope="module")
def key(client):
    """The id of a key of the database."""
    made = client.post("/admin/keys", json={"name": "fuzzed", "permissions": ["live"]})
    return made.json()["id"]


def filled(path, key, chosen):
    """A path with something in each of its places."""
    left = [*chosen]
    return re.sub(r"\{[^}]*\}", lambda _: quote(left.pop().replace("{key}", key), safe=""), path)


class TestFuzz:
    @pytest.mark.parametrize(("path", "method"), sorted(set(routes())))
    def test_a_route_never_fails(self, client, key, path, method):
        @fuzz
        @given(
            query=pairs,
            places=st.lists(parts, min_size=3, max_size=3),
            body=bodies,
            host=hosts,
            origin=origins,
            html=st.booleans(),
        )
        def attack(query, places, body, host, origin, html):
            there = filled(path, key, places)
            headers, content = body if method == "POST" else ({}, b"")
            headers = {**headers, **({"host": host.encode()} if host else {}), **({"origin": origin} if origin else {})}
            if html:
                headers |= HTML
            answer = client.request(method, there, params=query, headers=headers, content=content)
            assert answer.status_code < 500, (method, there, query, content, answer.text)
            assert "frame-ancestors 'none'" in answer.headers.get("content-security-policy", "frame-ancestors 'none'")

        attack()
        for page in ("/admin/keys", "/admin/tokens", "/admin/limits", "/admin/audit", "/sessions"):
            assert client.get(page, headers=HTML).status_code == 200, page


class TestWhatFailedOnce:
    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("/sessions?from=9999-12-31&to=9999-12-31", 200),
            ("/sessions?has=tools" + "&has=tools" * 3000, 200),
            ("/admin/usage?until=9999-12-31", 400),
            ("/admin/usage?until=0001-01-01", 400),
            ("/login?next=//[", 200),
            (f"/sessions/{SEED}/audio/{'1' * 5000}/user.wav", 404),
        ],
    )
    def test_questions(self, client, path, status):
        assert client.get(path, headers=HTML).status_code == status

    @pytest.mark.parametrize(
        ("path", "body", "told"),
        [
            ("/api/check", b'{"setup":{"model":"\\ud800"}}', "half of a character"),
            ("/api/check", b'{"setup":' + b"1" * 5000 + b"}", "too many digits"),
            ("/api/check", b'{"setup":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
            ("/admin/keys", b'{"a":' * 10_000, "not a JSON object"),
        ],
    )
    def test_json(self, client, path, body, told):
        answer = client.post(path, content=body, headers=JSON)
        assert answer.status_code == 400
        assert told in answer.json()["error"]["message"]

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("expires", "9999-12-31T23:59:59-12:00"),
            ("expires", "99999w"),
            ("concurrent", "000000001" + "9" * 30),
            ("concurrent", "100001"),
        ],
    )
    def test_a_key_that_no_page_could_show_is_not_made(self, client, field, value):
        answer = client.post("/admin/keys", json={"name": "n", "permissions": ["live"], field: value})
        assert (answer.status_code, list(answer.json()["error"]["fields"])) == (400, [field])
        assert client.get("/admin/keys", headers=HTML).status_code == 200

    @pytest.mark.parametrize("origin", ["http://[", "x", "null", "https://evil.example"])
    def test_odd_origins(self, client, origin):
        assert client.post("/login", data={"key": "root"}, headers={"origin": origin}).status_code == 403

    @pytest.mark.parametrize("path", ["/login", "/admin/keys"])
    def test_no_body_is_read_without_end(self, client, path):
        def body():
            for _ in range(2000):
                yield b"a" * 1000

        answer = client.post(path, content=body(), headers=FORM)
        assert answer.status_code == 413

    def test_what_goes_wrong_inside_is_guarded_like_any_page(self, client, monkeypatch):
        monkeypatch.setattr("antiphon.console.login._safe", MagicMock(side_effect=KeyError("secret")))
        answer = client.get("/login", headers=HTML)
        assert answer.status_code == 500
        assert "secret" not in answer.text
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"


class TestFiles:
    def test_no_name_is_a_formula_for_a_spreadsheet(self, client):
        stored.spend(client.data_dir, "owner", model="=cmd|' /C calc'!A0")
        told = client.get("/admin/usage?by=model&format=csv").text
        assert "\n'=cmd" in told
