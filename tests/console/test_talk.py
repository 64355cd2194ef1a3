"""The page where one talks: by voice, by keys and by typing, with tools, interruptions and what goes wrong."""

import gzip
import json
import re
from types import SimpleNamespace

import httpx
import pytest
from playwright.sync_api import expect
from starlette.exceptions import HTTPException
from tests.console.conftest import speak
from tests.console.stored import in_database
from tests.console.talking import SCRIPT, STORY, Talking

from antiphon.calls.caller import Caller
from antiphon.console.talk import make_token
from antiphon.store.grants import Grants

DENIED = """
navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("Permission denied", "NotAllowedError"));
"""


@pytest.fixture
def server(start):
    return start(script=SCRIPT, pace_turns=False)


@pytest.fixture
def talking(server, new_page):
    return lambda **options: Talking(new_page(**options), server)


def choose_tools(page):
    page.get_by_role("tab", name="Settings").click()
    page.get_by_label("Preset", exact=True).select_option(label="Tools demo")


class TestStart:
    def test_what_a_page_must_know(self, server):
        known = httpx.get(f"{server.url}/console/api/start").json()
        assert {"id": "gemini-3.8-live", "name": "Gemini 3.8 Live", "status": "stable"} in known["models"]
        assert [each["ready"] for each in known["engines"]] == [True]
        assert known["recording"] == "off"
        assert known["picture_tokens"][""] == 258
        assert f":{known['tls_port']}" in server.tls_url

    def test_a_token_opens_one_session(self, server):
        answer = httpx.post(f"{server.url}/console/api/token")
        assert answer.json()["name"].startswith("auth_tokens/")

    def test_too_many_tokens(self, tmp_path):
        async def make_two(database):
            desk = SimpleNamespace(memory=SimpleNamespace(grants=Grants(database, per_owner=1)))
            await make_token(desk, Caller())
            with pytest.raises(HTTPException, match="end some under Tokens") as refused:
                await make_token(desk, Caller())
            return refused.value.status_code

        assert in_database(tmp_path, make_two) == 429

    def test_a_device_is_chosen_before_a_call(self, talking):
        page = talking().page
        button = page.get_by_role("button", name="Devices and captions")
        button.click()
        dialog = page.get_by_role("dialog", name="Options")
        dialog.get_by_label("Size").select_option("large")
        dialog.get_by_label("Strong contrast").check()
        dialog.get_by_label("Begin at the top").check()
        dialog.get_by_role("button", name="Close").click()
        expect(button).to_be_focused()
        assert page.evaluate("localStorage['antiphon.captions.size']") == '"large"'
        button.click()
        dialog.get_by_role("button", name="Keyboard").click()
        page.get_by_role("dialog", name="Keyboard").get_by_role("button", name="Close").click()
        page.get_by_label("Type instead").fill("What is two plus three?")
        page.keyboard.press("Enter")
        look = re.compile("captions-large captions-strong captions-top")
        expect(page.get_by_role("region", name="Transcript")).to_have_class(look)

    def test_who_types_while_the_browser_asks_goes_without(self, server, new_page):
        page = new_page()
        page.add_init_script("navigator.mediaDevices.getUserMedia = () => new Promise(() => {})")
        talk = Talking(page, server)
        page.get_by_role("button", name="Start talking").click()
        expect(page.get_by_text("Waiting for the microphone")).to_be_visible()
        talk.type_instead("What is two plus three?")
        talk.hears("2 plus 3 is 5")

    def test_the_first_page_is_light(self, server, new_page):
        page, scripts = new_page(), {}
        page.on("response", lambda answer: scripts.setdefault(answer.url) if answer.url.endswith(".js") else None)
        page.goto(f"{server.url}/console/")
        page.get_by_role("button", name="Start talking").wait_for()
        sizes = {url: len(gzip.compress(httpx.get(url).content)) for url in scripts}
        assert sum(sizes.values()) < 80_000, sizes
        assert not [url for url in sizes if "uplot" in url]

    def test_a_refused_microphone_names_the_way_out(self, server, new_page):
        page = new_page(microphone=False)
        page.add_init_script(DENIED)
        talk = Talking(page, server)
        page.get_by_role("button", name="Try: Microphone").click()
        expect(page.locator(".check-row", has_text="Microphone")).to_contain_text("allow the microphone")
        page.get_by_role("button", name="Start talking").click()
        expect(page.get_by_role("alert")).to_contain_text("allow the microphone")
        talk.type_instead("What is two plus three?")
        talk.hears("2 plus 3 is 5")


