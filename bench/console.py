"""The first page of the console in a browser that has never seen it: when it can be used, and what it weighs.

    python -m bench.console [--rounds N] [--json]

Each round starts a Chromium with an empty profile. "Usable" is when the button that starts a conversation can be
pressed; times are of the browser's own clock, from the start of the navigation.
"""

import argparse
import gzip
import json
import shutil
import sys

import httpx
from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console

from antiphon.testing.server import Servers
from bench.report import Table, percentile

USABLE = "button.primary:not([disabled])"
SCRIPT = "text/javascript"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10, help="browsers that are started (default: 10)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    table = measure(options.rounds)
    if options.json:
        print(json.dumps({"title": table.title, "columns": table.columns, "rows": table.rows}))
    else:
        table.show(Console())


def measure(rounds: int) -> Table:
    """The table."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        sys.exit("Chromium is not installed: apt-get install chromium")
    cold, warm, weights = [], [], (0, 0)
    with Servers() as servers, sync_playwright() as playwright:
        url = f"{servers.start().url}/console/"
        for _ in range(rounds):
            browser = playwright.chromium.launch(executable_path=path)
            times, weights = visit(browser, url)
            cold.append(times[0])
            warm.append(times[1])
            browser.close()
    rows = [
        ("usable, cold (ms)", percentile(cold, 50), percentile(cold, 95), max(cold)),
        ("usable, warm (ms)", percentile(warm, 50), percentile(warm, 95), max(warm)),
        ("script (KB gzip)", weights[1] / 1000, "", ""),
        ("requests for script", float(weights[0]), "", ""),
    ]
    return Table("The first page of the console", ("what", "p50", "p95", "worst"), rows)


def visit(browser: Browser, url: str) -> tuple[tuple[float, float], tuple[int, int]]:
    """Milliseconds until it can be used, the first time and again; scripts and their bytes."""
    page = browser.new_context().new_page()
    scripts: dict[str, None] = {}
    page.on("response", lambda answer: note(scripts, answer.url, answer.headers.get("content-type", "")))
    first = until_usable(page, url)
    size = sum(len(gzip.compress(httpx.get(each).content)) for each in scripts)
    return (first, until_usable(page, url)), (len(scripts), size)


def note(scripts: dict[str, None], url: str, kind: str) -> None:
    """Remember a script."""
    if kind.startswith(SCRIPT):
        scripts[url] = None


def until_usable(page: Page, url: str) -> float:
    """Milliseconds from the navigation until the first button can be pressed."""
    page.goto(url, wait_until="commit")
    page.wait_for_selector(USABLE)
    return float(page.evaluate("performance.now()"))


if __name__ == "__main__":
    main()
