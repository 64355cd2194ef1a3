"""QR codes, for people who hold a phone before the screen."""

import io

import segno
from markupsafe import Markup


def qr(text: str) -> Markup:
    """A QR code of ``text`` as SVG that fills its box, black on white in every colour scheme: cameras want that."""
    out = io.BytesIO()
    segno.make(text, error="m").save(
        out, kind="svg", xmldecl=False, border=4, dark="#000", light="#fff", omitsize=True, title=text
    )
    return Markup(out.getvalue().decode())
