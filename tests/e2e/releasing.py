"""What tests of a release do: build it, sign it with keys that are thrown away, and check it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SIGNER = "releases@script-tracking-exporter"


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """What a command says."""
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=900,  # twice the build of a wheel, on a machine that may be busy
        check=False,
        env={**os.environ, **environment},
    )


def key(folder: Path, name: str) -> Path:
    """A key pair that is thrown away."""
    assert run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name).returncode == 0
    return folder / name


def built(folder: Path, signing_key: Path, **environment: str) -> Path:
    """A release of this checkout; its bill of materials is of this interpreter's environment, so nothing is fetched."""
    done = run(
        ROOT / "deploy" / "release" / "build",
        PYTHON=sys.executable,
        SBOM_PYTHON=sys.executable,
        SIGNING_KEY=str(signing_key),
        OUT=str(folder),
        ALLOW_DIRTY="1",
        **environment,
    )
    assert done.returncode == 0, done.stderr
    return folder


def verified(folder: Path, signers: Path) -> bool:
    """Whether the shipped check finds it whole."""
    return run(ROOT / "deploy" / "release" / "verify", folder, signers).returncode == 0


def allowed_signers(folder: Path) -> Path:
    """Who may sign: one key, which lies beside the file as `release`."""
    public = key(folder, "release").with_suffix(".pub").read_text(encoding="utf-8")
    (folder / "allowed_signers").write_text(
        f'{SIGNER} namespaces="script-tracking-exporter" {public}', encoding="utf-8"
    )
    return folder / "allowed_signers"
