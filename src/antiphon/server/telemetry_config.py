"""What an owner can set of telemetry."""

from msgspec import Struct


class TelemetryConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is told of calls, and to whom.

    ``content``: keep and export words, arguments and results too. ``otlp`` is the URL of a collector of traces,
    ``http://localhost:4318/v1/traces`` for one on this computer. ``metrics``: serve ``/metrics``.
    """

    content: bool = False
    otlp: str = ""
    metrics: bool = True

    def __post_init__(self) -> None:
        if self.otlp and not self.otlp.startswith(("http://", "https://")):
            raise ValueError("otlp must be a URL that begins with http:// or https://, such as that of /v1/traces")
