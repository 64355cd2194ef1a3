"""The parameters of a declared function, as far as an utterance can fill them, and how to ask for one."""

from typing import Any

from msgspec import Struct

from antiphon.engines.cascade.brain.matching import enum_of, properties
from antiphon.engines.cascade.brain.words import split_name, vocabulary
from antiphon.live.setup import Tool

_DATES = vocabulary("date day when deadline birthday")
_TIMES = vocabulary("time hour")
_COUNTED = vocabulary("people persons guests count quantity amount minutes seconds hours days nights rooms tickets")
_MANY_OPTIONS = 4


class Parameter(Struct, frozen=True):
    """One parameter of a function. ``words`` are the words of its name."""

    name: str
    words: tuple[str, ...]
    schema: dict[str, Any]
    required: bool

    @property
    def kind(self) -> str:
        """How it is filled: enum, boolean, number, date, time, moment, text, list, or empty for not at all."""
        kind, form = self.schema.get("type"), self.schema.get("format")
        if kind == "array":
            return "list" if items_of(self.schema).get("type") in {"string", "integer", "number"} else ""
        if enum_of(self.schema):
            return "enum"
        if kind in {"number", "integer"}:
            return "number"
        if kind != "string":
            return "boolean" if kind == "boolean" else ""
        return self._text_kind(form)

    def _text_kind(self, form: Any) -> str:
        own = set(self.words)
        if form == "date-time" or (own >= {"date", "time"}):
            return "moment"
        if form == "date" or own & _DATES:
            return "date"
        return "time" if form == "time" or own & _TIMES else "text"


def parameters(tool: Tool) -> list[Parameter]:
    """The parameters of ``tool``, required ones first."""
    required = (tool.parameters or {}).get("required")
    names = required if isinstance(required, list) else []
    found = [Parameter(key, split_name(key), schema, key in names) for key, schema in properties(tool).items()]
    return sorted(found, key=lambda parameter: not parameter.required)


def missing(tool: Tool, known: dict[str, Any]) -> Parameter | None:
    """The first required parameter without an argument that an utterance could give."""
    return next((one for one in parameters(tool) if one.required and one.kind and one.name not in known), None)


def question(parameter: Parameter) -> str:
    """How to ask for an argument: "Which room?"."""
    name = " ".join(parameter.words)
    if set(parameter.words) & _COUNTED and parameter.kind == "number":
        return f"How many {name}?"
    options = [" ".join(split_name(str(value))) for value in enum_of(parameter.schema)]
    if 1 < len(options) <= _MANY_OPTIONS:
        listed = f"{', '.join(options[:-1])} or {options[-1]}"
        return f"Which {name}? {listed.capitalize()}?"
    if parameter.kind in {"number", "time"}:
        return f"What {name}?"
    if parameter.kind == "boolean":
        return f"{name.capitalize()}, yes or no?"
    return "To whom?" if name == "to" else f"Which {name}?"


def items_of(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of an array's items, empty when there is none."""
    items = schema.get("items")
    return items if isinstance(items, dict) else {}
