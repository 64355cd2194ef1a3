"""The list of messages: all of them, both ways, folded, found, copied, saved and replayed."""

import json
from pathlib import Path

import pytest
from tests.console.modules import load, open_blank, shared_page, until

HARNESS = (Path(__file__).parent / "conversing.js").read_text()
SCRIPT = """
rules:
  - when: "weather"
    call: {name: get_weather, args: {location: "Paris"}}
    after: "It is {result.temperature} degrees."
otherwise: {say: "I see."}
"""
WEATHER = {"functionDeclarations": [{"name": "get_weather", "behavior": "BLOCKING"}]}
SOUND = {"mimeType": "audio/pcm;rate=16000", "data": "A" * 856}  # 321 samples
DRAW = """
options => {
  const { html, render } = vendor;
  window.opened = [];
  const onReplay = options.replays ? (log, name) => opened.push({ log, name }) : undefined;
  if (window.place) render(null, place);
  window.place = document.querySelector("main");
  render(html`<${view.WireView} log=${log} onReplay=${onReplay} />`, place);
}
"""


@pytest.fixture(scope="module")
def server(antiphon_servers):
    server = antiphon_servers.start(script=SCRIPT, pace_turns=False)
    yield server
    antiphon_servers.stop(server)


def ready(page, server):
    open_blank(page, server, "wire")
    modules = {"wire": "live/wire.js", "conversing": "live/conversation.js", "replaying": "live/replay.js"}
    load(page, vendor="vendor/preact.js", view="wireview/view.js", **modules)
    page.evaluate(f"() => {{ {HARNESS} }}")
    return page


@pytest.fixture(scope="module")
def page(chromium, server):
    with shared_page(chromium, permissions=["clipboard-read", "clipboard-write"]) as page:
        yield ready(page, server)


def draw(page, frames, **options):
    """Show a log of frames, given as lines of a saved one."""
    page.evaluate("text => { window.log = wire.WireLog.fromJSONL(text); }", "\n".join(map(json.dumps, frames)))
    page.evaluate(DRAW, options)
    page.wait_for_selector(".wire-row")


def frame(number, direction, message, socket=1):
    return {"at": number * 20.0, "direction": direction, "socket": socket, "message": message}


SAVED = [
    frame(0, "out", {"setup": {"model": "models/m"}}),
    frame(1, "in", {"setupComplete": {}}),
    *(frame(number, "out", {"realtimeInput": {"audio": SOUND}}) for number in range(2, 39)),
    frame(39, "in", {"serverContent": {"outputTranscription": {"text": "Find the needle here."}}}),
    {"at": 900, "socket": 1, "close": {"code": 1000, "reason": "done"}},
]

REFUSED = {
    "": "no frames",
    '{"at": 0, "direction": "in", "message": {}}\nnonsense': "Line 2",
    '{"at": 0, "direction": "up", "message": {}}': "direction",
    '{"direction": "in", "message": {}}': "at",
}


def rows(page):
    return [" ".join(row.split()) for row in page.locator(".wire-row").all_inner_texts()]


