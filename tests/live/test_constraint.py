"""What a token locks is the token's, everything else is the connection's, however the names are spelled."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from antiphon.live import constraint
from antiphon.live.constraint import MAX_PATHS, constrain, overruled, resolve
from antiphon.wire.gemini import client
from antiphon.wire.gemini.decode import convert
from antiphon.wire.refusal import Refusal


def setup(**members: Any) -> client.Setup:
    """A setup from what a client would send."""
    return convert(client.Setup, members, "setup")[0]


WANTED = setup(
    model="models/theirs",
    generationConfig={"temperature": 0.1, "seed": 1, "responseModalities": ["TEXT"]},
    systemInstruction="be nice",
    tools=[{"functionDeclarations": [{"name": "theirs"}]}],
    realtimeInputConfig={"automaticActivityDetection": {"disabled": True, "silenceDurationMs": 100}},
    outputAudioTranscription={},
)
TOKEN = setup(
    model="models/ours",
    generationConfig={"temperature": 0.9, "responseModalities": ["AUDIO"]},
    systemInstruction="be brief",
    inputAudioTranscription={"languageCodes": ["de"]},
)


def resuming(handle: str = "h", **members: Any) -> client.Setup:
    return setup(sessionResumption={"handle": handle}, **members)


class TestWithoutAMask:
    def test_a_token_without_a_setup_changes_nothing(self) -> None:
        assert constrain(WANTED, None) is WANTED

    def test_a_token_with_a_setup_replaces_the_connections(self) -> None:
        assert constrain(WANTED, TOKEN) == TOKEN

    def test_the_handle_is_the_connections(self) -> None:
        got = constrain(resuming(model="models/theirs"), TOKEN)
        assert got == structs.replace(TOKEN, session_resumption=client.SessionResumptionConfig(handle="h"))

    def test_that_resumption_is_on_is_not(self) -> None:
        assert constrain(setup(sessionResumption={}), TOKEN).session_resumption is None

    def test_a_handle_goes_into_the_tokens_resumption(self) -> None:
        token = setup(model="models/ours", sessionResumption={"transparent": True})
        resumption = constrain(resuming(), token).session_resumption
        assert resumption == client.SessionResumptionConfig(handle="h", transparent=True)

    def test_a_handle_of_the_token_is_the_one(self) -> None:
        got = constrain(resuming("theirs"), resuming("ours", model="models/ours"))
        assert got.session_resumption == client.SessionResumptionConfig(handle="ours")

    def test_the_model_is_the_connections_where_the_token_names_none(self) -> None:
        token = setup(generationConfig={"temperature": 0.9})
        assert constrain(WANTED, token) == structs.replace(token, model="models/theirs")


class TestWithAMask:
    def test_one_field_deep_inside(self) -> None:
        got = constrain(WANTED, TOKEN, ["generationConfig.temperature"])
        generation = structs.replace(WANTED.generation_config, temperature=0.9)
        assert got == structs.replace(WANTED, generation_config=generation)

    def test_whole_members_and_the_model(self) -> None:
        got = constrain(WANTED, TOKEN, ["model", "systemInstruction", "generationConfig"])
        assert (got.model, got.system_instruction) == (TOKEN.model, TOKEN.system_instruction)
        assert got.generation_config == TOKEN.generation_config
        assert got.tools == WANTED.tools

    def test_what_the_token_leaves_unset_is_locked_to_its_default(self) -> None:
        got = constrain(WANTED, TOKEN, ["generationConfig.seed", "tools", "outputAudioTranscription"])
        assert got.generation_config == structs.replace(WANTED.generation_config, seed=None)
        assert got.tools == []
        assert got.output_audio_transcription is None

    def test_without_a_setup_everything_masked_has_its_default(self) -> None:
        got = constrain(WANTED, None, ["temperature"])
        assert got.generation_config == structs.replace(WANTED.generation_config, temperature=None)

    def test_three_levels_down(self) -> None:
        path = "realtimeInputConfig.automaticActivityDetection.disabled"
        detection = constrain(WANTED, TOKEN, [path]).realtime_input_config.automatic_activity_detection  # type: ignore[union-attr]
        assert detection == client.AutomaticActivityDetection(disabled=False, silence_duration_ms=100)

    def test_a_locked_value_makes_its_object_appear(self) -> None:
        got = constrain(WANTED, TOKEN, ["inputAudioTranscription.languageCodes"])
        assert got.input_audio_transcription == TOKEN.input_audio_transcription

    def test_a_locked_default_does_not(self) -> None:
        got = constrain(WANTED, TOKEN, ["inputAudioTranscription.diarization", "proactivity.proactiveAudio"])
        assert got == WANTED

    def test_an_object_the_connection_asked_for_stays(self) -> None:
        wanted = setup(inputAudioTranscription={"diarization": True})
        got = constrain(wanted, None, ["inputAudioTranscription.diarization"])
        assert got.input_audio_transcription == client.AudioTranscriptionConfig()

    def test_a_key_of_an_open_member(self) -> None:
        wanted, token = setup(labels={"team": "b", "stage": "x"}), setup(labels={"team": "a", "other": "y"})
        assert constrain(wanted, token, ["labels.team"]).labels == {"team": "a", "stage": "x"}
        assert constrain(wanted, setup(), ["labels.team"]).labels == {"stage": "x"}
        assert constrain(setup(), token, ["labels.team"]).labels == {"team": "a"}
        assert constrain(setup(), token, ["labels.none"]).labels == {}

    def test_inside_an_open_member_no_spelling_escapes(self) -> None:
        wanted = setup(toolConfig={"functionCallingConfig": {"mode": "ANY", "allowed": ["f"]}, "more": 1})
        token = setup(toolConfig={"function_calling_config": {"mode": "NONE"}})
        got = constrain(wanted, token, ["toolConfig.functionCallingConfig.mode"])
        assert got.tool_config == {"function_calling_config": {"allowed": ["f"], "mode": "NONE"}, "more": 1}

    def test_locked_resumption_leaves_the_handle_to_the_connection(self) -> None:
        got = constrain(resuming(), setup(sessionResumption={}), ["sessionResumption"])
        assert got.session_resumption == client.SessionResumptionConfig(handle="h")

    def test_resumption_locked_off_is_off(self) -> None:
        assert constrain(resuming(), TOKEN, ["sessionResumption"]).session_resumption is None

    def test_a_mask_that_names_the_handle_locks_it(self) -> None:
        got = constrain(resuming(), setup(sessionResumption={}), ["sessionResumption", "sessionResumption.handle"])
        assert got.session_resumption == client.SessionResumptionConfig()


class TestNames:
    @pytest.mark.parametrize(
        ("name", "path"),
        [
            ("model", "model"),
            ("realtime_input_config", "realtimeInputConfig"),
            ("generationConfig.speech_config", "generationConfig.speechConfig"),
            ("temperature", "generationConfig.temperature"),
            ("top_k", "generationConfig.topK"),
            ("speechConfig.languageCode", "generationConfig.speechConfig.languageCode"),
            ("tools.0", "tools"),
            ("generationConfig.responseModalities.0", "generationConfig.responseModalities"),
            ("systemInstruction.parts", "systemInstruction.parts"),
            ("labels.cost_center", "labels.costCenter"),
        ],
    )
    def test_what_they_stand_for(self, name: str, path: str) -> None:
        assert [".".join(found) for found in resolve([name])] == [path]

    @pytest.mark.parametrize(
        ("name", "remedy"),
        [
            ("generationConfig.temprature", "did you mean generationConfig.temperature?"),
            ("temprature", "did you mean generationConfig.temperature?"),
            ("system_instructions", "did you mean systemInstruction?"),
            ("setup.model", "did you mean model?"),
            ("tools.functionDeclarations", ""),
            ("tools.0.name", ""),
            ("model.name", ""),
            ("labels.", ""),
            ("*", "name fields such as model or generationConfig.seed"),
            ("", ""),
        ],
    )
    def test_an_unknown_one_is_refused_with_the_closest(self, name: str, remedy: str) -> None:
        with pytest.raises(Refusal, match=f"^fieldMask: {re.escape(name)} is no field of a setup") as refused:
            resolve([name])
        assert remedy in str(refused.value)

    def test_each_counts_once(self) -> None:
        assert resolve(["topK", "generation_config.top_k", "generationConfig.topK"]) == (("generationConfig", "topK"),)

    def test_there_is_a_limit(self) -> None:
        with pytest.raises(Refusal, match=f"at most {MAX_PATHS}"):
            resolve(f"labels.l{n}" for n in range(MAX_PATHS + 1))


def test_what_was_overruled_is_named() -> None:
    assert overruled(WANTED, WANTED) == []
    got = constrain(WANTED, TOKEN, ["model", "generationConfig.seed", "inputAudioTranscription"])
    assert overruled(WANTED, got) == ["model", "generationConfig"]


# Handles have rules of their own, above; a list is one value, and so is what is inside an open member.
LEAVES = [
    name
    for name in constraint._known(client.Setup)
    if not name.startswith("sessionResumption")
    and not any(other.startswith(f"{name}.") for other in constraint._known(client.Setup))
]
EVERY = [name for name in constraint._known(client.Setup) if not name.startswith("sessionResumption")]
COUNT = st.integers(1, 5)


def absent_or(kind: type, **members: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | st.builds(kind, **members)


SETUPS = st.builds(
    client.Setup,
    model=st.sampled_from(["", "models/a", "models/b"]),
    generation_config=absent_or(
        client.GenerationConfig,
        temperature=st.none() | st.sampled_from([0.0, 0.5]),
        seed=st.none() | COUNT,
        response_modalities=st.lists(st.sampled_from(client.Modality), max_size=2),
        speech_config=absent_or(
            client.SpeechConfig,
            language_code=st.sampled_from(["", "de", "en"]),
            voice_config=absent_or(client.VoiceConfig, voice=st.sampled_from(["", "Puck"])),
        ),
        thinking_config=absent_or(client.ThinkingConfig, thinking_budget=COUNT, include_thoughts=st.booleans()),
    ),
    tools=st.lists(st.just(client.Tool()), max_size=2),
    realtime_input_config=absent_or(
        client.RealtimeInputConfig,
        automatic_activity_detection=absent_or(client.AutomaticActivityDetection, disabled=st.booleans()),
        turn_coverage=st.none() | st.sampled_from(client.TurnCoverage),
    ),
    context_window_compression=absent_or(client.ContextWindowCompression, trigger_tokens=COUNT),
    input_audio_transcription=absent_or(client.AudioTranscriptionConfig, language_codes=st.lists(st.just("de"))),
    explicit_vad_signal=st.booleans(),
)
MASKS = st.lists(st.sampled_from(EVERY), min_size=1, max_size=8)


def value(message: Any, name: str) -> Any:
    """A field by its path; inside what is absent everything has its default."""
    for part in name.split("."):
        field = constraint._members(type(message))[part]
        message, kind = getattr(message, field.name), constraint._struct(field.type)
        if message is None and kind is not None:
            message = kind()
    return message


def is_locked(name: str, mask: list[str]) -> bool:
    return any(name == each or name.startswith(f"{each}.") for each in mask)


@given(SETUPS, SETUPS, MASKS)
def test_masked_fields_are_the_tokens_and_all_others_the_connections(
    wanted: client.Setup, token: client.Setup, mask: list[str]
) -> None:
    got = constrain(wanted, token, mask)
    for name in LEAVES:
        assert value(got, name) == value(token if is_locked(name, mask) else wanted, name), name


@given(SETUPS, st.none() | SETUPS, MASKS, st.data())
def test_spelling_and_order_do_not_matter(
    wanted: client.Setup, token: client.Setup | None, mask: list[str], data: st.DataObject
) -> None:
    respelled = data.draw(st.permutations([snake(name) for name in mask] + mask))
    for name in mask:
        short = name.removeprefix("generationConfig.")
        respelled += [short] if short != name else []
    assert constrain(wanted, token, respelled) == constrain(wanted, token, mask)


@given(SETUPS, SETUPS, MASKS)
def test_to_lock_twice_is_to_lock_once(wanted: client.Setup, token: client.Setup, mask: list[str]) -> None:
    once = constrain(wanted, token, mask)
    assert constrain(once, token, mask) == once


@pytest.mark.parametrize("name", EVERY)
def test_every_field_can_be_named_either_way(name: str) -> None:
    assert resolve([name]) == resolve([snake(name)]) == (tuple(name.split(".")),)


def snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", name)
