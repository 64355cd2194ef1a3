"""``antiphon``: every command and its options. What a command does is in the module of its name."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from antiphon import __version__
from antiphon.cli import doctor as doctoring
from antiphon.cli import environment, serving, talking
from antiphon.engines.base import EngineUnavailable
from antiphon.providers.live import LiveError
from antiphon.server import loop
from antiphon.server.config import Config, ConfigError, load_config

app = typer.Typer(
    name="antiphon",
    help="A self-hosted server for live voice that speaks the Gemini Live API.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
errors = Console(stderr=True)

DataDir = Annotated[Path | None, typer.Option(envvar="ANTIPHON_DATA_DIR", help="Where certificates are kept.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def main() -> None:
    """Run the command line; what a user can mend is said in one line."""
    try:
        app()
    except (ConfigError, EngineUnavailable, LiveError) as error:
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
    data_dir: DataDir = None,
    script: Annotated[Path | None, typer.Option(help="A YAML script that says what the server answers.")] = None,
    config: Annotated[
        Path | None,
        typer.Option(envvar="ANTIPHON_CONFIG", help="A TOML file of settings; options on the command line win."),
    ] = None,
    recognisers: Annotated[
        int | None, typer.Option(help="How many people can be recognised at once.  [default: 2]")
    ] = None,
    max_sessions: Annotated[int | None, typer.Option(help="How many sessions may be open.  [default: 1000]")] = None,
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
    settings = load_config(
        config,
        {
            "host": host,
            "port": port,
            "tls_port": tls_port,
            "tls_names": tls_name,
            "keys": key,
            "data_dir": data_dir,
            "script": script,
            "recognisers": recognisers,
            "max_sessions": max_sessions,
        },
    )
    loop.run(serving.serve(settings, self_check=self_check, verbose=verbose, as_json=as_json))


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
