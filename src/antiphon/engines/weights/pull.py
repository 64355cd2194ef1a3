"""Getting a set of model files: one by one, each checked before it takes its place."""

import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from antiphon.engines.weights import archive, folder, hub
from antiphon.engines.weights.digest import digest_of, is_digest
from antiphon.engines.weights.errors import WeightsError
from antiphon.engines.weights.fetch import Fetcher, Part, discard, finish
from antiphon.engines.weights.folder import MANIFEST, PARTS, Entry, Manifest
from antiphon.engines.weights.progress import Progress
from antiphon.engines.weights.registry import File, Member, Weights, is_inside

MARGIN = 64 << 20
"""Bytes of the disk that a download leaves free."""

PINNED = "known checksum"
HUB = "hub's checksum"
SEEN = "checksum of the first time"
NEW = "first use"


class Puller:
    """Gets model files into ``data_dir``. ``trust_new`` takes a file whose checksum is not that of the first time."""

    def __init__(
        self,
        data_dir: Path,
        progress: Progress,
        *,
        trust_new: bool = False,
        fetcher: Fetcher | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._data_dir = data_dir
        self._progress = progress
        self._trust_new = trust_new
        self._environ = environ
        self._fetcher = fetcher or Fetcher(environ)

    def pull(self, weights: Weights) -> Manifest:
        """Have a whole set; what is already there is kept. Ctrl-C leaves what a later call goes on with.

        Raises:
            WeightsError: it cannot be had, or is not what it should be.
        """
        place = folder.folder_of(self._data_dir, weights.name)
        kept = without_secrets(weights)
        with folder.locked(self._data_dir, weights.name, self._progress), _disk(place):
            before = folder.manifest(place)
            content = self._begun(place, before, kept)
            missing = [file for file in weights.files if not self._is_there(place, content, file)]
            self._check_room(place, missing)
            folder.save(place, content)
            for file in missing:
                for entry in self._one(place, weights, file):
                    content.put(entry)
                folder.save(place, content)
            if missing or not content.whole:
                content.whole, content.pulled, content.verified = True, folder.now(), folder.now()
                folder.save(place, content)
                _forget(place, before, content)
            archive.discard(place / PARTS)
        return content

    def _begun(self, place: Path, content: Manifest | None, weights: Weights) -> Manifest:
        """The manifest to go on with. Of another version of the set only files with the same checksum are kept."""
        (place / PARTS).mkdir(parents=True, exist_ok=True)
        if content is None or content.weights == weights:
            return content or Manifest(weights=weights)
        wanted = {digest for file in weights.files for digest in _digests(file)}
        kept = [entry for entry in content.files if f"sha256:{entry.sha256}" in wanted]
        return Manifest(weights=weights, files=kept)

    def _is_there(self, place: Path, content: Manifest, file: File) -> bool:
        if file.unpack_all:
            return content.whole and all(folder.is_intact(place, entry) for entry in content.files)
        paths = [member.path for member in file.unpack] or [file.path]
        entries = [content.entry(path) for path in paths]
        return all(entry is not None and folder.is_intact(place, entry) for entry in entries)

    def _check_room(self, place: Path, missing: list[File]) -> None:
        need = sum(file.size + archive.unpacked_size(file) for file in missing) - _bytes_in(place / PARTS)
        free = shutil.disk_usage(place).free
        if missing and need + MARGIN > free:
            raise WeightsError(
                f"{place}: {need:,} bytes are needed, {free:,} are free; make room, or use another disk with --data-dir"
            )

    def _one(self, place: Path, weights: Weights, file: File) -> list[Entry]:
        if not is_inside(file.path):
            raise WeightsError(f"{file.path}: this name leads out of the folder")
        target = place / PARTS / f"{file.path}.part"
        target.parent.mkdir(parents=True, exist_ok=True)
        entry = self._arrived(target, weights, file)
        if file.archive:
            entries = self._unpacked(place, target, file, entry)
            target.unlink()
        else:
            _move(target, place / file.path)
            entries = [entry]
        finish(target)
        return entries

    def _arrived(self, target: Path, weights: Weights, file: File) -> Entry:
        """Fetch and check a file. One that was put together from pieces and is wrong gets a second chance, whole."""
        remote = hub.address(weights, file, self._environ)
        while True:
            part = self._fetcher.fetch(remote, target, file.size, file.digest, self._progress)
            try:
                return self._checked(target, weights, file, part)
            except _Mismatch as error:
                discard(target)
                if part.pieces == 1:
                    raise WeightsError(str(error)) from error
                self._progress.say(f"{file.path}: the pieces do not fit together; fetching it whole")

    def _checked(self, target: Path, weights: Weights, file: File, part: Part) -> Entry:
        identity = hub.identity(weights, file)
        seen = folder.first_seen(self._data_dir, identity)
        sha256 = digest_of(target, "sha256", self._progress)
        for expected, basis in ((file.digest, PINNED), (part.hub_digest, HUB), (seen, SEEN)):
            if not expected or (basis == SEEN and self._trust_new):
                continue
            self._compare(target, file.path, expected, sha256, basis)
            return _entry(file.path, target, sha256, basis)
        folder.remember(self._data_dir, identity, sha256)
        self._progress.say(
            f"{file.path}: no checksum is known to compare with; trusted on first use, recorded as {sha256}"
        )
        return _entry(file.path, target, sha256, NEW)

    def _compare(self, target: Path, path: str, expected: str, sha256: str, basis: str) -> None:
        algorithm = expected.partition(":")[0]
        found = sha256 if algorithm == "sha256" else digest_of(target, algorithm, self._progress)
        if found == expected:
            return
        remedy = (
            "if whoever offers it says that it changed, add --trust-new"
            if basis == SEEN
            else ("nothing was kept; try again later, and do not use it if that does not help")
        )
        raise _Mismatch(f"{path}: {found} came, the {basis} is {expected}; {remedy}")

    def _unpacked(self, place: Path, target: Path, file: File, whole: Entry) -> list[Entry]:
        scratch = place / PARTS / f"{file.path}.unpacked"
        archive.discard(scratch)
        entries = [self._member(scratch, member, file, whole) for member in archive.unpack(target, file, scratch)]
        for entry in entries:
            _move(scratch / entry.path, place / entry.path)
        return entries

    def _member(self, scratch: Path, member: Member, file: File, whole: Entry) -> Entry:
        wish = next((wish for wish in file.unpack if wish.path == member.path), member)
        sha256 = digest_of(scratch / member.path, "sha256", self._progress)
        if wish.digest:
            try:
                self._compare(scratch / member.path, member.path, wish.digest, sha256, PINNED)
            except _Mismatch as error:
                raise WeightsError(str(error)) from error
        return _entry(member.path, scratch / member.path, sha256, PINNED if wish.digest else whole.basis)


class _Mismatch(Exception):
    """A file is not the one it should be."""


def with_digest(weights: Weights, digest: str) -> Weights:
    """A set of one file, with its checksum.

    Raises:
        WeightsError: it has more files, or this is no checksum.
    """
    if not is_digest(digest):
        raise WeightsError("--sha256: 64 hexadecimal digits are expected, as sha256sum prints them")
    if len(weights.files) != 1:
        raise WeightsError(f"--sha256 is for one file, and {weights.name} has {len(weights.files)}; name one of them")
    return replace(weights, files=(replace(weights.files[0], digest=digest),))


def without_secrets(weights: Weights) -> Weights:
    """The set as it is written down: addresses without the user and the signature that may be in them."""
    return replace(weights, files=tuple(replace(file, url=hub.shown(file.url)) for file in weights.files))


def _forget(place: Path, before: Manifest | None, content: Manifest) -> None:
    """Delete what another version of the set had and this one has not."""
    for entry in before.files if before else []:
        if content.entry(entry.path) is None:
            (place / entry.path).unlink(missing_ok=True)


def _digests(file: File) -> list[str]:
    return [member.digest for member in file.unpack] or [file.digest]


def _entry(path: str, place: Path, sha256: str, basis: str) -> Entry:
    return Entry(path, place.stat().st_size, sha256.partition(":")[2], basis)


def _move(source: Path, target: Path) -> None:
    if target.name in (MANIFEST, PARTS):
        raise WeightsError(f"{target.name}: no file of a model can be called that")
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)


def _bytes_in(parts: Path) -> int:
    return sum(path.stat().st_size for path in parts.rglob("*.part"))


@contextmanager
def _disk(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = "make room and run the command again" if full else "see who may write there, or use --data-dir"
        raise WeightsError(f"{error.filename or place}: {error.strerror or error}; {remedy}") from error
