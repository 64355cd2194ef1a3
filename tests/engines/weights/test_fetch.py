import contextlib
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engines.weights.site import Page, Site, Watcher, sha256

from antiphon.engines.weights import fetch
from antiphon.engines.weights.errors import WeightsError
from antiphon.engines.weights.fetch import MAX_WAIT, PATIENCE, Fetcher, Part
from antiphon.engines.weights.hub import Remote
from antiphon.engines.weights.progress import Silent

CONTENT = os.urandom(100_000)
OTHER = os.urandom(90_000)
DIGEST = sha256(CONTENT)


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "model.bin.part"


def get(fetcher: Fetcher, url: str, part: Path, **how: Any) -> Part:
    wish = {"size": 0, "digest": DIGEST, "progress": Silent(), **how}
    return fetcher.fetch(Remote(url), part, **wish)


class TestWhole:
    def test_a_file_comes(self, site: Site, fetcher: Fetcher, part: Path, watcher: Watcher) -> None:
        got = get(fetcher, site.put("/model.bin", CONTENT), part, size=len(CONTENT), progress=watcher)
        assert part.read_bytes() == CONTENT
        assert (got.pieces, got.total) == (1, len(CONTENT))
        assert watcher.seen == [("model.bin", len(CONTENT))]
        assert (watcher.done[0], watcher.done[-1]) == (0, len(CONTENT))
        assert site.requests[0][1]["accept-encoding"] == "identity"

    def test_an_empty_file_comes(self, site: Site, fetcher: Fetcher, part: Path) -> None:
        get(fetcher, site.put("/empty", b""), part)
        assert part.read_bytes() == b""

    def test_what_is_whole_is_not_asked_for_again(self, site: Site, fetcher: Fetcher, part: Path) -> None:
        url = site.put("/model.bin", CONTENT)
        get(fetcher, url, part)
        get(fetcher, url, part)
        assert site.ranges() == ["all"]


