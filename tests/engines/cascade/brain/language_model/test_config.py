"""What an owner says about a model."""

import msgspec
import pytest

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.brain.language_model import LanguageModelConfig, build_model, language_model
from antiphon.engines.cascade.brain.language_model.instruction import PREFACE

LOCAL = {"url": "http://localhost:11434/v1", "model": "m"}


def config(**settings: object) -> LanguageModelConfig:
    return msgspec.convert({**LOCAL, **settings}, LanguageModelConfig)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"url": ""}, "url is missing"),
        ({"model": ""}, "model is missing"),
        ({"kind": "gemini", "model": ""}, "model is missing"),
        ({"kind": "llama"}, "path is missing"),
        ({"kind": "anthropic"}, "kind"),
        ({"modle": "x"}, "modle"),
        ({"attempts": 0}, "attempts must be positive"),
        ({"first_token_timeout": float("inf")}, "first_token_timeout"),
        ({"max_pictures": -1}, "max_pictures"),
    ],
)
def test_what_is_wrong_is_named(settings: dict[str, object], named: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=named):
        config(**settings)


def test_the_key_is_never_shown() -> None:
    made = config(key="s3cret", headers={"x-key": "s3cret"}, extra={"token": "s3cret"})
    for shown in (repr(made), str(made), f"{made}", repr([made])):
        assert "s3cret" not in shown
        assert "url='http://localhost:11434/v1'" in shown
    assert "key='env:NAME'" in repr(config(key="env:NAME"))


def test_a_key_may_be_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "s3cret")
    assert config(key="env:MY_KEY").secret() == "s3cret"
    assert config(key="literal").secret() == "literal"
    monkeypatch.delenv("MY_KEY")
    with pytest.raises(EngineUnavailable, match="no MY_KEY; set it"):
        language_model(config(key="env:MY_KEY"))


@pytest.mark.parametrize(
    ("settings", "provider"),
    [
        ({}, ""),
        ({"url": "http://192.168.1.7:8000/v1"}, ""),
        ({"url": "https://api.openai.com/v1"}, "openai"),
        ({"url": "https://eu.api.groq.com/v1"}, "groq"),
        ({"url": "https://llm.example.com/v1"}, "llm.example.com"),
        ({"url": "https://llm.example.com/v1", "provider": "together"}, "together"),
        ({"kind": "gemini", "url": ""}, "google"),
        ({"kind": "gemini", "url": "https://europe-west1-aiplatform.googleapis.com/v1/projects/p"}, "google"),
    ],
)
def test_who_is_paid(settings: dict[str, object], provider: str) -> None:
    assert build_model(config(**settings)).provider == provider


@pytest.mark.parametrize(
    ("settings", "abilities"),
    [({}, (False, False)), ({"vision": True, "thinking": True}, (True, True)), ({"kind": "gemini"}, (True, True))],
)
def test_abilities(settings: dict[str, object], abilities: tuple[bool, bool]) -> None:
    made = build_model(config(**settings))
    assert (made.vision, made.thinks) == abilities


def test_an_address_that_is_none() -> None:
    with pytest.raises(EngineUnavailable, match="url must begin with http"):
        language_model(config(url="localhost:11434"))


def test_manners_come_from_it() -> None:
    brain = language_model(config(preface="Speak.", apology="Sorry.", max_pictures=3))
    assert (brain._manners.preface, brain._manners.apology, brain._manners.max_pictures) == ("Speak.", "Sorry.", 3)
    assert language_model(config())._manners.preface == PREFACE
