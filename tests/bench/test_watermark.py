import numpy as np
import pytest
from bench.attacks import RATE, attacks, rounded
from bench.watermark import Task, clips, detection_table, perform, unmarked_table

from antiphon.audio.watermark import Detection
from bench import masking

NOISE = rounded(np.random.default_rng(0).normal(0, 3000, 6 * RATE))
ATTACKS = attacks(NOISE)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_changes_sound_and_leaves_it_sound(name: str) -> None:
    samples, rate = ATTACKS[name](NOISE[: 4 * RATE], np.random.default_rng(1))
    assert samples.dtype == np.int16
    assert 1.9 < len(samples) / rate < 4.1
    assert samples.std() > 250
    assert name == "none (16 bit)" or rate != RATE or not np.array_equal(samples, NOISE[: 4 * RATE])


@pytest.mark.parametrize(("key", "verdict"), [("antiphon", "marked"), ("another", "unmarked"), (None, "unmarked")])
def test_a_task_is_performed(key: str | None, verdict: str) -> None:
    group, detection = perform(Task("a", NOISE, 0, key))
    assert (group, detection.verdict) == ("a", verdict)


def test_clips_begin_at_different_places() -> None:
    track = np.arange(10 * RATE).astype(np.int16)
    assert [len(clip) for clip in clips(track, 4, 3)] == 3 * [4 * RATE]
    assert [int(clip[0]) for clip in clips(np.arange(10), 4 / RATE, 3)] == [0, 2, 4]


def test_rates_are_counted() -> None:
    def found(verdict: str, score: float) -> Detection:
        return Detection(verdict, score, 6.5, 8, 8, 0, 8)

    table = detection_table({"cropped|4": [found("marked", 9), found("unmarked", 5)]}, [4])
    assert table.rows == [("cropped", "50 % (7.0)")]
    table = unmarked_table({"noise": [found("unmarked", 4), found("unmarked", 5), found("marked", 7)]})
    assert table.rows == [("noise", 3, 1, 5.0, 7)]
    assert "1 of 3" in table.notes[0]


class TestMasking:
    TONE = 8000 * np.sin(np.arange(2 * RATE) * 2 * np.pi * 1000 / RATE)
    HISS = np.random.default_rng(2).normal(0, 8, 2 * RATE)

    def test_a_ratio_is_that_of_the_energies(self) -> None:
        assert masking.snr(self.TONE, self.TONE * 1.1) == pytest.approx(20)

    def test_octaves_are_told_apart(self) -> None:
        hum = self.TONE + 800 * np.sin(np.arange(2 * RATE) * 2 * np.pi * 250 / RATE)
        ratios = masking.octave_snrs(hum, self.TONE, RATE)
        assert ratios[masking.OCTAVES.index(250)] == pytest.approx(0, abs=0.1)
        assert ratios[masking.OCTAVES.index(1000)] > 60

    def test_noise_is_masked_near_a_loud_sound_only(self) -> None:
        softer = masking.above_masking(self.TONE, self.TONE * 1.01, RATE)
        assert softer.max() < 0
        louder = masking.above_masking(self.TONE, self.TONE * 2, RATE)
        assert louder.max() > 6
