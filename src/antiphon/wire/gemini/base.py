"""What all messages of the Gemini Live API have in common."""

from msgspec import Struct


class Wire(Struct, rename="camel", omit_defaults=True, kw_only=True):
    """Base of all messages: camelCase on the wire, and nothing written that has its default value."""


class Empty(Wire):
    """An object whose presence is its whole meaning."""
