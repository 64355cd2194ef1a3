"""Where words are in the sound: between marks, over the speech they were heard in, and never after what was heard."""

import pytest

from antiphon.console.trace_words import Stretch, lines, speech
from antiphon.live.timeline import Activity, Turn, Words


def heard(at: float, text: str, *, kept: bool = True) -> Words:
    return Words(at=at, how="heard", characters=len(text), text=text if kept else "")


def turn(**changes: object) -> Turn:
    whole = {"at": 5.0, "number": 1, "first": 6.0, "spoken": 4.0, "heard": 4.0, "outcome": "complete"}
    return Turn(**{**whole, **changes})  # type: ignore[arg-type]


class TestTheUser:
    def test_speech_ends_where_the_delay_of_the_answer_began(self) -> None:
        spoke = Activity(at=1.3, ended=4.5, offset=1.0, end_offset=3.0)
        found = speech((spoke, turn(latency=2.5)))
        assert found[0] == Stretch(1.5, 3.5)

    def test_without_an_answer_it_ends_when_that_was_noticed(self) -> None:
        first = Activity(at=1.3, ended=4.5, offset=1.0, end_offset=3.0)
        second = Activity(at=5.0, ended=6.0, offset=5.0, end_offset=6.0)
        assert speech((first, second, turn(latency=0.1, first=7.0)))[0] == Stretch(2.5, 4.5)

    def test_one_that_never_ended_has_no_length(self) -> None:
        assert speech((Activity(at=2.0, offset=1.0),))[0] == Stretch(2.0, 2.0)

    def test_texts_of_one_speech_share_it(self) -> None:
        spoke = Activity(at=0.0, ended=3.0, offset=0.0, end_offset=3.0)
        one, other = lines((spoke, heard(3.0, "ab cde"), heard(3.0, "xyz")))
        assert [word.text for word in one.words] == ["ab", "cde"]
        assert (one.words[0].begins, one.words[1].ends) == (0.0, 2.0)
        assert (other.words[0].begins, other.words[0].ends) == (2.0, 3.0)
        assert one.words[1].begins == pytest.approx(1.0)

    def test_what_was_typed_is_at_its_moment(self) -> None:
        (line,) = lines((Words(at=7.0, how="typed", characters=2, text="hi"),))
        assert (line.how, line.at, line.words[0].begins, line.words[0].ends) == ("typed", 7.0, 7.0, 7.0)

    def test_words_that_are_not_kept_are_counted(self) -> None:
        spoke = Activity(at=0.0, ended=3.0, offset=0.0, end_offset=3.0)
        (line,) = lines((spoke, heard(3.0, "secret", kept=False)))
        assert (line.characters, line.words) == (6, ())


class TestTheModel:
    def test_words_are_between_the_marks(self) -> None:
        said = turn(text="aa bb cc dd", characters=11, marks=((0, 0.0), (6, 3.0)))
        (line,) = lines((said,))
        assert [word.begins for word in line.words] == [6.0, 7.5, 9.0, pytest.approx(9.6)]
        assert line.words[-1].ends == 10.0

    def test_without_marks_they_are_spread_evenly(self) -> None:
        (line,) = lines((turn(text="aaa bbb", characters=7),))
        assert [word.begins for word in line.words] == [6.0, pytest.approx(6 + 4 * 4 / 7, abs=1e-3)]

    def test_a_text_that_was_cut_keeps_its_place(self) -> None:
        (line,) = lines((turn(text="aaaa bbbbb", characters=20),))
        assert line.words[-1].ends == 8.0

    def test_an_answer_is_heard_after_the_one_before(self) -> None:
        first, second = turn(), turn(number=2, first=8.0)
        assert speech((first, second)) == {0: Stretch(6.0, 10.0), 1: Stretch(10.0, 14.0)}

    def test_what_nobody_heard_is_cut(self) -> None:
        (line,) = lines((turn(text="aa bb", characters=5, heard=1.5, outcome="interrupted"),))
        assert (line.cut, line.ends) == (7.5, 7.5)
        assert line.words[1].begins > 7.5

    def test_answers_in_writing_have_a_moment(self) -> None:
        (line,) = lines((turn(spoken=0.0, heard=0.0, text="hi", characters=2),))
        assert (line.at, line.ends) == (6.0, 6.0)

    @pytest.mark.parametrize("marks", [((0, 9.0), (2, 1.0)), ((5, 2.0), (1, 3.0)), ((2, 99.0),)])
    def test_marks_that_make_no_sense_never_go_back(self, marks: tuple[tuple[int, float], ...]) -> None:
        (line,) = lines((turn(text="a b c d e", characters=9, marks=marks),))
        begins = [word.begins for word in line.words]
        assert begins == sorted(begins)
        assert all(6.0 <= word.begins <= word.ends <= 10.0 for word in line.words)


def test_lines_are_in_the_order_of_their_sound() -> None:
    spoke = Activity(at=0.0, ended=3.0, offset=0.0, end_offset=3.0)
    again = Activity(at=20.0, ended=21.0, offset=20.0, end_offset=21.0)
    entries = (spoke, turn(at=3.0, text="hi", characters=2), heard(3.1, "one"), again, heard(21.0, "two"))
    assert [(line.who, line.turn) for line in lines(entries)] == [("user", None), ("model", 1), ("user", None)]
