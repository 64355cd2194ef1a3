"""What travels: typed messages of every dialect, decoded and encoded. No I/O, no state, no asyncio."""
