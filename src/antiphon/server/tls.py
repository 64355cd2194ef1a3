"""A certificate authority of one's own, and the server's certificate signed by it.

Python's Live API clients always speak TLS, and phones give a page the microphone only over TLS, so the server makes
what it needs on its first start. In its directory lie:

- ``ca.pem``: the authority's certificate, to be trusted by phones and browsers. Made once, never replaced.
- ``ca-key.pem``: the authority's key and, again, its certificate, so that both come to be in one step. Mode 0600.
- ``server-N.pem``: a key and certificate of the server. A new one is made when names are added or the last ends.
- ``ca-bundle.pem``: certifi's bundle and ``ca.pem``, for ``SSL_CERT_FILE``, which replaces a client's own bundle.

Files appear whole or not at all and the first one to appear stays, so several processes may start at once.
"""

import contextlib
import ipaddress
import logging
import os
import re
import secrets
import socket
import stat
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
import idna
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from msgspec import Struct

VALIDITY = timedelta(days=820)
"""How long a server certificate lasts. Apple refuses more than 825 days: https://support.apple.com/103769."""

RENEWAL = timedelta(days=30)
"""A certificate with less time left is not used any more."""

ALWAYS = ("localhost", "127.0.0.1", "::1")
"""Names that every server certificate is for."""

_CLOCK_SKEW = timedelta(days=1)
_ATTEMPTS = 16  # of processes that start at once and want other names each
_PRIVATE, _PUBLIC = 0o600, 0o644
_BLOCK = re.compile(rb"-----BEGIN ([A-Z ]+)-----.+?-----END \1-----\n?", re.DOTALL)
_LEAF = re.compile(r"server-(\d+)\.pem")

log = logging.getLogger(__name__)


class TlsError(Exception):
    """The TLS files cannot be used or made; the message names the file and the remedy."""


class TlsFiles(Struct, frozen=True):
    """Where the files are. ``certificate`` and ``key`` may be one file."""

    certificate: Path
    key: Path
    ca: Path
    bundle: Path


class Leaf(Struct, frozen=True):
    """A server certificate: its file and number, the names it is for, its first and last moment."""

    path: Path
    number: int
    names: frozenset[str]
    begins: datetime
    expires: datetime
    certificate: x509.Certificate

    def serves(self, names: frozenset[str], now: datetime) -> bool:
        """Whether it is for all ``names`` and will be for a while."""
        return names <= self.names and self.begins <= now and self.expires - now > RENEWAL


def ensure_tls(directory: Path, names: Sequence[str] = (), *, now: datetime | None = None) -> TlsFiles:
    """The TLS files of ``directory``, made where they are missing.

    The certificate is for :data:`ALWAYS`, this machine's host name and ``names`` (host names, wildcards such as
    ``*.example.org``, IP addresses).

    Raises:
        TlsError: a name is none, a file is damaged, or the directory cannot be written.
    """
    now = now or datetime.now(UTC)
    wanted = frozenset({*map(_normal, names), *ALWAYS, *_host_name()})
    try:
        directory.mkdir(parents=True, exist_ok=True)
        authority = _authority(directory)
        _write_if_changed(directory / "ca-bundle.pem", _bundle(authority))
        leaf = _leaf(directory, authority, wanted, now)
    except OSError as error:
        remedy = "choose a data directory that this user can read and write"
        raise TlsError(f"{error.filename or directory}: {error.strerror}; {remedy}") from error
    return TlsFiles(leaf, leaf, directory / "ca.pem", directory / "ca-bundle.pem")


def leaves(directory: Path) -> list[Leaf]:
    """The server certificates of ``directory``, newest first. Makes nothing.

    Raises:
        TlsError: a file is damaged.
    """
    numbered = {int(found[1]): path for path in directory.glob("*.pem") if (found := _LEAF.fullmatch(path.name))}
    return [_read_leaf(numbered[number], number) for number in sorted(numbered, reverse=True)]


def _normal(name: str) -> str:
    """A name as certificates spell it: international names encoded, addresses in their short form."""
    bare = name.strip().strip("[]").partition("%")[0].lower()
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(bare))
    wildcard, host = ("*.", bare[2:]) if bare.startswith("*.") else ("", bare)
    try:
        return wildcard + idna.encode(host, uts46=True).decode()
    except idna.IDNAError as error:
        raise TlsError(f"{name!r} is neither a host name nor an IP address: {error}; correct --tls-name") from error


def _host_name() -> Iterator[str]:
    """This machine's name, unless it is one that no certificate can carry (containers have such names)."""
    with contextlib.suppress(TlsError):
        yield _normal(socket.gethostname())


