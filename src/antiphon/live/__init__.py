"""A conversation as pure state machines: events in, effects out. No I/O, no asyncio, no clock."""
