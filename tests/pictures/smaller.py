"""PNG files of few bytes: pictures of few colours need no more than a palette."""

from __future__ import annotations

import io

from PIL import Image

COLOURS = 256


def smaller(png: bytes) -> bytes:
    """The same picture with a palette of its most fitting colours, not dithered, compressed as well as can be."""
    with Image.open(io.BytesIO(png)) as image:
        reduced = image.convert("RGB").quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    out = io.BytesIO()
    reduced.save(out, "PNG", optimize=True)
    return out.getvalue()
