"""What a server keeps in its data directory, as commands read and change it; it may be running."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from antiphon.store.database import FILE_NAME, Database

WIDEST: Final = 200
"""Columns that a line of a table may have, whatever the terminal has."""

DataDir = Annotated[
    Path | None, typer.Option(envvar="ANTIPHON_DATA_DIR", help="The data directory of the server.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@asynccontextmanager
async def kept(data_dir: Path, error: type[Exception] | None = None) -> AsyncIterator[Database]:
    """The database of a data directory.

    Raises:
        error: no server has run with it; without ``error`` an empty database is made.
        StoreError: it cannot be opened.
    """
    path = data_dir / FILE_NAME
    if error is not None and not path.exists():
        raise error(f"{path} does not exist: no server has run with this data directory; name another with --data-dir")
    database = Database(path)
    try:
        await database.open()
        yield database
    finally:
        await database.aclose()
