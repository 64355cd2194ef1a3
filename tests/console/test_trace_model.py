"""What the timeline of a trace draws, told from timelines that are written by hand."""

import pytest
from tests.console.modules import load, open_blank, shared_page

ENTRIES = [
    {"kind": "activity", "at": 1.2, "ended": 2.0, "detected": False},
    {"kind": "turn", "number": 1, "at": 2.5, "ended": 4.0, "first": 2.9, "latency": 0.9, "outcome": "abandoned"},
    {"kind": "tool", "name": "late", "turn": 1, "at": 3.5, "ended": 3.9, "outcome": "expired"},
    {"kind": "tool", "name": "early", "turn": 1, "at": 2.6, "ended": 2.7, "outcome": "answered"},
    {"kind": "tool", "name": "stray", "turn": 7, "at": 5.0},
    {"kind": "what nobody knows", "at": 6.0},
]


@pytest.fixture(scope="module")
def page(chromium, antiphon_servers):
    server = antiphon_servers.start()
    with shared_page(chromium) as page:
        open_blank(page, server)
        load(page, model="trace/model.js")
        yield page
    antiphon_servers.stop(server)


def connection(entries=ENTRIES, **more):
    speech = {0: {"begins": 1.0, "ends": 2.0}, 1: {"begins": 3.0, "ends": 4.5}}
    return {"record": {"seconds": 6.0}, "sound": {}, "timeline": {"entries": entries}, "speech": speech, **more}


class TestNodes:
    def test_functions_stand_below_the_turn_that_called_them(self, page):
        user, turn, stray = page.evaluate("told => model.nodes(told)", connection())
        assert [user["id"], turn["id"], stray["label"]] == ["entry-0", "turn-1", "stray"]
        assert (user["begins"], user["detail"]) == (1.0, "as the client says")
        assert [each["label"] for each in turn["children"]] == [
            "User waits",
            "early",
            "Speech is heard",
            "late",
        ]

    def test_what_went_wrong_is_marked(self, page):
        nodes = page.evaluate("told => model.flatten(model.nodes(told))", connection())
        assert [each["label"] for each in nodes if each.get("bad")] == ["Turn 1", "late"]

    def test_a_turn_lasts_as_long_as_it_is_heard(self, page):
        turn = page.evaluate("told => model.nodes(told)", connection())[1]
        assert (turn["begins"], turn["ends"]) == (2.5, 4.5)


class TestLength:
    @pytest.mark.parametrize(
        ("more", "seconds"),
        [
            ({}, 6.0),
            ({"sound": {"user": {"seconds": 7.5}}}, 7.5),
            ({"entries": [{"kind": "remark", "at": 8.0}]}, 8.0),
            ({"entries": [], "record": {"seconds": 0.0}}, 0.5),
            ({"timeline": None}, 6.0),
        ],
    )
    def test_nothing_of_it_is_left_out(self, page, more, seconds):
        assert page.evaluate("told => model.length(told)", connection(**more)) == seconds
