"""Unmodified clients of several versions hold conversations with a server that was started as users start it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

Facts = dict[str, Any]

pytestmark = pytest.mark.slow

ANSWER = ["audio", "said", "generation_complete", "turn_complete"]

CLIENTS = [
    pytest.param("python", "", id="google-genai-3"),
    pytest.param("python", "2.34.0", id="google-genai-2.34.0"),
    pytest.param("python", "1.75.0", id="google-genai-1.75.0"),
    pytest.param("node", "base URL", id="js-base-url", marks=pytest.mark.needs_node),
    pytest.param("node", "environment", id="js-environment-tls", marks=pytest.mark.needs_node),
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "facts" in metafunc.fixturenames:
        metafunc.parametrize(("language", "variant"), CLIENTS, scope="module")


@pytest.fixture(scope="module")
def client(language: str, variant: str, request: pytest.FixtureRequest, server: Any) -> Any:
    if language == "python":
        return request.getfixturevalue("python_client")(variant)
    return request.getfixturevalue("node_client")(server.url if variant == "base URL" else "")


@pytest.fixture(scope="module")
def facts(client: Any) -> Facts:
    """What happened in all the scenarios, which run side by side."""
    facts: Facts = client.converse()
    return facts


def test_the_version_is_the_one_asked_for(facts: Facts, language: str, variant: str) -> None:
    wanted = f"google-genai {variant or '3.'}" if language == "python" else "@google/genai "
    assert facts["sdk"].startswith(wanted)


@pytest.mark.parametrize("scenario", ["text", "content"])
def test_a_typed_question_is_answered_aloud(facts: Facts, scenario: str) -> None:
    turn = _turn(facts[scenario])
    assert turn["said"] == "2 plus 3 is 5."
    assert turn["order"] == ANSWER
    assert turn["audio_seconds"] > 0.5
    assert turn["usage"] > 0


@pytest.mark.parametrize("scenario", ["spoken", "manual"])
def test_a_spoken_question_is_heard_and_answered(facts: Facts, scenario: str) -> None:
    turn = _turn(facts[scenario])
    assert turn["heard"] == "what is two plus three"
    assert turn["said"] == "2 plus 3 is 5."
    assert turn["order"] == ["heard", *ANSWER]


def test_speaking_interrupts_a_long_answer_and_is_answered(facts: Facts) -> None:
    turns = _turn(facts["barge_in"])
    # An interrupted turn is complete, but its generation never was; nothing else comes between.
    assert turns["interrupted"]["order"] == ["audio", "said", "interrupted", "turn_complete"]
    assert turns["answered"]["heard"] == "what is two plus three"
    assert turns["answered"]["said"] == "2 plus 3 is 5."
    assert turns["answered"]["order"] == ["heard", *ANSWER]


def test_the_second_turn_remembers_the_first(facts: Facts) -> None:
    turns = _turn(facts["memory"])
    assert "Alice" in turns["first"]["said"]
    assert turns["second"]["said"] == "Your name is Alice."
    assert turns["second"]["usage"] > turns["first"]["usage"]


def test_a_function_is_called_and_its_result_is_spoken(facts: Facts) -> None:
    turn = _turn(facts["function"])
    (call,) = turn["calls"]
    assert call["name"] == "turn_on_the_lights"
    assert call["args"] == {"room": "kitchen"}
    assert call["id"]
    assert turn["order"] == ["tool_call", *ANSWER]
    assert turn["said"] == "The lights are on."


def test_a_refusal_reaches_the_user_with_its_reason(facts: Facts) -> None:
    refusal = _turn(facts["bad_model"])
    assert refusal["code"] == 1008
    assert "setup.model: models/gemini-of-nobody is not found; use " in refusal["reason"]


def test_the_models_are_listed(facts: Facts) -> None:
    assert "models/gemini-3.8-live" in facts["models"]


def test_tokens_are_counted(facts: Facts) -> None:
    assert _turn(facts["tokens"]) == {"model": "models/gemini-3.8-live", "total": 10}


def test_the_log_has_nothing_to_say_about_ordinary_clients(facts: Facts, server: Any) -> None:
    assert facts
    assert "ignored" not in server.log
    assert "Traceback" not in server.log


@pytest.mark.needs_node
def test_clients_of_two_languages_share_a_server(
    server: Any, python_client: Callable[[str], Any], node_client: Callable[[str], Any]
) -> None:
    clients = [python_client(""), node_client(server.url)]
    with ThreadPoolExecutor() as pool:
        both = list(pool.map(lambda client: client.converse("spoken", "memory", "function"), clients))
    for facts in both:
        assert _turn(facts["spoken"])["said"] == "2 plus 3 is 5."
        assert _turn(facts["memory"])["second"]["said"] == "Your name is Alice."
        assert _turn(facts["function"])["said"] == "The lights are on."


def _turn(facts: Facts) -> Facts:
    """The facts of a scenario that did not fail in the client."""
    assert "error" not in facts, facts["error"]
    return facts
