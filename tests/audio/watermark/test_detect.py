import math
from collections.abc import Callable

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from antiphon.audio.watermark import MIN_SECONDS, RATE, Detection, detect, embed
from antiphon.audio.watermark.detect import FALSE_ALARMS, threshold

Samples = NDArray[np.int16]
RANDOM = np.random.default_rng(3)


def marked(samples: Samples, key: str = "antiphon") -> Samples:
    return np.frombuffer(embed(samples.astype("<i2").tobytes(), key), "<i2")


def whole(samples: NDArray[np.floating]) -> Samples:
    return np.rint(samples).clip(-32_768, 32_767).astype(np.int16)


def resampled(samples: Samples, target: float, source: float = RATE) -> Samples:
    return whole(soxr.resample(samples.astype(np.float32), source, target))


def mu_law(samples: Samples) -> Samples:
    """Through the 255 levels of G.711's curve."""
    x = samples / 32_768
    code = np.round(np.sign(x) * np.log1p(255 * np.abs(x)) / np.log(256) * 127) / 127
    return whole(np.sign(code) * (256 ** np.abs(code) - 1) / 255 * 32_768)


@pytest.fixture(scope="module")
def eight(speech: Samples) -> Samples:
    """Eight seconds of marked speech."""
    return marked(speech)[: 8 * RATE]


