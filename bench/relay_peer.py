"""LiteLLM's proxy as a relay, where somebody installed it: ``pip install 'litellm[proxy]'`` elsewhere, not here.

The environment variable ``BENCH_LITELLM`` names its command. Without a database, keys and callbacks, so at its best.
"""

import asyncio
import os
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]

from bench.child import tree_seconds

KEY = "sk-bench"
_START_SECONDS = 180.0

_CONFIG = """
model_list:
  - model_name: relay
    litellm_params: {{model: openai/gpt-realtime, api_base: "{url}/v1", api_key: none}}
general_settings: {{master_key: {key}}}
litellm_settings: {{callbacks: [], num_retries: 0}}
"""


class Peer:
    """A proxy that runs."""

    def __init__(self, pid: int, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._process = psutil.Process(pid)

    def tree_seconds(self) -> float:
        """Processor time that it and its children used so far."""
        return tree_seconds(self._process)


@asynccontextmanager
async def litellm(command: str, upstream: str, core: int | None) -> AsyncIterator[Peer]:
    """A proxy to ``upstream``, pinned to a core if one is named."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="bench-litellm-") as folder:
        config = _configure(Path(folder), upstream)
        pinned = () if core is None else ("taskset", "-c", str(core))
        arguments = ("--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1")
        nowhere = asyncio.subprocess.DEVNULL
        quiet = {"LITELLM_LOG": "ERROR", "LITELLM_MODE": "PRODUCTION", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        process = await asyncio.create_subprocess_exec(
            *pinned, command, *arguments, env={**os.environ, **quiet}, stdout=nowhere, stderr=nowhere, cwd=folder
        )
        try:
            await _ready(f"http://127.0.0.1:{port}/health/liveliness", process)
            yield Peer(process.pid, port)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


def _configure(folder: Path, upstream: str) -> Path:
    config = folder / "config.yaml"
    config.write_text(_CONFIG.format(url=upstream, key=KEY), "utf-8")
    return config


async def _ready(url: str, process: asyncio.subprocess.Process) -> None:
    async with httpx.AsyncClient() as client, asyncio.timeout(_START_SECONDS):
        while True:
            if process.returncode is not None:
                raise RuntimeError(f"LiteLLM ended with status {process.returncode}")
            try:
                if (await client.get(url)).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.5)
