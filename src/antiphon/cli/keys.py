"""``antiphon keys``: API keys that are kept in the database of a data directory; the server may be running."""

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer
from msgspec import Struct
from msgspec.structs import replace
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from antiphon.calls import keyform
from antiphon.calls.keyform import KeyForm, KeyFormError
from antiphon.cli.kept import WIDEST, DataDir, Json, kept
from antiphon.meter.money import show
from antiphon.server.config import Config
from antiphon.store.audit import Audit
from antiphon.store.keys import Keys, KeyTerms, StoredKey
from antiphon.store.logins import Logins

commands = typer.Typer(
    help="API keys with a name, permissions, models, limits and an end. The server may be running.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

Done = TypeVar("Done")

Id = Annotated[str, typer.Argument(metavar="ID", help="The id of a key, as `antiphon keys list` shows it.")]
Permissions = Annotated[
    list[str] | None,
    typer.Option("--permission", help="What it is for: live, sessions, metrics, admin; repeat it.  [default: live]"),
]
Models = Annotated[list[str] | None, typer.Option("--model", help="A model it may ask for; repeat it.  [default: any]")]
Expires = Annotated[str | None, typer.Option(help="When it ends: 30d, 12h, 2027-01-31.  [default: never]")]
Session = Annotated[str | None, typer.Option(help="Dollars that one session may cost.")]
Day = Annotated[str | None, typer.Option(help="Dollars that it may spend in a day (UTC).")]
Month = Annotated[str | None, typer.Option(help="Dollars that it may spend in a month (UTC).")]
Concurrent = Annotated[str | None, typer.Option(help="How many sessions it may have at once.")]


class KeysError(Exception):
    """There is no such key, or it cannot be as wished; the message says why."""


class Store(Struct):
    """What the commands work on."""

    keys: Keys
    audit: Audit
    logins: Logins

    async def note(self, action: str, key_id: str, **detail: Any) -> None:
        """Write down what was done."""
        actor = "command line"
        with suppress(OSError, KeyError, ImportError):
            actor = f"command line ({getpass.getuser()})"
        await self.audit.write(action, key_id, detail, actor=actor)


@commands.callback()
def _root() -> None:
    """API keys with a name, permissions, models, limits and an end.

    The server takes changes at once: a key that is revoked ends its sessions within a second. A server that listens on
    loopback only, and has no key in its configuration, takes anybody all the same.
    """


@commands.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the key is for.")],
    permission: Permissions = None,
    model: Models = None,
    expires: Expires = None,
    session: Session = None,
    day: Day = None,
    month: Month = None,
    concurrent: Concurrent = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a key and print its secret, which is shown this once.

    Examples:

    * `antiphon keys create "phone app"` may talk, without any limit
    * `antiphon keys create demo --model gemini-3.8-live --expires 30d --day 5 --concurrent 2` may do less
    * `antiphon keys create root --permission admin` may open the admin pages of the console
    """
    form = KeyForm(
        name=name,
        permissions=tuple(permission or ("live",)),
        models=tuple(model or ()),
        expires=expires or "",
        session=session or "",
        day=day or "",
        month=month or "",
        concurrent=concurrent or "",
    )

    async def work(store: Store) -> tuple[StoredKey, str]:
        key, secret = await store.keys.create(_read(form, store.keys.now()), "command line")
        await store.note("key.create", key.id, **keyform.told(key.terms))
        return key, secret

    _show(*_run(data_dir, work), as_json)


@commands.command(name="list")
def list_(data_dir: DataDir = None, as_json: Json = False) -> None:
    """List all keys, the newest first, those that ended too."""
    keys = _run(data_dir, lambda store: store.keys.all())
    now = datetime.now(UTC).timestamp()
    if as_json:
        typer.echo(msgspec.json.encode({"keys": [keyform.flat(key, now) for key in keys]}).decode())
    elif not keys:
        typer.echo('There is no key yet; make one with: antiphon keys create "phone app"')
    else:
        _render(keys, now, Console())


@commands.command()
def change(
    key_id: Id,
    name: Annotated[str | None, typer.Option(help="What the key is for.")] = None,
    permission: Permissions = None,
    model: Annotated[
        list[str] | None, typer.Option(help="A model it may ask for; repeat it. `any` for any.", show_default=False)
    ] = None,
    expires: Annotated[str | None, typer.Option(help="When it ends; `never` for never.")] = None,
    session: Session = None,
    day: Day = None,
    month: Month = None,
    concurrent: Concurrent = None,
    data_dir: DataDir = None,
) -> None:
    """Change what a key may do. What is not named stays; `none` takes a limit away.

    Examples:

    * `antiphon keys change ak_1f0c9a53b7d2 --day 20` lets it spend more, its sessions that run too
    * `antiphon keys change ak_1f0c9a53b7d2 --expires never --concurrent none`
    """
    models = () if model == ["any"] else tuple(model) if model else None
    given = {
        "name": name,
        "permissions": tuple(permission) if permission else None,
        "models": models,
        "expires": expires,
        "session": session,
        "day": day,
        "month": month,
        "concurrent": concurrent,
    }
    wishes = {field: value for field, value in given.items() if value is not None}

    async def work(store: Store) -> StoredKey:
        key = await _existing(store, key_id)
        form = replace(KeyForm.of(key.terms), **wishes)
        terms = _read(form, store.keys.now(), key.terms.expires)
        changed = await store.keys.update(key_id, terms)
        await store.note("key.change", key_id, **keyform.differences(key.terms, terms))
        return changed or key

    key = _run(data_dir, work)
    typer.echo(f"{key.id} ({key.terms.name}): {_sentence(key)}")


@commands.command()
def revoke(key_id: Id, data_dir: DataDir = None) -> None:
    """Make a key worthless for ever, and its tokens. Its sessions end within a second."""

    async def work(store: Store) -> StoredKey:
        await _existing(store, key_id)
        key = await store.keys.revoke(key_id)
        await store.note("key.revoke", key_id)
        assert key is not None
        return key

    key = _run(data_dir, work)
    typer.echo(f"{key.id} ({key.terms.name}): revoked")


@commands.command()
def rotate(
    key_id: Id,
    grace: Annotated[str, typer.Option(help="How long the old secret stays good: 24h, 7d, 0s.")] = "24h",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Give a key a new secret and print it, this once. Costs and sessions stay with the key.

    Examples:

    * `antiphon keys rotate ak_1f0c9a53b7d2` leaves a day to replace the old one
    * `antiphon keys rotate ak_1f0c9a53b7d2 --grace 0s` ends the old one now, because somebody has it
    """
    seconds = keyform.duration(grace)
    if seconds is None:
        raise KeysError(f"--grace {grace}: is no time; write 24h, 7d or 0s")

    async def work(store: Store) -> tuple[StoredKey, str]:
        await _existing(store, key_id)
        rotated = await store.keys.rotate(key_id, seconds)
        if rotated is None:
            raise KeysError(f"{key_id} is revoked; make another with: antiphon keys create NAME")
        await store.logins.end_soon(key_id, seconds)
        await store.note("key.rotate", key_id, grace=seconds)
        return rotated

    _show(*_run(data_dir, work), as_json)


async def _existing(store: Store, key_id: str) -> StoredKey:
    key = await store.keys.get(key_id)
    if key is None:
        raise KeysError(f"{key_id}: there is no such key; antiphon keys list shows those that there are")
    return key


def _read(form: KeyForm, now: float, kept: float | None = None) -> KeyTerms:
    try:
        return keyform.read(form, now, kept=kept)
    except KeyFormError as error:
        raise KeysError(str(error)) from error


def _run(data_dir: Path | None, work: Callable[[Store], Awaitable[Done]]) -> Done:
    async def inside() -> Done:
        async with kept(data_dir or Config().data_dir) as database:
            return await work(Store(Keys(database), Audit(database), Logins(database)))

    return asyncio.run(inside())


def _show(key: StoredKey, secret: str, as_json: bool) -> None:
    """The secret on a line of its own, whatever else is told."""
    if as_json:
        now = datetime.now(UTC).timestamp()
        typer.echo(msgspec.json.encode({**keyform.flat(key, now), "secret": secret}).decode())
        return
    errors = Console(stderr=True, emoji=False)
    errors.print(escape(f"{key.id} ({key.terms.name}): {_sentence(key)}"), highlight=False, soft_wrap=True)
    if key.old_until is not None:
        errors.print(f"The old secret is good until {_time(key.old_until)}.", highlight=False)
    errors.print("Keep this secret now; it is not shown again:", highlight=False)
    typer.echo(secret)


def _sentence(key: StoredKey) -> str:
    terms = key.terms
    parts = [", ".join(terms.permissions), f"models {', '.join(terms.models)}" if terms.models else "any model"]
    parts += [f"expires {_time(terms.expires)}" if terms.expires else "never expires"]
    return "; ".join([*parts, *_limits(terms)])


def _limits(terms: KeyTerms) -> list[str]:
    words = {"session": "a session", "day": "a day", "month": "a month"}
    return [
        f"{value} at once" if name == "concurrent" else f"{show(value)} {words[name]}"
        for name, value in keyform.limits_of(terms).items()
    ]


def _render(keys: list[StoredKey], now: float, console: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("id", "name", "state", "for", "models", "limits", "expires", "last used"):
        table.add_column(name, no_wrap=True)
    for key in keys:
        terms = key.terms
        cells = (key.id, terms.name, key.state(now), ", ".join(terms.permissions), ", ".join(terms.models) or "any")
        times = (_time(terms.expires) if terms.expires else "never", _time(key.last_used) if key.last_used else "never")
        table.add_row(*map(escape, (*cells, ", ".join(_limits(terms)) or "none", *times)))
    console.width = max(console.width, WIDEST)
    console.print(table)


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")
