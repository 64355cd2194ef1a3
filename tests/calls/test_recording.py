"""Recordings: who is recorded, where sound is put, what a slow or full disk and a killed server leave."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from antiphon.audio.wav import read_wav
from antiphon.calls.recording import CONSENT_LABEL, FOLDER, CallRecorder, RecordingConfig, Recordings, forget
from antiphon.wire.gemini.encode import encode_audio

YES = {CONSENT_LABEL: "yes"}
NOON = 1_700_000_000.0


def tone(seconds: float, level: int, rate: int) -> bytes:
    return np.full(round(seconds * rate), level, "<i2").tobytes()


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Callable[..., Recordings]]:
    made: list[Recordings] = []

    def make(mode: Any = "always", **settings: Any) -> Recordings:
        config = RecordingConfig(mode=mode, days=settings.pop("days", 30.0))
        made.append(Recordings(tmp_path, config, lambda: NOON, **settings))
        return made[-1]

    yield make
    for each in made:
        await each.aclose()


def recorder(recordings: Recordings) -> CallRecorder:
    found = recordings.record("s1", {})
    assert found is not None
    return found


def sounds(folder: Path) -> dict[str, np.ndarray[Any, Any]]:
    files = (folder / FOLDER / "s1").iterdir()
    return {file.stem.rsplit("-", 1)[1]: np.frombuffer(read_wav(file).pcm, "<i2") for file in files}


class TestConsent:
    @pytest.mark.parametrize(
        ("mode", "labels", "why"),
        [
            ("off", YES, None),
            ("consented", {}, None),
            ("consented", {CONSENT_LABEL: "no"}, None),
            ("consented", YES, "consented"),
            ("always", {}, "always"),
            ("always", YES, "consented"),
        ],
    )
    async def test_who_is_recorded(self, make: Any, mode: str, labels: dict[str, str], why: str | None) -> None:
        found = make(mode).record("s1", labels)
        assert (found.finish(0.0).why if found else None) == why

    def test_off_is_the_default(self) -> None:
        assert RecordingConfig().mode == "off"

    @pytest.mark.parametrize("wrong", [{"mode": "on"}, {"days": 0}, {"days": 1e9}, {"day": 3}])
    def test_wrong_settings_are_refused(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, RecordingConfig)


class TestTracks:
    async def test_both_begin_when_the_call_does(self, make: Any, tmp_path: Path) -> None:
        recordings = make()
        taken = recorder(recordings)
        taken.hear(tone(0.5, 100, 16_000), 16_000, now=1.5)
        taken.speak(tone(0.25, 200, 24_000), now=2.0)
        told = taken.finish(now=3.0)
        await recordings.flush()
        user, model = (sounds(tmp_path)[name] for name in ("user", "model"))
        assert (user[:16_000] == 0).all()
        assert (user[16_000:] == 100).all()
        assert len(user) == 24_000
        assert (model[:48_000] == 0).all()
        assert (model[48_000:] == 200).all()
        assert len(model) == 54_000
        assert told.dropped == 0
        assert sorted(told.files) == sorted(file.name for file in (tmp_path / FOLDER / "s1").iterdir())

    async def test_sound_that_jitters_is_not_torn(self, make: Any, tmp_path: Path) -> None:
        recordings = make()
        taken = recorder(recordings)
        for now in (1.0, 1.15, 1.19, 1.4):
            taken.hear(tone(0.1, 100, 16_000), 16_000, now)
        taken.finish(2.0)
        await recordings.flush()
        # The third piece was the least late.
        assert len(sounds(tmp_path)["user"]) == round((1.19 - 0.3 + 0.4) * 16_000)
        assert (sounds(tmp_path)["user"][-6_400:] == 100).all()

    async def test_what_was_held_up_on_its_way_was_not_spoken_late(self, make: Any, tmp_path: Path) -> None:
        """A browser hands over at once what it kept while it connected; its words must stay where they were said."""
        recordings = make()
        taken = recorder(recordings)
        for _ in range(15):
            taken.hear(tone(0.02, 100, 16_000), 16_000, now=0.3)
        for number in range(1, 51):
            taken.hear(tone(0.02, 200, 16_000), 16_000, now=0.3 + 0.02 * number)
        taken.finish(2.0)
        await recordings.flush()
        user = sounds(tmp_path)["user"]
        assert len(user) == 20_800
        assert (user[:4_800] == 100).all()
        assert (user[4_800:] == 200).all()

    async def test_the_model_is_heard_later_than_it_speaks(self, make: Any, tmp_path: Path) -> None:
        """Ten seconds come at once; what an interruption took back was never heard, and is not recorded."""
        recordings = make()
        taken = recorder(recordings)
        for _ in range(10):
            taken.speak(tone(1.0, 100, 24_000), now=1.0)
        taken.cut(now=4.5)
        taken.speak(tone(1.0, 200, 24_000), now=5.0)
        taken.finish(now=9.0)
        await recordings.flush()
        model = sounds(tmp_path)["model"]
        assert len(model) == 6 * 24_000
        assert (model[24_000 : round(4.5 * 24_000)] == 100).all()
        assert (model[round(4.5 * 24_000) : 5 * 24_000] == 0).all()
        assert (model[5 * 24_000 :] == 200).all()

    async def test_what_was_not_heard_at_the_end_is_not_recorded(self, make: Any, tmp_path: Path) -> None:
        recordings = make()
        taken = recorder(recordings)
        taken.speak(tone(5.0, 100, 24_000), now=0.0)
        taken.finish(now=2.0)
        await recordings.flush()
        assert len(sounds(tmp_path)["model"]) == 2 * 24_000

    async def test_frames_that_were_passed_on_are_read(self, make: Any, tmp_path: Path) -> None:
        recordings = make()
        taken = recorder(recordings)
        taken.speak_frame(encode_audio(tone(0.5, 300, 24_000)), 0.5, now=0.0)
        spaced = (
            b'{"serverContent": {"modelTurn": {"parts": [{"inlineData": {"data" : "LAEsAQ==", "mimeType": "a"}}]}}}'
        )
        taken.speak_frame(spaced, 2 / 24_000, now=0.1)
        taken.finish(1.0)
        await recordings.flush()
        assert (sounds(tmp_path)["model"] == 300).all()
        assert len(sounds(tmp_path)["model"]) == 12_002

    async def test_other_rates_are_converted(self, make: Any, tmp_path: Path) -> None:
        recordings = make()
        taken = recorder(recordings)
        for number in range(10):
            taken.hear(tone(0.1, 1000, 48_000), 48_000, now=0.1 * (number + 1))
        taken.finish(1.0)
        await recordings.flush()
        user = sounds(tmp_path)["user"]
        assert 0.9 * 16_000 < len(user) <= 16_000
        assert abs(int(user[8_000]) - 1000) < 20

    async def test_a_call_without_sound_leaves_nothing(self, make: Any, tmp_path: Path) -> None:
        recordings = make()
        assert recorder(recordings).finish(1.0).files == ()
        await recordings.flush()
        assert not (tmp_path / FOLDER).exists()

    async def test_only_their_owner_can_read_them(self, make: Any, tmp_path: Path) -> None:
        recordings = make()
        recorder(recordings).hear(bytes(640), 16_000, 0.02)
        await recordings.flush()
        folder = tmp_path / FOLDER
        for place in (folder, folder / "s1"):
            assert stat.S_IMODE(place.stat().st_mode) == 0o700
        (file,) = (folder / "s1").iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


class TestTrouble:
    async def test_a_slow_disk_costs_sound_and_not_memory(self, make: Any, caplog: Any) -> None:
        recordings = make(capacity=3200)
        taken = recorder(recordings)
        for number in range(30):
            taken.hear(bytes(640), 16_000, 0.02 * number)
        assert taken.finish(1.0).dropped == pytest.approx(25 * 0.02)
        assert caplog.text.count("written too slowly") == 1
        await recordings.flush()
        assert recorder(recordings).finish(0.0).dropped == 0

    async def test_a_disk_that_fails_ends_the_recording_and_nothing_else(
        self, make: Any, tmp_path: Path, caplog: Any
    ) -> None:
        (tmp_path / FOLDER).write_text("in the way")
        recordings = make()
        taken = recorder(recordings)
        for _ in range(3):
            taken.hear(bytes(640), 16_000, 0.02)
            await recordings.flush()
        assert caplog.text.count("the recording ends here") == 1

    def test_a_killed_server_leaves_files_that_play(self, tmp_path: Path) -> None:
        code = f"""
