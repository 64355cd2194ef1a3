"""Model files on disk: ``<data_dir>/models/NAME/``, each folder with a manifest that says what is in it.

A folder counts as installed once its manifest says so and every file it lists is there at its size; checksums are
compared when files arrive and by ``antiphon models verify``, not at every start.
"""

import difflib
import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout
from msgspec import Struct
from platformdirs import user_data_path

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.weights.errors import WeightsError
from antiphon.engines.weights.progress import Progress, Silent
from antiphon.engines.weights.registry import KNOWN, Weights, is_inside, is_name

MANIFEST = "antiphon.json"
PARTS = ".parts"
"""Of a set's folder: what is not whole yet."""

FIRST_SEEN = "first-seen.json"
"""Of the models folder: checksums that were trusted on first use, by where the file came from."""


class Entry(Struct):
    """A file of an installed set. ``sha256`` is what it had when it came; ``basis`` is what that was compared with."""

    path: str
    size: int
    sha256: str
    basis: str
    damaged: bool = False


class Manifest(Struct, kw_only=True):
    """What is in a folder. ``whole`` once all of ``weights`` is; times are ISO 8601, UTC."""

    weights: Weights
    files: list[Entry] = []
    whole: bool = False
    pulled: str = ""
    verified: str = ""

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(entry.size for entry in self.files)

    def entry(self, path: str) -> Entry | None:
        """The file at ``path``."""
        return next((entry for entry in self.files if entry.path == path), None)

    def put(self, entry: Entry) -> None:
        """Add a file, in place of the one at its path."""
        self.files = [*(other for other in self.files if other.path != entry.path), entry]


def models_dir(data_dir: Path) -> Path:
    """Where all model files are."""
    return data_dir / "models"


def folder_of(data_dir: Path, name: str) -> Path:
    """Where the model files called ``name`` are, or would be.

    Raises:
        WeightsError: this cannot be a name.
    """
    if not is_name(name):
        raise WeightsError(f"{name!r} cannot name a model: use letters, digits, dots, dashes, underscores")
    return models_dir(data_dir) / name


def installed(data_dir: Path, name: str) -> Path:
    """The folder of a model: of a name that was pulled, or any folder or file that ``name`` is a path of.

    Raises:
        EngineUnavailable: it is not there, or not whole; the message has the command that gets it.
    """
    if is_name(name) and (name in KNOWN or manifest(models_dir(data_dir) / name)):
        folder = models_dir(data_dir) / name
        if problem := _problem(folder):
            raise EngineUnavailable(f"the model {name} {problem}; get it with: {pull_command(data_dir, name)}")
        return folder
    path = Path(name).expanduser()
    if path.exists():
        return path.resolve()
    if not is_name(name):
        raise EngineUnavailable(f"{name}: there is no such folder or file, and it cannot be the name of a model")
    raise EngineUnavailable(unknown(name))


def file_of(data_dir: Path, name: str, pattern: str) -> Path:
    """The one file of a model whose name matches, such as ``*.gguf``; ``name`` may be a path to it.

    Raises:
        EngineUnavailable: as :func:`installed`, or none matches, or several do.
    """
    place = installed(data_dir, name)
    if place.is_file():
        return place
    found = sorted(place.glob(pattern))
    if len(found) != 1:
        how = "no file" if not found else f"{len(found)} files"
        raise EngineUnavailable(f"{place}: {how} called {pattern}; give the path of the one to use")
    return found[0]


def manifest(folder: Path) -> Manifest | None:
    """What a folder says of itself; None if it says nothing that can be understood."""
    try:
        found = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError):
        return None
    return found if all(is_inside(entry.path) for entry in found.files) else None


def save(folder: Path, content: Manifest) -> None:
    """Write a folder's manifest, at once or not at all."""
    _replace(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(content)))


