"""What a price is made of."""

from decimal import Decimal

from msgspec import Struct


class Rates(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A price card, in dollars (or another unit): tokens by the million, None where no price is known.

    Text has a price of its own; what is not priced apart falls back as the price lists mean it: ``image_in`` and
    ``video_in`` to ``text_in``, ``thoughts`` to ``text_out``, and what was read from a cache to what it costs without
    one. Sound never falls back to text: that is how bills came to be too low by half (LiteLLM #38457). Neither do
    pictures and video that are made.

    ``search`` is for one query, ``grounded`` for a generation that searched, whatever for; ``request`` for a
    generation; ``hour`` for an hour of the session, billed by the second, and at least ``least_seconds`` of it.
    """

    text_in: Decimal | None = None
    audio_in: Decimal | None = None
    image_in: Decimal | None = None
    video_in: Decimal | None = None
    text_out: Decimal | None = None
    audio_out: Decimal | None = None
    image_out: Decimal | None = None
    video_out: Decimal | None = None
    thoughts: Decimal | None = None
    cached_text: Decimal | None = None
    cached_audio: Decimal | None = None
    cached_image: Decimal | None = None
    cached_video: Decimal | None = None
    search: Decimal | None = None
    grounded: Decimal | None = None
    request: Decimal | None = None
    hour: Decimal | None = None
    least_seconds: Decimal | None = None

    def __post_init__(self) -> None:
        for name, value in self.known.items():
            if not (value.is_finite() and value >= 0):
                raise ValueError(f"{name} must be a price, 0 or more")

    @property
    def known(self) -> dict[str, Decimal]:
        """What has a price."""
        values = ((name, getattr(self, name)) for name in Rates.__struct_fields__)
        return {name: value for name, value in values if value is not None}

    def over(self, other: "Rates") -> "Rates":
        """These, and those of ``other`` where these say nothing."""
        return Rates(**{**other.known, **self.known})


FREE = Rates(**{name: Decimal(0) for name in Rates.__struct_fields__})
"""Everything costs exactly nothing."""