class TestLog:
    def test_it_counts_what_the_browser_counts(self, page):
        seen = []

        def watch(socket):
            socket.on("framesent", lambda text: seen.append(text))
            socket.on("framereceived", lambda text: seen.append(text))

        page.on("websocket", watch)
        page.evaluate("setup => { window.c = converse({ setup }); c.connect(); }", {"tools": [WEATHER]})
        page.evaluate(
            "for (let i = 0; i < 20; i += 1) c.sendAudio({ pcm: new Int16Array(320) }); c.sendText('weather')"
        )
        until(page, "c.tools.value.length")
        page.evaluate("c.answer(c.tools.value[0].id, { temperature: 21 })")
        until(page, "c.turns.value[0].complete && c.resumable.value")
        page.evaluate("c.hangUp()")
        until(page, "c.log.frames.value.at(-1).close")
        assert page.evaluate("c.log.count") == len(seen) > 25

    def test_it_is_bounded_in_number_and_bytes(self, page):
        kept = page.evaluate(
            """() => {
              const few = new wire.WireLog({ maxFrames: 10 });
              const small = new wire.WireLog({ maxBytes: 1000 });
              for (let at = 0; at < 5000; at += 1) {
                few.add({ direction: "in", at, text: "{}", socket: 1 });
                small.add({ direction: "in", at, text: "x".repeat(300), socket: 1 });
              }
              const times = (log) => log.frames.value.map((each) => each.at);
              return [few, small].map((log) => [times(log), log.count, log.letGo.value, log.bytes]);
            }"""
        )
        assert kept == [
            [list(range(4990, 5000)), 5000, {"frames": 4990, "bytes": 9980}, 20],
            [list(range(4997, 5000)), 5000, {"frames": 4997, "bytes": 4997 * 300}, 900],
        ]

    def test_a_saved_log_is_the_same(self, page):
        text = "".join(json.dumps(each) + "\n" for each in SAVED)
        again = page.evaluate("text => wire.WireLog.fromJSONL(text).toJSONL()", text)
        assert [json.loads(line) for line in again.splitlines()] == SAVED

    def test_a_file_that_is_none_is_refused_with_its_line(self, page):
        read = "text => { try { wire.WireLog.fromJSONL(text); } catch (error) { return error.message; } }"
        for text, told in REFUSED.items():
            problem = page.evaluate(read, text)
            assert told in problem
            assert "JSONL" in problem

    def test_a_replay_gives_the_same_lines(self, page):
        page.evaluate("setup => { window.c = converse({ setup }); c.connect(); }", {"tools": [WEATHER]})
        page.evaluate("c.sendText('hello')")
        until(page, "c.turns.value[0]?.complete && c.resumable.value")
        page.evaluate("c.sendText('weather')")
        until(page, "c.tools.value.length")
        page.evaluate("c.answer(c.tools.value[0].id, { temperature: 21 })")
        until(page, "c.turns.value[1]?.complete && c.resumable.value")
        compared = page.evaluate(
            """async () => {
              const replay = new replaying.Replay(wire.WireLog.fromJSONL(c.log.toJSONL()), { speed: Infinity });
              await replay.play();
              return [c, replay].map(({ lines, tools, turns, sessionId }) => [
                lines.value.map(({ at, ...line }) => line),
                tools.value.map(({ at, answered, ...call }) => call),
                turns.value.map(({ number, usage, audioSeconds }) => ({ number, usage, audioSeconds })),
                sessionId.value,
              ]);
            }"""
        )
        assert compared[0] == compared[1]
        assert [line["text"] for line in compared[1][0]][-1] == "It is 21 degrees."


