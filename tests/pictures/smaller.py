"""PNG files of few bytes: pictures of few colours need no more than a palette."""

from __future__ import annotations

import io

from PIL import Image

COLOURS = 256


def smaller(png: bytes, height: int | None = None) -> bytes:
    """The same picture, or its upper part, with a palette of its most fitting colours, compressed as well as can be."""
    with Image.open(io.BytesIO(png)) as image:
        part = image.crop((0, 0, image.width, min(height or image.height, image.height)))
        reduced = part.convert("RGB").quantize(COLOURS, kmeans=1, dither=Image.Dither.NONE)
    out = io.BytesIO()
    reduced.save(out, "PNG", optimize=True)
    return out.getvalue()