class TestResume:
    def test_goes_on_after_a_cut(self, site: Site, fetcher: Fetcher, part: Path, slept: list[float]) -> None:
        got = get(fetcher, site.put("/model.bin", CONTENT, cuts=[40_000, 10_000]), part)
        assert part.read_bytes() == CONTENT
        assert site.ranges() == ["all", "bytes=40000-", "bytes=50000-"]
        assert site.requests[1][1]["if-range"] == site.pages["/model.bin"].etag
        assert got.pieces == 3
        assert len(slept) == 2

    def test_goes_on_in_another_process(self, site: Site, part: Path) -> None:
        url = site.put("/model.bin", CONTENT, cuts=[40_000] + [0] * PATIENCE)
        with pytest.raises(WeightsError, match="run the command again to go on"):
            get(Fetcher({}, sleep=lambda _: None), url, part)
        assert part.stat().st_size == 40_000
        site.requests.clear()
        site.pages["/model.bin"].cuts.clear()
        get(Fetcher({}, sleep=lambda _: None), url, part)
        assert site.ranges() == ["bytes=40000-"]
        assert part.read_bytes() == CONTENT

    def test_without_ranges_it_begins_anew(self, site: Site, fetcher: Fetcher, part: Path, watcher: Watcher) -> None:
        url = site.put("/model.bin", CONTENT, cuts=[40_000], ranges=False)
        got = get(fetcher, url, part, progress=watcher)
        assert part.read_bytes() == CONTENT
        assert site.ranges() == ["all", "bytes=40000-"]
        assert watcher.said == ["model.bin: the server begins anew"]
        assert got.pieces == 1

    @pytest.mark.parametrize("heeds", [True, False], ids=["heeds If-Range", "ignores If-Range"])
    @pytest.mark.parametrize("new", [OTHER, CONTENT[::-1]], ids=["shorter", "as long"])
    def test_a_file_that_changed_is_not_spliced(
        self, site: Site, fetcher: Fetcher, part: Path, new: bytes, heeds: bool
    ) -> None:
        url = site.put("/model.bin", CONTENT, cuts=[40_000], change=new, heeds_if_range=heeds)
        get(fetcher, url, part, digest="")
        assert part.read_bytes() == new

    def test_a_file_that_became_shorter_than_the_part(self, site: Site, fetcher: Fetcher, part: Path) -> None:
        url = site.put("/model.bin", CONTENT, cuts=[40_000], change=b"short", heeds_if_range=False)
        get(fetcher, url, part, digest="")
        assert part.read_bytes() == b"short"

    def test_without_identity_or_checksum_it_begins_anew(self, site: Site, fetcher: Fetcher, part: Path) -> None:
        url = site.put("/model.bin", CONTENT, cuts=[40_000], validated=False)
        get(fetcher, url, part, digest="")
        assert site.ranges() == ["all", "all"]
        assert part.read_bytes() == CONTENT

    def test_a_weak_tag_does_not_identify(self, site: Site, fetcher: Fetcher, part: Path) -> None:
        headers = {"ETag": 'W/"1"', "Last-Modified": "Tue, 24 Nov 2026 00:00:00 GMT"}
        get(fetcher, site.put("/a", CONTENT, cuts=[10], validated=False, headers=headers), part, digest="")
        assert site.ranges() == ["all", "all"]

    def test_a_date_identifies(self, site: Site, fetcher: Fetcher, part: Path) -> None:
        headers = {"Last-Modified": "Tue, 24 Nov 2026 00:00:00 GMT"}
        url = site.put("/a", CONTENT, cuts=[10], validated=False, heeds_if_range=False, headers=headers)
        get(fetcher, url, part, digest="")
        assert site.requests[1][1]["if-range"] == headers["Last-Modified"]

    def test_a_part_of_another_file_is_not_used(self, site: Site, fetcher: Fetcher, part: Path) -> None:
        part.write_bytes(b"x" * 10)
        part.with_name(f"{part.name}.json").write_bytes(
            msgspec.json.encode(Part(site.url + "/old", total=20, pieces=1))
        )
        get(fetcher, site.put("/model.bin", CONTENT), part)
        assert part.read_bytes() == CONTENT

    def test_a_part_without_a_note_is_not_used(self, site: Site, fetcher: Fetcher, part: Path) -> None:
        part.write_bytes(b"x" * 10)
        get(fetcher, site.put("/model.bin", CONTENT), part)
        assert part.read_bytes() == CONTENT

    def test_ctrl_c_leaves_what_can_be_gone_on_with(self, site: Site, fetcher: Fetcher, part: Path) -> None:
        class Impatient(Silent):
            def at(self, done: int) -> None:
                if done > 50_000:
                    raise KeyboardInterrupt

        url = site.put("/model.bin", CONTENT * 20)
        with pytest.raises(KeyboardInterrupt):
            get(fetcher, url, part, progress=Impatient())
        here = part.stat().st_size
        assert here > 50_000
        get(fetcher, url, part)
        assert site.ranges() == ["all", f"bytes={here}-"]
        assert part.read_bytes() == CONTENT * 20


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cuts=st.lists(st.integers(0, 3000), max_size=12),
    ranges=st.booleans(),
    validated=st.booleans(),
    known=st.booleans(),
    processes=st.integers(1, 4),
)
def test_any_cuts_end_with_the_whole_file(
    site: Site, cuts: list[int], ranges: bool, validated: bool, known: bool, processes: int
) -> None:
    """However often it breaks off, and in however many runs: at the end the file is whole, byte for byte."""
    content = CONTENT[:2500]
    site.clear()
    url = site.put("/model.bin", content, ranges=ranges, validated=validated, cuts=cuts)
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "model.bin.part"
        for _ in range(processes):
            with contextlib.suppress(WeightsError):
                get(Fetcher({}, sleep=lambda _: None, patience=2), url, part, digest=sha256(content) if known else "")
        site.pages["/model.bin"].cuts.clear()
        get(Fetcher({}, sleep=lambda _: None, patience=1), url, part, digest=sha256(content) if known else "")
        assert part.read_bytes() == content


