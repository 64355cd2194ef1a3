"""What messages mean, told by hand: also those that this server does not send, but others do."""

from pathlib import Path

import pytest
from tests.console.modules import load, open_blank

from antiphon.testing.server import RunningServer, Servers

HARNESS = (Path(__file__).parent / "conversing.js").read_text()
TELL = """
window.tell = (messages) => {
  const player = new FakePlayer();
  const r = new reading.Reading({ player, now: () => window.clock });
  window.clock = 0;
  r.received({ setupComplete: {} }, 0);
  for (const message of messages) {
    window.clock += 100;
    if (message.play !== undefined) player.play(message.play);
    else if (message.out) r.sent(message.out, window.clock, message.hints);
    else r.received(message, window.clock);
  }
  const { captions, turns, tools } = r;
  return { lines: captions.lines.value, turns: turns.turns.value, tools: tools.calls.value, activity: r.activity.value,
    queued: player.seconds, flushes: player.flushes.length };
};
"""


@pytest.fixture(scope="module")
def tell(chromium, antiphon_servers: Servers):
    """Tells messages to a reading, and what it shows then."""
    server: RunningServer = antiphon_servers.start()
    page = chromium.new_page()
    open_blank(page, server)
    modules = {"reading": "live/reading.js", "spoken": "live/spoken_text.js", "waiting": "live/reconnecting.js"}
    load(page, closes="live/closes.js", base64="lib/base64.js", clocks="live/input_clock.js", **modules)
    page.evaluate(f"() => {{ {HARNESS} {TELL} }}")

    def tell(*messages):
        return page.evaluate("messages => tell(messages)", list(messages))

    tell.page = page
    yield tell
    page.close()
    antiphon_servers.stop(server)


def content(**fields):
    return {"serverContent": fields}


def sound(seconds, rate=24_000):
    """As much silence from the model."""
    data = "AAAA" * int(seconds * rate * 2 / 3)
    return content(modelTurn={"parts": [{"inlineData": {"mimeType": f"audio/pcm;rate={rate}", "data": data}}]})


def words(text, **more):
    return content(outputTranscription={"text": text, **more})


def typed(text):
    return {"out": {"realtimeInput": {"text": text}}}


def heard(text):
    return content(inputTranscription={"text": text})


COMPLETE = content(turnComplete=True)
INTERRUPTED = content(interrupted=True)
START = {"voiceActivity": {"type": "ACTIVITY_START"}}
END = {"voiceActivity": {"type": "ACTIVITY_END"}}


def texts(seen):
    return [(line["who"], line["turn"], line["text"]) for line in seen["lines"] if line["who"] != "note"]


