"""Exact arithmetic: "what is 25 plus 17", "15 percent of 80", "the square root of 144", "2 to the power of 10"."""

from collections.abc import Sequence
from fractions import Fraction
from math import isqrt

from antiphon.engines.cascade.brain import numbers
from antiphon.engines.cascade.brain.skill import Ask
from antiphon.engines.cascade.brain.words import Phrase, core, sentences
from antiphon.engines.cascade.brain.words import phrase as as_phrase
from antiphon.engines.cascade.parts import Say

_MAX_BITS = 256
_MAX_DEPTH = 32
_MAX_SPOKEN = 10**21
_PREFIXES = (
    "what is the result of",
    "what is the value of",
    "how much is",
    "how much are",
    "how many is",
    "what is",
    "what are",
    "what does",
    "what do you get for",
    "calculate",
    "compute",
    "evaluate",
    "solve",
    "the answer to",
    "is",
)
_SUFFIXES = ("equal to", "equals", "equal", "=", "make", "is", "give", "gives")
_OPERATORS: dict[tuple[str, ...], str] = {
    ("plus",): "+",
    ("and",): "+",
    ("added", "to"): "+",
    ("minus",): "-",
    ("less",): "-",
    ("take", "away"): "-",
    ("times",): "*",
    ("time",): "*",
    ("multiplied", "by"): "*",
    ("multiplied", "with"): "*",
    ("x",): "*",
    ("×",): "*",
    ("divided", "by"): "/",
    ("over",): "/",
    ("÷",): "/",
    ("to", "the", "power", "of"): "^",
    ("raised", "to"): "^",
    ("raised", "to", "the", "power", "of"): "^",
    ("to", "the", "power"): "^",
    ("to", "the"): "^",
    ("+",): "+",
    ("-",): "-",
    ("*",): "*",
    ("/",): "/",
    ("^",): "^",
}
_OPERATOR_PHRASES = sorted(_OPERATORS, key=len, reverse=True)
_SPOKEN_SIGNS = {"+": "plus", "-": "minus", "*": "times", "/": "divided by", "^": "to the power of"}
_LEVELS = ({"+", "-"}, {"*", "/"})
_ACTIONS = {
    "add": ("+", {"and", "to", "plus"}, False),
    "subtract": ("-", {"from"}, True),
    "multiply": ("*", {"by", "and", "with", "times"}, False),
    "divide": ("/", {"by"}, False),
}
_NOUNS = {"sum": "+", "product": "*", "difference": "-", "quotient": "/"}
_FRACTIONS = {"half": Fraction(1, 2), "third": Fraction(1, 3), "quarter": Fraction(1, 4)}


class _NoSum(Exception):
    """The words are not an expression."""


class _TooLarge(Exception):
    """The result has more digits than anyone would listen to."""


def arithmetic(ask: Ask) -> Say | None:
    """Answer a calculation; None unless a whole sentence is one."""
    for text in reversed(sentences(ask.text)):
        said = _expression(core(as_phrase(text)))
        for homophones in (False, True):
            if answer := _answer(said, homophones):
                return Say(answer)
    return None


def _expression(said: Phrase) -> Phrase:
    for prefix in _PREFIXES:
        words = tuple(prefix.split())
        if said.words[: len(words)] == words:
            said = said[len(words) :]
            break
    for suffix in _SUFFIXES:
        words = tuple(suffix.split())
        if said.words[-len(words) :] == words:
            return said[: -len(words)]
    return said


def _answer(said: Phrase, homophones: bool) -> str:
    parser = _Parser(said.words, homophones)
    try:
        value = parser.whole()
    except _NoSum:
        return ""
    except ZeroDivisionError:
        return "I cannot divide by zero."
    except _TooLarge:
        return "That number is too large for me."
    if abs(value) > _MAX_SPOKEN:
        return "That number is too large for me."
    return _spoken(" ".join(parser.read), value, parser.exact)


def _spoken(expression: str, value: Fraction, exact: bool) -> str:
    text, all_digits = numbers.say(value)
    verb = "is" if exact and all_digits else "is about"
    subject = "That" if "(" in expression else expression[:1].upper() + expression[1:]
    return f"{subject} {verb} {text}."


