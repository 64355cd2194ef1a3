"""Starting and stopping, on real ports and with real certificates. (How sessions end: ``test_live_endings``.)"""

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest

from antiphon.engines.base import EngineUnavailable
from antiphon.server.config import Config, ConfigError
from antiphon.server.running import Server


class TestStart:
    async def test_a_free_port_is_taken_and_known(self, server: Any, get: Any, puppet: Any) -> None:
        assert server.url == f"http://localhost:{server.port}"
        assert server.tls_url is None
        assert (await get(server.url + "/healthz")).status_code == 200
        assert puppet.started == 1

    async def test_servers_beside_one_another(self, serve: Any, get: Any) -> None:
        first, second = await serve(), await serve()
        assert first.port != second.port
        for each in (first, second):
            assert (await get(each.url + "/healthz")).status_code == 200

    async def test_a_taken_port_is_named_with_the_remedy(self, server: Any, serve: Any, puppet: Any) -> None:
        with pytest.raises(ConfigError) as taken:
            await serve(port=server.port)
        assert str(taken.value) == (
            f"port {server.port} on 127.0.0.1: Address already in use; choose another with --port"
        )
        assert puppet.started == 1, "no model is loaded in vain"

    async def test_a_taken_tls_port_is_named_and_the_other_is_free_again(self, server: Any, serve: Any) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            free = probe.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"tls_port {server.port} on .*; choose another with --tls-port"):
            await serve(port=free, tls_port=server.port)
        assert (await serve(port=free)).port == free

    async def test_a_data_directory_that_cannot_be_used_is_named(self, serve: Any, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(ConfigError, match=r"data_dir .*file: .*Not a directory"):
            await serve(tls_port=0, data_dir=tmp_path / "file")

    async def test_a_data_directory_that_cannot_be_written_is_named(
        self, serve: Any, tmp_path: Path, puppet: Any
    ) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(ConfigError, match=r"data_dir .*file: .*antiphon\.sqlite: .*set data_dir"):
            await serve(data_dir=tmp_path / "file")
        (tmp_path / "antiphon.sqlite").write_text("no database " * 100)
        with pytest.raises(ConfigError, match=r"antiphon\.sqlite: file is not a database; move the file away"):
            await serve()
        assert puppet.started == 0, "no model is loaded in vain"

    async def test_an_engine_that_cannot_start_frees_the_ports(
        self, serve: Any, puppet: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fail() -> None:
            raise EngineUnavailable("pocketsphinx is missing: pip install it")

        with monkeypatch.context() as patch, socket.socket() as probe:
            patch.setattr(puppet, "start", fail)
            probe.bind(("127.0.0.1", 0))
            free = probe.getsockname()[1]
            probe.close()
            with pytest.raises(EngineUnavailable, match="pip install"):
                await serve(port=free)
        assert (await serve(port=free)).port == free

    async def test_a_server_that_never_started_can_be_stopped(self, puppet: Any) -> None:
        await Server(Config(port=0), puppet).stop()
        assert puppet.closed == 1

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2"])
    def test_strangers_are_not_served_without_keys(self, host: str) -> None:
        with pytest.raises(ConfigError, match="reachable from other machines, and no key is set"):
            Server(Config(host=host), engine=None)  # type: ignore[arg-type]

    async def test_with_keys_every_address_is_served(self, serve: Any, get: Any) -> None:
        server = await serve(host="0.0.0.0", keys=("k",))
        assert server.url == f"http://localhost:{server.port}"
        assert (await get(f"http://127.0.0.1:{server.port}/v1/models?key=k")).status_code == 200

    async def test_ipv6_is_served(self, serve: Any, get: Any) -> None:
        try:
            server = await serve(host="::1")
        except ConfigError as error:
            pytest.skip(str(error))
        assert server.url == f"http://[::1]:{server.port}"
        assert (await get(server.url + "/healthz")).status_code == 200


class TestTls:
    @pytest.fixture
    async def secure(self, serve: Any) -> Any:
        return await serve(tls_port=0)

    async def test_a_client_with_the_bundle_talks(self, secure: Any, dial: Any) -> None:
        client = await dial(secure, tls=ssl.create_default_context(cafile=str(secure.tls.bundle)))
        await client.setup()
        await client.text("hi")
        assert await client.turn()

    async def test_requests_are_served_there_too(self, secure: Any) -> None:
        trust = ssl.create_default_context(cafile=str(secure.tls.ca))
        async with httpx.AsyncClient(verify=trust, trust_env=False) as http:
            assert (await http.get(secure.tls_url + "/v1/models")).status_code == 200

    async def test_a_client_without_it_does_not_trust_the_server(self, secure: Any, dial: Any) -> None:
        with pytest.raises(ssl.SSLCertVerificationError):
            await dial(secure, tls=ssl.create_default_context())

    async def test_both_ports_lead_to_the_same_server(self, secure: Any, dial: Any, get: Any) -> None:
        await (await dial(secure, tls=ssl.create_default_context(cafile=str(secure.tls.bundle)))).setup()
        await (await dial(secure)).setup()
        assert (await get(secure.url + "/readyz")).json()["sessions"] == 2

    async def test_plain_words_on_the_tls_port_harm_nobody(self, secure: Any, get: Any) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", secure.tls_port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        async with asyncio.timeout(20):
            await reader.read()
        writer.close()
        assert (await get(secure.url + "/healthz")).status_code == 200

    async def test_a_turn_that_is_not_read_is_dropped_there_too(
        self, serve: Any, dial: Any, puppet: Any, until: Any
    ) -> None:
        secure = await serve(tls_port=0, write_timeout=0.3)
        trust = ssl.create_default_context(cafile=str(secure.tls.bundle))
        client = await dial(secure, tls=trust, max_queue=1)
        # More than the buffers of both systems hold: some ten megabytes.
        puppet.chunks = [bytearray(48_000) for _ in range(400)]
        await client.setup()
        await client.text("hi")
        client.socket.transport.pause_reading()
        await until(lambda: secure.sessions == 0)
