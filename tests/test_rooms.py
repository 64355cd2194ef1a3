"""Which room may know which: imports point downwards only, and two rooms on one floor do not know each other."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import antiphon

SOURCE = Path(antiphon.__file__).parent

FLOORS = (
    ("audio", "wire", "store"),
    ("live", "routing", "guard", "providers", "meter", "catalog"),
    ("engines",),
    ("calls", "gateway"),
    ("server", "console"),
    ("cli",),
)
"""From the ground up."""

ROOF = ("testing",)
"""What users import in their tests stands on all floors; nothing of the product knows it."""

EXCEPTIONS = {
    ("meter", "antiphon.live.tokens"): "usage by modality is what a session charges, and what has a price",
    ("meter", "antiphon.live.profiles"): "the rules of hosted services are told by the models that they serve",
    ("store", "antiphon.live.tokens"): "rows of the ledger hold usage as sessions charge it",
    ("store", "antiphon.live.record"): "the record of a session is stored as it is",
    ("store", "antiphon.live.timeline"): "the timeline of a session is stored as it is",
    ("store", "antiphon.live.snapshot"): "what a session resumes from is stored as it is",
    ("store", "antiphon.live.history"): "parts of a snapshot",
    ("store", "antiphon.wire.refusal"): "a handle that cannot be used is refused as the session refuses it",
}
"""Imports that point elsewhere, by room and module: data that a room keeps or counts, and does nothing with."""

FLOOR = {room: number for number, rooms in enumerate((*FLOORS, ROOF)) for room in rooms}
MODULES = sorted(SOURCE.rglob("*.py"))
ROOMS = sorted(path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists())


def imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """The room and the module of every import of ours, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            names = [_module(node.module or "", alias.name) for alias in node.names]
        else:
            continue
        for name in names:
            room = name.removeprefix("antiphon.").partition(".")[0]
            if name.startswith("antiphon.") and room in FLOOR:
                yield room, name


def _module(package: str, name: str) -> str:
    """The module that ``from package import name`` loads: what is taken from it may be one itself."""
    path = SOURCE.parent / package.replace(".", "/") / name
    return f"{package}.{name}" if path.is_dir() or path.with_suffix(".py").exists() else package


def wrong(room: str, text: str) -> set[tuple[str, str]]:
    """What a module of ``room`` imports and may not, by room and module."""
    return {
        (room, module)
        for there, module in imported(ast.parse(text))
        if there != room and FLOOR[there] >= FLOOR[room] and (room, module) not in EXCEPTIONS
    }


def test_every_room_has_a_floor():
    assert set(ROOMS) <= FLOOR.keys()


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_downwards(room):
    found = {
        f"{path.relative_to(SOURCE)}: {module}"
        for path in MODULES
        if path.relative_to(SOURCE).parts[0] == room
        for _, module in wrong(room, path.read_text())
    }
    assert not found


def test_every_exception_is_needed():
    rooms = {path: path.relative_to(SOURCE).parts[0] for path in MODULES}
    used = {(room, module) for path, room in rooms.items() for _, module in imported(ast.parse(path.read_text()))}
    assert EXCEPTIONS.keys() <= used


@pytest.mark.parametrize(
    ("room", "text", "is_wrong"),
    [
        ("console", "from antiphon.server.auth import Gate", True),
        ("console", "from antiphon import server", True),
        ("console", "import antiphon.cli.app", True),
        ("server", "def late():\n    from antiphon.console import pages", True),
        ("calls", "from antiphon.testing import SPOKEN", True),
        ("live", "from antiphon.meter import money", True),
        ("meter", "from antiphon.live import session", True),
        ("meter", "from antiphon.live import profiles", False),
        ("console", "from antiphon.console import admin", False),
        ("console", "from antiphon.calls.desk import Desk", False),
        ("server", "from antiphon import __version__", False),
        ("store", "from antiphon.live.record import Record", False),
        ("store", "from antiphon.live.session import Session", True),
    ],
)
def test_what_is_found(room, text, is_wrong):
    assert bool(wrong(room, text)) is is_wrong
