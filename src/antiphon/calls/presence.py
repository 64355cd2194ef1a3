"""The sessions of this process among those of all that share a database."""

from collections.abc import Callable, Iterable
from typing import Protocol

from antiphon.live.inputs import Evicted
from antiphon.store.resumptions import Resumptions


class Present(Protocol):
    """A call, as far as its session may go on elsewhere."""

    @property
    def id(self) -> str:
        """The name of its session."""
        ...

    @property
    def epoch(self) -> int:
        """The epoch of its session; 0 while nothing of it is kept, so that nobody could go on with it."""
        ...

    def receive(self, event: Evicted) -> None:
        """Take what happened."""


class Presence:
    """Keeps the handles of running sessions good, and ends the calls whose sessions went on in another process."""

    def __init__(self, resumptions: Resumptions, calls: Callable[[], Iterable[Present]]) -> None:
        self._resumptions = resumptions
        self._calls = calls
        self._version: int | None = None

    async def look(self) -> None:
        """Evict every call whose session has a newer epoch.

        Raises:
            StoreError: the database failed.
        """
        if not self._kept():
            return
        # Whatever is written after this is seen the next time, whatever was before is in what is read below.
        version = await self._resumptions.version()
        if version == self._version:
            return
        epochs = await self._resumptions.epochs([call.id for call in self._kept()])
        self._version = version
        for call in self._kept():
            if epochs.get(call.id, 0) > call.epoch:
                call.receive(Evicted())

    async def affirm(self) -> None:
        """Tell that all sessions of this process run.

        Raises:
            StoreError: the database failed.
        """
        if kept := self._kept():
            await self._resumptions.touch(*(call.id for call in kept))

    def _kept(self) -> list[Present]:
        return [call for call in self._calls() if call.epoch]
