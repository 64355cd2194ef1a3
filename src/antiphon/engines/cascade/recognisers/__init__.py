"""Recognisers beside the one on board: Whisper, streaming models of k2-fsa, and services."""

from antiphon.engines.cascade.recognisers.config import RecogniserConfig, recogniser

__all__ = ["RecogniserConfig", "recogniser"]
