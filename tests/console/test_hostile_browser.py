"""Words that want to be scripts, and pages of others that want to use the browser of whoever runs the server."""

import http.server
import re
import threading
from contextlib import contextmanager
from decimal import Decimal
from urllib.parse import quote

import httpx
import msgspec
import pytest
from tests.console import stored

from antiphon.live.timeline import Money
from antiphon.store.keys import Keys, KeyTerms

BAD = (
    "\"'></script></title></textarea><img src=x onerror=window.pwned=1><svg onload=window.pwned=1>{{7*7}}"
    "[x](javascript:1)"
)
TEXTS = ("text", "arguments", "result", "name", "reason", "lost", "next", "engine")
PAGES = (
    *("/sessions", "/sessions?q={bad}&model={bad}&from={bad}&owner={bad}", "/sessions?deleted={bad}"),
    *("/sessions/hostile", "/sessions/hostile/delete", "/sessions/compare?a=hostile&b=other"),
    *("/admin/keys", "/admin/keys/{key}", "/admin/keys/{key}/revoke"),
    *("/admin/audit", "/admin/audit?text={bad}&action={bad}", "/admin/tokens", "/admin/tokens?done={bad}"),
    *("/admin/usage?by=model", "/admin/usage?by=model&since={bad}", "/admin/limits"),
    *("/login?next={bad}", "/{bad}", "/#s={bad}"),
)
ATTACK = """<!doctype html><iframe id="frame" src="{url}/console/login"></iframe>
<form method="post" action="{url}/console/admin/keys"><input name="name" value="evil">
<input name="permissions" value="admin"></form>"""
STEALTHY = """async (url) => {
  const sent = [];
  const body = '{"name":"evil","permissions":["admin"]}';
  for (const type of ["text/plain", "application/json", "application/x-www-form-urlencoded"]) {
    const options = { method: "POST", body, headers: { "content-type": type }, credentials: "include" };
    for (const mode of ["no-cors", "cors"]) {
      const sending = fetch(`${url}/console/admin/keys`, { ...options, mode });
      sent.push(await sending.then((answer) => answer.type, () => "refused"));
    }
  }
  const read = await fetch(`${url}/console/sessions?format=json`).then(() => "read", () => "refused");
  return [...new Set([...sent, read])];
}"""


def hostile(entries):
    """The same entries, with whatever is a text said by somebody who means harm."""
    return tuple(
        msgspec.structs.replace(each, **{name: BAD for name in TEXTS if hasattr(each, name)}) for each in entries
    )


@contextmanager
def site(page):
    """Another site, which has one page."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def seeded(start, tmp_path):
    """A server where everything that can have a name has a bad one; and the id of a key."""
    server = start(data_dir=tmp_path, telemetry={"content": True})
    timeline = msgspec.structs.replace(
        stored.TIMELINE, entries=hostile(stored.TIMELINE.entries), cost=Money(Decimal(1), (BAD,))
    )
    record = stored.record("hostile", model=BAD, engine=BAD, close_reason=BAD)
    stored.seed(tmp_path, record, stored.record("other"), owner=BAD, timeline=timeline)
    stored.spend(tmp_path, BAD, model=BAD, engine=BAD, billed=BAD)
    stored.grant(tmp_path, BAD, setup={"model": f"models/{BAD}"}, field_mask=(BAD,))
    terms = KeyTerms(name=BAD, models=(BAD,))
    key, _ = stored.in_database(tmp_path, lambda database: Keys(database).create(terms, BAD))
    return server, key.id


class TestWords:
    def test_no_word_is_a_script(self, seeded, new_page):
        server, key = seeded
        page = new_page()
        page.on("dialog", lambda dialog: page.problems.append(dialog.message))
        for path in PAGES:
            there = path.replace("{bad}", quote(BAD, safe="")).replace("{key}", key)
            page.goto(f"{server.url}/console{there}")
            page.wait_for_selector("#app > .loading", state="detached")
            assert page.evaluate("window.pwned") is None, path
            assert not page.query_selector("img[src=x], svg[onload], a[href^='javascript:']"), path
            assert "49" not in page.title()
        page.problems = [each for each in page.problems if "status of 4" not in each]

    def test_transcripts_and_names_of_files_are_plain(self, seeded):
        server, _ = seeded
        answer = httpx.get(f"{server.url}/console/sessions/hostile/markdown")
        assert answer.headers["content-disposition"] == 'attachment; filename="antiphon-hostile.md"'
        assert not re.search(r"(?<!\\)[<\[]", re.sub(r"`[^`]*`", "", answer.text))


class TestOtherSites:
    @pytest.mark.parametrize("keys", [(), ("root",)])
    def test_none_makes_a_key_with_the_browser_of_whoever_runs_the_server(self, start, new_page, keys):
        server = start(admin_keys=list(keys))
        page = new_page()
        if keys:
            page.goto(f"{server.url}/console/login")
            page.fill("input[name=key]", "root")
            page.click("main button")
            page.wait_for_url("**/console/")
        with site(ATTACK.replace("{url}", server.url)) as elsewhere:
            page.goto(elsewhere)
            frame = page.query_selector("#frame").content_frame()
            assert frame.query_selector("input[name=key]") is None
            assert set(page.evaluate(STEALTHY, server.url)) <= {"refused", "opaque"}
            with page.expect_navigation():
                page.evaluate("document.querySelector('form').submit()")
            assert "another site" in page.content() or "Log in" in page.content()
        page.problems = []
        headers = {"x-goog-api-key": "root"} if keys else {}
        assert httpx.get(f"{server.url}/console/admin/keys", headers=headers).json()["keys"] == []
