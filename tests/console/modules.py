"""The console's modules in a page of their own: nothing but what a test imports, under the console's policy."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from antiphon.console import assets

STYLES = ("tokens", "base", "components")


@contextmanager
def shared_page(chromium: Any, **options: Any) -> Iterator[Any]:
    """One page for many tests, which is quicker; what goes wrong in its script fails the last of them."""
    context = chromium.new_context(**options)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(f"{error}"))
    page.on("console", lambda told: problems.append(told.text) if told.type == "error" else None)
    yield page
    context.close()
    assert not problems, problems


def open_blank(page: Any, server: Any, *styles: str) -> Any:
    """Open an empty page of the server's, with the console's styles and policy.

    A text that the server serves becomes it: sockets to this machine are closed to pages that a test makes up.
    """
    page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
    page.goto(f"{server.url}{assets.url('css/tokens.css')}")
    page.evaluate(
        """links => {
          document.documentElement.lang = "en";
          document.head.innerHTML = `<meta name="viewport" content="width=device-width">${links}`;
          document.title = "Blank";
          document.body.innerHTML = `<main id="app"><h1>Blank</h1></main>`;
        }""",
        "".join(f'<link rel="stylesheet" href="{assets.url(f"css/{name}.css")}">' for name in (*STYLES, *styles)),
    )
    return page


def load(page: Any, **modules: str) -> None:
    """Import modules by their path below ``static``; each becomes a global object of the page."""
    addresses = {name: assets.url(path) for name, path in modules.items()}
    page.evaluate(
        "async modules => { for (const [name, url] of Object.entries(modules)) window[name] = await import(url); }",
        addresses,
    )


def until(page: Any, condition: str, seconds: float = 15.0) -> None:
    """Wait in the page until an expression is true. (``wait_for_function`` evaluates, which the policy forbids.)"""
    done = page.evaluate(
        f"""async milliseconds => {{
          const end = performance.now() + milliseconds;
          while (!({condition})) {{
            if (performance.now() > end) return false;
            await new Promise((resolve) => setTimeout(resolve, 10));
          }}
          return true;
        }}""",
        seconds * 1000,
    )
    assert done, f"never so: {condition}"
