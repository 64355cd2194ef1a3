"""The default engine, put together from a server's settings."""

from pathlib import Path

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.brain import BuiltinBrain, ScriptBrain, ScriptError
from antiphon.engines.cascade.engine import CascadeEngine
from antiphon.engines.cascade.espeak.voice import EspeakVoice
from antiphon.engines.cascade.parts import Brain, Search
from antiphon.engines.cascade.sphinx.recogniser import SphinxRecogniser


def assemble(
    script: Path | None = None,
    recognisers: int = 2,
    recogniser_wait: float = 10.0,
    *,
    search: Search | None = None,
) -> CascadeEngine:
    """The embedded engine: pocketsphinx, the built-in brain or a script, espeak-ng; and a search for its answers.

    Raises:
        EngineUnavailable: the script cannot be used; the message names the line.
    """
    try:
        brain: Brain = ScriptBrain.from_file(script) if script else BuiltinBrain()
    except ScriptError as error:
        raise EngineUnavailable(str(error)) from error
    return CascadeEngine(SphinxRecogniser(recognisers, recogniser_wait), brain, EspeakVoice(), search=search)
