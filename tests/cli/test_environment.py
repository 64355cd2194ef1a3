import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from antiphon.cli import environment
from antiphon.cli.environment import Address

HERE = Address(
    pid=os.getpid(),
    url="http://localhost:1234",
    tls_url="https://localhost:1235",
    ca="/data/tls/ca.pem",
    ca_bundle="/data/tls/ca-bundle.pem",
    needs_key=False,
)


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class TestWhereTheServerIs:
    def test_is_what_it_published(self, tmp_path: Path) -> None:
        environment.publish(tmp_path / "new", HERE)
        assert environment.find(tmp_path / "new") == HERE
        assert environment.local_url(tmp_path / "new") == HERE.url

    def test_is_the_default_before_any_was_started(self, tmp_path: Path) -> None:
        address = environment.find(tmp_path)
        assert (address.url, address.tls_url) == ("http://localhost:8080", "https://localhost:8443")
        assert address.ca_bundle == str(tmp_path / "tls" / "ca-bundle.pem")

    def test_is_the_default_after_its_process_died(self, tmp_path: Path) -> None:
        gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
        environment.publish(tmp_path, msgspec.structs.replace(HERE, pid=int(gone.stdout)))
        assert environment.find(tmp_path) == environment.default_address(tmp_path)

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "x"}'])
    def test_is_the_default_where_the_file_is_damaged(self, content: bytes, tmp_path: Path) -> None:
        (tmp_path / "server.json").write_bytes(content)
        assert environment.find(tmp_path) == environment.default_address(tmp_path)

    def test_a_server_withdraws_what_it_published_and_no_other(self, tmp_path: Path) -> None:
        environment.publish(tmp_path, HERE)
        environment.withdraw(tmp_path)
        assert list(tmp_path.iterdir()) == []
        successor = msgspec.structs.replace(HERE, pid=1)
        environment.publish(tmp_path, successor)
        environment.withdraw(tmp_path)
        assert environment.find(tmp_path) == successor


class TestExports:
    def test_python_is_sent_to_the_tls_port_and_both_languages_trust_it(self) -> None:
        assert environment.exports(HERE) == {
            "GOOGLE_GEMINI_BASE_URL": HERE.tls_url,
            "SSL_CERT_FILE": HERE.ca_bundle,
            "NODE_EXTRA_CA_CERTS": HERE.ca,
        }

    def test_without_tls_there_is_nothing_to_trust(self) -> None:
        plain = msgspec.structs.replace(HERE, tls_url=None, ca=None, ca_bundle=None)
        assert environment.exports(plain) == {"GOOGLE_GEMINI_BASE_URL": HERE.url}

    def test_lines_survive_a_shell(self) -> None:
        awkward = msgspec.structs.replace(HERE, ca_bundle="/home/o'neil/my data/ca-bundle.pem")
        lines = "\n".join(environment.export_lines(awkward))
        shown = _shell(f'{lines}\nprintf %s "$SSL_CERT_FILE"', {})
        assert shown == awkward.ca_bundle

    def test_a_key_is_made_up_unless_there_is_one_or_the_server_wants_one(self) -> None:
        lines = "\n".join(environment.export_lines(HERE))
        assert _shell(f"{lines}\nprintf %s $GOOGLE_API_KEY", {}) == "local"
        assert _shell(f"{lines}\nprintf %s $GOOGLE_API_KEY", {"GOOGLE_API_KEY": "mine"}) == "mine"
        needing = "\n".join(environment.export_lines(msgspec.structs.replace(HERE, needs_key=True)))
        assert "one of the server's keys" in needing
        assert _shell(f'{needing}\nprintf %s "$GOOGLE_API_KEY"', {}) == ""

    def test_a_proxy_is_kept_out_of_the_way(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
        assert environment.exports(HERE)["NO_PROXY"] == "localhost"
        monkeypatch.setenv("no_proxy", "intranet")
        assert environment.exports(HERE)["no_proxy"] == "localhost,intranet"
        monkeypatch.setenv("no_proxy", "intranet,localhost")
        assert "no_proxy" not in environment.exports(HERE)

    def test_json_has_the_same_and_the_address(self, tmp_path: Path) -> None:
        environment.publish(tmp_path, HERE)
        described = json.loads(environment.describe(tmp_path, as_json=True))
        assert described.pop("server")["url"] == HERE.url
        assert described == environment.exports(HERE)


PROGRAM = """
import asyncio
from google import genai

async def main():
    config = {"response_modalities": ["AUDIO"], "output_audio_transcription": {}}
    async with genai.Client().aio.live.connect(model="gemini-3.8-live", config=config) as session:
        await session.send_realtime_input(text="What is two plus three?")
        async for message in session.receive():
            content = message.server_content
            if content and content.output_transcription:
                print(content.output_transcription.text, end="")

asyncio.run(main())
"""


@pytest.mark.parametrize("proxy", ["", "http://127.0.0.1:9"], ids=["directly", "behind-a-proxy"])
def test_an_unchanged_program_talks_after_eval(proxy: str, server: Any) -> None:
    antiphon = f"{shlex.quote(sys.executable)} -m antiphon env --data-dir {shlex.quote(str(server.data_dir))}"
    line = f'eval "$({antiphon})" && {shlex.quote(sys.executable)} -c {shlex.quote(PROGRAM)}'
    assert _shell(line, {"HTTPS_PROXY": proxy} if proxy else {}) == "2 plus 3 is 5."


def _shell(line: str, settings: dict[str, str]) -> str:
    clean = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    done = subprocess.run(["sh", "-c", line], env={**clean, **settings}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout
