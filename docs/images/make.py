"""Makes the pictures of the documentation from the real thing: ``python docs/images/make.py``."""

import io
import os
import shlex
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from antiphon.testing import SPOKEN, Servers

FOLDER = Path(__file__).parent
WIDTH = 96
SPEECH = SPOKEN["what_is_two_plus_three"]
COST = "--minutes 20 --turns 60 --compress none --compress 25000:8000 --compress 8000:4000".split()
TEXTS = ("My name is Alice.", "What is my name?", "Convert ten miles to kilometers.")


def main() -> None:
    """Talk to a server and keep what the terminal showed; draw what calls cost."""
    typed = [word for text in TEXTS for word in ("--text", text)]
    commands = (
        (f"antiphon talk --wav {SPEECH.path.name}", ["--wav", str(SPEECH.path)]),
        (f"antiphon talk {shlex.join(typed)}", typed),
    )
    screen = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    with Servers() as servers:
        server = servers.start()
        for shown, arguments in commands:
            screen.print(f"[bold green]$[/] {shown}", highlight=False)
            screen.print(Text.from_ansi(_run(["talk", "--url", server.url, *arguments])))
    screen.save_svg(str(FOLDER / "talk.svg"), title="antiphon talk")
    _run(["cost", "call", *COST, "--svg", str(FOLDER / "cost.svg")])


def _run(arguments: list[str]) -> str:
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH)}
    command = [sys.executable, "-m", "antiphon", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