class TestWords:
    def test_a_typed_question(self, talking):
        talk = talking()
        talk.type_instead("What is two plus three?")
        talk.hears("2 plus 3 is 5")
        expect(talk.log.locator("[data-who=user]")).to_contain_text("What is two plus three?")
        talk.is_now("Ready for your words")
        assert talk.page.evaluate("__mic.opened") == 0

    def test_a_spoken_question_and_the_summary(self, talking):
        talk = talking()
        talk.start()
        speak(talk.page, "what_is_two_plus_three")
        talk.hears("2 plus 3 is 5")
        expect(talk.log.locator("[data-who=user]")).to_contain_text(re.compile("two plus three", re.I))
        expect(talk.log.locator(".reaction")).to_have_text(re.compile(r"\d+ (ms|s)"))
        talk.press("Hang up")
        summary = talk.page.get_by_role("region", name="Summary of the call")
        expect(summary).to_contain_text("Turns1")
        expect(summary).to_contain_text(re.compile(r"Cost\$0"))
        assert "/console/sessions/" in summary.get_by_role("link", name="Open the trace").get_attribute("href")
        assert talk.page.evaluate("__mic.opened") == 1

    def test_what_was_cut_off_is_struck_through(self, start, new_page):
        talk = Talking(new_page(), start(script=SCRIPT))
        talk.type_instead("story")
        expect(talk.page.locator("[data-who=model]")).to_contain_text(re.compile("pier.* pier"))
        talk.say("What is two plus three?")
        talk.hears("2 plus 3 is 5")
        cut = talk.log.locator("[data-who=model]").first
        assert cut.locator("del").inner_text().strip() in STORY
        expect(cut).to_contain_text("(not heard)")
        expect(talk.log.locator("[data-kind=interrupted]")).to_have_text(re.compile(r"Interrupted.* Silent .*\d+ ms"))

    def test_escape_silences(self, talking):
        talk = talking()
        talk.type_instead("story")
        expect(talk.page.locator("[data-who=model]")).to_contain_text(re.compile("pier.* pier"))
        talk.page.keyboard.press("Escape")
        expect(talk.log.locator("del")).to_have_count(1)

    def test_only_captions_nobody_speaks_are_announced(self, talking):
        talk = talking()
        talk.type_instead("What is two plus three?")
        talk.hears("2 plus 3 is 5")
        line = talk.log.locator("[data-who=model]")
        expect(line).to_have_attribute("aria-live", "off")
        talk.press("Sound off")
        expect(line).not_to_have_attribute("aria-live", "off")


class TestMicrophone:
    def test_push_to_talk_by_the_space_bar(self, talking):
        talk = talking()
        talk.start()
        talk.press("Push to talk")
        talk.is_now("Hold to talk")
        expect(talk.page.get_by_role("button", name="Hold to talk")).to_be_visible()
        talk.page.keyboard.down(" ")
        talk.is_now("Hearing you")
        speak(talk.page, "what_is_two_plus_three")
        talk.page.keyboard.up(" ")
        talk.hears("2 plus 3 is 5")
        assert talk.setups[-1]["realtimeInputConfig"] == {"automaticActivityDetection": {"disabled": True}}
        assert talk.setups[-1]["sessionResumption"]["handle"]
        assert (len(talk.inputs("activityStart")), len(talk.inputs("activityEnd"))) == (1, 1)

    def test_m_mutes(self, talking):
        talk = talking()
        talk.start()
        talk.page.keyboard.press("m")
        talk.is_now("Muted")
        expect(talk.page.get_by_role("button", name="Mute")).to_have_attribute("aria-pressed", "true")
        talk.page.wait_for_timeout(50)
        sent = len(talk.inputs("audio"))
        talk.page.wait_for_timeout(200)
        assert len(talk.inputs("audio")) == sent
        assert talk.inputs("audioStreamEnd") == [True]
        talk.page.keyboard.press("m")
        talk.is_now("Listening")

    def test_a_key_can_be_taken_away(self, talking):
        talk = talking()
        talk.start()
        talk.page.keyboard.press("?")
        dialog = talk.page.get_by_role("dialog", name="Keyboard")
        dialog.get_by_role("button", name="Change the key: Mute or open the microphone").click()
        talk.page.keyboard.press("t")
        expect(dialog.get_by_role("alert")).to_contain_text("is taken by")
        dialog.get_by_role("button", name="No key: Mute or open the microphone").click()
        talk.page.keyboard.press("Escape")
        talk.page.keyboard.press("m")
        talk.is_now("Listening")
        assert json.loads(talk.page.evaluate("localStorage['antiphon.keys.chosen']")) == {"mute": ""}


