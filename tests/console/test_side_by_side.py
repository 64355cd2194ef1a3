"""Two conversations on one microphone, side by side."""

import json

import pytest
from playwright.sync_api import expect
from tests.console.conftest import speak
from tests.console.ears import EARS, ears


@pytest.fixture
def server(start):
    return start(pace_turns=False)


def visit(page, server):
    """Open the page; what each of its sockets sent."""
    sockets = []

    def count(socket):
        sent = []
        sockets.append(sent)
        socket.on("framesent", lambda frame: sent.append(json.loads(frame)))

    page.on("websocket", count)
    page.goto(f"{server.url}/console/side-by-side")
    return sockets


def hears(page, side, text):
    line = page.get_by_role("region", name=side, exact=True).get_by_role("log").locator("[data-who=model]")
    expect(line.filter(has_text=text)).to_have_count(1, timeout=20_000)


def are_now(page, text):
    for side in ("Left", "Right"):
        expect(page.get_by_role("status", name=side)).to_have_text(text, timeout=20_000)


class TestBoth:
    def test_one_microphone_two_answers_one_voice(self, server, new_page):
        page = new_page(scripts=(EARS,))
        sockets = visit(page, server)
        page.get_by_role("button", name="Start both").click()
        are_now(page, "Listening")
        speak(page, "what_is_two_plus_three")
        for side in ("Left", "Right"):
            hears(page, side, "2 plus 3 is 5")
            figures = page.get_by_role("group", name=f"Figures of {side}")
            expect(figures.locator("dd").first).to_contain_text("s")
        are_now(page, "Listening")
        assert page.evaluate("__mic.opened") == 1
        assert len(sockets) == 2
        assert len({sent[0]["setup"]["model"] for sent in sockets}) == 2
        silent, heard = sorted(ears(page, which=which)["rms"] for which in (0, 1))
        assert silent == 0
        assert heard > 0.01

    def test_a_server_that_records_says_so(self, start, new_page):
        page = new_page()
        visit(page, start(pace_turns=False, recording={"mode": "always"}))
        expect(page.get_by_text("This server records every call")).to_be_visible()
        sign = page.get_by_text("Recording", exact=True)
        expect(sign).to_have_count(0)
        page.get_by_role("button", name="Start without a microphone").click()
        expect(sign).to_be_visible()

    def test_it_says_when_the_network_is_gone(self, server, new_page):
        page = new_page()
        visit(page, server)
        page.wait_for_load_state("networkidle")
        page.context.set_offline(True)
        expect(page.get_by_text("This computer is offline.")).to_be_visible()
        page.context.set_offline(False)
        expect(page.get_by_text("This computer is offline.")).to_have_count(0)

    def test_words_go_to_both(self, server, new_page):
        page = new_page()
        visit(page, server)
        page.get_by_role("button", name="Start without a microphone").click()
        are_now(page, "Ready for your words")
        page.get_by_role("radio", name="Right").check()
        page.get_by_label("Type to both").fill("What is four plus four?")
        page.keyboard.press("Enter")
        hears(page, "Left", "4 plus 4 is 8")
        hears(page, "Right", "4 plus 4 is 8")
        expect(page.get_by_role("region", name="Right", exact=True)).to_contain_text("you hear this one")
        page.get_by_role("button", name="Stop both").click()
        are_now(page, "Call ended")
        assert page.evaluate("__mic.opened") == 0


class TestAccess:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_nobody_is_kept_out(self, server, new_page, axe, scheme):
        page = new_page(color_scheme=scheme, viewport={"width": 320, "height": 700})
        visit(page, server)
        page.get_by_role("button", name="Start without a microphone").click()
        are_now(page, "Ready for your words")
        page.get_by_label("Type to both").fill("What is four plus four?")
        page.keyboard.press("Enter")
        hears(page, "Right", "4 plus 4 is 8")
        assert axe(page) == []
