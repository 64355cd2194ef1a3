"""The two dialects of the Live API: that of the Gemini API, and that of Vertex AI."""

from typing import Literal

Dialect = Literal["gemini", "vertex"]


def dialect_of(model: str) -> Dialect:
    """The dialect of a client that names its model so.

    Clients in Vertex mode say ``publishers/google/models/..`` or ``projects/../models/..``, all others ``models/..``
    or the bare name.
    """
    return "vertex" if model.startswith(("publishers/", "projects/")) else "gemini"
