"""A self-hosted server for live voice that speaks the Gemini Live API."""

__version__ = "0.1.0"
