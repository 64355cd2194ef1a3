import importlib.util
import json
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from antiphon.audio.watermark import RATE, embed
from antiphon.audio.wav import read_wav, write_wav
from antiphon.cli import app as commands
from antiphon.cli import watermark
from antiphon.cli.watermark import SoundError

SOUND = np.random.default_rng(0).normal(0, 3000, 8 * RATE).astype("<i2").tobytes()


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(commands.app, ["watermark", *map(str, arguments)], env={"COLUMNS": "200", "TERM": "dumb"})


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    path = tmp_path / "marked.wav"
    write_wav(path, embed(SOUND), RATE)
    return path


@pytest.fixture
def unmarked(tmp_path: Path) -> Path:
    path = tmp_path / "unmarked.wav"
    write_wav(path, SOUND, RATE)
    return path


@pytest.fixture
def short(tmp_path: Path) -> Path:
    path = tmp_path / "short.wav"
    write_wav(path, SOUND[:RATE], RATE)
    return path


class TestDetect:
    def test_a_mark_is_found(self, marked: Path) -> None:
        result = run("detect", marked)
        assert result.exit_code == 0
        assert f"{marked}: marked (score " in result.stdout
        assert "8.0 s examined" in result.stdout

    def test_no_mark_is_found(self, unmarked: Path) -> None:
        result = run("detect", unmarked)
        assert result.exit_code == 1
        assert "no mark found" in result.stdout

    def test_a_short_sound_tells_nothing(self, short: Path) -> None:
        result = run("detect", short)
        assert result.exit_code == 1
        assert "too short to tell" in result.stdout
        assert "0.5 s of it are sound" in result.stdout

    def test_all_must_be_marked(self, marked: Path, unmarked: Path) -> None:
        assert run("detect", marked, marked).exit_code == 0
        assert run("detect", marked, unmarked).exit_code == 1

    def test_a_bad_file_does_not_hide_the_others(self, marked: Path, tmp_path: Path) -> None:
        result = run("detect", tmp_path / "none.wav", marked)
        assert result.exit_code == 2
        assert "none.wav: cannot be read (No such file or directory)" in result.stderr
        assert "marked (score" in result.stdout

    def test_json(self, marked: Path, short: Path, tmp_path: Path) -> None:
        result = run("detect", "--json", marked, short, tmp_path)
        found, little, bad = json.loads(result.stdout)
        assert result.exit_code == 2
        assert (found["file"], found["verdict"], found["seconds"]) == (str(marked), "marked", 8)
        assert found["score"] > found["threshold"]
        assert little["verdict"] == "too short"
        assert bad["verdict"] == "error"
        assert bad["error"].startswith(str(tmp_path))

    def test_a_key_of_ones_own(self, tmp_path: Path, marked: Path) -> None:
        mine = tmp_path / "mine.wav"
        write_wav(mine, embed(SOUND, "mine"), RATE)
        assert run("detect", mine).exit_code == 1
        assert run("detect", "--key", "mine", mine).exit_code == 0
        assert run("detect", "--key", "mine", marked).exit_code == 1

    def test_the_key_can_be_in_the_environment(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        mine = tmp_path / "mine.wav"
        write_wav(mine, embed(SOUND, "mine"), RATE)
        monkeypatch.setenv("ANTIPHON_WATERMARK_KEY", "mine")
        result = run("detect", mine)
        assert result.exit_code == 0
        assert "mine" not in run("detect", "--help").stdout

    def test_another_speed(self, tmp_path: Path) -> None:
        """A file that says 24 kHz and was made for 1 % less."""
        path = tmp_path / "fast.wav"
        write_wav(path, embed(SOUND), round(RATE * 1.01))
        assert run("detect", path).exit_code == 1
        result = run("detect", "--speed", "1", path)
        assert result.exit_code == 0
        assert "at 1.010 times its speed" in result.stdout


def test_speeds_are_symmetrical() -> None:
    assert watermark.speeds(0) == (1.0,)
    assert watermark.speeds(0.4) == pytest.approx((0.996, 0.998, 1.0, 1.002, 1.004))


class TestEmbed:
    def test_marks_a_file(self, unmarked: Path, tmp_path: Path) -> None:
        target = tmp_path / "out.wav"
        result = run("embed", unmarked, target)
        assert result.exit_code == 0
        assert f"{target}: 8.0 s, marked" in result.stdout
        assert read_wav(target) == (embed(SOUND), RATE)

    def test_takes_any_rate_and_a_key(self, tmp_path: Path) -> None:
        source, target = tmp_path / "in.wav", tmp_path / "out.wav"
        write_wav(source, SOUND, 16_000)
        assert run("embed", "--key", "mine", source, target).exit_code == 0
        assert len(read_wav(target).pcm) == pytest.approx(len(SOUND) * 1.5, abs=4)
        assert run("detect", "--key", "mine", target).exit_code == 0

    def test_says_what_is_wrong(self, unmarked: Path, tmp_path: Path) -> None:
        with pytest.raises(SoundError, match=r"none.wav: cannot be read"):
            watermark.mark(tmp_path / "none.wav", tmp_path / "out.wav", "")
        with pytest.raises(SoundError, match="cannot be written"):
            watermark.mark(unmarked, tmp_path / "no" / "out.wav", "")

    def test_says_it_in_one_line(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("sys.argv", ["antiphon", "watermark", "embed", str(tmp_path), "out.wav"])
        with pytest.raises(SystemExit) as exit_:
            commands.main()
        assert exit_.value.code == 2
        assert capsys.readouterr().err.startswith(f"error: {tmp_path}: cannot be read")


class TestOtherFormats:
    @pytest.fixture
    def ogg(self, tmp_path: Path) -> Path:
        """Eight seconds of Opus in stereo."""
        path = tmp_path / "marked.ogg"
        samples = np.frombuffer(embed(SOUND), "<i2")
        with av.open(str(path), "w") as output:
            stream = output.add_stream("libopus", rate=RATE, layout="stereo", options={"application": "audio"})
            frame = av.AudioFrame.from_ndarray(np.repeat(samples, 2)[None], format="s16", layout="stereo")
            frame.rate = RATE
            output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        return path

    def test_are_read_by_pyav(self, ogg: Path) -> None:
        sound = watermark.read(ogg)
        assert len(sound.pcm) / 2 / sound.rate == pytest.approx(8, abs=0.1)
        assert run("detect", ogg).exit_code == 0

    def test_need_pyav(self, ogg: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
        with pytest.raises(SoundError, match="pip install av") as caught:
            watermark.read(ogg)
        assert "convert it to WAV" in str(caught.value)

    def test_what_is_no_sound_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "text.wav"
        path.write_text("this is no sound\n" * 100)
        with pytest.raises(SoundError, match=r"text.wav: .+; convert it to WAV"):
            watermark.read(path)
