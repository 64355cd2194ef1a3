"""What a page holds of the machine, and gives back: microphone, camera, sound, connections, listeners."""

import json

import pytest
from playwright.sync_api import expect
from tests.console.modules import until

CALLS = 10


@pytest.fixture
def page(start, new_page):
    """The talk page, before a call."""
    page = new_page(scripts=("leaks.js",))
    page.goto(f"{start().url}/console/")
    return page


def held(page):
    return page.evaluate("leaks.held()")


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def type_instead(page):
    page.get_by_label("Type instead").fill("Hello")
    page.keyboard.press("Enter")
    expect(page.locator(".status")).to_have_text("Ready for your words")


def call(page):
    """Talk, hang up, and go back to the beginning."""
    press(page, "Start talking")
    expect(page.locator(".status")).to_have_text("Listening")
    until(page, "leaks.held().sources === 1")
    press(page, "Hang up")
    press(page, "Start over")
    expect(page.get_by_role("button", name="Start talking")).to_be_visible()


def answer(page, devices=1):
    """Let the devices that were asked for come."""
    page.evaluate("leaks.answer(); undefined")
    until(page, f"leaks.given === {devices}")


class TestCalls:
    def test_many_leave_no_more_than_one(self, page):
        call(page)
        until(page, "leaks.held().sockets === 0 && leaks.held().sources === 0")
        one = held(page)
        assert one["tracks"] == 0
        for _ in range(CALLS - 1):
            call(page)
        until(page, f"JSON.stringify(leaks.held()) === '{json.dumps(one, separators=(',', ':'))}'")


class TestLateDevices:
    def test_a_microphone_that_comes_after_the_call(self, page):
        type_instead(page)
        page.evaluate("leaks.wait(); undefined")
        press(page, "Mic on")
        press(page, "Hang up")
        answer(page)
        until(page, "leaks.held().tracks === 0")

    def test_a_camera_that_comes_after_the_call(self, page):
        type_instead(page)
        page.evaluate("leaks.wait(); undefined")
        press(page, "Camera")
        press(page, "Hang up")
        answer(page)
        until(page, "leaks.held().tracks === 0")

    @pytest.mark.parametrize("device", ["Microphone", "Camera"])
    def test_one_that_was_only_tried(self, page, device):
        page.evaluate("leaks.wait(); undefined")
        press(page, f"Try: {device}")
        type_instead(page)
        answer(page)
        until(page, "leaks.held().tracks === 0")

    @pytest.mark.parametrize("device", ["Microphone", "Camera"])
    def test_two_that_were_asked_for_at_once(self, page, device):
        page.evaluate("leaks.wait(); undefined")
        press(page, f"Try: {device}")
        press(page, f"Try: {device}")
        answer(page, 2)
        until(page, "leaks.held().tracks === 1")
        press(page, f"Stop: {device}")
        until(page, "leaks.held().tracks === 0")


class TestSideBySide:
    def test_pressed_twice_and_stopped(self, start, new_page):
        page = new_page(scripts=("leaks.js",))
        page.goto(f"{start().url}/console/side-by-side")
        before = held(page)["contexts"]
        page.evaluate("leaks.wait(); undefined")
        press(page, "Start both")
        press(page, "Start both")
        answer(page, 2)
        until(page, "leaks.held().sockets === 2 && leaks.held().tracks === 1")
        press(page, "Stop both")
        until(page, "leaks.held().tracks === 0 && leaks.held().sockets === 0")
        # One is the scripted microphone's own.
        until(page, f"leaks.held().contexts === {before + 1}")
