import pytest

from antiphon.meter.presets import PRESETS
from antiphon.meter.simulation import Call, Rules, simulate


@pytest.mark.parametrize("name", PRESETS)
class TestAPreset:
    def test_can_be_simulated(self, name: str) -> None:
        preset = PRESETS[name]
        call = preset.with_times()
        session = simulate(call, Rules())
        assert session.generations[-1].turn == call.turns == preset.turns
        assert call.seconds == preset.minutes * 60

    def test_keeps_its_shares_at_another_length(self, name: str) -> None:
        preset = PRESETS[name]
        call = preset.with_times(minutes=7, turns=3)
        assert (call.seconds, call.turns) == (420, 3)
        assert call.user / call.length == pytest.approx(preset.user)
        assert call.model / call.length == pytest.approx(preset.model)
        assert call.setup == preset.call.setup


def test_the_reference_is_the_call_that_was_worked_out() -> None:
    assert PRESETS["reference"].with_times() == Call()


def test_the_camera_is_the_one_that_was_worked_out() -> None:
    expected = Call(seconds=120, turns=6, user=6, model=8, setup=1000, frames_per_second=1)
    assert PRESETS["camera"].with_times() == expected
