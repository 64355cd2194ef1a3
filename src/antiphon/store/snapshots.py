"""Snapshots as bytes.

They are JSON, as what clients put into them was: integers of any size come back as they went. Pictures go beside
them, named by their SHA-256 digests, for the snapshots of a session all hold the same ones.
"""

import hashlib
from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from antiphon.live.history import Part, Picture
from antiphon.live.snapshot import KeptTurn, Snapshot

VERSION = 1
"""What :func:`pack` writes. A field with a default may be added as it is; anything else is another version."""

DIGEST_SIZE = 32
"""Bytes of a picture's name."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Snapshot).decode


class UnreadableError(Exception):
    """What is stored is no snapshot that this release can read."""


class Packed(Struct, frozen=True):
    """A snapshot as it is stored; ``pictures`` by their digests, each once."""

    version: int
    snapshot: bytes
    pictures: Mapping[bytes, bytes]


def pack(snapshot: Snapshot) -> Packed:
    """``snapshot``, ready to be stored."""
    pictures: dict[bytes, bytes] = {}

    def set_aside(data: bytes) -> bytes:
        digest = hashlib.sha256(data).digest()
        pictures[digest] = data
        return digest

    return Packed(VERSION, _encode(_with_pictures(snapshot, set_aside)), pictures)


def unpack(packed: Packed) -> Snapshot:
    """The snapshot that was packed.

    Raises:
        UnreadableError: it is of another version, or damaged.
    """
    if packed.version != VERSION:
        raise UnreadableError(f"it is of version {packed.version}, and this release reads {VERSION}")
    try:
        return _with_pictures(_decode(packed.snapshot), packed.pictures.__getitem__)
    except msgspec.MsgspecError as error:
        raise UnreadableError(str(error)) from error
    except KeyError as error:
        raise UnreadableError("a picture is missing") from error


def _with_pictures(snapshot: Snapshot, change: Callable[[bytes], bytes]) -> Snapshot:
    """``snapshot`` with the data of every picture changed."""

    def changed(part: Part) -> Part:
        return replace(part, data=change(part.data)) if isinstance(part, Picture) else part

    def of(kept: KeptTurn) -> KeptTurn:
        return replace(kept, turn=replace(kept.turn, parts=tuple(map(changed, kept.turn.parts))))

    return replace(snapshot, turns=tuple(map(of, snapshot.turns)))
