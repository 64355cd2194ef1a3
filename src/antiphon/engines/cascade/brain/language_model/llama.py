"""A language model in this process, out of a GGUF file, by llama-cpp-python.

One model answers one prompt at a time, in a thread of its own; the others wait in their order. An answer that is not
wanted any more stops between two tokens, and while its prompt is read as well. Tools are told to the model by the
template of its file; the calls it writes are found in its text (:mod:`~.tags`), as the library reads none there.
"""

import asyncio
import importlib
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import msgspec

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.brain.language_model.model import Delta, ModelFailed, Request, Text, Told
from antiphon.engines.cascade.brain.language_model.openai import chat_messages, declared
from antiphon.live.tokens import Tokens, Usage

_END: Final = None


class LlamaModel:
    """The model in the file ``path``.

    ``context`` is its window in tokens, ``threads`` how many it computes with (0: the library decides), ``gpu_layers``
    how many layers go to a GPU (-1: all); at most ``max_waiting`` answers wait for their turn.
    """

    provider = ""
    vision = False

    def __init__(
        self,
        path: Path,
        *,
        name: str = "",
        context: int = 8_192,
        threads: int = 0,
        gpu_layers: int = 0,
        max_waiting: int = 8,
        thinks: bool = False,
    ) -> None:
        self.name = name or path.stem
        self.thinks = thinks
        self._path = path
        self._options = {"n_ctx": context, "n_threads": threads or None, "n_gpu_layers": gpu_layers}
        self._max_waiting = max_waiting
        self._waiting = 0
        self._turn = asyncio.Lock()
        self._worker: ThreadPoolExecutor | None = None
        self._llama: Any = None
        self._stop = threading.Event()
        self._abort: Any = None

    async def start(self) -> None:
        """Load the model and have it make one token.

        Raises:
            EngineUnavailable: the library or the file is missing, or the file is no model.
        """
        self._worker = ThreadPoolExecutor(1, "antiphon-llama")
        try:
            await asyncio.get_running_loop().run_in_executor(self._worker, self._load)
        except BaseException:
            await self.aclose()
            raise

    async def answer(self, request: Request) -> AsyncGenerator[Delta, None]:
        """The answer as it is made; see :class:`~.model.LanguageModel`."""
        if self._waiting > self._max_waiting:
            raise ModelFailed(f"{self.name}: {self._waiting} answers wait already (max_waiting)", passing=True)
        self._waiting += 1
        try:
            async with self._turn:
                generating = _Generating(lambda stop: self._chunks(request, stop))
                try:
                    async for delta in generating.deltas(self._worker):
                        yield delta
                finally:
                    await generating.stopped()
        finally:
            self._waiting -= 1

    async def aclose(self) -> None:
        """Free the model, once the token that is being made is made. Idempotent."""
        worker, self._worker = self._worker, None
        if worker is None:
            return
        self._stop.set()
        async with self._turn:
            await asyncio.get_running_loop().run_in_executor(worker, self._unload)
        worker.shutdown()

    # --- in the worker's thread -----------------------------------------------------------------------------

    def _load(self) -> None:
        try:
            library = importlib.import_module("llama_cpp")
        except ImportError as error:
            raise EngineUnavailable(
                f"language model: llama-cpp-python is missing ({error}); pip install 'antiphon[llama]'"
            ) from None
        if not self._path.is_file():
            raise EngineUnavailable(f"language model: there is no file {self._path} (path)")
        try:
            self._llama = library.Llama(str(self._path), verbose=False, **self._options)
        except (ValueError, RuntimeError, AssertionError) as error:
            raise EngineUnavailable(f"language model: {self._path} cannot be loaded ({error})") from None
        # While a prompt is read no token comes, and nothing else could stop it.
        self._abort = library.ggml_abort_callback(lambda _: self._stop.is_set())
        library.llama_set_abort_callback(self._llama.ctx, self._abort, None)
        for _ in self._llama.create_chat_completion([{"role": "user", "content": "Hello"}], max_tokens=1, stream=True):
            pass

    def _unload(self) -> None:
        llama, self._llama = self._llama, None
        if llama is not None:
            llama.close()

    def _chunks(self, request: Request, stop: threading.Event) -> Iterator[Delta]:
        self._stop = stop
        if self._llama is None:
            raise ModelFailed(f"{self.name} is closed", passing=True)
        prompt = 0
        for chunk in self._llama.create_chat_completion(stream=True, **_arguments(request)):
            # What the context holds when the first token is made, is the prompt.
            prompt = prompt or self._llama.n_tokens
            made = max(0, self._llama.n_tokens - prompt)
            yield Told(Usage(Tokens(text=prompt), Tokens(text=made)))
            if text := chunk["choices"][0]["delta"].get("content"):
                yield Text(text)


class _Generating:
    """One answer: made in the worker's thread, taken in the event loop."""

    def __init__(self, chunks: Callable[[threading.Event], Iterator[Delta]]) -> None:
        self._chunks = chunks
        self._stop = threading.Event()
        self._made: asyncio.Queue[Delta | Exception | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._running: asyncio.Future[None] | None = None

    async def deltas(self, worker: ThreadPoolExecutor | None) -> AsyncGenerator[Delta, None]:
        """What is made, as it is made."""
        if worker is None:
            raise ModelFailed("the language model is not loaded", passing=True)
        self._running = asyncio.ensure_future(self._loop.run_in_executor(worker, self._generate))
        while (made := await self._made.get()) is not _END:
            if isinstance(made, Exception):
                raise made
            yield made

    async def stopped(self) -> None:
        """Stop, and wait until the model is free for the next."""
        self._stop.set()
        if self._running is not None:
            await asyncio.shield(self._running)

    def _generate(self) -> None:
        try:
            for delta in self._chunks(self._stop):
                if self._stop.is_set():
                    return
                self._put(delta)
        except ModelFailed as error:
            self._put(error)
        except Exception as error:
            # The library raises whatever: templates that do not take a message, a context that is full.
            if not self._stop.is_set():
                self._put(ModelFailed(f"llama.cpp: {error}", passing=False))
        finally:
            self._put(_END)

    def _put(self, made: Delta | Exception | None) -> None:
        self._loop.call_soon_threadsafe(self._made.put_nowait, made)


def _arguments(request: Request) -> dict[str, Any]:
    system = [{"role": "system", "content": request.instruction}] if request.instruction else []
    given = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "seed": request.seed,
        "max_tokens": request.max_output_tokens,
    }
    return {
        "messages": [*system, *(msgspec.to_builtins(one) for one in chat_messages(request.messages))],
        "tools": [msgspec.to_builtins(declared(tool)) for tool in request.tools] or None,
        **{name: value for name, value in given.items() if value is not None},
    }
