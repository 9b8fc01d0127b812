"""Gets the peers, once, into a folder of their own below the user's cache; nothing of the project depends on them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from exporter.errors import ScriptTrackingError

PACKAGE = "prometheus-postgres-exporter"
REQUIREMENTS = Path(__file__).parent / "requirements.txt"


def _cache() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "script-tracking-exporter" / "peers"


def query_exporter() -> tuple[str, str]:
    """Command and version of query-exporter. Raises ScriptTrackingError."""
    folder = _cache() / f"query-exporter-{hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]}"
    command = folder / "bin" / "query-exporter"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _run(sys.executable, "-m", "venv", str(folder))
        pip = (str(folder / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check")
        _run(*pip, "install", "--requirement", str(REQUIREMENTS))
        (folder / "complete").touch()
    return str(command), _run(str(command), "--version").split()[-1]


def postgres_exporter() -> tuple[str, str]:
    """Command and version of Debian's postgres_exporter: the installed one, else unpacked without being installed.

    Raises ScriptTrackingError.
    """
    folder = _cache() / PACKAGE
    command = shutil.which(PACKAGE) or str(folder / "usr" / "bin" / PACKAGE)
    if not Path(command).exists():
        if shutil.which("apt-get") is None:
            raise ScriptTrackingError(f"{PACKAGE} is not installed, and there is no apt-get to get it by")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _run("apt-get", "download", "--quiet", PACKAGE, folder=folder)
        (archive,) = folder.glob("*.deb")
        _run("dpkg-deb", "--extract", str(archive), str(folder))
    return command, _run(command, "--version").split("version ")[-1].split()[0]


def _run(*command: str, folder: Path | None = None) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ScriptTrackingError(f"{' '.join(command[:3])}: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout + done.stderr
