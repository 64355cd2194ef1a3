"""The tables. Times are seconds of the Unix epoch; secrets are only ever stored as SHA-256 digests."""

from sqlalchemy import MetaData

metadata = MetaData()
