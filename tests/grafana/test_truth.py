"""What the panels say of the busy database is what was done there."""

from __future__ import annotations

import pytest

from tests.grafana.asked import by, question
from tests.grafana.conftest import ADMINISTRATION, BUSY, LIMIT_BYTES, ROUNDS, TENANTS, Scraped


def test_the_verdict_is_true(scraped: Scraped) -> None:
    ask = scraped.asker(target=BUSY)
    assert [s.values for s in ask.ask(question("Targets tracked"))] == [(1.0,)]
    assert [s.values for s in ask.ask(question("Event triggers on"))] == [(1.0,)]
    assert [s.values for s in ask.ask(question("Records lost"))] == [(0.0,)]
    assert [s.values for s in ask.ask(question("Failing health checks"))] == [(0.0,)]
    assert [s.labels["level"] for s in ask.ask(question("Capture level"))] == ["failures"]
    (worst,) = ask.ask(question("Worst tenant's failure ratio"))
    assert worst.labels == {"target": BUSY, "tenant": "acme"}
    assert worst.values[0] == pytest.approx(0.25, abs=0.05)  # one of four of each round


def test_the_table_of_tenants_counts_what_they_did(scraped: Scraped) -> None:
    ask = scraped.asker(target=BUSY)
    columns = {letter: by(ask.ask(question("Tenants", letter)), "tenant") for letter in "ABCDEFGH"}
    assert columns["A"] == {
        "acme": 4 * ROUNDS,
        "globex": 3 * ROUNDS,
        "initech": 3 * ROUNDS,
        "system": ADMINISTRATION,
    }
    of_system = (
        "sum by (script_type) (max by (script_type, status)"
        f' (script_tracking_operations_total{{target="{BUSY}", tenant="system"}}))'
    )
    assert by(ask.now(of_system), "script_type") == {"ADMINISTRATION": ADMINISTRATION, "DDL": 0}
    assert columns["B"] == {"acme": ROUNDS, "globex": 0, "initech": 0, "system": 0}
    assert columns["C"] == {"acme": 0.25, "globex": 0, "initech": 0, "system": 0}
    # increase() extrapolates, and does not see what a series was born with: of each type a round or two, more where
    # scrapes are late
    assert columns["D"]["globex"] == pytest.approx(3 * ROUNDS, rel=0.35)
    assert columns["E"]["acme"] == pytest.approx(ROUNDS, rel=0.35)
    assert columns["F"]["globex"] == pytest.approx(ROUNDS, rel=0.2)
    assert columns["G"] == {"acme": 0, "globex": 1, "initech": 1, "system": 0}
    assert columns["H"].keys() == {*TENANTS, "system"}
    assert all(0 <= scraped.ended - value / 1000 < 600 for value in columns["H"].values())


def test_changes_are_judged_and_limits_told(scraped: Scraped) -> None:
    ask = scraped.asker(target=BUSY)
    verdicts = {s.labels["verdict"]: max(s.values) for s in ask.ask(question("Judged schema changes"))}
    assert min(verdicts[verdict] for verdict in ("inside", "frozen", "outside")) > 0 == verdicts["approved"]
    opened, frozen = (ask.ask(question("Windows open, freezes in force", letter)) for letter in "AB")
    assert {(s.labels["window"], s.values[-1]) for s in opened} == {("always", 1)}
    assert {(s.labels["freeze"], s.values[-1]) for s in frozen} == {("long", 1)}
    (age,) = ask.ask(question("Age of the last judging"))
    assert 0 <= age.values[-1] < 60
    (outside,) = ask.ask(question("Outside a window"))
    assert outside.values[0] > ROUNDS
    now, forecast, limit = (ask.ask(question("Storage forecast", letter))[0].values[-1] for letter in "ABC")
    assert forecast >= now * 0.9 > 0
    assert limit == LIMIT_BYTES


def test_budgets_burn_where_it_fails_and_new_kinds_are_named(scraped: Scraped) -> None:
    ask = scraped.asker(target=BUSY)
    burning = {s.labels["tenant"]: s.values[-1] for s in ask.ask(question("Burn rate by tenant, one hour"))}
    assert burning["acme"] == pytest.approx(25, rel=0.2)  # a quarter fails, where one in a hundred may
    assert burning["globex"] == burning["initech"] == 0
    (new,) = ask.ask(question("New kinds of failures"))
    assert {k: v for k, v in new.labels.items() if k != "target"} == {
        "tenant": "acme", "script_type": "BATCH", "error_class": "23",
    }  # fmt: skip
    assert scraped.started <= new.values[0] / 1000 <= scraped.ended


def test_rates_show_types_statuses_and_classes(scraped: Scraped) -> None:
    ask = scraped.asker(target=BUSY)
    statuses = {s.labels["status"]: max(s.values) for s in ask.ask(question("Executions by status"))}
    assert statuses.keys() == {"COMPLETED", "FAILED", "INTERRUPTED", "NOOP", "ROLLED_BACK"}
    assert statuses["COMPLETED"] > statuses["FAILED"] > 0 == statuses["INTERRUPTED"]
    types = {s.labels["script_type"]: max(s.values) for s in ask.ask(question("Executions by type"))}
    assert types.keys() == {"ADMINISTRATION", "BATCH", "DDL", "REPORT"}
    assert min(types.values()) > 0
    classes = {s.labels["error_class"]: max(s.values) for s in ask.ask(question("Failures by error class"))}
    assert classes["23"] > 0 == classes["unknown"]
    p50, p95 = (ask.ask(question("Duration", letter))[0].values for letter in "AB")
    assert 0 < max(p50) <= max(p95) < 10
    changes = {s.labels["tenant"]: max(s.values) for s in ask.ask(question("Schema changes by tenant"))}
    a_minute = 60 * ROUNDS / scraped.worked  # one in each round, which takes a second and a bit, or more
    assert all(a_minute / 2 < changes[tenant] < 120 for tenant in TENANTS)
