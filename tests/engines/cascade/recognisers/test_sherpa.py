"""Which model a folder holds, and what is wrong with it."""

from pathlib import Path

import pytest

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.recognisers.sherpa import SherpaRecogniser, model_files


def write(folder: Path, *names: str, content: bytes = b"") -> None:
    for name in (*names, "tokens.txt"):
        (folder / name).write_bytes(content)


def test_a_transducer_is_told_by_its_joiner(tmp_path: Path) -> None:
    write(tmp_path, "encoder-epoch-99.onnx", "encoder-epoch-99.int8.onnx", "decoder.onnx", "joiner.int8.onnx")
    family, files = model_files(tmp_path)
    assert family == "transducer"
    assert {name: path.name for name, path in files.items()} == {
        "tokens": "tokens.txt",
        "encoder": "encoder-epoch-99.int8.onnx",
        "decoder": "decoder.onnx",
        "joiner": "joiner.int8.onnx",
    }


def test_a_paraformer_has_none(tmp_path: Path) -> None:
    write(tmp_path, "encoder.onnx", "decoder.onnx")
    family, files = model_files(tmp_path)
    assert family == "paraformer"
    assert files.keys() == {"tokens", "encoder", "decoder"}


@pytest.mark.parametrize(
    ("mark", "family"),
    [
        (b"cache_last_channel_dim1", "nemo_ctc"),
        (b"model_type zipformer2", "zipformer2_ctc"),
        (b"wenet", "wenet_ctc"),
    ],
)
def test_a_ctc_model_is_told_by_its_metadata(tmp_path: Path, mark: bytes, family: str) -> None:
    write(tmp_path, "model.int8.onnx", content=bytes(300_000) + mark)
    assert model_files(tmp_path)[0] == family


def test_a_model_that_does_not_stream_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "model.onnx", content=b"EncDecCTCModel")
    with pytest.raises(EngineUnavailable, match="no streaming CTC model"):
        model_files(tmp_path)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match=r"tokens\.txt; get the model with"):
        model_files(tmp_path)
    write(tmp_path)
    with pytest.raises(EngineUnavailable, match=r"model\.onnx; get the model with"):
        model_files(tmp_path)


async def test_the_real_loader_says_what_it_cannot_load(nemo_folder: Path, tmp_path: Path) -> None:
    write(tmp_path, "encoder.onnx", "decoder.onnx", "joiner.onnx")
    with pytest.raises(EngineUnavailable, match="does not load"):
        await SherpaRecogniser(tmp_path).start()
