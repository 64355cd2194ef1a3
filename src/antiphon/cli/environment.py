"""``antiphon env``: what a client needs to know of the server on this computer."""

import os
import shlex
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import msgspec
from msgspec import Struct

_FILE = "server.json"


class Address(Struct, frozen=True, kw_only=True):
    """A running server, as it described itself when it was ready."""

    pid: int
    url: str
    tls_url: str | None
    ca: str | None
    ca_bundle: str | None
    needs_key: bool


def default_address(data_dir: Path) -> Address:
    """Where a server with default settings is, or will be."""
    tls = data_dir / "tls"
    return Address(
        pid=0,
        url="http://localhost:8080",
        tls_url="https://localhost:8443",
        ca=str(tls / "ca.pem"),
        ca_bundle=str(tls / "ca-bundle.pem"),
        needs_key=False,
    )


def publish(data_dir: Path, address: Address) -> None:
    """Tell the other commands where the server is."""
    data_dir.mkdir(parents=True, exist_ok=True)
    scratch = data_dir / f".{_FILE}.{os.getpid()}"
    scratch.write_bytes(msgspec.json.encode(address))
    scratch.replace(data_dir / _FILE)


def withdraw(data_dir: Path) -> None:
    """The server of this process is no more."""
    if _published(data_dir).pid == os.getpid():
        (data_dir / _FILE).unlink(missing_ok=True)


def find(data_dir: Path) -> Address:
    """The server that runs with ``data_dir``; the default address when none does."""
    address = _published(data_dir)
    return address if address.pid and _runs(address.pid) else default_address(data_dir)


def local_url(data_dir: Path) -> str:
    """The base URL of the server on this computer, without TLS."""
    return find(data_dir).url


def exports(address: Address) -> dict[str, str]:
    """The environment of an unmodified client."""
    values = {"GOOGLE_GEMINI_BASE_URL": address.tls_url or address.url, **_past_proxies(address)}
    if address.tls_url and address.ca_bundle and address.ca:
        values |= {"SSL_CERT_FILE": address.ca_bundle, "NODE_EXTRA_CA_CERTS": address.ca}
    return values


def _past_proxies(address: Address) -> dict[str, str]:
    """What keeps clients from looking for this server behind the proxy that the environment names, if it does."""
    host, proxies = urlsplit(address.url).hostname or "", getproxies()
    if not proxies.keys() & {"http", "https", "all"} or proxy_bypass(host):
        return {}
    spared = ",".join(filter(None, (host, proxies.get("no", ""))))
    return {"NO_PROXY": spared, "no_proxy": spared}


def describe(data_dir: Path, as_json: bool = False) -> str:
    """The export lines for a shell, or the same as JSON."""
    address = find(data_dir)
    if as_json:
        return msgspec.json.encode({**exports(address), "server": address}).decode()
    return "\n".join(export_lines(address))


def export_lines(address: Address) -> list[str]:
    """The lines for a shell. Clients insist on a key; without keys of its own the server takes any."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in exports(address).items()]
    if address.needs_key:
        return [*lines, "# and set GOOGLE_API_KEY to one of the server's keys"]
    return [*lines, 'export GOOGLE_API_KEY="${GOOGLE_API_KEY:-local}"']


def _published(data_dir: Path) -> Address:
    try:
        return msgspec.json.decode((data_dir / _FILE).read_bytes(), type=Address)
    except (OSError, msgspec.MsgspecError):
        return default_address(data_dir)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
