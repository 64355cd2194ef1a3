"""The Live door over real WebSockets: who comes in, and what a well-behaved conversation looks like on the wire."""

import asyncio
import base64
import json
import logging
from typing import Any
from urllib.parse import quote

import pytest

from antiphon.live import events
from antiphon.live.history import FunctionCall
from antiphon.live.policy import Policy
from antiphon.server.live import Route, route_of
from antiphon.wire.refusal import Refusal

SERVICE = "google.ai.generativelanguage.{}.GenerativeService.BidiGenerateContent"
VERTEX_PATH = "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"
PATHS = [
    *(f"/ws/{SERVICE.format(version)}" for version in ("v1", "v1beta", "v1alpha")),
    f"//ws/{SERVICE.format('v1')}",
    f"/gemini/ws/{SERVICE.format('v1')}",
    f"/deep/er//ws/{SERVICE.format('v1beta')}",
    f"/ws/{SERVICE.format('v1alpha')}Constrained",
    f"/ws/{SERVICE.format('v1')}/",
]
VERTEX_PATHS = [VERTEX_PATH, f"/prefix/{VERTEX_PATH}", VERTEX_PATH.replace("v1beta1", "v1")]
ROOTS = ["/", "//", ""]
OWN_PATHS = ["/ws", "/live", "/v1/models", "/gateway/live/"]
NOT_PATHS = [
    f"/ws/{SERVICE.format('v1')}Stream",
    f"/ws/{SERVICE.format('1')}",
    "/ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateMusic",
    f"/prefix{VERTEX_PATH}Stream",
]
NOT_LIVE = "path: not the Live API; dial /ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent"
VERTEX_MODEL = "publishers/google/models/gemini-3.8-live"
LONG_VERTEX_MODEL = f"projects/p/locations/us-central1/{VERTEX_MODEL}"


class TestPaths:
    @pytest.mark.parametrize("path", PATHS)
    def test_paths_of_the_gemini_api(self, path: str) -> None:
        assert route_of(path) == Route("gemini")

    @pytest.mark.parametrize("path", VERTEX_PATHS)
    def test_paths_of_vertex(self, path: str) -> None:
        assert route_of(path) == Route("vertex")

    @pytest.mark.parametrize("path", ROOTS)
    def test_the_root_is_anybodys(self, path: str) -> None:
        assert route_of(path) == Route(None)

    @pytest.mark.parametrize("path", OWN_PATHS)
    def test_any_other_path_is_for_clients_that_were_given_an_address_only(self, path: str) -> None:
        assert route_of(path) == Route(None, anybody=False)

    @pytest.mark.parametrize("path", NOT_PATHS)
    def test_other_methods_are_not_served(self, path: str) -> None:
        with pytest.raises(Refusal):
            route_of(path)

    async def test_all_of_them_open_a_session(self, server: Any, dial: Any) -> None:
        for path in (*PATHS, *VERTEX_PATHS, *ROOTS):
            client = await dial(server, path)
            assert "setupComplete" in await client.setup(), path

    async def test_a_query_on_the_bare_root_is_no_other_path(self, server: Any, dial: Any) -> None:
        assert "setupComplete" in await (await dial(server, "/?key=any")).setup()

    async def test_another_method_is_accepted_and_closed_with_the_right_one(self, server: Any, dial: Any) -> None:
        for path in NOT_PATHS:
            assert await (await dial(server, path)).closed() == (1008, NOT_LIVE)

    async def test_another_path_is_closed_with_the_right_one_once_the_setup_tells(
        self, server: Any, dial: Any, puppet: Any
    ) -> None:
        for path in OWN_PATHS:
            client = await dial(server, path)
            await client.send({"setup": {"model": "models/gemini-3.8-live"}})
            assert await client.closed() == (1008, NOT_LIVE)
        assert puppet.opened == 0

    async def test_an_address_of_its_own_is_served_to_a_client_in_vertex_mode(self, server: Any, dial: Any) -> None:
        for path in OWN_PATHS:
            client = await dial(server, path)
            assert "setupComplete" in await client.setup(model=VERTEX_MODEL), path


