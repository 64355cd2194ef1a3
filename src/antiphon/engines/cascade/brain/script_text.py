"""The texts of a script: fields that captures, results and finds are put into."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import structs

from antiphon.engines.cascade.brain.results import say_value
from antiphon.engines.cascade.parts import Found
from antiphon.live.history import FunctionResult

_FIELD = re.compile(r"\{(?P<name>\d+|(?:result|found)\d*)(?P<path>(?:\.[\w-]+)*)\}")


class Words:
    """Puts captures and results into texts. A field that is not there is left as it was written."""

    def __init__(self, captures: Sequence[str], results: Sequence[FunctionResult], found: Sequence[Found] = ()) -> None:
        self._captures = captures
        self._results = results
        self._found = found

    def with_found(self, found: Sequence[Found]) -> "Words":
        """The same, and what a search found."""
        return Words(self._captures, self._results, found)

    def put(self, text: str) -> str:
        """``text`` with its fields filled."""
        return _FIELD.sub(lambda match: self._value(match["name"], match["path"], match[0]), text)

    def put_all(self, data: Any) -> Any:
        """``data`` with the fields of all its texts filled."""
        if isinstance(data, str):
            return self.put(data)
        if isinstance(data, dict):
            return {key: self.put_all(value) for key, value in data.items()}
        return [self.put_all(value) for value in data] if isinstance(data, list) else data

    def _value(self, name: str, path: str, written: str) -> str:
        number = int(re.sub(r"\D", "", name) or 0)
        if name.isdigit():
            return self._captures[number] if number < len(self._captures) and not path else written
        if name.startswith("found"):
            return _field(structs.asdict(self._found[number]), path, written) if number < len(self._found) else written
        return _field(self._results[number].response, path, written) if number < len(self._results) else written


def _field(response: Mapping[str, Any], path: str, written: str) -> str:
    """A field of a result, also of the object under ``output`` or ``result``."""
    inner = next((response[key] for key in ("output", "result") if key in response), response)
    for root in (inner, response):
        value: Any = root
        for key in path.split(".")[1:]:
            value = _member(value, key)
        if value is not None:
            return say_value(value)
    return written


def _member(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(key)
    if isinstance(value, list) and key.isdigit() and int(key) < len(value):
        return value[int(key)]
    return None
