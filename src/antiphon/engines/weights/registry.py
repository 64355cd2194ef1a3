"""The model files that are known by name: ``weights.toml`` beside this file, typed."""

import re
import tomllib
from importlib import resources
from pathlib import PurePosixPath
from typing import Literal

import msgspec
from msgspec import Struct

Kind = Literal["recogniser", "voice", "language model", "speech to speech", "other"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


class Licence(Struct, frozen=True, forbid_unknown_fields=True):
    """The terms of model files. ``spdx`` is an SPDX identifier or a ``LicenseRef-``; the text is at ``url``.

    ``consent`` asks for a yes before the first download.
    """

    spdx: str
    url: str
    note: str = ""
    consent: bool = False


class Hub(Struct, frozen=True, forbid_unknown_fields=True):
    """A repository of Hugging Face at a revision: a commit, or a tag or branch where none is known."""

    repo: str
    revision: str


class Member(Struct, frozen=True, forbid_unknown_fields=True):
    """A file in an archive, and what it is called on disk."""

    member: str
    path: str
    size: int = 0
    digest: str = ""


class File(Struct, frozen=True, forbid_unknown_fields=True):
    """One download: of the set's hub (``remote``, else ``path``), or of ``url``.

    ``path`` is where it goes in the set's folder. ``size`` is in bytes, 0 if unknown. ``digest`` is ``sha256:``,
    ``md5:`` or ``git-sha1:`` and hex digits; without one the file is trusted on first use. An archive is taken apart:
    ``unpack`` names what is kept of it, and ``unpack_all`` keeps everything.
    """

    path: str
    remote: str = ""
    url: str = ""
    size: int = 0
    digest: str = ""
    unpack: tuple[Member, ...] = ()
    unpack_all: bool = False

    @property
    def archive(self) -> bool:
        """Whether this is an archive to take apart."""
        return self.unpack_all or bool(self.unpack)


class Weights(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named set of model files. ``extra`` is the extra of this package that its ``engine`` needs.

    ``languages`` are BCP 47 tags; ``*`` means many.
    """

    name: str = ""
    kind: Kind = "other"
    engine: str = ""
    extra: str = ""
    about: str = ""
    languages: tuple[str, ...] = ()
    licence: Licence
    hub: Hub | None = None
    files: tuple[File, ...]

    @property
    def size(self) -> int:
        """Bytes of all downloads whose size is known."""
        return sum(file.size for file in self.files)

    @property
    def unknown(self) -> list[str]:
        """The files whose checksum is not known beforehand."""
        return [file.path for file in self.files if not file.digest]


def read() -> dict[str, Weights]:
    """The known sets, by name, in the order of the file."""
    text = resources.files(__package__).joinpath("weights.toml").read_text(encoding="utf-8")
    known = msgspec.convert(tomllib.loads(text), dict[str, Weights])
    return {name: msgspec.structs.replace(weights, name=name) for name, weights in known.items()}


def is_name(text: str) -> bool:
    """Whether ``text`` can name a set, and so a folder."""
    return bool(_NAME.fullmatch(text))


def is_inside(path: str) -> bool:
    """Whether a relative path of an untrusted source stays in the folder that it is put in, on every platform."""
    parts = PurePosixPath(path.replace("\\", "/")).parts
    return bool(parts) and not path.startswith(("/", "\\")) and not {"..", "."} & {*parts} and ":" not in path


KNOWN: dict[str, Weights] = read()
"""Every known set, by name."""
