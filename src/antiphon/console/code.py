"""The settings of a conversation as a program, with the address of this server filled in."""

import re
from typing import Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from antiphon.calls.desk import Desk, Installation
from antiphon.console import lan
from antiphon.console.guard import Guard, Viewer
from antiphon.console.reading import read_object
from antiphon.console.render import Renderer, json
from antiphon.console.snippets import TARGETS, Address, snippet
from antiphon.wire.gemini import client
from antiphon.wire.gemini.decode import convert
from antiphon.wire.refusal import Refusal

BUNDLE: Final = "ca-bundle.pem"
"""Beside the certificate of the server's authority: it and the usual ones."""

_HOST: Final = re.compile(r"[A-Za-z0-9.:-]+")


def routes(desk: Desk, guard: Guard, renderer: Renderer) -> list[Route]:
    """The routes of this module."""

    async def code(request: Request, viewer: Viewer) -> Response:
        body = await read_object(request)
        target = body.get("target")
        if target not in TARGETS:
            raise HTTPException(400, f"target: {str(target)[:40]!r} is not one of {', '.join(TARGETS)}")
        address = address_for(request, desk.installation, is_open=desk.doorkeeper.open)
        return json(msgspec.to_builtins(snippet(_setup(body.get("setup")), target, address)))

    return [Route("/api/code", guard.page("live", code), methods=["POST"])]


def _setup(value: Any) -> client.Setup:
    try:
        return convert(client.Setup, value, "setup")[0]
    except Refusal as refusal:
        raise HTTPException(400, str(refusal)) from refusal


def address_for(request: Request, installation: Installation, *, is_open: bool) -> Address:
    """Where whoever makes a request finds this server: under the name that they used.

    The files to trust are named by their paths on this computer, and by nothing but their names to anybody else. What
    is reached by another port than ours is behind something that has a certificate of its own.
    """
    host, port = request.url.hostname or "", request.url.port
    name = host if _HOST.fullmatch(host) else "localhost"
    shown = f"[{name}]" if ":" in name else name
    if port not in (installation.port, installation.tls_port):
        origin = f"{request.url.scheme}://{shown}{f':{port}' if port else ''}"
        return Address(origin, origin if request.url.scheme == "https" else "", is_open=is_open)
    plain = f"http://{shown}:{installation.port}"
    tls = f"https://{shown}:{installation.tls_port}" if installation.tls_port else ""
    return Address(plain, tls, *_trusted(installation, name), is_open=is_open)


def _trusted(installation: Installation, name: str) -> tuple[str, str]:
    """The file of all authorities, and that of the server's own."""
    if installation.ca is None:
        return "", ""
    bundle, ca = installation.ca.with_name(BUNDLE), installation.ca
    return (str(bundle), str(ca)) if lan.is_here(name) else (bundle.name, ca.name)
