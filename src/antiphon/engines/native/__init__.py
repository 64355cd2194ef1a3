"""Engines whose model hears speech itself: Moshi, full duplex; omni models, turn by turn, here or on another server."""