class TestDialects:
    @pytest.mark.parametrize(
        ("path", "model", "dialect"),
        [
            (PATHS[0], VERTEX_MODEL, "gemini"),
            (VERTEX_PATH, "models/gemini-3.8-live", "vertex"),
            ("/", "models/gemini-3.8-live", "gemini"),
            ("/", "gemini-3.8-live", "gemini"),
            ("/", VERTEX_MODEL, "vertex"),
            ("/", LONG_VERTEX_MODEL, "vertex"),
            ("/gateway", VERTEX_MODEL, "vertex"),
        ],
    )
    async def test_the_path_decides_and_without_one_the_model(
        self, server: Any, dial: Any, path: str, model: str, dialect: str
    ) -> None:
        vertex = dialect == "vertex"
        client = await dial(server, path)
        assert (await client.setup(model=model))["setupComplete"]["sessionId"]
        await client.text("hi")
        turn = await client.turn()
        said, usage = turn[0]["serverContent"]["modelTurn"], turn[-1]["usageMetadata"]
        assert said["role"] == "model"
        assert said["parts"][0]["inlineData"]["mimeType"] == ("audio/pcm" if vertex else "audio/pcm;rate=24000")
        assert usage["candidatesTokenCount" if vertex else "responseTokenCount"] > 0
        assert usage.get("trafficType") == ("ON_DEMAND" if vertex else None)

    async def test_a_function_may_be_answered_without_its_id(self, server: Any, dial: Any, puppet: Any) -> None:
        puppet.answers = False
        client = await dial(server, VERTEX_PATH)
        await client.setup(tools=[{"functionDeclarations": [{"name": "lights", "behavior": "BLOCKING"}]}])
        await client.text("lights on")
        await puppet.latest.told(events.Respond)
        puppet.answers = True
        puppet.latest.emit(events.ToolCalls(1, (FunctionCall("c1", "lights", {}),)))
        assert "toolCall" in await client.receive()
        await client.send({"tool_response": {"functionResponses": [{"name": "lights", "response": {"ok": True}}]}})
        assert await client.turn()


class TestKeys:
    KEY = "s3cret+with/odd=signs"
    GOOD = [
        ("", {"x-goog-api-key": KEY}),
        ("", {"X-Goog-Api-Key": KEY}),
        ("", {"Authorization": f"Bearer {KEY}"}),
        ("", {"Authorization": f"Token {KEY}"}),
        ("", {"authorization": f"bearer  {KEY}"}),
        ("?key=s3cret%2Bwith%2Fodd%3Dsigns", {}),
        (f"?key={KEY}", {}),
        (f"?access_token={KEY}", {}),
        (f"?alt=ws&key={KEY}", {"Authorization": "Basic dTpw"}),
    ]

    @pytest.fixture
    async def locked(self, serve: Any) -> Any:
        return await serve(keys=("another", self.KEY))

    async def test_a_key_is_taken_wherever_clients_put_it(self, locked: Any, dial: Any) -> None:
        for query, headers in self.GOOD:
            client = await dial(locked, "/" + query, additional_headers=headers)
            assert "setupComplete" in await client.setup(), (query, headers)

    async def test_a_missing_key_is_a_readable_close(self, locked: Any, dial: Any) -> None:
        client = await dial(locked)
        assert await client.closed() == (1008, "no API key was sent; send x-goog-api-key or ?key=")

    @pytest.mark.parametrize("wrong", ["wrong", "s3cret", "ключ", "another "])
    async def test_a_wrong_key_is_a_readable_close(self, locked: Any, dial: Any, wrong: str) -> None:
        client = await dial(locked, f"/?key={quote(wrong)}")
        assert await client.closed() == (1007, "API key not valid. Please pass a valid API key.")

    async def test_what_is_sent_before_the_close_does_no_harm(self, locked: Any, dial: Any, puppet: Any) -> None:
        client = await dial(locked)
        await client.send({"setup": {"model": "gemini-3.8-live"}})
        assert (await client.closed())[0] == 1008
        assert puppet.opened == 0

    async def test_no_log_has_a_key(self, locked: Any, dial: Any, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.DEBUG):
            for query, headers in [*self.GOOD, ("?key=almost-" + self.KEY, {}), ("", {})]:
                client = await dial(locked, "/" + query, additional_headers=headers)
                await client.send("{")
                await client.closed()
        ours = [record.getMessage() for record in caplog.records if not record.name.startswith("websockets")]
        assert ours, "refusals are logged"
        assert not [text for text in ours if "s3cret" in text]

    async def test_without_keys_any_key_will_do(self, server: Any, dial: Any) -> None:
        assert "setupComplete" in await (await dial(server, "/?key=whatever")).setup()


