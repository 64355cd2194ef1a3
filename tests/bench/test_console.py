"""The benchmark of the console's first page measures a page that can be used."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_it_measures(missing):
    if not (shutil.which("chromium") or shutil.which("google-chrome")):
        missing("Chromium is not installed")
    command = (sys.executable, "-m", "bench.console", "--rounds", "1", "--json")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    rows = {name: p50 for name, p50, *_ in json.loads(done.stdout)["rows"]}
    assert rows["usable, cold (ms)"] > 0
    assert 10 < rows["script (KB gzip)"] < 80
