"""A conversation in a browser, with a real server: what it shows of what is said, called, cut, lost and refused."""

import json
from pathlib import Path

import pytest
from tests.console.modules import load, open_blank, shared_page, until

from antiphon.testing import SPOKEN

HARNESS = (Path(__file__).parent / "conversing.js").read_text()
SCRIPT = """
rules:
  - when: "count"
    say: "One two three four five six seven eight nine ten. This sentence goes on and on for quite a while."
  - when: "weather"
    call: {name: get_weather, args: {location: "Paris"}}
    after: "It is {result.temperature} degrees."
  - when: "break"
    fail: {code: 1011, reason: "a planned outage"}
  - when: "think"
    steps:
      - think: "A thought."
      - say: "Thought."
otherwise: {say: "I see."}
"""
WEATHER = {"functionDeclarations": [{"name": "get_weather", "behavior": "BLOCKING"}]}


@pytest.fixture(scope="module")
def page(chromium, antiphon_servers):
    """A page of a server whose turns end at once."""
    server = antiphon_servers.start(script=SCRIPT, pace_turns=False)
    with shared_page(chromium) as page:
        yield ready(page, server)
        page.evaluate("c.hangUp()")
    antiphon_servers.stop(server)


@pytest.fixture
def paced(start, new_page):
    """A page of a server whose turns last as long as their sound: only such can be interrupted."""
    return ready(new_page(microphone=False), start(script=SCRIPT))


def ready(page, server):
    open_blank(page, server)
    load(page, wire="live/wire.js", conversing="live/conversation.js", replaying="live/replay.js")
    page.evaluate(f"() => {{ {HARNESS} }}")
    return page


def begin(page, **options):
    """Start a conversation as ``c``, and wait until it is open."""
    player = "new FakePlayer()" if options.pop("player", False) else "null"
    page.evaluate(
        f"options => {{ window.c?.hangUp(); window.c = converse({{ ...options, player: {player} }}); c.connect(); }}",
        options,
    )
    until(page, "c.state.value === 'open'")


def wait(page, condition):
    """Until it is so of ``s``, what is seen of the conversation, which is returned."""
    until(page, f"(() => {{ const s = c.seen(); return {condition}; }})()")
    return page.evaluate("c.seen()")


def said(seen, who):
    return [line["text"] for line in seen["lines"] if line["who"] == who]


class TestTurns:
    def test_a_typed_turn_is_answered(self, page):
        begin(page)
        page.evaluate("c.sendText('hello')")
        seen = wait(page, "s.turns[0]?.complete")
        (turn,) = seen["turns"]
        assert said(seen, "user") == ["hello"]
        assert said(seen, "model") == ["I see."]
        assert seen["session"]
        assert turn["usage"]["totalTokenCount"] == seen["usage"]["totalTokenCount"] > 0
        assert turn["requested"] <= turn["firstFrame"] <= turn["generated"] <= turn["complete"]
        assert turn["audioSeconds"] > 0.3
        assert seen["lines"][1]["heard"] is None
        assert not seen["lines"][1]["cut"]
        assert page.evaluate("c.activity.value") in ("listening", "speaking")

    def test_spoken_words_and_their_answer(self, page):
        chunks = [list(memoryview(chunk).cast("h")) for chunk in SPOKEN["what_is_two_plus_three"].chunks(0.02, 1.0)]
        begin(page, player=True)
        page.evaluate(
            """async chunks => {
              const began = performance.now();
              for (const [i, chunk] of chunks.entries()) {
                const pcm = Int16Array.from(chunk);
                const rms = Math.hypot(...pcm) / Math.sqrt(pcm.length) / 32768;
                c.sendAudio({ pcm, at: began + (i + 1) * 20, rms });
                if (i % 10 === 0) await new Promise((done) => setTimeout(done, 5));
              }
              window.began = began;
            }""",
            chunks,
        )
        seen = wait(page, "s.turns[0]?.complete")
        assert said(seen, "user") == ["what is two plus three"]
        assert [line["who"] for line in seen["lines"]] == ["user", "model"]
        spoken = SPOKEN["what_is_two_plus_three"]
        ended = seen["turns"][0]["requested"] - page.evaluate("began")
        assert ended / 1000 == pytest.approx(len(spoken.pcm) / 32000, abs=0.7)

    def test_a_thought_is_a_line_of_its_own(self, page):
        thinking = {"responseModalities": ["AUDIO"], "thinkingConfig": {"includeThoughts": True}}
        model = "models/gemini-3.8-live-extended-thinking"
        begin(page, setup={"model": model, "generationConfig": thinking})
        page.evaluate("c.sendText('think')")
        seen = wait(page, "s.lines.some((line) => line.text === 'Thought.')")
        assert [(line["kind"], line["text"]) for line in seen["lines"] if line.get("kind")] == [
            ("thought", "A thought.")
        ]

    def test_turns_that_the_client_marks_outlive_a_new_connection(self, page):
        manual = {"realtimeInputConfig": {"automaticActivityDetection": {"disabled": True}}}
        begin(page, setup=manual)
        until(page, "c.resumable.value")
        pcm = list(memoryview(SPOKEN["what_is_two_plus_three"].pcm).cast("h"))
        page.evaluate("c.activityStart()")
        assert page.evaluate("c.activity.value") == "hearing"
        page.evaluate("c.setup.systemInstruction = { parts: [{ text: 'Be brief.' }] }; c.renew()")
        page.evaluate("pcm => { c.sendAudio({ pcm: Int16Array.from(pcm) }); c.activityEnd(); }", pcm)
        seen = wait(page, "s.turns.some((turn) => turn.complete && turn.firstFrame)")
        assert said(seen, "user") == ["what is two plus three"]
        assert seen["reconnects"] == 1
        again = page.evaluate("JSON.parse(c.log.frames.value.find((frame) => frame.socket === 2).text).setup")
        assert again["systemInstruction"]["parts"] == [{"text": "Be brief."}]
        assert again["sessionResumption"]["handle"]


