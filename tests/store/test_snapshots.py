"""What goes into the store comes out again, whatever clients put into it."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.live.history import FunctionCall, FunctionResult, Picture, Turn, Words
from antiphon.live.snapshot import KeptTurn, Snapshot
from antiphon.live.tokens import Tokens, Usage
from antiphon.store.database import Database
from antiphon.store.resumptions import HANDLES, Resumptions
from antiphon.store.snapshots import DIGEST_SIZE, VERSION, Packed, UnreadableError, pack, unpack

# What JSON can say. Lone surrogates cannot come over the wire.
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=3)
PARTS = st.one_of(
    st.builds(Words, TEXT),
    st.builds(Picture, st.sampled_from(["image/jpeg", "image/png"]), st.binary(max_size=4)),
    st.builds(FunctionCall, TEXT, TEXT, OBJECTS),
    st.builds(FunctionResult, TEXT, TEXT, OBJECTS),
)
COUNTS = st.integers(0, 1 << 40)
TOKENS = st.builds(Tokens, COUNTS, COUNTS, COUNTS, COUNTS)
TURNS = st.builds(Turn, st.sampled_from(["user", "model"]), st.lists(PARTS, max_size=3).map(tuple))
SNAPSHOTS = st.builds(
    Snapshot,
    session_id=TEXT,
    model=TEXT,
    turns=st.lists(st.builds(KeptTurn, TURNS, TOKENS), max_size=4).map(tuple),
    usage=st.builds(Usage, TOKENS, TOKENS, TOKENS, COUNTS, COUNTS),
    next_generation=st.integers(1, 1 << 40),
    input_seconds=st.floats(0, 1e9),
)


def of(*parts: Any) -> Snapshot:
    return Snapshot("s", "m", (KeptTurn(Turn("user", parts), Tokens()),), Usage(), 1)


@settings(max_examples=25, deadline=None)
@given(st.lists(SNAPSHOTS, min_size=1, max_size=HANDLES))
def test_every_snapshot_comes_back_from_the_store(snapshots: list[Snapshot]) -> None:
    """All of one session: what they share, and what they do not, are kept apart."""

    async def through_the_store(path: Path) -> list[Snapshot]:
        database = Database(path)
        await database.open()
        store = Resumptions(database, 7200)
        handles = [await store.keep(msgspec.structs.replace(each, session_id="s"), "me") for each in snapshots]
        found = [await store.load(handle, "me") for handle in handles]
        await database.aclose()
        return found

    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(through_the_store(Path(folder) / "store.sqlite"))
    assert found == [msgspec.structs.replace(each, session_id="s") for each in snapshots]


@given(SNAPSHOTS)
def test_every_snapshot_comes_back_as_it_was(snapshot: Snapshot) -> None:
    assert unpack(pack(snapshot)) == snapshot


def test_integers_of_any_size_come_back() -> None:
    snapshot = of(FunctionCall("1", "f", {"big": 2**100, "small": -(2**100)}))
    assert unpack(pack(snapshot)) == snapshot


def test_pictures_go_beside_it_each_once() -> None:
    one, two = bytes(range(256)) * 40, b"another"
    packed = pack(of(Picture("image/png", one), Picture("image/jpeg", one), Picture("image/png", two)))
    assert sorted(packed.pictures.values()) == sorted([one, two])
    assert {len(name) for name in packed.pictures} == {DIGEST_SIZE}
    assert len(packed.snapshot) < 1000


@pytest.mark.parametrize("version", [0, VERSION + 1])
def test_another_version_is_not_guessed_at(version: int) -> None:
    packed = msgspec.structs.replace(pack(of()), version=version)
    with pytest.raises(UnreadableError, match=f"it is of version {version}, and this release reads {VERSION}"):
        unpack(packed)


@pytest.mark.parametrize("snapshot", [b"", b"{", b"{}", b'{"session_id": 1}', b"\xff"])
def test_damage_is_told(snapshot: bytes) -> None:
    with pytest.raises(UnreadableError):
        unpack(Packed(VERSION, snapshot, {}))


def test_a_missing_picture_is_told() -> None:
    packed = pack(of(Picture("image/png", b"x")))
    with pytest.raises(UnreadableError, match="a picture is missing"):
        unpack(Packed(VERSION, packed.snapshot, {}))


def test_fields_that_a_later_release_added_have_their_defaults() -> None:
    old = msgspec.json.decode(pack(of(Words("hi"))).snapshot)
    del old["input_seconds"]
    assert unpack(Packed(VERSION, msgspec.json.encode(old), {})) == of(Words("hi"))
