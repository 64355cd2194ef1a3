"""What a relay makes of an upstream that behaves, from the socket to the events."""

import asyncio
import json

import pytest
from tests.engines.relay.talking import LOUD, MODEL, PROFILE, SETUP, converse

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.relay.config import GeminiRelayConfig, Vertex
from antiphon.engines.relay.gemini import relay
from antiphon.live.events import (
    ActivityEnd,
    ActivityStart,
    Audio,
    CallsCancelled,
    Content,
    Failure,
    GenerationComplete,
    GenerationStarted,
    Grounding,
    Image,
    Interrupt,
    Interrupted,
    ModelText,
    OutputTranscript,
    Relayed,
    RelayedSpeech,
    Speech,
    StreamEnd,
    ToolCalls,
    ToolResults,
    TurnComplete,
    Update,
    Used,
    UserWords,
)
from antiphon.live.history import FunctionCall, FunctionResult, Turn, Words, model, user
from antiphon.live.seed import Seed
from antiphon.live.setup import Setup
from antiphon.live.tokens import Tokens
from antiphon.testing.upstream import (
    Answer,
    Bill,
    Call,
    CancelCalls,
    Close,
    End,
    Frame,
    Ground,
    Pause,
    Say,
    ScriptedUpstream,
    Stall,
    Think,
)
from antiphon.testing.upstream import Interrupt as Interruption


def spoken(text: str, seconds: float = 0.4) -> Answer:
    return Answer(Say(seconds, text), End())


async def test_an_answer_is_told_in_order_and_passed_on_as_it_came() -> None:
    async with converse(spoken("Hello there.")) as talk:
        await talk.turn("hi")

        kinds = [type(event) for event in talk.events]
        assert kinds == [
            GenerationStarted,
            OutputTranscript,
            RelayedSpeech,
            RelayedSpeech,
            GenerationComplete,
            Used,
            TurnComplete,
        ]
        assert talk.sound == bytes(talk.upstream.spoken)
        assert {event.generation for event in talk.all(RelayedSpeech)} == {1}
        frames = [event.frame for event in talk.raw if isinstance(event, Relayed)]
        assert [json.loads(frame) for frame in frames] == [
            {"serverContent": {"generationComplete": True}},
            {"serverContent": {"turnComplete": True}, "usageMetadata": talk.upstream.told[0]},
        ]


async def test_every_answer_has_the_next_number_from_that_of_the_seed() -> None:
    async with converse(*[spoken("Yes.", 0.2)] * 3, seed=Seed(generation=7)) as talk:
        for _ in range(3):
            await talk.turn()
        assert [event.generation for event in talk.all(GenerationStarted)] == [7, 8, 9]


async def test_sound_goes_up_as_it_is() -> None:
    async with converse(spoken("I hear you.")) as talk:
        talk.speak()
        await talk.until(TurnComplete)
        assert talk.upstream.heard() == LOUD * 3 + bytes(3200) * 3
        mime_types = {each["audio"]["mimeType"] for each in talk.upstream.messages("realtimeInput")}
        assert mime_types == {"audio/pcm;rate=16000"}
        assert [event.text for event in talk.all(UserWords)] == ["(spoken)"]


async def test_marks_pictures_and_words_go_up_in_order() -> None:
    async with converse(upstream={"handles": False}) as talk:
        talk.send(ActivityStart())
        talk.send(Audio(bytes(640), 24_000))
        talk.send(Image("image/jpeg", b"jpeg"))
        talk.send(ActivityEnd())
        talk.send(StreamEnd())
        talk.send(Content((user("typed"),), complete=True, realtime=True))
        talk.send(Content((user("a"), model("b")), complete=False))
        await talk.wait_for(lambda: len(talk.upstream.received) == 8)
        live = talk.upstream.messages("realtimeInput")
        assert [next(iter(each)) for each in live] == [
            "activityStart",
            "audio",
            "video",
            "activityEnd",
            "audioStreamEnd",
            "text",
        ]
        assert live[1]["audio"]["mimeType"] == "audio/pcm;rate=24000"
        assert talk.upstream.messages("clientContent") == [
            {"turns": [{"role": "user", "parts": [{"text": "a"}]}, {"role": "model", "parts": [{"text": "b"}]}]}
        ]


