"""A folder of documents."""

from pathlib import Path

import pytest

RULES = """---
title: House rules
---
# House rules

Breakfast is served from 7 to 10
in the *winter garden*. On Sundays it ends at 11.

## Night porter

The night porter is Tom Baker. He is at the desk from 10 pm to 6 am.

- Pets are welcome
- The pool opens at 8
"""
STAFF = 'Name,Role\nAnn Lee,head cook\nBob Hill,"gardener, part time"\n'
CAFE = """<!doctype html><title>About the caf&eacute;</title>
<nav>Home</nav><h2>Wi-Fi</h2><p>The password is <b>whale42</b>.<script>var porter = "Mallory"</script>
<table><tr><th>Day</th><th>Opens</th></tr><tr><td>Monday</td><td>8</td></tr></table>"""


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """What a small hotel might write down."""
    folder = tmp_path / "documents"
    (folder / "town").mkdir(parents=True)
    (folder / "house_rules.md").write_text(RULES)
    (folder / "staff.csv").write_text(STAFF)
    (folder / "town" / "cafe.html").write_text(CAFE)
    return folder
