"""``antiphon models``: model files on this computer: get them, look after them, remove them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import Struct
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bars
from rich.table import Table

from antiphon.cli.kept import Json
from antiphon.engines.weights import folder, hub, sources
from antiphon.engines.weights.errors import WeightsError
from antiphon.engines.weights.fetch import Fetcher
from antiphon.engines.weights.folder import Manifest
from antiphon.engines.weights.pull import Puller, with_digest, without_secrets
from antiphon.engines.weights.registry import KNOWN, Kind, Weights
from antiphon.engines.weights.verify import Verdict, verify
from antiphon.server.config import Config

models = typer.Typer(help="Model files on this computer: get them, look after them, remove them.", no_args_is_help=True)

DataDir = Annotated[
    Path | None, typer.Option(envvar="ANTIPHON_DATA_DIR", help="Where they are, in the folder `models`.")
]
Names = Annotated[list[str], typer.Argument(metavar="NAME...", help="Names that `antiphon models list` shows.")]


class Row(Struct, frozen=True, kw_only=True):
    """One model, as it is listed. ``size`` is in bytes, of what is on disk or else of the downloads, and the least that
    they have unless ``size_known``; ``state`` is empty for what is not on disk."""

    name: str
    kind: str
    engine: str
    extra: str
    about: str
    languages: tuple[str, ...]
    licence: str
    licence_url: str
    size: int
    size_known: bool
    state: str
    path: str
    pulled: str
    verified: str


@models.command(name="list")
def _list(
    kind: Annotated[Kind | None, typer.Option(help="Only models of this kind.")] = None,
    installed: Annotated[bool, typer.Option("--installed", help="Only what is on this computer.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List the models that are known by name, and those that are installed."""
    rows = [row for row in inventory(_place(data_dir)) if kind in (None, row.kind) and (row.state or not installed)]
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(rows)).decode())
    else:
        render(rows, Console())


@models.command(name="pull")
def _pull(
    wanted: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Names, or `hf:OWNER/REPO[@REVISION][/PATH]`, or an address.")
    ],
    name: Annotated[str, typer.Option(help="What to call a model that has no name.", show_default=False)] = "",
    sha256: Annotated[str, typer.Option(help="The checksum that its one file has.", show_default=False)] = "",
    unpack: Annotated[bool, typer.Option("--unpack", help="Take an archive apart.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Accept the licence, for scripts.")] = False,
    trust_new: Annotated[
        bool, typer.Option("--trust-new", help="Take files that changed since they were trusted on first use.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Get model files. Stopped or broken off, the same command goes on where it was.

    Examples:

    * `antiphon models pull whisper-small`
    * `antiphon models pull hf:Systran/faster-whisper-small.en --name my-whisper`
    * `antiphon models pull https://example.com/voice.onnx --sha256 5efe09e69902...`
    """
    place, errors = _place(data_dir), Console(stderr=True, emoji=False)
    if (name or sha256 or unpack) and len(wanted) != 1:
        raise WeightsError("--name, --sha256 and --unpack are for one model at a time")
    for text in wanted:
        weights = find(text, place, name, unpack=unpack)
        weights = with_digest(weights, f"sha256:{sha256.lower()}") if sha256 else weights
        with _interruptible(errors):
            get(weights, place, errors, yes=yes, trust_new=trust_new)


@models.command(name="verify")
def _verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME...", help="Which ones.  [default: all that are installed]")
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Read model files again and compare their checksums. Exits with 1 when one is damaged."""
    place, errors = _place(data_dir), Console(stderr=True, emoji=False)
    verdicts: list[Verdict] = []
    with _interruptible(errors):
        for name in names or folder.all_manifests(place):
            with watching(errors) as progress:
                found = verify(place, name, progress)
            verdicts += found
            if not as_json:
                _tell(place, name, found)
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(verdicts)).decode())
    elif not verdicts:
        typer.echo(f"no models are installed in {folder.models_dir(place)}")
    if any(verdict.problem for verdict in verdicts):
        raise typer.Exit(1)


@models.command(name="remove")
def _remove(names: Names, data_dir: DataDir = None) -> None:
    """Delete models from this computer."""
    place = _place(data_dir)
    for name in names:
        typer.echo(f"{name}: removed, {decimal(folder.remove(place, name))} are free again")


def inventory(data_dir: Path) -> list[Row]:
    """Every known model and every other one that is on disk."""
    here = folder.all_manifests(data_dir)
    others = {name: content.weights for name, content in here.items() if name not in KNOWN}
    return [_row(data_dir, weights, here.get(name)) for name, weights in (KNOWN | others).items()]


def find(text: str, data_dir: Path, name: str = "", *, unpack: bool = False) -> Weights:
    """What to pull: a known set, one that was pulled before, or a source.

    Raises:
        WeightsError: there is nothing of that name, or the source has nothing.
    """
    if not sources.is_source(text):
        if name or unpack:
            raise WeightsError(f"{text} has its name; --name and --unpack are for sources that have none")
        if text.count("/") == 1:
            raise WeightsError(f"{text} is no name; for a repository of the hub write hf:{text}")
        content = folder.manifest(folder.folder_of(data_dir, text))
        if (weights := KNOWN.get(text) or (content.weights if content else None)) is None:
            raise WeightsError(folder.unknown(text))
        return weights
    name = name or sources.default_name(text)
    if name in KNOWN:
        raise WeightsError(f"{name} is the name of another model; add --name")
    folder.folder_of(data_dir, name)  # before the hub is asked
    return sources.resolve(text, name, Fetcher(), unpack=unpack)