class TestTurns:
    def test_speech_without_marks_of_the_server(self, tell):
        seen = tell(
            heard("Hel"), heard("lo."), sound(0.3), words("Hi."), COMPLETE, heard("More?"), sound(0.3), words("No.")
        )
        assert texts(seen) == [("user", 1, "Hello."), ("model", 1, "Hi."), ("user", 2, "More?"), ("model", 2, "No.")]
        assert [turn["complete"] is None for turn in seen["turns"]] == [False, True]

    def test_a_late_transcript_comes_before_its_answer(self, tell):
        seen = tell(START, END, sound(0.3), words("Hi."), heard("Hello."))
        assert texts(seen) == [("user", 1, "Hello."), ("model", 1, "Hi.")]

    def test_speech_over_an_answer_is_another_turn(self, tell):
        seen = tell(
            typed("a"),
            sound(1.0),
            words("One "),
            START,
            {"play": 0.5},
            INTERRUPTED,
            COMPLETE,
            heard("b"),
            END,
            sound(0.2),
        )
        assert [turn["number"] for turn in seen["turns"]] == [1, 2]
        assert seen["turns"][0]["interrupted"]
        assert seen["turns"][1]["firstFrame"]
        assert texts(seen)[-1] == ("user", 2, "b")

    def test_what_interrupts_before_any_answer_leaves_the_next_turn_alone(self, tell):
        seen = tell(typed("a"), typed("b"), INTERRUPTED, COMPLETE, sound(0.2), words("B."), COMPLETE)
        first, second = seen["turns"]
        assert first["interrupted"]
        assert second["interrupted"] is None
        assert texts(seen)[-1] == ("model", 2, "B.")

    def test_the_answer_under_way_is_cut_though_another_still_sounds(self, tell):
        seen = tell(typed("a"), sound(2.0), words("One."), COMPLETE, typed("b"), words("B."), INTERRUPTED)
        assert [turn["interrupted"] is None for turn in seen["turns"]] == [True, False]

    def test_what_was_asked_before_is_over_with_the_answer(self, tell):
        seen = tell(typed("a"), typed("b"), sound(0.2), words("Both."), COMPLETE)
        assert texts(seen)[-1] == ("model", 2, "Both.")
        assert [turn["complete"] is None for turn in seen["turns"]] == [False, False]

    def test_sound_that_comes_after_the_cut_is_not_played(self, tell):
        seen = tell(typed("a"), sound(1.0), words("One "), {"play": 0.2}, INTERRUPTED, sound(0.5))
        assert list(seen["queued"].values()) == [0.2]

    def test_an_answer_that_is_complete_but_still_sounds_is_cut(self, tell):
        answer = (typed("a"), sound(1.0), words("One "), sound(1.0), words("two."), COMPLETE, {"play": 1.2})
        seen = tell(*answer, typed("b"), INTERRUPTED, COMPLETE, sound(0.5), words("B."))
        first, second = seen["turns"]
        assert first["interrupted"]
        assert second["interrupted"] is second["complete"] is None
        assert seen["lines"][1]["text"][: seen["lines"][1]["heard"]] == "One "
        assert list(seen["queued"].values()) == [1.2, 0.5]
        assert [(line["who"], line["turn"]) for line in seen["lines"][1:4]] == [("model", 1), ("note", 1), ("user", 2)]

    def test_a_long_thinker_goes_on_with_its_turn(self, tell):
        wait = content(turnComplete=True, interactionStatus="IN_PROGRESS")
        seen = tell(typed("a"), sound(0.2), words("Wait."), wait)
        assert seen["turns"][0]["complete"] is None
        seen = tell(
            typed("a"), words("Wait."), wait, words("Done."), content(turnComplete=True, interactionStatus="IDLE")
        )
        assert texts(seen) == [("user", 1, "a"), ("model", 1, "Wait."), ("model", 1, "Done.")]
        assert seen["turns"][0]["complete"]

    def test_the_end_of_speech_is_found_in_the_samples(self, tell):
        chunk = {"out": {"realtimeInput": {"audio": {}}}, "hints": {"seconds": 1.0, "at": 5000}}
        late = {**chunk, "hints": {"seconds": 1.0, "at": 6000}}
        end = {"voiceActivity": {"type": "ACTIVITY_END", "audioOffset": "1.5s"}}
        assert tell(chunk, late, START, end)["turns"][0]["requested"] == 5500

    def test_what_it_does_now(self, tell):
        call = {"toolCall": {"functionCalls": [{"id": "1", "name": "f"}]}}
        assert tell()["activity"] == "listening"
        assert tell(START)["activity"] == "hearing"
        assert tell(START, END)["activity"] == "thinking"
        assert tell(typed("a"), sound(0.1))["activity"] == "speaking"
        assert tell(typed("a"), call)["activity"] == "tool"
        assert tell({"out": {"realtimeInput": {"activityStart": {}}}})["activity"] == "hearing"


