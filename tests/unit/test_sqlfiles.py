"""Reading of the folder sql/: names, order, directives, and what is refused."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from exporter import sqlfiles
from exporter.errors import InvalidSqlFile


def write(base: Path, files: dict[str, str]) -> Path:
    """A folder like sql/ with these files."""
    for name, text in files.items():
        file = base / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return base


def test_migrations_are_read_in_order_with_their_directives(tmp_path: Path) -> None:
    text = "-- run-as: installer\n-- breaking\nselect 1;\n"
    base = write(tmp_path, {"migrations/0002_b_c.sql": "select 2;\n", "migrations/0001_a_b.sql": text})
    first, second = sqlfiles.migrations(base)
    assert (first.version, first.name, first.run_as, first.breaking) == (1, "a_b", "installer", True)
    assert (second.version, second.name, second.run_as, second.breaking) == (2, "b_c", "owner", False)
    assert first.text == text
    assert first.path == "migrations/0001_a_b.sql"


@pytest.mark.parametrize(
    "names",
    [["0001_a.sql", "0003_c.sql"], ["0002_b.sql"], ["1_a.sql"], ["0001_A.sql"], ["0001_a.sql", "notes.txt"]],
)
def test_gaps_and_bad_names_are_refused(tmp_path: Path, names: list[str]) -> None:
    base = write(tmp_path, {f"migrations/{name}": "select 1;" for name in names})
    with pytest.raises(InvalidSqlFile, match=r"expected 000\d_verb_object\.sql"):
        sqlfiles.migrations(base)


def test_a_checksum_ignores_line_ends_and_nothing_else(tmp_path: Path) -> None:
    checksums = []
    for number, content in enumerate([b"select 1;\n", b"select 1;\r\n", b"select 1; \n"]):
        base = write(tmp_path / str(number), {"migrations/0001_a.sql": ""})
        (base / "migrations" / "0001_a.sql").write_bytes(content)
        checksums.append(sqlfiles.migrations(base)[0].checksum)
    assert checksums[0] == checksums[1] == hashlib.sha256(b"select 1;\n").hexdigest()
    assert checksums[2] != checksums[0]


def test_a_directive_counts_only_in_the_first_lines(tmp_path: Path) -> None:
    base = write(tmp_path, {"migrations/0001_a.sql": "-- A comment.\n-- run-as: installer\n-- breaking\n"})
    (migration,) = sqlfiles.migrations(base)
    assert (migration.run_as, migration.breaking) == ("owner", False)


def test_an_unknown_role_is_refused(tmp_path: Path) -> None:
    base = write(tmp_path, {"migrations/0001_a.sql": "-- run-as: postgres\n"})
    with pytest.raises(InvalidSqlFile, match="run-as"):
        sqlfiles.migrations(base)


def test_code_comes_after_what_it_requires(tmp_path: Path) -> None:
    base = write(
        tmp_path,
        {
            "code/a/first.sql": "-- requires: b/second.sql, c/third.sql\nselect 1;",
            "code/b/second.sql": "-- requires: c/third.sql\nselect 2;",
            "code/c/third.sql": "select 3;",
            "code/d/alone.sql": "select 4;",
        },
    )
    assert [file.path for file in sqlfiles.code_files(base)] == [
        "code/c/third.sql",
        "code/b/second.sql",
        "code/a/first.sql",
        "code/d/alone.sql",
    ]


@pytest.mark.parametrize(
    ("requirement", "complaint"),
    [("b.sql", "requires itself by way of"), ("missing.sql", "code/missing.sql, which does not exist")],
)
def test_circles_and_missing_requirements_are_refused(tmp_path: Path, requirement: str, complaint: str) -> None:
    base = write(tmp_path, {"code/a.sql": f"-- requires: {requirement}\n", "code/b.sql": "-- requires: a.sql\n"})
    with pytest.raises(InvalidSqlFile, match=complaint):
        sqlfiles.code_files(base)


def test_named_statements() -> None:
    assert sqlfiles.query("target", "alive") == "select pg_is_in_recovery() as standby"
    with pytest.raises(InvalidSqlFile, match="no statement named absent"):
        sqlfiles.query("target", "absent")


def test_the_projects_own_files_are_complete() -> None:
    files = [*sqlfiles.migrations(), *sqlfiles.code_files(options=sqlfiles.OPTIONS), sqlfiles.grants()]
    paths = {file.path for file in files}
    assert len(paths) == len(files)
    on_disk = {file.relative_to(sqlfiles.root()).as_posix() for file in sqlfiles.root().rglob("*.sql")}
    assert {path for path in on_disk if not path.startswith("queries/")} == paths


def test_a_code_file_creates_the_object_that_it_is_named_after() -> None:
    creating = re.compile(r"^create (?:or replace )?(?:function|view|event trigger|type)\s+(?:\w+\.)?(\w+)", re.M)
    created = {file.path: set(creating.findall(file.text)) for file in sqlfiles.code_files(options=sqlfiles.OPTIONS)}
    wrong = {path: names for path, names in created.items() if names and names != {Path(path).stem}}
    assert wrong == {}
    assert sum(bool(names) for names in created.values()) > len(created) / 2


def test_no_statement_of_the_queries_is_unused() -> None:
    package = Path(sqlfiles.__file__).parent
    python = "\n".join(
        file.read_text() for folder in (package, package.parent / "grafana") for file in folder.rglob("*.py")
    )
    for file in (sqlfiles.root() / "queries").glob("*.sql"):
        for name in re.findall(r"^-- name: (\w+)$", file.read_text(), re.MULTILINE):
            assert f'"{name}"' in python, f"queries/{file.name}: {name} is used nowhere"