class _Parser:
    """Recursive descent over words. ``read`` collects how the expression is said back."""

    def __init__(self, words: Sequence[str], homophones: bool) -> None:
        self._words = words
        self._homophones = homophones
        self._at = 0
        self._depth = 0
        self._operations = 0
        self.exact = True
        self.read: list[str] = []

    def whole(self) -> Fraction:
        """The value of all words; raises _NoSum unless they are an expression with at least one operation."""
        value = self._action() if self._peek() in {*_ACTIONS, "the", *_NOUNS} else self._level(0)
        if self._at < len(self._words) or not self._operations:
            raise _NoSum
        return value

    def _peek(self) -> str:
        return self._words[self._at] if self._at < len(self._words) else ""

    def _accept(self, *words: str) -> bool:
        if tuple(self._words[self._at : self._at + len(words)]) != words:
            return False
        self._at += len(words)
        return True

    def _action(self) -> Fraction:
        """ "add 5 and 7", "subtract 5 from 12", "the sum of 5 and 7"."""
        self._accept("the")
        word = self._peek()
        if word not in _ACTIONS and word not in _NOUNS:
            return self._level(0)
        self._at += 1
        if word in _ACTIONS:
            sign, links, swapped = _ACTIONS[word]
        else:
            sign, links, swapped = _NOUNS[word], {"and"}, False
            self._accept("of") or self._accept("between")
        left = self._operand()
        if self._peek() not in links:
            raise _NoSum
        self._at += 1
        first = self.read
        self.read = []
        right = self._operand()
        self.read = [*self.read, _SPOKEN_SIGNS[sign], *first] if swapped else [*first, _SPOKEN_SIGNS[sign], *self.read]
        return self._apply(sign, right, left) if swapped else self._apply(sign, left, right)

    def _level(self, level: int) -> Fraction:
        if level == len(_LEVELS):
            return self._power()
        value = self._level(level + 1)
        while (sign := self._operator(_LEVELS[level])) is not None:
            self.read.append(_SPOKEN_SIGNS[sign])
            value = self._apply(sign, value, self._level(level + 1))
        return value

    def _operator(self, wanted: set[str]) -> str | None:
        for words in _OPERATOR_PHRASES:
            if tuple(self._words[self._at : self._at + len(words)]) == words:
                if _OPERATORS[words] not in wanted or (words == ("to", "the") and not self._ordinal_next()):
                    return None
                self._at += len(words)
                return _OPERATORS[words]
        return None

    def _ordinal_next(self) -> bool:
        return numbers.ordinal(self._words, self._at + 2) is not None

    def _power(self) -> Fraction:
        base = self._operand()
        if self._operator({"^"}) is None:
            return base
        self.read.append(_SPOKEN_SIGNS["^"])
        if ordinal := numbers.ordinal(self._words, self._at):
            exponent, self._at = Fraction(ordinal[0]), ordinal[1]
            self.read.append(str(ordinal[0]))
            self._accept("power")
        else:
            exponent = self._power()
        return self._apply("^", base, exponent)

    def _operand(self) -> Fraction:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _NoSum
        value = self._after(self._before())
        self._depth -= 1
        return value

    def _before(self) -> Fraction:
        self._accept("the")
        if self._accept("("):
            return self._bracket()
        if self._accept("minus") or self._accept("negative") or self._accept("-"):
            self.read.append("minus")
            return -self._operand()
        if self._accept("square", "root", "of") or self._accept("root", "of"):
            return self._root(2, "the square root of")
        if self._accept("cube", "root", "of"):
            return self._root(3, "the cube root of")
        if self._accept("twice") or self._accept("double"):
            return self._scaled(Fraction(2), "2 times")
        return self._share() or self._number()

    def _bracket(self) -> Fraction:
        self.read.append("(")
        value = self._level(0)
        if not self._accept(")"):
            raise _NoSum
        return value

    def _scaled(self, factor: Fraction, said: str) -> Fraction:
        self.read.append(said)
        self._operations += 1
        return factor * self._operand()

    def _share(self) -> Fraction | None:
        """ "half of 10", "a third of 9", "half 10"."""
        place = self._at + (self._peek() in {"a", "one"})
        word = self._words[place] if place < len(self._words) else ""
        if word not in _FRACTIONS or (word != "half" and self._words[place + 1 : place + 2] not in (("of",), ["of"])):
            return None
        self._at = place + 1
        self._accept("of")
        return self._scaled(_FRACTIONS[word], "half of" if word == "half" else f"a {word} of")

    def _number(self) -> Fraction:
        reading = numbers.read(self._words, self._at, self._homophones)
        if reading is None:
            raise _NoSum
        value, self._at = reading
        self.read.append(numbers.say(value, 12)[0])
        return value

    def _after(self, value: Fraction) -> Fraction:
        """ "15 percent of 80", "5 squared"."""
        if self._accept("percent", "of"):
            return self._scaled(value / 100, "percent of")
        for word, exponent in (("squared", 2), ("cubed", 3)):
            if self._accept(word):
                self.read.append(word)
                return self._apply("^", value, Fraction(exponent))
        return value

    def _root(self, degree: int, said: str) -> Fraction:
        self.read.append(said)
        self._operations += 1
        value = self._operand()
        if value < 0 and degree == 2:
            raise _NoSum
        root, exact = _nth_root(abs(value), degree)
        self.exact = self.exact and exact
        return -root if value < 0 else root

    def _apply(self, sign: str, left: Fraction, right: Fraction) -> Fraction:
        self._operations += 1
        if sign == "^":
            return _power(left, right)
        if sign == "/":
            return left / right
        return {"+": left + right, "-": left - right, "*": left * right}[sign]


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1:
        raise _NoSum
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if abs(exponent) * (bits - 1) > _MAX_BITS or abs(exponent) > 10**6:
        raise _TooLarge
    power: Fraction = base ** int(exponent)
    return power


def _nth_root(value: Fraction, degree: int) -> tuple[Fraction, bool]:
    """The root, and whether it is exact; otherwise right to 12 decimals."""
    top, bottom = _whole_root(value.numerator, degree), _whole_root(value.denominator, degree)
    if top**degree == value.numerator and bottom**degree == value.denominator:
        return Fraction(top, bottom), True
    scale = 10**12
    return Fraction(_whole_root(value.numerator * scale**degree // value.denominator, degree), scale), False


def _whole_root(value: int, degree: int) -> int:
    """The largest whole number whose ``degree``-th power is at most ``value``."""
    if degree == 2:
        return isqrt(value)
    low, high = 0, 1 << (value.bit_length() // degree + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**degree <= value else (low, middle - 1)
    return low
