"""The media clients send: the MIME types of raw audio, and still images."""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Literal, NamedTuple

from msgspec import Struct
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from antiphon.wire.gemini import client
from antiphon.wire.refusal import Refusal

DEFAULT_RATE = 16_000
MIN_RATE, MAX_RATE = 4_000, 192_000
MAX_LENGTH = 255
"""Characters of a MIME type; far more than any real one has."""

MAX_IMAGE_BYTES = 8 << 20
MAX_PIXELS = 4096 * 4096
"""Pixels of an image; decoded, that many are 64 MiB."""
MAX_SEGMENTS = 1_000
"""Pieces of a JPEG before its picture, fill bytes included; cameras write some tens."""
MAX_SCANS = 64
"""Passes over a progressive JPEG; encoders make about ten, and each is a look at every pixel."""
MAX_CHUNKS = 10_000
"""Chunks of a PNG; in the largest, those of 840 bytes."""
MAX_TEXTS = 32
"""Compressed texts and colour profiles of a PNG; each may unfold to 1 MiB."""

_STARTS = {b"GIF8": "a GIF image", b"BM": "a BMP image", b"II*\0": "a TIFF image", b"MM\0*": "a TIFF image"}
_BRANDS = {
    **dict.fromkeys((b"hei", b"hev", b"mif", b"msf"), "a HEIC image"),
    b"avi": "an AVIF image",
}
"""How the names of brands begin in files of the ISO base media format (ISO/IEC 23008-12, AVIF)."""
_PCM = frozenset({"audio/pcm", "audio/x-pcm", "audio/l16"})

Format = Literal["JPEG", "PNG", "WebP"]


class ImageInfo(Struct, frozen=True):
    """What an image is, by its bytes; sizes in pixels."""

    width: int
    height: int
    format: Format

    @property
    def mime_type(self) -> str:
        """The MIME type that everybody knows it by."""
        return _READERS[self.format].mime_types[0]


def audio_rate(mime_type: str) -> int:
    """Samples per second of raw audio that is declared as ``mime_type``; 16,000 when it names no rate.

    Raises:
        Refusal: the type is not raw PCM, or its rate is no number or out of range.
    """
    if len(mime_type) > MAX_LENGTH:
        raise Refusal("mimeType", f"is longer than {MAX_LENGTH} characters", "send audio/pcm;rate=16000")
    return _rate(mime_type)


@lru_cache(maxsize=256)
def _rate(mime_type: str) -> int:
    kind, *parameters = (piece.strip().lower() for piece in mime_type.split(";"))
    if kind and kind not in _PCM:
        raise Refusal("mimeType", f"{kind[:40]} is not raw audio", "send audio/pcm;rate=16000")
    rate = next((value for p in parameters for key, _, value in (p.partition("="),) if key == "rate"), None)
    if rate is None:
        return DEFAULT_RATE
    if not rate.isdecimal() or not MIN_RATE <= int(rate) <= MAX_RATE:
        raise Refusal("mimeType", f"unknown rate {rate[:20]!r}", f"use {MIN_RATE} to {MAX_RATE}")
    return int(rate)


def images(message: client.Message) -> Iterable[tuple[str, client.Blob]]:
    """The still images in a message, each with its path; what has another MIME type is none."""
    if isinstance(message, client.RealtimeInput):
        # Nearly every message is audio and nothing else.
        return _images_now(message) if message.video or message.media_chunks else ()
    if isinstance(message, client.ClientContent):
        turns = enumerate(message.turns)
        return chain.from_iterable(_images_of(turn.parts, f"clientContent.turns[{n}].parts") for n, turn in turns)
    if isinstance(message, client.ToolResponse):
        path, answers = "toolResponse.functionResponses", enumerate(message.function_responses)
        return chain.from_iterable(_images_of(answer.parts, f"{path}[{n}].parts") for n, answer in answers)
    return ()


def _images_now(message: client.RealtimeInput) -> Iterator[tuple[str, client.Blob]]:
    yield from _image("realtimeInput.video", message.video)
    for number, chunk in enumerate(message.media_chunks):
        yield from _image(f"realtimeInput.mediaChunks[{number}]", chunk)


def _images_of(
    parts: Sequence[client.Part | client.FunctionResponsePart], path: str
) -> Iterator[tuple[str, client.Blob]]:
    for number, part in enumerate(parts):
        yield from _image(f"{path}[{number}].inlineData", part.inline_data)


def _image(path: str, blob: client.Blob | None) -> Iterator[tuple[str, client.Blob]]:
    if blob is not None and blob.mime_type.strip()[:6].lower() == "image/":
        yield path, blob