def _authority(directory: Path) -> trustme.CA:
    """The authority of ``directory``, made on the first start."""
    key, certificate = directory / "ca-key.pem", directory / "ca.pem"
    if not key.exists():
        if certificate.exists():
            raise TlsError(
                f"{key} is missing, so nothing can be signed; restore it, or delete {certificate} to get a new"
                " authority, which every device must then trust anew"
            )
        made = _new_authority()
        _publish(key, made.private_key_pem.bytes() + made.cert_pem.bytes())
    authority = _read_authority(key)
    _publish(certificate, authority.cert_pem.bytes(), mode=_PUBLIC)
    if _blocks(certificate).get(b"CERTIFICATE") != authority.cert_pem.bytes():
        raise TlsError(f"{certificate} is damaged or not the one of {key}; delete it, and it is made again from there")
    return authority


def _new_authority() -> trustme.CA:
    unit = f"Local authority {secrets.token_hex(4)} of {socket.gethostname()}"
    return trustme.CA(organization_name="Antiphon", organization_unit_name=unit[:64], path_length=0)


def _read_authority(path: Path) -> trustme.CA:
    try:
        key, certificate = _read_pair(path)
    except ValueError as error:
        raise TlsError(
            f"{path} is damaged ({error}); restore it, or delete it and ca.pem beside it to get a new authority,"
            " which every device must then trust anew"
        ) from error
    return trustme.CA.from_pem(certificate.public_bytes(Encoding.PEM), key)


def _leaf(directory: Path, authority: trustme.CA, names: frozenset[str], now: datetime) -> Path:
    """A certificate for all ``names``; made when there is none, by this process or one beside it."""
    issuer = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
    for _ in range(_ATTEMPTS):
        existing = leaves(directory)
        for leaf in existing:
            if leaf.serves(names, now) and _is_signed_by(leaf.certificate, issuer):
                return leaf.path
        number = existing[0].number + 1 if existing else 1
        _publish(directory / f"server-{number}.pem", _issue(authority, names, now))
    raise TlsError(f"no certificate for {', '.join(sorted(names))} came to be in {directory}; start only one server")


def _issue(authority: trustme.CA, names: frozenset[str], now: datetime) -> bytes:
    begin = now - _CLOCK_SKEW
    made = authority.issue_cert(
        *sorted(names),
        organization_name="Antiphon",
        organization_unit_name="Server",
        not_before=begin,
        not_after=begin + VALIDITY,
    )
    return made.private_key_and_cert_chain_pem.bytes()


def _read_leaf(path: Path, number: int) -> Leaf:
    try:
        _, certificate = _read_pair(path)
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound) as error:
        raise TlsError(f"{path} is damaged ({error}); delete it, and a new one is made at the next start") from error
    addresses = map(str, alternative.get_values_for_type(x509.IPAddress))
    names = frozenset({*alternative.get_values_for_type(x509.DNSName), *addresses})
    return Leaf(path, number, names, certificate.not_valid_before_utc, certificate.not_valid_after_utc, certificate)


def _read_pair(path: Path) -> tuple[bytes, x509.Certificate]:
    """The key (PEM) and the certificate of a file that has both; ValueError says what is wrong with it."""
    _warn_if_readable(path)
    blocks = _blocks(path)
    key = next((block for label, block in blocks.items() if label.endswith(b"PRIVATE KEY")), None)
    if key is None or b"CERTIFICATE" not in blocks:
        raise ValueError("a key or a certificate is missing")
    certificate = x509.load_pem_x509_certificate(blocks[b"CERTIFICATE"])
    if load_pem_private_key(key, password=None).public_key() != certificate.public_key():
        raise ValueError("its key and its certificate do not belong together")
    return key, certificate


def _blocks(path: Path) -> dict[bytes, bytes]:
    """The PEM blocks of a file by their label."""
    return {found[1]: found[0] for found in _BLOCK.finditer(path.read_bytes())}


def _is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # InvalidSignature, ValueError or TypeError: all of them mean no
        return False
    return True


def _warn_if_readable(path: Path) -> None:
    if os.name == "posix" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        log.warning("%s holds a private key that other users can reach; run: chmod 600 %s", path, path)


def _bundle(authority: trustme.CA) -> bytes:
    public = Path(certifi.where()).read_bytes().rstrip(b"\n")
    return public + b"\n\n# Antiphon's local authority\n" + authority.cert_pem.bytes()


def _write_if_changed(path: Path, content: bytes) -> None:
    if path.exists() and path.read_bytes() == content:
        return
    with _temporary(path, content, _PUBLIC) as temporary:
        temporary.replace(path)


def _publish(path: Path, content: bytes, *, mode: int = _PRIVATE) -> None:
    """Let ``path`` appear with its content in one step, unless it is there already."""
    if path.exists():
        return
    with _temporary(path, content, mode) as temporary, contextlib.suppress(FileExistsError):
        try:
            os.link(temporary, path)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            _create(path, content, mode)


def _create(path: Path, content: bytes, mode: int) -> None:
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        file.write(content)


@contextlib.contextmanager
def _temporary(path: Path, content: bytes, mode: int) -> Iterator[Path]:
    """A file beside ``path``, whole and on disk; readable by its owner only until it has its mode."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(mode)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