async def test_the_clients_own_frame_is_passed_on() -> None:
    frame = b'{"client_content": {"turns": [{"parts": [{"text": "hi"}]}],   "turn_complete": true}}'
    async with converse() as talk:
        talk.send(Content((user("hi"),), complete=True, frame=frame))
        await talk.wait_for(lambda: len(talk.upstream.received) == 2)
        assert talk.upstream.received[1].message == json.loads(frame)


async def test_calls_in_one_message_are_told_once_and_their_results_go_up() -> None:
    async with converse(Answer(Call(("lights", "heating")), Say(0.2, "Done."), End())) as talk:
        await talk.turn("it is cold")
        (calls,) = talk.all(ToolCalls)
        assert [call.name for call in calls.calls] == ["lights", "heating"]
        assert calls.calls[0].args == {"n": 1}
        (response,) = talk.upstream.messages("toolResponse")
        assert [each["id"] for each in response["functionResponses"]] == [call.id for call in calls.calls]
        assert [event.generation for event in talk.all(GenerationStarted)] == [1]


async def test_the_clients_own_results_are_passed_on() -> None:
    async with converse(Answer(Call(("f",)), Say(0.2), End())) as talk:
        talk.answers = False
        talk.ask()
        await talk.until(ToolCalls)
        (call,) = talk.all(ToolCalls)[0].calls
        frame = json.dumps(
            {"toolResponse": {"functionResponses": [{"id": call.id, "name": "f", "response": {"x": 1}}]}}
        )
        talk.send(ToolResults(1, (FunctionResult(call.id, "f", {"x": 1}),), (), frame.encode()))
        await talk.until(TurnComplete)
        assert {"toolResponse": talk.upstream.messages("toolResponse")[0]} == json.loads(frame)


async def test_what_is_used_is_told_at_each_call_and_at_the_end() -> None:
    script = Answer(Call(("f",)), Say(0.2, "Done."), End()), spoken("Bye.")
    async with converse(*script, provider="google") as talk:
        await talk.turn()
        await talk.turn()
        told = talk.upstream.told
        assert len(talk.all(Used)) == len(told) == 3
        assert talk.used.prompt == Tokens(audio=sum(each["promptTokenCount"] for each in told))
        assert talk.used.response == Tokens(audio=sum(each["responseTokenCount"] for each in told))
        payer = talk.all(Used)[0].upstream
        assert (payer.provider, payer.model) == ("google", MODEL)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(Say(0.6, "a", usage=True), End()),
        Answer(Bill(3), Say(0.2), Bill(2), Say(0.2), End()),
        Answer(Say(0.2), End(usage="after")),
        Answer(Say(0.2), End(), Bill(2)),
        Answer(Say(0.2), Bill(), Interruption()),
    ],
    ids=[
        "on every frame of sound",
        "early and often",
        "after the turn",
        "again after the turn",
        "before an interruption",
    ],
)
async def test_repeated_records_of_one_generation_count_once(answer: Answer) -> None:
    async with converse(answer, spoken("Next.")) as talk:
        await talk.turn()
        await talk.turn()
        told = talk.upstream.told
        assert len(told) == 2
        assert talk.used.prompt.total == sum(each["promptTokenCount"] for each in told)
        assert talk.used.response.total == sum(each["responseTokenCount"] for each in told)


async def test_an_interruption_counts_once() -> None:
    async with converse(Answer(Say(0.2, "I was"), Interruption(times=2)), spoken("Yes?")) as talk:
        await talk.turn()
        await talk.turn()
        assert [event.generation for event in talk.all(Interrupted)] == [1]
        assert [event.generation for event in talk.all(TurnComplete)] == [1, 2]
        assert [event.generation for event in talk.all(GenerationComplete)] == [2]


async def test_speech_over_an_answer_interrupts_it_upstream() -> None:
    async with converse(Answer(Say(0.4, "A long"), Stall()), spoken("Yes?")) as talk:
        talk.ask()
        await talk.until(RelayedSpeech, 2)
        talk.speak()
        await talk.until(TurnComplete, 2)
        assert [event.generation for event in talk.all(Interrupted)] == [1]


async def test_cancelled_calls_are_told_and_not_answered() -> None:
    async with converse(Answer(Call(("f",), not_wait=True), CancelCalls(), Interruption())) as talk:
        talk.answers = False
        await talk.turn()
        (calls,) = talk.all(ToolCalls)
        assert talk.all(CallsCancelled) == [CallsCancelled(1, (calls.calls[0].id,))]