class TestLies:
    def test_another_size_than_expected_is_refused_at_once(self, site: Site, fetcher: Fetcher, part: Path) -> None:
        with pytest.raises(WeightsError, match=r"has 100,000 bytes, 99,999 are expected; it is another file"):
            get(fetcher, site.put("/model.bin", CONTENT), part, size=99_999)
        assert not part.exists()

    def test_less_than_the_server_says(self, site: Site, fetcher: Fetcher, part: Path) -> None:
        with pytest.raises(WeightsError, match="run the command again"):
            get(fetcher, site.put("/model.bin", CONTENT, length=200_000, ranges=False), part)
        assert len(site.requests) == PATIENCE + 1  # the first brought something new

    def test_more_than_the_server_says(self, site: Site, fetcher: Fetcher, part: Path) -> None:
        get(fetcher, site.put("/model.bin", CONTENT, length=90_000), part)
        assert part.read_bytes() == CONTENT[:90_000]  # what HTTP delivers; the checksum will tell

    def test_more_than_expected_where_no_length_is_told(self, site: Site, fetcher: Fetcher, part: Path) -> None:
        with pytest.raises(WeightsError, match="more came than the server said"):
            get(fetcher, site.put("/model.bin", CONTENT, tells_length=False), part, size=90_000)
        assert not part.exists()

    def test_no_length_is_enough_with_a_checksum(self, site: Site, fetcher: Fetcher, part: Path) -> None:
        url = site.put("/model.bin", CONTENT, tells_length=False)
        assert get(fetcher, url, part).total == len(CONTENT)
        assert part.read_bytes() == CONTENT

    def test_no_length_is_not_enough_without(self, site: Site, fetcher: Fetcher, part: Path) -> None:
        with pytest.raises(WeightsError, match="does not say how long the file is; add --sha256"):
            get(fetcher, site.put("/model.bin", CONTENT, tells_length=False), part, digest="")

    def test_compression_that_nobody_asked_for(self, site: Site, fetcher: Fetcher, part: Path) -> None:
        with pytest.raises(WeightsError, match="compressed though it was not asked to"):
            get(fetcher, site.put("/model.bin", CONTENT, headers={"Content-Encoding": "gzip"}), part)

    def test_another_part_than_was_asked_for(self, site: Site, fetcher: Fetcher, part: Path) -> None:
        page = {"Content-Range": "bytes 5-99999/100000"}
        site.put("/model.bin", CONTENT[5:], status=[206], headers=page)
        with pytest.raises(WeightsError, match="another part than was asked for"):
            get(Fetcher({}, sleep=lambda _: None, patience=1), site.url + "/model.bin", part)


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "says"),
        [
            (404, r"404 Not Found; it was moved or is private"),
            (410, r"410 Gone; it was moved"),
            (401, r"401 Unauthorized; whoever offers it does not give it to everyone"),
            (403, r"403 Forbidden"),
            (400, r"400 Bad Request$"),
        ],
    )
    def test_final_ones_are_told_at_once(
        self, site: Site, fetcher: Fetcher, part: Path, status: int, says: str, slept: list[float]
    ) -> None:
        with pytest.raises(WeightsError, match=says):
            get(fetcher, site.put("/model.bin", CONTENT, status=[status]), part)
        assert slept == []

    def test_the_hub_s_say_how_to_get_access(self, site: Site, part: Path) -> None:
        site.put("/model.bin", CONTENT, status=[401])
        with pytest.raises(WeightsError, match="accept its terms on its page there, and set HF_TOKEN"):
            Fetcher({}).fetch(Remote(site.url + "/model.bin", hub=True), part, 0, DIGEST, Silent())

    def test_too_many_requests_wait_as_asked(
        self, site: Site, fetcher: Fetcher, part: Path, slept: list[float]
    ) -> None:
        url = site.put("/model.bin", CONTENT, status=[429, 429], headers={"Retry-After": "17"})
        get(fetcher, url, part)
        assert slept == [17, 17]
        assert part.read_bytes() == CONTENT

    def test_a_wait_has_an_end(self, site: Site, fetcher: Fetcher, part: Path, slept: list[float]) -> None:
        get(fetcher, site.put("/model.bin", CONTENT, status=[503], headers={"Retry-After": "7200"}), part)
        assert slept == [MAX_WAIT]

    def test_a_wait_may_be_a_date(self) -> None:
        header = {"Retry-After": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 40))}
        assert 30 < fetch._retry_after(httpx.Response(503, headers=header)) <= 40
        assert fetch._retry_after(httpx.Response(503, headers={"Retry-After": "soon"})) == 0

    def test_waits_grow(self, site: Site, fetcher: Fetcher, part: Path, slept: list[float]) -> None:
        with pytest.raises(WeightsError, match="503"):
            get(fetcher, site.put("/model.bin", CONTENT, status=[503] * PATIENCE), part)
        assert len(slept) == PATIENCE - 1
        assert slept == sorted(slept)
        assert slept[-1] > 4 * slept[0]

    def test_nobody_there(self, fetcher: Fetcher, part: Path) -> None:
        with pytest.raises(WeightsError, match=r"http://127.0.0.1:9/x: .*refused"):
            get(fetcher, "http://127.0.0.1:9/x", part)

    def test_an_address_that_is_none(self, fetcher: Fetcher, part: Path) -> None:
        with pytest.raises(WeightsError, match="not an address of http or https"):
            get(fetcher, "ftp://127.0.0.1/x", part)


