"""The floors of the house: imports only go down, and some libraries are known to some modules only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "exporter"

FLOORS: dict[str, float] = {
    "": 0,  # the package itself: its version
    "errors": 1,
    "buildinfo": 1,
    "processtitle": 1,
    "logs": 1,
    "fault": 1.5,
    "garbage": 1,
    "signature": 1.5,
    "systemd": 1,
    "dsn": 1.5,
    "yamlfile": 1.5,
    "values": 1.6,
    "dsnsource": 1.7,
    "alertconfig": 1.7,
    "targetconfig": 1.8,
    "apiconfig": 1.8,
    "archiveconfig": 1.8,
    "changesconfig": 1.8,
    "archivefile": 2,
    "archivehash": 2,
    "archivecheck": 7,
    "probeconfig": 1.9,
    "config": 2,
    "configfile": 2.5,
    "reference": 2.5,
    "alertsreference": 2.2,
    "metricsreference": 2.2,
    "thresholdrules": 2.2,
    "sqlfiles": 2,
    "metricmap": 1.95,
    "ownmetrics": 1.96,
    "database": 3,
    "answer": 3,
    "statement": 3,
    "knock": 3,
    "door": 2.9,
    "resolver": 2.9,
    "sessions": 3,
    "targetsessions": 3,
    "target": 3,
    "schedule": 3,
    "described": 3.3,  # for applications, these and those up to the client: floors 1 to 3 only
    "declared": 3.3,
    "backlog": 3.35,
    "recorder": 3.35,
    "courier": 3.4,
    "stepwise": 3.4,
    "operation": 3.45,
    "client": 3.5,
    "schema": 4,
    "collect": 4,
    "capture": 4,
    "changes": 4,
    "upkeep": 4,
    "track": 3.6,  # runs a command by way of the client
    "breakage": 4.4,
    "settler": 4.4,
    "watch": 4.5,
    "fleet": 4.6,
    "vigil": 4.7,
    "selfwatch": 4.6,
    "probe": 4.6,
    "targetfiles": 4.1,
    "discovery": 4.5,
    "inventory": 4.6,
    "overview": 4.6,
    "web": 5,
    "demo": 6,
    "arguments": 7,
    "checkconfig": 7,
    "daemon": 7,
    "service": 7.5,
    "cli": 8,
    "__main__": 9,
}

Sources = dict[str, str]  # text of each module by its path below the package, such as web/app.py


def sources() -> Sources:
    """The package as it is."""
    return {file.relative_to(PACKAGE).as_posix(): file.read_text() for file in sorted(PACKAGE.rglob("*.py"))}


def part(module: str) -> str:
    """The part of the house that exporter.<part>.<more> belongs to; the package itself is ''."""
    return module.split(".")[1] if "." in module else ""


def imported(path: str, text: str) -> Iterator[str]:
    """Dotted names that a module imports, at the top or inside functions; `from a import b` gives a.b."""
    package = ["exporter", *path.removesuffix(".py").split("/")[:-1]]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def own_imports(files: Sources) -> Iterator[tuple[str, str, str]]:
    """Path, its part, and each part of the house that it imports."""
    parts = {part("exporter." + path.removesuffix(".py").replace("/", ".")) for path in files}
    for path, text in files.items():
        here = "" if path == "__init__.py" else path.removesuffix(".py").split("/")[0]
        for name in imported(path, text):
            if name == "exporter" or name.startswith("exporter."):
                there = part(name)
                yield path, here, there if there in parts else ""


def upward(files: Sources) -> list[str]:
    """Imports that go up, or across between the packages of floor 4."""
    found = []
    for path, here, there in own_imports(files):
        up = FLOORS[there] > FLOORS[here]
        across = here != there and FLOORS[here] == FLOORS[there] == 4
        if up or across:
            found.append(f"{path} imports {there}")
    return found


def circles(files: Sources) -> list[str]:
    """Parts that import each other."""
    edges = {(here, there) for _, here, there in own_imports(files) if here != there}
    return sorted(f"{here} and {there}" for here, there in edges if (there, here) in edges and here < there)


def users_of(files: Sources, library: str) -> set[str]:
    """Paths that import a library."""
    return {
        path
        for path, text in files.items()
        for name in imported(path, text)
        if name == library or name.startswith(f"{library}.")
    }


def connecting(files: Sources) -> set[str]:
    """Paths that open a connection by the driver: a call of connect() on something of psycopg, or of its pool."""
    found = set()
    for path, text in files.items():
        if not users_of({path: text}, "psycopg") and not users_of({path: text}, "psycopg_pool"):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "connect":
                found.add(path)
        if users_of({path: text}, "psycopg_pool") or users_of({path: text}, "psycopg.connect"):
            found.add(path)
    return found


def test_every_part_has_a_floor() -> None:
    parts = {path.removesuffix(".py").split("/")[0] for path in sources()} - {"__init__"}
    assert parts <= set(FLOORS)


def test_the_guide_names_every_part() -> None:
    guide = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    block = guide.partition("\nexporter/ ")[2].partition("\nsql/\n")[0]
    named = {name.rstrip("/") for line in block.splitlines()[1:] for name in line.strip().partition("  ")[0].split()}
    assert named == set(FLOORS) - {"", "__main__"}


def test_imports_only_go_down() -> None:
    assert upward(sources()) == []


def test_no_two_parts_import_each_other() -> None:
    assert circles(sources()) == []


def test_only_database_opens_connections() -> None:
    assert connecting(sources()) == {"database.py"}


def test_only_rendering_and_web_know_prometheus_client() -> None:
    users = users_of(sources(), "prometheus_client")
    assert "collect/render.py" in users
    assert [path for path in users if path != "collect/render.py" and not path.startswith("web/")] == []


def test_only_web_knows_fastapi() -> None:
    users = users_of(sources(), "fastapi") | users_of(sources(), "starlette")
    assert users
    assert [path for path in users if not path.startswith("web/")] == []


def test_applications_get_floors_1_to_3_only() -> None:
    """What the client reaches, by whatever way, lies on the floors below it, and is none of the daemon's libraries."""
    files = sources()
    edges = {(here, there) for _, here, there in own_imports(files)}
    reached: set[str] = set()
    todo = {"client"}
    while todo:
        reached |= todo
        todo = {there for here, there in edges if here in todo} - reached
    assert {"courier", "database", "dsn"} <= reached
    assert [name for name in reached if FLOORS[name] > FLOORS["client"] or name == "config"] == []
    heavy = set().union(
        *(users_of(files, library) for library in ("fastapi", "pydantic", "yaml", "structlog", "uvicorn"))
    )
    assert [path for path in heavy if path.split("/")[0].removesuffix(".py") in reached] == []


