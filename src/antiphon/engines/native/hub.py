"""Models on this machine: a folder, or what is in the cache of the model hub. Nothing is ever downloaded here."""

from pathlib import Path

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.native.heavy import heavy


def folder_of(model: str, remedy: str) -> Path:
    """The folder of ``model``: its own, or that of the newest snapshot in the hub's cache.

    Raises:
        EngineUnavailable: it is on this machine neither as a folder nor in the cache; or ``remedy`` says how to get the
            package that reads the cache.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_absolute() or model.startswith(("~", ".")) or model.count("/") != 1:
        raise EngineUnavailable(f"model {model}: there is no such folder, and it is no id of a hub repository")
    hub = heavy("huggingface_hub", remedy)
    try:
        return Path(hub.snapshot_download(model, local_files_only=True))
    except Exception as error:
        raise EngineUnavailable(
            f"model {model} is not on this machine, and nothing is downloaded without being asked for: "
            f"antiphon models pull hf:{model}, then set model to the folder that it names"
        ) from error


def file_of(folder: Path, name: str, remedy: str) -> Path:
    """The file ``name`` of a model's folder; ``hf://owner/repo/file`` is one of another repository in the cache.

    Raises:
        EngineUnavailable: it is not there.
    """
    if name.startswith("hf://"):
        owner, repo, file = name.removeprefix("hf://").split("/", 2)
        return file_of(folder_of(f"{owner}/{repo}", remedy), file, remedy)
    path = folder / name
    if not path.is_file():
        raise EngineUnavailable(
            f"{folder}: {name} is missing, the model is not complete; antiphon models pull it again"
        )
    return path
