"""``antiphon audit``: who changed what, and whether the log of it is whole."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from antiphon.cli.kept import WIDEST, DataDir, Json, kept
from antiphon.server.config import Config
from antiphon.store.audit import Audit, AuditFilter, as_csv

commands = typer.Typer(
    help="Who changed what: keys, tokens, logins. Every entry holds the hash of the one before.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

Done = TypeVar("Done")


class AuditError(Exception):
    """There is no log; the message says why."""


@commands.callback()
def _root() -> None:
    """Who changed what: keys, tokens, logins. Every entry holds the hash of the one before."""


@commands.command(name="list")
def list_(
    action: Annotated[str, typer.Option(help="Only actions that begin so: `key.`, `login`.")] = "",
    text: Annotated[str, typer.Option(help="Only entries that say so anywhere.")] = "",
    limit: Annotated[int, typer.Option(help="How many, the newest first.", min=1)] = 50,
    data_dir: DataDir = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV, for spreadsheets.")] = False,
    as_json: Json = False,
) -> None:
    """List what was changed, the newest first.

    Examples:

    * `antiphon audit list --action key.` shows what became of keys
    * `antiphon audit list --text ak_1f0c9a53b7d2 --csv` shows one key
    """
    entries = _run(data_dir, lambda audit: audit.read(AuditFilter(action, text), limit=limit))
    if csv:
        typer.echo(as_csv(entries), nl=False)
    elif as_json:
        typer.echo(msgspec.json.encode({"entries": entries}).decode())
    elif not entries:
        typer.echo("Nothing was changed yet.")
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("number", "at (UTC)", "who", "action", "target", "detail"):
            table.add_column(name, no_wrap=name != "detail", overflow="fold")
        for entry in entries:
            at = datetime.fromtimestamp(entry.at, UTC).strftime("%Y-%m-%d %H:%M:%S")
            cells = (str(entry.seq), at, entry.actor or entry.owner, entry.action, entry.target, entry.detail)
            table.add_row(*map(escape, cells))
        console = Console()
        console.width = max(console.width, WIDEST)
        console.print(table)


@commands.command()
def verify(
    expect: Annotated[
        str, typer.Option(metavar="HASH", help="A hash that you kept: see that its entry is still there.")
    ] = "",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Say whether the log is as it was written; exits with 1, and names the first broken entry, when it is not.

    Prints the hash of the last entry. Kept elsewhere, it shows later whether somebody wrote the whole log anew.
    """
    verdict = _run(data_dir, lambda audit: audit.verify(expect))
    if as_json:
        typer.echo(msgspec.json.encode(verdict).decode())
    elif verdict.broken is None:
        typer.echo(f"{verdict.count} entries, whole; the last is {verdict.last}")
    else:
        typer.echo(f"entry {verdict.broken}: {verdict.reason}; the {verdict.count} before it are whole", err=True)
    if verdict.broken is not None:
        raise typer.Exit(1)


def _run(data_dir: Path | None, work: Callable[[Audit], Awaitable[Done]]) -> Done:
    async def inside() -> Done:
        async with kept(data_dir or Config().data_dir, AuditError) as database:
            return await work(Audit(database))

    return asyncio.run(inside())
