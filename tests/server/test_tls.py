"""Files on disk, and real handshakes with what they hold."""

import os
import socket
import ssl
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from antiphon.server import tls
from antiphon.server.tls import ALWAYS, RENEWAL, VALIDITY, TlsError, TlsFiles, ensure_tls, leaves

NOW = datetime.now(UTC)


def handshake(files: TlsFiles, host: str) -> dict[str, object]:
    """Connect to a server that has ``files``, trusting nothing but the bundle; the certificate the client saw."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(files.certificate, files.key)
    client = ssl.create_default_context(cafile=str(files.bundle))
    near, far = socket.socketpair()

    def serve() -> None:
        try:
            with server.wrap_socket(far, server_side=True) as connection:
                connection.recv(1)
        except (ssl.SSLError, OSError):
            far.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with near, client.wrap_socket(near, server_hostname=host) as connection:
            return connection.getpeercert() or {}
    finally:
        thread.join(10)


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.mark.parametrize("host", [*ALWAYS, "voice.lan", "10.1.2.3", "any.voice.example"])
def test_a_client_with_the_bundle_trusts_every_name(tmp_path: Path, host: str) -> None:
    files = ensure_tls(tmp_path / "tls", ["voice.lan", "10.1.2.3", "*.voice.example"])
    assert handshake(files, host)["subjectAltName"]


def test_this_machine_is_among_the_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Kitchen-PC")
    assert handshake(ensure_tls(tmp_path), "kitchen-pc")


def test_a_host_name_that_no_certificate_can_carry_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "no_good name")
    ensure_tls(tmp_path)
    assert leaves(tmp_path)[0].names == frozenset(ALWAYS)


def test_a_wrong_name_fails(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=r"mismatch|not valid for"):
        handshake(ensure_tls(tmp_path), "elsewhere.example")


def test_a_client_with_the_public_bundle_alone_does_not_trust(tmp_path: Path) -> None:
    files = ensure_tls(tmp_path)
    public = TlsFiles(files.certificate, files.key, files.ca, Path(certifi.where()))
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(public, "localhost")


def test_the_bundle_holds_the_public_authorities_and_ours(tmp_path: Path) -> None:
    files = ensure_tls(tmp_path)
    bundle = files.bundle.read_text()
    assert bundle.startswith(Path(certifi.where()).read_text().rstrip("\n"))
    assert bundle.endswith(files.ca.read_text())


@pytest.mark.skipif(os.name != "posix", reason="file modes are of POSIX")
def test_keys_are_for_the_owner_and_certificates_for_all(tmp_path: Path) -> None:
    files = ensure_tls(tmp_path)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"ca-key.pem": 0o600, "server-1.pem": 0o600, "ca.pem": 0o644, "ca-bundle.pem": 0o644}
    assert b"PRIVATE" not in files.ca.read_bytes() + files.bundle.read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="file modes are of POSIX")
def test_a_key_is_never_readable_by_others_not_even_at_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []
    fsync = os.fsync

    def watch(descriptor: int) -> None:
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    before = os.umask(0)
    try:
        ensure_tls(tmp_path)
    finally:
        os.umask(before)
    assert len(modes) == 4
    assert set(modes) == {0o600}


@pytest.mark.skipif(os.name != "posix", reason="file modes are of POSIX")
def test_a_key_that_others_can_read_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ensure_tls(tmp_path)
    assert not caplog.records
    (tmp_path / "ca-key.pem").chmod(0o644)
    ensure_tls(tmp_path)
    assert f"chmod 600 {tmp_path / 'ca-key.pem'}" in caplog.text


def test_a_second_start_changes_nothing(tmp_path: Path) -> None:
    first = ensure_tls(tmp_path, ["voice.lan"])
    before, written = contents(tmp_path), first.bundle.stat().st_mtime_ns
    assert ensure_tls(tmp_path, ["voice.lan"]) == first
    assert contents(tmp_path) == before
    assert first.bundle.stat().st_mtime_ns == written


def test_fewer_names_keep_the_certificate(tmp_path: Path) -> None:
    assert ensure_tls(tmp_path, ["a.lan", "b.lan"]) == ensure_tls(tmp_path, ["b.lan"])


def test_a_new_name_gets_a_new_certificate_of_the_same_authority(tmp_path: Path) -> None:
    ensure_tls(tmp_path)
    before = contents(tmp_path)
    files = ensure_tls(tmp_path, ["phone.lan"])
    assert files.certificate.name == "server-2.pem"
    assert {name: contents(tmp_path)[name] for name in before} == before
    assert handshake(files, "phone.lan")


def test_an_expiring_certificate_is_followed_by_a_new_one(tmp_path: Path) -> None:
    ensure_tls(tmp_path, now=NOW - VALIDITY + RENEWAL)
    before = contents(tmp_path)
    files = ensure_tls(tmp_path)
    assert files.certificate.name == "server-2.pem"
    assert files.ca.read_bytes() == before["ca.pem"]
    assert handshake(files, "localhost")


def test_a_certificate_from_a_clock_that_ran_ahead_is_followed_by_a_new_one(tmp_path: Path) -> None:
    ensure_tls(tmp_path, now=NOW + timedelta(days=40))
    assert handshake(ensure_tls(tmp_path), "localhost")


def test_phones_accept_the_validity(tmp_path: Path) -> None:
    ensure_tls(tmp_path)
    (leaf,) = leaves(tmp_path)
    assert leaf.expires - leaf.begins <= timedelta(days=820)
    assert leaf.begins < NOW < leaf.expires


def test_a_new_bundle_of_certifi_reaches_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure_tls(tmp_path)
    other = tmp_path / "public.pem"
    other.write_bytes(trustme.CA().cert_pem.bytes())
    monkeypatch.setattr(certifi, "where", lambda: str(other))
    files = ensure_tls(tmp_path)
    assert files.bundle.read_bytes().startswith(other.read_bytes().rstrip())
    assert files.bundle.read_bytes().endswith(files.ca.read_bytes())


def test_a_lost_certificate_of_the_authority_is_made_again_the_same(tmp_path: Path) -> None:
    before = ensure_tls(tmp_path).ca.read_bytes()
    (tmp_path / "ca.pem").unlink()
    assert ensure_tls(tmp_path).ca.read_bytes() == before


def test_a_certificate_of_another_authority_is_not_used(tmp_path: Path) -> None:
    old = ensure_tls(tmp_path)
    for path in (tmp_path / "ca.pem", tmp_path / "ca-key.pem"):
        path.unlink()
    files = ensure_tls(tmp_path)
    assert files.certificate != old.certificate
    assert handshake(files, "localhost")


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("ca-key.pem", "delete it and ca.pem"),
        ("ca.pem", "delete it, and it is made again"),
        ("server-1.pem", "delete it, and a new one is made"),
    ],
)
def test_a_damaged_file_is_named_with_its_remedy(tmp_path: Path, name: str, remedy: str, damage: bytes | None) -> None:
    ensure_tls(tmp_path)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-60] if damage is None else damage)
    with pytest.raises(TlsError) as raised:
        ensure_tls(tmp_path)
    assert str(path) in str(raised.value)
    assert remedy in str(raised.value)


@pytest.mark.parametrize("name", ["ca-key.pem", "server-1.pem"])
def test_a_key_of_another_certificate_is_damage(tmp_path: Path, name: str) -> None:
    ensure_tls(tmp_path)
    path = tmp_path / name
    certificate = path.read_bytes().partition(b"-----BEGIN CERTIFICATE")
    path.write_bytes(trustme.CA().private_key_pem.bytes() + b"".join(certificate[1:]))
    with pytest.raises(TlsError, match="do not belong together"):
        ensure_tls(tmp_path)


def test_a_lost_key_of_the_authority_is_named(tmp_path: Path) -> None:
    ensure_tls(tmp_path)
    (tmp_path / "ca-key.pem").unlink()
    with pytest.raises(TlsError, match=r"ca-key.pem is missing.*restore it"):
        ensure_tls(tmp_path)


def test_the_remedies_work(tmp_path: Path) -> None:
    ensure_tls(tmp_path)
    (tmp_path / "server-1.pem").write_bytes(b"")
    (tmp_path / "server-1.pem").unlink()
    (tmp_path / "ca.pem").unlink()
    assert handshake(ensure_tls(tmp_path), "localhost")


@pytest.mark.parametrize("name", ["", " ", "a b", "a@b.c", "10.0.0.0/8", "under_score", "x" * 64, "a..b", "-"])
def test_what_is_no_name_is_refused_by_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(TlsError, match="--tls-name") as raised:
        ensure_tls(tmp_path, [name])
    assert repr(name) in str(raised.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "spelled"),
    [
        ("VOICE.Lan", "voice.lan"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("[::0001]", "::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("*.Example.org", "*.example.org"),
    ],
)
def test_names_are_spelled_as_certificates_do(tmp_path: Path, name: str, spelled: str) -> None:
    first = ensure_tls(tmp_path, [name])
    assert spelled in leaves(tmp_path)[0].names
    assert ensure_tls(tmp_path, [name]) == first


@given(st.text(max_size=20))
def test_any_name_is_spelled_or_refused(name: str) -> None:
    try:
        spelled = tls._normal(name)
    except TlsError:
        return
    assert tls._normal(spelled) == spelled


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TlsError, match="data directory"):
        ensure_tls(tmp_path / "file" / "tls")


def test_a_file_system_without_hard_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_paths: object) -> None:
        raise PermissionError("no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    files = ensure_tls(tmp_path)
    assert handshake(files, "localhost")
    assert stat.S_IMODE(files.key.stat().st_mode) == 0o600 or os.name != "posix"


def test_nothing_temporary_stays(tmp_path: Path) -> None:
    ensure_tls(tmp_path)
    assert sorted(contents(tmp_path)) == ["ca-bundle.pem", "ca-key.pem", "ca.pem", "server-1.pem"]


def test_starting_at_once_ends_with_one_authority(tmp_path: Path) -> None:
    """Threads, held until all are there, so that they meet in the empty directory."""
    count, results = 6, []
    barrier = threading.Barrier(count)

    def start(number: int) -> None:
        barrier.wait()
        results.append(ensure_tls(tmp_path, [f"host-{number}.lan"]))

    threads = [threading.Thread(target=start, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({files.ca.read_bytes() for files in results}) == 1
    assert len({files.certificate for files in results}) == count
    for files in results:
        assert handshake(files, "localhost")


def test_whoever_comes_second_takes_what_the_first_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The race itself: another process makes its files between our look and our write."""
    make = tls._new_authority

    def overtaken() -> trustme.CA:
        monkeypatch.setattr(tls, "_new_authority", make)
        ensure_tls(tmp_path)
        return make()

    monkeypatch.setattr(tls, "_new_authority", overtaken)
    files = ensure_tls(tmp_path)
    assert files.certificate.name == "server-1.pem"
    assert handshake(files, "localhost")