class TestOrigins:
    @pytest.mark.parametrize("origin", ["https://app.example", None])
    async def test_an_allowed_origin_or_none_comes_in(self, serve: Any, dial: Any, origin: str | None) -> None:
        server = await serve(allowed_origins=("https://app.example",))
        assert "setupComplete" in await (await dial(server, origin=origin)).setup()

    async def test_a_foreign_origin_is_told_so(self, serve: Any, dial: Any) -> None:
        server = await serve(allowed_origins=("https://app.example",))
        client = await dial(server, origin="https://evil.example")
        assert await client.closed() == (
            1008,
            "origin: https://evil.example is not allowed; see allowed_origins",
        )

    async def test_every_origin_comes_in_unless_there_is_a_list(self, server: Any, dial: Any) -> None:
        assert "setupComplete" in await (await dial(server, origin="http://localhost:5173")).setup()


class TestConversation:
    async def test_setup_complete_is_first_alone_and_names_the_session(self, client: Any) -> None:
        message = await client.setup()
        assert list(message) == ["setupComplete"]
        assert message["setupComplete"]["sessionId"]

    async def test_a_turn_is_audio_words_then_both_completes_with_usage(self, client: Any, kinds: Any) -> None:
        await client.setup(outputAudioTranscription={})
        await client.text("hello there")
        turn = await client.turn()
        assert kinds(turn[:-1]) == [*["modelTurn"] * 3, "outputTranscription", "generationComplete"]
        assert turn[3]["serverContent"]["outputTranscription"] == {"text": "hello there", "finished": True}
        assert turn[-1]["serverContent"] == {"turnComplete": True}
        assert {"modality": "AUDIO", "tokenCount": 19} in turn[-1]["usageMetadata"]["responseTokensDetails"]

    async def test_sound_is_one_part_of_24_khz_pcm(self, client: Any, puppet: Any) -> None:
        puppet.chunks = [bytes(range(200))]
        await client.setup()
        await client.text("hi")
        (part,) = (await client.receive())["serverContent"]["modelTurn"]["parts"]
        assert part["inlineData"]["mimeType"] == "audio/pcm;rate=24000"
        assert base64.b64decode(part["inlineData"]["data"]) == bytes(range(200))

    async def test_long_speech_travels_in_frames_that_clients_take(self, client: Any, puppet: Any) -> None:
        puppet.chunks = [bytes(20 * 48_000)]
        await client.setup()
        await client.text("hi")
        turn = await client.turn()
        datas = [m["serverContent"]["modelTurn"]["parts"][0]["inlineData"]["data"] for m in turn[:-2]]
        assert sum(len(base64.b64decode(data)) for data in datas) == 20 * 48_000
        assert max(map(len, datas)) < 17_000

    async def test_a_text_session_is_answered_in_text(self, client: Any) -> None:
        await client.setup(generationConfig={"responseModalities": ["TEXT"]})
        await client.text("grüß dich 👋")
        assert (await client.receive())["serverContent"]["modelTurn"]["parts"] == [{"text": "grüß dich 👋"}]

    @pytest.mark.parametrize("encode", [str, str.encode], ids=["text", "binary"])
    async def test_text_and_binary_frames_are_both_read(self, client: Any, encode: Any) -> None:
        await client.send(encode(json.dumps({"setup": {"model": "gemini-3.8-live"}})))
        assert "setupComplete" in await client.receive()
        await client.send(encode(json.dumps({"realtime_input": {"text": "hi"}})))
        assert await client.turn()

    async def test_fragmented_frames_are_put_together(self, client: Any) -> None:
        await client.setup()
        await client.socket.send(iter(['{"realtimeInput":', '{"text":', '"hi"}}']))
        assert await client.turn()

    async def test_sound_does_not_overtake_what_has_to_be_looked_up(self, client: Any, puppet: Any) -> None:
        puppet.answers = False
        await client.send({"setup": {"model": "gemini-3.8-live"}})
        for number in range(1, 6):
            await client.audio(bytes(2 * number))
            await client.text(str(number))
        await client.receive()
        await puppet.latest.told(events.Respond, 5)
        told = [event for event in puppet.latest.sent if isinstance(event, events.Audio | events.Respond)]
        assert [type(event) for event in told] == 5 * [events.Audio, events.Respond]
        assert [len(event.pcm) for event in told[::2]] == [2, 4, 6, 8, 10]

    async def test_sound_that_is_too_long_is_refused_as_everything_is(self, serve: Any, dial: Any) -> None:
        client = await dial(await serve(max_message_bytes=2000))
        await client.setup()
        await client.audio(bytes(640))
        await client.audio(bytes(1600))
        code, reason = await client.closed()
        assert code == 1009
        assert "exceed the 2000 of this server" in reason

    @pytest.mark.parametrize("odd", [{"realtimeInput": {"audio": {"data": "!!!"}}}, {"realtimeInput": {"audio": 1}}])
    async def test_odd_sound_is_refused_by_name(self, client: Any, odd: dict[str, Any]) -> None:
        await client.setup()
        await client.audio()
        await client.send(odd)
        code, reason = await client.closed()
        assert code == 1007
        assert "realtimeInput.audio" in reason

    async def test_what_is_heard_is_answered(self, client: Any, puppet: Any, kinds: Any) -> None:
        await client.setup(inputAudioTranscription={})
        puppet.hears = [
            events.ActivityStarted(0.0),
            events.ActivityEnded(0.5),
            events.InputTranscript("good morning", final=True),
        ]
        await client.audio()
        turn = await client.turn()
        assert [message.get("voiceActivity") for message in turn[:2]] == [
            {"type": "ACTIVITY_START", "audioOffset": "0.000s"},
            {"type": "ACTIVITY_END", "audioOffset": "0.500s"},
        ]
        assert turn[2]["serverContent"]["inputTranscription"] == {"text": "good morning", "finished": True}
        assert kinds(turn)[-2:] == ["generationComplete", "turnComplete"]
        assert puppet.latest.sent[0] == events.Audio(bytes(640), 16_000)

    async def test_interrupted_travels_alone_and_only_turn_complete_follows(
        self, serve: Any, dial: Any, puppet: Any
    ) -> None:
        client = await dial(await serve(session=Policy(pace_turns=True)))
        puppet.hears = [events.ActivityStarted(0.0)]
        await client.setup(outputAudioTranscription={})
        await client.text("hello")
        while "outputTranscription" not in (await client.receive())["serverContent"]:
            pass
        await client.audio()
        assert "voiceActivity" in await client.receive()
        assert await client.receive() == {"serverContent": {"interrupted": True}}
        last = await client.receive()
        assert last["serverContent"] == {"turnComplete": True}
        assert "usageMetadata" in last

    async def test_functions_are_called_and_their_answers_read(self, client: Any, puppet: Any, kinds: Any) -> None:
        puppet.answers = False
        await client.setup(tools=[{"functionDeclarations": [{"name": "lights"}]}])
        await client.text("lights on")
        await puppet.latest.told(events.Respond)
        puppet.answers = True
        puppet.latest.emit(events.ToolCalls(1, (FunctionCall("c1", "lights", {"raw_Key": "ä"}),)))
        assert await client.receive() == {
            "toolCall": {"functionCalls": [{"id": "c1", "name": "lights", "args": {"raw_Key": "ä"}}]}
        }
        await client.send({"toolResponse": {"functionResponses": [{"id": "c1", "response": {"output": "ok"}}]}})
        assert kinds(await client.turn())[-2:] == ["generationComplete", "turnComplete"]

    async def test_nothing_false_or_empty_is_ever_sent(self, client: Any) -> None:
        await client.setup(outputAudioTranscription={})
        await client.text("hi")

        def values(value: Any) -> list[Any]:
            inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
            return [value, *(deep for each in inner for deep in values(each))]

        for message in await client.turn():
            assert not [value for value in values(message) if value in (False, "", None, [], {}) and value != 0]

    async def test_sessions_do_not_mix(self, server: Any, dial: Any) -> None:
        async def talk(number: int) -> str:
            client = await dial(server)
            await client.setup(outputAudioTranscription={})
            said = ""
            for turn in range(5):
                await client.text(f"{number}.{turn}")
                for message in await client.turn():
                    said += message["serverContent"].get("outputTranscription", {}).get("text", "") + " "
            return " ".join(said.split())

        said = await asyncio.gather(*map(talk, range(20)))
        assert said == [" ".join(f"{number}.{turn}" for turn in range(5)) for number in range(20)]

    async def test_a_client_that_closes_is_answered_and_forgotten(
        self, server: Any, client: Any, until: Any, puppet: Any
    ) -> None:
        await client.setup()
        assert server.sessions == 1
        await client.socket.close(1000, "bye")
        assert client.socket.close_code == 1000
        await until(lambda: server.sessions == 0)
        assert not puppet.living


