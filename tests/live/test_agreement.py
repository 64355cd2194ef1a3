"""What a client asks for, and what it gets."""

from typing import Any

import pytest

from antiphon.live import agreement, profiles
from antiphon.live.abilities import Abilities
from antiphon.live.history import FunctionCall, FunctionResult, Picture, Words
from antiphon.live.policy import Policy
from antiphon.live.setup import ActivityDetection, Compression, Setup, Thinking, Tool
from antiphon.wire.gemini import client
from antiphon.wire.gemini.decode import convert
from antiphon.wire.refusal import CloseCode, Refusal

MODEL = "models/gemini-3.1-flash-live-preview"
OLD = "models/gemini-2.5-flash-native-audio-preview-12-2025"
NEW = "models/gemini-3.8-live"
THINKING = "models/gemini-3.8-live-extended-thinking"
ABLE = Abilities("able", images=True, searches=True, thinks=True)


def agree(abilities: Abilities | None = None, **members: Any) -> tuple[Setup, list[str]]:
    wanted, _ = convert(client.Setup, {"model": MODEL, **members}, "setup")
    return agreement.agree(wanted, abilities=abilities)


def update(setup: Setup, abilities: Abilities | None = None, **members: Any) -> tuple[Setup, list[str]]:
    change, _ = convert(client.ContextUpdate, members, "contextUpdate")
    return agreement.update(setup, change, abilities=abilities)


def refusal(**members: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        agree(**members)
    return caught.value


def content(value: Any) -> client.Content:
    return convert(client.Content, value, "content")[0]


def test_a_bare_setup_gets_the_defaults() -> None:
    setup, ignored = agree()
    assert ignored == []
    assert (setup.profile.id, setup.modality, setup.interruptible) == ("gemini-3.1-flash-live-preview", "audio", True)
    assert setup.detection == ActivityDetection()


@pytest.mark.parametrize(
    "name",
    [
        "gemini-3.8-live",
        "models/gemini-3.8-live",
        "publishers/google/models/gemini-3.8-live",
        "projects/p/locations/l/publishers/google/models/gemini-3.8-live",
    ],
)
def test_models_are_known_under_every_path(name: str) -> None:
    assert agree(model=name)[0].profile.id == "gemini-3.8-live"


@pytest.mark.parametrize("name", ["gemini-2.0-flash-exp", "gemini-live-2.5-flash-preview"])
def test_retired_names_are_aliases(name: str) -> None:
    assert agree(model=name)[0].profile.generation == (2, 5)


def test_an_unknown_model_is_a_matter_of_policy() -> None:
    error = refusal(model="models/llama")
    assert (error.field, error.code) == ("setup.model", CloseCode.POLICY)
    assert "gemini-3.8-live" in error.remedy


def test_a_missing_model_is_invalid() -> None:
    assert refusal(model="").code is CloseCode.INVALID


@pytest.mark.parametrize(
    ("modalities", "expected", "ignored"),
    [([], "audio", 0), (["audio"], "audio", 0), (["TEXT"], "text", 0), (["TEXT", "AUDIO"], "audio", 1)],
)
def test_modalities(modalities: list[str], expected: str, ignored: int) -> None:
    setup, fields = agree(generationConfig={"responseModalities": modalities})
    assert (setup.modality, len(fields)) == (expected, ignored)


def test_pictures_are_not_to_be_had() -> None:
    assert refusal(generationConfig={"responseModalities": ["IMAGE"]}).field.endswith("responseModalities")


@pytest.mark.parametrize(
    "instruction", ["Be brief.\nBe kind.", {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]}]
)
def test_instructions_are_text(instruction: Any) -> None:
    assert agree(systemInstruction=instruction)[0].system_instruction == "Be brief.\nBe kind."


