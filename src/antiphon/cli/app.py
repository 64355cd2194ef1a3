"""``antiphon``: every command and its options. What a command does is in the module of its name."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape

from antiphon import __version__
from antiphon.audio.watermark import DEFAULT_KEY
from antiphon.cli import audit, cost, environment, keys, routing, serving, sessions, talking, tokens
from antiphon.cli import doctor as doctoring
from antiphon.cli import usage as using
from antiphon.cli import watermark as watermarking
from antiphon.cli.kept import Json
from antiphon.cli.models import models
from antiphon.engines.base import EngineUnavailable
from antiphon.engines.weights.errors import WeightsError
from antiphon.meter import summary
from antiphon.meter.simulation import ScenarioError
from antiphon.meter.summary import By
from antiphon.providers.live import LiveError
from antiphon.server import explanation, loop
from antiphon.server.config import Config, ConfigError, load_config
from antiphon.store.database import StoreError

app = typer.Typer(
    name="antiphon",
    help="A self-hosted server for live voice that speaks the Gemini Live API.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
watermark = typer.Typer(
    help="The inaudible mark of generated speech: find it in sound files, or put it there.", no_args_is_help=True
)
app.add_typer(watermark, name="watermark")
configuration = typer.Typer(help="The configuration file: whether it is right, and what it does.", no_args_is_help=True)
app.add_typer(configuration, name="config")
app.add_typer(models, name="models")
app.add_typer(cost.commands, name="cost")
app.add_typer(keys.commands, name="keys")
app.add_typer(audit.commands, name="audit")
errors = Console(stderr=True, emoji=False)

DataDir = Annotated[
    Path | None, typer.Option(envvar="ANTIPHON_DATA_DIR", help="Where certificates and sessions are kept.")
]
WatermarkKey = Annotated[
    str,
    typer.Option("--key", envvar="ANTIPHON_WATERMARK_KEY", help="The server's `watermark_key`.", show_default=False),
]


def main() -> None:
    """Run the command line; what a user can mend is said in one line."""
    try:
        app()
    except (
        audit.AuditError,
        ConfigError,
        EngineUnavailable,
        keys.KeysError,
        LiveError,
        ScenarioError,
        sessions.SessionsError,
        watermarking.SoundError,
        StoreError,
        tokens.TokenError,
        summary.UsageError,
        WeightsError,
    ) as error:
        errors.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(2)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"antiphon {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A self-hosted server for live voice that speaks the Gemini Live API."""


@app.command()
def serve(
    host: Annotated[
        str | None, typer.Option(envvar="ANTIPHON_HOST", help="Address to listen on.  [default: 127.0.0.1]")
    ] = None,
    port: Annotated[int | None, typer.Option(envvar="ANTIPHON_PORT", help="Port without TLS.  [default: 8080]")] = None,
    tls_port: Annotated[
        int | None,
        typer.Option(envvar="ANTIPHON_TLS_PORT", help="Port with TLS; Python clients need it.  [default: 8443]"),
    ] = None,
    tls_name: Annotated[
        list[str] | None, typer.Option(help="Another name or address for the certificate; repeat it.")
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(
            envvar="ANTIPHON_KEY", help="An API key that clients must show; repeat it. Needed beyond loopback."
        ),
    ] = None,
    admin_key: Annotated[
        list[str] | None,
        typer.Option(
            envvar="ANTIPHON_ADMIN_KEY", help="A key that opens the admin pages, and everything else; repeat it."
        ),
    ] = None,
    data_dir: DataDir = None,
    script: Annotated[Path | None, typer.Option(help="A YAML script that says what the server answers.")] = None,
    search_folder: Annotated[
        str | None, typer.Option(help="A folder of documents that answers may rest on (googleSearch).")
    ] = None,
    search_url: Annotated[str | None, typer.Option(help="A SearXNG service, instead of a folder.")] = None,
    config: Annotated[
        Path | None,
        typer.Option(envvar="ANTIPHON_CONFIG", help="A TOML file of settings; options on the command line win."),
    ] = None,
    recognisers: Annotated[
        int | None, typer.Option(help="How many people can be recognised at once.  [default: 2]")
    ] = None,
    max_sessions: Annotated[int | None, typer.Option(help="How many sessions may be open.  [default: 1000]")] = None,
    discovery: Annotated[
        bool | None,
        typer.Option(
            envvar="ANTIPHON_DISCOVERY",
            help="Use a language model that runs on this computer, where the configuration names no engine."
            "  [default: discovery]",
        ),
    ] = None,
    self_check: Annotated[
        bool, typer.Option(help="Ask one spoken question when ready, and print what came of it.")
    ] = True,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every call.")] = False,
    as_json: Json = False,
) -> None:
    """Start the server. Prints its addresses and the lines that point a client at it.

    Examples:

    * `antiphon serve` answers on this computer, without a key
    * `antiphon serve --script answers.yaml` answers as a file says, for tests
    * `antiphon serve --host 0.0.0.0 --key "$SECRET" --tls-name voice.lan` answers the network
    """
    options = {
        "host": host,
        "port": port,
        "tls_port": tls_port,
        "tls_names": tls_name,
        "keys": key,
        "admin_keys": admin_key,
        "data_dir": data_dir,
        "script": script,
        "search": {"folder": search_folder, "searxng": search_url},
        "recognisers": recognisers,
        "max_sessions": max_sessions,
        "discovery": discovery,
    }

    def read() -> Config:
        return load_config(config, options)

    loop.run(serving.serve(read, config, self_check=self_check, verbose=verbose, as_json=as_json))


