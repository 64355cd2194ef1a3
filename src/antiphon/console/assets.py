"""Scripts and styles: under an address that changes with their content, and kept for ever by browsers."""

import hashlib
import re
from functools import cache
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Final

from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from antiphon.calls.desk import PAGES_PATH

FOLDER: Final = Path(__file__).parent / "static"

_IMPORT = re.compile(
    r"""^(?:import|export)\b[^"';]*?\bfrom\s*["'](\.[^"']+)["']|^import\s*["'](\.[^"']+)["']""", re.MULTILINE
)


class _Immutable(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


@cache
def version() -> str:
    """What names the content of all files together."""
    digest = hashlib.sha256()
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(FOLDER).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def mount() -> Mount:
    """The route of all files."""
    return Mount(f"/static/{version()}", _Immutable(directory=FOLDER))


def url(path: str) -> str:
    """The address of a file by its path below :data:`FOLDER`."""
    return f"{PAGES_PATH}/static/{version()}/{path}"


@cache
def preloads(entry: str) -> tuple[str, ...]:
    """The addresses of every module that ``entry`` imports, directly or not: the browser need not find them out."""
    found: dict[str, None] = {}
    waiting = [entry]
    while waiting:
        path = waiting.pop(0)
        if path in found:
            continue
        found[path] = None
        source = (FOLDER / path).read_text(encoding="utf-8") if not path.startswith("vendor/") else ""
        imports = (first or second for first, second in _IMPORT.findall(source))
        waiting += [normpath(join(dirname(path), each)) for each in imports]
    return tuple(url(path) for path in found if path != entry)
