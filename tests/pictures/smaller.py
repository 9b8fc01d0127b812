"""PNG files of few bytes: pictures of few colours need no more than a palette."""

from __future__ import annotations

import io

from PIL import Image

COLOURS = (256, 128, 64, 32)
MOST_BYTES = 250_000


def smaller(png: bytes, height: int | None = None) -> bytes:
    """The same picture, or its upper part, with a palette of its most fitting colours, of as many as make a file of
    MOST_BYTES at most, or else of the fewest, compressed as well as can be."""
    with Image.open(io.BytesIO(png)) as image:
        part = image.crop((0, 0, image.width, min(height or image.height, image.height))).convert("RGB")
    found = b""
    for colours in COLOURS:
        out = io.BytesIO()
        part.quantize(colours, kmeans=1, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        found = out.getvalue()
        if len(found) <= MOST_BYTES:
            break
    return found