def is_intact(folder: Path, entry: Entry) -> bool:
    """Whether a file is there, at its size, and was not found damaged."""
    try:
        return not entry.damaged and (folder / entry.path).stat().st_size == entry.size
    except OSError:
        return False


def all_manifests(data_dir: Path) -> dict[str, Manifest]:
    """Every folder with model files, by name; also those that are not whole."""
    try:
        paths = sorted(models_dir(data_dir).iterdir())
    except OSError:  # not there, or not ours to read
        return {}
    found = {path.name: manifest(path) for path in paths if is_name(path.name)}
    return {name: content for name, content in found.items() if content}


def state(folder: Path, content: Manifest) -> str:
    """``installed``, ``partial`` or ``damaged``."""
    if any(entry.damaged for entry in content.files):
        return "damaged"
    intact = all(is_intact(folder, entry) for entry in content.files)
    return "partial" if not content.whole else "installed" if intact else "damaged"


def remove(data_dir: Path, name: str) -> int:
    """Delete a model's folder; returns the bytes that its files had.

    Raises:
        WeightsError: there is none, or it cannot be deleted.
    """
    folder = folder_of(data_dir, name)
    if not folder.is_dir():
        raise WeightsError(f"{name} is not installed in {models_dir(data_dir)}")
    with locked(data_dir, name, Silent()):
        size = sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
        try:
            folder.unlink() if folder.is_symlink() else shutil.rmtree(folder)
        except OSError as error:
            raise WeightsError(f"{error.filename}: cannot be deleted ({error.strerror})") from error
    return size


@contextmanager
def locked(data_dir: Path, name: str, progress: Progress) -> Iterator[None]:
    """Keep other processes from changing a model meanwhile; waits for one that does.

    Raises:
        WeightsError: the models folder cannot be written.
    """
    folder = models_dir(data_dir)
    lock = FileLock(folder / f".{name}.lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            progress.say(f"{name}: another process is busy with it; waiting")
            lock.acquire()
    except OSError as error:
        raise WeightsError(f"{folder}: cannot be written ({error.strerror}); name another with --data-dir") from error
    try:
        yield
    finally:
        lock.release()


def first_seen(data_dir: Path, identity: str) -> str:
    """The checksum that a file without a known one had when it first came from there; empty if it never came."""
    return _first_seen(data_dir).get(identity, "")


def remember(data_dir: Path, identity: str, digest: str) -> None:
    """Record the checksum of a file that had none."""
    with locked(data_dir, "first-seen", Silent()):
        content = _first_seen(data_dir) | {identity: digest}
        _replace(models_dir(data_dir) / FIRST_SEEN, msgspec.json.format(msgspec.json.encode(content)))


def pull_command(data_dir: Path, name: str) -> str:
    """The command that gets a model into ``data_dir``."""
    usual = Path(os.environ.get("ANTIPHON_DATA_DIR") or user_data_path("antiphon"))
    where = "" if data_dir == usual else f" --data-dir {shlex.quote(str(data_dir))}"
    return f"antiphon models pull {shlex.quote(name)}{where}"


def unknown(name: str) -> str:
    """What to say of a name that is neither known nor installed."""
    near = difflib.get_close_matches(name, KNOWN, n=1)
    guess = f" (do you mean {near[0]}?)" if near else ""
    return f"no model is called {name}{guess}; see them with: antiphon models list"


def now() -> str:
    """The time as manifests write it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _problem(folder: Path) -> str:
    content = manifest(folder)
    if content is None:
        return "is not installed"
    problems = {"installed": "", "partial": "is not whole yet", "damaged": "is damaged"}
    return problems[state(folder, content)]


def _first_seen(data_dir: Path) -> dict[str, str]:
    path = models_dir(data_dir) / FIRST_SEEN
    if not path.exists():
        return {}
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError) as error:
        raise WeightsError(f"{path}: cannot be read ({error}); delete it to trust files anew") from error


def _replace(path: Path, content: bytes) -> None:
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_bytes(content)
    scratch.replace(path)