@pytest.mark.parametrize(
    "speech",
    [
        {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
        {"voice_config": {"prebuilt_voice_config": {"voice_name": "Kore"}}},
        {"voiceConfig": {"voice": "Kore"}},
    ],
)
def test_voices(speech: Any) -> None:
    assert agree(generationConfig={"speechConfig": {**speech, "languageCode": "de-DE"}})[0].voice == "Kore"


def test_activity_detection_is_taken_as_it_is_asked_for() -> None:
    detection = {
        "startOfSpeechSensitivity": "START_SENSITIVITY_LOW",
        "endOfSpeechSensitivity": "END_SENSITIVITY_UNSPECIFIED",
        "prefixPaddingMs": "20",
        "silenceDurationMs": 100.0,
    }
    setup, _ = agree(
        realtimeInputConfig={"automaticActivityDetection": detection, "activityHandling": "NO_INTERRUPTION"}
    )
    assert setup.detection == ActivityDetection(True, "low", "high", 20, 100)
    assert not setup.interruptible


@pytest.mark.parametrize("field", ["prefixPaddingMs", "silenceDurationMs"])
@pytest.mark.parametrize("value", [-1, 60_001])
def test_impossible_times_are_refused_by_name(field: str, value: int) -> None:
    error = refusal(realtimeInputConfig={"automaticActivityDetection": {field: value}})
    assert error.field == f"setup.realtimeInputConfig.automaticActivityDetection.{field}"


def test_functions_are_declared_either_way() -> None:
    openapi = {"type": "OBJECT", "properties": {"type": {"type": "STRING", "enum": ["A"]}}}
    schema = {"type": "object", "properties": {"x": {"type": "integer"}}}
    setup, _ = agree(
        tools=[
            {"functionDeclarations": [{"name": "f", "description": "does f", "parameters": openapi}]},
            {"function_declarations": [{"name": "g", "parameters_json_schema": schema}, {"name": "h"}]},
        ]
    )
    assert setup.tools == (
        Tool("f", "does f", {"type": "object", "properties": {"type": {"type": "string", "enum": ["A"]}}}),
        Tool("g", "", schema),
        Tool("h"),
    )


@pytest.mark.parametrize("name", ["", "1st", "a b", "x" * 129, "naïve"])
def test_impossible_function_names_are_refused(name: str) -> None:
    error = refusal(tools=[{}, {"functionDeclarations": [{"name": "ok"}, {"name": name}]}])
    assert error.field == "setup.tools[1].functionDeclarations[1].name"


def test_too_many_functions_are_refused() -> None:
    names = [{"name": f"f{number}"} for number in range(513)]
    assert "513 functions" in refusal(tools=[{"functionDeclarations": names}]).reason


def test_what_is_set_in_vain_is_named_with_the_reason() -> None:
    _, ignored = agree(
        tools=[{"googleSearch": {}, "codeExecution": {}}],
        generationConfig={
            "thinkingConfig": {"thinkingLevel": "LOW"},
            "enableAffectiveDialog": True,
            "stopSequences": ["."],
            "candidateCount": 2,
        },
        safetySettings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
    )
    assert sorted(ignored) == [
        "setup.generationConfig.candidateCount (there is one answer)",
        "setup.generationConfig.enableAffectiveDialog (gemini-3.1-flash-live-preview has none)",
        "setup.generationConfig.stopSequences (not supported in the Live API)",
        "setup.generationConfig.thinkingConfig (this server does not think)",
        "setup.safetySettings",
        "setup.tools[0].codeExecution (Live models have no such tool)",
        "setup.tools[0].googleSearch (this server cannot search)",
    ]


def test_what_says_nothing_is_not_named() -> None:
    _, ignored = agree(
        model=OLD,
        tools=[{"functionDeclarations": []}, {}],
        safetySettings=[],
        labels={},
        proactivity={"proactiveAudio": False},
        historyConfig={"initialHistoryInClientContent": False},
        generationConfig={"candidateCount": 1, "enableAffectiveDialog": False, "mediaResolution": ""},
    )
    assert ignored == []


class TestResumption:
    @pytest.mark.parametrize("config", [{}, {"handle": "whatever"}])
    def test_handles_are_for_whoever_asks(self, config: Any) -> None:
        setup, ignored = agree(sessionResumption=config)
        assert (setup.resumable, setup.transparent, ignored) == (True, False, [])
        assert not agree()[0].resumable

    @pytest.mark.parametrize("prefix", ["", "models/", "publishers/google/models/"])
    def test_settings_of_vertex_are_honoured_for_every_client(self, prefix: str) -> None:
        setup, ignored = agree(
            model=f"{prefix}gemini-3.8-live", sessionResumption={"transparent": True}, explicitVadSignal=True
        )
        assert (setup.transparent, setup.vad_signal, ignored) == (True, True, [])


class TestCoverage:
    @pytest.mark.parametrize(("model", "expected"), [(OLD, "activity"), (NEW, "activity_and_all_video")])
    @pytest.mark.parametrize("config", [None, {}, {"turnCoverage": "TURN_COVERAGE_UNSPECIFIED"}])
    def test_is_the_model_s_own_by_default(self, model: str, expected: str, config: Any) -> None:
        assert agree(model=model, realtimeInputConfig=config)[0].coverage == expected

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("TURN_INCLUDES_ONLY_ACTIVITY", "activity"),
            ("turn_includes_all_input", "all_input"),
            ("TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO", "activity_and_all_video"),
        ],
    )
    def test_is_what_the_client_says(self, value: str, expected: str) -> None:
        assert agree(realtimeInputConfig={"turnCoverage": value})[0].coverage == expected