def test_no_sql_outside_the_folder_sql() -> None:
    """Statements are named in sql/queries; a string that begins like one is a statement that moved out."""
    starts = ("select ", "insert into ", "update ", "delete from ", "create ", "alter ", "drop ", "truncate ")
    found = [
        f"{path}:{node.lineno}: {node.value[:60]}"
        for path, text in sources().items()
        if not path.startswith("demo/")  # the demo's statements are those of the teams that it plays
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if node.value.lstrip().lower().startswith(starts)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("path", "text", "complaint"),
    [
        ("config.py", "from exporter.database import connect", "config.py imports database"),
        ("config.py", "def f():\n    import exporter.web.app", "config.py imports web"),
        ("collect/a.py", "from exporter import schema", "collect/a.py imports schema"),
        ("collect/a.py", "from .. import web", "collect/a.py imports web"),
        ("collect/a.py", "from ..upkeep.keeper import Keeper", "collect/a.py imports upkeep"),
        ("client.py", "from exporter.collect import render", "client.py imports collect"),
    ],
)
def test_an_import_that_goes_up_is_found(path: str, text: str, complaint: str) -> None:
    assert upward({**sources(), path: text}) == [complaint]


def test_a_module_that_connects_or_circles_is_found() -> None:
    assert connecting({"web/app.py": "import psycopg\npsycopg.connect('')"}) == {"web/app.py"}
    assert connecting({"web/app.py": "from psycopg import AsyncConnection as A\nA.connect('')"}) == {"web/app.py"}
    circle = {"config.py": "import exporter.sqlfiles", "sqlfiles.py": "from exporter.config import Dsn"}
    assert circles(circle) == ["config and sqlfiles"]
