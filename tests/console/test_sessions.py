"""The list of sessions: who sees which, what a search finds, and that nothing is left of what is deleted."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.console.calling import TEXT, call
from tests.console.clients import HTML, get, over, page
from tests.console.stored import logged, record, recorded, seed, sound

from antiphon.calls.recording import FOLDER
from antiphon.server import auth
from antiphon.store.database import FILE_NAME

KEY, OTHER, ADMIN = "k" * 32, "o" * 32, "a" * 32
NOON = 1_700_000_000.0


@pytest.fixture
def server(start: Any, tmp_path: Path) -> Any:
    return start(data_dir=tmp_path)


@pytest.fixture
def keyed(start: Any, tmp_path: Path) -> Any:
    return start(data_dir=tmp_path, keys=[KEY, OTHER], admin_keys=[ADMIN])


def delete(server: Any, session_id: str, key: str = "", **headers: str) -> httpx.Response:
    with_key = {"x-goog-api-key": key} if key else {}
    return httpx.post(f"{server.url}/console/sessions/{session_id}/delete", headers={**with_key, **headers})


def owner_of(server: Any, key: str) -> str:
    """What the server calls whoever shows a key: a call of theirs tells it."""
    with call(server, key) as (_, session_id):
        running = get(server, "/sessions", ADMIN).json()["running"]
        return next(each["owner"] for each in running if each["session_id"] == session_id)


class TestTheList:
    def test_it_has_what_is_over_the_newest_first(self, server: Any, tmp_path: Path) -> None:
        seed(tmp_path, record("old"), record("new", close_code=1011, close_reason="<it broke>"), timeline=recorded())
        html = page(server, "/sessions").text
        assert html.index("/sessions/new") < html.index("/sessions/old")
        assert "&lt;it broke&gt;" in html
        assert "$0.0125 + unknown" in html
        assert "recorded" in html
        listed = get(server, "/sessions").json()["page"]["sessions"]
        assert [each["session_id"] for each in listed] == ["new", "old"]
        assert listed[0]["cost"] == {"known": "0.0125", "unknown": ["no price"]}

    def test_a_search_narrows_it_and_stays_in_the_form(self, server: Any, tmp_path: Path) -> None:
        seed(tmp_path, record("a"), now=NOON)
        seed(tmp_path, record("b", engine="relay", close_code=1011), timeline=None, now=NOON + 86_400)
        for query, ids in (
            ("q=bern", ["a"]),
            ("engine=relay", ["b"]),
            ("outcome=error", ["b"]),
            ("has=tools&has=interruptions", ["a"]),
            ("from=2023-11-15", ["b"]),
            ("to=2023-11-14", ["a"]),
            ("q=bern&outcome=error", []),
        ):
            found = get(server, f"/sessions?{query}").json()["page"]["sessions"]
            assert [each["session_id"] for each in found] == ids, query
        html = page(server, "/sessions?q=%22%3Ebern&engine=relay&has=tools").text
        assert 'value="&#34;&gt;bern"' in html
        assert '<option value="relay" selected>' in html
        assert 'value="tools" checked' in html

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            *(("from=yesterday", "from"), ("to=2026-02-30", "to"), ("outcome=bad", "outcome"), ("has=x", "has")),
            *(("before=-1", "before"), ("limit=many", "limit"), ("from=20260101", "from")),
        ],
    )
    def test_a_wrong_search_names_the_field(self, server: Any, query: str, field: str) -> None:
        answer = page(server, f"/sessions?{query}")
        assert answer.status_code == 400
        assert f'id="problem">{field}: ' in answer.text
        assert get(server, f"/sessions?{query}").json()["problem"].startswith(f"{field}: ")

    def test_pages_go_on_where_the_last_ended(self, server: Any, tmp_path: Path) -> None:
        seed(tmp_path, *(record(f"s{number}") for number in range(5)))
        ids, before = [], ""
        for _ in range(3):
            found = get(server, f"/sessions?limit=2{before}").json()["page"]
            ids += [each["session_id"] for each in found["sessions"]]
            before = f"&before={found['older']}"
        assert ids == ["s4", "s3", "s2", "s1", "s0"]
        assert found["older"] is None
        html = page(server, "/sessions?limit=2&q=bern").text
        assert 'href="?limit=2&amp;q=bern&amp;before=' in html

    def test_running_calls_come_first(self, server: Any) -> None:
        with call(server) as (_, session_id):
            html = page(server, "/sessions").text
            assert f"/sessions/{session_id}/live" in html
            assert get(server, "/sessions").json()["running"][0]["session_id"] == session_id
            assert session_id in page(server, "/sessions/running").text
            assert page(server, f"/sessions/{session_id}").headers["location"].endswith("/live")
            assert session_id in page(server, f"/sessions/{session_id}/live").text


class TestOneThatIsResumed:
    def test_it_is_over_and_runs_at_once(self, server: Any) -> None:
        session_id, handle = answered(server)
        with call(server, sessionResumption={"handle": handle}) as (_, again):
            assert again == session_id
            told = get(server, f"/sessions/{session_id}").json()
            assert (told["running"], len(told["connections"])) == (True, 1)
            html = page(server, f"/sessions/{session_id}").text
            assert "goes on in another connection" in html
            assert "Delete" not in html
            assert delete(server, session_id).status_code == 409
        over(server, session_id, connections=2)
        assert "Connection 2" in page(server, f"/sessions/{session_id}").text
        (listed,) = get(server, "/sessions").json()["page"]["sessions"]
        assert listed["connections"] == 2


class TestWhoSeesWhat:
    def test_each_key_its_own_and_admins_all(self, keyed: Any, tmp_path: Path) -> None:
        mine = owner_of(keyed, KEY)
        seed(tmp_path, record("mine"), owner=mine)
        seed(tmp_path, record("foreign"), owner="somebody")

        def ids(key: str) -> set[str]:
            return {each["session_id"] for each in get(keyed, "/sessions?q=bern", key).json()["page"]["sessions"]}

        assert (ids(KEY), ids(OTHER), ids(ADMIN)) == ({"mine"}, set(), {"mine", "foreign"})
        # Nor by asking for somebody else's.
        assert get(keyed, "/sessions?owner=somebody", KEY).json()["page"]["sessions"][0]["owner"] == mine
        assert get(keyed, "/sessions", KEY).json()["choices"]["owners"] == [mine]
        assert "somebody" not in page(keyed, "/sessions", KEY).text
        assert "somebody" in page(keyed, "/sessions", ADMIN).text

    @pytest.mark.parametrize(
        "path",
        ["", "/live", "/delete", "/otlp.json", "/markdown", "/audio/1/user.wav", "/audio/1/user.peaks.json"],
    )
    def test_what_is_somebody_elses_looks_like_nothing(self, keyed: Any, tmp_path: Path, path: str) -> None:
        seed(tmp_path, record("foreign"), owner="somebody", timeline=recorded())
        sound(tmp_path, "foreign")
        foreign, unknown = (get(keyed, f"/sessions/{name}{path}", KEY) for name in ("foreign", "unknown"))
        assert foreign.status_code == unknown.status_code == 404
        assert foreign.text == unknown.text.replace("unknown", "foreign")
        assert get(keyed, f"/sessions/foreign{path}", ADMIN).status_code in (200, 303)

    def test_running_calls_too(self, keyed: Any) -> None:
        with call(keyed, OTHER) as (_, session_id):
            assert get(keyed, "/sessions", KEY).json()["running"] == []
            assert get(keyed, f"/sessions/{session_id}/live", KEY).status_code == 404
            assert get(keyed, f"/sessions/{session_id}", KEY).status_code == 404
            assert delete(keyed, session_id, KEY).status_code == 404

    def test_without_a_key_nothing(self, keyed: Any) -> None:
        assert get(keyed, "/sessions").status_code == 401
        assert page(keyed, "/sessions").status_code == 303


class TestDeleting:
    def test_nothing_is_left(self, server: Any, tmp_path: Path) -> None:
        seed(tmp_path, record("gone"), record("gone"), timeline=recorded())
        sound(tmp_path, "gone")
        assert "stays in the ledger" in page(server, "/sessions/gone/delete").text
        answer = delete(server, "gone", **HTML, **{"sec-fetch-site": "same-origin"})
        assert answer.headers["location"] == "/console/sessions?deleted=gone"
        assert "is deleted" in page(server, "/sessions?deleted=gone").text
        assert rows(tmp_path) == dict.fromkeys(("sessions", "summaries", "timelines", "resumable", "snapshots"), 0)
        assert not (tmp_path / FOLDER / "gone").exists()
        assert delete(server, "gone").status_code == get(server, "/sessions/gone").status_code == 404

    def test_it_takes_what_handles_lead_back_to_and_leaves_what_it_cost(self, server: Any, tmp_path: Path) -> None:
        session_id, _ = answered(server)
        assert rows(tmp_path)["snapshots"]
        charged = rows(tmp_path, "charges")
        assert charged["charges"]
        gone = delete(server, session_id).json()
        assert (gone["session_id"], gone["connections"]) == (session_id, 1)
        assert not any(rows(tmp_path).values())
        assert rows(tmp_path, "charges") == charged

    def test_it_is_written_down(self, keyed: Any, tmp_path: Path) -> None:
        seed(tmp_path, record("gone"), owner="somebody")
        assert delete(keyed, "gone", ADMIN).json()["connections"] == 1
        (entry,) = logged(tmp_path, "session.delete")
        assert (entry.target, entry.owner) == ("gone", auth.owner_of(ADMIN))
        assert entry.actor == f"configured key {entry.owner[:6]}"

    def test_one_that_runs_stays(self, server: Any) -> None:
        with call(server) as (_, session_id):
            answer = delete(server, session_id)
            assert answer.status_code == 409
            assert "End the call first" in answer.text

    def test_no_page_of_another_site_can(self, server: Any, tmp_path: Path) -> None:
        seed(tmp_path, record("kept"))
        assert delete(server, "kept", **{"sec-fetch-site": "cross-site"}).status_code == 403
        assert get(server, "/sessions/kept").status_code == 200

    @pytest.mark.parametrize("name", ["..", "%2e%2e", ".", "a%2fb", "x" * 65])
    def test_a_name_is_no_path(self, server: Any, tmp_path: Path, name: str) -> None:
        (tmp_path / FOLDER).mkdir(exist_ok=True)
        assert delete(server, name).status_code in (404, 405)
        assert (tmp_path / FOLDER).exists()
        assert (tmp_path / FILE_NAME).exists()


class TestInABrowser:
    def test_it_is_for_everybody(self, server: Any, tmp_path: Path, new_page: Any, axe: Any) -> None:
        seed(tmp_path, record("a1b2c3d4e5f60718"), record("b"), timeline=recorded())
        for scheme, width in (("light", 1280), ("dark", 320)):
            page = new_page(microphone=False, color_scheme=scheme, viewport={"width": width, "height": 800})
            page.goto(f"{server.url}/console/sessions")
            assert axe(page) == []

    def test_two_are_chosen_and_compared_without_script(self, server: Any, tmp_path: Path, new_page: Any) -> None:
        seed(tmp_path, record("a"), record("b"))
        page = new_page(microphone=False, java_script_enabled=False)
        page.goto(f"{server.url}/console/sessions")
        for name in ("a", "b"):
            page.get_by_label(f"Compare {name}").check()
        page.get_by_role("button", name="Compare two").click()
        page.wait_for_url("**/compare?a=b&b=a")
        assert page.get_by_role("heading", name="Two sessions").is_visible()

    def test_the_running_part_keeps_itself_fresh(self, server: Any, new_page: Any) -> None:
        page = new_page(microphone=False)
        page.clock.install()
        page.goto(f"{server.url}/console/sessions")
        with call(server) as (_, session_id):
            page.clock.run_for(6000)
            page.locator("#running").get_by_text(session_id).wait_for()

    def test_one_that_runs_is_watched_until_it_is_over(self, start: Any, new_page: Any, axe: Any) -> None:
        server = start(telemetry={"content": True})
        page = new_page(microphone=False)
        with call(server) as (_, session_id):
            page.goto(f"{server.url}/console/sessions/{session_id}/live")
            page.get_by_role("status").get_by_text("Listening").wait_for()
            assert axe(page) == []
        page.get_by_text("The call is over").wait_for()
        page.get_by_role("link", name="Open its trace").click()
        page.get_by_role("heading", name=f"Session {session_id}").wait_for()


def answered(server: Any) -> tuple[str, str]:
    """A call that was answered and is over: its session, and a handle to resume it."""
    with call(server, sessionResumption={}, generationConfig=TEXT) as (socket, session_id):
        socket.send(json.dumps({"realtimeInput": {"text": "What is two and two?"}}))
        done, handle = False, ""
        while not (done and handle):
            message = json.loads(socket.recv(20))
            done = done or message.get("serverContent", {}).get("turnComplete", False)
            handle = message.get("sessionResumptionUpdate", {}).get("newHandle") or handle
    over(server, session_id)
    return session_id, handle


def rows(data_dir: Path, *tables: str) -> dict[str, int]:
    names = tables or ("sessions", "summaries", "timelines", "resumable", "snapshots")
    connection = sqlite3.connect(data_dir / FILE_NAME)
    found = {name: connection.execute(f"select count(*) from {name}").fetchone()[0] for name in names}
    connection.close()
    return found
