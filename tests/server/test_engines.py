"""A server with several engines: who answers, who takes over, and what a new configuration changes while calls run."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from antiphon.engines.assembly import Assembly
from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.announcer import VoiceAnnouncer
from antiphon.engines.cascade.parts import SpeechChunk, SpokenWord
from antiphon.engines.settings import EmbeddedConfig
from antiphon.live import events
from antiphon.live.inputs import Dismiss
from antiphon.live.policy import Policy
from antiphon.server.config import Config, load_config
from antiphon.server.engines import Engines
from antiphon.server.reloading import Reloader
from antiphon.server.running import Server
from antiphon.testing.clock import VirtualClock

ENGINE = '[engines.{name}]\nkind = "gemini-live"\nmodel = "{model}"\n{more}\n'
ROUTE = '[routes."{model}"]\ntargets = [{targets}]\n{more}\n'


def engine(name: str, model: str = "m", more: str = "") -> str:
    return ENGINE.format(name=name, model=model, more=more)


def route(*names: str, model: str = "*", more: str = "") -> str:
    targets = ", ".join(f'{{engine = "{name}", priority = {number}}}' for number, name in enumerate(names))
    return ROUTE.format(model=model, targets=targets, more=more)


class House:
    """A server whose engines are puppets, and the file that configures it."""

    def __init__(self, file: Path, puppets: dict[str, Any], serve: Any) -> None:
        self.file = file
        self.puppets = puppets
        self.server: Server
        self.reloader: Reloader
        self._serve = serve

    def write(self, *tables: str) -> None:
        self.file.write_text("\n".join(tables))

    def read(self) -> Config:
        return load_config(self.file, {})

    async def open(self, *tables: str, **settings: Any) -> Server:
        self.write(*tables)
        config = self.read()
        self.server = await self._serve(engines=config.engines, routes=config.routes, **settings)
        self.reloader = Reloader(self.file, self.read, self.server.apply, self.server.clock)
        return self.server

    async def change(self, *tables: str) -> str:
        self.write(*tables)
        return (await self.reloader.reload()).said


@pytest.fixture
async def house(
    tmp_path: Path, serve: Any, make_puppet: Callable[[], Any], puppet: Any, monkeypatch: pytest.MonkeyPatch
) -> House:
    puppets: dict[str, Any] = {"embedded": puppet}

    def build(self: Assembly, settings: Any, gates: Any) -> Any:
        """A puppet for every model of an upstream: the same for the same one."""
        return puppets.setdefault(settings.model, make_puppet())

    monkeypatch.setattr(Assembly, "build", build)
    return House(tmp_path / "antiphon.toml", puppets, serve)


class TestRoutes:
    async def test_the_engine_of_the_route_answers(self, house: House, dial: Any, kinds: Any) -> None:
        server = await house.open(engine("far"), route("far"))
        client = await dial(server)
        await client.setup()
        await client.text("hi")
        assert "modelTurn" in kinds(await client.turn())
        assert (house.puppets["m"].opened, house.puppets["embedded"].opened) == (1, 0)

    async def test_engines_that_no_route_names_are_not_started(self, house: House) -> None:
        server = await house.open(engine("far"), engine("spare", "s"), route("far"))
        assert [status.name for status in server.engines] == ["far"]
        assert "s" not in house.puppets
        assert house.puppets["embedded"].started == 0

    async def test_another_takes_over_in_the_middle_of_an_answer(self, house: House, dial: Any, kinds: Any) -> None:
        server = await house.open(engine("far"), route("far", "embedded"))
        far, near = (house.puppets[name] for name in ("m", "embedded"))
        far.answers = False
        client = await dial(server)
        await client.setup()
        await client.text("hi")
        (asked,) = await far.latest.told(events.Respond)
        far.latest.emit(events.Speech(asked.generation, bytes(480)), events.Lost("the upstream is gone"))
        told = kinds(await client.turn())
        assert told.count("interrupted") <= 1
        assert (far.opened, near.opened) == (1, 1)
        await client.text("are you there?")
        assert "modelTurn" in kinds(await client.turn())

    async def test_a_name_of_the_owners_is_a_model(self, house: House, dial: Any) -> None:
        server = await house.open(engine("far"), route("far", model="ours", more='profile = "gemini-3.8-live"'))
        client = await dial(server)
        assert "setupComplete" in await client.setup(model="models/ours")
        assert house.puppets["m"].latest.setup.profile.id == "gemini-3.8-live"

    @pytest.mark.parametrize(
        ("model", "code", "reason"),
        [
            ("models/nonsense", 1008, "setup.model: models/nonsense is not found"),
            ("", 1007, "setup.model: is missing"),
            (
                "models/gemini-3.1-flash-live-preview",
                1008,
                "setup.model: models/gemini-3.1-flash-live-preview is",
            ),
        ],
    )
    async def test_a_model_that_is_not_served_is_refused(
        self, house: House, dial: Any, model: str, code: int, reason: str
    ) -> None:
        server = await house.open(engine("far"), route("far", model="gemini-3.8-live"))
        client = await dial(server)
        await client.send({"setup": {"model": model}})
        closed = await client.closed()
        assert closed[0] == code
        assert closed[1].startswith(reason)

    async def test_calls_beyond_the_room_of_all_are_told_to_try_again(
        self, house: House, dial: Any, until: Any
    ) -> None:
        table = '[routes."*"]\ntargets = [{engine = "far", max_calls = 1}]\n'
        server = await house.open(engine("far"), table)
        first, second = await dial(server), await dial(server)
        await first.setup()
        await second.send({"setup": {"model": "models/gemini-3.8-live"}})
        assert await second.closed() == (1011, "no engine can take this call now; try again later")
        first.vanish()
        await until(lambda: not any(status.calls for status in server.engines))
        third = await dial(server)
        assert "setupComplete" in await third.setup()

    async def test_an_engine_that_cannot_begin_is_passed_over(self, house: House, dial: Any) -> None:
        server = await house.open(engine("far"), route("far", "embedded"))
        house.puppets["m"].unavailable = "it is busy"
        client = await dial(server)
        assert "setupComplete" in await client.setup()
        assert house.puppets["embedded"].opened == 1


class TestStart:
    async def test_an_engine_that_cannot_start_is_named(self, house: House, make_puppet: Any) -> None:
        house.puppets["m"] = broken(make_puppet)
        with pytest.raises(EngineUnavailable, match=r"^engines.far: no key$"):
            await house.open(engine("far"), route("far"))

    async def test_unless_it_is_optional(self, house: House, make_puppet: Any, dial: Any) -> None:
        house.puppets["m"] = broken(make_puppet)
        server = await house.open(engine("far", more="optional = true"), route("far", "embedded"))
        down, ready = server.engines
        assert (down.state, down.detail, ready.state) == ("down", "no key", "ready")
        client = await dial(server)
        assert "setupComplete" in await client.setup()

    async def test_all_are_closed_in_the_end(self, house: House) -> None:
        server = await house.open(engine("far"), route("far", "embedded"))
        await server.stop()
        assert [puppet.closed for puppet in house.puppets.values()] == [1, 1]


class TestReload:
    async def test_a_call_goes_on_and_the_next_gets_the_new_engine(
        self, house: House, dial: Any, kinds: Any, until: Any
    ) -> None:
        server = await house.open(engine("far", "old"), route("far"))
        old = house.puppets["old"]
        client = await dial(server)
        await client.setup()
        said = await house.change(engine("far", "new"), route("far"))
        assert said.startswith("started far; replaced far")
        new = house.puppets["new"]
        await client.text("hi")
        assert "modelTurn" in kinds(await client.turn())
        other = await dial(server)
        await other.setup()
        assert (old.opened, new.opened, old.closed) == (1, 1, 0)
        assert [(status.state, status.calls) for status in server.engines] == [("ready", 1), ("replaced", 1)]
        client.vanish()
        await until(lambda: old.closed == 1)
        assert new.closed == 0

    async def test_a_call_in_the_middle_of_an_answer_does_not_notice(self, house: House, dial: Any, kinds: Any) -> None:
        server = await house.open(engine("far", "old"), route("far"))
        old = house.puppets["old"]
        old.answers = False
        client = await dial(server)
        await client.setup()
        await client.text("hi")
        (asked,) = await old.latest.told(events.Respond)
        await house.change(engine("far", "new"), route("far"))
        old.latest.emit(events.Speech(asked.generation, bytes(480)), events.GenerationComplete(asked.generation))
        assert kinds(await client.turn()) == ["modelTurn", "generationComplete", "turnComplete"]

    async def test_a_call_whose_engine_is_lost_later_finds_the_next_on_the_new_route(
        self, house: House, dial: Any, until: Any
    ) -> None:
        server = await house.open(engine("far", "old"), route("far"))
        client = await dial(server)
        await client.setup()
        await house.change(engine("near", "new"), route("near"))
        house.puppets["old"].latest.emit(events.Lost("the upstream is gone"))
        await until(lambda: house.puppets["new"].opened == 1)

    @pytest.mark.parametrize(
        ("tables", "said"),
        [
            (["[engines"], "is not TOML"),
            ([engine("far", "new"), route("fra")], "fra is no engine; did you mean far?"),
            ([engine("far", "broken"), route("far")], "engines.far: no key"),
        ],
    )
    async def test_a_broken_file_changes_nothing(
        self, house: House, dial: Any, make_puppet: Any, tables: list[str], said: str
    ) -> None:
        house.puppets["broken"] = broken(make_puppet)
        server = await house.open(engine("far", "old"), route("far"))
        assert said in await house.change(*tables)
        assert house.reloader.status.good is False
        client = await dial(server)
        await client.setup()
        assert house.puppets["old"].opened == 1
        assert [status.state for status in server.engines] == ["ready"]

    async def test_settings_that_need_a_restart_are_named_each_time(self, house: House) -> None:
        server = await house.open(engine("far", "old"), route("far"))
        own = {name: getattr(server.config, name) for name in ("port", "data_dir", "drain", "watermark")}
        same = f'port = {own["port"]}\ndata_dir = "{own["data_dir"]}"\ndrain = 0.0\nwatermark = false\n'
        same += "[session]\npace_turns = false\n"
        for _ in range(2):
            said = await house.change("tls_port = 1", same, engine("far", "old"), route("far"))
            assert said == "kept far; only a restart changes tls_port"

    async def test_an_engine_that_stays_as_it_was_goes_on(self, house: House) -> None:
        await house.open(engine("far", "old"), route("far"))
        said = await house.change(engine("far", "old"), engine("near", "new"), route("near", "far"))
        assert said.startswith("started near; kept far")
        assert house.puppets["old"].started == 1

    async def test_a_script_that_changed_is_another_engine(
        self, tmp_path: Path, make_puppet: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        built: list[Any] = []

        def build(self: Assembly, settings: Any, gates: Any) -> Any:
            assert isinstance(settings, EmbeddedConfig)
            built.append(settings)
            return make_puppet()

        monkeypatch.setattr(Assembly, "build", build)
        script = Script(tmp_path / "answers.yaml")
        config = Config(
            port=0, tls_port=None, data_dir=tmp_path, drain=0.0, script=script.path, session=Policy(pace_turns=False)
        )
        server = Server(config)
        await server.start()
        try:
            assert await server.apply(config) == "kept embedded"
            script.write("rules: []  # another one")
            assert await server.apply(config) == "started embedded; replaced embedded"
        finally:
            await server.stop()
        assert len(built) == 2


class Script:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.write("rules: []")

    def write(self, text: str) -> None:
        self.path.write_text(text)


def broken(make_puppet: Callable[[], Any]) -> Any:
    """An engine that cannot start."""
    puppet = make_puppet()

    async def start() -> None:
        raise EngineUnavailable("no key")

    puppet.start = start
    return puppet


class SilentVoice:
    """A voice that says every word in 10 ms of silence."""

    def __init__(self, fails: str = "") -> None:
        self.fails = fails
        self.starts = self.closes = 0

    async def start(self) -> None:
        self.starts += 1
        if self.fails:
            raise EngineUnavailable(self.fails)

    async def speak(self, text: str, voice: str = "", language: str = "") -> AsyncIterator[SpeechChunk]:
        yield SpeechChunk(bytes(480), (SpokenWord(text, 0.0),))

    async def aclose(self) -> None:
        self.closes += 1


class TestAnnouncements:
    async def test_a_farewell_is_spoken_with_a_voice_of_the_servers_own(
        self, house: House, dial: Any, puppet: Any, tmp_path: Path
    ) -> None:
        config = Config(port=0, tls_port=None, data_dir=tmp_path, drain=0.0, session=Policy(pace_turns=False))
        voice: Any = SilentVoice()
        server = Server(config, puppet, announcer=VoiceAnnouncer(voice))
        await server.start()
        try:
            client = await dial(server)
            await client.setup(outputAudioTranscription={})
            (call,) = server._switchboard.calls
            call.receive(Dismiss("the budget is used up", "Goodbye."))
            said, code = "", 0
            while not code:
                message = await client.receive()
                content = message.get("serverContent", {})
                said += content.get("outputTranscription", {}).get("text", "")
                if "turnComplete" in content:
                    code, _ = await client.closed()
            assert (said, code) == ("Goodbye.", 1008)
        finally:
            await server.stop()

    @pytest.mark.parametrize("fails", ["", "espeak-ng is missing"])
    async def test_the_voice_on_board_is_had_where_it_is(
        self, house: House, make_puppet: Any, monkeypatch: pytest.MonkeyPatch, fails: str
    ) -> None:
        voice = SilentVoice(fails)
        monkeypatch.setattr(Assembly, "voice", lambda self, config: voice)
        house.write(engine("far"), route("far"))
        engines = Engines()
        await engines.start(house.read(), VirtualClock())
        assert (engines.announcer is None) == (engines.voice is None) == bool(fails)
        await engines.aclose()
        assert (voice.starts, voice.closes) == (1, 0 if fails else 1)