class TestThinking:
    @pytest.mark.parametrize(
        ("model", "config", "expected"),
        [
            (OLD, None, Thinking()),
            (OLD, {"thinkingBudget": 0}, Thinking(budget=0)),
            (OLD, {"thinking_budget": "512", "includeThoughts": True}, Thinking(budget=512, include_thoughts=True)),
            (OLD, {"thinkingBudget": -1}, Thinking()),
            (MODEL, None, Thinking("minimal")),
            (MODEL, {"thinkingLevel": "high"}, Thinking("high")),
            (MODEL, {"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, Thinking("minimal")),
            (THINKING, {}, Thinking("medium")),
            (THINKING, {"thinkingLevel": "LOW"}, Thinking("low")),
            (NEW, None, Thinking()),
        ],
    )
    def test_is_set_as_the_model_has_it(self, model: str, config: Any, expected: Thinking) -> None:
        setup, ignored = agree(ABLE, model=model, generationConfig={"thinkingConfig": config})
        assert (setup.thinking, ignored) == (expected, [])

    @pytest.mark.parametrize(
        ("model", "config", "expected", "field"),
        [
            (OLD, {"thinkingLevel": "LOW"}, Thinking(), "thinkingConfig.thinkingLevel"),
            (MODEL, {"thinkingBudget": 5}, Thinking("minimal"), "thinkingConfig.thinkingBudget"),
            (MODEL, {"thinkingLevel": "XHIGH"}, Thinking("minimal"), "thinkingConfig.thinkingLevel"),
            (THINKING, {"thinkingLevel": "MINIMAL"}, Thinking("medium"), "thinkingConfig.thinkingLevel"),
            (NEW, {"thinkingLevel": "LOW"}, Thinking(), "thinkingConfig"),
        ],
    )
    def test_is_the_model_s_own_where_it_is_set_otherwise(
        self, model: str, config: Any, expected: Thinking, field: str
    ) -> None:
        setup, ignored = agree(ABLE, model=model, generationConfig={"thinkingConfig": config})
        assert setup.thinking == expected
        assert [entry.split()[0] for entry in ignored] == [f"setup.generationConfig.{field}"]

    def test_an_engine_that_cannot_is_not_asked_to(self) -> None:
        setup, ignored = agree(Abilities("echo"), generationConfig={"thinkingConfig": {"thinkingLevel": "LOW"}})
        assert setup.thinking == agree(Abilities("echo"))[0].thinking == Thinking()
        assert ignored == ["setup.generationConfig.thinkingConfig (echo does not think)"]

    def test_impossible_budgets_are_refused(self) -> None:
        error = refusal(model=OLD, generationConfig={"thinkingConfig": {"thinkingBudget": -2}})
        assert error.field == "setup.generationConfig.thinkingConfig.thinkingBudget"


class TestVoiceOfTheModel:
    @pytest.mark.parametrize(
        ("model", "asked", "granted", "named"),
        [
            (OLD, None, False, False),
            (OLD, True, True, False),
            (MODEL, True, False, True),
            (MODEL, False, False, False),
            (NEW, None, True, False),
            (NEW, True, True, False),
            (NEW, False, True, True),
        ],
    )
    def test_proactive_audio(self, model: str, asked: bool | None, granted: bool, named: bool) -> None:
        setup, ignored = agree(model=model, proactivity={"proactiveAudio": asked})
        assert setup.proactive is granted
        assert [entry.split()[0] for entry in ignored] == ["setup.proactivity.proactiveAudio"] * named

    @pytest.mark.parametrize(("model", "granted"), [(OLD, True), (MODEL, False), (NEW, False)])
    def test_affective_dialog(self, model: str, granted: bool) -> None:
        setup, ignored = agree(model=model, generationConfig={"enableAffectiveDialog": True})
        assert setup.affective is granted
        assert len(ignored) == (not granted)

    @pytest.mark.parametrize(("modality", "has"), [("AUDIO", "TEXT"), ("TEXT", "AUDIO")])
    def test_what_the_engine_cannot_answer_in_is_refused(self, modality: str, has: str) -> None:
        engine = Abilities("half", modalities=frozenset({has.lower()}))
        with pytest.raises(Refusal) as caught:
            agree(engine, generationConfig={"responseModalities": [modality]})
        assert caught.value.field == "setup.generationConfig.responseModalities"
        assert (caught.value.reason, caught.value.remedy) == (f"half has no {modality}", f"use {has}")

    def test_a_voice_that_cannot_be_imitated_is_named(self) -> None:
        config = {"voice": "Puck", "replicatedVoiceConfig": {"mimeType": "audio/wav"}}
        setup, ignored = agree(generationConfig={"speechConfig": {"voiceConfig": config}})
        assert setup.voice == "Puck"
        assert ignored == [
            "setup.generationConfig.speechConfig.voiceConfig.replicatedVoiceConfig (this server imitates no voices)"
        ]

    def test_of_two_voices_one_is_named(self) -> None:
        config = {"voice": "Puck", "prebuiltVoiceConfig": {"voiceName": "Kore"}}
        setup, ignored = agree(generationConfig={"speechConfig": {"voiceConfig": config}})
        assert setup.voice == "Kore"
        assert len(ignored) == 1

    def test_transcripts_are_sent_without_the_options(self) -> None:
        setup, ignored = agree(inputAudioTranscription={"languageCodes": ["de"]}, outputAudioTranscription={})
        assert setup.transcribe_input
        assert setup.transcribe_output
        assert ignored == ["setup.inputAudioTranscription.languageCodes"]


class TestNumbers:
    def test_are_passed_on(self) -> None:
        config = {"temperature": 1, "topP": 0.5, "topK": 40.0, "seed": "-7", "maxOutputTokens": 100}
        setup, _ = agree(generationConfig={**config, "mediaResolution": "low"})
        assert (setup.temperature, setup.top_p, setup.top_k, setup.seed) == (1, 0.5, 40, -7)
        assert (setup.max_output_tokens, setup.media_resolution) == (100, "low")

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("temperature", -0.1),
            ("temperature", 2.1),
            ("topP", 1.1),
            ("topK", 0),
            ("seed", 2**31),
            ("maxOutputTokens", 0),
            ("mediaResolution", "4K"),
        ],
    )
    def test_that_are_impossible_are_refused_by_name(self, name: str, value: Any) -> None:
        assert refusal(generationConfig={name: value}).field == f"setup.generationConfig.{name}"

    def test_answers_are_as_long_as_the_model_makes_them(self) -> None:
        setup, ignored = agree(model=OLD, generationConfig={"maxOutputTokens": 65_536})
        assert setup.max_output_tokens == 8_192
        assert [entry.split()[0] for entry in ignored] == ["setup.generationConfig.maxOutputTokens"]


