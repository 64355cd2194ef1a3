"""The tables. Times are seconds of the Unix epoch; secrets are only ever stored as SHA-256 digests."""

from sqlalchemy import Column, Float, ForeignKey, Integer, LargeBinary, MetaData, String, Table

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
