"""The settings that the console knows are those of the wire, and what it says of each is what the agreement says."""

import typing
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
from msgspec import Struct, structs

from antiphon.console import fields
from antiphon.live import agreement, profiles
from antiphon.live.abilities import Abilities
from antiphon.live.policy import Policy
from antiphon.wire.gemini import client
from antiphon.wire.gemini.decode import convert
from antiphon.wire.refusal import Refusal

KNOWN = {each.path: each for each in fields.fields()}
WHOLE = ("JSON", "functions", "content")
"""Kinds that hold whatever is below."""


def members(kind: type[Struct], above: str = "") -> Iterator[str]:
    """The paths of a type's members, from the top down; those below what is covered or left out are passed over."""
    for each in structs.fields(kind):
        path = above + each.encode_name
        yield path
        inner = fields.plain(each.type)
        if path in fields.LEFT_OUT or (path in KNOWN and KNOWN[path].kind in WHOLE):
            continue
        if typing.get_origin(inner) is list and isinstance(item := typing.get_args(inner)[0], type):
            inner, path = item, f"{path}[]"
        if isinstance(inner, type) and issubclass(inner, Struct):
            yield from members(inner, f"{path}.")


class TestTheWire:
    def test_every_field_is_a_setting_or_is_left_out_with_a_reason(self) -> None:
        paths = list(members(client.Setup))
        above = {path.rpartition(".")[0].removesuffix("[]") for path in paths}
        leaves = [path for path in paths if path not in above]
        assert [path for path in leaves if path not in KNOWN and path not in fields.LEFT_OUT] == []

    def test_an_object_without_a_setting_of_its_own_is_the_sum_of_its_members(self) -> None:
        bare = [path for path in members(client.Setup) if path not in KNOWN and path not in fields.LEFT_OUT]
        assert "sessionResumption" not in bare
        assert all(any(path.startswith((f"{each}.", f"{each}[].")) for path in KNOWN) for each in bare)

    @pytest.mark.parametrize("path", [*KNOWN, *fields.LEFT_OUT])
    def test_what_is_named_exists(self, path: str) -> None:
        fields.type_at(path)

    def test_nothing_is_named_twice(self) -> None:
        paths = [each.path for each in fields.fields()]
        assert len(paths) == len(set(paths))
        labels = [each.label for each in fields.fields()]
        assert len(labels) == len(set(labels))

    @pytest.mark.parametrize("each", fields.fields(), ids=lambda each: each.path)
    def test_each_is_explained_in_one_sentence(self, each: fields.Field) -> None:
        assert each.group in fields.groups()
        assert each.help.endswith(".")
        assert len(each.help) < 130

    @pytest.mark.parametrize("each", fields.fields(), ids=lambda each: each.path)
    def test_every_value_to_ask_about_is_one_that_may_be_sent(self, each: fields.Field) -> None:
        for value in each.probes:
            setup, ignored = convert(client.Setup, fields.put({}, each.path, value), "setup")
            assert not ignored
            if value is not False or "proactive" in each.path or "Affective" in each.path:
                assert fields.get(msgspec.to_builtins(setup), each.path) is not None or value is False

    def test_options_are_those_of_the_enumeration(self) -> None:
        levels = KNOWN["generationConfig.thinkingConfig.thinkingLevel"]
        assert [option.value for option in levels.options] == list(client.ThinkingLevel)
        assert KNOWN["realtimeInputConfig.turnCoverage"].options[0].label == "Only activity"
        assert KNOWN["generationConfig.responseModalities"].listed


class TestPaths:
    def test_a_member_of_a_list_is_in_an_entry_of_its_own(self) -> None:
        setup = fields.put({"model": "m"}, "tools[].googleSearch", {})
        assert setup == {"model": "m", "tools": [{"googleSearch": {}}]}
        assert fields.get(setup, "tools[].googleSearch") == {}
        assert fields.get(setup, "tools[].codeExecution") is None

    def test_lists_of_several_entries_are_one(self) -> None:
        setup = {"tools": [{"functionDeclarations": [1]}, {}, {"functionDeclarations": [2]}]}
        assert fields.get(setup, "tools[].functionDeclarations") == [1, 2]

    def test_nothing_that_is_given_changes(self) -> None:
        setup: dict[str, Any] = {"generationConfig": {"topK": 1}}
        assert fields.put(setup, "generationConfig.seed", 2) == {"generationConfig": {"topK": 1, "seed": 2}}
        assert setup == {"generationConfig": {"topK": 1}}