class TestCompression:
    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            (None, None),
            ({}, Compression(104_857, 52_428)),
            ({"slidingWindow": {}}, Compression(104_857, 52_428)),
            ({"triggerTokens": "1000"}, Compression(1000, 500)),
            ({"trigger_tokens": 1000, "sliding_window": {"target_tokens": 10}}, Compression(1000, 10)),
            ({"triggerTokens": 131_072, "slidingWindow": {"targetTokens": "0"}}, Compression(131_072, 0)),
        ],
    )
    def test_defaults_and_numbers(self, config: Any, expected: Compression | None) -> None:
        setup, ignored = agree(contextWindowCompression=config)
        assert (setup.compression, ignored) == (expected, [])

    @pytest.mark.parametrize(
        ("config", "field"),
        [
            ({"triggerTokens": 0}, "triggerTokens"),
            ({"triggerTokens": 131_073}, "triggerTokens"),
            ({"slidingWindow": {"targetTokens": -1}}, "slidingWindow.targetTokens"),
            ({"slidingWindow": {"targetTokens": 104_857}}, "slidingWindow.targetTokens"),
            ({"triggerTokens": 5, "slidingWindow": {"targetTokens": 5}}, "slidingWindow.targetTokens"),
        ],
    )
    def test_what_would_not_shorten_is_refused(self, config: Any, field: str) -> None:
        assert refusal(contextWindowCompression=config).field == f"setup.contextWindowCompression.{field}"


