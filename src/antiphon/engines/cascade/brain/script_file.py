"""The file of a scripted brain: rules in YAML, checked when loaded; errors name line, field and remedy."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml
from msgspec import UNSET, Meta, Struct, UnsetType

_SENDABLE = (range(1000, 1004), range(1007, 1012), range(3000, 5000))
_STEP_KEYS = ("say", "call", "search", "think", "silent", "fail", "delay", "builtin")
_BELONGS = {"after": ("call", "search"), "meanwhile": ("call",), "nothing": ("search",)}
"""Keys that are part of another: what is said with the results, while they are waited for, or without any."""


class ScriptError(ValueError):
    """A script is wrong; the message names the file, the line, the field and the remedy."""


class FailStep(Struct, frozen=True, forbid_unknown_fields=True):
    """End the session with a close code that a server may send, and a reason."""

    code: int = 1011
    reason: Annotated[str, Meta(max_length=123)] = ""


class CallStep(Struct, frozen=True, forbid_unknown_fields=True):
    """Call a function. Texts in ``args`` may use captures."""

    name: Annotated[str, Meta(min_length=1)]
    args: dict[str, Any] = {}


class Step(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing to do. ``delay`` may stand alone or beside another.

    ``call`` is one function, or several to call together; ``after`` is said with the results, ``meanwhile`` while a
    function that is not waited for runs. ``search`` is a query; ``after`` is said with what is found, ``nothing`` when
    nothing is.
    """

    say: str | UnsetType = UNSET
    call: CallStep | Annotated[list[CallStep], Meta(min_length=1)] | UnsetType = UNSET
    search: Annotated[str, Meta(min_length=1)] | UnsetType = UNSET
    think: str | UnsetType = UNSET
    after: str | UnsetType = UNSET
    meanwhile: str | UnsetType = UNSET
    nothing: str | UnsetType = UNSET
    silent: Literal[True] | UnsetType = UNSET
    fail: FailStep | UnsetType = UNSET
    builtin: Literal[True] | UnsetType = UNSET
    delay: Annotated[float, Meta(ge=0, le=3600)] = 0.0

    @property
    def calls(self) -> list[CallStep]:
        """The functions to call together."""
        if isinstance(self.call, UnsetType):
            return []
        return self.call if isinstance(self.call, list) else [self.call]


class Rule(Step, frozen=True, forbid_unknown_fields=True):
    """When something is said, or at a turn, or both: one step written here, or several in ``steps``."""

    when: Annotated[str, Meta(min_length=1)] | list[Annotated[str, Meta(min_length=1)]] | UnsetType = UNSET
    turn: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    similar: Annotated[float, Meta(gt=0, le=1)] | UnsetType = UNSET
    times: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    steps: Annotated[list[Step], Meta(min_length=1)] | UnsetType = UNSET

    @property
    def patterns(self) -> list[str]:
        """What ``when`` lists."""
        if isinstance(self.when, UnsetType):
            return []
        return self.when if isinstance(self.when, list) else [self.when]

    @property
    def all_steps(self) -> list[Step]:
        """The steps, wherever they were written."""
        if not isinstance(self.steps, UnsetType):
            return self.steps
        return [Step(**{name: getattr(self, name) for name in Step.__struct_fields__})]


