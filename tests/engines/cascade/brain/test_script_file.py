"""Scripts are checked when loaded; every error names line, rule, field and remedy."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.cascade.brain.script_file import FailStep, Script, ScriptError, load, parse

EXAMPLE = Path(__file__).parents[4] / "docs/examples/script.yaml"


def test_the_example_loads() -> None:
    script = load(EXAMPLE)
    assert script.similar == 0.8
    assert len(script.rules) == 10
    assert script.otherwise.builtin is True


def test_a_step_calls_one_function_or_several() -> None:
    one, several, none = parse(
        "rules: [{when: a, call: {name: x}}, {when: b, call: [{name: x}, {name: y}]}, {when: c, say: z}]"
    ).rules
    assert [[call.name for call in rule.all_steps[0].calls] for rule in (one, several, none)] == [["x"], ["x", "y"], []]


def test_defaults() -> None:
    script = parse("rules: [{when: hello, say: hi}]")
    assert script.similar == 1.0
    assert script.otherwise.builtin is True
    assert [step.say for step in script.rules[0].all_steps] == ["hi"]
    assert script.rules[0].patterns == ["hello"]


WRONG = [
    ("rules: []", "line 1, rules: expected `array` of length >= 1"),
    ("rulez: 1", "line 1, rulez: unknown key; a script has: rules, otherwise, similar"),
    ("similar: 1\n", "line 1: object missing required field `rules`"),
    ("- a", "line 1: expected `object`"),
    ("", "line 1: expected `object`"),
    ("rules: [", "line 1: is not YAML"),
    ("a: b: c", "line 1: is not YAML"),
    ("rules:\n- {when: hi, say: x}\nsimilar: 2", "line 3, similar: expected `float` <= 1.0"),
    ("rules:\n- when: hi\n  sya: x", "line 3, rule 1, sya: unknown key; a rule has: say, call"),
    ("rules:\n- say: x", "line 2, rule 1: says not when; give `when: a phrase` or `turn: a number`"),
    ("rules:\n- when: hi\n  say: 3", "line 3, rule 1, say: expected `str`, got `int`; put it in quotes"),
    ("rules:\n- when: hi\n- when: x\n  say: x", "line 2, rule 1: does nothing; give one of say, call"),
    ("rules:\n- when: '?!'\n  say: x", "line 2, rule 1, when: has no word in it"),
    ("rules:\n- when: 'regex:('\n  say: x", "line 2, rule 1, when: is no regular expression"),
    ("rules:\n- turn: 0\n  say: x", "line 2, rule 1, turn: expected `int` >= 1"),
    ("rules:\n- when: x\n  times: none\n  say: x", "line 3, rule 1, times: expected `int`, got `str`"),
    ("rules:\n- when: x\n  say: x\n  silent: true", "line 4, rule 1, silent: say and silent exclude each other"),
    ("rules:\n- when: x\n  say: x\n  steps: [{say: y}]", "line 4, rule 1, steps: has steps and a step beside them"),
    ("rules:\n- when: x\n  call: {nam: x}", "line 3, rule 1, call.nam: unknown key; a call has: name, args"),
    ("rules:\n- when: x\n  say: x\n  after: x", "line 4, rule 1, after: belongs to call or search"),
    ("rules:\n- when: x\n  search: x\n  meanwhile: x", "line 4, rule 1, meanwhile: belongs to call"),
    ("rules:\n- when: x\n  call: {name: x}\n  nothing: x", "line 4, rule 1, nothing: belongs to search"),
    ("rules:\n- when: x\n  call: []", "line 3, rule 1, call: expected `array` of length >= 1"),
    ("rules:\n- when: x\n  call: [{name: x}, {nam: x}]", "rule 1, call.nam: unknown key; a call has: name, args"),
    ("rules:\n- when: x\n  think: x\n  search: x", "line 3, rule 1, think: search and think exclude each other"),
    ("rules:\n- when: x\n  delay: -1", "line 3, rule 1, delay: expected `float` >= 0"),
    ("rules:\n- when: x\n  steps:\n  - say: x\n  - sai: y", "line 5, rule 1, steps.sai: unknown key; a step has: say"),
    (
        "rules:\n- when: x\n  fail: {code: 1011, reason: " + "é" * 70 + "}",
        "rule 1, fail.reason: is longer than the 123",
    ),
    ("rules:\n- {when: x, say: y}\notherwise: {call: {name: x}}", "line 3, otherwise.call: otherwise cannot call"),
    ("rules:\n- {when: x, say: y}\notherwise: {}", "line 3, otherwise: does nothing"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_errors_name_line_rule_field_and_remedy(text: str, message: str) -> None:
    with pytest.raises(ScriptError) as caught:
        parse(text, "my.yaml")
    assert str(caught.value).startswith("my.yaml, line ")
    assert message in str(caught.value)


@pytest.mark.parametrize("code", [1000, 1003, 1007, 1011, 3000, 4999])
def test_codes_a_server_may_send(code: int) -> None:
    (step,) = parse(f"rules: [{{when: x, fail: {{code: {code}}}}}]").rules[0].all_steps
    assert isinstance(step.fail, FailStep)
    assert step.fail.code == code


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1012, 1015, 2999, 5000])
def test_codes_that_cannot_be_sent(code: int) -> None:
    with pytest.raises(ScriptError, match=r"fail.code: .* cannot be sent by a server; use 1000-1003, 1007-1011"):
        parse(f"rules: [{{when: x, fail: {{code: {code}}}}}]")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="cannot be read"):
        load(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"rules: \xff")
    with pytest.raises(ScriptError, match="UTF-8"):
        load(tmp_path / "latin.yaml")


@given(st.one_of(st.text(max_size=60), st.text("rules:-[]{} \nwhensay*&!|>'\"#", max_size=60)))
def test_any_text_is_a_script_or_a_script_error(text: str) -> None:
    with suppress(ScriptError):
        assert isinstance(parse(text), Script)