class TestTools:
    @pytest.mark.parametrize(
        ("model", "behavior", "blocking", "named"),
        [
            (OLD, None, True, False),
            (OLD, "NON_BLOCKING", False, False),
            (MODEL, "UNSPECIFIED", True, False),
            (MODEL, "NON_BLOCKING", True, True),
            (NEW, None, False, False),
            (NEW, "blocking", True, False),
            (THINKING, None, False, False),
            (THINKING, "BLOCKING", False, True),
        ],
    )
    def test_functions_block_as_declared_and_permitted(
        self, model: str, behavior: str | None, blocking: bool, named: bool
    ) -> None:
        setup, ignored = agree(model=model, tools=[{"functionDeclarations": [{"name": "f", "behavior": behavior}]}])
        assert [tool.blocking for tool in setup.tools] == [blocking]
        assert [entry.split()[0] for entry in ignored] == ["setup.tools[0].functionDeclarations[0].behavior"] * named

    def test_search_needs_an_engine_that_can(self) -> None:
        search = [{"functionDeclarations": [{"name": "f"}]}, {"googleSearch": {"excludeDomains": ["example.org"]}}]
        setup, ignored = agree(ABLE, tools=search)
        assert setup.search
        assert ignored == ["setup.tools[1].googleSearch.excludeDomains"]
        setup, ignored = agree(Abilities("echo"), tools=search)
        assert not setup.search
        assert ignored == ["setup.tools[1].googleSearch (echo cannot search)"]

    def test_an_engine_without_functions_gets_none(self) -> None:
        engine = Abilities("echo", tools=False)
        setup, ignored = agree(engine, tools=[{"functionDeclarations": [{"name": "f"}]}])
        assert setup.tools == ()
        assert ignored == ["setup.tools[0].functionDeclarations (echo calls no functions)"]

    def test_of_two_functions_with_one_name_the_first_stays(self) -> None:
        twice = [{"functionDeclarations": [{"name": "f", "description": "1"}, {"name": "f", "description": "2"}]}]
        setup, ignored = agree(tools=twice)
        assert [tool.description for tool in setup.tools] == ["1"]
        assert ignored == ["setup.tools[0].functionDeclarations[1].name (f is declared twice)"]

    def test_of_two_schemas_the_second_is_named(self) -> None:
        schema = {"type": "object", "properties": {"x": {"type": "integer"}}}
        both = {"name": "f", "parameters": {"type": "OBJECT"}, "parametersJsonSchema": schema, "response": {}}
        setup, ignored = agree(tools=[{"functionDeclarations": [both]}])
        assert setup.tools[0].parameters == schema
        field = "setup.tools[0].functionDeclarations[0]"
        assert ignored == [f"{field}.response", f"{field}.parameters (parametersJsonSchema is there)"]


