"""Addresses: of Hugging Face, of a mirror of it, and what of an address may be shown."""

import hashlib
import ipaddress
import os
from collections.abc import Mapping
from urllib.parse import quote, urlsplit, urlunsplit

from msgspec import Struct

from antiphon.engines.weights.registry import File, Hub, Weights

DEFAULT = "https://huggingface.co"


class Remote(Struct, frozen=True):
    """Where a file is: its address, and whether a hub serves it, whose token and checksums then count."""

    url: str
    hub: bool = False


def endpoint(environ: Mapping[str, str] = os.environ) -> str:
    """The hub's base address: ``HF_ENDPOINT``, else Hugging Face."""
    return (environ.get("HF_ENDPOINT") or DEFAULT).rstrip("/")


def address(weights: Weights, file: File, environ: Mapping[str, str] = os.environ) -> Remote:
    """Where a file of a set is."""
    if file.url or weights.hub is None:
        return Remote(file.url)
    return Remote(resolve(weights.hub, file.remote or file.path, environ), hub=True)


def resolve(hub: Hub, path: str, environ: Mapping[str, str] = os.environ) -> str:
    """The address of a file in a repository."""
    return f"{endpoint(environ)}/{hub.repo}/resolve/{quote(hub.revision, safe='')}/{quote(path)}"


def token(url: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """``HF_TOKEN`` for an address of the hub, None elsewhere and where others on the way could read it."""
    secret = environ.get("HF_TOKEN", "").strip()
    here, hub = urlsplit(url), urlsplit(endpoint(environ))
    same = (here.scheme, here.hostname, here.port) == (hub.scheme, hub.hostname, hub.port)
    return secret if secret and same and is_private(url) else None


def is_private(url: str) -> bool:
    """Whether what is sent to an address cannot be read or changed on the way: TLS, or this computer."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or ""))


def shown(url: str) -> str:
    """An address without what may be secret: a user's name and password, and the query, where signatures are."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def identity(weights: Weights, file: File) -> str:
    """What names a file wherever it is fetched from, so that a mirror is held to the same checksum."""
    if file.url or weights.hub is None:
        query = urlsplit(file.url).query
        return shown(file.url) + (f"#{hashlib.sha256(query.encode()).hexdigest()[:16]}" if query else "")
    return f"hf:{weights.hub.repo}@{weights.hub.revision}/{file.remote or file.path}"


class Sibling(Struct, rename="camel"):
    """A file of a repository, as the hub's API lists it."""

    rfilename: str
    size: int = 0
    blob_id: str = ""
    lfs: "Lfs | None" = None


class Lfs(Struct):
    """A large file of a repository."""

    sha256: str = ""
    size: int = 0


class Card(Struct):
    """What the page of a repository declares."""

    license: str | list[str] | None = None
    license_name: str | None = None


class Listing(Struct, rename="camel"):
    """A repository at a revision, as ``/api/models/REPO/revision/REVISION?blobs=true`` tells it."""

    sha: str
    siblings: list[Sibling] = []
    card_data: Card | None = None


def listing_url(hub: Hub, environ: Mapping[str, str] = os.environ) -> str:
    """The address of a :class:`Listing`."""
    return f"{endpoint(environ)}/api/models/{hub.repo}/revision/{quote(hub.revision, safe='')}?blobs=true"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
