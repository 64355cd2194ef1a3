"""Arguments out of an utterance, by JSON schema: numbers, enums, dates, times, booleans, texts and lists of them.

What a schema says beyond simple shapes (objects, references, unions) is left out of the call.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from antiphon.engines.cascade.brain import numbers
from antiphon.engines.cascade.brain.matching import enum_of, enum_place, properties
from antiphon.engines.cascade.brain.parameters import Parameter, items_of, parameters
from antiphon.engines.cascade.brain.units import convert, unit_at
from antiphon.engines.cascade.brain.when import find_day, find_time
from antiphon.engines.cascade.brain.words import STOP, Phrase, find, split, split_name, stem, vocabulary
from antiphon.live.setup import Tool

_PLACES = vocabulary("location city place country town where address region area room restaurant airport station")
_PEOPLE = vocabulary("to recipient contact person who guest customer attendees participants people invitees")
_TEXTS = vocabulary("text message body content note reminder task")
_LABELS = vocabulary("name title label topic subject query question keyword term song item product about")
_CODES = vocabulary("id code number phone zip pin postcode")
_SOURCES = vocabulary("from origin source departure")
_TARGETS = vocabulary("destination target arrival")
_PREPOSITIONS = vocabulary("in at on for to from with of about by near as into regarding until")
_BREAKS = _PREPOSITIONS | vocabulary("and saying says called named titled that then")
_ARTICLES = vocabulary("the a an my our some")
_SAYING = (("with", "the", "text"), ("with", "the", "message"), ("saying", "that"), ("that", "says"), ("saying",),
           ("says",), ("to", "say"), ("that",), ("to",), ("about",))  # fmt: skip
_CALLED = (("called",), ("named",), ("titled",), ("labelled",), ("with", "the", "title"), ("with", "the", "name"))
_YES = vocabulary("yes yeah yep true on enable enabled sure okay please open start right correct")
_NO = vocabulary("no nope false off disable disabled without not close stop never")
_ANSWER_LEADS = vocabulary("it is i want would like to in at on for the a an make that be set please from with about")
_FAR = 50
_Value = str | int | float | bool | list[Any]


def fill(tool: Tool, said: Phrase, explained: frozenset[int], now: datetime) -> dict[str, Any]:
    """The arguments of ``tool`` that ``said`` gives. ``explained`` words named the function itself."""
    wanted = parameters(tool)
    filler = _Filler(said, explained | _naming(wanted, said), now)
    filler.run(wanted)
    return {name: filler.arguments[name] for name in properties(tool) if name in filler.arguments}


def _naming(wanted: Sequence[Parameter], said: Phrase) -> frozenset[int]:
    """Where words of parameters' names are said."""
    own = {stem(word) for parameter in wanted for word in parameter.words if word not in STOP}
    return frozenset(at for at, word in enumerate(said.words) if stem(word) in own)


def complete(tool: Tool, asked: Parameter, known: dict[str, Any], said: Phrase, now: datetime) -> dict[str, Any] | None:
    """``known`` with the answer to the question for ``asked``; None when ``said`` does not answer it."""
    filler = _Filler(said, frozenset(), now)
    filler.answer(asked)
    if asked.name not in filler.arguments:
        return None
    filler.run([one for one in parameters(tool) if one.name not in known and one.kind in {"enum", "date", "time"}])
    found = {**known, **filler.arguments}
    return {name: found[name] for name in properties(tool) if name in found}


