"""Programs that hold a conversation with given settings: templates, and what turns a setup into each client's shape."""

from antiphon.console.snippets.snippets import TARGETS, Address, Snippet, snippet

__all__ = ["TARGETS", "Address", "Snippet", "snippet"]
