"""Voices beside the one on board: Kokoro, Piper, and services."""
