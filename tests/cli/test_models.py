import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console
from rich.progress import Progress as Bars
from tests.engines.weights.site import Site, running, sha256
from typer.testing import CliRunner, Result

from antiphon.cli import app as commands
from antiphon.cli import doctor, models
from antiphon.engines.base import EngineUnavailable
from antiphon.engines.weights import KNOWN, folder, installed
from antiphon.engines.weights.errors import WeightsError
from antiphon.engines.weights.pull import Puller
from antiphon.engines.weights.registry import File, Hub, Licence, Weights

MODEL = bytes(range(256)) * 40
TOKENS = b"a 1\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Site]:
    with running() as site:
        yield site


@pytest.fixture
def site(server: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Site:
    """A hub on this computer that has two models, one with terms; the commands' data directory is ``tmp_path``."""
    server.clear()
    known = {}
    for name, consent in (("free", False), ("strict", True)):
        files = []
        for path, content in (("model.onnx", MODEL), ("tokens.txt", TOKENS)):
            server.put(f"/o/{name}/resolve/v1/{path}", content)
            files.append(File(path, size=len(content), digest=sha256(content)))
        known[name] = Weights(
            name=name,
            kind="voice",
            engine="piper",
            extra="piper",
            about=f"A {name} voice",
            languages=("en",),
            licence=Licence(f"{name}-1.0", "https://licences.example", consent=consent),
            hub=Hub(f"o/{name}", "v1"),
            files=tuple(files),
        )
    for module in (models, folder):
        monkeypatch.setattr(module, "KNOWN", known)
    for name, value in (("HF_ENDPOINT", server.url), ("ANTIPHON_DATA_DIR", str(tmp_path)), ("NO_PROXY", "127.0.0.1")):
        monkeypatch.setenv(name, value)
    return server


def run(*arguments: str | Path, answer: str = "") -> Result:
    environment = {"COLUMNS": "200", "TERM": "dumb"}
    return CliRunner().invoke(commands.app, ["models", *map(str, arguments)], input=answer, env=environment)


def refusal(*arguments: str, answer: str = "") -> str:
    """What a command says that cannot do what it should."""
    result = run(*arguments, answer=answer)
    assert isinstance(result.exception, WeightsError), result.output
    return str(result.exception)


class TestPull:
    def test_shows_what_it_is_before_it_comes(self, site: Site, tmp_path: Path) -> None:
        result = run("pull", "free")
        assert result.exit_code == 0
        assert result.stdout == f"free: installed in {tmp_path}/models/free\n"
        shown = [" ".join(line.split()) for line in result.stderr.splitlines()]
        assert shown[:5] == [
            "free A free voice",
            "licence free-1.0, https://licences.example",
            "size 10.2 kB in 2 files",
            f"from {site.url}/o/free at v1",
            f"to {tmp_path}/models/free",
        ]
        assert "model.onnx, 10.2 kB" in shown
        assert shown[-1] == "engine: pip install 'antiphon[piper]'"
        assert installed(tmp_path, "free") == tmp_path / "models/free"

    def test_again_does_nothing(self, site: Site) -> None:
        run("pull", "free")
        site.requests.clear()
        result = run("pull", "free")
        assert result.stderr == ""
        assert "free: installed in" in result.stdout
        assert site.requests == []

    def test_several(self, site: Site, tmp_path: Path) -> None:
        assert run("pull", "--yes", "free", "strict").exit_code == 0
        assert [name for name in ("free", "strict") if installed(tmp_path, name)] == ["free", "strict"]

    def test_goes_on_after_a_break(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        site.pages["/o/free/resolve/v1/model.onnx"].cuts = [5000]
        monkeypatch.setattr("random.uniform", lambda *_: 0.0)  # no wait between the attempts
        assert run("pull", "free").exit_code == 0
        assert site.ranges() == ["all", "bytes=5000-", "all"]

    def test_ctrl_c_says_how_to_go_on(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(*_: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(Puller, "pull", interrupted)
        result = run("pull", "free")
        assert result.exit_code == 130
        assert "stopped; the same command goes on where it stopped" in result.stderr

    def test_an_unknown_name(self, site: Site) -> None:
        assert refusal("pull", "fre").startswith("no model is called fre (do you mean free?)")
        assert refusal("pull", "kyutai/mimi").endswith("for a repository of the hub write hf:kyutai/mimi")

    def test_is_told_in_one_line(
        self, site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("sys.argv", ["antiphon", "models", "pull", "none"])
        with pytest.raises(SystemExit) as exit_:
            commands.main()
        assert exit_.value.code == 2
        assert capsys.readouterr().err == "error: no model is called none; see them with: antiphon models list\n"


class TestLicence:
    def test_with_terms_is_asked_about(self, site: Site, tmp_path: Path) -> None:
        result = run("pull", "strict", answer="y\n")
        assert result.exit_code == 0
        assert "Accept the licence strict-1.0?" in result.stderr
        assert installed(tmp_path, "strict")

    @pytest.mark.parametrize("answer", ["n\n", "\n", ""], ids=["no", "nothing", "nobody there"])
    def test_without_a_yes_nothing_is_fetched(self, site: Site, tmp_path: Path, answer: str) -> None:
        message = refusal("pull", "strict", answer=answer)
        assert message.endswith("read https://licences.example and run the command with --yes")
        assert site.requests == []
        assert not (tmp_path / "models").exists()

    def test_yes_is_for_scripts(self, site: Site) -> None:
        result = run("pull", "strict", "--yes")
        assert result.exit_code == 0
        assert "strict-1.0, https://licences.example" in result.stderr
        assert "Accept" not in result.stderr

    def test_is_asked_about_once(self, site: Site, tmp_path: Path) -> None:
        run("pull", "strict", "--yes")
        (tmp_path / "models/strict/tokens.txt").unlink()
        result = run("pull", "strict")
        assert result.exit_code == 0
        assert "Accept" not in result.stderr


class TestSources:
    def test_a_repository(self, site: Site, tmp_path: Path) -> None:
        listing = {"sha": "v1", "siblings": [{"rfilename": "tokens.txt", "size": 4, "blobId": ""}]}
        site.put("/api/models/o/free/revision/main", msgspec.json.encode(listing))
        assert run("pull", "hf:o/free", "--name", "mine", "--yes").exit_code == 0
        assert (tmp_path / "models/mine/tokens.txt").read_bytes() == TOKENS
        assert refusal("pull", "hf:o/free", "--yes") == "free is the name of another model; add --name"

    def test_an_address(self, site: Site, tmp_path: Path) -> None:
        url = site.put("/voices/mine.onnx", MODEL)
        result = run("pull", url, "--yes", "--sha256", sha256(MODEL)[7:].upper())
        assert result.exit_code == 0
        assert "unchecked" not in result.stderr
        assert installed(tmp_path, "mine.onnx") == tmp_path / "models/mine.onnx"
        assert [row.name for row in models.inventory(tmp_path)] == ["free", "strict", "mine.onnx"]

    def test_an_address_without_a_checksum(self, site: Site) -> None:
        result = run("pull", site.put("/mine.onnx", MODEL), "--yes")
        assert "unchecked  mine.onnx: no checksum is known here" in result.stderr
        assert f"trusted on first use, recorded as {sha256(MODEL)}" in result.stderr

    def test_a_wrong_checksum(self, site: Site, tmp_path: Path) -> None:
        message = refusal("pull", site.put("/mine.onnx", MODEL), "--yes", "--sha256", "0" * 64)
        assert "mine.onnx: sha256:" in message
        with pytest.raises(EngineUnavailable):
            installed(tmp_path, "mine.onnx")

    @pytest.mark.parametrize("checksum", ["0" * 63, "sha256", "g" * 64])
    def test_what_is_no_checksum(self, site: Site, checksum: str) -> None:
        assert "--sha256" in refusal("pull", site.put("/mine.onnx", MODEL), "--yes", "--sha256", checksum)
        assert site.requests == []

    def test_is_asked_about(self, site: Site) -> None:
        assert "was not accepted" in refusal("pull", site.put("/mine.onnx", MODEL))

    def test_what_is_pulled_is_known_by_its_name(self, site: Site, tmp_path: Path) -> None:
        run("pull", site.put("/mine.onnx", MODEL), "--yes")
        (tmp_path / "models/mine.onnx/mine.onnx").unlink()
        assert run("pull", "mine.onnx").exit_code == 0
        assert (tmp_path / "models/mine.onnx/mine.onnx").read_bytes() == MODEL

    def test_options_that_do_not_fit(self, site: Site) -> None:
        assert "one model at a time" in refusal("pull", "free", "strict", "--name", "x")
        assert "free has its name" in refusal("pull", "free", "--name", "x")
        assert "--sha256 is for one file, and free has 2" in refusal("pull", "free", "--sha256", "0" * 64)
        assert "cannot name a model" in refusal("pull", site.url + "/a", "--name", "../a")

    def test_secrets_of_an_address_are_not_told(self, site: Site) -> None:
        url = site.put("/mine.onnx", MODEL).replace("//", "//user:s3cret@") + "?sig=s3cret"
        result = run("pull", url, "--yes")
        assert result.exit_code == 0
        assert "s3cret" not in result.output


class TestList:
    def test_names_what_is_known_and_what_is_here(self, site: Site) -> None:
        run("pull", "free")
        lines = [line.split() for line in run("list").stdout.splitlines()]
        assert lines[1] == ["voice"]
        assert lines[2][:3] == ["free", "10.2", "kB"]
        assert lines[2][3] == "verified"
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", lines[2][4])
        assert lines[3] == ["strict", "10.2", "kB", "en", "strict-1.0"]

    def test_json(self, site: Site, tmp_path: Path) -> None:
        run("pull", "free")
        free, strict = json.loads(run("list", "--json").stdout)
        assert (free["name"], free["kind"], free["engine"], free["extra"]) == ("free", "voice", "piper", "piper")
        assert (free["state"], free["path"], free["size"]) == ("installed", f"{tmp_path}/models/free", 10_244)
        assert free["pulled"]
        assert (strict["state"], strict["path"], strict["verified"], strict["size"]) == ("", "", "", 10_244)

    def test_can_be_narrowed(self, site: Site) -> None:
        run("pull", "free")
        assert [row["name"] for row in json.loads(run("list", "--installed", "--json").stdout)] == ["free"]
        assert json.loads(run("list", "--kind", "other", "--json").stdout) == []
        assert run("list", "--kind", "none").exit_code == 2

    def test_every_known_name_fits_a_narrow_terminal(self, tmp_path: Path) -> None:
        console = Console(file=io.StringIO(), width=80)
        models.render(models.inventory(tmp_path), console)
        printed = console.file.getvalue()  # type: ignore[attr-defined]
        assert all(f" {name} " in printed for name in KNOWN)
        assert "> 385.2 MB" in printed


class TestVerify:
    def test_whole(self, site: Site) -> None:
        run("pull", "free")
        result = run("verify")
        assert (result.exit_code, result.stdout) == (0, "free: whole, 2 files\n")
        assert "checking model.onnx" in result.stderr

    def test_damage_names_the_file_and_the_remedy(self, site: Site, tmp_path: Path) -> None:
        run("pull", "--yes", "free", "strict")
        (tmp_path / "models/free/model.onnx").write_bytes(MODEL[::-1])
        result = run("verify")
        assert result.exit_code == 1
        assert result.stdout == "strict: whole, 2 files\n"
        assert "free: model.onnx is damaged: sha256:" in result.stderr
        assert "free: get it again with: antiphon models pull free\n" in result.stderr
        assert run("pull", "free").exit_code == 0
        assert (tmp_path / "models/free/model.onnx").read_bytes() == MODEL
        assert run("verify", "free").exit_code == 0

    def test_json(self, site: Site, tmp_path: Path) -> None:
        run("pull", "free")
        (tmp_path / "models/free/tokens.txt").unlink()
        result = run("verify", "--json", "free")
        assert result.exit_code == 1
        assert json.loads(result.stdout) == [
            {"name": "free", "path": "model.onnx", "problem": ""},
            {"name": "free", "path": "tokens.txt", "problem": "missing"},
        ]

    def test_nothing_there(self, site: Site, tmp_path: Path) -> None:
        result = run("verify")
        assert (result.exit_code, result.stdout) == (0, f"no models are installed in {tmp_path}/models\n")
        assert "free is not installed" in refusal("verify", "free")


class TestRemove:
    def test_frees_the_disk(self, site: Site, tmp_path: Path) -> None:
        run("pull", "free")
        result = run("remove", "free")
        assert re.fullmatch(r"free: removed, \d+\.\d kB are free again\n", result.stdout)
        assert not (tmp_path / "models/free").exists()

    def test_nothing_there(self, site: Site) -> None:
        assert "free is not installed" in refusal("remove", "free")


class TestDoctor:
    def test_nothing_is_needed(self, site: Site, tmp_path: Path) -> None:
        finding = doctor.models(tmp_path)
        assert (finding.status, finding.detail) == ("ok", "none installed; the embedded engine needs none")

    def test_names_what_is_there(self, site: Site, tmp_path: Path) -> None:
        run("pull", "--yes", "free", "strict")
        finding = doctor.models(tmp_path)
        assert (finding.status, finding.detail) == ("ok", "free, strict (20.5 kB)")

    def test_warns_of_damage(self, site: Site, tmp_path: Path) -> None:
        run("pull", "free")
        (tmp_path / "models/free/model.onnx").unlink()
        finding = doctor.models(tmp_path)
        assert (finding.status, finding.detail) == ("warning", "free is damaged")
        assert finding.remedy == "antiphon models pull free"


def test_a_terminal_gets_bars() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    bars = Bars(console=console, auto_refresh=False)
    watch = models.Watch(bars, console)
    watch.start("[odd].bin", 1000)
    watch.at(500)
    watch.say("[odd] line")
    assert [(task.description, task.completed, task.total) for task in bars.tasks] == [("\\[odd].bin", 500, 1000)]
    watch.start("tokens.txt", None)
    assert [(task.description, task.total) for task in bars.tasks] == [("tokens.txt", None)]
    assert console.file.getvalue() == "[odd] line\n"  # type: ignore[attr-defined]