class Script(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. ``similar`` is the default of all rules; ``otherwise`` answers what no rule matches."""

    rules: Annotated[list[Rule], Meta(min_length=1)]
    otherwise: Step = Step(builtin=True)
    similar: Annotated[float, Meta(gt=0, le=1)] = 1.0


def load(path: str | Path) -> Script:
    """Read and check a script.

    Raises:
        ScriptError: the file cannot be read, is no YAML, or holds something a script does not have.
    """
    name = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScriptError(f"{name}: cannot be read ({error}); give the path of a UTF-8 YAML file") from error
    return parse(text, name)


def parse(text: str, name: str = "script") -> Script:
    """Check the text of a script. ``name`` stands in error messages.

    Raises:
        ScriptError: as :func:`load`.
    """
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ScriptError(f"{name}{_yaml_line(error)}: is not YAML ({_problem(error)}); see {_EXAMPLE}") from error
    try:
        script = msgspec.convert(data, Script)
    except msgspec.ValidationError as error:
        message, path = _explained(str(error))
        raise ScriptError(f"{name}, {_place(tree, path)}: {message}") from error
    for path, message in _faults(script):
        raise ScriptError(f"{name}, {_place(tree, path)}: {message}")
    return script


_EXAMPLE = "docs/examples/script.yaml"


def _yaml_line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f", line {mark.line + 1}" if mark else ""


def _problem(error: Exception) -> str:
    return str(getattr(error, "problem", None) or error).split("\n")[0]


def _explained(message: str) -> tuple[str, list[str | int]]:
    """msgspec's message and the path it ends with, "... - at `$.rules[0].say`", the path taken apart."""
    text, _, where = message.partition(" - at `")
    path: list[str | int] = [
        int(part) if part.isdigit() else part for part in re.findall(r"\w+", where.strip("`").removeprefix("$"))
    ]
    if unknown := re.search(r"unknown field `(.+?)`", text):
        path.append(unknown[1])
        return f"unknown key; a {_holder(path)} has: {', '.join(_keys(path))}", path
    remedy = "put it in quotes" if text.startswith("Expected `str`, got") else f"see {_EXAMPLE}"
    return f"{text[:1].lower()}{text[1:]}; {remedy}", path


_HOLDERS: dict[str, type[Struct]] = {
    "script": Script,
    "rule": Rule,
    "step": Step,
    "call": CallStep,
    "fail": FailStep,
}


def _holder(path: list[str | int]) -> str:
    names = [part for part in path[:-1] if isinstance(part, str)]
    last = {"rules": "rule", "steps": "step", "otherwise": "step"}.get(names[-1], names[-1]) if names else "script"
    return last if last in _HOLDERS else "rule"


def _keys(path: list[str | int]) -> tuple[str, ...]:
    return _HOLDERS[_holder(path)].__struct_fields__


def _place(tree: Any, path: list[str | int]) -> str:
    """Line, rule and field of ``path``, as far as the file has it."""
    node, line = tree, (tree.start_mark.line + 1 if tree is not None else 1)
    for part in path:
        node, found = _child(node, part)
        line = found or line
    rule = f"rule {int(path[1]) + 1}" if path[:1] == ["rules"] and path[1:] and isinstance(path[1], int) else ""
    field = ".".join(str(part) for part in (path[2:] if rule else path) if isinstance(part, str))
    return ", ".join(part for part in (f"line {line}", rule, field) if part)


def _child(node: Any, part: str | int) -> tuple[Any, int]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return value, key.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part].start_mark.line + 1
    return None, 0


def _faults(script: Script) -> Iterator[tuple[list[str | int], str]]:
    """What types alone cannot refuse."""
    for at, rule in enumerate(script.rules):
        yield from _rule_faults(rule, ["rules", at])
    yield from _step_faults(script.otherwise, ["otherwise"])
    if script.otherwise.calls:
        yield ["otherwise", "call"], "otherwise cannot call; use say, search, silent, fail or builtin"


def _rule_faults(rule: Rule, path: list[str | int]) -> Iterator[tuple[list[str | int], str]]:
    if isinstance(rule.when, UnsetType) and isinstance(rule.turn, UnsetType):
        yield path, "says not when; give `when: a phrase` or `turn: a number`"
    if not isinstance(rule.steps, UnsetType) and (_actions(rule) or rule.delay):
        yield [*path, "steps"], "has steps and a step beside them; put all of them under steps"
    for pattern in rule.patterns:
        if message := _pattern_fault(pattern):
            yield [*path, "when"], message
    inner: list[tuple[Step, list[str | int]]] = (
        [(rule, path)]
        if isinstance(rule.steps, UnsetType)
        else [(step, [*path, "steps", at]) for at, step in enumerate(rule.steps)]
    )
    for step, where in inner:
        yield from _step_faults(step, where)


def _pattern_fault(pattern: str) -> str:
    if not pattern.startswith("regex:"):
        return (
            "" if re.search(r"\w|\*", pattern) else "has no word in it; write what the user says, or `*` for anything"
        )
    try:
        re.compile(pattern.removeprefix("regex:").strip())
    except re.error as error:
        return f"is no regular expression ({error}); see Python's re"
    return ""


def _actions(step: Step) -> list[str]:
    return [key for key in _STEP_KEYS if key != "delay" and not isinstance(getattr(step, key), UnsetType)]


def _step_faults(step: Step, path: list[str | int]) -> Iterator[tuple[list[str | int], str]]:
    actions = _actions(step)
    for key, owners in _BELONGS.items():
        if not isinstance(getattr(step, key), UnsetType) and not set(owners) & set(actions):
            yield [*path, key], f"belongs to {' or '.join(owners)}: give that too, or take it out"
    if not actions and not step.delay:
        yield path, f"does nothing; give one of {', '.join(_STEP_KEYS)}"
    if len(actions) > 1:
        yield [*path, actions[1]], f"{' and '.join(actions)} exclude each other; use steps for several"
    if not isinstance(step.fail, UnsetType) and not any(step.fail.code in codes for codes in _SENDABLE):
        yield (
            [*path, "fail", "code"],
            f"{step.fail.code} cannot be sent by a server; use 1000-1003, 1007-1011 or 3000-4999",
        )
    if not isinstance(step.fail, UnsetType) and len(step.fail.reason.encode()) > 123:
        yield [*path, "fail", "reason"], "is longer than the 123 bytes a close frame has; shorten it"