async def test_a_missing_end_is_made_up() -> None:
    async with converse(Answer(Say(0.2), End(complete=False))) as talk:
        await talk.turn()
        assert [type(event) for event in talk.events][-3:] == [GenerationComplete, Used, TurnComplete]
        assert TurnComplete(1) in [event.events[-1] for event in talk.raw if isinstance(event, Relayed)]


async def test_speech_after_an_early_end_is_an_answer_of_its_own() -> None:
    async with converse(Answer(Say(0.2), End(), Say(0.4, "more"), End())) as talk:
        await talk.turn(turns=2)
        assert [event.generation for event in talk.all(RelayedSpeech)] == [1, 2, 2]
        assert talk.sound == bytes(talk.upstream.spoken)


async def test_an_empty_turn_is_an_empty_answer() -> None:
    extra = {"turnCompleteReason": "NEED_MORE_INPUT", "waitingForInput": True}
    async with converse(Answer(End(complete=False, extra=extra))) as talk:
        await talk.turn()
        assert talk.all(TurnComplete) == [TurnComplete(1, "NEED_MORE_INPUT", True)]
        assert [event.generation for event in talk.all(GenerationComplete)] == [1]


async def test_late_words_belong_to_their_answer() -> None:
    async with converse(
        Answer(Say(0.4, "late", late=True), End()), Answer(Say(0.2, "beside", beside=True), End())
    ) as talk:
        await talk.turn()
        await talk.turn()
        words = talk.all(OutputTranscript)
        assert [(each.generation, each.text) for each in words] == [(1, "late"), (2, "beside")]
        assert [each.offset for each in words] == pytest.approx([0.4, 0.0])


async def test_words_after_the_turn_are_not_those_of_the_next() -> None:
    late = Frame({"serverContent": {"outputTranscription": {"text": "too late"}}})
    async with converse(Answer(Say(0.2), End(), late), spoken("Next.")) as talk:
        await talk.turn()
        await asyncio.sleep(0.02)
        await talk.turn()
        assert talk.said == "Next."


async def test_several_things_in_one_message_are_all_told() -> None:
    speech = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": "AAAA" * 16}}
    frame = {
        "serverContent": {
            "inputTranscription": {"text": "hi"},
            "modelTurn": {"parts": [{"text": "hm", "thought": True}, speech, speech]},
            "outputTranscription": {"text": "Hello"},
            "generationComplete": True,
            "turnComplete": True,
        },
        "usageMetadata": {"promptTokenCount": 7, "responseTokenCount": 2},
    }
    async with converse(Answer(Frame(frame))) as talk:
        await talk.turn()
        assert [type(event) for event in talk.events] == [
            UserWords,
            GenerationStarted,
            OutputTranscript,
            ModelText,
            Speech,
            Speech,
            GenerationComplete,
            Used,
            TurnComplete,
        ]
        # What the client did not ask for is in it: the frame itself is not passed on.
        assert not any(isinstance(event, Relayed) for event in talk.raw)
        assert talk.sound == bytes(2 * 48)
        assert talk.used.response == Tokens(audio=2)
        assert talk.used.prompt == Tokens(text=7)


async def test_repeated_search_results_are_told_once_and_each_query_counts_once() -> None:
    answer = Answer(Say(0.2), Ground(("a",), times=3), Ground(("a", "b")), End())
    async with converse(answer) as talk:
        await talk.turn()
        assert [event.grounding.queries for event in talk.all(Grounding)] == [("a",), ("b",)]
        assert talk.all(Grounding)[1].grounding.sources[1].uri == "https://example.org/b"
        assert talk.used.searches == 2


async def test_what_the_client_did_not_ask_for_stays_here() -> None:
    setup = Setup(PROFILE)
    async with converse(Answer(Think("hm"), Say(0.2, "Hello."), End()), setup=setup) as talk:
        talk.speak()
        await talk.until(TurnComplete)
        passed = b"".join(event.frame for event in talk.raw if isinstance(event, Relayed | RelayedSpeech))
        assert talk.said == "Hello."
        assert talk.all(ModelText) == [ModelText(1, "hm", thought=True)]
        assert b"Hello" not in passed
        assert b"hm" not in passed
        assert b"spoken" not in passed


