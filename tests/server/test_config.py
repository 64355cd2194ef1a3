"""Settings: where they come from, and what a wrong one says."""

from pathlib import Path
from typing import Any

import pytest

from antiphon.live.policy import Policy
from antiphon.server.config import Config, ConfigError, SearchConfig, is_loopback, load_config


@pytest.fixture
def file(tmp_path: Path) -> Any:
    def write(text: str) -> Path:
        path = tmp_path / "antiphon.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


class TestSources:
    def test_nothing_said_is_safe(self) -> None:
        config = load_config(None, {})
        assert config == Config()
        assert is_loopback(config.host)
        config.check_exposure()

    def test_a_file_is_read(self, file: Any) -> None:
        path = file('port = 9000\nkeys = ["a", "b"]\nscript = "~/s.yaml"\n[session]\npace_turns = false\n')
        config = load_config(path, {})
        assert (config.port, config.keys) == (9000, ("a", "b"))
        assert config.script == Path.home() / "s.yaml"
        assert config.session == Policy(pace_turns=False)

    def test_the_command_line_wins_where_it_says_something(self, file: Any) -> None:
        path = file('port = 9000\nhost = "127.0.0.2"\nkeys = ["a"]')
        config = load_config(path, {"port": 0, "host": None, "keys": [], "tls_names": ["x"]})
        assert (config.port, config.host, config.keys, config.tls_names) == (0, "127.0.0.2", ("a",), ("x",))

    def test_the_command_line_wins_within_a_table(self, file: Any) -> None:
        path = file('[search]\nfolder = "docs"\n[session]\nidle_timeout = 9.0')
        overrides = {"search": {"folder": None, "searxng": "http://x"}, "session": {"pace_turns": False}}
        config = load_config(path, overrides)
        assert config.search == SearchConfig("docs", "http://x")
        assert config.session == Policy(idle_timeout=9.0, pace_turns=False)


class TestMistakes:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("prot = 1", "unknown field prot"),
            ("[session]\npace_turn = false", r"unknown field pace_turn - at \$.session"),
            ('port = "x"', r"Expected int, got str - at \$.port"),
            ("keys = 'one'", r"Expected array, got str - at \$.keys"),
            ("port = 70000", "port must be 0 to 65535"),
            ("tls_port = -1", "tls_port must be 0 to 65535"),
            ("max_sessions = 0", "max_sessions must be positive"),
            ("write_timeout = -1", "write_timeout must be positive"),
            ("write_timeout = nan", "write_timeout must be positive"),
            ("write_timeout = inf", "write_timeout must be positive"),
            ("drain = -0.1", "drain must not be negative"),
            ("resumption_ttl = 0", "resumption_ttl must be positive"),
            ("record_ttl = inf", "record_ttl must be positive"),
            ("[session]\nidle_timeout = 0", r"idle_timeout must be positive - at \$.session"),
            ("[session]\nsetup_timeout = nan", "setup_timeout must be positive"),
            ("port = ", "is not TOML"),
            ("data_dir = 5", r"\$.data_dir"),
            ("[search]\nfolders = 'x'", r"unknown field folders - at \$.search"),
            ("search = 'x'", r"Expected object, got str - at \$.search"),
        ],
    )
    def test_a_wrong_setting_is_named_with_its_file(self, file: Any, text: str, message: str) -> None:
        path = file(text)
        with pytest.raises(ConfigError, match=message) as wrong:
            load_config(path, {})
        assert str(wrong.value).startswith(str(path))

    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"none.toml: cannot be read \(No such file"):
            load_config(tmp_path / "none.toml", {})

    def test_a_file_that_is_no_text_is_named(self, tmp_path: Path) -> None:
        path = tmp_path / "b.toml"
        path.write_bytes(b"\xff\xfe\x00")
        with pytest.raises(ConfigError, match="is not TOML"):
            load_config(path, {})

    @pytest.mark.parametrize("text", ['keys = "s3cret"', 'keys = ["s3cret", 5]', 'keys = ["s3cret]', 'key = "s3cret"'])
    def test_no_message_has_a_secret(self, file: Any, text: str) -> None:
        with pytest.raises(ConfigError) as wrong:
            load_config(file(text), {})
        assert "s3cret" not in str(wrong.value)

    def test_a_wrong_setting_of_the_command_line_is_named(self) -> None:
        with pytest.raises(ConfigError, match=r"^Expected int, got str"):
            load_config(None, {"port": "x"})


class TestExposure:
    @pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
    def test_without_keys_only_this_machine_is_served(self, host: str) -> None:
        assert is_loopback(host)
        Config(host=host).check_exposure()

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "voice.lan", ""])
    def test_strangers_need_keys(self, host: str) -> None:
        assert not is_loopback(host)
        with pytest.raises(ConfigError, match=r"no key is set: add --key SECRET .* or use --host 127.0.0.1"):
            Config(host=host).check_exposure()
        Config(host=host, keys=("k",)).check_exposure()
