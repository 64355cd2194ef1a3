"""Omni models: they hear the user's turns themselves, one turn at a time, and answer like a brain of the cascade."""
