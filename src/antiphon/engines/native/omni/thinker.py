"""Qwen2.5-Omni's thinker, run here: hears and reads, answers in words, for all sessions of the process together.

It never speaks: the model's own talker makes sound only when the whole answer is written (``generate`` of transformers
5.24 returns it in one piece), while a voice of the cascade speaks the first sentence when there is one.
"""

import asyncio
import json
import logging
import queue
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.brain.language_model.model import Delta, ModelFailed, Request, Text, Told
from antiphon.engines.native.config import OmniConfig
from antiphon.engines.native.heavy import OMNI, device_and_dtype, heavy
from antiphon.engines.native.hub import file_of, folder_of
from antiphon.engines.native.omni.decoding import Batch, Row
from antiphon.engines.native.omni.prompts import END, Prompt, Reader
from antiphon.live.tokens import Tokens, Usage

log = logging.getLogger("antiphon.native")

_UNFINISHED: Final = "\N{REPLACEMENT CHARACTER}"


class Loaded(Struct):
    """A model in memory: its reader, its tokenizer, and an empty batch."""

    reader: Reader
    tokenizer: Any
    batch: Batch


class _Answer:
    """One request while it is answered. Made on the event loop; all else happens on the model's thread."""

    def __init__(self, request: Request, emit: Callable[[Delta | Exception | None], None], row: Row) -> None:
        self.request = request
        self.row = row
        self._emit = emit
        self._tokens: list[int] = []
        self._told = 0

    def take(self, token: int, tokenizer: Any) -> None:
        """One more token; a character that is not whole yet waits for the next."""
        self._tokens.append(token)
        text: str = tokenizer.decode(self._tokens, skip_special_tokens=True)
        if not text.endswith(_UNFINISHED):
            self._tell(text)

    def end(self, prompt: Prompt, tokenizer: Any) -> None:
        """There are no more."""
        self._tell(tokenizer.decode(self._tokens, skip_special_tokens=True))
        sound = prompt.sound_tokens
        read = Tokens(text=len(prompt.ids) - sound, audio=sound)
        self._emit(Told(Usage(read, Tokens(text=len(self._tokens)))))
        self._emit(None)

    def fail(self, error: Exception) -> None:
        """There is no rest."""
        self._emit(error)

    def _tell(self, text: str) -> None:
        if len(text) > self._told:
            self._emit(Text(text[self._told :]))
            self._told = len(text)


