"""What an archive in a test's folder holds, and what `archive verify` says of it."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from exporter import archivefile
from exporter.cli import main
from tests.vault_steps import INTERNAL

LEDGER = f"select count(*) from {INTERNAL}.partition_archive"
STANDS = f"select to_regclass('{INTERNAL}.script_execution_s_past') is not null"
COUNTED = f"select sum(operations_total) from {INTERNAL}.collect_operations() where script_type = 'BATCH'"
KEEP = f"select {INTERNAL}.keep_retention()"
MANIFEST = "script_execution_past.manifest.json"
JUDGEMENTS = "script_execution_change_s_past.ndjson.gz"
FILES = ["script_execution_h_past.ndjson.gz", MANIFEST, "script_execution_s_past.ndjson.gz", JUDGEMENTS]


def names(folder: Path) -> list[str]:
    return sorted((path.name for path in folder.iterdir()), key=str.lower)


def manifest_of(folder: Path) -> archivefile.Manifest:
    return archivefile.read_manifest(folder / MANIFEST)


def forge(folder: Path, name: str, old: bytes, new: bytes) -> None:
    """Changes a file once, and the manifest as whoever knows of it would."""
    lines = gzip.decompress((folder / name).read_bytes())
    assert old in lines
    content = gzip.compress(lines.replace(old, new, 1))
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / MANIFEST).read_bytes())
    for file in manifest["files"]:
        if file["file"] == name:
            file |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (folder / MANIFEST).write_text(json.dumps(manifest))


def verify(place: Path) -> int:
    """Its exit code; in a thread of its own, as it has an event loop of its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(main, ["archive", "verify", str(place)]).result()


def verify_by_ledger(place: Path, dsn: str) -> tuple[int, str]:
    """Its exit code, and what it says."""
    command = [sys.executable, "-m", "exporter", "archive", "verify", str(place), "--dsn", dsn]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout
