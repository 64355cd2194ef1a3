import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.cli.plot import HEIGHT, WIDTH, Line, dollars, svg, terminal, ticks

STEEP = Line(label="steep", end="$4.00", points=((5.0, 1.0), (10.0, 4.0)))
FLAT = Line(label="flat <b>", end="$1.00", points=((5.0, 0.5), (10.0, 1.0)))
SVG = "{http://www.w3.org/2000/svg}"


class TestTicks:
    @pytest.mark.parametrize(
        ("highest", "expected"),
        [(0.81, [0, 0.25, 0.5, 0.75, 1]), (4, [0, 1, 2, 3, 4]), (10, [0, 2.5, 5, 7.5, 10]), (0, [0, 1])],
    )
    def test_are_round(self, highest: float, expected: list[float]) -> None:
        assert ticks(highest) == pytest.approx(expected)

    @given(st.floats(1e-6, 1e6))
    @settings(max_examples=50)
    def test_reach_the_highest_in_a_few_steps(self, highest: float) -> None:
        scale = ticks(highest)
        assert scale[-1] >= highest * (1 - 1e-9)
        assert scale[-2] < highest
        assert 3 <= len(scale) <= 6

    @pytest.mark.parametrize(
        ("value", "step", "expected"),
        [
            (2, 1, "$2"),
            (0.5, 0.25, "$0.50"),
            (7.5, 2.5, "$7.50"),
            (0.005, 0.005, "$0.005"),
            (0.0025, 0.0025, "$0.0025"),
        ],
    )
    def test_have_the_places_they_need(self, value: float, step: float, expected: str) -> None:
        assert dollars(value, step) == expected


class TestInTheTerminal:
    def test_draws_axes_lines_and_a_legend(self) -> None:
        lines = terminal([STEEP, FLAT], columns=40, rows=9).plain.splitlines()
        assert [line[:2] for line in lines[:9]] == ["$4", "  ", "$3", "  ", "$2", "  ", "$1", "  ", "$0"]
        assert lines[0].endswith("A")
        assert lines[6].rstrip().endswith("B")
        assert lines[10].split() == ["0", "10", "min"]
        assert [line.split() for line in lines[11:]] == [["A", "steep", "$4.00"], ["B", "flat", "<b>", "$1.00"]]
        assert all(len(line) <= 44 for line in lines[:11])

    def test_draws_every_column(self) -> None:
        rows = terminal([STEEP], columns=40, rows=9).plain.splitlines()[:9]
        for column in range(4, 43):
            assert any(row[column:].strip() and row[column] != " " for row in rows if len(row) > column)

    def test_draws_a_line_as_high_as_it_is(self) -> None:
        """At its middle the steep one is at a quarter: in the third row from below of nine."""
        rows = terminal([STEEP], columns=41, rows=9).plain.splitlines()
        assert rows[6][4 + 20] != " "

    def test_ends_lines_of_the_same_height_beside_each_other(self) -> None:
        assert terminal([STEEP, STEEP, STEEP]).plain.splitlines()[0].endswith("CBA")


class TestAsADrawing:
    def test_is_well_formed_and_says_what_it_is(self) -> None:
        root = ElementTree.fromstring(svg([STEEP, FLAT], "A & B"))
        title = root.find(f"{SVG}title")
        assert title is not None
        assert title.text == "A & B"
        texts = [each.text for each in root.iter(f"{SVG}text")]
        assert "$4.00 steep" in texts
        assert "$1.00 flat <b>" in texts
        assert "10 min" in texts
        assert len(list(root.iter(f"{SVG}polyline"))) == 2

    def test_has_colours_for_dark_pages(self) -> None:
        drawing = svg([STEEP], "")
        light, dark = drawing.split("@media (prefers-color-scheme: dark)")
        for name in (".page { fill:", "text { ", ".grid { stroke:", ".s0 { stroke:"):
            assert name in light
            assert name in dark

    def test_keeps_labels_apart_and_inside(self) -> None:
        lines = [Line(label=str(number), end="$0.00", points=((1.0, 0.001 * number),)) for number in range(8)]
        root = ElementTree.fromstring(svg([STEEP, *lines], ""))
        labels = [each for each in root.iter(f"{SVG}text") if (each.text or "").startswith("$0.00 ")]
        heights = sorted(float(each.attrib["y"]) for each in labels)
        assert len(heights) == 8
        assert all(low - high >= 17.9 for high, low in pairwise(heights))
        assert heights[-1] < HEIGHT

    @pytest.mark.parametrize("length", [1, 30, 200])
    def test_leaves_room_for_lines_however_long_the_labels(self, length: int) -> None:
        root = ElementTree.fromstring(svg([Line(label="x" * length, end="$1", points=((1.0, 1.0),))], ""))
        line = root.find(f"{SVG}polyline")
        assert line is not None
        right = float(line.attrib["points"].split()[-1].split(",")[0])
        assert WIDTH / 3 < right < WIDTH - 40