class TestLines:
    def test_interim_words_give_way(self, tell):
        interim = content(interimInputTranscription={"text": "hal"})
        (line,) = tell(START, interim)["lines"]
        assert (line["text"], line["interim"], line["finished"]) == ("", "hal", False)
        (line,) = tell(START, interim, heard("hello"), END, sound(0.1))["lines"]
        assert (line["text"], line["interim"], line["finished"]) == ("hello", "", True)

    def test_sources_are_links_to_pages_only(self, tell):
        chunks = [{"web": {"uri": uri, "title": "T"}} for uri in ("https://a.example", "javascript:alert(1)", "")]
        found = content(groundingMetadata={"webSearchQueries": ["q"], "groundingChunks": chunks})
        line = tell(typed("a"), found)["lines"][-1]
        assert (line["kind"], line["text"], line["links"]) == (
            "sources",
            "q",
            [{"uri": "https://a.example", "title": "T"}],
        )

    def test_words_around_a_function_are_lines_around_it(self, tell):
        call = {"toolCall": {"functionCalls": [{"id": "1", "name": "f", "args": {}}]}}
        answer = (typed("a"), sound(0.5), words("One moment. "), call, sound(0.5), words("Done."))

        def cut(seconds):
            lines = tell(*answer, {"play": seconds}, INTERRUPTED)["lines"][1:4]
            return [(line.get("kind"), line["text"], line["heard"], line["cut"]) for line in lines]

        assert cut(0.7) == [(None, "One moment. ", None, False), ("tool", "f", None, False), (None, "Done.", 0, True)]
        assert cut(0.25) == [(None, "One moment. ", 4, True), ("tool", "f", None, False), (None, "Done.", 0, True)]

    def test_pictures_are_counted_on_one_line(self, tell):
        picture = {"out": {"realtimeInput": {"video": {"data": ""}}}}
        (line,) = tell(picture, picture)["lines"]
        assert (line["kind"], line["text"]) == ("frame", "2 pictures sent")

    def test_other_rates_last_as_long(self, tell):
        seen = tell(typed("a"), sound(0.5, 16_000))
        assert list(seen["queued"].values()) == [pytest.approx(0.5, abs=0.01)]


class TestPieces:
    """Small parts, each by itself."""

    def test_words_belong_to_the_sound_before_them(self, tell):
        found = tell.page.evaluate(
            """() => {
              const cut = (pieces, seconds) => {
                const text = new spoken.SpokenText();
                for (const [sound, words] of pieces) { text.addSound(sound); text.addText(words); }
                text.addSound(pieces.after ?? 0);
                return seconds.map((each) => text.text.slice(0, text.heard(each)));
              };
              const ahead = Object.assign([[0, "One two three four"]], { after: 4 });
              return [cut([[1, "One "], [1, "two three "], [1, "four."]], [0, 0.5, 1, 1.6, 2.9, 3]),
                cut(ahead, [0, 2, 4]), cut([[2, "こんにちは。"]], [1])];
            }"""
        )
        assert found[0] == ["", "", "One ", "One two ", "One two three ", "One two three four."]
        assert found[1] == ["", "One two ", "One two three four"]
        assert found[2] == ["こんに"]

    def test_waits_double_and_end(self, tell):
        waits = tell.page.evaluate(
            """() => {
              const backoff = new waiting.Backoff();
              const first = [0, 1, 2, 3, 4, 5, 6].map((at) => backoff.lost(at));
              const late = backoff.lost(119_000), never = backoff.lost(121_000);
              backoff.opened(130_000);
              return [first, late, never, backoff.lost(131_000), (backoff.opened(140_000), backoff.lost(150_000))];
            }"""
        )
        assert waits == [[250, 500, 1000, 2000, 4000, 5000, 5000], 5000, None, None, 250]

    def test_base64_of_any_kind(self, tell):
        read = "texts => texts.map((text) => [...base64.fromBase64(text)])"
        assert tell.page.evaluate(read, ["+/8=", "-_8=", "-_8"]) == [[251, 255]] * 3
        again = "base64.samplesOf(base64.base64OfSamples(Int16Array.from([-32768, 0, 32767])))"
        assert tell.page.evaluate(f"[...{again}]") == [-32768, 0, 32767]

    @pytest.mark.parametrize(
        ("code", "reason", "announced", "again"),
        [
            (1006, "", False, True),
            (1011, "a planned outage", False, True),
            (1012, "", False, True),
            (1001, "the server is stopping; connect again", False, True),
            (1000, "connection: its 600 s are over; connect again with the resumption handle", True, True),
            (1000, "session: its 900 s with audio are over", True, False),
            (1000, "session: it was resumed on another connection", False, False),
            (1007, "setup.model: is wrong", False, False),
            (1008, "token: it expired; make a new one", False, True),
            (1008, "not allowed", False, False),
        ],
    )
    def test_closes(self, tell, code, reason, announced, again):
        arguments = [code, reason, announced]
        assert tell.page.evaluate("told => closes.worthAnotherTry(...told)", arguments) is again
        problem = tell.page.evaluate("told => closes.explainClose(...told)", arguments)
        assert problem["title"].endswith(reason)
        assert problem["fix"].endswith(".")
