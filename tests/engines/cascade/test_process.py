"""Frames over pipes, and the life of a child process."""

import io
from pathlib import Path

import pytest

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.process import Pipe, WorkerDied, WorkerProcess

ECHO = """
from antiphon.engines.cascade.process import serve

def run(pipe):
    print("noise on standard output")
    pipe.send({"ready": True})
    while (message := pipe.receive()) is not None:
        if message.get("die"):
            raise SystemExit(3)
        pipe.send(message)

serve(run)
"""
BROKEN = """
from antiphon.engines.cascade.process import serve

def run(pipe):
    raise ImportError("no such library; pip install it")

serve(run)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """Makes an importable module for a child."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def make(name: str, source: str) -> WorkerProcess:
        (tmp_path / f"{name}.py").write_text(source)
        return WorkerProcess(name)

    return make


class Dribble(io.RawIOBase):
    """A pipe that hands out a byte at a time."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def read(self, size: int = -1) -> bytes:
        return self._content.read(min(size, 1))


def test_a_message_is_whole_however_it_arrives() -> None:
    sink = io.BytesIO()
    Pipe(io.BytesIO(), sink).send({"pcm": bytes(1000)})
    assert Pipe(Dribble(sink.getvalue()), io.BytesIO()).receive() == {"pcm": bytes(1000)}  # type: ignore[arg-type]


@pytest.mark.parametrize("cut", [0, 2, 10])
def test_the_end_of_the_pipe_is_no_message(cut: int) -> None:
    sink = io.BytesIO()
    Pipe(io.BytesIO(), sink).send({"pcm": bytes(1000)})
    assert Pipe(io.BytesIO(sink.getvalue()[:cut]), io.BytesIO()).receive() is None


async def test_messages_go_both_ways_and_noise_does_not(module: object) -> None:
    worker = module("echo_worker", ECHO)  # type: ignore[operator]
    await worker.start()
    for size in (1, 70_000, 2_000_000):
        worker.send({"pcm": bytes(size)})
        assert await worker.receive() == {"pcm": bytes(size)}
    await worker.aclose()
    await worker.aclose()
    assert not worker.alive


async def test_a_child_that_cannot_run_says_why(module: object) -> None:
    worker = module("broken_worker", BROKEN)  # type: ignore[operator]
    with pytest.raises(EngineUnavailable, match="pip install it"):
        await worker.start()
    assert not worker.alive


async def test_a_module_that_is_not_there() -> None:
    with pytest.raises(EngineUnavailable, match=r"no\.such\.module"):
        await WorkerProcess("no.such.module").start()


async def test_a_child_that_dies_is_noticed(module: object) -> None:
    worker = module("mortal_worker", ECHO)  # type: ignore[operator]
    await worker.start()
    worker.send({"die": True})
    with pytest.raises(WorkerDied):
        await worker.receive()
    await worker.aclose()
    worker.send({"nobody": "listens"})
