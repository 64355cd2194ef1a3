"""A brain that asks a language model: on the owner's hardware, in this process, or hosted."""

from antiphon.engines.cascade.brain.language_model.brain import LanguageModelBrain
from antiphon.engines.cascade.brain.language_model.building import build_model, language_model
from antiphon.engines.cascade.brain.language_model.config import LanguageModelConfig
from antiphon.engines.cascade.brain.language_model.model import LanguageModel, ModelFailed

__all__ = ["LanguageModel", "LanguageModelBrain", "LanguageModelConfig", "ModelFailed", "build_model", "language_model"]
