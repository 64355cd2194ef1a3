"""All engines of a server, and the routes to them: started together, replaced while calls run, closed at the end."""

import asyncio
import logging
from collections.abc import Iterable, Mapping

from msgspec import Struct

from antiphon.calls.clock import Clock
from antiphon.calls.routes import Board, Routes
from antiphon.calls.station import EngineStatus, Station, Wanted
from antiphon.engines.base import EngineUnavailable
from antiphon.routing.route import Route

log = logging.getLogger("antiphon.calls")


class Change(Struct, frozen=True):
    """What a new configuration did: names of engines. ``replaced`` ones go on until their last call has ended."""

    started: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = [f"{word} {', '.join(names)}" for word, names in self._words if names]
        return "; ".join(said) or "nothing changed"

    @property
    def _words(self) -> Iterable[tuple[str, tuple[str, ...]]]:
        return (("started", self.started), ("kept", self.kept), ("replaced", self.replaced))


class Fleet:
    """The engines of a server. :attr:`routes` makes the plans of its calls, once :meth:`change` was called first."""

    def __init__(self, clock: Clock) -> None:
        self.routes = Routes(Board({}, {}), clock)
        self._clock = clock
        self._changing = asyncio.Lock()
        self._retired: list[Station] = []

    async def change(self, wanted: Mapping[str, Wanted], routes: Mapping[str, Route]) -> Change:
        """Start what the routes need, side by side, then let new calls have it. All of it happens, or nothing.

        Engines that no route names are not started. One that is wanted as it was goes on, and so does its health.
        Those that are wanted no more are closed when their last call has ended.

        Raises:
            EngineUnavailable: an engine that is not optional cannot start; everything is as it was.
        """
        async with self._changing:
            return await self._change(wanted, routes)

    async def _change(self, wanted: Mapping[str, Wanted], routes: Mapping[str, Route]) -> Change:
        old, used = self.routes.board.stations, _used(routes)
        kept = {name: old[name] for name in used if name in old and old[name].wanted.is_same(wanted[name])}
        new = {name: Station(name, wanted[name], self._clock) for name in used if name not in kept}
        await self._start(new.values())
        self.routes.board = Board({name: (kept | new)[name] for name in used}, routes)
        gone = [station for name, station in old.items() if name not in kept]
        self._retired = [station for station in self._retired if not station.is_closed] + gone
        for station in gone:
            station.retire()
        return Change(tuple(new), tuple(kept), tuple(station.name for station in gone))

    async def _start(self, stations: Iterable[Station]) -> None:
        tasks = {station: asyncio.ensure_future(station.start()) for station in stations}
        try:
            await asyncio.gather(*tasks.values(), return_exceptions=True)
            failures = [_told(station, error) for station, task in tasks.items() if (error := task.exception())]
            if failures:
                raise EngineUnavailable("; ".join(failures))
        except BaseException:
            await asyncio.gather(*tasks.values(), return_exceptions=True)
            await asyncio.gather(*(station.aclose() for station in tasks))
            raise

    async def aclose(self) -> None:
        """Close every engine. Idempotent."""
        async with self._changing:
            stations = [*self.routes.board.stations.values(), *self._retired]
            await asyncio.gather(*(station.aclose() for station in stations))

    def status(self) -> list[EngineStatus]:
        """How the engines do; those that were replaced and still have calls come last."""
        retired = [station for station in self._retired if not station.is_closed]
        return [station.status() for station in (*self.routes.board.stations.values(), *retired)]


def _used(routes: Mapping[str, Route]) -> list[str]:
    """The engines that routes name, each once."""
    return list(dict.fromkeys(name for route in routes.values() for name in route.engines))


def _told(station: Station, error: BaseException) -> str:
    where = station.wanted.where
    said = str(error) if isinstance(error, EngineUnavailable) else f"it failed to start: {error!r}"
    return f"{where}: {said}" if where else said
