"""One session: its numbers without script, its sound by bytes and by peaks, and the instrument over both."""

import base64
import json
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.console.calling import call
from tests.console.clients import get, over, page
from tests.console.stored import FILES, TIMELINE, record, recorded, seed, sound

from antiphon.audio.wav import read_wav
from antiphon.console.trace_sound import peaks
from antiphon.live.record import Record
from antiphon.live.timeline import Recording, Timeline
from antiphon.testing import SPOKEN


@pytest.fixture
def server(start: Any, tmp_path: Path) -> Any:
    return start(data_dir=tmp_path)


class TestThePage:
    def test_it_tells_everything_without_script(self, server: Any, tmp_path: Path) -> None:
        seed(tmp_path, record("a"), timeline=recorded())
        html = page(server, "/sessions/a").text
        for told in (
            *("The train to Bern leaves at eleven.", "When does the train to Bern leave?", "$0.0125 + unknown"),
            *("interrupted", "timetable", "{&#34;at&#34;:&#34;&lt;11:00&gt;&#34;}", "google/gemini-x", "setup.x"),
            *("cascade was chosen: it is ready", "upstream gap", "500 ms without cascade: 1011", 'id="turn-2"'),
        ):
            assert told in html, told
        # What has no price is unknown, not free.
        assert ">unknown</td>" in html
        assert "$0.00" not in html

    def test_json_is_what_is_stored(self, server: Any, tmp_path: Path) -> None:
        seed(tmp_path, record("a"), record("a"), timeline=recorded())
        told = get(server, "/sessions/a").json()
        assert (told["session_id"], told["running"], len(told["connections"])) == ("a", False, 2)
        for each in told["connections"]:
            assert msgspec.convert(each["record"], Record) == record("a")
            assert msgspec.json.decode(json.dumps(each["timeline"]), type=Timeline) == recorded()
        assert told["figures"]["latency_p50"] == 1.0
        assert told["figures"]["turns"] == 4
        assert told["figures"]["cost"] == {"known": "0.0250", "unknown": ["no price"]}
        assert told["connections"][0]["lines"][0]["words"][0] == ["When", 1.0, 1.235]

    def test_places_of_later_connections_have_names_of_their_own(self, server: Any, tmp_path: Path) -> None:
        seed(tmp_path, record("a"), record("a"))
        html = page(server, "/sessions/a").text
        assert html.count('id="turn-1"') == html.count('id="c2-turn-1"') == 1
        assert "Connection 2, 11 entries" in html

    def test_a_session_without_a_timeline_has_its_record(self, server: Any, tmp_path: Path) -> None:
        seed(tmp_path, record("a", interruptions=3), timeline=None)
        html = page(server, "/sessions/a").text
        assert "An older server wrote its record" in html
        assert "<dt>Interruptions</dt><dd>3</dd>" in html

    @pytest.mark.parametrize(
        ("settings", "told"),
        [
            ({}, '[recording]\nmode = "consented"'),
            ({}, "[telemetry]\ncontent = true"),
            ({"recording": {"mode": "consented"}}, "antiphon_record"),
            ({"recording": {"mode": "always", "days": 3.0}}, "older than 3 days"),
            ({"telemetry": {"content": True}}, "They are kept now"),
        ],
    )
    def test_what_is_not_there_says_how_it_would_be(self, start: Any, tmp_path: Path, settings: Any, told: str) -> None:
        server = start(data_dir=tmp_path, **settings)
        seed(tmp_path, record("a"), timeline=Timeline())
        assert told in page(server, "/sessions/a").text


