"""The watermark of a call: every sound of the model on its way to the session is marked."""

from antiphon.audio.watermark import DEFAULT_KEY, Embedder
from antiphon.live.events import Failure, GenerationComplete, ModelEvent, Speech, ToolCalls


class Marker:
    """Puts the watermark into the speech among the events of one conversation.

    A generation has as many samples after as before, at the same offsets; at most
    :data:`~antiphon.audio.watermark.MAX_HELD_SAMPLES` of them wait for what follows. What waits is let go before
    anything that ends the speech: function calls, the end of the generation, a failure. Speech of a generation
    older than the newest that was heard of is dead, and dropped.
    """

    def __init__(self, key: str = DEFAULT_KEY) -> None:
        self._key = key
        self._embedder = Embedder(key)
        self._generation = 0

    def mark(self, event: ModelEvent) -> tuple[ModelEvent, ...]:
        """What the session is told instead of ``event``: nothing, ``event``, or held speech and then ``event``."""
        match event:
            case Speech(generation, pcm):
                return self._speech(generation, pcm)
            case ToolCalls(generation) | GenerationComplete(generation) if generation == self._generation:
                return (*self._held(), event)
            case Failure():
                return (*self._held(), event)
        return (event,)

    def _speech(self, generation: int, pcm: bytes) -> tuple[ModelEvent, ...]:
        if generation < self._generation:
            return ()
        if generation > self._generation:
            self._generation, self._embedder = generation, Embedder(self._key)
        marked = self._embedder.feed(pcm)
        return (Speech(generation, marked),) if marked else ()

    def _held(self) -> tuple[ModelEvent, ...]:
        rest = self._embedder.flush()
        return (Speech(self._generation, rest),) if rest else ()
