"""Model files on disk: which there are (``weights.toml``), how they get here, and whether they are whole.

Engines ask :func:`installed` for the folder of a model. Nothing here downloads unless ``antiphon models pull`` does.
"""

from antiphon.engines.weights.errors import WeightsError
from antiphon.engines.weights.folder import file_of, folder_of, installed
from antiphon.engines.weights.registry import KNOWN, Weights

__all__ = ["KNOWN", "Weights", "WeightsError", "file_of", "folder_of", "installed"]