class TestUpdates:
    def test_what_is_not_mentioned_stays(self) -> None:
        setup, _ = agree(systemInstruction="Be kind.", tools=[{"functionDeclarations": [{"name": "f"}]}])
        assert update(setup) == (setup, [])
        changed, ignored = update(setup, systemInstruction={"parts": [{"text": "Be brief."}]})
        assert (changed.system_instruction, changed.tools, ignored) == ("Be brief.", setup.tools, [])

    def test_tools_are_replaced_whole(self) -> None:
        setup, _ = agree(ABLE, model=NEW, tools=[{"functionDeclarations": [{"name": "f"}]}, {"googleSearch": {}}])
        changed, _ = update(setup, ABLE, tools={"tools": [{"function_declarations": [{"name": "g"}]}]})
        assert (changed.tools, changed.search) == ((Tool("g", blocking=False),), False)

    def test_an_empty_list_clears(self) -> None:
        setup, _ = agree(ABLE, systemInstruction="Be kind.", tools=[{"googleSearch": {}}])
        changed, _ = update(setup, ABLE, tools={"tools": []}, systemInstruction={})
        assert (changed.tools, changed.search, changed.system_instruction) == ((), False, "")

    def test_mistakes_are_named_where_they_are(self) -> None:
        setup, _ = agree()
        wrong = {"tools": [{"functionDeclarations": [{"name": "f", "behavior": "NON_BLOCKING"}]}]}
        _, ignored = update(setup, tools=wrong)
        assert ignored[0].startswith("contextUpdate.tools.tools[0].functionDeclarations[0].behavior (")
        with pytest.raises(Refusal) as caught:
            update(setup, tools={"tools": [{"functionDeclarations": [{"name": ""}]}]})
        assert caught.value.field == "contextUpdate.tools.tools[0].functionDeclarations[0].name"

    def test_a_strict_server_is_strict_about_them(self) -> None:
        setup, _ = agree()
        change, _ = convert(client.ContextUpdate, {"tools": {"tools": [{"urlContext": {}}]}}, "contextUpdate")
        with pytest.raises(Refusal) as caught:
            agreement.update(setup, change, Policy(strict=True))
        assert caught.value.field == "contextUpdate.tools.tools[0].urlContext"


class TestInitialHistory:
    @pytest.mark.parametrize(("model", "waits"), [(OLD, False), (MODEL, True), (NEW, True), (THINKING, True)])
    def test_waits_on_the_models_that_have_it(self, model: str, waits: bool) -> None:
        setup, ignored = agree(model=model, historyConfig={"initial_history_in_client_content": True})
        assert setup.initial_history is waits
        assert len(ignored) == (not waits)


def test_instructions_are_text_only() -> None:
    parts = [{"text": "Be brief."}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}, {}]
    setup, ignored = agree(systemInstruction={"role": "system", "parts": parts})
    assert setup.system_instruction == "Be brief."
    assert ignored == ["setup.systemInstruction.parts[1] (instructions are text)"]


@pytest.mark.parametrize(
    ("role", "expected"),
    [("", "user"), ("user", "user"), ("system", "user"), ("function", "user"), ("model", "model")],
)
def test_roles(role: str, expected: str) -> None:
    turn, _ = agreement.turn(content({"role": role, "parts": [{"text": "hi"}]}), "turns[0]")
    assert (turn.role, turn.text) == (expected, "hi")