class TestInterruption:
    def test_captions_are_cut_at_what_was_heard(self, paced):
        begin(paced, player=True)
        paced.evaluate("c.sendText('count')")
        wait(paced, "s.lines.some((line) => line.text.endsWith('quite a while.'))")
        paced.evaluate("c.player.play(1.0); c.sendText('enough')")
        seen = wait(paced, "s.turns[1]?.firstFrame")
        first, line = seen["turns"][0], seen["lines"][1]
        assert line["cut"]
        heard = line["text"][: line["heard"]]
        assert heard.startswith("One two ")
        assert heard.endswith(" ")
        assert "eight" not in heard
        assert first["interrupted"]
        assert first["droppedSeconds"] == pytest.approx(first["audioSeconds"] - 1.0, abs=0.01)
        assert paced.evaluate("c.player.flushes[0]") - first["interrupted"] < 50
        assert [each["kind"] for each in seen["lines"] if each["who"] == "note"] == ["interrupted"]

    def test_speech_is_silenced_here_until_the_turn_ends(self, paced):
        begin(paced, player=True)
        paced.evaluate("c.sendText('count')")
        wait(paced, "s.turns[0]?.firstFrame")
        paced.evaluate("c.player.play(0.5); c.stopSpeech()")
        assert paced.evaluate("c.activity.value") == "listening"
        before = paced.evaluate("Object.values(c.player.seconds)")
        seen = wait(paced, "s.lines.some((line) => line.text.endsWith('quite a while.'))")
        assert paced.evaluate("Object.values(c.player.seconds)") == before
        assert seen["turns"][0]["stopped"]
        assert seen["lines"][1]["cut"]


class TestTools:
    def test_an_answer_is_used(self, page):
        begin(page, setup={"tools": [WEATHER]})
        page.evaluate("c.sendText('weather')")
        (call,) = wait(page, "s.tools.length")["tools"]
        assert (call["name"], call["args"], call["state"], call["blocking"]) == (
            "get_weather",
            {"location": "Paris"},
            "waiting",
            True,
        )
        assert page.evaluate("c.activity.value") == "tool"
        assert page.evaluate("id => c.answer(id, { temperature: 21 })", call["id"])
        seen = wait(page, "s.turns[0]?.complete")
        assert said(seen, "model") == ["It is 21 degrees."]
        assert seen["tools"][0]["state"] == "answered"
        assert not page.evaluate("id => c.answer(id, {})", call["id"])

    def test_a_call_is_cancelled(self, page):
        begin(page, setup={"tools": [WEATHER]})
        page.evaluate("c.sendText('weather')")
        wait(page, "s.tools.length")
        page.evaluate("c.sendText('forget it')")
        seen = wait(page, "s.tools[0].state !== 'waiting' && s.turns[1]?.firstFrame")
        assert seen["tools"][0]["state"] == "cancelled"
        assert seen["turns"][0]["interrupted"]


class TestConnection:
    def test_a_refused_setup_says_why(self, page):
        page.evaluate("window.c = converse({ setup: { model: 'models/nonsense' } }); c.connect()")
        problem = wait(page, "s.state === 'failed'")["problem"]
        assert "models/nonsense" in problem["title"]
        assert problem["reason"] in problem["title"]
        assert problem["fix"] == "Choose another model in the settings."

    def test_a_token_that_is_not_to_be_had(self, page):
        page.evaluate("window.c = converse({ token: async () => { throw new Error('no') } }); c.connect()")
        problem = wait(page, "s.state === 'failed'")["problem"]
        assert "no" in problem["title"]
        assert problem["fix"]

    def test_hanging_up_closes_in_order(self, page):
        begin(page)
        page.evaluate("c.sendAudio({ pcm: new Int16Array(320) }); c.hangUp()")
        wait(page, "s.state === 'closed'")
        until(page, "c.log.frames.value.at(-1).close")
        *_, last, close = page.evaluate("c.log.frames.value")
        assert last["text"] == '{"realtimeInput":{"audioStreamEnd":true}}'
        assert close["close"]["code"] == 1000

    def test_two_at_once_do_not_mix(self, page):
        page.evaluate(
            "window.a = converse(); window.c = converse(); a.connect(); c.connect();"
            "a.sendText('count'); c.sendText('hello')"
        )
        seen = wait(page, "s.turns[0]?.complete && a.lines.value.some((line) => line.text.endsWith('while.'))")
        assert said(seen, "model") == ["I see."]
        assert page.evaluate("a.lines.value[0].text") == "count"
        assert page.evaluate("a.sessionId.value") != seen["session"]