class TestView:
    def test_sound_is_folded(self, page):
        draw(page, SAVED)
        assert rows(page) == [
            '0:00.000 → sent setup {"model":"models/m"} 30 B',
            "0:00.020 ← received setupComplete 20 B",
            "0:00.040 → sent realtimeInput.audio 37 audio frames, 0.74 s 34 kB",
            "0:00.780 ← received serverContent.outputTranscription Find the needle here. 74 B",
            "0:00.900 × closed close 1000 done",
        ]
        page.get_by_label("Fold sound").uncheck()
        assert page.locator(".wire-item").first.get_attribute("aria-setsize") == "41"

    def test_it_is_filtered_by_text_direction_and_kind(self, page):
        draw(page, SAVED)
        page.get_by_label("Find").fill("NEEDLE")
        assert len(rows(page)) == 1
        assert "1 of 41 fit" in page.locator(".wire-count").inner_text()
        page.get_by_label("Find").fill("AAAA")
        until(page, "!document.querySelector('.wire-row')")
        page.get_by_label("Find").fill("")
        page.get_by_label("Direction").select_option("in")
        assert [row.split()[2] for row in rows(page)] == ["received", "received", "closed"]
        page.get_by_label("Direction").select_option("")
        page.get_by_text("Kinds").click()
        page.get_by_label("realtimeInput.audio").uncheck()
        assert len(rows(page)) == 4

    def test_a_row_opens_and_is_copied_whole(self, page):
        draw(page, [SAVED[0], SAVED[2]])
        page.locator(".wire-row").nth(1).press("Enter")
        assert "AAAA…856 characters" in page.locator(".wire-detail pre").inner_text()
        page.get_by_role("button", name="Copy JSON").click()
        page.get_by_text("Copied.").wait_for()
        assert json.loads(page.evaluate("navigator.clipboard.readText()")) == SAVED[2]["message"]

    def test_what_is_downloaded_can_be_opened(self, page, tmp_path):
        draw(page, SAVED, replays=True)
        with page.expect_download() as download:
            page.get_by_role("button", name="Download JSONL").click()
        saved = tmp_path / "saved.jsonl"
        download.value.save_as(saved)
        assert [json.loads(line) for line in saved.read_text().splitlines()] == SAVED
        page.set_input_files("input[type=file]", saved)
        until(page, "opened.length")
        assert page.evaluate("[opened[0].name, opened[0].log.count]") == ["saved.jsonl", 40]
        page.set_input_files("input[type=file]", {"name": "x.jsonl", "mimeType": "text/plain", "buffer": b"nonsense"})
        assert "Line 1" in page.get_by_role("alert").inner_text()

    def test_twenty_thousand_rows_are_a_screenful(self, page):
        draw(
            page, [frame(n, "in", {"serverContent": {"outputTranscription": {"text": f"{n}."}}}) for n in range(20_000)]
        )
        # It follows: the newest is in sight.
        page.get_by_text("19999.").wait_for()
        assert page.locator(".wire-row").count() < 80
        page.get_by_role("region", name="List of messages").press("Home")
        page.wait_for_selector("[data-index='0'] > button:focus")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("PageDown")
        page.wait_for_selector("button:focus")
        assert page.evaluate("document.activeElement.parentElement.dataset.index") > "1"
        page.keyboard.press("End")
        page.wait_for_selector("[data-index='19999'] > button:focus")
        seconds = page.evaluate(
            """async () => {
              const began = performance.now();
              for (let i = 0; i < 10; i += 1) {
                log.add({ direction: "in", at: 5e5 + i, text: `{"serverContent":{}}`, socket: 1 });
                await new Promise((done) => setTimeout(done, 120));
                await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
              }
              return (performance.now() - began - 1200) / 1000;
            }"""
        )
        assert seconds < 2

    def test_it_pauses_and_clears(self, page):
        draw(page, SAVED)
        page.get_by_role("button", name="Clear").click()
        page.get_by_text("Nothing to show.").wait_for()
        page.evaluate("""log.add({ direction: "in", at: 2000, text: '{"goAway":{"timeLeft":"5s"}}', socket: 1 })""")
        page.wait_for_selector(".wire-row")
        page.get_by_role("button", name="Pause").click()
        page.evaluate("""log.add({ direction: "in", at: 3000, text: '{}', socket: 1 })""")
        page.wait_for_timeout(250)
        assert len(rows(page)) == 1
        page.get_by_role("button", name="Pause").click()
        until(page, "document.querySelectorAll('.wire-row').length === 2")
        page.get_by_role("button", name="Show all").click()
        until(page, "document.querySelectorAll('.wire-row').length === 7")

    @pytest.mark.parametrize("options", [{}, {"color_scheme": "dark", "viewport": {"width": 320, "height": 700}}])
    def test_nobody_is_kept_out(self, new_page, server, axe, options):
        page = ready(new_page(microphone=False, **options), server)
        draw(page, SAVED, replays=True)
        page.get_by_text("Kinds").click()
        page.locator(".wire-row").nth(2).click()
        page.wait_for_selector(".wire-detail")
        assert axe(page) == []
