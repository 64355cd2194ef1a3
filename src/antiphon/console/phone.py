"""The console on a phone of the same network: its address as a QR code, and what is still in the way."""

from collections.abc import Callable, Iterator

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from antiphon.calls.desk import PAGES_PATH, Desk, Installation
from antiphon.console import lan
from antiphon.console.guard import Guard, Viewer
from antiphon.console.render import Renderer


class Obstacle(Struct, frozen=True):
    """Something that keeps a phone out, or quiet, and what to do about it."""

    what: str
    remedy: str


class Phone(Struct, frozen=True):
    """The addresses that a phone may try; none while the server answers this computer only."""

    addresses: tuple[str, ...]
    obstacles: tuple[Obstacle, ...]
    has_authority: bool


def phone(installation: Installation, machine: Callable[[], list[str]] = lan.addresses) -> Phone:
    """How a phone gets here. ``machine`` has the addresses of this machine."""
    hosts = _hosts(installation, machine)
    addresses = tuple(_url(installation, host) for host in hosts)
    return Phone(addresses, tuple(_obstacles(installation, hosts)), installation.ca is not None)


def _obstacles(installation: Installation, hosts: list[str]) -> Iterator[Obstacle]:
    if not hosts:
        remedy = 'antiphon serve --host 0.0.0.0 --admin-key "$SECRET" --tls-name ADDRESS'
        yield Obstacle("The server answers this computer only.", remedy)
    if installation.tls_port is None:
        what = "Without TLS a browser gives no microphone to a page from the network."
        yield Obstacle(what, "antiphon serve --tls-port 8443")
    elif unnamed := [host for host in hosts if host not in installation.names]:
        names = " ".join(f"--tls-name {host}" for host in unnamed)
        what = "The certificate does not name this address; the phone will warn."
        yield Obstacle(what, f"antiphon serve {names}")


def routes(desk: Desk, guard: Guard, renderer: Renderer) -> list[Route]:
    """The routes of the page, and of the certificate that a phone must trust."""

    async def page(request: Request, viewer: Viewer) -> Response:
        return renderer.respond(request, viewer, "phone.html", phone(desk.installation))

    async def authority(request: Request) -> Response:
        if desk.installation.ca is None:
            return RedirectResponse(f"{PAGES_PATH}/phone", 303)
        return FileResponse(desk.installation.ca, media_type="application/x-x509-ca-cert", filename="antiphon-ca.crt")

    return [
        Route("/phone", guard.page("live", page), methods=["GET"]),
        # A certificate is no secret, and whoever needs it cannot come in yet.
        Route("/ca.crt", authority, methods=["GET"]),
    ]


def _hosts(installation: Installation, machine: Callable[[], list[str]]) -> list[str]:
    """Names and addresses that other machines can use: the owner's names first."""
    if lan.is_here(installation.host):
        return []
    names = [name for name in installation.names if "*" not in name]
    here = machine() if installation.host in lan.WILDCARDS else [installation.host]
    return list(dict.fromkeys([*names, *here]))


def _url(installation: Installation, host: str) -> str:
    secure = installation.tls_port is not None
    scheme, port = ("https", installation.tls_port) if secure else ("http", installation.port)
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{PAGES_PATH}/"
