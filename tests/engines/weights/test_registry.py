import re
from urllib.parse import urlsplit

import pytest

from antiphon.engines.weights import KNOWN, hub
from antiphon.engines.weights.digest import is_digest
from antiphon.engines.weights.registry import Weights, is_inside, is_name

COMMIT = re.compile(r"[0-9a-f]{40}")

UNPINNED = {
    "piper-en_US-ljspeech-high",
    "piper-en_US-lessac-medium",
    "piper-en_GB-alba-medium",
    "piper-de_DE-thorsten-medium",
    "piper-de_DE-thorsten-high",
    "piper-fr_FR-siwis-medium",
    "piper-es_ES-davefx-medium",
    "piper-it_IT-paola-medium",
    "piper-pt_BR-faber-medium",
    "qwen2.5-0.5b",
}
"""Sets at a tag or a branch; their checksums hold them."""

every = pytest.mark.parametrize("weights", KNOWN.values(), ids=KNOWN)


@every
def test_a_set_is_complete(weights: Weights) -> None:
    assert is_name(weights.name)
    assert weights.files
    assert weights.kind != "other"
    assert all((weights.engine, weights.extra, weights.about, weights.languages))
    assert weights.licence.spdx.startswith("LicenseRef-") or re.fullmatch(r"[A-Z][\w.-]+", weights.licence.spdx)
    assert urlsplit(weights.licence.url).scheme == "https"


@every
def test_a_licence_that_spdx_does_not_list_says_what_it_is(weights: Weights) -> None:
    licence = weights.licence
    if licence.consent:
        assert licence.note
        assert licence.spdx.startswith("LicenseRef-")


@every
def test_files_have_a_place_and_a_checksum(weights: Weights) -> None:
    places = [place for file in weights.files for place in ([m.path for m in file.unpack] or [file.path])]
    assert len(places) == len(set(places))
    assert all(map(is_inside, places))
    checked = [*weights.files, *(member for file in weights.files for member in file.unpack)]
    unchecked = [file.path for file in checked if not (is_digest(file.digest) and file.size)]
    assert unchecked == (["model.safetensors"] if weights.name == "moshi" else [])
    assert weights.unknown == unchecked


@every
def test_addresses_are_pinned(weights: Weights) -> None:
    for file in weights.files:
        remote = hub.address(weights, file, {})
        assert hub.is_private(remote.url)
        assert remote.hub == (weights.hub is not None)
    if weights.hub:
        assert bool(COMMIT.fullmatch(weights.hub.revision)) == (weights.name not in UNPINNED)
        assert weights.name not in UNPINNED or not weights.unknown


def test_every_kind_and_engine_is_there() -> None:
    engines = {(weights.kind, weights.engine) for weights in KNOWN.values()}
    assert engines == {
        ("recogniser", "faster-whisper"),
        ("recogniser", "sherpa-onnx"),
        ("voice", "kokoro"),
        ("voice", "piper"),
        ("language model", "llama-cpp"),
        ("speech to speech", "moshi"),
    }


def test_transducers_have_the_names_that_their_engine_looks_for() -> None:
    for weights in KNOWN.values():
        if weights.engine == "sherpa-onnx":
            assert [file.path for file in weights.files] == [
                "encoder.onnx",
                "decoder.onnx",
                "joiner.onnx",
                "tokens.txt",
            ]


@pytest.mark.parametrize("name", ["a", "whisper-small", "qwen2.5-0.5b", "piper-en_US-x", "A1", "c++"])
def test_names(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "-option", "a/b", "a\\b", "a b", "a\n", "x" * 101, "C:"])
def test_what_is_no_name(name: str) -> None:
    assert not is_name(name)


@pytest.mark.parametrize("path", ["a", "a/b.bin", "a..b", ".config", "a/.hidden"])
def test_paths_inside(path: str) -> None:
    assert is_inside(path)


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../a", "a/../../b", "..", "a/..", "\\a", "..\\a", "C:\\a", "C:a", "a:stream", "."]
)
def test_paths_that_lead_out(path: str) -> None:
    assert not is_inside(path)
