import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from antiphon.engines.weights.archive import unpack
from antiphon.engines.weights.errors import WeightsError
from antiphon.engines.weights.registry import File, Member

ALL = File("a.zip", unpack_all=True)


def zipped(path: Path, files: dict[str, bytes], *, link: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        if link:
            info = zipfile.ZipInfo(link)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, "/etc/passwd")
    return path


def tarred(
    path: Path, files: dict[str, bytes], *, mode: str = "w:bz2", link: str = "", kind: bytes = tarfile.SYMTYPE
) -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        if link:
            info = tarfile.TarInfo(link)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    return path


MAKERS = {
    "zip": zipped,
    "tar.bz2": tarred,
    "tar.gz": lambda path, files, **how: tarred(path, files, mode="w:gz", **how),
    "tar": lambda path, files, **how: tarred(path, files, mode="w", **how),
}
every = pytest.mark.parametrize("kind", MAKERS)


@every
def test_what_is_asked_for_is_taken_out(tmp_path: Path, kind: str) -> None:
    archive = MAKERS[kind](tmp_path / "a", {"pkg/data/model.onnx": b"model", "pkg/code.py": b"code"}, link="pkg/link")
    file = File("a", unpack=(Member("pkg/data/model.onnx", "model.onnx"),))
    assert unpack(archive, file, tmp_path / "out") == [Member("pkg/data/model.onnx", "model.onnx", 5)]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model.onnx"]
    assert (tmp_path / "out/model.onnx").read_bytes() == b"model"


@every
def test_all_of_it(tmp_path: Path, kind: str) -> None:
    archive = MAKERS[kind](tmp_path / "a", {"m/encoder.onnx": b"e", "m/tokens.txt": b"t", "m/empty": b""})
    unpack(archive, ALL, tmp_path / "out")
    found = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert found == {"m/encoder.onnx", "m/tokens.txt", "m/empty"}


@every
@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "m/../../evil", "..\\evil", "C:\\evil"])
def test_names_that_lead_out_are_refused(tmp_path: Path, kind: str, name: str) -> None:
    archive = MAKERS[kind](tmp_path / "a", {name: b"evil"})
    with pytest.raises(WeightsError, match="leads out of the folder"):
        unpack(archive, ALL, tmp_path / "in/out")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a"]


@every
def test_links_are_refused(tmp_path: Path, kind: str) -> None:
    archive = MAKERS[kind](tmp_path / "a", {"m": b"m"}, link="evil")
    with pytest.raises(WeightsError, match="evil: not a plain file"):
        unpack(archive, ALL, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_hard_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    archive = tarred(tmp_path / "a", {}, link="evil", kind=kind)
    with pytest.raises(WeightsError, match="evil: not a plain file"):
        unpack(archive, ALL, tmp_path / "out")


@every
def test_what_is_not_there_is_told(tmp_path: Path, kind: str) -> None:
    archive = MAKERS[kind](tmp_path / "a", {"m": b"m"}, link="link")
    for name in ("n", "link"):
        with pytest.raises(WeightsError, match=f"the archive has no {name}"):
            unpack(archive, File("a", unpack=(Member(name, "n"),)), tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"this is no archive", b"PK\3\4 cut off", b"BZh91AY&SY cut"])
def test_what_is_no_archive(tmp_path: Path, content: bytes) -> None:
    archive = tmp_path / "a"
    archive.write_bytes(content)
    with pytest.raises(WeightsError, match="the archive cannot be read"):
        unpack(archive, ALL, tmp_path / "out")


@every
def test_a_damaged_archive(tmp_path: Path, kind: str) -> None:
    archive = MAKERS[kind](tmp_path / "a", {"m": bytes(range(256)) * 400})
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    with pytest.raises(WeightsError, match=r"cannot be read|is not what the archive says"):
        unpack(archive, ALL, tmp_path / "out")


def test_a_zip_that_lies_about_lengths(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a", {"m": b"x" * 100_000})
    content = archive.read_bytes()
    lie = (50).to_bytes(4, "little")
    archive.write_bytes(content.replace((100_000).to_bytes(4, "little"), lie))
    with pytest.raises(WeightsError):
        unpack(archive, ALL, tmp_path / "out")
    assert (tmp_path / "out/m").stat().st_size <= 50