def asked(url: str, model: str) -> dict[str, Any]:
    answer = httpx.get(f"{url}/console/api/fields", params={"model": model})
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("model", profiles.PROFILES)
class TestEveryModel:
    def test_what_is_said_of_a_field_is_what_becomes_of_it(self, start: Any, model: str, strict: bool) -> None:
        told = {each["path"]: each for each in asked(start(session={"strict": strict}).url, model)["fields"]}
        assert told.keys() == KNOWN.keys()
        policy, abilities = Policy(strict=strict), Abilities(name="cascade", continues=True)
        for path, each in KNOWN.items():
            if path == "model":
                continue
            states = [became(model, path, value, policy, abilities) for value in each.probes]
            if told[path]["options"] and each.kind in ("choice", "boolean"):
                assert [option["state"] for option in told[path]["options"]] == states, path
            if each.kind != "boolean":
                assert told[path]["state"] == min(states, key=("supported", "ignored", "refused").index), path


def became(model: str, path: str, value: Any, policy: Policy, abilities: Abilities) -> str:
    setup, _ = convert(client.Setup, fields.put({"model": model}, path, value), "setup")
    try:
        _, ignored = agreement.agree(setup, policy, abilities)
    except Refusal:
        return "refused"
    return "ignored" if ignored else "supported"


class TestFieldsOfAModel:
    def test_a_strict_server_says_why_it_refuses_and_what_to_do(self, start: Any) -> None:
        told = {each["path"]: each for each in asked(start(session={"strict": True}).url, "gemini-3.8-live")["fields"]}
        proactive = told["proactivity.proactiveAudio"]
        assert proactive["state"] == "supported"
        off = next(option for option in proactive["options"] if option["value"] is False)
        assert (off["state"], off["why"]) == ("refused", "gemini-3.8-live always is proactive; leave it out")
        level = told["generationConfig.thinkingConfig.thinkingLevel"]
        assert (level["state"], level["why"]) == ("refused", "gemini-3.8-live has none; leave it out")

    @pytest.mark.parametrize(
        ("model", "level", "coverage", "proactive"),
        [
            ("gemini-3.8-live-extended-thinking", "none", "Audio activity and all video", "on"),
            ("gemini-3.8-live", "none", "Audio activity and all video", "on"),
            ("gemini-2.5-flash-native-audio-preview-12-2025", "none", "Only activity", "off"),
        ],
    )
    def test_defaults_are_those_of_the_model_with_this_engine(
        self, start: Any, model: str, level: str, coverage: str, proactive: str
    ) -> None:
        told = {each["path"]: each["default"] for each in asked(start().url, model)["fields"]}
        assert told["generationConfig.thinkingConfig.thinkingLevel"] == level
        assert told["realtimeInputConfig.turnCoverage"] == coverage
        assert told["proactivity.proactiveAudio"] == proactive
        silence = told["realtimeInputConfig.automaticActivityDetection.silenceDurationMs"]
        assert silence.startswith("500 ms, 800 ms with low end sensitivity")
        assert told["generationConfig.speechConfig.voiceConfig.prebuiltVoiceConfig.voiceName"] == "Puck"

    def test_an_engine_that_searches_supports_the_search(self, start: Any, tmp_path: Any) -> None:
        (tmp_path / "page.md").write_text("# Opening hours\n\nWe are open from nine to five.\n")
        told = asked(start(search={"folder": str(tmp_path)}).url, "gemini-3.8-live")["fields"]
        states = {each["path"]: each["state"] for each in told}
        assert states["tools[].googleSearch"] == "supported"
        assert states["tools[].googleSearch.timeRangeFilter"] == "ignored"

    def test_another_name_says_what_it_stands_for(self, start: Any) -> None:
        told = asked(start().url, "models/gemini-2.0-flash-exp")["model"]
        assert told["id"] == "gemini-2.5-flash-native-audio-preview-12-2025"
        assert any("shut down" in note for note in told["notes"])
        assert any("gemini-3.8-live succeeds it" in note for note in told["notes"])

    def test_a_model_that_nobody_knows_has_no_fields_and_a_problem(self, start: Any) -> None:
        told = asked(start().url, "models/nobody")
        assert told["fields"] == []
        assert "models/nobody is not found; use gemini-3.8-live" in told["model"]["problem"]

    def test_models_are_those_that_are_served_the_newest_first(self, start: Any) -> None:
        models = httpx.get(f"{start().url}/console/api/models").json()["models"]
        assert [each["name"] for each in models] == [f"models/{name}" for name in reversed(profiles.PROFILES)]
        assert models[2]["status"] == "legacy"
        assert models[2]["successor"] == "gemini-3.8-live"
        assert "gemini-2.0-flash-exp" in models[3]["aliases"]

    def test_who_showed_no_key_gets_nothing(self, start: Any) -> None:
        url = start(keys=("key-of-a-test",)).url
        assert httpx.get(f"{url}/console/api/fields").status_code == 401
        assert httpx.post(f"{url}/console/api/check", json={"setup": {}}).status_code == 401
