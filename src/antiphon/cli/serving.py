"""``antiphon serve``: one server, from its settings to its end."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec.structs import replace
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape

from antiphon.calls.desk import PAGES_PATH
from antiphon.cli import environment, routing
from antiphon.cli.environment import Address
from antiphon.console import pages as console_pages
from antiphon.engines.cascade.brain.discovery import Discovered, discover
from antiphon.engines.cascade.engine import CascadeEngine
from antiphon.engines.cascade.parts import Voice
from antiphon.engines.settings import EMBEDDED
from antiphon.server.config import Config
from antiphon.server.reloading import Reloader
from antiphon.server.running import Server
from antiphon.server.selfcheck import MODEL as QUESTION_MODEL
from antiphon.server.selfcheck import Proof, self_check

LIMITS = (
    "The embedded recogniser understands clean, close-microphone US English; "
    "noise, accents and other languages need a better one (docs/engines.md)."
)


async def serve(
    read: Callable[[], Config], path: Path | None = None, *, self_check: bool, verbose: bool, as_json: bool
) -> None:
    """Serve what ``read`` reads, until interrupted. A second interrupt ends it at once.

    Changes of the configuration file at ``path`` are taken while it runs, at the latest when SIGHUP comes.

    Raises:
        ConfigError: a setting cannot be used.
        EngineUnavailable: an engine misses something.
    """
    config = read()
    console = Console(stderr=True)
    _log_to(console, verbose)
    found = await discover((config.port, config.tls_port or 0)) if config.discovers else None
    server = Server(_with(found, config), pages=console_pages)
    stopped = _stop_on_signals()
    with console.status("Loading models …"):
        await server.start()
    reloader = _follow(path, lambda: _with(found, read()), server) if path else None
    address = _address(server)
    environment.publish(config.data_dir, address)
    try:
        _announce(console, address, server, found, as_json)
        proving = _begin_to_prove(console, server) if self_check else None
        await stopped.wait()
        if proving is not None:
            proving.cancel()
        console.print("Stopping; turns may finish.")
    finally:
        environment.withdraw(config.data_dir)
        if reloader is not None:
            await reloader.aclose()
        await server.stop()


def _with(found: Discovered | None, config: Config) -> Config:
    """The configuration with the language model that was found, where it still leaves room for one."""
    return replace(config, language_model=found.config) if found and config.discovers else config


def _follow(path: Path, read: Callable[[], Config], server: Server) -> Reloader:
    """Take changes of the configuration file from now on."""
    reloader = Reloader(path, read, server.apply, server.clock)
    reloader.watch()
    loop, reloads = asyncio.get_running_loop(), set[asyncio.Task[object]]()

    def reload() -> None:
        task = loop.create_task(reloader.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    if hasattr(signal, "SIGHUP"):
        loop.add_signal_handler(signal.SIGHUP, reload)
    return reloader


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
        needs_key=bool(server.config.any_key),
    )


def _announce(console: Console, address: Address, server: Server, found: Discovered | None, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.encode({**environment.exports(address), "server": address}).decode(), flush=True)
        return
    console.print(f"[bold green]Ready.[/] {address.url}  {address.tls_url or ''}", highlight=False)
    for line in _engine_lines(server, found):
        console.print(escape(line), style="dim", highlight=False)
    console.print(f"Console: [link]{address.url}{PAGES_PATH}/[/link]", highlight=False)
    console.print("\nPoint any google-genai program here:\n", highlight=False)
    for line in environment.export_lines(address):
        console.print(f"  {line}", highlight=False, soft_wrap=True, markup=False)
    console.print('\nTry it: [bold]antiphon talk --text "What is two plus three?"[/]', highlight=False)


def _engine_lines(server: Server, found: Discovered | None) -> list[str]:
    """What answers, in a few lines."""
    lines = [] if routing.is_plain(server.config) else routing.summary(server.config, server.engines)
    lines += [found.sentence] if found else []
    engine = server.running.get(EMBEDDED)
    if isinstance(engine, CascadeEngine):
        lines.append(f"Voice activity: {engine.vad_name}. {LIMITS}")
        lines += [f"Search: {engine.search}."] if engine.search is not None else []
    return lines


def _begin_to_prove(console: Console, server: Server) -> asyncio.Task[None] | None:
    """Check what runs on board; others may cost money, and their owner has not asked."""
    if server.voice is None or routing.first_engine(server.config, QUESTION_MODEL) != EMBEDDED:
        return None
    return asyncio.create_task(_prove(console, server, server.voice))


async def _prove(console: Console, server: Server, voice: Voice) -> None:
    try:
        proof = await self_check(server.url, voice, server.config.any_key)
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