class _Filler:
    """Fills parameters, the surest kinds first; a word that became an argument is taken."""

    def __init__(self, said: Phrase, explained: frozenset[int], now: datetime) -> None:
        self._said = said
        self._explained = explained
        self._now = now
        self._taken: set[int] = set()
        self.arguments: dict[str, Any] = {}

    def run(self, wanted: Sequence[Parameter]) -> None:
        """Fill every parameter that the utterance gives."""
        by_kind = {kind: [one for one in wanted if one.kind == kind] for kind in _KINDS}
        for parameter in by_kind["enum"]:
            self._enum(parameter)
        for kind in ("moment", "date", "time", "boolean"):
            for parameter in by_kind[kind]:
                self._put(parameter, getattr(self, f"_{kind}")(parameter))
        self._numbers(by_kind["number"])
        for parameter in by_kind["list"]:
            self._put(parameter, self._list(parameter))
        self._texts(by_kind["text"])

    def answer(self, asked: Parameter) -> None:
        """Fill ``asked`` from an utterance that is nothing but its value."""
        self.run([asked])
        if asked.name in self.arguments:
            return
        if asked.kind == "boolean":
            self._put(asked, _yes_or_no(self._said.words))
        elif asked.kind in {"text", "list"}:
            value = self._bare()
            self._put(asked, [value] if asked.kind == "list" and value else value)

    def _put(self, parameter: Parameter, value: _Value | None) -> None:
        if value is not None and value != "" and value != []:
            self.arguments[parameter.name] = value

    def _open(self) -> list[str]:
        """The words, the taken ones blanked."""
        return ["" if at in self._taken else word for at, word in enumerate(self._said.words)]

    def _take(self, start: int, end: int) -> None:
        before = start - 1
        if before >= 0 and self._said.words[before] in {"on", "at", "for", "by", "from", "until"}:
            start = before
        self._taken.update(range(start, end))

    # --- closed kinds -----------------------------------------------------------------------------------------

    def _enum(self, parameter: Parameter) -> None:
        for value in sorted(enum_of(parameter.schema), key=lambda value: -len(split_name(str(value)))):
            if place := self._enum_place(value):
                self._taken.update(place)
                self.arguments[parameter.name] = value
                return

    def _enum_place(self, value: Any) -> range | None:
        if place := enum_place(self._open(), value):
            return place
        found = (number for number in numbers.find_all(self._open()) if spelled(number.value) == str(value))
        return next((range(number.start, number.end) for number in found), None)

    def _date(self, parameter: Parameter) -> str | None:
        day = find_day(self._open(), self._now.date())
        if day is None:
            return None
        self._take(day.start, day.end)
        return day.date.isoformat()

    def _time(self, parameter: Parameter) -> str | None:
        clock = find_time(self._open())
        if clock is None:
            return None
        self._take(clock.start, clock.end)
        return clock.time.strftime("%H:%M")

    def _moment(self, parameter: Parameter) -> str | None:
        """A date with its time. A time alone is the next such time; a date alone is not enough."""
        day, clock = find_day(self._open(), self._now.date()), find_time(self._open())
        if clock is None:
            return None
        self._take(clock.start, clock.end)
        moment = datetime.combine(day.date if day else self._now.date(), clock.time)
        if day:
            self._take(day.start, day.end)
        elif moment <= self._now.replace(tzinfo=None):
            moment += timedelta(days=1)
        return moment.isoformat()

    def _boolean(self, parameter: Parameter) -> bool | None:
        """ "on" and "off" for a switch; else whether the parameter is named, and "no" or "without" before it."""
        words = self._open()
        if set(parameter.words) & {"on", "state", "power", "enabled", "active", "enable"}:
            return _yes_or_no(words)
        own = {stem(word) for word in parameter.words if word not in STOP and word not in {"include", "is"}}
        places = [at for at, word in enumerate(words) if stem(word) in own]
        if not places:
            return None
        return not _NO & set(words[max(0, places[0] - 2) : places[0]])

    # --- numbers ----------------------------------------------------------------------------------------------

    def _numbers(self, wanted: Sequence[Parameter]) -> None:
        """Give every number to the parameter named nearest to it; without names, in order."""
        found = [number for number in numbers.find_all(self._open()) if self._counts(number, wanted)]
        pairs = sorted(
            (self._distance(parameter, number) + order, order, at)
            for order, parameter in enumerate(wanted)
            for at, number in enumerate(found)
        )
        given: set[int] = set()
        for distance, order, at in pairs:
            parameter = wanted[order]
            unnamed = distance >= _FAR and not parameter.required and len(wanted) > 1
            if at in given or parameter.name in self.arguments or unnamed:
                continue
            value = self._number_value(parameter, found[at])
            if value is not None:
                given.add(at)
                self._taken.update(range(found[at].start, self._past_unit(found[at].end)))
                self.arguments[parameter.name] = value

    def _counts(self, number: numbers.Number, wanted: Sequence[Parameter]) -> bool:
        """Whether a number is meant as one: a lone "one" ("the red one") needs a reason."""
        words = self._said.words
        if number.end - number.start > 1 or words[number.start] != "one" or len(words) == 1:
            return True
        after = words[number.end : number.end + 1]
        own = {stem(word) for parameter in wanted for word in parameter.words}
        near = {stem(word) for word in words[max(0, number.start - 1) : number.end + 1]}
        return (
            bool(near & own)
            or (number.start > 0 and words[number.start - 1] in {"to", "for", "at"})
            or (bool(after) and unit_at(words, number.end) is not None)
        )

    def _distance(self, parameter: Parameter, number: numbers.Number) -> int:
        own = {stem(word) for word in parameter.words if word not in STOP}
        places = [at for at, word in enumerate(self._said.words) if stem(word) in own]
        if self._unit_of(parameter) and unit_at(self._said.words, number.end):
            return 0
        gaps = (at - number.end + 2 if at >= number.end else number.start - at for at in places)
        return 2 * min(gaps, default=_FAR)

    def _number_value(self, parameter: Parameter, number: numbers.Number) -> int | float | None:
        value = self._in_own_unit(parameter, number)
        largest = parameter.schema.get("maximum")
        percent = self._said.words[number.end : number.end + 1] == ("percent",)
        if percent and isinstance(largest, int | float) and largest <= 1:
            value /= 100
        if value.denominator == 1:
            return int(value)
        return None if parameter.schema.get("type") == "integer" else float(value)

    def _in_own_unit(self, parameter: Parameter, number: numbers.Number) -> Fraction:
        """The number in the unit of the parameter's name: "five minutes" for ``seconds`` is 300."""
        own, said = self._unit_of(parameter), unit_at(self._said.words, number.end)
        converted = convert(number.value, said[0], own) if own and said else None
        return number.value if converted is None else converted

    def _past_unit(self, end: int) -> int:
        if self._said.words[end : end + 1] in {("percent",), ("degrees",)}:
            return end + 1
        unit = unit_at(self._said.words, end)
        return unit[1] if unit else end

    def _unit_of(self, parameter: Parameter) -> Any:
        units = (unit_at(parameter.words, at) for at in range(len(parameter.words)))
        return next((unit[0] for unit in units if unit), None)

    # --- texts ------------------------------------------------------------------------------------------------

    def _list(self, parameter: Parameter) -> list[Any] | None:
        if values := enum_of(parameter.schema):
            found = [(place.start, value) for value in values if (place := self._enum_place(value))]
            return [value for _, value in sorted(found, key=lambda pair: pair[0])]
        if items_of(parameter.schema).get("type") != "string":
            return [plain(number.value) for number in numbers.find_all(self._open())]
        span = self._named(parameter, lists=True) or self._by_preposition(parameter, lists=True)
        span = span or (self._rest(lists=True) if parameter.required else None)
        if span is None:
            return None
        self._taken.update(span)
        pieces = split(self._said.words[span.start : span.stop], {"and"})
        return [self._text(parameter, range(span.start + one.start, span.start + one.stop)) for one in pieces]

    def _texts(self, wanted: Sequence[Parameter]) -> None:
        """Texts that are named come first, then those after their preposition, then what is left over."""
        for search in (self._code, self._named, self._by_preposition):
            for parameter in wanted:
                if parameter.name not in self.arguments and (span := search(parameter)):
                    self._put_text(parameter, span)
        for parameter in wanted:
            free = parameter.name not in self.arguments and (parameter.required or len(wanted) == 1)
            if free and (span := self._rest()):
                self._put_text(parameter, span)

    def _put_text(self, parameter: Parameter, span: range) -> None:
        self._taken.update(span)
        self._put(parameter, self._text(parameter, span))

    def _code(self, parameter: Parameter) -> range | None:
        """The digits of a number, order or room: "4 2 7", "AB123"."""
        if not set(parameter.words) & _CODES:
            return None
        words = self._open()
        mixed = next((at for at, word in enumerate(words) if re.fullmatch(r"[^\W\d]+-?\d[\w-]*", word)), -1)
        if mixed >= 0:
            return range(mixed, mixed + 1)
        found = numbers.find_all(words)
        return range(found[0].start, found[0].end) if found else None

    def _named(self, parameter: Parameter, lists: bool = False) -> range | None:
        """The words after the parameter's name, or after "called" or "saying"."""
        own = set(parameter.words)
        markers: list[tuple[str, ...]] = [parameter.words]
        markers += _CALLED if own & _LABELS else ()
        markers += _SAYING if own & _TEXTS else ()
        for marker in markers:
            at = find(self._open(), marker)
            start = at + len(marker)
            if at >= 0 and self._said.words[start : start + 1] in {("is",), ("as",)}:
                start += 1
            value_follows = at >= 0 and start < len(self._said.words) and self._said.words[start] not in _BREAKS
            if value_follows and (span := self._span(start, to_end=bool(own & _TEXTS), lists=lists)):
                return span
        return None

    def _by_preposition(self, parameter: Parameter, lists: bool = False) -> range | None:
        for preposition in _prepositions(parameter):
            for at, word in enumerate(self._open()):
                if word == preposition and (span := self._span(at + 1, lists=lists)) and self._is_new(span):
                    return span
        return None

    def _rest(self, lists: bool = False) -> range | None:
        """The first stretch of words that neither named the function nor were taken."""
        for at, word in enumerate(self._open()):
            if word and at not in self._explained and word not in STOP and word not in _BREAKS:
                span = self._span(at, lists=lists) or range(at, at + 1)
                named = (place for place in span if place in self._explained)
                return range(at, next(named, span.stop))
        return None

    def _span(self, start: int, to_end: bool = False, lists: bool = False) -> range | None:
        """From ``start``, articles skipped, to the next preposition, "and" or taken word."""
        words = self._open()
        while start < len(words) and words[start] in _ARTICLES and not to_end:
            start += 1
        breaks = _BREAKS - {"and"} if lists else _BREAKS
        end = start
        while end < len(words) and words[end] and (to_end or words[end] not in breaks):
            end += 1
        while end > start and words[end - 1] in {"and", "please"}:
            end -= 1
        return range(start, end) if end > start else None

    def _is_new(self, span: range) -> bool:
        return any(at not in self._explained and self._said.words[at] not in STOP for at in span)

    def _text(self, parameter: Parameter, span: range) -> str:
        part = self._said[span.start : span.stop]
        text = numbers.with_digits(part.words, part.written).replace(" ,", ",")
        own = set(parameter.words)
        if own & _CODES and text.replace(" ", "").isdigit():
            return text.replace(" ", "")
        proper = own & (_PLACES | _PEOPLE | _SOURCES | _TARGETS)
        return text.title() if proper and text.islower() and "room" not in own and "@" not in text else text

    def _bare(self) -> str:
        """The whole answer without "it is", "in the" and the like."""
        start = 0
        while start < len(self._said.words) - 1 and self._said.words[start] in _ANSWER_LEADS:
            start += 1
        rest = self._said[start:]
        return numbers.with_digits(rest.words, rest.written)


_KINDS = ("enum", "moment", "date", "time", "boolean", "number", "list", "text")


def _prepositions(parameter: Parameter) -> Sequence[str]:
    own = set(parameter.words)
    if own & _SOURCES:
        return ("from",)
    if own & _TARGETS:
        return ("to", "into", "for")
    if own & _PLACES:
        return ("in", "at", "near", "for", "of", "from", "to")
    if own & _PEOPLE:
        return ("to", "with", "for", "from")
    if own & (_LABELS | _TEXTS):
        return ("about", "for", "on", "regarding", "of")
    return ("for", "in", "to", "of", "with", "about", "as", "on", "at") if parameter.required else ()


def _yes_or_no(words: Iterable[str]) -> bool | None:
    """The last word that says yes or no; "not on" is no."""
    said = set(words)
    if said & _NO:
        return False
    return True if said & _YES else None


def plain(value: Fraction) -> int | float:
    """A number as JSON has it."""
    return int(value) if value.denominator == 1 else float(value)


def spelled(value: Fraction) -> str:
    """A number as an enum's text may have it."""
    return numbers.spell(value)[0]