async def test_housekeeping_of_the_upstream_is_not_told() -> None:
    answer = Answer(Frame({}), Frame({"sessionResumptionUpdate": {}}), Say(0.2), Frame({}), End())
    async with converse(answer) as talk:
        await talk.turn()
        passed = b"".join(event.frame for event in talk.raw if isinstance(event, Relayed))
        assert b"sessionResumptionUpdate" not in passed
        assert b"setupComplete" not in passed


async def test_what_cannot_be_read_is_skipped() -> None:
    broken = Frame({"serverContent": {"modelTurn": 5}})
    async with converse(Answer(broken, Say(0.2), End())) as talk:
        await talk.turn()
        assert talk.sound == bytes(talk.upstream.spoken)


async def test_code_that_the_model_ran_reaches_the_client_unread() -> None:
    ran = {"serverContent": {"modelTurn": {"parts": [{"executableCode": {"language": "PYTHON", "code": "1+1"}}]}}}
    async with converse(Answer(Say(0.2), Frame(ran), End())) as talk:
        await talk.turn()
        assert any(b"executableCode" in event.frame and not event.seconds for event in talk.all(RelayedSpeech))


async def test_the_dialect_of_vertex() -> None:
    answer = Answer(Say(0.2, "Yes."), Call(("f",), generation_complete=True), Say(0.2, "Done."), End())
    config = {"vertex": Vertex("p1", "europe-west4", token="t0ken"), "model": "gemini-live-2.5-flash"}
    async with converse(answer, upstream={"vertex": True, "key": "t0ken"}, **config) as talk:
        await talk.turn()
        (dialled,) = talk.upstream.connections
        assert dialled.path == "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"
        assert dialled.headers["authorization"] == "Bearer t0ken"
        assert (
            dialled.setup["model"]
            == "projects/p1/locations/europe-west4/publishers/google/models/gemini-live-2.5-flash"
        )
        # Clients of the other dialect get the MIME type they play, and usage by the names they read.
        assert all(b"audio/pcm;rate=24000" in event.frame for event in talk.all(RelayedSpeech))
        assert not any(b"candidates" in event.frame for event in talk.raw if isinstance(event, Relayed))
        assert talk.used.response.audio == sum(each["candidatesTokenCount"] for each in talk.upstream.told)
        # The end after the call is none, and calls have no ids of their own.
        assert [event.generation for event in talk.all(GenerationComplete)] == [1]
        (response,) = talk.upstream.messages("toolResponse")
        assert response == {"functionResponses": [{"name": "f", "response": {"output": "F"}}]}


async def test_a_history_is_told_before_anything_else_and_not_answered() -> None:
    history = (
        user("My name is Ann."),
        Turn("model", (Words("Let me see."), FunctionCall("c1", "find", {"who": "Ann"}))),
        Turn("user", (FunctionResult("c1", "find", {"age": 33}),)),
        model("You are 33."),
    )
    async with converse(spoken("Ann."), seed=Seed(history, 5)) as talk:
        await talk.turn("Who am I?")
        assert talk.upstream.connections[0].setup["historyConfig"] == {"initialHistoryInClientContent": True}
        assert talk.upstream.messages("clientContent")[0]["turnComplete"] is True
        assert talk.upstream.context[:5] == [
            "user: My name is Ann.",
            'model: Let me see.(called find({"who": "Ann"}))',
            'user: (find returned {"age": 33})',
            "model: You are 33.",
            "user: Who am I?",
        ]
        assert talk.upstream.answered == 1


async def test_older_models_take_a_history_that_ends_with_the_user() -> None:
    model_25 = "gemini-2.5-flash-native-audio-preview-12-2025"
    async with converse(seed=Seed((user("a"), model("b"))), model=model_25) as talk:
        await talk.wait_for(lambda: len(talk.upstream.received) == 2)
        (content,) = talk.upstream.messages("clientContent")
        assert "turnComplete" not in content
        assert [turn["role"] for turn in content["turns"]] == ["user", "model", "user"]
        assert "historyConfig" not in talk.upstream.connections[0].setup


async def test_a_changed_instruction_is_told_where_the_upstream_takes_it() -> None:
    async with converse(context_updates=True) as talk:
        talk.send(Update(Setup(PROFILE, system_instruction="Be brief.")))
        await talk.wait_for(lambda: bool(talk.upstream.messages("contextUpdate")))
        (update,) = talk.upstream.messages("contextUpdate")
        assert update["systemInstruction"]["parts"] == [{"text": "Be brief."}]


