"""Model files that are in no list: ``hf:OWNER/REPO[@REVISION][/PATH]``, or an address."""

import os
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

import msgspec

from antiphon.engines.weights import hub
from antiphon.engines.weights.errors import WeightsError
from antiphon.engines.weights.fetch import Fetcher
from antiphon.engines.weights.hub import Listing, Sibling
from antiphon.engines.weights.registry import File, Hub, Licence, Weights, is_inside

_SPEC = re.compile(r"hf:(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[^/@\s]+))?(/(?P<path>.+))?")
_ARCHIVES = (".zip", ".whl", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
UNKNOWN = "LicenseRef-Unknown"


def is_source(text: str) -> bool:
    """Whether ``text`` is a source and not a name."""
    return text.startswith(("hf:", "https://", "http://"))


def resolve(
    text: str, name: str, fetcher: Fetcher, *, unpack: bool = False, environ: Mapping[str, str] = os.environ
) -> Weights:
    """What a source offers, as a set called ``name``; asks the hub for the files, sizes and checksums of a repository.

    Raises:
        WeightsError: it is no source, there is nothing there, or the hub refuses.
    """
    weights = _repository(text, fetcher, environ) if text.startswith("hf:") else _address(text)
    if unpack:
        weights = msgspec.structs.replace(weights, files=tuple(_unpacking(file) for file in weights.files))
    return msgspec.structs.replace(weights, name=name)


def default_name(text: str) -> str:
    """What a source is called when nobody says: its repository, or its file."""
    if found := _SPEC.fullmatch(text):
        return PurePosixPath(found["path"] or found["repo"]).name
    return PurePosixPath(unquote(urlsplit(text).path)).name


def _address(text: str) -> Weights:
    parts = urlsplit(text)
    path = PurePosixPath(unquote(parts.path)).name
    if not parts.hostname or not path or not is_inside(path):
        raise WeightsError(f"{hub.shown(text)}: the address does not end in the name of a file")
    licence = Licence(UNKNOWN, f"{parts.scheme}://{parts.hostname}", "whoever offers it knows", consent=True)
    return Weights(about=hub.shown(text), licence=licence, files=(File(path, url=text),))


def _repository(text: str, fetcher: Fetcher, environ: Mapping[str, str]) -> Weights:
    found = _SPEC.fullmatch(text)
    if found is None:
        raise WeightsError(f"{text}: write hf:OWNER/REPO, hf:OWNER/REPO@REVISION or hf:OWNER/REPO/PATH/OF/A/FILE")
    wanted = Hub(found["repo"], found["revision"] or "main")
    listing = _listing(wanted, fetcher, environ)
    files = [_file(sibling, found["path"]) for sibling in listing.siblings if _matches(sibling, found["path"])]
    if not files:
        there = ", ".join(sibling.rfilename for sibling in listing.siblings[:8])
        raise WeightsError(f"{text}: {wanted.repo} has no such file; it has {there or 'none'}")
    return Weights(about=text, licence=_licence(wanted, listing), hub=Hub(wanted.repo, listing.sha), files=tuple(files))


def _listing(wanted: Hub, fetcher: Fetcher, environ: Mapping[str, str]) -> Listing:
    url = hub.listing_url(wanted, environ)
    try:
        listing = msgspec.json.decode(fetcher.json(url), type=Listing)
    except msgspec.MsgspecError as error:
        raise WeightsError(f"{hub.shown(url)}: the answer is not that of a hub ({error})") from error
    for sibling in listing.siblings:
        if not is_inside(sibling.rfilename):
            raise WeightsError(f"{wanted.repo}: {sibling.rfilename!r} leads out of the folder")
    return listing


def _matches(sibling: Sibling, path: str | None) -> bool:
    """A file, a folder, or all files; what only the repository itself needs stays there."""
    if path is None:
        return not PurePosixPath(sibling.rfilename).name.startswith(".git")
    return sibling.rfilename == path or sibling.rfilename.startswith(path.rstrip("/") + "/")


def _file(sibling: Sibling, path: str | None) -> File:
    if sibling.lfs and sibling.lfs.sha256:
        digest, size = f"sha256:{sibling.lfs.sha256}", sibling.lfs.size
    else:
        digest, size = f"git-sha1:{sibling.blob_id}" if sibling.blob_id else "", sibling.size
    place = PurePosixPath(path).name if path == sibling.rfilename else sibling.rfilename
    return File(place, remote=sibling.rfilename, size=size, digest=digest)


def _licence(wanted: Hub, listing: Listing) -> Licence:
    card = listing.card_data
    stated = (card.license_name or card.license) if card else None
    words = ", ".join(stated) if isinstance(stated, list) else stated
    note = f"the page says: {words}" if words else "the page states none"
    return Licence(UNKNOWN, f"{hub.DEFAULT}/{wanted.repo}", note, consent=True)


def _unpacking(file: File) -> File:
    if not file.path.endswith(_ARCHIVES):
        raise WeightsError(f"{file.path}: not an archive that can be unpacked ({', '.join(_ARCHIVES)})")
    return msgspec.structs.replace(file, unpack_all=True)
