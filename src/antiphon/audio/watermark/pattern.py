"""The grid of tiles, and which of them a key makes louder or softer."""

import hashlib
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

DEFAULT_KEY: Final = "antiphon"
"""The key of a server whose owner set none. Everybody knows it, so it is no proof against people with intent."""

CHIPS: Final = 256
"""Tiles in time after which the pattern repeats: 2.048 s."""

BANDS: Final = 120
"""Tiles in frequency."""

CHIP_SECONDS: Final = 0.008
BAND_HERTZ: Final = 62.5
"""The size of a tile. A spectrum over two chips has exactly one bin for each band."""

FIRST_BAND: Final = 4
"""The lowest tile is that of bin 4: tiles are centred at 250 to 7,687.5 Hz."""


@lru_cache(maxsize=64)
def pattern(key: str) -> NDArray[np.float32]:
    """+1 (louder) or -1 (softer) for each tile, shape ``[CHIPS, BANDS]``; the same on every machine. Read-only.

    The signs are as good as independent throws of a coin to whoever does not know the key: what the detector's bound
    on false alarms rests on.
    """
    digest = hashlib.shake_256(b"antiphon watermark 1\0" + key.encode()).digest(CHIPS * BANDS // 8)
    bits = np.unpackbits(np.frombuffer(digest, np.uint8)).reshape(CHIPS, BANDS)
    signs = bits.astype(np.float32) * 2 - 1
    signs.setflags(write=False)
    return signs


def window(length: int) -> NDArray[np.float32]:
    """Half a sine of ``length`` samples: its squares, half a window apart, add up to one."""
    return np.sin(np.pi * (np.arange(length) + 0.5) / length).astype(np.float32)