class TestWhatAnEngineMayDo:
    async def test_an_engine_that_is_not_available_says_why(self, client: Any, puppet: Any) -> None:
        puppet.unavailable = "every voice is busy; try again later"
        await client.send({"setup": {"model": "gemini-3.8-live"}})
        assert await client.closed() == (1011, "every voice is busy; try again later")

    async def test_a_failure_closes_with_its_code(self, client: Any, puppet: Any) -> None:
        await client.setup()
        puppet.latest.emit(events.Failure("the upstream is gone" + "!" * 200, 1008))
        code, reason = await client.closed()
        assert code == 1008
        assert reason.startswith("the upstream is gone!!!")
        assert reason.endswith("…")

    @pytest.mark.parametrize("args", [{"x": object()}, {"x": "\ud800"}], ids=["type", "text"])
    async def test_what_json_cannot_carry_closes_instead_of_going_silent(
        self, client: Any, puppet: Any, args: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        puppet.answers = False
        await client.setup()
        await client.text("hi")
        await puppet.latest.told(events.Respond)
        puppet.latest.emit(events.ToolCalls(1, (FunctionCall("1", "f", args),)))
        assert await client.closed() == (1011, "internal error; the log of the server has it")
        assert "could not be encoded" in caplog.text

    async def test_a_message_that_no_client_would_take_closes(self, client: Any, puppet: Any) -> None:
        puppet.answers = False
        await client.setup(generationConfig={"responseModalities": ["TEXT"]})
        await client.text("hi")
        await puppet.latest.told(events.Respond)
        puppet.latest.emit(events.ModelText(1, "x" * (1 << 20)))
        code, reason = await client.closed()
        assert code == 1011
        assert "exceeds the 1048576 that clients take" in reason
