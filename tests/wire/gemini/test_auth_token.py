"""Requests for ephemeral tokens: the bodies that SDKs send, every spelling, and what is wrong with the rest."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.wire.gemini import client
from antiphon.wire.gemini.auth_token import AuthToken, decode_auth_token, moment
from antiphon.wire.refusal import Refusal


def decode(body: Any) -> AuthToken:
    return decode_auth_token(json.dumps(body).encode())


@pytest.mark.parametrize("body", [b"", b"  \n", b"{}", b'{"uses": null, "fieldMask": ""}'])
def test_nothing_asks_for_every_default(body: bytes) -> None:
    assert decode_auth_token(body) == AuthToken(field_mask=[])


def test_the_body_of_an_sdk() -> None:
    token = decode(
        {
            "uses": 2,
            "expireTime": "2026-01-01T00:00:00+00:00",
            "newSessionExpireTime": "2026-01-01T00:00:00+00:00",
            "bidiGenerateContentSetup": {
                "model": "models/m",
                "generationConfig": {"responseModalities": ["AUDIO"], "speechConfig": {"language_code": "en-US"}},
                "systemInstruction": {"parts": [{"text": "x"}], "role": "user"},
                "inputAudioTranscription": {},
            },
            "fieldMask": "model,generationConfig.responseModalities,inputAudioTranscription",
        }
    )
    assert token.uses == 2
    assert token.expire_time == token.new_session_expire_time == "2026-01-01T00:00:00+00:00"
    assert token.field_mask == ["model", "generationConfig.responseModalities", "inputAudioTranscription"]
    setup = token.bidi_generate_content_setup
    assert setup is not None
    assert setup.generation_config == client.GenerationConfig(
        response_modalities=[client.Modality.AUDIO], speech_config=client.SpeechConfig(language_code="en-US")
    )
    assert setup.input_audio_transcription == client.AudioTranscriptionConfig()


def test_snake_case_and_numbers_as_text() -> None:
    body = {"uses": "3", "expire_time": "t", "bidi_generate_content_setup": {"model": "m"}, "field_mask": "model"}
    assert decode(body) == AuthToken(
        uses=3, expire_time="t", bidi_generate_content_setup=client.Setup(model="m"), field_mask=["model"]
    )


@pytest.mark.parametrize("mask", ["a, b", ["a", "b"], {"paths": ["a", "b"]}, {"paths": "a,b"}, ",a,,b,"])
def test_a_mask_in_any_form(mask: Any) -> None:
    assert decode({"fieldMask": mask}).field_mask == ["a", "b"]


@pytest.mark.parametrize("setup", [None, {}, {"setup": {}}, {"generationConfig": None}])
def test_an_empty_setup_is_none(setup: Any) -> None:
    assert decode({"bidiGenerateContentSetup": setup}).bidi_generate_content_setup is None


def test_the_wrapper_that_sdks_may_leave_is_taken_off() -> None:
    token = decode({"bidiGenerateContentSetup": {"setup": {"model": "m"}}})
    assert token.bidi_generate_content_setup == client.Setup(model="m")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"use": 1}, "use: is unknown; did you mean uses?"),
        ({"expire": "t"}, "expire: is unknown; "),
        ({"interactionId": "x"}, "interactionId: is unknown; leave it out"),
        (
            {"bidiGenerateContentSetup": {"system_instructions": "x"}},
            "bidiGenerateContentSetup.system_instructions: is unknown; did you mean systemInstruction?",
        ),
        (
            {"bidiGenerateContentSetup": {"generationConfig": {"temprature": 1}}},
            "bidiGenerateContentSetup.generationConfig.temprature: is unknown; did you mean temperature?",
        ),
        ({"bidiGenerateContentSetup": {"tools": [{"zzz": 1}]}}, "bidiGenerateContentSetup.tools[0].zzz: is unknown"),
        (
            {"bidiGenerateContentSetup": {"generationConfig": {"responseModalities": ["SMELL"]}}},
            "bidiGenerateContentSetup.generationConfig.responseModalities[0]: invalid value 'SMELL'",
        ),
        ({"bidiGenerateContentSetup": "model"}, "bidiGenerateContentSetup: expected an object"),
        ({"uses": -1}, "uses: -1 is out of range; send 1 to 2147483647, or 0 for no limit"),
        ({"uses": 2**31}, "uses: 2147483648 is out of range"),
        ({"uses": "many"}, "uses: "),
        ({"expireTime": 5}, "expireTime: expected str"),
        ({"fieldMask": 5}, "fieldMask: is not a list of names"),
        ({"fieldMask": [1]}, "fieldMask: is not a list of names"),
        ({"fieldMask": {"path": ["a"]}}, "fieldMask: is not a list of names"),
        ([], "body: must be a JSON object"),
        ("x", "body: must be a JSON object"),
    ],
)
def test_a_mistake_is_named(body: Any, told: str) -> None:
    with pytest.raises(Refusal) as refused:
        decode(body)
    assert str(refused.value).startswith(told)


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"{}x", b"[" * 100_000])
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal, match=r"^body: malformed JSON"):
        decode_auth_token(body)


@given(st.binary(max_size=200))
def test_whatever_the_body_the_answer_is_a_token_or_a_refusal(body: bytes) -> None:
    with suppress(Refusal):
        assert isinstance(decode_auth_token(body), AuthToken)


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)),
    st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
def test_a_moment_is_the_same_in_every_zone(when: datetime, zone: timezone) -> None:
    exact = when.replace(tzinfo=UTC)
    assert moment(exact.astimezone(zone).isoformat(), "t") == exact.timestamp()


def test_a_moment_in_the_forms_that_sdks_write() -> None:
    assert moment("1970-01-01T00:01:00Z", "t") == 60
    assert moment("1970-01-01T00:01:00.500Z", "t") == 60.5
    assert moment("1970-01-01T00:01:00.500000000+00:00", "t") == 60.5


@pytest.mark.parametrize("text", ["", "tomorrow", "2030-01-31", "2030-01-31T12:00:00", "9", "2030-13-01T00:00:00Z"])
def test_what_is_no_moment_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Refusal, match=r"^expireTime: .* is not a time; send RFC 3339 with a time zone, such as 2030"):
        moment(text, "expireTime")
