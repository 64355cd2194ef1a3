"""Writes ``src/antiphon/console/static/vendor``: the only JavaScript in the console that is not ours.

Run by hand when a version below is raised, with Node.js at hand, and commit what it writes:

    python tools/vendor_console.py
"""

import hashlib
import json
import subprocess
import tempfile
from pathlib import Path

VENDOR = Path(__file__).parents[1] / "src" / "antiphon" / "console" / "static" / "vendor"

PACKAGES = {
    "preact": "11.2.0",
    "@preact/signals": "2.11.4",
    "@preact/signals-core": "",
    "htm": "3.1.1",
    "uplot": "1.6.32",
}
"""Each with its version; a package without one comes along with another."""

ESBUILD = "0.28.2"

ENTRY = """\
export { h, render, Fragment, createContext, createRef } from "preact";
export { useCallback, useContext, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
export { signal, computed, effect, batch, untracked, useSignal, useComputed, useSignalEffect } from "@preact/signals";
import htm from "htm";
import { h } from "preact";
export const html = htm.bind(h);
"""


def main() -> None:
    """Fetch, bundle, and say where everything came from."""
    VENDOR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        wanted = [f"{name}@{version}" for name, version in PACKAGES.items() if version]
        (work / "package.json").write_text('{"private": true}')
        run(work, "npm", "install", "--no-audit", "--no-fund", "--silent", *wanted, f"esbuild@{ESBUILD}")
        (work / "entry.js").write_text(ENTRY)
        bundle(work, "entry.js", "preact.js")
        bundle(work, "node_modules/uplot/dist/uPlot.esm.js", "uplot.js")
        (VENDOR / "uplot.css").write_bytes((work / "node_modules/uplot/dist/uPlot.min.css").read_bytes())
        (VENDOR / "VENDOR.md").write_text(page(work))


def bundle(work: Path, entry: str, name: str) -> None:
    """One minified module without imports, under the licence lines of what is in it."""
    banner = "/* Bundled by tools/vendor_console.py; versions, licences and hashes are in VENDOR.md. */"
    options = (
        "--bundle",
        "--format=esm",
        "--minify",
        "--target=es2022",
        "--legal-comments=none",
        f"--banner:js={banner}",
    )
    run(work, "node_modules/.bin/esbuild", entry, *options, f"--outfile={VENDOR / name}")


def page(work: Path) -> str:
    """What is in the folder, from which versions, under which licences."""
    packages, licences = ["| package | version | licence |", "|---|---|---|"], []
    for name in PACKAGES:
        version, licence = metadata(work, name)
        packages.append(f"| {name} | {version} | {licence} |")
        text = next((work / "node_modules" / name).glob("LICENSE*"), None)
        if text is not None:
            licences += [f"### {name}", "", "```text", text.read_text().strip(), "```", ""]
    files = ["| file | bytes | SHA-256 |", "|---|---|---|"]
    for path in sorted(VENDOR.iterdir()):
        if path.name != "VENDOR.md":
            data = path.read_bytes()
            files.append(f"| {path.name} | {len(data)} | `{hashlib.sha256(data).hexdigest()}` |")
    head = [
        "# What others wrote",
        "",
        f"Bundled with esbuild {ESBUILD} by `tools/vendor_console.py`; not to be edited.",
        "",
    ]
    return "\n".join([*head, *packages, "", *files, "", "## Licences", "", *licences])


def metadata(work: Path, name: str) -> tuple[str, str]:
    """The version and the licence of an installed package."""
    told = json.loads((work / "node_modules" / name / "package.json").read_text())
    return told["version"], told["license"]


def run(folder: Path, *command: str) -> None:
    subprocess.run(command, cwd=folder, check=True)


if __name__ == "__main__":
    main()
