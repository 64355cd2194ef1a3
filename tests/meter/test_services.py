import msgspec
import pytest

from antiphon.live.profiles import PROFILES
from antiphon.meter.services import LOCAL, find
from antiphon.meter.simulation import Call, ScenarioError, simulate


class TestGemini:
    @pytest.mark.parametrize("model", PROFILES)
    def test_follows_its_profile(self, model: str) -> None:
        profile, service = PROFILES[model], find(model)
        assert (service.provider, service.model, service.known) == ("google", model, True)
        assert service.rules.coverage == profile.default_coverage
        assert service.rules.window == profile.input_token_limit
        assert (service.rules.audio_cap, service.rules.video_cap) == (profile.audio_cap, profile.video_cap)
        assert service.rules.silence == ("once" if profile.proactive_audio == "always" else "free")

    def test_has_names_with_paths(self) -> None:
        assert find("models/gemini-3.8-live").model == "gemini-3.8-live"
        assert find("publishers/google/models/gemini-3.8-live").provider == "google"
        assert find("google/gemini-3.8-live").provider == "google"

    def test_says_what_a_name_stands_for(self) -> None:
        service = find("gemini-2.0-flash-live-001")
        assert service.model == "gemini-2.5-flash-native-audio-preview-12-2025"
        assert service.notes[0] == f"is another name of {service.model}"

    def test_says_that_a_model_has_a_successor(self) -> None:
        assert "legacy: its successor is gemini-3.8-live" in find("gemini-3.1-flash-live-preview").notes
        assert not any("successor" in note for note in find("gemini-3.8-live").notes)


class TestOpenAi:
    """The example of the guide "Managing costs": its tokens, without the text that accompanies speech."""

    def test_counts_ten_tokens_a_second_in_and_twenty_out(self) -> None:
        service = find("gpt-realtime")
        call = Call(seconds=10, turns=2, user=2, model=1, setup=100)
        first, second = simulate(call, service.rules).generations
        assert (first.setup, first.fresh.audio, first.made.audio) == (100, 20, 20)
        assert (second.setup, second.history.audio, second.fresh.audio) == (100, 40, 20)
        assert (second.cached_setup, second.cached.audio) == (100, 20)

    def test_drops_the_oldest_when_it_is_full_and_goes_on(self) -> None:
        call = Call(seconds=3500, turns=70, user=20, model=20, setup=1000)
        session = simulate(call, find("gpt-realtime").rules)
        assert session.slides > 10
        assert session.peak <= 28_224 + 200
        assert session.ending is None

    def test_ends_after_an_hour(self) -> None:
        ending = simulate(Call(seconds=3700), find("openai/gpt-realtime").rules).ending
        assert ending is not None
        assert ending.at == 3600

    def test_reads_more_in_its_second_generation(self) -> None:
        assert find("gpt-realtime-2.1").rules.window == 128_000

    def test_is_counted_without_video(self) -> None:
        call = Call(frames_per_second=1)
        counted, notes = find("gpt-realtime").counts(call)
        assert counted == msgspec.structs.replace(call, frames_per_second=0.0)
        assert notes == ("takes no video: counted without",)
        assert find("gemini-3.8-live").counts(call) == (call, ())


class TestOthers:
    @pytest.mark.parametrize(
        ("name", "provider", "model"),
        [
            ("gpt-live-1", "openai", "gpt-live-1"),
            ("grok-voice-latest", "x-ai", "grok-voice-latest"),
            ("a/b/c", "a", "b/c"),
        ],
    )
    def test_are_asked_for_without_their_rules(self, name: str, provider: str, model: str) -> None:
        service = find(name)
        assert (service.provider, service.model, service.known) == (provider, model, False)
        assert "not known" in service.notes[0]

    def test_on_hardware_of_ones_own(self) -> None:
        assert (find(LOCAL).provider, find(LOCAL).known) == ("", False)

    @pytest.mark.parametrize("name", ["llama", "/llama"])
    def test_are_never_taken_for_ones_own(self, name: str) -> None:
        """An empty provider would make them free."""
        with pytest.raises(ScenarioError, match=f"model {name}: whose is it"):
            find(name)