class TestRedirects:
    def test_to_another_host(self, site: Site, other: Site, fetcher: Fetcher, part: Path) -> None:
        other.put("/store", CONTENT, cuts=[30_000])
        get(fetcher, site.put("/model.bin", redirect=other.url + "/store?signature=s3cret"), part)
        assert part.read_bytes() == CONTENT
        assert other.ranges() == ["all", "bytes=30000-"]

    def test_in_circles(self, site: Site, fetcher: Fetcher, part: Path) -> None:
        with pytest.raises(WeightsError, match="redirected in circles"):
            get(fetcher, site.put("/a", redirect="/a"), part)

    def test_to_an_open_connection_is_refused_without_a_checksum(
        self, site: Site, fetcher: Fetcher, part: Path
    ) -> None:
        site.put("/model.bin", redirect="http://plain.example/model.bin?signature=s3cret")
        with pytest.raises(WeightsError, match=r"^http://plain.example/model.bin: not over https"):
            get(fetcher, site.url + "/model.bin", part, digest="")

    def test_the_token_goes_to_the_hub_alone(self, site: Site, other: Site, part: Path) -> None:
        other.put("/store", CONTENT)
        site.put("/model.bin", redirect=other.url + "/store")
        fetcher = Fetcher({"HF_TOKEN": "hf_s3cret", "HF_ENDPOINT": site.url})
        fetcher.fetch(Remote(site.url + "/model.bin", hub=True), part, 0, DIGEST, Silent())
        assert site.requests[0][1]["authorization"] == "Bearer hf_s3cret"
        assert "authorization" not in other.requests[0][1]

    def test_the_token_does_not_come_back(self, site: Site, other: Site, part: Path) -> None:
        """Sent away and back, it is another's request."""
        site.put("/last", CONTENT)
        other.put("/middle", redirect=site.url + "/last")
        site.put("/first", redirect=other.url + "/middle")
        fetcher = Fetcher({"HF_TOKEN": "hf_s3cret", "HF_ENDPOINT": site.url})
        fetcher.fetch(Remote(site.url + "/first", hub=True), part, 0, DIGEST, Silent())
        assert ["authorization" in headers for _, headers in site.requests] == [True, False]

    def test_the_token_goes_to_no_other_address(self, site: Site, other: Site, part: Path) -> None:
        fetcher = Fetcher({"HF_TOKEN": "hf_s3cret", "HF_ENDPOINT": site.url})
        get(fetcher, other.put("/model.bin", CONTENT), part)
        assert "authorization" not in other.requests[0][1]

    def test_no_secret_is_told(self, site: Site, other: Site, part: Path) -> None:
        other.put("/store", status=[403])
        site.put("/model.bin", redirect=other.url + "/store?signature=s3cret")
        fetcher = Fetcher({"HF_TOKEN": "hf_s3cret", "HF_ENDPOINT": site.url})
        with pytest.raises(WeightsError) as caught:
            fetcher.fetch(Remote(f"{site.url}/model.bin?key=s3cret", hub=True), part, 0, DIGEST, Silent())
        assert "s3cret" not in str(caught.value)

    def test_the_hub_s_checksum_is_kept(self, site: Site, other: Site, part: Path) -> None:
        other.put("/store", CONTENT)
        site.put("/model.bin", redirect=other.url + "/store", headers={"X-Linked-ETag": f'"{DIGEST[7:]}"'})
        fetcher = Fetcher({})
        assert fetcher.fetch(Remote(site.url + "/model.bin", hub=True), part, 0, "", Silent()).hub_digest == DIGEST
        part.unlink()
        assert get(fetcher, site.url + "/model.bin", part, digest="").hub_digest == ""


def test_a_proxy_is_used(site: Site, other: Site, part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy gets the whole address; here it is a server that serves it as its own."""
    monkeypatch.setenv("http_proxy", other.url)
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("NO_PROXY", "")
    other.pages["http://models.example/model.bin"] = Page(CONTENT)
    get(Fetcher({}), "http://models.example/model.bin", part)
    assert part.read_bytes() == CONTENT
    assert site.requests == []


def test_two_at_once_do_not_disturb_each_other(site: Site, fetcher: Fetcher, tmp_path: Path) -> None:
    url = site.put("/model.bin", CONTENT, cuts=[20_000, 30_000, 40_000])
    parts = [tmp_path / f"{number}.part" for number in range(3)]
    threads = [threading.Thread(target=get, args=(fetcher, url, part)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [part.read_bytes() for part in parts] == [CONTENT] * 3
