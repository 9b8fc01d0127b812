"""The subcommand `archive verify`: whether archives are whole, by themselves and by the databases' ledgers of them."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from exporter.archivefile import DATA, DataFile, Manifest, manifests, read_manifest
from exporter.archivehash import hash_diff, hash_key, judgement_hash_diff, row_of, rules_hash, time_of
from exporter.config import Config
from exporter.database import connect
from exporter.errors import ConfigurationError, ScriptTrackingError
from exporter.sqlfiles import query
from exporter.statement import fetch
from exporter.targetconfig import TargetConfig

LEDGER_SECONDS = 60.0
MOST_PROBLEMS = 5  # of one file; a broken one may have a million
HUB, SATELLITE, JUDGEMENTS = "script_execution_h", "script_execution_s", "script_execution_change_s"


@dataclass
class _Contents:
    """What the rows of a file say, and what is wrong with them."""

    described: DataFile
    manifest: Manifest
    rows: int = 0
    executions: int = 0
    keys: int = 0  # sum of the executions' keys: equal where hub and satellite tell of the same ones
    judged: set[str] = field(default_factory=set)  # of executions that were judged, those that no hub row was read of
    times: list[datetime] = field(default_factory=list)  # first and last load_date
    problems: list[str] = field(default_factory=list)

    def read(self, line: bytes) -> None:
        """Takes a row in."""
        self.rows += 1
        try:
            found = self._wrong(line)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            found = f"is no row: {error!r}"
        if found and len(self.problems) < MOST_PROBLEMS:
            self.problems.append(f"row {self.rows} {found}")

    def _wrong(self, line: bytes) -> str | None:
        row = row_of(line)
        if list(row) != [column.name for column in self.described.columns]:
            return "has other columns than the manifest"
        loaded = time_of(row["load_date"])
        self.times = [min([loaded, *self.times]), max([loaded, *self.times])]
        relation, key = self.described.relation, row["script_execution_hk"]
        if relation == JUDGEMENTS:
            self.judged.add(key)
        elif relation == HUB or row["load_end_date"] is None:
            self.executions += 1
            self.keys = (self.keys + int(key.removeprefix("\\x"), 16)) % 2**256
        if relation == HUB:
            self.judged.discard(key)
        began = loaded if relation == HUB else time_of(row["execution_timestamp"])
        since, until = self.manifest.partition_from, self.manifest.partition_until
        if began >= time_of(until) or (since is not None and began < time_of(since)):
            return "began at another time than the partition is for"
        if relation == HUB:
            return None if key == hash_key(row) else "has a hash key that is not its business key's"
        if relation == JUDGEMENTS and row["rules_hash"].removeprefix("\\x") not in self.manifest.change_rules:
            return "was judged by a configuration that its manifest does not have"
        expected = judgement_hash_diff(row) if relation == JUDGEMENTS else hash_diff(row)
        return None if row["hash_diff"] == expected else "has a hash_diff that is not that of its fields"

    def judge(self) -> None:
        """Compares the whole with what the manifest says."""
        if self.rows != self.described.rows:
            self.problems.append(f"holds {self.rows} rows, by its manifest {self.described.rows}")
        told = [time_of(at) for at in (self.described.first_load_date, self.described.last_load_date) if at is not None]
        if self.times != told and not self.problems:
            self.problems.append("was not loaded from and until when its manifest says")


def _check_file(path: Path, described: DataFile, manifest: Manifest, judged: set[str]) -> _Contents:
    """What is in a file and wrong with it. What is not the file that was written is not looked into."""
    contents = _Contents(described, manifest, judged=judged)
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
            if (size, sha256) != (described.bytes, described.sha256):
                contents.problems = [f"is not the file that was written ({size} bytes of {described.bytes})"]
                return contents
            file.seek(0)
            with gzip.open(file) as lines:
                for line in lines:
                    contents.read(line)
        contents.judge()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        contents.problems = [f"cannot be decompressed: {error}"]
    except FileNotFoundError:
        contents.problems = ["is missing"]
    except OSError as error:
        contents.problems = [f"cannot be read: {error.strerror}"]
    return contents


def check_period(path: Path, manifest: Manifest) -> list[str]:
    """What is wrong with the files of a manifest."""
    judged: set[str] = set()
    files = sorted(manifest.files, key=lambda file: file.relation != JUDGEMENTS)  # these first: they are fewer
    found = {file.relation: _check_file(path.parent / Path(file.file).name, file, manifest, judged) for file in files}
    problems = [f"{one.described.file} {problem}" for one in found.values() for problem in one.problems]
    missing = sorted({HUB, SATELLITE} - found.keys())
    problems += [f"has no file of {relation}" for relation in missing]
    if not problems:
        hub, satellite = found[HUB], found[SATELLITE]
        if (hub.executions, hub.keys) != (satellite.executions, satellite.keys):
            problems.append("its hub and its satellite do not tell of the same executions")
        if judged:
            problems.append(f"{len(judged)} of its judgements are of executions that its hub does not tell of")
    if any(rules_hash(rules) != name for name, rules in manifest.change_rules.items()):
        problems.append("has a configuration of changes whose sha256 is another one")
    return problems


async def run(directory: Path, config: Config | None) -> int:
    """Tells of each archive below a folder; with a configuration also of what the databases' ledgers name and is not
    there. 1 where anything is wrong. Raises ConfigurationError, ScriptTrackingError.
    """
    if not directory.is_dir():
        raise ConfigurationError(f"{directory}: there is no such folder")
    well = True
    known: set[str] = set()
    named: set[Path] = set()
    count = 0
    for path in manifests(directory):
        count += 1
        try:
            manifest = read_manifest(path)
            problems = check_period(path, manifest)
            known |= {file.sha256 for file in manifest.files}
            named |= {path.parent / Path(file.file).name for file in manifest.files}
        except (OSError, ValueError) as error:
            problems = [str(error)]
        place = path.relative_to(directory)
        for problem in problems:
            print(f"FAILED {place}: {problem}")
        if not problems:
            rows = ", ".join(f"{file.rows} rows of {file.relation}" for file in manifest.files)
            print(f"ok     {place}: {rows}")
        well = well and not problems
    for path in sorted(set(directory.rglob(f"*{DATA}")) - named):
        print(f"note   {path.relative_to(directory)}: no manifest names it")
    if not count:
        print(f"FAILED {directory}: holds no archive")
    for target in config.targets if config is not None else ():
        for problem in await _not_there(target, known):
            print(f"FAILED {target.name}: {problem}")
            well = False
    return 0 if well and count else 1


async def _not_there(target: TargetConfig, known: set[str]) -> Sequence[str]:
    """What a database's ledger names and no manifest does, told for people."""
    connection = await connect(target.current_dsn(), application_name="script-tracking-exporter archive")
    try:
        rows = await fetch(connection, query("archive", "ledger"), timeout=LEDGER_SECONDS, read_only=True)
    except ScriptTrackingError as error:
        raise ScriptTrackingError(f"target {target.name}: {error}") from None
    finally:
        await connection.close()
    lost = [row for row in rows if row["file_sha256"] not in known]
    return [
        f"{row['file_name']}, written to {row['place']} on {row['archived_on']}, is not here as it was" for row in lost
    ]
