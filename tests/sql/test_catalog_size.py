"""What the daemon asks of the tracker itself costs as much in a database with many tables as in one with more."""

from __future__ import annotations

import pytest

from exporter import metricmap
from tests.fix_sessions import Session, one

MANY = 4000  # from which the planner takes an index for each catalog
MORE = 5000
STATISTICS = "analyze pg_class, pg_attribute, pg_index, pg_proc, pg_depend, pg_constraint, pg_type"
PAGES_MORE = 60  # an index may be a step higher; a catalog that is read as a whole has grown by 100 at least


def _make(session: Session, schema: str, tables: int) -> None:
    """By one statement: each by itself would fire the event triggers."""
    made = " ".join(f"create table t_{number} (id int primary key)" for number in range(tables))
    session.execute(f"create schema {schema} {made}".encode())
    session.execute(STATISTICS.encode())


def _pages(session: Session, function: str) -> int:
    """Pages that a call of a function reads, its plans made before."""
    for _ in range(7):
        session.execute(f"select * from {function}()".encode())
    (top,) = one(session, f"explain (analyze, buffers, format json) select * from {function}()")["QUERY PLAN"]
    plan = top["Plan"]
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


@pytest.mark.majors
def test_cost_of_collecting_does_not_grow_with_the_catalogs(admin: Session) -> None:
    functions = [spec.function for spec in metricmap.load()]
    one(admin, "select script_tracking.pause_tracking('many objects')")
    _make(admin, "many", MANY)
    before = {function: _pages(admin, function) for function in functions}
    _make(admin, "more", MORE)
    after = {function: _pages(admin, function) for function in functions}
    grown = {name: (before[name], pages) for name, pages in after.items() if pages > before[name] + PAGES_MORE}
    assert not grown, str(grown)