def test_every_kind_of_part() -> None:
    turn, ignored = agreement.turn(
        content(
            {
                "parts": [
                    {"text": "look"},
                    {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                    {"functionCall": {"id": "1", "name": "f", "args": {"a_b": 1}}},
                    {"functionResponse": {"id": "1", "name": "f", "response": 5}},
                    {"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}},
                    {"fileData": {"fileUri": "gs://x"}},
                    {},
                ]
            }
        ),
        "turns[0]",
    )
    assert turn.parts == (
        Words("look"),
        Picture("image/png", bytes(3)),
        FunctionCall("1", "f", {"a_b": 1}),
        FunctionResult("1", "f", {"output": 5}),
    )
    assert ignored == ["turns[0].parts[4] (video/mp4 is no image)", "turns[0].parts[5] (files are not fetched)"]


@pytest.mark.parametrize(
    ("part", "why"),
    [
        ({"text": "hm", "thought": True}, " (a thought)"),
        ({"executableCode": {"code": "1"}}, " (no code is run)"),
        ({"codeExecutionResult": {"output": "1"}}, " (no code is run)"),
        ({"inlineData": {"data": "AAAA"}}, " (data without a mimeType is no image)"),
        ({"thoughtSignature": "abc"}, ""),
    ],
)
def test_what_was_never_said_is_no_part_of_a_turn(part: Any, why: str) -> None:
    turn, ignored = agreement.turn(content({"role": "model", "parts": [part, {"text": "hi"}]}), "turns[0]")
    assert turn.parts == (Words("hi"),)
    assert ignored == [f"turns[0].parts[0]{why}"]


@pytest.mark.parametrize("role", ["", "system", "function", "assistant", "User"])
def test_a_strict_server_wants_the_roles_of_the_api(role: str) -> None:
    with pytest.raises(Refusal) as caught:
        agreement.turn(content({"role": role, "parts": [{"text": "hi"}]}), "clientContent.turns[0]", strict=True)
    assert caught.value.field == "clientContent.turns[0].role"
    assert caught.value.remedy == "use user or model"


def test_no_server_takes_the_roles_of_other_apis() -> None:
    with pytest.raises(Refusal):
        agreement.turn(content({"role": "assistant", "parts": [{"text": "hi"}]}), "turns[0]")


class TestScheduling:
    @pytest.mark.parametrize(
        ("answer", "expected"),
        [
            ({}, None),
            ({"scheduling": "SILENT"}, client.Scheduling.SILENT),
            ({"scheduling": "INTERRUPTED"}, client.Scheduling.INTERRUPT),
            ({"scheduling": "SCHEDULING_UNSPECIFIED"}, None),
            ({"response": {"output": 1, "scheduling": "when_idle"}}, client.Scheduling.WHEN_IDLE),
            ({"response": {"scheduling": "INTERRUPTED"}}, client.Scheduling.INTERRUPT),
            ({"scheduling": "SILENT", "response": {"scheduling": "INTERRUPT"}}, client.Scheduling.SILENT),
            ({"response": {"scheduling": "Monday at five"}}, None),
            ({"response": {"scheduling": {"day": "Monday"}}}, None),
            ({"response": ["scheduling", "SILENT"]}, None),
        ],
    )
    def test_is_found_in_either_place(self, answer: Any, expected: client.Scheduling | None) -> None:
        response, _ = convert(client.FunctionResponse, answer, "toolResponse.functionResponses[0]")
        assert agreement.scheduling_of(response) is expected

    def test_unknown_values_are_refused_by_name(self) -> None:
        with pytest.raises(Refusal) as caught:
            convert(client.FunctionResponse, {"scheduling": "LATER"}, "toolResponse.functionResponses[0]")
        assert caught.value.field == "toolResponse.functionResponses[0].scheduling"

    @pytest.mark.parametrize("model", [MODEL, THINKING])
    def test_models_that_do_not_schedule(self, model: str) -> None:
        profile, response = profiles.find(model), client.FunctionResponse(scheduling=client.Scheduling.SILENT)
        assert agreement.scheduling_of(response, profile=profile) is None
        with pytest.raises(Refusal) as caught:
            agreement.scheduling_of(response, "toolResponse.functionResponses[2]", profile, strict=True)
        assert caught.value.field == "toolResponse.functionResponses[2].scheduling"
        assert agreement.scheduling_of(client.FunctionResponse(), profile=profile, strict=True) is None

    def test_models_that_schedule(self) -> None:
        response = client.FunctionResponse(scheduling=client.Scheduling.SILENT)
        assert agreement.scheduling_of(response, profile=profiles.find(NEW), strict=True) is client.Scheduling.SILENT
