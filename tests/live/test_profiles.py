"""What is known of the models: whole, sourced, dated, and shown as it is."""

import re
from pathlib import Path

import msgspec
import pytest

from antiphon.live import profiles
from antiphon.live.profiles import Fact, Profile
from antiphon.live.profiles.page import LABELS, page

OLD, MIDDLE, NEW, THINKING = profiles.PROFILES
PAGE = Path(__file__).parents[2] / "docs" / "models.md"
EVERY_FACT = [(model, name, fact) for model, facts in profiles.FACTS.items() for name, fact in facts.items()]


def test_the_models_are_there_oldest_first() -> None:
    assert [profile.generation for profile in profiles.PROFILES.values()] == [(2, 5), (3, 1), (3, 8), (3, 8)]
    assert THINKING == "gemini-3.8-live-extended-thinking"


def test_a_profile_is_its_facts() -> None:
    assert set(Profile.__struct_fields__) - {"id"} == set(LABELS)
    for model, facts in profiles.FACTS.items():
        assert set(facts) == set(LABELS)
        assert profiles.PROFILES[model] == Profile.of(model, facts)


def test_every_fact_has_a_source_and_a_date() -> None:
    origins = [(fact.source, fact.date) for _, _, fact in EVERY_FACT]
    origins += [(alias.source, alias.date) for alias in profiles.ALIASES.values()]
    for source, date in origins:
        assert source in profiles.SOURCES
        assert re.fullmatch(r"202[4-6]-(0[1-9]|1[0-2])(-\d\d)?", date)


def test_every_source_is_used_and_can_be_found() -> None:
    used = {fact.source for _, _, fact in EVERY_FACT} | {alias.source for alias in profiles.ALIASES.values()}
    assert used == set(profiles.SOURCES)
    for source in profiles.SOURCES.values():
        assert source.url.startswith("https://") or source.kind in ("probe", "client library")


@pytest.mark.parametrize("name", ["status", "thinking_control", "proactive_audio", "input_token_limit", "audio_cap"])
@pytest.mark.parametrize("value", ["whatever", None])
def test_a_fact_of_the_wrong_kind_is_no_profile(name: str, value: object) -> None:
    facts = profiles.FACTS[NEW]
    with pytest.raises(msgspec.ValidationError):
        Profile.of(NEW, {**facts, name: Fact(value, "guide", "2026-09")})


def test_a_missing_or_unknown_fact_is_no_profile() -> None:
    facts = profiles.FACTS[NEW]
    with pytest.raises(msgspec.ValidationError):
        Profile.of(NEW, {name: fact for name, fact in facts.items() if name != "scheduling"})
    with pytest.raises(msgspec.ValidationError):
        Profile.of(NEW, {**facts, "colour": Fact("red", "guide", "2026-09")})


@pytest.mark.parametrize("profile", profiles.PROFILES.values(), ids=lambda profile: profile.id)
class TestProfiles:
    def test_agree_with_themselves(self, profile: Profile) -> None:
        assert profile.allows_blocking if profile.default_blocking else profile.allows_non_blocking
        assert profile.default_thinking_level in (*profile.thinking_levels, "")
        assert (profile.thinking_control == "level") == bool(profile.thinking_levels)
        assert profile.allows_non_blocking or not profile.scheduling
        assert profile.thinking_levels == tuple(level.lower() for level in profile.thinking_levels)
        assert 0 < profile.video_cap < profile.connection_cap < profile.audio_cap

    def test_who_goes_has_a_successor_who_stays(self, profile: Profile) -> None:
        assert (profile.status == "stable") == (not profile.successor)
        if profile.successor:
            assert profiles.PROFILES[profile.successor].status == "stable"

    def test_say_whether_thinking_can_be_set(self, profile: Profile) -> None:
        assert profile.thinking == (profile.id != NEW)


def test_what_the_generations_differ_in() -> None:
    old, middle, new, thinking = profiles.PROFILES.values()
    assert (old.output_token_limit, middle.output_token_limit) == (8_192, 65_536)
    assert [p.thinking_control for p in (old, middle, new, thinking)] == ["budget", "level", "none", "level"]
    assert (middle.default_thinking_level, thinking.default_thinking_level) == ("minimal", "medium")
    assert [p.many_parts for p in (old, middle, new, thinking)] == [False, True, True, True]
    assert [p.collects_initial_history for p in (old, middle, new, thinking)] == [False, True, True, True]
    assert [p.default_coverage == "activity" for p in (old, middle, new, thinking)] == [True, False, False, False]
    assert [p.default_blocking for p in (old, middle, new, thinking)] == [True, True, False, False]
    assert [p.scheduling for p in (old, middle, new, thinking)] == [True, False, True, False]
    assert [p.proactive_audio for p in (old, middle, new, thinking)] == ["opt_in", "none", "always", "always"]
    assert [p.affective_dialog for p in (old, middle, new, thinking)] == [True, False, False, False]
    assert [p.interaction_status for p in (old, middle, new, thinking)] == [False, False, False, True]
    assert (old.interrupt_waits_for_user, new.interrupt_waits_for_user) == (False, True)


@pytest.mark.parametrize("prefix", ["", "models/", "publishers/google/models/", "projects/p/locations/l/models/"])
def test_names_are_found_under_every_path(prefix: str) -> None:
    for model, profile in profiles.PROFILES.items():
        assert profiles.find(prefix + model) is profile
        assert profiles.alias(prefix + model) is None
    for name, alias in profiles.ALIASES.items():
        assert profiles.find(prefix + name) is profiles.PROFILES[alias.model]
        assert profiles.alias(prefix + name) is alias


@pytest.mark.parametrize("name", ["", "models/", "gemini-3.8", "gemini-3.5-live-translate-preview", NEW + "/x"])
def test_other_names_are_not_found(name: str) -> None:
    assert profiles.find(name) is None


def test_aliases_say_why_and_hide_no_model() -> None:
    assert profiles.ALIASES.keys().isdisjoint(profiles.PROFILES)
    for alias in profiles.ALIASES.values():
        assert alias.why
        assert alias.retired == ("shut down" in alias.why)


class TestPage:
    def test_is_what_the_data_says(self) -> None:
        assert PAGE.read_text() == page(), "write antiphon.live.profiles.page.page() to docs/models.md"

    def test_shows_every_fact_alias_and_source(self) -> None:
        shown = page()
        for label in LABELS.values():
            assert f"\n| {label} |" in shown
        for name in (*profiles.PROFILES, *profiles.ALIASES):
            assert f"`{name}`" in shown
        for source in profiles.SOURCES.values():
            assert source.title in shown
            assert source.url in shown

    def test_shows_what_is_uncertain(self) -> None:
        for _, _, fact in EVERY_FACT:
            assert fact.note in page()