class ThinkerModel:
    """A :class:`~antiphon.engines.cascade.brain.language_model.model.LanguageModel` that hears.

    Requests wait in line while ``max_batch`` answers are made; a line of ``max_waiting`` takes no more.
    """

    provider = ""
    vision = False
    thinks = False

    def __init__(self, config: OmniConfig, load: "Callable[[OmniConfig], Loaded] | None" = None) -> None:
        self.name = config.model
        self.most = 0
        self._config = config
        self._load = load or load_thinker
        self._line: queue.SimpleQueue[_Answer | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def start(self) -> None:
        """Load the model. Idempotent.

        Raises:
            EngineUnavailable: a package or the model is missing, or the model cannot be loaded.
        """
        if self._thread is not None:
            return
        try:
            loaded = await asyncio.to_thread(self._load, self._config)
        except EngineUnavailable:
            raise
        except Exception as error:
            raise EngineUnavailable(f"model {self._config.model} cannot be loaded: {error!r}") from error
        self._thread = threading.Thread(target=self._run, args=(loaded,), name="omni", daemon=True)
        self._thread.start()

    def answer(self, request: Request) -> AsyncGenerator[Delta, None]:
        """The answer as it is made; closed early, its row is free before the next token."""
        return self._answer(request)

    async def aclose(self) -> None:
        """End the model's thread; answers that are being made fail. Idempotent."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._line.put(None)
            await asyncio.to_thread(thread.join)

    async def _answer(self, request: Request) -> AsyncGenerator[Delta, None]:
        if self._thread is None:
            raise ModelFailed(f"{self.name} is not running")
        if (waiting := self._line.qsize()) >= self._config.max_waiting:
            raise ModelFailed(f"{waiting} answers wait for {self.name} already", passing=True)
        made: asyncio.Queue[Delta | Exception | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        row = self._row(request)
        self._line.put(_Answer(request, lambda delta: _post(loop, made, delta), row))
        try:
            while (delta := await made.get()) is not None:
                if isinstance(delta, Exception):
                    raise ModelFailed(f"{self.name} failed: {delta!r}", passing=True) from delta
                yield delta
        finally:
            row.done = True

    def _row(self, request: Request) -> Row:
        config = self._config
        limit = min(request.max_output_tokens or config.max_new_tokens, config.max_new_tokens)
        temperature = config.temperature if request.temperature is None else request.temperature
        top_p = config.top_p if request.top_p is None else request.top_p
        return Row(lambda token: None, temperature, top_p, limit)

    # --- the thread -----------------------------------------------------------------------------------------

    def _run(self, loaded: Loaded) -> None:
        batch = loaded.batch
        making: list[tuple[_Answer, Prompt]] = []
        while True:
            joining = self._admit(idle=not batch.rows, room=self._config.max_batch - len(batch.rows))
            if self._thread is None:
                self._turn_away([*joining, *(answer for answer, _ in making)])
                return
            try:
                making += self._join(loaded, joining)
                self.most = max(self.most, len(batch.rows))
                if batch.rows:
                    batch.step()
            except Exception as error:
                log.exception("a model that hears failed; its answers are lost")
                for answer in {id(one): one for one in (*joining, *(one for one, _ in making))}.values():
                    answer.fail(error)
                batch.clear()
                making = []
            making = self._finish(making, loaded)

    def _admit(self, idle: bool, room: int) -> list[_Answer]:
        """Who may join now; waits for somebody, or for the end, while there is nothing else to do."""
        joining: list[_Answer] = []
        while len(joining) < room:
            try:
                answer = self._line.get(block=idle and not joining)
            except queue.Empty:
                break
            if answer is None:
                break
            if not answer.row.done:
                joining.append(answer)
        return joining

    def _turn_away(self, answers: list[_Answer]) -> None:
        """The model is closed: nobody is left waiting."""
        with suppress(queue.Empty):
            while True:
                answer = self._line.get_nowait()
                answers += [] if answer is None else [answer]
        for answer in answers:
            answer.fail(RuntimeError("it was closed"))

    def _join(self, loaded: Loaded, joining: list[_Answer]) -> list[tuple[_Answer, Prompt]]:
        if not joining:
            return []
        prompts = [loaded.reader.read(answer.request) for answer in joining]
        for answer in joining:
            answer.row.take = _taking(answer, loaded.tokenizer)
        loaded.batch.join([answer.row for answer in joining], prompts)
        return list(zip(joining, prompts, strict=True))

    def _finish(self, making: list[tuple[_Answer, Prompt]], loaded: Loaded) -> list[tuple[_Answer, Prompt]]:
        for answer, prompt in making:
            if answer.row.done:
                answer.end(prompt, loaded.tokenizer)
        return [(answer, prompt) for answer, prompt in making if not answer.row.done]


def load_thinker(config: OmniConfig) -> Loaded:
    """Load Qwen2.5-Omni without its talker, from this machine only. Blocks for as long as it takes.

    Raises:
        EngineUnavailable: a package, the model or a part of it is missing.
    """
    torch = heavy("torch", OMNI)
    transformers = heavy("transformers", OMNI)
    device, dtype = device_and_dtype(torch, config.device, config.dtype)
    folder = folder_of(config.model, OMNI)
    _check_kind(file_of(folder, "config.json", OMNI))
    here: dict[str, Any] = {"local_files_only": True}
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **here)
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder, **here)
    kind = transformers.Qwen2_5OmniForConditionalGeneration
    model = kind.from_pretrained(folder, dtype=dtype, enable_audio_output=False, **here)
    thinker = model.thinker.to(device).eval()
    return prepare(torch, transformers, thinker, tokenizer, extractor)


def _check_kind(path: Path) -> None:
    try:
        kind = json.loads(path.read_text(encoding="utf-8")).get("model_type")
    except ValueError as error:
        raise EngineUnavailable(f"{path} is not JSON ({error})") from error
    if kind != "qwen2_5_omni":
        raise EngineUnavailable(f"{path} describes a model of type {kind}: Qwen2.5-Omni (qwen2_5_omni) is needed")


def prepare(torch: Any, transformers: Any, thinker: Any, tokenizer: Any, extractor: Any) -> Loaded:
    """A model in memory, ready to be asked."""
    tower = thinker.model.audio_tower

    def length_of(frames: int) -> int:
        return int(tower._get_feat_extract_output_lengths(torch.tensor([frames]))[1])

    end: int = tokenizer.convert_tokens_to_ids(END)
    ends = {end, tokenizer.eos_token_id} - {None}
    batch = Batch(torch, transformers, thinker, pad=end, ends=frozenset(ends))
    return Loaded(Reader(tokenizer, extractor, length_of), tokenizer, batch)


def _taking(answer: _Answer, tokenizer: Any) -> Callable[[int], None]:
    return lambda token: answer.take(token, tokenizer)


def _post(loop: asyncio.AbstractEventLoop, made: "asyncio.Queue[Any]", delta: Any) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(made.put_nowait, delta)
