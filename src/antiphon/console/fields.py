"""Every setting of a Live session: what it is called, what it takes, what holds without it.

The words are in ``fields.toml``; kinds and options come from the types of the wire, so that neither can be out of date.
"""

import tomllib
import types
import typing
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct, field, structs

from antiphon.wire.gemini import client

Kind = Literal[
    "boolean",
    "presence",
    "integer",
    "number",
    "text",
    "content",
    "choice",
    "list of text",
    "functions",
    "JSON",
]
"""What a field takes. ``presence``: an empty object, which is a setting by being there. ``content``: text, in parts."""

LEFT_OUT: Final = {
    "systemInstruction.role": "instructions have no speaker",
    "inputAudioTranscription.languageAuto": "what older clients send where no language is named",
    "inputAudioTranscription.languageHints": "the older name of languageCodes",
    "inputAudioTranscription.adaptationPhrases": "the older name of customVocabulary",
    "outputAudioTranscription.languageAuto": "what older clients send where no language is named",
    "outputAudioTranscription.languageHints": "the older name of languageCodes",
    "outputAudioTranscription.adaptationPhrases": "the older name of customVocabulary",
}
"""Fields of a setup that are no settings, and why; their members neither."""

_BOOLEANS: Final = ((True, "On"), (False, "Off"))
_PROBES: Final[dict[Kind, Any]] = {
    "presence": {},
    "integer": 1,
    "number": 0.5,
    "text": "probe",
    "content": {"parts": [{"text": "probe"}]},
    "list of text": ["probe"],
    "JSON": {},
}


class Choice(Struct, frozen=True):
    """A value that a field may have, and what people call it."""

    value: Any
    label: str


class Field(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One setting, as the data file has it; without ``kind``, ``listed`` and ``options``, which its type adds.

    ``listed``: the value is a list, of which one is chosen. ``secret`` ones have no place in a link.
    """

    path: str
    label: str
    help: str
    group: str
    kind: Kind | None = None
    default: str = ""
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    probe: Any = None
    secret: bool = False
    listed: bool = False
    options: tuple[Choice, ...] = ()

    @property
    def probes(self) -> tuple[Any, ...]:
        """Values to ask a server about: every option, or one that is as good as any."""
        if self.options and self.kind in ("choice", "boolean"):
            return tuple([each.value] if self.listed else each.value for each in self.options)
        if self.probe is not None or self.kind is None:
            return (self.probe,)
        least = self.minimum if self.kind == "integer" and self.minimum is not None else None
        return (int(least),) if least is not None else (_PROBES[self.kind],)


class _Data(Struct, frozen=True, forbid_unknown_fields=True):
    groups: tuple[str, ...]
    fields: tuple[Field, ...] = field(default=())


@cache
def _data() -> _Data:
    text = resources.files(__package__).joinpath("fields.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), _Data)


def groups() -> tuple[str, ...]:
    """The names of the groups, in order."""
    return _data().groups


@cache
def fields() -> tuple[Field, ...]:
    """Every setting, in the order of the data file, with what its type says."""
    return tuple(_typed(each) for each in _data().fields)


def _typed(each: Field) -> Field:
    kind = type_at(each.path)
    inner = _item(kind) or kind
    listed = inner is not kind and _is_enum(inner)
    return structs.replace(each, kind=each.kind or kind_of(kind), listed=listed, options=_options(inner))


def type_at(path: str) -> Any:
    """The type of the field at ``path``, without the None or UNSET of those that may be left out.

    Raises:
        KeyError: a setup has no such field.
    """
    kind: Any = client.Setup
    for step in path.split("."):
        known = {each.encode_name: each.type for each in structs.fields(kind)}
        kind = plain(known[step.removesuffix("[]")])
        if step.endswith("[]"):
            kind = _item(kind)
    return kind


def plain(kind: Any) -> Any:
    """A type without None and UNSET."""
    if typing.get_origin(kind) not in (typing.Union, types.UnionType):
        return kind
    return next(each for each in typing.get_args(kind) if each not in (type(None), msgspec.UnsetType))


def kind_of(kind: Any) -> Kind:
    """What a field of a type takes."""
    simple: dict[Any, Kind] = {bool: "boolean", int: "integer", float: "number", str: "text"}
    if kind in simple:
        return simple[kind]
    if _is_enum(kind) or _is_enum(_item(kind)):
        return "choice"
    if _item(kind) is str:
        return "list of text"
    return "presence" if isinstance(kind, type) and issubclass(kind, Struct) else "JSON"


def _item(kind: Any) -> Any:
    return typing.get_args(kind)[0] if typing.get_origin(kind) is list else None


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, StrEnum)


def _options(kind: Any) -> tuple[Choice, ...]:
    if kind is bool:
        return tuple(Choice(*each) for each in _BOOLEANS)
    if not _is_enum(kind):
        return ()
    values = [str(member.value) for member in kind]
    common = _common_words(values)
    return tuple(Choice(value, spoken(value.removeprefix(common))) for value in values)


def _common_words(values: list[str]) -> str:
    """The words that all values begin with: ``TURN_INCLUDES_``."""
    head = values[0]
    while head and not all(value.startswith(head) for value in values):
        head = head.rstrip("_").rpartition("_")[0]
        head = f"{head}_" if head else ""
    return head


def spoken(value: str) -> str:
    """A value of an enumeration as words: ``Only activity``."""
    return value.replace("_", " ").capitalize()


def put(setup: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of ``setup`` with ``value`` at ``path``."""
    head, _, rest = path.partition(".")
    name = head.removesuffix("[]")
    if rest and head.endswith("[]"):
        return {**setup, name: [*setup.get(name, ()), put({}, rest, value)]}
    return {**setup, name: put(setup.get(name) or {}, rest, value) if rest else value}


def get(setup: dict[str, Any], path: str) -> Any:
    """What ``setup`` has at ``path``; None for nothing. Lists that several entries have are one list."""
    head, _, rest = path.partition(".")
    found = setup.get(head.removesuffix("[]")) if isinstance(setup, dict) else None
    if not rest:
        return found
    if not head.endswith("[]"):
        return get(found, rest) if isinstance(found, dict) else None
    members = [get(each, rest) for each in found or () if isinstance(each, dict)]
    there = [each for each in members if each is not None]
    if len(there) > 1 and all(isinstance(each, list) for each in there):
        return [item for each in there for item in each]
    return there[0] if there else None
