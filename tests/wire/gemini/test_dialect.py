"""Whose client it is, by the name it gives its model."""

import pytest

from antiphon.wire.gemini.dialect import dialect_of


@pytest.mark.parametrize(
    "model",
    [
        "publishers/google/models/gemini-3.8-live",
        "projects/p/locations/us-central1/publishers/google/models/gemini-3.8-live",
        "projects/p/locations/l/endpoints/1",
    ],
)
def test_clients_in_vertex_mode(model: str) -> None:
    assert dialect_of(model) == "vertex"


@pytest.mark.parametrize("model", ["models/gemini-3.8-live", "gemini-3.8-live", "", "tunedModels/publishers/x"])
def test_all_others(model: str) -> None:
    assert dialect_of(model) == "gemini"
