"""What this program is made of: its version, the commit that it was built from, and what it runs on."""

from __future__ import annotations

from pathlib import Path

import exporter

UNKNOWN = "unknown"


def commit() -> str:
    """The commit, as the build wrote it into the package; in a checkout nobody did."""
    try:
        return (Path(__file__).parent / "COMMIT").read_text(encoding="ascii").strip() or UNKNOWN
    except FileNotFoundError:
        return UNKNOWN


def facts() -> dict[str, str]:
    """All of it, by the labels of script_tracking_exporter_build_info."""
    import platform

    import psycopg  # which takes a while, and not everybody asks

    return {
        "version": exporter.__version__,
        "commit": commit(),
        "python": platform.python_version(),
        "psycopg": psycopg.__version__,
        "libpq": psycopg.pq.version_pretty(psycopg.pq.version()),
    }


def line() -> str:
    """All of it for people."""
    known = facts()
    rest = ", ".join(
        (f"commit {known['commit']}", *(f"{name} {known[name]}" for name in ("python", "psycopg", "libpq")))
    )
    return f"script-tracking-exporter {known['version']} ({rest})"
