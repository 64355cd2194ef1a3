import hashlib

import numpy as np
import pytest

from antiphon.audio.watermark.pattern import BANDS, CHIPS, DEFAULT_KEY, pattern, window


def test_a_pattern_is_the_same_on_every_machine() -> None:
    """What was marked by one version must be found by another."""
    signs = pattern(DEFAULT_KEY).astype(np.int8).tobytes()
    assert hashlib.sha256(signs).hexdigest() == "d262b15675889d8426e3c95863ea6c260981bf7675fc25adf23a7113a1401916"


@pytest.mark.parametrize("key", [DEFAULT_KEY, "", "another", "Schlüssel"])
def test_louder_and_softer_are_as_frequent(key: str) -> None:
    signs = pattern(key)
    assert signs.shape == (CHIPS, BANDS)
    assert set(np.unique(signs)) == {-1, 1}
    # A mean of n coins deviates by 1 / sqrt(n); five times that is no accident.
    assert abs(signs.mean()) < 5 / np.sqrt(signs.size)
    assert abs(signs.mean(axis=0)).max() < 5 / np.sqrt(CHIPS)


def test_keys_and_places_have_nothing_in_common() -> None:
    one, other = pattern("one"), pattern("other")
    for shifted in (other, np.roll(one, 1, axis=0), np.roll(one, 1, axis=1)):
        assert abs((one * shifted).mean()) < 5 / np.sqrt(one.size)


def test_nobody_can_change_a_pattern() -> None:
    with pytest.raises(ValueError, match="read-only"):
        pattern(DEFAULT_KEY)[0, 0] = 0


def test_the_squares_of_overlapping_windows_add_up_to_one() -> None:
    squares = np.square(window(384).astype(float))
    np.testing.assert_allclose(squares[:192] + squares[192:], 1, atol=1e-6)
