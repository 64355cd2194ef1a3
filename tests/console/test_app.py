"""What every page of the console does: it says who may see it, and to the browser what it may load."""

import httpx

HTML = {"accept": "text/html"}


def get(url, path, **headers):
    return httpx.get(f"{url}/console{path}", headers={**HTML, **headers})


class TestHeaders:
    def test_nothing_comes_from_elsewhere(self, start):
        policy = get(start().url, "/").headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http:" not in policy
        assert "https:" not in policy

    def test_no_other_origin_may_read(self, start):
        answer = get(start().url, "/", origin="https://elsewhere.example")
        assert "access-control-allow-origin" not in answer.headers


class TestBrowser:
    def test_the_page_draws_itself(self, start, new_page, axe):
        page = new_page()
        page.goto(f"{start().url}/")
        page.wait_for_selector("#app :not(.loading)")
        assert axe(page) == []
