"""``antiphon serve``: one server, from its settings to its end."""

import asyncio
import logging
import os
import signal

import msgspec
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape

from antiphon.cli import environment
from antiphon.cli.environment import Address
from antiphon.engines.cascade import search as searches
from antiphon.engines.cascade.assembly import assemble
from antiphon.engines.cascade.engine import CascadeEngine
from antiphon.server.config import Config
from antiphon.server.running import Server
from antiphon.server.selfcheck import Proof, self_check

LIMITS = (
    "The embedded recogniser understands clean, close-microphone US English; "
    "noise, accents and other languages need a better one (docs/engines.md)."
)


async def serve(config: Config, *, self_check: bool, verbose: bool, as_json: bool) -> None:
    """Serve until interrupted. A second interrupt ends it at once.

    Raises:
        ConfigError: a setting cannot be used.
        EngineUnavailable: the engine misses something.
    """
    console = Console(stderr=True)
    _log_to(console, verbose)
    search = searches.configured(config.search.folder, config.search.searxng)
    engine = assemble(config.script, config.recognisers, config.recogniser_wait, search=search)
    server = Server(config, engine)
    stopped = _stop_on_signals()
    with console.status("Loading models …"):
        await server.start()
    address = _address(server)
    environment.publish(config.data_dir, address)
    try:
        _announce(console, address, engine, as_json)
        proving = asyncio.create_task(_prove(console, server, engine)) if self_check else None
        await stopped.wait()
        if proving is not None:
            proving.cancel()
        console.print("Stopping; turns may finish.")
    finally:
        environment.withdraw(config.data_dir)
        await server.stop()


def _log_to(console: Console, verbose: bool) -> None:
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(message)s",
        handlers=[RichHandler(console=console, show_path=False, markup=False)],
    )
    # It would log every address it asks, and with it what people search for.
    logging.getLogger("httpx").setLevel(logging.WARNING)


def _stop_on_signals() -> asyncio.Event:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if stopped.is_set():
            os._exit(130)
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    return stopped


def _address(server: Server) -> Address:
    return Address(
        pid=os.getpid(),
        url=server.url,
        tls_url=server.tls_url,
        ca=str(server.tls.ca) if server.tls else None,
        ca_bundle=str(server.tls.bundle) if server.tls else None,
        needs_key=bool(server.config.keys),
    )


def _announce(console: Console, address: Address, engine: CascadeEngine, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.encode({**environment.exports(address), "server": address}).decode(), flush=True)
        return
    console.print(f"[bold green]Ready.[/] {address.url}  {address.tls_url or ''}", highlight=False)
    console.print(f"Voice activity: {engine.vad_name}. {LIMITS}", style="dim", highlight=False)
    if engine.search is not None:
        console.print(f"Search: {escape(str(engine.search))}.", style="dim", highlight=False)
    console.print("\nPoint any google-genai program here:\n", highlight=False)
    for line in environment.export_lines(address):
        console.print(f"  {line}", highlight=False, soft_wrap=True, markup=False)
    console.print('\nTry it: [bold]antiphon talk --text "What is two plus three?"[/]', highlight=False)


async def _prove(console: Console, server: Server, engine: CascadeEngine) -> None:
    key = server.config.keys[0] if server.config.keys else ""
    try:
        proof = await self_check(server.url, engine.voice, key)
    except Exception as error:
        # Whatever is wrong, the server serves: this only tells its owner.
        reason = str(error) or ("no answer in time" if isinstance(error, TimeoutError) else repr(error))
        console.print(f"[bold yellow]Self-check failed:[/] {escape(reason)}", highlight=False)
        return
    console.print(_sentence(proof), highlight=False)


def _sentence(proof: Proof) -> str:
    asked, heard, answered = map(escape, (proof.asked, proof.heard or "nothing", proof.answered))
    return (
        f"Self-check: asked aloud [italic]{asked}[/], heard [italic]{heard}[/], "
        f"answered [italic]{answered}[/] {proof.delay * 1000:.0f} ms after the last sound."
    )
