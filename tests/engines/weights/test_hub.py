import pytest

from antiphon.engines.weights import KNOWN, hub
from antiphon.engines.weights.registry import File, Hub, Licence, Weights

VOICE = KNOWN["piper-fr_FR-siwis-medium"]
PATH = "rhasspy/piper-voices/resolve/v1.0.0/fr/fr_FR/siwis/medium/fr_FR-siwis-medium.onnx"


def of(url: str) -> Weights:
    return Weights(licence=Licence("MIT", ""), files=(File("a", url=url),))


def test_files_are_at_the_hub() -> None:
    assert hub.address(VOICE, VOICE.files[0], {}) == hub.Remote(f"https://huggingface.co/{PATH}", hub=True)


def test_or_at_a_mirror_of_it() -> None:
    mirror = {"HF_ENDPOINT": "https://mirror.example/hf/"}
    assert hub.address(VOICE, VOICE.files[0], mirror).url == f"https://mirror.example/hf/{PATH}"


def test_what_an_address_cannot_hold_is_escaped() -> None:
    url = hub.resolve(Hub("a/b", "refs/pr/1"), "vo ices/tugão.onnx", {})
    assert url == "https://huggingface.co/a/b/resolve/refs%2Fpr%2F1/vo%20ices/tug%C3%A3o.onnx"


def test_a_mirror_is_held_to_the_same_checksum() -> None:
    assert hub.identity(VOICE, VOICE.files[0]).startswith("hf:rhasspy/piper-voices@v1.0.0/fr/")


def test_addresses_with_a_query_are_told_apart_without_telling_it() -> None:
    one, other = (hub.identity(w, w.files[0]) for w in (of("https://a.example/x?k=1"), of("https://a.example/x?k=2")))
    assert one != other
    assert "k=" not in one
    plain = of("https://a.example/x")
    assert hub.identity(plain, plain.files[0]) == "https://a.example/x"


@pytest.mark.parametrize(
    ("endpoint", "url", "sent"),
    [
        ("", "https://huggingface.co/a", True),
        ("", "https://huggingface.co:444/a", False),
        ("", "https://huggingface.co.evil.example/a", False),
        ("", "http://huggingface.co/a", False),
        ("https://mirror.example", "https://mirror.example/a", True),
        ("https://mirror.example", "https://huggingface.co/a", False),
        ("http://mirror.example", "http://mirror.example/a", False),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/a", True),
    ],
)
def test_the_token_is_for_the_hub(endpoint: str, url: str, sent: bool) -> None:
    environ = {"HF_TOKEN": "hf_x\n", "HF_ENDPOINT": endpoint}
    assert hub.token(url, environ) == ("hf_x" if sent else None)
    assert hub.token(url, {"HF_ENDPOINT": endpoint}) is None


@pytest.mark.parametrize("host", ["https://a.example", "http://localhost:1", "http://127.9.9.9", "http://[::1]:80"])
def test_private(host: str) -> None:
    assert hub.is_private(host)


@pytest.mark.parametrize("host", ["http://a.example", "http://10.0.0.1", "http://localhost.evil.example", "ftp://a"])
def test_not_private(host: str) -> None:
    assert not hub.is_private(host)


def test_what_is_shown_of_an_address() -> None:
    assert hub.shown("https://user:s3cret@a.example:8/x?sig=s3cret#s3cret") == "https://a.example:8/x"
