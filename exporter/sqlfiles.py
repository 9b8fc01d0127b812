"""The only reader of `sql/`: migrations, re-creatable code, grants and the daemon's named statements.

A file may begin with directives, one comment line each:
`-- run-as: installer` (default: script_tracking_owner), `-- breaking`, `-- requires: path, path`.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Literal

from exporter.errors import InvalidSqlFile

# folders of sql/code that a database has only where somebody asked for them
OPTIONS = ("auth",)

RunAs = Literal["owner", "installer"]

_MIGRATION_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_DIRECTIVE = re.compile(r"-- (run-as|breaking|requires)(?:: (.*))?")
_STATEMENT_NAME = re.compile(r"^-- name: ([a-z0-9_]+)$", re.MULTILINE)


@dataclass(frozen=True)
class SqlFile:
    """One file: its path below sql/, its text, the sha256 of the text, and the role it runs as."""

    path: str
    text: str
    checksum: str
    run_as: RunAs


@dataclass(frozen=True)
class Migration(SqlFile):
    """A numbered step that is applied once and never edited after its release."""

    version: int
    name: str
    breaking: bool


@dataclass(frozen=True)
class CodeFile(SqlFile):
    """One function, view, policy set or trigger, applied again whenever its checksum differs."""

    requires: tuple[str, ...]


def root() -> Path:
    """Folder of the SQL files: inside the installed package, else beside it in a checkout."""
    package = Path(__file__).resolve().parent
    for candidate in (package / "sql", package.parent / "sql"):
        if candidate.is_dir():
            return candidate
    raise InvalidSqlFile("the folder sql/ is neither in the package nor beside it: reinstall the program")


def _directives(text: str) -> dict[str, str]:
    """Directives of the leading comment lines, by name."""
    found: dict[str, str] = {}
    for line in io.StringIO(text):  # line by line: hundreds of files are read at the start, and few have any
        match = _DIRECTIVE.fullmatch(line.rstrip("\n"))
        if match is None:
            break
        found[match[1]] = match[2] or ""
    return found


def _read(base: Path, file: Path) -> tuple[str, str, str, RunAs, dict[str, str]]:
    text = file.read_text(encoding="utf-8").replace("\r\n", "\n")
    directives = _directives(text)
    run_as = directives.get("run-as", "owner")
    path = file.relative_to(base).as_posix()
    if run_as not in ("owner", "installer"):
        raise InvalidSqlFile(f"{path}: run-as must be owner or installer, not {run_as!r}")
    checksum = hashlib.sha256(text.encode()).hexdigest()
    return path, text, checksum, "installer" if run_as == "installer" else "owner", directives


def migrations(base: Path | None = None) -> list[Migration]:
    """Migrations in order. Raises InvalidSqlFile for a bad name or a gap in the numbers."""
    base = base or root()
    result: list[Migration] = []
    for number, file in enumerate(sorted((base / "migrations").iterdir()), start=1):
        match = _MIGRATION_NAME.fullmatch(file.name)
        if match is None or int(match[1]) != number:
            raise InvalidSqlFile(f"migrations/{file.name}: expected {number:04d}_verb_object.sql")
        path, text, checksum, run_as, directives = _read(base, file)
        result.append(Migration(path, text, checksum, run_as, number, match[2], "breaking" in directives))
    return result


def option_of(path: str) -> str | None:
    """The option that a code file belongs to: a folder of which a database has all files or none."""
    parts = path.split("/")
    return parts[1] if parts[0] == "code" and parts[1] in OPTIONS else None


def code_files(base: Path | None = None, options: Collection[str] = ()) -> list[CodeFile]:
    """Code files, each after those that it requires, of the folders that are OPTIONS those that are asked for. Raises
    InvalidSqlFile for an unknown or circular requirement.
    """
    base = base or root()
    files: dict[str, CodeFile] = {}
    for file in sorted((base / "code").rglob("*.sql")):
        if option_of(file.relative_to(base).as_posix()) not in (None, *options):
            continue
        path, text, checksum, run_as, directives = _read(base, file)
        requires = tuple(f"code/{name.strip()}" for name in directives.get("requires", "").split(",") if name.strip())
        files[path] = CodeFile(path, text, checksum, run_as, requires)
    ordered: dict[str, CodeFile] = {}

    def visit(path: str, trail: tuple[str, ...]) -> None:
        if path in ordered:
            return
        if path in trail:
            raise InvalidSqlFile(f"{trail[-1]}: requires itself by way of {path}")
        if path not in files:
            raise InvalidSqlFile(f"{trail[-1]}: requires {path}, which does not exist")
        for required in files[path].requires:
            visit(required, (*trail, path))
        ordered[path] = files[path]

    for path in files:
        visit(path, ())
    return list(ordered.values())


def grants(base: Path | None = None) -> SqlFile:
    """The file that is applied last whenever anything changed."""
    base = base or root()
    path, text, checksum, _, _ = _read(base, base / "grants.sql")
    return SqlFile(path, text, checksum, "installer")


def digest(migrations: Mapping[int, str], code: Mapping[str, str]) -> str:
    """What stands, in one value: of checksums by the migration's number and by the path, as the database makes it."""
    lines = [f"{number} {checksum}" for number, checksum in sorted(migrations.items())]
    lines += [f"{path} {checksum}" for path, checksum in sorted(code.items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@dataclass(frozen=True)
class Release:
    """What stands in a database after an installation by this program: the number of the newest migration, and digests
    by the options.
    """

    version: int
    digests: Mapping[frozenset[str], str]


@cache
def release() -> Release:
    """Of the installed files, which are read once: they are asked for again and again, for hundreds of databases."""
    applied = {migration.version: migration.checksum for migration in migrations()}
    code = {file.path: file.checksum for file in [*code_files(options=OPTIONS), grants()]}
    choices = [frozenset(chosen) for size in range(len(OPTIONS) + 1) for chosen in combinations(OPTIONS, size)]
    return Release(
        max(applied, default=0),
        {
            chosen: digest(applied, {path: code[path] for path in code if option_of(path) in (None, *chosen)})
            for chosen in choices
        },
    )


def released(base: Path | None = None, options: Collection[str] = ()) -> str:
    """The list of what stands after an installation, a fact a line; each option adds what stands because of it."""
    names = ["released", *(f"released_{option}" for option in sorted(options))]
    return "".join(((base or root()) / f"{name}.txt").read_text(encoding="utf-8") for name in names)


@cache
def _statements(module: str) -> dict[str, str]:
    text = (root() / "queries" / f"{module}.sql").read_text(encoding="utf-8")
    parts = _STATEMENT_NAME.split(text)
    return {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def query(module: str, name: str) -> str:
    """The statement `name` of sql/queries/`module`.sql. Raises InvalidSqlFile where there is none."""
    try:
        return _statements(module)[name]
    except KeyError:
        raise InvalidSqlFile(f"queries/{module}.sql has no statement named {name}") from None