class TestMarkedSpeech:
    def test_is_found(self, eight: Samples) -> None:
        found = detect(eight, RATE)
        assert found.verdict == "marked"
        assert found.score > 1.5 * found.threshold
        assert found.seconds == 8
        assert 5 < found.sounding <= 8

    def test_is_not_found_with_another_key(self, eight: Samples) -> None:
        assert detect(eight, RATE, "another").verdict == "unmarked"

    def test_is_found_with_its_own_key_only(self, speech: Samples) -> None:
        mine = marked(speech[: 8 * RATE], "mine")
        assert detect(mine, RATE, "mine").verdict == "marked"
        assert detect(mine, RATE).verdict == "unmarked"

    @pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 44_100, 48_000])
    def test_is_found_at_any_rate(self, rate: int, eight: Samples) -> None:
        assert detect(resampled(eight, rate), rate).verdict == "marked"

    @pytest.mark.parametrize(
        "attack",
        [
            pytest.param(lambda s: s[12_345:], id="cropped"),
            pytest.param(lambda s: s[:-40_001], id="cut short"),
            pytest.param(lambda s: np.concatenate([RANDOM.normal(0, 100, 7777).astype(np.int16), s]), id="late"),
            pytest.param(lambda s: -s, id="turned over"),
            pytest.param(lambda s: whole(s * 0.05), id="softer"),
            pytest.param(lambda s: whole(s * 8.0), id="clipped"),
            pytest.param(lambda s: whole(s + RANDOM.normal(0, s.std() / 10, len(s))), id="noise"),
            pytest.param(lambda s: resampled(resampled(s, 8000), RATE, 8000), id="telephone band"),
            pytest.param(mu_law, id="mu-law"),
            pytest.param(lambda s: s + np.roll(s // 3, 900), id="echo"),
        ],
    )
    def test_is_found_after(self, attack: Callable[[Samples], Samples], eight: Samples) -> None:
        assert detect(attack(eight), RATE).verdict == "marked"

    def test_is_found_under_other_speech(self, eight: Samples, speech: Samples) -> None:
        assert detect(whole(eight + 0.5 * speech[-len(eight) :]), RATE).verdict == "marked"

    def test_is_found_in_a_voice_that_hardly_moves(self, monotone: Samples) -> None:
        """Harmonics that stand still would add up over periods and drown the mark."""
        found = detect(marked(monotone), RATE)
        assert found.score > 1.4 * found.threshold

    def test_scores_the_same_at_any_level(self, eight: Samples) -> None:
        assert detect(whole(eight * 0.3), RATE).score == pytest.approx(detect(eight, RATE).score, rel=0.02)

    def test_is_located(self, eight: Samples, speech: Samples) -> None:
        rest = speech[12 * RATE : 22 * RATE]
        found = detect(np.concatenate([rest, eight, rest]), RATE)
        assert found.verdict == "marked"
        assert found.begins == pytest.approx(10, abs=2.1)
        assert found.ends == pytest.approx(18, abs=2.1)

    def test_is_found_in_a_long_recording(self, eight: Samples) -> None:
        quiet = RANDOM.normal(0, 30, 45 * RATE).astype(np.int16)
        found = detect(np.concatenate([quiet, eight, quiet]), RATE)
        assert found.verdict == "marked"
        assert 43 < found.begins < found.ends < 56

    def test_is_found_where_answers_follow_each_other(self, speech: Samples) -> None:
        """Each answer begins the pattern anew."""
        answers = [marked(speech[i * 70_000 : (i + 1) * 70_000]) for i in range(6)]
        assert detect(np.concatenate(answers), RATE).verdict == "marked"

    def test_at_another_speed_needs_that_speed(self, eight: Samples) -> None:
        fast = resampled(eight, RATE, RATE * 1.01)
        assert detect(fast, RATE).verdict == "unmarked"
        found = detect(fast, RATE, speeds=(1.0, 1.01))
        assert (found.verdict, found.speed) == ("marked", 1.01)

    def test_bears_the_drift_of_a_clock(self, speech: Samples) -> None:
        drifted = resampled(marked(speech)[: 16 * RATE], RATE, RATE * 1.0002)
        assert detect(drifted, RATE).verdict == "marked"


class TestUnmarkedSound:
    def test_speech(self, speech: Samples) -> None:
        assert detect(speech, RATE).verdict == "unmarked"

    @pytest.mark.parametrize(
        "sound",
        [
            pytest.param(RANDOM.normal(0, 3000, 8 * RATE), id="noise"),
            pytest.param(9000 * np.sin(np.arange(8 * RATE) * 0.1), id="tone"),
            pytest.param(np.where(np.arange(8 * RATE) % 49_152 < 3000, 9000, 0), id="pulses at the pattern's period"),
            pytest.param(np.tile(RANDOM.normal(0, 3000, 49_152), 4), id="noise that repeats with the pattern"),
        ],
    )
    def test_of_other_kinds(self, sound: NDArray[np.floating]) -> None:
        assert detect(whole(sound), RATE).verdict != "marked"

    def test_scores_of_many_keys_stay_far_below_the_threshold(self, speech: Samples) -> None:
        """The bound is for all keys at once: here the sound stays, and keys are thrown."""
        found = [detect(speech[: 6 * RATE], RATE, f"key {number}") for number in range(40)]
        scores = sorted(detection.score for detection in found)
        assert scores[-1] < 5.5 < found[0].threshold
        # The highest of some thousand normal deviates: what a score is scaled to.
        assert 3 < scores[20] < 4.5


class TestLittleSound:
    @pytest.mark.parametrize("samples", [np.zeros(0, np.int16), np.zeros(100, np.int16), np.zeros(9 * RATE, np.int16)])
    def test_silence_is_too_short(self, samples: Samples) -> None:
        found = detect(samples, RATE)
        assert (found.verdict, found.score, found.sounding) == ("too short", 0, 0)

    def test_what_is_not_found_in_a_short_sound_may_be_there(self, speech: Samples) -> None:
        assert detect(speech[: 2 * RATE], RATE).verdict == "too short"

    def test_seconds_of_silence_do_not_count(self, speech: Samples) -> None:
        found = detect(np.concatenate([speech[: 2 * RATE], np.zeros(8 * RATE, np.int16)]), RATE)
        assert found.verdict == "too short"
        assert found.seconds == 10
        assert found.sounding < MIN_SECONDS

    def test_a_mark_may_be_found_nevertheless(self) -> None:
        noise = marked(whole(np.random.default_rng(1).normal(0, 3000, 3 * RATE)))
        found = detect(noise, RATE)
        assert found.verdict == "marked"
        assert found.sounding < MIN_SECONDS


@pytest.mark.parametrize("rate", [0, -8000])
def test_a_rate_must_be_positive(rate: int) -> None:
    with pytest.raises(ValueError, match=str(rate)):
        detect(np.zeros(10, np.int16), rate)


@pytest.mark.parametrize("tests", [1, 1000, 10**9])
def test_the_threshold_keeps_the_bound(tests: int) -> None:
    assert tests * math.exp(-(threshold(tests) ** 2) / 2) == pytest.approx(FALSE_ALARMS)


def test_more_places_need_a_higher_score(speech: Samples) -> None:
    def limit(seconds: int, **more: tuple[float, ...]) -> float:
        found: Detection = detect(speech[: seconds * RATE], RATE, **more)
        return found.threshold

    assert limit(4) < limit(8) < limit(16) < limit(16, speeds=(0.99, 1.0, 1.01))