async def test_a_changed_instruction_is_a_new_connection_elsewhere() -> None:
    async with converse(spoken("One."), spoken("Two.")) as talk:
        await talk.turn()
        talk.send(Update(Setup(PROFILE, system_instruction="Be brief.", transcribe_output=True)))
        await talk.wait_for(lambda: len(talk.upstream.connections) == 2)
        await talk.turn()
        setup = talk.upstream.connections[1].setup
        assert setup["systemInstruction"]["parts"] == [{"text": "Be brief."}]
        assert setup["sessionResumption"]["handle"]
        assert talk.said == "One.Two."
        assert talk.conversation.gaps == []


async def test_a_reader_that_is_slow_makes_the_upstream_wait() -> None:
    async with ScriptedUpstream([spoken("Long.", 400.0)]) as upstream:
        engine = relay(GeminiRelayConfig(MODEL, upstream.url, stall_seconds=0))
        conversation = await engine.open(SETUP)
        conversation.send(Content((user("go"),), complete=True, realtime=True))
        await asyncio.sleep(0.3)
        waiting = len(conversation._events)
        assert waiting < 1_000
        seconds = 0.0
        async for event in conversation:
            seconds += event.seconds if isinstance(event, RelayedSpeech) else 0.0
            if isinstance(event, Relayed) and isinstance(event.events[-1], TurnComplete):
                break
        assert seconds == pytest.approx(400.0)
        await engine.aclose()


async def test_what_the_client_did_wrong_is_told_in_the_upstreams_words() -> None:
    reason = "Explicit activity control is not supported when automatic activity detection is enabled."
    async with converse(Answer(Close(1007, reason))) as talk:
        talk.ask()
        await talk.until(Failure)
        (failure,) = talk.all(Failure)
        assert (failure.code, failure.reason) == (1007, reason)
        assert len(talk.upstream.connections) == 1


@pytest.mark.parametrize(
    ("settings", "config", "words"),
    [
        ({"key": "right"}, {"key": "wrong"}, "API key not valid. Please pass a valid API key.; see `key`"),
        ({"silent": True}, {"dial_seconds": 0.1}, "did not complete the setup within 0.1 s"),
    ],
    ids=["bad key", "silent"],
)
async def test_an_upstream_that_cannot_be_had(settings: dict, config: dict, words: str) -> None:
    async with ScriptedUpstream(**settings) as upstream:
        engine = relay(GeminiRelayConfig(**{"model": MODEL, "url": upstream.url, **config}))
        with pytest.raises(EngineUnavailable) as caught:
            await engine.open(SETUP)
        assert words in str(caught.value)
        assert "wrong" not in str(caught.value)
        await engine.aclose()


async def test_an_upstream_that_is_not_there() -> None:
    engine = relay(GeminiRelayConfig(MODEL, "http://127.0.0.1:9"))
    with pytest.raises(EngineUnavailable, match=r"cannot be reached: .*; see `url` \(http://127.0.0.1:9\)"):
        await engine.open(SETUP)


async def test_a_key_that_is_not_there_is_told_before_there_is_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    engine = relay(GeminiRelayConfig(MODEL, key="env:NO_SUCH_KEY"))
    with pytest.raises(EngineUnavailable, match="NO_SUCH_KEY is not set"):
        await engine.start()
    monkeypatch.setenv("NO_SUCH_KEY", "k")
    await engine.start()


def test_no_secret_is_shown() -> None:
    config = GeminiRelayConfig("m", key="s3cret", vertex=Vertex("p", token="t0ken"), setup={"x": "s3cret"})
    assert "s3cret" not in repr(config)
    assert "t0ken" not in f"{config} {config.vertex!r}"


def test_an_address_that_is_none() -> None:
    with pytest.raises(ValueError, match="neither a query nor a user"):
        relay(GeminiRelayConfig("m", "https://host/?key=s3cret"))


async def test_an_answer_that_the_session_ended_is_not_passed_on() -> None:
    script = Answer(Say(0.2, "One"), Pause(0.1), Say(0.4, " more"), End()), spoken("Next.")
    async with converse(*script) as talk:
        talk.ask()
        await talk.until(RelayedSpeech)
        talk.send(Interrupt(2))
        await talk.until(TurnComplete)
        assert len(talk.all(RelayedSpeech)) == 1
        assert talk.said == "One"
        assert len(talk.all(Used)) == 1
        await talk.turn()
        assert talk.said == "OneNext."
