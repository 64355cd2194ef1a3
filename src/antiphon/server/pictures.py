"""Looks at the images in clients' messages before anybody else does: off the event loop, and few at a time."""

import asyncio

from antiphon.wire.gemini import client
from antiphon.wire.gemini.media import check_image, images
from antiphon.wire.refusal import Refusal

CONCURRENCY = 2
"""Images that are decoded at once, of all clients; the largest take some 200 MiB each while they are."""


class PictureCheck:
    """Shared by all connections. Each waits for its own images only, and all get their turn, image by image."""

    def __init__(self, concurrency: int = CONCURRENCY) -> None:
        self._free = asyncio.Semaphore(concurrency)

    async def check(self, message: client.Message) -> None:
        """See that every image in ``message`` is whole, and give each the usual name of its MIME type.

        Raises:
            Refusal: one is not; the refusal names its field.
        """
        for field, blob in images(message):
            async with self._free:
                try:
                    info = await asyncio.to_thread(check_image, blob.mime_type, blob.data)
                except Refusal as refusal:
                    raise refusal.under(field) from None
            blob.mime_type = info.mime_type
