import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from antiphon.audio.wav import read_wav, write_wav
from antiphon.cli import talking
from antiphon.cli.talking import Exchange, Talk, Wish
from antiphon.providers.live import LiveError
from antiphon.wire.gemini import client, server


def wish(**settings: Any) -> Wish:
    unsaid = {"url": "http://localhost:1", "key": "", "model": "gemini-3.8-live", "voice": "Puck", "system": ""}
    return Wish(**{**unsaid, "texts": (), "wav": None, "out": None, "as_json": False, **settings})


class TestAgainstAServer:
    """The command as its users run it."""

    def antiphon(self, running: Any, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "antiphon", "talk", *arguments],
            env={**running.environment, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def test_typed_turns_share_a_session(self, server: Any) -> None:
        done = self.antiphon(server, "--text", "My name is Alice.", "--text", "What is my name?", "--json")
        assert done.returncode == 0, done.stderr
        first, second = json.loads(done.stdout)["turns"]
        assert first["heard"] == "My name is Alice."
        assert second["answer"] == "Your name is Alice."
        assert 0 < second["delay"] < 30
        assert not second["interrupted"]

    def test_people_read_who_said_what_and_how_soon(self, server: Any) -> None:
        done = self.antiphon(server, "--text", "What is two plus three?", "--url", server.tls_url)
        assert done.returncode == 0, done.stderr
        you, model = done.stdout.splitlines()
        assert you == "you   What is two plus three?"
        assert model.startswith("model 2 plus 3 is 5.  ")
        assert model.endswith(" ms")

    def test_a_file_is_spoken_and_its_answer_is_written(self, server: Any, speech: Path, tmp_path: Path) -> None:
        out = tmp_path / "answer.wav"
        question = speech / "what_is_two_plus_three.wav"
        done = self.antiphon(server, "--wav", str(question), "--out", str(out), "--json")
        assert done.returncode == 0, done.stderr
        (turn,) = json.loads(done.stdout)["turns"]
        assert turn["heard"] == "what is two plus three"
        assert turn["answer"] == "2 plus 3 is 5."
        answer = read_wav(out)
        assert answer.rate == 24_000
        assert 0.5 < len(answer.pcm) / 2 / answer.rate < 5
        assert any(answer.pcm)

    @pytest.mark.parametrize(
        ("arguments", "named"),
        [
            (["--model", "nobody", "--text", "Hello"], "closed 1008: setup.model: models/nobody is not found; use "),
            (["--url", "http://localhost:1", "--text", "Hello"], "http://localhost:1 does not answer: "),
            (["--url", "localhost:1", "--text", "Hello"], "give a base URL such as http://localhost:8080"),
            (["--wav", "missing.wav"], "missing.wav: "),
            (["--wav", __file__], f"{__file__}: "),
        ],
        ids=["model", "nobody-there", "no-url", "no-file", "no-sound"],
    )
    def test_what_is_wrong_is_said_in_one_line(self, arguments: list[str], named: str, server: Any) -> None:
        done = self.antiphon(server, *arguments)
        assert done.returncode == 2
        assert done.stdout == ""
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"error: {named}") or named in line


class Script:
    """A session that answers what a test wrote down, whatever is sent."""

    def __init__(self, *messages: server.ServerMessage, ends: bool = True) -> None:
        self.sent: list[client.Message] = []
        self._messages = messages
        self._ends = ends

    async def send(self, message: client.Message) -> None:
        self.sent.append(message)

    async def messages(self) -> AsyncIterator[server.ServerMessage]:
        for message in self._messages:
            yield message
        if self._ends:
            raise LiveError("closed 1001: the end", 1001)
        await asyncio.Event().wait()


def content(**members: Any) -> server.ServerMessage:
    return server.ServerMessage(server_content=server.ServerContent(**members))


def sound(pcm: bytes) -> server.ServerMessage:
    part = client.Part(inline_data=client.Blob(data=pcm, mime_type="audio/pcm;rate=24000"))
    return content(model_turn=client.Content(role="model", parts=[part]))


def words(text: str) -> server.ServerMessage:
    return content(output_transcription=server.Transcription(text=text))


DONE = content(turn_complete=True)


async def converse(session: Any, **settings: Any) -> list[Exchange]:
    """The exchanges of a conversation with ``session``, typed."""
    talk = Talk(session, wish(texts=("Hello",), **settings))
    await talk.type(("Hello",))
    talk.finish()
    return talk._exchanges


async def test_an_exchange_is_all_that_came_until_the_turn_was_complete(capsys: pytest.CaptureFixture[str]) -> None:
    session = Script(sound(b"\1\0"), words("One. "), words("Two."), DONE)
    (exchange,) = await converse(session)
    assert session.sent == [client.RealtimeInput(text="Hello")]
    assert exchange.answer == "One. Two."
    assert exchange.delay is not None
    assert "model One. Two." in capsys.readouterr().out


async def test_an_interruption_and_calls_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    call = server.ServerMessage(tool_call=server.ToolCall(function_calls=[client.FunctionCall(id="1", name="dim")]))
    (exchange,) = await converse(Script(call, words("Wait"), content(interrupted=True), DONE))
    assert exchange.interrupted
    assert exchange.tool_calls == ["dim"]
    shown = capsys.readouterr().out
    assert "call  dim" in shown
    assert "interrupted" in shown


async def test_text_answers_count_as_well() -> None:
    turn = client.Content(role="model", parts=[client.Part(text="Written.")])
    (exchange,) = await converse(Script(content(model_turn=turn), DONE), as_json=True)
    assert exchange.answer == "Written."


async def test_what_is_said_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    await converse(Script(words("[bold]yes[/nothing]"), DONE))
    assert "model [bold]yes[/nothing]" in capsys.readouterr().out


async def test_the_answer_is_written_as_wav(tmp_path: Path) -> None:
    out = tmp_path / "answer.wav"
    await converse(Script(sound(b"\1\0\2\0"), sound(b"\3\0"), DONE), out=out)
    assert read_wav(out).pcm == b"\1\0\2\0\3\0"


async def test_the_end_of_the_session_is_an_error() -> None:
    with pytest.raises(LiveError, match="closed 1001"):
        await converse(Script(words("One. ")))


async def test_a_file_without_speech_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talking, "PATIENCE", 0.0)
    monkeypatch.setattr(talking, "SILENCE_AFTER_FILE", 0.02)
    silence = tmp_path / "silence.wav"
    write_wav(silence, bytes(3_200), 16_000)
    session = Script(ends=False)
    with pytest.raises(LiveError, match="is there speech in it"):
        await Talk(session, wish(wav=silence)).speak_file(silence)  # type: ignore[arg-type]
    chunks = [message for message in session.sent if isinstance(message, client.RealtimeInput) and message.audio]
    assert b"".join(chunk.audio.data for chunk in chunks if chunk.audio) == bytes(3_200 + 640)
    assert session.sent[-1] == client.RealtimeInput(audio_stream_end=True)


def test_the_setup_says_what_was_wished() -> None:
    setup = talking._setup(wish(voice="Kore", system="Be brief."))
    assert setup.model == "models/gemini-3.8-live"
    assert setup.generation_config is not None
    speech = setup.generation_config.speech_config
    assert speech is not None
    assert speech.voice_config is not None
    assert speech.voice_config.prebuilt_voice_config == client.PrebuiltVoiceConfig(voice_name="Kore")
    assert setup.system_instruction == client.Content(parts=[client.Part(text="Be brief.")])
    assert talking._setup(wish()).system_instruction is None