def get(weights: Weights, data_dir: Path, errors: Console, *, yes: bool, trust_new: bool) -> None:
    """Show what a set is, ask where its licence wants that, and pull it.

    Raises:
        WeightsError: it cannot be had, or the licence was not accepted.
    """
    place = folder.folder_of(data_dir, weights.name)
    content = folder.manifest(place)
    if content and folder.state(place, content) == "installed" and content.weights == without_secrets(weights):
        typer.echo(f"{weights.name}: installed in {place}")
        return
    _introduce(weights, place, errors)
    if weights.licence.consent and content is None and not yes:
        _ask(weights)
    with watching(errors) as progress:
        Puller(data_dir, progress, trust_new=trust_new).pull(weights)
    typer.echo(f"{weights.name}: installed in {place}")
    if weights.extra:
        errors.print(f"engine: pip install 'antiphon\\[{weights.extra}]'", highlight=False, soft_wrap=True)


def render(rows: Sequence[Row], console: Console) -> None:
    """A table for people, kind by kind."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("name", no_wrap=True, min_width=max((len(row.name) + 2 for row in rows), default=0))
    table.add_column("size", no_wrap=True, min_width=10, justify="right")
    for column in ("on this computer", "languages", "licence"):
        table.add_column(column, no_wrap=True)
    for kind in dict.fromkeys(row.kind for row in rows):
        table.add_row(f"[cyan]{kind}[/]")
        for row in rows:
            if row.kind == kind:
                licence = row.licence.removeprefix("LicenseRef-")
                table.add_row(f"  {row.name}", _size(row), _here(row), ", ".join(row.languages), licence)
    console.print(table)


class Watch:
    """Shows progress: bars on a terminal, a line for each file elsewhere."""

    def __init__(self, bars: Bars, console: Console) -> None:
        self._bars = bars
        self._console = console
        self._task: TaskID | None = None

    def start(self, what: str, total: int | None) -> None:
        """Begin a bar."""
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(escape(what), total=total)
        if not self._console.is_terminal:
            self.say(f"{what}{f', {decimal(total)}' if total else ''}")

    def at(self, done: int) -> None:
        """Move it."""
        if self._task is not None:
            self._bars.update(self._task, completed=done)

    def say(self, text: str) -> None:
        """A line above it."""
        self._console.print(escape(text), highlight=False, soft_wrap=True)


@contextmanager
def watching(console: Console) -> Iterator[Watch]:
    """Show progress meanwhile."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Bars(
        *columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal
    ) as bars:
        yield Watch(bars, console)


def _size(row: Row) -> str:
    known = decimal(row.size) if row.size else "unknown"
    return known if row.size_known or not row.size else f"> {known}"


def _here(row: Row) -> str:
    return f"verified {row.verified[:10]}" if row.state == "installed" else row.state


def _introduce(weights: Weights, place: Path, console: Console) -> None:
    licence = weights.licence
    count = len(weights.files)
    open_sizes = any(not file.size for file in weights.files)
    size = (
        f"{'more than ' if open_sizes and weights.size else ''}{decimal(weights.size) if weights.size else 'unknown'}"
    )
    lines = [
        ("licence", f"{licence.spdx}, {licence.url}{f' ({licence.note})' if licence.note else ''}"),
        ("size", f"{size} in {count} file{'s' if count > 1 else ''}"),
        ("from", _origin(weights)),
        ("to", str(place)),
    ]
    if weights.unknown:
        what = "no checksum is known here; trusted on first use unless the hub sends one"
        lines.append(("unchecked", f"{', '.join(weights.unknown)}: {what}"))
    console.print(f"[bold]{escape(weights.name)}[/]  {escape(weights.about)}", highlight=False, soft_wrap=True)
    for title, text in lines:
        console.print(f"  {title:<9}  {escape(text)}", highlight=False, soft_wrap=True)


def _origin(weights: Weights) -> str:
    if weights.hub:
        return f"{hub.endpoint()}/{weights.hub.repo} at {weights.hub.revision}"
    return ", ".join(dict.fromkeys(hub.shown(file.url) for file in weights.files))


def _ask(weights: Weights) -> None:
    try:
        accepted = typer.confirm(f"Accept the licence {weights.licence.spdx}?", err=True)
    except typer.Abort:  # nobody there to answer
        accepted = False
    if not accepted:
        raise WeightsError(
            f"{weights.name}: the licence was not accepted; read {weights.licence.url} and run the command with --yes"
        )


def _tell(data_dir: Path, name: str, verdicts: Sequence[Verdict]) -> None:
    bad = [verdict for verdict in verdicts if verdict.problem]
    if not bad:
        typer.echo(f"{name}: whole, {len(verdicts)} files")
        return
    for verdict in bad:
        typer.echo(f"{name}: {verdict.path} is damaged: {verdict.problem}", err=True)
    typer.echo(f"{name}: get it again with: {folder.pull_command(data_dir, name)}", err=True)


@contextmanager
def _interruptible(console: Console) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        console.print("stopped; the same command goes on where it stopped", highlight=False)
        raise typer.Exit(130) from None


def _row(data_dir: Path, weights: Weights, content: Manifest | None) -> Row:
    place = folder.models_dir(data_dir) / weights.name
    whole = content is not None and content.whole
    return Row(
        name=weights.name,
        kind=weights.kind,
        engine=weights.engine,
        extra=weights.extra,
        about=weights.about,
        languages=weights.languages,
        licence=weights.licence.spdx,
        licence_url=weights.licence.url,
        size=content.size if content and whole else weights.size,
        size_known=whole or all(file.size for file in weights.files),
        state=folder.state(place, content) if content else "",
        path=str(place) if content else "",
        pulled=content.pulled if content else "",
        verified=content.verified if content else "",
    )


def _place(data_dir: Path | None) -> Path:
    return data_dir or Config().data_dir
