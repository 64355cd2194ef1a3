import msgspec
import pytest
from tests.engines.weights.site import Site

from antiphon.engines.weights import sources
from antiphon.engines.weights.errors import WeightsError
from antiphon.engines.weights.fetch import Fetcher
from antiphon.engines.weights.registry import File, Hub, Weights

SHA = "0123456789" * 4
LISTING = {
    "id": "owner/repo",
    "sha": SHA,
    "cardData": {"license": "apache-2.0", "tags": ["x"]},
    "siblings": [
        {"rfilename": ".gitattributes", "size": 10, "blobId": "a" * 40},
        {"rfilename": "config.json", "size": 20, "blobId": "b" * 40},
        {"rfilename": "onnx/model.onnx", "size": 30, "blobId": "c" * 40, "lfs": {"sha256": "d" * 64, "size": 3000}},
    ],
}


@pytest.fixture
def environ(site: Site) -> dict[str, str]:
    site.put("/api/models/owner/repo/revision/main", msgspec.json.encode(LISTING))
    site.put("/api/models/owner/repo/revision/v2", msgspec.json.encode(LISTING))
    return {"HF_ENDPOINT": site.url, "HF_TOKEN": "hf_x"}


def resolve(text: str, environ: dict[str, str], *, unpack: bool = False) -> Weights:
    fetcher = Fetcher(environ, sleep=lambda _: None, patience=2)
    return sources.resolve(text, "mine", fetcher, unpack=unpack, environ=environ)


class TestRepositories:
    def test_all_of_one(self, environ: dict[str, str], site: Site) -> None:
        weights = resolve("hf:owner/repo", environ)
        assert weights.name == "mine"
        assert weights.hub == Hub("owner/repo", SHA)
        assert weights.files == (
            File("config.json", remote="config.json", size=20, digest=f"git-sha1:{'b' * 40}"),
            File("onnx/model.onnx", remote="onnx/model.onnx", size=3000, digest=f"sha256:{'d' * 64}"),
        )
        assert site.requests[0][0].endswith("?blobs=true")
        assert site.requests[0][1]["authorization"] == "Bearer hf_x"

    def test_at_a_revision(self, environ: dict[str, str], site: Site) -> None:
        resolve("hf:owner/repo@v2", environ)
        assert site.requests[0][0].startswith("/api/models/owner/repo/revision/v2")

    def test_one_file(self, environ: dict[str, str]) -> None:
        (file,) = resolve("hf:owner/repo@v2/onnx/model.onnx", environ).files
        assert (file.path, file.remote) == ("model.onnx", "onnx/model.onnx")

    def test_a_folder(self, environ: dict[str, str]) -> None:
        assert [file.path for file in resolve("hf:owner/repo/onnx", environ).files] == ["onnx/model.onnx"]

    def test_the_licence_is_what_the_page_says_and_needs_a_yes(self, environ: dict[str, str]) -> None:
        licence = resolve("hf:owner/repo", environ).licence
        assert licence.consent
        assert licence.note == "the page says: apache-2.0"
        assert licence.url == "https://huggingface.co/owner/repo"

    def test_or_none(self, environ: dict[str, str], site: Site) -> None:
        site.put("/api/models/owner/repo/revision/main", msgspec.json.encode({**LISTING, "cardData": None}))
        assert resolve("hf:owner/repo", environ).licence.note == "the page states none"

    def test_a_file_that_is_not_there(self, environ: dict[str, str]) -> None:
        with pytest.raises(WeightsError, match=r"no such file; it has .gitattributes, config.json, onnx/model.onnx"):
            resolve("hf:owner/repo/model.onnx", environ)

    def test_a_repository_that_is_not_there(self, environ: dict[str, str]) -> None:
        with pytest.raises(WeightsError, match="404"):
            resolve("hf:owner/none", environ)

    def test_a_hub_that_is_busy(self, environ: dict[str, str], site: Site) -> None:
        site.pages["/api/models/owner/repo/revision/main"].status = [503]
        assert resolve("hf:owner/repo", environ).files
        site.pages["/api/models/owner/repo/revision/main"].status = [503, 503]
        with pytest.raises(WeightsError, match="503"):
            resolve("hf:owner/repo", environ)

    def test_an_answer_that_is_no_hub_s(self, environ: dict[str, str], site: Site) -> None:
        site.put("/api/models/owner/repo/revision/main", b"<html>")
        with pytest.raises(WeightsError, match="not that of a hub"):
            resolve("hf:owner/repo", environ)

    def test_a_file_that_leads_out(self, environ: dict[str, str], site: Site) -> None:
        evil = {**LISTING, "siblings": [{"rfilename": "../evil", "size": 1}]}
        site.put("/api/models/owner/repo/revision/main", msgspec.json.encode(evil))
        with pytest.raises(WeightsError, match=r"'\.\./evil' leads out"):
            resolve("hf:owner/repo", environ)

    @pytest.mark.parametrize("text", ["hf:", "hf:repo", "hf:owner/", "hf:owner/repo@", "hf:a b/c"])
    def test_what_is_no_repository(self, environ: dict[str, str], text: str) -> None:
        with pytest.raises(WeightsError, match="write hf:OWNER/REPO"):
            resolve(text, environ)


class TestAddresses:
    def test_one(self) -> None:
        weights = resolve("https://a.example/voices/tug%C3%A3o.onnx?download=true", {})
        assert weights.files == (File("tugão.onnx", url="https://a.example/voices/tug%C3%A3o.onnx?download=true"),)
        assert weights.licence.consent

    @pytest.mark.parametrize(
        "text", ["https://a.example", "https://a.example/", "https://a.example/%2e%2e", "https:///x"]
    )
    def test_without_a_file(self, text: str) -> None:
        with pytest.raises(WeightsError, match="does not end in the name of a file"):
            resolve(text, {})

    def test_an_archive(self) -> None:
        (file,) = resolve("https://a.example/model.tar.bz2", {}, unpack=True).files
        assert file.unpack_all
        with pytest.raises(WeightsError, match=r"model\.onnx: not an archive"):
            resolve("https://a.example/model.onnx", {}, unpack=True)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("hf:owner/repo", "repo"),
        ("hf:owner/repo@v1", "repo"),
        ("hf:owner/repo@v1/onnx/model.onnx", "model.onnx"),
        ("https://user:s3cret@a.example/voice.onnx?key=s3cret", "voice.onnx"),
    ],
)
def test_names(text: str, name: str) -> None:
    assert sources.is_source(text)
    assert sources.default_name(text) == name


def test_a_name_is_no_source() -> None:
    assert not sources.is_source("whisper-small")
