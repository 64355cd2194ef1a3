"""Takes a changed configuration file while the server runs: all of it, or nothing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from antiphon.calls.clock import Clock
from antiphon.calls.periodic import Periodic
from antiphon.engines.base import EngineUnavailable
from antiphon.server.config import Config, ConfigError

log = logging.getLogger("antiphon.server")

LOOK_SECONDS: Final = 2.0
"""How often the file is looked at."""


class Reloading(Struct, frozen=True):
    """What became of the file: how often it was taken and refused, what was said last, and whether that was good."""

    taken: int = 0
    refused: int = 0
    said: str = ""
    good: bool = True


class Reloader:
    """Watches the configuration file at ``path`` from :meth:`watch` on, and takes it when :meth:`reload` is called.

    ``read`` reads the file, ``apply`` puts what it says into effect and tells what that did. Where either fails
    everything stays as it was, and the log says why in one line.
    """

    def __init__(
        self, path: Path, read: Callable[[], Config], apply: Callable[[Config], Awaitable[str]], clock: Clock
    ) -> None:
        self.status = Reloading()
        self._path = path
        self._read = read
        self._apply = apply
        self._clock = clock
        self._seen = _stamp(path)
        self._changing = asyncio.Lock()
        self._watching: Periodic | None = None

    def watch(self) -> None:
        """Look at the file from now on."""
        self._watching = Periodic(self._look, LOOK_SECONDS, self._clock)

    async def reload(self) -> Reloading:
        """Take the file as it is now; what became of it."""
        async with self._changing:
            # Before it is read: what is written meanwhile is seen next time.
            self._seen = _stamp(self._path)
            try:
                said = await self._apply(self._read())
            except (ConfigError, EngineUnavailable) as error:
                self._refuse(str(error))
            except Exception as error:
                log.error("the configuration could not be taken", exc_info=error)
                self._refuse("it could not be taken; the log has the reason")
            else:
                self._take(said)
            return self.status

    async def aclose(self) -> None:
        """Look no more. Idempotent."""
        if self._watching is not None:
            await self._watching.aclose()

    async def _look(self) -> None:
        if _stamp(self._path) != self._seen:
            await self.reload()

    def _take(self, said: str) -> None:
        log.warning("configuration read again: %s", said)
        self.status = replace(self.status, taken=self.status.taken + 1, said=said, good=True)

    def _refuse(self, said: str) -> None:
        line = " ".join(said.split())
        log.error("configuration not changed, for the file cannot be used: %s", line)
        self.status = replace(self.status, refused=self.status.refused + 1, said=line, good=False)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What tells one version of a file from the next; None where there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
