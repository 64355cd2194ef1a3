"""Everything that looks on at the calls of a server: timelines, metrics, traces, recordings."""

from collections.abc import Callable, Iterable

from antiphon.calls.caller import Caller
from antiphon.calls.clock import Clock
from antiphon.calls.observer import Audience, Observer
from antiphon.calls.recording import Recordings
from antiphon.calls.station import EngineStatus
from antiphon.calls.timeline import Chronicle
from antiphon.calls.watching import Watching
from antiphon.live.session import Session
from antiphon.server.config import Config
from antiphon.server.metrics import Metrics
from antiphon.server.tracing import Tracing


class Telemetry:
    """Looks on for one server. :meth:`start` it when its calls can begin, :meth:`aclose` it when they have ended.

    ``sessions`` and ``engines`` say what is there now; ``now`` is the time of day, in seconds of the Unix epoch. Calls
    may be looked at by ``watching`` while they run.

    Raises:
        ConfigError: the configuration wants what is not installed.
    """

    def __init__(
        self,
        config: Config,
        clock: Clock,
        now: Callable[[], float],
        sessions: Callable[[], int],
        engines: Callable[[], Iterable[EngineStatus]],
        watching: Watching | None = None,
    ) -> None:
        self.metrics = Metrics(sessions, engines) if config.telemetry.metrics else None
        self.recordings = Recordings(config.data_dir, config.recording, now)
        self._tracing = Tracing(config.telemetry.otlp, now=now) if config.telemetry.otlp else None
        self._content = config.telemetry.content
        self._clock = clock
        self._watching = watching
        self._audience: list[Audience] = [each for each in (self.metrics, self._tracing) if each is not None]

    async def start(self) -> None:
        """Begin."""
        await self.recordings.expire()
        self.recordings.attend(self._clock)
        if self.metrics is not None:
            self.metrics.start()

    def observe(self, session: Session, caller: Caller) -> Observer:
        """Who looks on at a call."""
        return Chronicle(
            session,
            caller,
            self._clock.now(),
            self._audience,
            content=self._content,
            record=self.recordings.record,
            watching=self._watching,
        )

    async def aclose(self) -> None:
        """Write and export what is left. Idempotent."""
        if self.metrics is not None:
            self.metrics.close()
        await self.recordings.aclose()
        if self._tracing is not None:
            await self._tracing.aclose()
