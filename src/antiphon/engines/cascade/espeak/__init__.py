"""The embedded voice: espeak-ng, in a process of its own.

espeak-ng is licensed under the GPL (version 3 or later), keeps global state and says one thing at a time. It is
therefore loaded only by :mod:`.worker`, which runs as a child process; the server exchanges messages with the child
over pipes and must import neither ``espeakng_loader`` nor :mod:`.library`.
"""

from antiphon.engines.cascade.espeak.voice import EspeakVoice
from antiphon.engines.cascade.espeak.voices import DEFAULT, PRESETS, Preset, find, language_code, preset

__all__ = ["DEFAULT", "PRESETS", "EspeakVoice", "Preset", "find", "language_code", "preset"]
