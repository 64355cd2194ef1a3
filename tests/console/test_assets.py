"""Scripts and styles: what is in the package, under which address, and how long browsers keep it."""

import gzip
import hashlib
import importlib.util
import re
from html.parser import HTMLParser

import httpx

from antiphon.console import assets

VENDOR = assets.FOLDER / "vendor"
MOST_GZIP = 80 * 1024


class Sources(HTMLParser):
    """The scripts that a page loads."""

    def __init__(self, page):
        super().__init__()
        self.scripts = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "script" and "src" in attrs:
            self.scripts.append(attrs["src"])
        if attrs.get("rel") == "modulepreload":
            self.scripts.append(attrs["href"])


class TestAddresses:
    def test_a_browser_keeps_them_for_ever(self, start):
        answer = httpx.get(start().url + assets.url("css/tokens.css"))
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-type"].startswith("text/css")

    def test_scripts_travel_compressed(self, start):
        answer = httpx.get(start().url + assets.url("vendor/preact.js"))
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["content-type"].startswith("text/javascript")

    def test_other_content_has_another_address(self, tmp_path, monkeypatch):
        (tmp_path / "a.js").write_text("1")
        monkeypatch.setattr(assets, "FOLDER", tmp_path)
        before = assets.version.__wrapped__()
        (tmp_path / "a.js").write_text("2")
        assert assets.version.__wrapped__() != before

    def test_nothing_outside_the_folder_is_served(self, start):
        url = start().url + assets.url("..%2f..%2fapp.py")
        assert httpx.get(url).status_code == 404


class TestPreloads:
    def test_every_module_that_is_imported(self, tmp_path, monkeypatch):
        (tmp_path / "deep").mkdir()
        (tmp_path / "a.js").write_text(
            'import { b } from "./deep/b.js";\nexport * from "./c.js";\nimport("./late.js");\n'
        )
        (tmp_path / "deep/b.js").write_text('import "../c.js";\nimport {\n  d,\n} from "./d.js";\n')
        (tmp_path / "deep/d.js").write_text("")
        (tmp_path / "c.js").write_text('import "./a.js";\n')
        monkeypatch.setattr(assets, "FOLDER", tmp_path)
        monkeypatch.setattr(assets, "url", lambda path: path)
        assert set(assets.preloads.__wrapped__("a.js")) == {"deep/b.js", "deep/d.js", "c.js"}

    def test_every_import_of_ours_leads_somewhere(self):
        for path in assets.FOLDER.rglob("*.js"):
            if path.parent != VENDOR:
                for there in re.findall(r"""(?:from|import)\s*\(?\s*["'](\.[^"']+)["']""", path.read_text()):
                    assert (path.parent / there).is_file(), f"{path}: {there}"


class TestWeight:
    def test_the_first_page_is_light(self, start):
        url = start().url
        page = httpx.get(f"{url}/console/", headers={"accept": "text/html"}).text
        scripts = [httpx.get(url + path).content for path in Sources(page).scripts]
        assert len(scripts) > 3
        assert sum(len(gzip.compress(script)) for script in scripts) < MOST_GZIP


class TestVendor:
    def test_files_are_those_that_were_vendored(self):
        told = dict(
            re.findall(r"^\| ([\w.]+) \| \d+ \| `(\w{64})` \|$", (VENDOR / "VENDOR.md").read_text(), re.MULTILINE)
        )
        files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDOR.iterdir()}
        del files["VENDOR.md"]
        assert told == files

    def test_versions_are_those_that_are_pinned(self):
        spec = importlib.util.spec_from_file_location("vendoring", assets.FOLDER.parents[3] / "tools/vendor_console.py")
        vendoring = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(vendoring)
        page = (VENDOR / "VENDOR.md").read_text()
        for name, version in vendoring.PACKAGES.items():
            assert f"| {name} | {version}" in page

    def test_nothing_is_fetched_from_elsewhere(self):
        for path in assets.FOLDER.rglob("*"):
            if path.suffix in (".js", ".css", ".svg") and path.parent != VENDOR:
                found = re.findall(
                    r"""(?:import|from|url|fetch|src|href)\W{1,4}(?:https?:)?//[\w.]+""", path.read_text()
                )
                assert not found, f"{path}: {found}"