import asyncio, os, signal
from pathlib import Path
from antiphon.calls.recording import RecordingConfig, Recordings
async def main():
    recordings = Recordings(Path({str(tmp_path)!r}), RecordingConfig(mode="always"))
    taken = recordings.record("s1", {{}})
    for number in range(50):
        taken.hear(b"\\x05\\x00" * 320, 16000, 0.02 * (number + 1))
        taken.speak(b"\\x06\\x00" * 480, 0.02 * number)
        await recordings.flush()
    taken.hear(b"\\x05\\x00" * 320, 16000, 1.02)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
        done = subprocess.run([sys.executable, "-c", code], timeout=60, env=dict(os.environ))
        assert done.returncode == -signal.SIGKILL
        tracks = sounds(tmp_path)
        assert len(tracks["user"]) == 16_000
        assert (tracks["user"] == 5).all()
        assert (tracks["model"] == 6).all()


class TestTheEnd:
    async def test_old_ones_go(self, make: Any, tmp_path: Path) -> None:
        recordings = make(days=1.0)
        recorder(recordings).hear(bytes(640), 16_000, 0.02)
        young = recordings.record("s2", {})
        assert young is not None
        young.hear(bytes(640), 16_000, 0.02)
        await recordings.flush()
        for session, age in (("s1", 86_401.0), ("s2", 86_399.0)):
            for file in (tmp_path / FOLDER / session).iterdir():
                os.utime(file, (NOON - age, NOON - age))
        await recordings.expire()
        assert [each.name for each in (tmp_path / FOLDER).iterdir()] == ["s2"]

    async def test_they_can_be_deleted(self, make: Any, tmp_path: Path) -> None:
        recordings = make()
        recorder(recordings).hear(bytes(640), 16_000, 0.02)
        await recordings.flush()
        assert forget(tmp_path, "s1") == 1
        assert not list((tmp_path / FOLDER).iterdir())
        assert forget(tmp_path, "s1") == 0

    async def test_nothing_else_can_be_deleted(self, make: Any, tmp_path: Path) -> None:
        (tmp_path / "precious").mkdir()
        (tmp_path / FOLDER).mkdir()
        assert forget(tmp_path, "../precious") == 0
        assert forget(tmp_path, "..") == forget(tmp_path, "") == 0
        assert (tmp_path / "precious").exists()