class TestTheSound:
    def test_it_comes_whole_and_in_parts(self, server: Any, tmp_path: Path) -> None:
        seed(tmp_path, record("a"), timeline=recorded())
        files = {side: path.read_bytes() for side, path in sound(tmp_path, "a").items()}
        for side, data in files.items():
            whole = get(server, f"/sessions/a/audio/1/{side}.wav")
            assert (whole.content, whole.headers["content-type"]) == (data, "audio/wav")
            assert whole.headers["cache-control"] == "no-store"
        part = get(server, "/sessions/a/audio/1/user.wav", range="bytes=100-299")
        assert (part.status_code, part.content) == (206, files["user"][100:300])
        assert part.headers["content-range"] == f"bytes 100-299/{len(files['user'])}"

    def test_peaks_are_as_loud_as_the_sound(self, server: Any, tmp_path: Path) -> None:
        seed(tmp_path, record("a"), timeline=recorded())
        path = sound(tmp_path, "a")["user"]
        told = get(server, "/sessions/a/audio/1/user.peaks.json?points=12").json()
        assert (told["begins"], told["step"], told["seconds"]) == (0.0, 1.0, 12.0)
        seconds = np.abs(np.frombuffer(read_wav(path).pcm, "<i2").reshape(12, -1).astype(int)).max(axis=1) / 32768
        assert told["peaks"] == pytest.approx(seconds.tolist(), abs=1e-4)
        part = get(server, "/sessions/a/audio/1/user.peaks.json?points=4&from=2.5&to=3.5").json()
        assert (part["begins"], part["step"]) == (2.5, 0.25)
        assert [peak > 0.1 for peak in part["peaks"]] == [True, True, False, False]

    @pytest.mark.parametrize("query", ["points=0", "points=x", "points=9000", "from=3&to=2", "from=-1", "to=nan"])
    def test_wrong_questions_are_answered(self, server: Any, tmp_path: Path, query: str) -> None:
        seed(tmp_path, record("a"), timeline=recorded())
        sound(tmp_path, "a")
        answer = get(server, f"/sessions/a/audio/1/user.peaks.json?{query}")
        assert answer.status_code == 400
        assert "points" in answer.text or "from" in answer.text

    @pytest.mark.parametrize("place", ["2/user.wav", "0/user.wav", "1/other.wav", "1/..%2fuser.wav", "1/user.wav.wav"])
    def test_other_places_have_nothing(self, server: Any, tmp_path: Path, place: str) -> None:
        seed(tmp_path, record("a"), timeline=recorded())
        sound(tmp_path, "a")
        assert get(server, f"/sessions/a/audio/{place}").status_code == 404

    @pytest.mark.parametrize("name", ["../../secret-ab-user.wav", "/etc/passwd", "x-user.wav", "secret-ab-user.wav/."])
    def test_only_names_of_recordings_are_opened(self, server: Any, tmp_path: Path, name: str) -> None:
        (tmp_path / "secret-ab-user.wav").write_bytes(b"RIFF" * 100)
        timeline = msgspec.structs.replace(TIMELINE, recording=Recording("always", (name,)))
        seed(tmp_path, record("a"), timeline=timeline)
        sound(tmp_path, "a")
        assert get(server, "/sessions/a/audio/1/user.wav").status_code == 404

    def test_what_was_deleted_since_is_not_offered(self, server: Any, tmp_path: Path) -> None:
        seed(tmp_path, record("a"), timeline=recorded())
        (sound(tmp_path, "a")["user"]).unlink()
        assert list(get(server, "/sessions/a").json()["connections"][0]["sound"]) == ["model"]
        assert get(server, "/sessions/a/audio/1/user.wav").status_code == 404

    def test_a_file_that_grows_or_is_empty_has_peaks(self, tmp_path: Path) -> None:
        path = tmp_path / FILES["user"]
        path.write_bytes(b"\0" * 44)
        assert peaks(path, "user", 10).peaks == ()
        path.write_bytes(b"\0" * 44 + np.full(3, -32768, "<i2").tobytes() + b"\1")
        assert peaks(path, "user", 10).peaks == (1.0, 1.0, 1.0)


@pytest.fixture
def traced(server: Any, tmp_path: Path, new_page: Any) -> Any:
    """Opens the trace of a recorded session."""
    seed(tmp_path, record("a"), timeline=recorded())
    sound(tmp_path, "a")

    def traced(place: str = "", **options: Any) -> Any:
        page = new_page(microphone=False, **options)
        page.goto(f"{server.url}/console/sessions/a{place}")
        page.locator(".timeline-picture .wave.model[d^=M]").wait_for()
        return page

    return traced


def heard_at(page: Any, side: str) -> float:
    return float(page.evaluate("side => document.querySelector(`audio[data-side=${side}]`).currentTime", side))


def until(page: Any, condition: str) -> None:
    page.wait_for_function(condition)


