"""The tables. Times are seconds of the Unix epoch; secrets are only ever stored as SHA-256 digests."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

resumable = Table(
    "resumable",
    metadata,
    Column("session_id", String, primary_key=True),
    Column("owner", String, nullable=False),
    # Raised whenever another connection goes on with the session: whoever knows an older one has lost it.
    Column("epoch", Integer, nullable=False),
    # When it was last known to run.
    Column("alive", Float, nullable=False, index=True),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("number", Integer, primary_key=True),
    # Of the handle.
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("session_id", ForeignKey("resumable.session_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("snapshot", LargeBinary, nullable=False),
    # The digests of its pictures, one after the other.
    Column("pictures", LargeBinary, nullable=False),
)

pictures = Table(
    "pictures",
    metadata,
    Column("session_id", ForeignKey("resumable.session_id", ondelete="CASCADE"), primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("number", Integer, primary_key=True),
    # A session that was resumed has a record for each of its connections.
    Column("id", String, nullable=False, index=True),
    Column("owner", String, nullable=False),
    Column("began", Float, nullable=False, index=True),
    Column("record", LargeBinary, nullable=False),
)

timelines = Table(
    "timelines",
    metadata,
    Column("session", ForeignKey("sessions.number", ondelete="CASCADE"), primary_key=True),
    Column("timeline", LargeBinary, nullable=False),
)
"""Apart from the records, which are listed by the score."""

summaries = Table(
    "summaries",
    metadata,
    Column("session", ForeignKey("sessions.number", ondelete="CASCADE"), primary_key=True),
    # Empty for a record that nobody can read.
    Column("model", String, nullable=False),
    Column("engine", String, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("turns", Integer, nullable=False),
    Column("interruptions", Integer, nullable=False),
    Column("tool_calls", Integer, nullable=False),
    Column("close_code", Integer),
    Column("close_reason", String, nullable=False),
    Column("recorded", Boolean, nullable=False),
    # JSON; null where nothing was charged.
    Column("cost", Text),
    # In lower case, and last: rows are read without it as long as nobody searches.
    Column("words", Text, nullable=False),
)
"""What of records and timelines lists are made of and searched by: written with them, and where it is missing."""

charges = Table(
    "charges",
    metadata,
    # One connection of a session: a session that went on from an earlier handle has generations of the same number.
    Column("call", String, primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("window", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("session_id", String, nullable=False, index=True),
    # The server process that wrote it.
    Column("process", String, nullable=False),
    Column("at", Float, nullable=False, index=True),
    Column("owner", String, nullable=False),
    Column("model", String, nullable=False),
    Column("engine", String, nullable=False),
    Column("provider", String, nullable=False),
    Column("billed", String, nullable=False),
    # JSON, without what is zero.
    Column("usage", Text, nullable=False),
    Column("told", Text, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("open_seconds", Float, nullable=False),
    # In picodollars: whole numbers, whose sums are exact.
    Column("amount", BigInteger, nullable=False),
    Column("currency", String, nullable=False),
    # What of it has no price, empty where all has.
    Column("unknown", Text, nullable=False),
    Column("price_version", String, nullable=False),
    Column("estimated", Boolean, nullable=False),
    Index("charges_of_owner", "owner", "at"),
)
