"""Several answers made together, token by token; an answer begins, ends and is given up between two tokens.

Prompts are padded on the left, so that the last column is everybody's newest token. Who joins is read in one pass and
put beside the others, the shorter caches padded; who leaves takes the row along. Masks keep padding out of attention
and positions count real tokens only, so nobody's answer depends on who else is there (but for rounding).
"""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from antiphon.engines.native.omni.prompts import Prompt


class Row(Struct, eq=False):
    """One answer being made. ``take`` is given each token; whoever wants no more sets ``done``."""

    take: Callable[[int], None]
    temperature: float
    top_p: float
    left: int
    done: bool = False


class Batch:
    """The answers that a ``thinker`` (``Qwen2_5OmniThinkerForConditionalGeneration``) makes at the moment.

    ``pad`` is any token, ``ends`` are those that end an answer.
    """

    def __init__(self, torch: Any, transformers: Any, thinker: Any, *, pad: int, ends: frozenset[int]) -> None:
        self.rows: list[Row] = []
        self._torch = torch
        self._transformers = transformers
        self._thinker = thinker
        self._pad = pad
        self._ends = ends
        self._caches: list[tuple[Any, Any]] = []
        self._mask: Any = None
        self._last: Any = None

    def join(self, rows: Sequence[Row], prompts: Sequence[Prompt]) -> None:
        """Read these prompts and make the first token of each answer."""
        torch = self._torch
        with torch.no_grad():
            longest = max(len(prompt.ids) for prompt in prompts)
            gaps = [longest - len(prompt.ids) for prompt in prompts]
            ids = [[self._pad] * gap + prompt.ids for gap, prompt in zip(gaps, prompts, strict=True)]
            mask = torch.tensor([[0] * gap + [1] * (longest - gap) for gap in gaps], device=self._thinker.device)
            cache = self._transformers.DynamicCache()
            logits = self._run(torch.tensor(ids, device=self._thinker.device), mask, cache, self._sounds(prompts))
            self._merge(rows, cache, mask)
            self._deal(list(rows), logits, first=len(self.rows) - len(rows))
        self._sweep()

    def step(self) -> None:
        """One more token for everybody."""
        torch = self._torch
        with torch.no_grad():
            ones = torch.ones((len(self.rows), 1), dtype=self._mask.dtype, device=self._mask.device)
            mask = torch.cat([self._mask, ones], dim=1)
            cache = self._transformers.DynamicCache(ddp_cache_data=self._caches)
            logits = self._run(self._last[:, None], mask, cache, {})
            self._keep(cache, mask)
            self._deal(self.rows, logits, first=0)
        self._sweep()

    def clear(self) -> None:
        """Forget everybody."""
        for row in self.rows:
            row.done = True
        self._sweep()

    # --- the model ------------------------------------------------------------------------------------------

    def _run(self, ids: Any, mask: Any, cache: Any, sounds: dict[str, Any]) -> Any:
        """Logits of the newest tokens, ``[rows, vocabulary]``."""
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        made = self._thinker(
            input_ids=ids,
            attention_mask=mask,
            # Three axes (time, height, width) that differ for pictures only.
            position_ids=positions[None].expand(3, -1, -1),
            cache=cache,
            use_cache=True,
            **sounds,
        )
        return made.logits[:, -1].float()

    def _sounds(self, prompts: Sequence[Prompt]) -> dict[str, Any]:
        features = [self._torch.from_numpy(sound) for prompt in prompts for sound in prompt.sounds]
        if not features:
            return {}
        longest = max(sound.shape[1] for sound in features)
        pad = self._torch.nn.functional.pad
        device, dtype = self._thinker.device, self._thinker.dtype
        whole = self._torch.stack([pad(sound, (0, longest - sound.shape[1])) for sound in features])
        mask = self._torch.tensor([[1] * sound.shape[1] + [0] * (longest - sound.shape[1]) for sound in features])
        return {"input_features": whole.to(device, dtype), "feature_attention_mask": mask.to(device)}

    def _deal(self, rows: Sequence[Row], logits: Any, first: int) -> None:
        """Choose the next token of each of ``rows``, which begin at row ``first``, and hand it out."""
        chosen = [self._choose(row, logits[number]) for number, row in enumerate(rows)]
        tokens = self._torch.tensor(chosen, device=logits.device)
        before = self._last[:first] if first else tokens[:0]
        self._last = self._torch.cat([before, tokens])
        for row, token in zip(rows, chosen, strict=True):
            row.left -= 1
            if token in self._ends:
                row.done = True
            if not row.done:
                row.take(token)
            row.done = row.done or row.left <= 0

    def _choose(self, row: Row, logits: Any) -> int:
        if row.temperature <= 0:
            return int(logits.argmax())
        weights, tokens = (logits / row.temperature).softmax(dim=-1).sort(descending=True)
        weights[weights.cumsum(dim=-1) - weights >= row.top_p] = 0
        return int(tokens[self._torch.multinomial(weights, 1)])

    # --- who is there ---------------------------------------------------------------------------------------

    def _merge(self, rows: Sequence[Row], cache: Any, mask: Any) -> None:
        new = _layers(cache)
        if self.rows:
            width = max(self._mask.shape[1], mask.shape[1])
            both = zip(self._caches, new, strict=True)
            new = [tuple(self._cat(pair, width, -2) for pair in zip(*layer, strict=True)) for layer in both]
            mask = self._cat((self._mask, mask), width, -1)
        self._caches, self._mask = new, mask
        self.rows += rows

    def _cat(self, tensors: tuple[Any, Any], width: int, axis: int) -> Any:
        """Two batches as one, both padded on the left of ``axis`` to ``width``."""
        behind = (0, 0) * (-1 - axis)
        pad = self._torch.nn.functional.pad
        return self._torch.cat([pad(one, (*behind, width - one.shape[axis], 0)) for one in tensors])

    def _keep(self, cache: Any, mask: Any) -> None:
        self._caches, self._mask = _layers(cache), mask

    def _sweep(self) -> None:
        """Let go of rows that are done, and of columns that are padding for all others."""
        left = [number for number, row in enumerate(self.rows) if not row.done]
        if len(left) == len(self.rows):
            return
        self.rows = [self.rows[number] for number in left]
        if not left:
            self._caches, self._mask, self._last = [], None, None
            return
        index = self._torch.tensor(left, device=self._mask.device)
        mask = self._mask[index]
        begin = int(mask.any(dim=0).int().argmax())
        self._mask, self._last = mask[:, begin:], self._last[index]
        self._caches = [tuple(one[index][..., begin:, :] for one in layer) for layer in self._caches]


def _layers(cache: Any) -> list[Any]:
    return [(layer.keys, layer.values) for layer in cache.layers]
