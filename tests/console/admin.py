"""What the tests of the admin pages share: a closed server, programs and browsers with keys, and a ledger with days."""

import asyncio
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from antiphon.live.tokens import Tokens, Usage
from antiphon.server.tls import ensure_tls
from antiphon.store.database import FILE_NAME, Database
from antiphon.store.grants import Grants, StoredGrant
from antiphon.store.ledger import Entry, Ledger

HTML = {"accept": "text/html"}
DAY = 86_400.0
PAGES = ("keys", "keys/new", "tokens", "usage", "limits", "engines", "audit", "audit/verify")


def program(url: str, key: str = "root") -> httpx.Client:
    """A client that shows a key with each request, and gets JSON."""
    return httpx.Client(base_url=f"{url}/console/admin", headers={"x-goog-api-key": key})


@contextmanager
def browser(url: str, key: str = "root") -> Iterator[httpx.Client]:
    """A client that logged in, and gets pages."""
    with httpx.Client(base_url=f"{url}/console/admin", headers=HTML, follow_redirects=True) as client:
        assert client.post(f"{url}/console/login", data={"key": key}).status_code == 200
        yield client


def certified(data_dir: Path, certificates: Path) -> Path:
    """A data directory that need not make certificates, which takes a second."""
    if not certificates.exists():
        ensure_tls(certificates, ())
    shutil.copytree(certificates, data_dir / "tls")
    return data_dir


def in_database(data_dir: Path, work: Callable[[Database], Any]) -> Any:
    """What ``work`` does with the database of a server."""

    async def inside() -> Any:
        database = Database(data_dir / FILE_NAME)
        await database.open()
        try:
            return await work(database)
        finally:
            await database.aclose()

    # In a thread of its own: Playwright's loop may run in this one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(inside())).result()


def spend(data_dir: Path, owner: str, dollars: float = 0.5, **changes: Any) -> None:
    """A call that an owner had: one answer, and a minute."""
    at = changes.pop("at", time.time())
    name = f"{owner}{at}{changes}"
    common = {
        "call": name,
        "session_id": name,
        "at": at,
        "owner": owner,
        "model": "gemini-3.8-live",
        "engine": "google",
    }
    usage = Usage(Tokens(100, 1500), Tokens(20, 250))
    answer = {"provider": "google", "billed": "gemini-3.8-live", "usage": usage, "told": usage}
    answer |= {"generation": 1, "kind": "generation", "amount": int(dollars * 10**12), **changes}
    entries = [
        Entry(**{**common, "generation": 0, "kind": "window", "window": 1, "open_seconds": 60.0, **_model(changes)}),
        Entry(**{**common, **answer}),
    ]
    in_database(data_dir, lambda database: Ledger(database).add(entries))


def grant(data_dir: Path, owner: str, **changes: Any) -> str:
    """A token that lives; its secret."""
    now = time.time()
    fields = {"owner": owner, "setup": None, "field_mask": (), "uses_left": 1, "expires": now + 1800}
    fields |= {"new_session_expires": now + 60, **changes}
    secret: str = in_database(data_dir, lambda database: Grants(database).create(StoredGrant(**fields)))
    return secret


def _model(changes: dict[str, Any]) -> dict[str, Any]:
    return {"model": changes["model"]} if "model" in changes else {}
