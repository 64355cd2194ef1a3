"""What a table of a route may say, and what a wrong one is told."""

from pathlib import Path
from typing import Any

import pytest

from antiphon.engines.settings import SettingError
from antiphon.live import profiles
from antiphon.routing.route import Route, Target
from antiphon.server.config import Config, ConfigError, load_config
from antiphon.server.route_config import read_routes

ENGINES = ("google", "home")


def to(*names: str, **more: Any) -> dict[str, Any]:
    return {"targets": [{"engine": name} for name in names], **more}


def test_a_table_is_a_route() -> None:
    target = {"engine": "google", "weight": 3, "priority": 1, "max_calls": 9}
    table = {"targets": [target, {"engine": "embedded"}], "when_exhausted": "home", "retries": 2}
    routes = read_routes({"gemini-3.8-live": table, "ours": to("home", profile="gemini-3.8-live")}, ENGINES)
    assert routes == {
        "gemini-3.8-live": Route((Target("google", 3, 1, 9), Target("embedded")), "home", 2),
        "ours": Route((Target("home"),), profile="gemini-3.8-live"),
    }


class TestWithoutAny:
    def test_the_engine_on_board_answers(self) -> None:
        assert read_routes(None, ()) == {"*": Route((Target("embedded"),), retries=0)}
        assert Config().routes == read_routes(None, ())

    def test_the_only_engine_answers(self) -> None:
        assert read_routes(None, ("google",)) == {"*": Route((Target("google"),))}

    def test_of_several_somebody_must_say_which(self) -> None:
        remedy = (
            r'routes: are missing, and there are 2 engines; .*\[routes."\*"\] with targets = \[{engine = "google"}\]'
        )
        with pytest.raises(SettingError, match=remedy):
            read_routes(None, ENGINES)


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({}, 'routes: must be tables; write [routes."*"]'),
        ([], "routes: must be tables"),
        ({"*": {}}, 'routes."*".targets: is missing; set it'),
        ({"*": to("gogle")}, 'routes."*".targets[0].engine: gogle is no engine; did you mean google?'),
        ({"*": to("home", "x")}, 'routes."*".targets[1].engine: x is no engine; there are google, home, embedded'),
        (
            {"*": to("home", when_exhausted="refuze")},
            'routes."*".when_exhausted: refuze is no engine; did you mean',
        ),
        ({"*": to("home", retry=1)}, 'routes."*".retry: is no setting; did you mean retries?'),
        (
            {"gemini-3.8-live": {"targets": [{"engine": "home", "wait": 2}]}},
            'routes."gemini-3.8-live".targets[0].wait: is no setting; did you mean weight?',
        ),
        (
            {"gemini-3.8-live": {"targets": [{"engine": "home", "weight": 0}]}},
            'routes."gemini-3.8-live".targets[0]: weight must be positive',
        ),
        ({"ours": to("home")}, "routes.ours.profile: is missing, for nothing is known of ours; set profile to"),
        ({"ours": to("home", profile="x")}, "routes.ours.profile: x is unknown; use one of"),
        (
            {"gemini-3.8-live": to("home", profile="gemini-3.8-live")},
            'routes."gemini-3.8-live".profile: gemini-3.8-live has rules of its own; leave it out',
        ),
        ({"models/ours": to("home")}, 'routes."models/ours": names a path; use what follows its last slash: ours'),
    ],
)
def test_a_wrong_one_is_told_where_and_what_to_do(tables: Any, message: str) -> None:
    with pytest.raises(SettingError) as error:
        read_routes(tables, ENGINES)
    assert str(error.value).startswith(message)


def test_every_profile_and_every_alias_may_have_a_route() -> None:
    names = [*profiles.PROFILES, *profiles.ALIASES]
    assert set(read_routes({name: to("home") for name in names}, ENGINES)) == set(names)


def test_a_file_has_engines_and_routes(tmp_path: Path) -> None:
    file = tmp_path / "antiphon.toml"
    file.write_text('[engines.home]\nkind = "cascade"\n[routes."*"]\ntargets = [{engine = "home", weight = 2}]\n')
    config = load_config(file, {"port": 1})
    assert config.engines["home"].kind == "cascade"
    assert config.routes == {"*": Route((Target("home", 2),))}
    assert (config.discovers, Config().discovers, Config(discovery=False).discovers) == (False, True, False)


def test_what_is_wrong_in_a_file_is_said_with_its_name(tmp_path: Path) -> None:
    file = tmp_path / "antiphon.toml"
    file.write_text('[engines.home]\nkind = "cascade"\nvoce = 1\n')
    with pytest.raises(ConfigError, match=r"antiphon.toml: engines.home.voce: is no setting; did you mean voice\?"):
        load_config(file, {})
    file.write_text('[language_model]\nurl = "http://x"\nmodle = "m"\n')
    with pytest.raises(ConfigError, match=r"antiphon.toml: language_model.modle: is no setting; did you mean model\?"):
        load_config(file, {})


def test_a_script_answers_in_place_of_a_language_model(tmp_path: Path) -> None:
    file = tmp_path / "antiphon.toml"
    file.write_text('script = "x.yaml"\n[language_model]\nurl = "http://x"\nmodel = "m"\n')
    settings = load_config(file, {}).embedded.settings
    assert (settings.script, settings.language_model) == ("x.yaml", None)
    assert load_config(file, {"script": None}).language_model is not None


def test_settings_that_need_a_restart_are_known() -> None:
    old = Config()
    new = Config(port=1, keys=("k",), recognisers=3, routes={"*": Route((Target("embedded"),))})
    assert old.needing_restart(new) == ["port", "keys"]
    assert old.needing_restart(old) == []