class TestTools:
    def test_a_call_is_answered(self, talking):
        talk = talking()
        choose_tools(talk.page)
        talk.type_instead("weather in Paris")
        card = talk.log.get_by_role("region", name="Function get_weather")
        expect(card.get_by_label("Arguments")).to_contain_text('"city": "Paris"')
        card.get_by_text("Schema").click()
        expect(card.get_by_label("Schema of get_weather")).to_contain_text('"required"')
        answer = card.get_by_label("Answer (JSON)")
        answer.fill("[1]")
        expect(card).to_contain_text("must be an object")
        expect(card.get_by_role("button", name="Send answer")).to_be_disabled()
        answer.fill('{"degrees": 21}')
        card.get_by_role("button", name="Send answer").click()
        talk.hears("It is 21 degrees in Paris")
        talk.say("weather in Rome")
        card.nth(1).get_by_label("Answer automatically").click()
        talk.hears("It is 21 degrees in Rome")
        talk.say("weather in Oslo")
        talk.hears("It is 21 degrees in Oslo")
        expect(talk.log.get_by_text("answered", exact=True)).to_have_count(3)


class TestTrouble:
    def test_a_setup_that_is_refused(self, talking):
        talk = talking()
        talk.page.get_by_role("tab", name="Settings").click()
        talk.page.get_by_text("Setup as JSON").click()
        raw = talk.page.get_by_label("What is sent as")
        raw.fill('{"model": "models/nobody"}')
        raw.blur()
        talk.type_instead("Hello")
        expect(talk.page.locator(".banner").get_by_text("nobody is not found")).to_be_visible()
        expect(talk.page.get_by_role("button", name="Reconnect")).to_be_visible()
        talk.is_now("Not connected")

    def test_offline(self, talking):
        talk = talking()
        talk.page.wait_for_load_state("networkidle")
        talk.page.context.set_offline(True)
        expect(talk.page.get_by_text("This computer is offline.")).to_be_visible()
        talk.page.context.set_offline(False)
        expect(talk.page.get_by_text("This computer is offline.")).to_have_count(0)

    def test_changed_settings_hold_after_a_new_connection(self, talking):
        talk = talking()
        talk.type_instead("My name is Alice.")
        talk.hears("Alice")
        talk.page.get_by_role("tab", name="Settings").click()
        talk.page.get_by_label("Preset", exact=True).select_option(label="Fast turn")
        talk.page.get_by_role("button", name="Reconnect to apply").click()
        expect(talk.page.get_by_role("button", name="Reconnect to apply")).to_have_count(0)
        talk.is_now("Ready for your words")
        assert talk.setups[-1]["realtimeInputConfig"]["automaticActivityDetection"]["silenceDurationMs"] == 300

    def test_what_is_typed_while_the_server_is_away_is_kept(self, antiphon_servers, start, new_page):
        server = antiphon_servers.start(script=SCRIPT, pace_turns=False)
        talk = Talking(new_page(), server)
        talk.type_instead("What is two plus three?")
        talk.hears("2 plus 3 is 5")
        antiphon_servers.stop(server)
        talk.is_now(re.compile("Reconnecting"))
        expect(talk.page.locator("[data-kind=goAway]").last).to_have_text("The server is stopping.")
        talk.say("What is two plus four?")
        waiting = talk.page.locator(".line.waiting")
        expect(waiting).to_contain_text("waits for the connection")
        expect(waiting).to_contain_text("What is two plus four?")
        start(script=SCRIPT, pace_turns=False, port=int(server.url.rsplit(":", 1)[1]))
        talk.hears("2 plus 4 is 6")
        expect(waiting).to_have_count(0)
        talk.page.problems.clear()

    def test_what_was_typed_to_a_call_that_cannot_begin_is_not_lost(self, talking):
        talk = talking()
        talk.page.route("**/console/api/token", lambda route: route.abort())
        talk.type_instead("What is two plus three?")
        expect(talk.page.locator(".line.waiting")).to_contain_text("not sent")
        talk.say("What is two plus four?")
        expect(talk.page.get_by_label("Type to the model")).to_have_value("What is two plus four?")
        talk.page.unroute("**/console/api/token")
        talk.page.get_by_role("button", name="Reconnect").click()
        talk.hears("2 plus 3 is 5")
        talk.page.problems.clear()

    def test_a_connection_that_will_end_counts_down(self, start, new_page):
        limits = {"session_caps": True, "connection_cap": 7.0, "go_away_lead": 4.0}
        talk = Talking(new_page(), start(script=SCRIPT, session=limits))
        talk.type_instead("Hello")
        talk.is_now("Speaking")
        talk.is_now("Ready for your words")
        talk.say("story")
        expect(talk.page.locator(".banner")).to_contain_text(re.compile(r"closes this connection in [1-4] s"))
        expect(talk.log.locator("[data-kind=resumed]")).to_have_text("Connected again.")
        expect(talk.page.locator(".banner")).to_have_count(0)


