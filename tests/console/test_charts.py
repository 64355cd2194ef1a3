"""Charts: what they draw is as much as they were given."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from antiphon.console import charts
from antiphon.console.charts import Series

VALUES = st.lists(st.floats(0, 1e6), min_size=1, max_size=40)


@given(VALUES, st.integers(1, 6))
@example([5e-324], 1)
def test_bars_are_as_high_as_their_values(values, count):
    days = [f"2026-11-{number:02}" for number in range(len(values))]
    series = [Series(f"s{number}", values) for number in range(count)]
    chart = charts.stacked(days, series, "dollars")
    top = max(values) * count
    for rect in chart.rects:
        assert rect.x + rect.width <= chart.width
        assert rect.y >= charts.TOP - 1
        assert rect.y + rect.height <= chart.base + 1
    heights = [sum(rect.height for rect in chart.rects if rect.title.startswith(day)) for day in days]
    if top > 1:
        highest, at = max((height, number) for number, height in enumerate(heights))
        assert values[at] == pytest.approx(max(values), rel=0.05)
        assert highest >= (chart.base - charts.TOP) / 2 - 1, "the scale fits"


def test_every_bar_says_what_it_is():
    chart = charts.stacked(["2026-11-01", "2026-11-02"], [Series("a", [1, 0]), Series("b", [0.5, 0.25])], "dollars")
    assert [rect.title for rect in chart.rects] == [
        "2026-11-01, a: $1.00",
        "2026-11-01, b: $0.50",
        "2026-11-02, b: $0.25",
    ]
    assert [rect.series for rect in chart.rects] == [1, 2, 2]
    assert chart.summary == "$1.75 from 2026-11-01 to 2026-11-02; most on 2026-11-01: $1.50."
    assert chart.legend == ["a", "b"]


def test_days_have_as_many_labels_as_there_is_room():
    days = [f"2026-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 29)]
    chart = charts.stacked(days, [Series("all", [1.0] * len(days))], "minutes")
    assert 0 < len(chart.labels) <= charts.LABELS


def test_nothing_is_drawn_of_nothing():
    assert charts.stacked([], [], "dollars").rects == []
    assert charts.stacked(["2026-11-01"], [Series("a", [0])], "dollars").summary == "There is nothing in these days."
    assert charts.bars([], "dollars").rows == []


def test_horizontal_bars_are_as_long_as_their_values():
    chart = charts.bars([("a", 10.0), ("b", 5.0), ("a name that is much too long for its place", 0.0)], "minutes")
    widths = [rect.width for _, rect, _ in chart.rows]
    assert widths[0] == pytest.approx(2 * widths[1])
    assert widths[2] == 1.0
    assert [value.text for _, _, value in chart.rows] == ["10 min", "5.0 min", "0 min"]
    assert chart.rows[2][0].text.endswith("…")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "dollars", "$0.00"),
        (0.0042, "dollars", "$0.0042"),
        (1234.5, "dollars", "$1,234.50"),
        (90, "tokens", "90 tokens"),
    ],
)
def test_amounts_are_short(value, unit, text):
    assert charts.amount(value, unit) == text
