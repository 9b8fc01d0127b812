"""What other users of the machine see of the command line."""

from __future__ import annotations

import os
from pathlib import Path

ARGUMENTS_FIELD = 45  # of /proc/self/stat after the command's name: where the arguments begin, then where they end


def hide(secret: str) -> None:
    """Writes over the arguments that hold a secret, as PostgreSQL's and MySQL's clients do. Linux only.

    Until here whoever lists the processes could see it: a DSN belongs in a file or in the environment.
    """
    try:
        import ctypes

        fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
        begin, end = (int(field) for field in fields[ARGUMENTS_FIELD : ARGUMENTS_FIELD + 2])
        words, wanted = ctypes.string_at(begin, end - begin) if begin else b"", os.fsencode(secret)
    except (ImportError, OSError, ValueError):
        return
    at = words.find(wanted) if wanted else -1
    while at >= 0:
        ctypes.memset(begin + at, ord("x"), len(wanted))
        at = words.find(wanted, at + len(wanted))
