"""Whether model files still are what they were when they came."""

from pathlib import Path

from msgspec import Struct

from antiphon.engines.weights import folder
from antiphon.engines.weights.digest import digest_of
from antiphon.engines.weights.errors import WeightsError
from antiphon.engines.weights.folder import Entry
from antiphon.engines.weights.progress import Progress


class Verdict(Struct, frozen=True):
    """What came of one file; ``problem`` is empty where there is none."""

    name: str
    path: str
    problem: str


def verify(data_dir: Path, name: str, progress: Progress) -> list[Verdict]:
    """Read every file of a model again. What is damaged is marked, so that engines refuse it and a pull renews it.

    Raises:
        WeightsError: it is not installed.
    """
    place = folder.folder_of(data_dir, name)
    with folder.locked(data_dir, name, progress):
        content = folder.manifest(place)
        if content is None:
            raise WeightsError(f"{name} is not installed in {folder.models_dir(data_dir)}")
        verdicts = [Verdict(name, entry.path, _look(place, entry, progress)) for entry in content.files]
        if not content.whole:
            verdicts.append(Verdict(name, folder.MANIFEST, "the download never came to its end"))
        for entry, verdict in zip(content.files, verdicts, strict=False):
            entry.damaged = bool(verdict.problem)
        if not any(verdict.problem for verdict in verdicts):
            content.verified = folder.now()
        folder.save(place, content)
    return verdicts


def _look(place: Path, entry: Entry, progress: Progress) -> str:
    path = place / entry.path
    try:
        size = path.stat().st_size
        if size != entry.size:
            return f"{size:,} bytes, {entry.size:,} are right"
        found = digest_of(path, "sha256", progress)
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "" if found == f"sha256:{entry.sha256}" else f"{found}, sha256:{entry.sha256} is right"