@configuration.command(name="check")
def _check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The TOML file.")],
    as_json: Json = False,
) -> None:
    """Say whether a configuration file can be used; exits with 2 when it cannot. Nothing is started or asked.

    Keys out of the environment are looked for.
    """
    told = routing.check(load_config(file, {}))
    typer.echo(msgspec.json.encode({"file": str(file), "told": told}).decode() if as_json else f"{file}: {told}")


@configuration.command(name="explain")
def _explain(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="The TOML file; none for the defaults.")] = None,
    as_json: Json = False,
) -> None:
    """Print the configuration in effect without its secrets, and which engines answer which models in which order."""
    config = load_config(file, {})
    typer.echo(explanation.as_json(config) if as_json else "\n".join(explanation.explain(config)))


@app.command()
def env(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Print the lines that point google-genai programs at this server: `eval "$(antiphon env)"`."""
    typer.echo(environment.describe(data_dir or Config().data_dir, as_json=as_json))


@app.command()
def talk(
    text: Annotated[
        list[str] | None, typer.Option(help="Say this instead of speaking; repeat it for more turns.")
    ] = None,
    wav: Annotated[Path | None, typer.Option(help="Speak this WAV file instead of the microphone.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the answer to this WAV file.")] = None,
    url: Annotated[
        str | None, typer.Option(envvar="ANTIPHON_URL", help="Base URL.  [default: the server on this computer]")
    ] = None,
    key: Annotated[
        str, typer.Option(envvar="GOOGLE_API_KEY", help="API key, where the server wants one.", show_default=False)
    ] = "",
    model: Annotated[str, typer.Option(help="Model to ask for.")] = "gemini-3.8-live",
    voice: Annotated[str, typer.Option(help="Voice of the answer.")] = "Puck",
    system: Annotated[str, typer.Option(help="System instruction.")] = "",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Talk to a server: by microphone, or with `--text`, or with `--wav`.

    Shows transcripts, the delay from the end of speech to the first sound, and interruptions as they happen.
    """
    wish = talking.Wish(
        url=url or environment.local_url(data_dir or Config().data_dir),
        key=key,
        model=model,
        voice=voice,
        system=system,
        texts=tuple(text or ()),
        wav=wav,
        out=out,
        as_json=as_json,
    )
    asyncio.run(talking.talk(wish))


@app.command(name="sessions")
def _sessions(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID | delete ID]", help="Show everything about this one, or delete it."),
    ] = None,
    limit: Annotated[int, typer.Option(help="How many to list, the newest first.")] = 20,
    otlp: Annotated[Path | None, typer.Option(help="Write the trace of the one to this file, as OTLP JSON.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List the sessions that ended: what they used, how they closed, what their clients set in vain.

    Examples:

    * `antiphon sessions` lists the newest
    * `antiphon sessions 1f0c9a53b7d2e684` shows one whole, with what happened in it
    * `antiphon sessions delete 1f0c9a53b7d2e684` deletes its record, its timeline and its recordings
    """
    folder = data_dir or Config().data_dir
    if words and words[0] == "delete" and len(words) == 2:
        connections, files = asyncio.run(sessions.delete(folder, words[1]))
        typer.echo(f"{words[1]}: deleted, {connections} connections and {files} files of recordings")
        return
    if len(words or ()) > 1 or words == ["delete"]:
        raise typer.BadParameter("give one ID, or: delete ID")
    session_id = words[0] if words else None
    wanted = sessions.latest(folder, limit) if session_id is None else sessions.of(folder, session_id)
    entries = asyncio.run(wanted)
    if otlp is not None:
        if session_id is None:
            raise typer.BadParameter("--otlp needs the ID of a session")
        typer.echo(f"{otlp}: {sessions.write_otlp(entries, otlp)} spans")
    elif as_json:
        typer.echo(sessions.as_json(entries))
    elif session_id is None:
        sessions.render_list(entries, Console())
    else:
        sessions.render(entries, Console())


@app.command()
def usage(
    by: Annotated[By, typer.Option(help="What to sum up by.")] = By.DAY,
    since: Annotated[str | None, typer.Option(help="From then on: 2026-11-24, 2026-11-24T12:00, 7d or 24h.")] = None,
    until: Annotated[str | None, typer.Option(help="Up to then, a day included.")] = None,
    data_dir: DataDir = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, for spreadsheets.")] = False,
    as_json: Json = False,
) -> None:
    """Say what calls used and cost. The server may be running.

    Examples:

    * `antiphon usage` shows each day
    * `antiphon usage --by key --since 30d` shows who spent it
    * `antiphon usage --by billed --csv` shows who is paid for what
    """
    now = datetime.now(UTC)
    begin = summary.moment(since, now) if since else 0.0
    end = summary.moment(until, now, end=True) if until else None
    report = asyncio.run(using.report(data_dir or Config().data_dir, by, begin, end))
    if as_csv:
        typer.echo(summary.as_csv(report), nl=False)
    elif as_json:
        typer.echo(summary.as_json(report))
    else:
        using.render(report, Console())


@app.command()
def token(
    uses: Annotated[int, typer.Option(help="How many sessions it opens; 0 for any number.")] = 1,
    minutes: Annotated[float, typer.Option(help="How long it lives; less than 20 hours.")] = 30.0,
    start_within: Annotated[float, typer.Option(help="How many seconds sessions may begin.")] = 60.0,
    setup: Annotated[Path | None, typer.Option(help="A JSON file with the setup that its sessions have.")] = None,
    lock: Annotated[
        list[str] | None, typer.Option(help="Lock only this field, such as generationConfig.temperature; repeat it.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(envvar="ANTIPHON_URL", help="Base URL.  [default: the server on this computer]")
    ] = None,
    key: Annotated[
        str, typer.Option(envvar="GOOGLE_API_KEY", help="API key, where the server wants one.", show_default=False)
    ] = "",
    data_dir: DataDir = None,
) -> None:
    """Make an ephemeral token, for a program that must not hold a key.

    Examples:

    * `antiphon token` opens one session within a minute
    * `antiphon token --setup setup.json --lock model --lock systemInstruction` leaves the rest to the program
    """
    wish = tokens.Wish(
        url=url or environment.local_url(data_dir or Config().data_dir),
        key=key,
        uses=uses,
        minutes=minutes,
        start_within=start_within,
        setup=setup,
        locks=tuple(lock or ()),
    )
    typer.echo(asyncio.run(tokens.create(wish)))


@app.command()
def doctor(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Say what is installed, what is missing and how to get it."""
    findings = doctoring.diagnose(data_dir or Config().data_dir)
    if as_json:
        typer.echo(doctoring.as_json(findings))
    else:
        doctoring.render(findings, Console())
    if any(finding.status == "missing" for finding in findings):
        raise typer.Exit(1)


@watermark.command(name="detect")
def _detect(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="WAV files; with PyAV, any sound.")],
    key: WatermarkKey = DEFAULT_KEY,
    speed: Annotated[
        float,
        typer.Option(
            min=0, max=watermarking.MAX_SPEED_PERCENT, help="Per cent that the sound may be too fast or too slow."
        ),
    ] = 0.0,
    as_json: Json = False,
) -> None:
    """Say whether sound files carry the watermark.

    Exits with 0 when all do, with 1 when one does not or is too short to tell, with 2 when one cannot be read.

    Examples:

    * `antiphon watermark detect answer.wav`
    * `antiphon watermark detect --speed 2 *.wav` finds it in what was played up to 2 % too fast or slow
    """
    findings = []
    for finding in watermarking.inspect(files, key, speed):
        findings.append(finding)
        if not as_json:
            typer.echo(watermarking.as_text(finding), err=finding.verdict == "error")
    if as_json:
        typer.echo(watermarking.as_json(findings))
    raise typer.Exit(watermarking.status(findings))


@watermark.command(name="embed")
def _embed(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A WAV file; with PyAV, any sound.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The WAV file to write: mono, 24 kHz, 16 bit.")],
    key: WatermarkKey = DEFAULT_KEY,
) -> None:
    """Mark a sound file as the server marks its speech."""
    seconds = watermarking.mark(source, target, key)
    typer.echo(f"{target}: {seconds:.1f} s, marked")