IN_A_DRAWER = """
localStorage["antiphon.microphone"] = '"no-such-device"';
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
  if (wanted.audio?.deviceId) throw new DOMException("No such device", "OverconstrainedError");
  return open(wanted);
};
"""
"""A microphone that was chosen, and is not there."""

WAKE_LOCK = """
window.__locks = [];
Object.defineProperty(navigator, "wakeLock", { value: {
  async request(kind) {
    const lock = { kind, held: true, async release() { lock.held = false; } };
    __locks.push(lock);
    return lock;
  },
} });
let hidden = false;
Object.defineProperty(document, "hidden", { get: () => hidden });
window.__hide = (now) => { hidden = now; document.dispatchEvent(new Event("visibilitychange")); };
const clock = performance.now.bind(performance);
let ahead = 0;
performance.now = () => clock() + ahead;
window.__later = (milliseconds) => (ahead += milliseconds);
"""


class TestSurroundings:
    def test_the_screen_stays_on_as_long_as_a_call_does(self, server, new_page):
        page = new_page()
        page.add_init_script(WAKE_LOCK)
        talk = Talking(page, server)
        talk.type_instead("What is two plus three?")
        talk.hears("2 plus 3 is 5")
        assert page.evaluate("__locks.map(({ kind, held }) => [kind, held])") == [["screen", True]]
        page.evaluate("__hide(true); __hide(false)")
        page.wait_for_function("__locks.length === 2")
        talk.press("Hang up")
        page.wait_for_function("!__locks.at(-1).held")

    def test_who_comes_back_is_told_that_the_call_went_on(self, server, new_page):
        page = new_page()
        page.add_init_script(WAKE_LOCK)
        talk = Talking(page, server)
        talk.type_instead("What is two plus three?")
        talk.hears("2 plus 3 is 5")
        page.evaluate("__hide(true); __later(12_000); __hide(false)")
        expect(page.locator(".banner")).to_contain_text("out of sight for 12 s")

    def test_a_microphone_of_before_that_is_gone(self, server, new_page):
        page = new_page()
        page.add_init_script(IN_A_DRAWER)
        talk = Talking(page, server)
        page.get_by_role("button", name="Devices and captions").click()
        chosen = page.get_by_role("dialog", name="Options").get_by_label("Microphone")
        expect(chosen.locator("option:checked")).to_have_text("The one chosen before (not connected)")
        page.keyboard.press("Escape")
        talk.start()
        told = "The microphone chosen before is not connected. The system's is used"
        expect(page.get_by_role("alert")).to_contain_text(told)
        speak(page, "what_is_two_plus_three")
        talk.hears("2 plus 3 is 5")

    def test_a_loudspeaker_of_before_that_is_gone(self, server, new_page):
        page = new_page()
        page.add_init_script("localStorage['antiphon.speaker'] = '\"no-such-device\"'")
        talk = Talking(page, server)
        talk.type_instead("What is two plus three?")
        talk.is_now("Speaking")
        expect(page.get_by_role("alert")).to_contain_text("The chosen speaker is not there any more")
        expect(talk.log.locator(".reaction")).to_have_text(re.compile(r"\d+ (ms|s)"))


