"""Brains that need no language model: :class:`BuiltinBrain` and :class:`ScriptBrain`."""

from antiphon.engines.cascade.brain.builtin import BuiltinBrain
from antiphon.engines.cascade.brain.script import ScriptBrain
from antiphon.engines.cascade.brain.script_file import ScriptError

__all__ = ["BuiltinBrain", "ScriptBrain", "ScriptError"]
