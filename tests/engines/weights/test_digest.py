import subprocess
from pathlib import Path

import pytest
from tests.engines.weights.site import Watcher

from antiphon.engines.weights.digest import digest_of, is_digest
from antiphon.engines.weights.progress import Silent


@pytest.mark.parametrize(
    ("algorithm", "hexdigest"),  # of b"abc", from RFC 1321, FIPS 180-2, and `printf abc | git hash-object --stdin`
    [
        ("md5", "900150983cd24fb0d6963f7d28e17f72"),
        ("sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("git-sha1", "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f"),
    ],
)
def test_known_checksums(tmp_path: Path, algorithm: str, hexdigest: str) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"abc")
    digest = digest_of(file, algorithm, Silent())
    assert digest == f"{algorithm}:{hexdigest}"
    assert is_digest(digest)


def test_git_agrees(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"x" * 3_000_000)
    git = subprocess.run(["git", "hash-object", file], capture_output=True, text=True, check=True)
    assert digest_of(file, "git-sha1", Silent()) == f"git-sha1:{git.stdout.strip()}"


def test_who_watches_is_told(tmp_path: Path, watcher: Watcher) -> None:
    file = tmp_path / "a.onnx.part"
    file.write_bytes(b"x" * 1_500_000)
    digest_of(file, "sha256", watcher)
    assert watcher.seen == [("checking a.onnx", 1_500_000)]
    assert watcher.done == [1 << 20, 1_500_000]


@pytest.mark.parametrize("text", ["", "sha256:", "sha256:AB", "abc", f"sha1:{'0' * 40}", f"sha256:{'0' * 63}g"])
def test_what_is_no_checksum(text: str) -> None:
    assert not is_digest(text)