class TestLoss:
    def test_a_conversation_outlives_its_server(self, start, antiphon_servers, new_page, tmp_path):
        server = antiphon_servers.start(script=SCRIPT, data_dir=tmp_path)
        page = ready(new_page(microphone=False), server)
        begin(page)
        page.evaluate("c.sendText('hello')")
        before = wait(page, "s.turns[0]?.complete && c.resumable.value")
        antiphon_servers.stop(server)
        wait(page, "s.state === 'reconnecting'")
        page.evaluate("for (let i = 0; i < 300; i += 1) c.sendAudio({ pcm: new Int16Array(320).fill(i) })")
        page.evaluate("c.sendText('again')")
        start(script=SCRIPT, data_dir=tmp_path, port=int(server.url.rpartition(":")[2]))
        seen = wait(page, "s.turns.some((turn) => turn.number > 1 && turn.complete)")
        assert (seen["state"], seen["reconnects"], seen["problem"]) == ("open", 1, None)
        assert said(seen, "user") == ["hello", "again"]
        assert seen["session"] == before["session"]
        # Five seconds were kept, the newest; the first was let go and counted.
        assert seen["dropped"]["seconds"] == pytest.approx(1.0)
        sent = page.evaluate("c.log.frames.value.filter((f) => f.socket > 1 && f.text?.includes('audio/pcm;rate=16'))")
        assert len(sent) == 250
        page.problems[:] = [each for each in page.problems if "ERR_CONNECTION_REFUSED" not in each]

    def test_an_outage_is_outlived(self, page):
        begin(page)
        until(page, "c.resumable.value")
        page.evaluate("c.sendText('break')")
        seen = wait(page, "s.reconnects && s.state === 'open'")
        assert seen["problem"] is None
        assert said(seen, "note") == ["Connected again."]
        page.evaluate("c.sendText('hello')")
        assert "I see." in said(wait(page, "s.lines.some((line) => line.text === 'I see.')"), "model")

    def test_a_network_that_is_gone_is_noticed(self, page):
        page.evaluate(
            """() => {
              window.ahead = 0;
              window.c.hangUp();
              window.c = converse({ now: () => performance.now() + ahead });
              c.connect();
            }"""
        )
        until(page, "c.state.value === 'open' && c.resumable.value")
        page.evaluate(
            """() => {
              const chunk = () => c.sendAudio({ pcm: new Int16Array(320) });
              chunk();
              const { bufferedAmount } = Object.getOwnPropertyDescriptors(WebSocket.prototype);
              Object.defineProperty(WebSocket.prototype, "bufferedAmount", { get: () => 2000, configurable: true });
              chunk();
              window.ahead = 7000;
              chunk();
              window.before = c.state.value;
              window.ahead = 9000;
              chunk();
              window.after = c.state.value;
              Object.defineProperty(WebSocket.prototype, "bufferedAmount", bufferedAmount);
            }"""
        )
        assert page.evaluate("[before, after]") == ["open", "reconnecting"]
        wait(page, "s.reconnects && s.state === 'open'")

    def test_it_says_when_nothing_is_remembered(self, page):
        setup = {"direction": "out", "message": {"setup": {"model": "m", "sessionResumption": {}}}}
        complete = {"direction": "in", "message": {"setupComplete": {}}}
        frames = [{"at": at, "socket": socket, **frame} for at, socket, frame in self.twice(setup, complete)]
        text = page.evaluate(
            """async text => {
              const replay = new replaying.Replay(wire.WireLog.fromJSONL(text), { speed: Infinity });
              await replay.play();
              return replay.lines.value.map((line) => line.text);
            }""",
            "\n".join(map(json.dumps, frames)),
        )
        assert text == ["Connected again. The server remembers nothing of before."]

    def twice(self, *frames):
        """The frames on a first connection, and on a second."""
        return [(number, socket, frame) for socket in (1, 2) for number, frame in enumerate(frames, 10 * socket)]

    def test_it_leaves_before_the_server_goes(self, start, new_page):
        server = start(script=SCRIPT, session={"session_caps": True, "connection_cap": 4.0, "go_away_lead": 3.5})
        page = ready(new_page(microphone=False), server)
        begin(page)
        seen = wait(page, "s.reconnects && s.state === 'open'")
        assert [line["kind"] for line in seen["lines"]] == ["goAway", "resumed"]
        assert seen["goAway"] is None
        assert page.evaluate("c.log.frames.value.find((frame) => frame.close)")["close"]["code"] == 1000
