"""The messages of OpenAI-compatible services."""
