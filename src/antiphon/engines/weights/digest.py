"""Checksums of files: SHA-256, MD5 and what git calls a blob, each as ``algorithm:hex``."""

import hashlib
import re
from pathlib import Path

from antiphon.engines.weights.progress import Progress

_BLOCK = 1 << 20
_FORM = re.compile(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}|git-sha1:[0-9a-f]{40}")


def is_digest(text: str) -> bool:
    """Whether ``text`` is a checksum as this module writes them."""
    return bool(_FORM.fullmatch(text))


def digest_of(path: Path, algorithm: str, progress: Progress) -> str:
    """The checksum of a file by ``sha256``, ``md5`` or ``git-sha1``.

    Raises:
        OSError: the file cannot be read.
    """
    size = path.stat().st_size
    progress.start(f"checking {path.name.removesuffix('.part')}", size)
    state = hashlib.md5(usedforsecurity=False) if algorithm == "md5" else hashlib.sha256()
    if algorithm == "git-sha1":  # of a header and the content: git's object format
        state = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
    done = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            state.update(block)
            progress.at(done := done + len(block))
    return f"{algorithm}:{state.hexdigest()}"
