"""What differs of a file once it was written or replaced."""

from __future__ import annotations

import os
import time
from pathlib import Path

REST_SECONDS = 0.5  # for which a file has to be left alone: while it is written it may be valid, and half
MOST_RESTS = 10

Signature = tuple[int, int, int]


def signature_of(path: Path) -> Signature | None:
    """That of a file; None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def signature_at_rest(path: Path) -> Signature | None:
    """That of a file that nobody writes at the moment; after some seconds of one that is written without end."""
    signature = signature_of(path)
    for _ in range(MOST_RESTS):
        if signature is None or abs(time.time() - signature[0] / 1e9) > REST_SECONDS:
            break
        time.sleep(REST_SECONDS)
        signature = signature_of(path)
    return signature
