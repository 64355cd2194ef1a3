"""What answers a conversation: one contract (:mod:`antiphon.engines.base`) and its implementations."""
