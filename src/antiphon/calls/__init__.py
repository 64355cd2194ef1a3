"""A call: one conversation performed. It owns the session, the engine's conversation and the timers."""