class TestTheInstrument:
    def test_a_click_on_a_word_plays_it(self, traced: Any) -> None:
        page = traced()
        page.get_by_role("button", name="leaves", exact=True).click()
        page.get_by_role("button", name="Pause").wait_for()
        # It begins at character 18, of which a mark says that it is 2.0 s into speech that began at 4.0 s.
        until(page, "() => document.querySelector('audio[data-side=model]').currentTime > 6.05")
        assert 6.0 < heard_at(page, "model") < 8
        assert abs(heard_at(page, "model") - heard_at(page, "user")) < 0.3
        assert page.url.endswith("#t=6.00")
        page.locator(".word.now").get_by_text("leaves").or_(
            page.locator(".word.now").get_by_text("at")
        ).first.wait_for()
        page.get_by_role("button", name="Pause").click()
        stopped = heard_at(page, "model")
        page.wait_for_timeout(200)
        assert heard_at(page, "model") == stopped

    def test_everything_by_keyboard(self, traced: Any) -> None:
        page = traced()
        position = page.get_by_role("slider", name="Position in the call")
        position.focus()
        page.keyboard.press("ArrowRight")
        assert position.get_attribute("aria-valuenow") == "1.00"
        page.keyboard.press("+")
        assert page.locator(".timeline-whole").evaluate("each => each.clientWidth / each.parentNode.clientWidth") > 1.5
        page.keyboard.press("0")
        page.keyboard.press("Space")
        until(page, "() => document.querySelector('audio[data-side=user]').currentTime > 1.1")
        page.keyboard.press("Space")
        page.get_by_role("button", name="Play").wait_for()
        page.get_by_role("treeitem").first.focus()
        for _ in range(4):
            page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowRight")
        selected = page.locator('[role=treeitem][aria-selected="true"]')
        assert (selected.get_attribute("data-node"), selected.get_attribute("aria-expanded")) == ("turn-1", "true")
        assert page.url.endswith("#turn-1")
        assert page.locator("tr.selected").first.get_attribute("id") == "turn-1"
        assert position.get_attribute("aria-valuenow") == "3.50"
        # The tree takes the focus along once it has drawn itself.
        page.wait_for_timeout(300)
        page.get_by_role("button", name="When", exact=True).focus()
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.textContent") == "does"
        page.keyboard.press("Enter")
        until(page, "() => !document.querySelector('audio[data-side=user]').paused")
        assert 1.2 < heard_at(page, "user") < 2

    def test_a_link_leads_to_its_place(self, traced: Any) -> None:
        page = traced("#turn-2")
        assert page.locator('[role=treeitem][aria-selected="true"]').get_attribute("data-node") == "turn-2"
        page.evaluate("location.hash = '#t=10.5'")
        until(page, "() => document.querySelector('[role=slider].timeline-box').ariaValueNow === '10.50'")
        page.get_by_role("link", name="0:03.60").first.click()
        until(page, "() => document.querySelector('[role=slider].timeline-box').ariaValueNow === '3.60'")

    def test_connections_are_chosen_by_links_and_by_hand(self, server: Any, tmp_path: Path, new_page: Any) -> None:
        seed(tmp_path, record("two"))
        seed(tmp_path, record("two", seconds=60.0))
        page = new_page(microphone=False)
        page.goto(f"{server.url}/console/sessions/two#c2-turn-1")
        position = page.get_by_role("slider", name="Position in the call")
        assert position.get_attribute("aria-valuemax") == "60.00"
        assert page.locator("tr.selected").first.get_attribute("id") == "c2-turn-1"
        page.get_by_label("Connection", exact=True).select_option("1")
        until(page, "() => document.querySelector('.timeline-box').ariaValueMax === '15.00'")

    def test_each_side_has_a_volume(self, traced: Any) -> None:
        page = traced()
        page.get_by_role("slider", name="User").fill("0")
        volumes = page.evaluate("[...document.querySelectorAll('audio')].map(each => [each.dataset.side, each.volume])")
        assert dict(volumes) == {"user": 0, "model": 1}

    def test_what_nobody_heard_is_struck_through(self, traced: Any) -> None:
        assert traced().locator("del").inner_text().split() == "Not heard: each hour, until".split()

    def test_it_is_for_everybody(self, traced: Any, axe: Any) -> None:
        for scheme, width in (("light", 1280), ("dark", 320)):
            page = traced("#turn-1", color_scheme=scheme, viewport={"width": width, "height": 800})
            assert axe(page) == []

    def test_without_a_recording_there_are_blocks(self, server: Any, tmp_path: Path, new_page: Any) -> None:
        seed(tmp_path, record("silent"))
        page = new_page(microphone=False)
        page.goto(f"{server.url}/console/sessions/silent")
        page.locator(".span.speech rect").first.wait_for()
        assert page.get_by_role("button", name="Play").count() == 0
        assert page.get_by_text("There is no sound of this session").is_visible()


class TestARealCall:
    def test_words_are_where_they_are_heard(self, start: Any, tmp_path: Path) -> None:
        """A call by voice, recorded: the lines of both sides lie over the loud parts of their recordings."""
        server = start(data_dir=tmp_path, recording={"mode": "always"}, telemetry={"content": True})
        transcripts = {"inputAudioTranscription": {}, "outputAudioTranscription": {}}
        with call(server, **transcripts) as (socket, session_id):
            tell(socket, next(iter(SPOKEN.values())))
        over(server, session_id)
        told = get(server, f"/sessions/{session_id}").json()
        (connection,) = told["connections"]
        assert set(connection["sound"]) == {"user", "model"}
        said = {line["who"]: line for line in connection["lines"] if line.get("words")}
        assert set(said) == {"user", "model"}
        for side, line in said.items():
            loud = get(server, f"{connection['sound'][side]['peaks'].removeprefix('/console')}?points=500").json()
            at = [n * loud["step"] for n, peak in enumerate(loud["peaks"]) if peak > 0.05]
            assert line["at"] == pytest.approx(min(at), abs=0.6), side
            assert line["words"][0][1] >= line["at"] - 0.01
        assert said["model"]["words"][-1][2] <= said["model"]["ends"] + 0.01


def tell(socket: Any, spoken: Any) -> None:
    """Say a sentence at the pace of speech, and hear all of the answer."""
    pcm = read_wav(spoken.path).pcm + bytes(2 * 16_000 * 2)
    begins = time.monotonic()
    for place in range(0, len(pcm), 3200):
        time.sleep(max(0.0, begins + place / 32_000 - time.monotonic()))
        blob = {"data": base64.b64encode(pcm[place : place + 3200]).decode(), "mimeType": "audio/pcm;rate=16000"}
        socket.send(json.dumps({"realtimeInput": {"audio": blob}}))
    while not json.loads(socket.recv(30)).get("serverContent", {}).get("turnComplete"):
        pass
