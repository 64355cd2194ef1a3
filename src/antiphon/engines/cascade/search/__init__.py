"""Searches that an answer can rest on: a folder of documents, or a service that speaks as SearXNG does."""

from pathlib import Path

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.parts import Search
from antiphon.engines.cascade.search.folder import FolderSearch
from antiphon.engines.cascade.search.searxng import SearxngSearch

__all__ = ["FolderSearch", "SearxngSearch", "configured"]


def configured(folder: str = "", searxng: str = "") -> Search | None:
    """The search that an owner's settings ask for; None when they ask for none.

    Raises:
        EngineUnavailable: they ask for both, or the address is none.
    """
    if folder and searxng:
        raise EngineUnavailable("search: folder and searxng are both set; set one of them")
    if folder:
        return FolderSearch(Path(folder))
    return SearxngSearch(searxng) if searxng else None
