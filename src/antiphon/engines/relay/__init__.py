"""Engines that pass a conversation on to a hosted upstream, or to any other server that speaks its dialect."""
