"""Still images: what passes is whole, what does not is named, and nothing takes long."""

import io
import struct
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from antiphon.wire.gemini.media import (
    MAX_CHUNKS,
    MAX_IMAGE_BYTES,
    MAX_PIXELS,
    MAX_SCANS,
    MAX_SEGMENTS,
    MAX_TEXTS,
    ImageInfo,
    check_image,
)
from antiphon.wire.refusal import CloseCode, Refusal, close_reason

MIME_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WebP": "image/webp"}


@cache
def picture(kind: str, width: int = 40, height: int = 30, mode: str = "RGB", **options: Any) -> bytes:
    """A gradient, so that there is something to decode."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert(mode).save(file, kind, **options)
    return file.getvalue()


def film(kind: str) -> bytes:
    file = io.BytesIO()
    first, second = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    first.save(file, kind, save_all=True, append_images=[second])
    return file.getvalue()


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """A black PNG, or the beginning of one where it would be a large one."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress(bytes((3 * width + 1) * min(height, 100))))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + rows + chunk(b"IEND")


def refusal(mime_type: str, data: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        check_image(mime_type, data)
    assert caught.value.code is CloseCode.INVALID
    return caught.value


@contextmanager
def little_memory(limit: int) -> Iterator[None]:
    """Python's own memory, in which a decoder would keep what it unpacks."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < limit


class TestWhatPasses:
    @pytest.mark.parametrize("kind", MIME_TYPES)
    def test_the_kinds_that_clients_send(self, kind: str) -> None:
        info = check_image(MIME_TYPES[kind], picture(kind))
        assert info == ImageInfo(40, 30, kind)
        assert info.mime_type == MIME_TYPES[kind]

    @pytest.mark.parametrize("mode", ["1", "L", "CMYK"])
    @pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}], ids=str)
    def test_jpegs_of_every_habit(self, mode: str, options: dict[str, Any]) -> None:
        assert check_image("image/jpeg", picture("JPEG", 33, 17, mode, **options)) == ImageInfo(33, 17, "JPEG")

    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
    def test_pngs_of_every_mode(self, mode: str) -> None:
        assert check_image("image/png", picture("PNG", 33, 17, mode)) == ImageInfo(33, 17, "PNG")

    @pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 10}, {"exif": b"Exif\0\0MM\0*"}], ids=str)
    def test_webps_of_every_layout(self, options: dict[str, Any]) -> None:
        assert check_image("image/webp", picture("WebP", 33, 17, "RGBA", **options)) == ImageInfo(33, 17, "WebP")

    @pytest.mark.parametrize("mime_type", ["image/jpg", "IMAGE/JPEG", " image/jpeg; q=1", "image/pjpeg", "", "image/*"])
    def test_other_names_of_a_kind(self, mime_type: str) -> None:
        assert check_image(mime_type, picture("JPEG")).mime_type == "image/jpeg"

    @pytest.mark.parametrize("size", [(1, 1), (1, 3000), (4096, 4096), (8192, 2048)])
    def test_sizes_up_to_the_limit(self, size: tuple[int, int]) -> None:
        assert check_image("image/jpeg", picture("JPEG", *size, "L")) == ImageInfo(*size, "JPEG")

    def test_a_photograph_with_all_its_metadata(self) -> None:
        data = picture("JPEG", 64, 64, exif=b"Exif\0\0" + bytes(5000), comment=b"x" * 5000, icc_profile=bytes(90_000))
        assert check_image("image/jpeg", data) == ImageInfo(64, 64, "JPEG")
        texts = (chunk(b"zTXt", b"key%d\0\0" % n + zlib.compress(bytes(100))) for n in range(MAX_TEXTS))
        assert check_image("image/png", png(8, 8, *texts)) == ImageInfo(8, 8, "PNG")


class TestWhatDoesNot:
    @pytest.mark.parametrize("kind", MIME_TYPES)
    @pytest.mark.parametrize("declared", ["image/jpeg", "image/png", "image/webp", "image/gif", "text/plain"])
    def test_a_type_that_lies(self, kind: str, declared: str) -> None:
        if declared == MIME_TYPES[kind]:
            return
        found = refusal(declared, picture(kind))
        assert str(found) == f"mimeType: says {declared!r}, but the data is {kind}; send {MIME_TYPES[kind]}"

    @pytest.mark.parametrize(
        ("data", "name"),
        [
            (picture("GIF"), "a GIF image"),
            (picture("BMP"), "a BMP image"),
            (picture("TIFF"), "a TIFF image"),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC image"),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "a HEIC image"),
            (b"\0\0\0\x20ftypavif\0\0\0\0avifmif1", "an AVIF image"),
            (b"\0\0\0\x20ftypisom\0\0\0\0isomavc1", "no known kind of image"),
            (b"<svg/>", "no known kind of image"),
            (b"AAAA", "no known kind of image"),
            (b"", "no known kind of image"),
        ],
    )
    def test_other_kinds_are_named(self, data: bytes, name: str) -> None:
        assert str(refusal("image/jpeg", data)) == f"data: is {name}; send image/jpeg, image/png or image/webp"

    @pytest.mark.parametrize("kind", MIME_TYPES)
    @pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
    def test_a_file_that_breaks_off(self, kind: str, kept: float) -> None:
        data = picture(kind, 200, 200)
        found = refusal(MIME_TYPES[kind], data[: int(len(data) * kept)])
        assert found.field == "data"
        assert str(found).startswith(f"data: is no whole {kind} image (")
        assert str(found).endswith("; send the complete file")

    def test_the_frame_without_a_picture_in_it(self) -> None:
        assert refusal("image/jpeg", b"\xff\xd8\xff\xd9").reason.startswith("is no whole JPEG image")

    @pytest.mark.parametrize("kind", ["PNG", "WebP"])
    def test_films(self, kind: str) -> None:
        assert str(refusal(MIME_TYPES[kind], film(kind))) == f"data: is an animated {kind}; send its frames one by one"

    def test_more_bytes_than_any_frame_has(self) -> None:
        found = refusal("image/png", picture("PNG") + bytes(MAX_IMAGE_BYTES))
        assert found.reason.endswith(f"bytes of image exceed {MAX_IMAGE_BYTES}")

    def test_the_essential_fits_a_close_frame(self) -> None:
        whole = str(
            refusal("image/" + "x" * 300, picture("WebP")).under("clientContent.turns[10].parts[12].inlineData")
        )
        assert "mimeType: says 'image/xxx" in close_reason(whole)


class TestBombs:
    @pytest.mark.parametrize(
        ("mime_type", "data"),
        [
            ("image/png", png(60_000, 60_000)),
            ("image/png", png(4097, 4096)),
            ("image/jpeg", picture("JPEG", 4097, 4096, "L")[:-5000]),
            ("image/webp", b"RIFF\x16\0\0\0WEBPVP8X\n\0\0\0\0\0\0\0\xff\x3f\0\xff\x3f\0"),
            ("image/webp", b"RIFF\x16\0\0\0WEBPVP8L\n\0\0\0\x2f\xff\xff\xff\x0f\0\0\0\0\0"),
            ("image/webp", b"RIFF\x16\0\0\0WEBPVP8 \n\0\0\0\0\0\0\x9d\x01\x2a\xff\x3f\xff\x3f"),
        ],
    )
    def test_more_pixels_than_the_limit_are_never_unpacked(self, mime_type: str, data: bytes) -> None:
        # None of these files has so much picture: unpacked, they would be refused for that.
        found = refusal(mime_type, data)
        assert found.reason.endswith(f"pixels are more than {MAX_PIXELS}")

    def test_a_colour_profile_that_unfolds(self) -> None:
        profile = chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(64 << 20), 9))
        with little_memory(8 << 20):
            assert refusal("image/png", png(8, 8, profile)).reason.startswith("is no whole PNG image")

    @pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
    def test_many_texts_that_unfold(self, kind: bytes) -> None:
        texts = [chunk(kind, b"x\0\0")] * (MAX_TEXTS + 1)
        assert refusal("image/png", png(8, 8, *texts)).reason == f"the PNG has more than {MAX_TEXTS} texts"

    def test_a_png_in_crumbs(self) -> None:
        crumbs = [chunk(b"abCd")] * (MAX_CHUNKS + 1)
        assert refusal("image/png", png(8, 8, *crumbs)).reason == f"the PNG has more than {MAX_CHUNKS} chunks"

    @pytest.mark.parametrize("filler", [b"\xff", b"\0", b"\xff\xfe\0\2", b"\xff\x01"])
    def test_a_jpeg_that_does_not_come_to_the_point(self, filler: bytes) -> None:
        data = picture("JPEG")
        padded = data[:2] + b"\xff\xfe\0\2" + filler * (MAX_SEGMENTS + 1) + data[2:]
        assert refusal("image/jpeg", padded).reason == f"the JPEG has more than {MAX_SEGMENTS} segments"

    def test_a_jpeg_that_is_drawn_again_and_again(self) -> None:
        data = picture("JPEG", progressive=True)
        last = data[data.rindex(b"\xff\xda") : -2]
        more = MAX_SCANS - data.count(b"\xff\xda")
        assert check_image("image/jpeg", data[:-2] + last * more + data[-2:]) == ImageInfo(40, 30, "JPEG")
        found = refusal("image/jpeg", data[:-2] + last * (more + 1) + data[-2:])
        assert found.reason == f"the JPEG has more than {MAX_SCANS} scans"


SMALL = [
    picture("JPEG", 16, 12),
    picture("JPEG", 16, 12, progressive=True),
    picture("PNG", 16, 12, "RGBA"),
    picture("PNG", 16, 12, "P"),
    picture("WebP", 16, 12),
    picture("WebP", 16, 12, "RGBA", lossless=True),
    film("PNG"),
    film("WebP"),
]
DAMAGE = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 30), st.binary(max_size=8)), min_size=1, max_size=4)


@given(data=st.sampled_from(SMALL), damage=DAMAGE, mime_type=st.sampled_from([*MIME_TYPES.values(), ""]))
@settings(max_examples=600, deadline=None)
def test_any_damage_is_an_image_or_a_refusal(
    data: bytes, damage: list[tuple[float, int, bytes]], mime_type: str
) -> None:
    for where, length, put in damage:
        at = int(where * len(data))
        data = data[:at] + put + data[at + length :]
    look(mime_type, data)


@given(
    start=st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b"RIFF\0\0\0\0WEBPVP8X"]),
    rest=st.binary(max_size=200),
)
@example(start=b"\xff\xd8\xff", rest=b"\xd9")
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_an_image_or_a_refusal(start: bytes, rest: bytes) -> None:
    look("", start + rest)


def look(mime_type: str, data: bytes) -> None:
    """See that nothing but an image or a refusal that can be said comes of ``data``."""
    found: ImageInfo | Refusal
    try:
        found = check_image(mime_type, data)
    except Refusal as refused:
        found = refused
    if isinstance(found, Refusal):
        assert found.field in ("data", "mimeType")
        assert close_reason(str(found))
    else:
        assert 0 < found.width * found.height <= MAX_PIXELS
