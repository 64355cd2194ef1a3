from pathlib import Path

import pytest
from tests.engines.weights.site import Watcher, sha256

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.weights import folder
from antiphon.engines.weights.errors import WeightsError
from antiphon.engines.weights.folder import Entry, Manifest
from antiphon.engines.weights.registry import File, Licence, Weights
from antiphon.engines.weights.verify import verify

CONTENT = {"model.gguf": b"model", "tokens.txt": b"tokens"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A model called ``mine``, installed."""
    place = tmp_path / "models/mine"
    place.mkdir(parents=True)
    entries = []
    for name, content in CONTENT.items():
        (place / name).write_bytes(content)
        entries.append(Entry(name, len(content), sha256(content)[7:], "known checksum"))
    weights = Weights(name="mine", licence=Licence("MIT", ""), files=tuple(map(File, CONTENT)))
    folder.save(place, Manifest(weights=weights, files=entries, whole=True, pulled="2026-01-01T00:00:00+00:00"))
    return place


class TestInstalled:
    def test_a_name(self, place: Path, tmp_path: Path) -> None:
        assert folder.installed(tmp_path, "mine") == place

    def test_a_path(self, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert folder.installed(tmp_path, str(place)) == place
        assert folder.installed(tmp_path, f"{place}/model.gguf") == place / "model.gguf"
        monkeypatch.setenv("HOME", str(tmp_path))
        assert folder.installed(tmp_path / "other", "~/models/mine") == place
        monkeypatch.chdir(tmp_path)
        assert folder.installed(tmp_path / "other", "models") == tmp_path / "models"

    def test_a_known_name_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(EngineUnavailable) as caught:
            folder.installed(tmp_path, "whisper-small")
        command = f"antiphon models pull whisper-small --data-dir {tmp_path}"
        assert str(caught.value) == f"the model whisper-small is not installed; get it with: {command}"

    def test_the_usual_place_is_not_spelled_out(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ANTIPHON_DATA_DIR", str(tmp_path))
        assert folder.pull_command(tmp_path, "mimi") == "antiphon models pull mimi"

    def test_an_unknown_name(self, tmp_path: Path) -> None:
        with pytest.raises(EngineUnavailable, match=r"called whisper-smal \(do you mean whisper-small\?\); see them"):
            folder.installed(tmp_path, "whisper-smal")

    def test_a_path_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(EngineUnavailable, match="no such folder or file"):
            folder.installed(tmp_path, "./whisper")

    @pytest.mark.parametrize("change", ["gone", "shorter", "longer"])
    def test_a_file_that_is_not_as_it_was(self, place: Path, tmp_path: Path, change: str) -> None:
        file = place / "model.gguf"
        file.unlink() if change == "gone" else file.write_bytes(b"m" if change == "shorter" else b"model!")
        with pytest.raises(EngineUnavailable, match="mine is damaged; get it with: antiphon models pull mine"):
            folder.installed(tmp_path, "mine")

    def test_a_set_that_is_not_whole(self, place: Path, tmp_path: Path) -> None:
        content = folder.manifest(place)
        assert content is not None
        content.whole = False
        folder.save(place, content)
        with pytest.raises(EngineUnavailable, match="mine is not whole yet"):
            folder.installed(tmp_path, "mine")

    @pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"files": 1}'])
    def test_a_manifest_that_is_none(self, place: Path, tmp_path: Path, text: bytes) -> None:
        (place / "antiphon.json").write_bytes(text)
        with pytest.raises(EngineUnavailable, match="no model is called mine"):
            folder.installed(tmp_path, "mine")
        assert folder.all_manifests(tmp_path) == {}

    def test_a_manifest_that_leads_out(self, place: Path) -> None:
        content = folder.manifest(place)
        assert content is not None
        content.put(Entry("../../secret", 1, "", ""))
        folder.save(place, content)
        assert folder.manifest(place) is None


class TestOneFile:
    def test_by_its_pattern(self, place: Path, tmp_path: Path) -> None:
        assert folder.file_of(tmp_path, "mine", "*.gguf") == place / "model.gguf"

    def test_by_its_path(self, place: Path, tmp_path: Path) -> None:
        assert folder.file_of(tmp_path, str(place / "tokens.txt"), "*.gguf") == place / "tokens.txt"

    def test_none_or_several(self, place: Path, tmp_path: Path) -> None:
        with pytest.raises(EngineUnavailable, match=r"no file called \*.onnx"):
            folder.file_of(tmp_path, "mine", "*.onnx")
        with pytest.raises(EngineUnavailable, match=r"2 files called \[mt\]\*; give the path"):
            folder.file_of(tmp_path, "mine", "[mt]*")


class TestVerify:
    def test_whole(self, place: Path, tmp_path: Path, watcher: Watcher) -> None:
        assert [verdict.problem for verdict in verify(tmp_path, "mine", watcher)] == ["", ""]
        content = folder.manifest(place)
        assert content is not None
        assert content.verified
        assert watcher.seen == [("checking model.gguf", 5), ("checking tokens.txt", 6)]

    def test_damage_that_size_does_not_show(self, place: Path, tmp_path: Path, watcher: Watcher) -> None:
        (place / "model.gguf").write_bytes(b"modeL")
        assert folder.installed(tmp_path, "mine") == place
        problems = {verdict.path: verdict.problem for verdict in verify(tmp_path, "mine", watcher)}
        assert problems["model.gguf"] == f"{sha256(b'modeL')}, {sha256(b'model')} is right"
        assert problems["tokens.txt"] == ""
        with pytest.raises(EngineUnavailable, match="is damaged"):
            folder.installed(tmp_path, "mine")

    def test_what_is_mended_is_whole_again(self, place: Path, tmp_path: Path, watcher: Watcher) -> None:
        (place / "model.gguf").write_bytes(b"modeL")
        verify(tmp_path, "mine", watcher)
        (place / "model.gguf").write_bytes(b"model")
        verify(tmp_path, "mine", watcher)
        assert folder.installed(tmp_path, "mine") == place

    def test_gone_and_shorter(self, place: Path, tmp_path: Path, watcher: Watcher) -> None:
        (place / "model.gguf").unlink()
        (place / "tokens.txt").write_bytes(b"t")
        found = [verdict.problem for verdict in verify(tmp_path, "mine", watcher)]
        assert found == ["missing", "1 bytes, 6 are right"]

    def test_a_set_that_is_not_whole(self, place: Path, tmp_path: Path, watcher: Watcher) -> None:
        content = folder.manifest(place)
        assert content is not None
        content.whole = False
        folder.save(place, content)
        assert verify(tmp_path, "mine", watcher)[-1].problem == "the download never came to its end"

    def test_nothing_there(self, tmp_path: Path, watcher: Watcher) -> None:
        with pytest.raises(WeightsError, match="mimi is not installed in"):
            verify(tmp_path, "mimi", watcher)


class TestRemove:
    def test_all_of_it(self, place: Path, tmp_path: Path) -> None:
        size = sum(path.stat().st_size for path in place.iterdir())
        assert folder.remove(tmp_path, "mine") == size
        assert not place.exists()

    def test_nothing_there(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match="mine is not installed"):
            folder.remove(tmp_path, "mine")

    @pytest.mark.parametrize("name", ["..", ".", "../models", "/", ""])
    def test_nothing_else(self, place: Path, tmp_path: Path, name: str) -> None:
        with pytest.raises(WeightsError, match="cannot name a model"):
            folder.remove(tmp_path, name)
        assert place.exists()

    def test_a_link_is_removed_and_what_it_leads_to_is_not(self, place: Path, tmp_path: Path) -> None:
        elsewhere = tmp_path / "elsewhere"
        place.rename(elsewhere)
        place.symlink_to(elsewhere)
        folder.remove(tmp_path, "mine")
        assert not place.exists()
        assert (elsewhere / "model.gguf").exists()