class TestRecording:
    def test_consent_is_a_label_and_a_sign(self, start, new_page):
        server = start(script=SCRIPT, pace_turns=False, recording={"mode": "consented"})
        talk = Talking(new_page(), server)
        talk.page.get_by_label("Record this call").check()
        talk.type_instead("Hello")
        expect(talk.page.locator(".call-head").get_by_text("Recording")).to_be_visible()
        talk.is_now("Ready for your words")
        assert talk.setups[0]["labels"] == {"antiphon_record": "yes"}


class TestSaved:
    def test_a_saved_call_is_shown_again(self, talking, tmp_path):
        messages = [
            ("out", {"setup": {"model": "models/gemini-3.8-live"}}),
            ("in", {"setupComplete": {"sessionId": "s1"}}),
            ("out", {"realtimeInput": {"text": "Are you there?"}}),
            ("in", {"serverContent": {"outputTranscription": {"text": "I was here.", "languageCode": "en-GB"}}}),
            ("in", {"serverContent": {"turnComplete": True}}),
        ]
        lines = [{"at": at, "direction": way, "socket": 1, "message": each} for at, (way, each) in enumerate(messages)]
        saved = tmp_path / "call.jsonl"
        saved.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        talk = talking()
        asked = []
        talk.page.on("request", lambda request: asked.append(request.url))
        talk.page.locator("input[type=file]").set_input_files(saved)
        talk.hears("I was here.")
        expect(talk.log.get_by_text("I was here.")).to_have_attribute("lang", "en-GB")
        expect(talk.page.get_by_text("Replay of call.jsonl")).to_be_visible()
        talk.page.wait_for_timeout(300)
        assert talk.sent == []
        assert [url for url in asked if "/sessions/" in url] == []

    def test_what_is_no_call(self, talking, tmp_path):
        saved = tmp_path / "no.jsonl"
        saved.write_text("nothing")
        talk = talking()
        talk.page.locator("input[type=file]").set_input_files(saved)
        expect(talk.page.get_by_role("alert")).to_contain_text("Line 1 cannot be read")


class TestAccess:
    def test_by_keys_alone(self, talking):
        talk = talking()
        page, key = talk.page, talk.page.keyboard
        walk_to(page, "Start talking")
        key.press("Enter")
        talk.is_now("Listening")
        key.press("t")
        key.type("What is two plus three?")
        key.press("Enter")
        talk.hears("2 plus 3 is 5")
        walk_to(page, "Hang up")
        key.press("Enter")
        expect(page.get_by_role("heading", name="Call ended")).to_be_focused()

    def test_a_phone_shows_a_call_whole_and_the_instrument_that_opens(self, talking):
        talk = talking(viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True)
        talk.start()
        talk.press("Push to talk")
        tab = talk.page.get_by_role("tab", name="Meters")
        expect(talk.page.get_by_role("button", name="Hold to talk")).to_be_in_viewport(ratio=1)
        expect(tab).to_be_in_viewport(ratio=1)
        tab.tap()
        expect(talk.page.get_by_role("tabpanel", name="Meters")).to_be_in_viewport(ratio=0.3)

    @pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (320, "dark"), (1280, "light")])
    def test_nobody_is_kept_out(self, talking, axe, scheme, width):
        talk = talking(color_scheme=scheme, viewport={"width": width, "height": 800})
        page = talk.page
        choose_tools(page)
        page.get_by_text("2 functions offered").wait_for()
        assert axe(page) == []
        talk.type_instead("weather in Paris")
        talk.log.get_by_role("region", name="Function get_weather").wait_for()
        assert axe(page) == []
        talk.press("Options")
        expect(page.get_by_role("dialog", name="Options")).to_contain_text("Recording is off on this server")
        assert axe(page) == []
        page.keyboard.press("Escape")
        talk.press("Hang up")
        page.get_by_role("heading", name="Call ended").wait_for()
        assert axe(page) == []


def walk_to(page, name):
    """Press the tabulator until a button of this name has the focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent").strip().startswith(name):
            return
    raise AssertionError(f"the tabulator never came to {name}")