def check_image(mime_type: str, data: bytes) -> ImageInfo:
    """What the image in ``data`` is, after it was decoded to its end. Blocks: some milliseconds for a video frame.

    The bytes decide what it is; a MIME type that says otherwise is refused. What would unfold to more than
    :data:`MAX_PIXELS` is refused by its header, before anything is unpacked.

    Raises:
        Refusal: the image is broken, too large, animated, or neither JPEG nor PNG nor WebP.
    """
    if len(data) > MAX_IMAGE_BYTES:
        raise Refusal("data", f"{len(data)} bytes of image exceed {MAX_IMAGE_BYTES}", "send a smaller image")
    kind = _format(data)
    _check_type(mime_type, kind)
    try:
        width, height = _decode(kind, data)
    except Refusal:
        raise
    except Exception as error:
        # On hostile data a decoder raises anything; that the image cannot be read is all it can mean.
        reason = str(error)[:60] or type(error).__name__
        raise Refusal("data", f"is no whole {kind} image ({reason})", "send the complete file") from error
    return ImageInfo(width, height, kind)


def _format(data: bytes) -> Format:
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WebP"
    raise Refusal("data", f"is {_other_format(data)}", "send image/jpeg, image/png or image/webp")


def _other_format(data: bytes) -> str:
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:11], "no known kind of image")
    return next((name for start, name in _STARTS.items() if data.startswith(start)), "no known kind of image")


def _check_type(mime_type: str, kind: Format) -> None:
    declared = mime_type.partition(";")[0].strip().lower()
    if declared in ("", "image/*") or declared in _READERS[kind].mime_types:
        return
    remedy = f"send {_READERS[kind].mime_types[0]}"
    raise Refusal("mimeType", f"says {declared[:40]!r}, but the data is {kind}", remedy)


def _decode(kind: Format, data: bytes) -> tuple[int, int]:
    reader = _READERS[kind]
    reader.guard(data)
    with reader.open(io.BytesIO(data)) as image:
        width, height = image.size
        _check_size(width, height)
        # A JPEG can be decoded smaller, which reads all of it and costs much less; other kinds ignore this.
        image.draft(None, (max(1, width // 8), max(1, height // 8)))
        image.load()
    return width, height


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise Refusal("data", f"{width} x {height} pixels are more than {MAX_PIXELS}", "send a smaller image")


def _guard_jpeg(data: bytes) -> None:
    """See that reading the header, and the passes over the picture, cannot take long."""
    if data.count(b"\xff\xda") > MAX_SCANS:
        raise Refusal("data", f"the JPEG has more than {MAX_SCANS} scans", "send a baseline JPEG")
    position = 2
    for _ in range(MAX_SEGMENTS):
        marker = data[position : position + 2]
        if len(marker) < 2 or marker == b"\xff\xda":
            return
        if marker[0] != 0xFF or marker[1] in (0x00, 0xFF):
            position += 1
        else:
            bare = marker[1] == 0x01 or 0xD0 <= marker[1] <= 0xD9
            position += 2 if bare else 2 + int.from_bytes(data[position + 2 : position + 4])
    raise Refusal("data", f"the JPEG has more than {MAX_SEGMENTS} segments", "send one without its metadata")


def _guard_png(data: bytes) -> None:
    """See that there is one picture, and that nothing beside it unfolds to much."""
    position, texts = 8, 0
    for _ in range(MAX_CHUNKS):
        kind = data[position + 4 : position + 8]
        texts += kind in (b"zTXt", b"iTXt", b"iCCP")
        if kind == b"acTL":
            raise _animated("PNG")
        if texts > MAX_TEXTS:
            raise Refusal("data", f"the PNG has more than {MAX_TEXTS} texts", "send one without its metadata")
        if kind in (b"IEND", b""):
            return
        position += 12 + int.from_bytes(data[position : position + 4])
    raise Refusal("data", f"the PNG has more than {MAX_CHUNKS} chunks", "send one with larger chunks")


def _guard_webp(data: bytes) -> None:
    """See that there is one picture of a size that may be allocated, which opening it does already."""
    match data[12:16]:
        case b"VP8X":
            if int.from_bytes(data[20:21]) & 0x02:
                raise _animated("WebP")
            _check_size(1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little"))
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            _check_size(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
        case _:
            _check_size(*(int.from_bytes(data[at : at + 2], "little") & 0x3FFF for at in (26, 28)))


def _animated(kind: Format) -> Refusal:
    return Refusal("data", f"is an animated {kind}", "send its frames one by one")


class _Reader(NamedTuple):
    mime_types: tuple[str, ...]
    guard: Callable[[bytes], None]
    open: Callable[[io.BytesIO], ImageFile]


_READERS: dict[Format, _Reader] = {
    "JPEG": _Reader(("image/jpeg", "image/jpg", "image/pjpeg"), _guard_jpeg, JpegImageFile),
    "PNG": _Reader(("image/png", "image/x-png"), _guard_png, PngImageFile),
    "WebP": _Reader(("image/webp",), _guard_webp, WebPImageFile),
}
