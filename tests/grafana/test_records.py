"""Every statement of the dashboards, as Grafana sends it to PostgreSQL, as a reader of one tenant and as an auditor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.fix_sessions import Login, MakeRole, Session
from tests.grafana.faults import faults
from tests.grafana.models import MODELS, PANELS
from tests.sql.test_changes import judge_all, unjudged

pytestmark = pytest.mark.majors

Json = dict[str, Any]
Rows = list[dict[str, Any]]

STATEMENTS: dict[str, str] = {
    target["rawSql"]: panel["title"]
    for _, panel in PANELS
    for target in panel.get("targets", [])
    if "rawSql" in target
}  # fmt: skip
MARKS = MODELS["overview"]["annotations"]["list"][1]["target"]["rawSql"]
OF_AUDITORS = {"What waits, and for whom", "Changes that went round the record", "Past partitions", "Who is registered"}
TENANTS = ("acme", "o'brien")
ALL = {name: ".+" for name in ("tenant", "script_type", "status", "error_class")}


def filled(statement: str, **chosen: str) -> str:
    """A statement with Grafana's macros and variables filled in, of the last three hours."""
    now = datetime.now(UTC)
    times = {"$__timeFrom()": now - timedelta(hours=3), "$__timeTo()": now + timedelta(minutes=1)}
    for macro, time in times.items():
        statement = statement.replace(macro, f"'{time:%Y-%m-%dT%H:%M:%SZ}'")
    values = {"object": "", "execution": "", **ALL, **chosen}
    for name, value in values.items():
        for form in ("raw", "regex"):
            statement = statement.replace(f"${{{name}:{form}}}", value)
    assert "${" not in statement
    assert "$__" not in statement
    return statement


def statement(title: str) -> str:
    return next(text for text, panel in STATEMENTS.items() if panel == title)


@dataclass
class Asker:
    """Sessions as each role that the dashboards' data source may log in as."""

    sessions: dict[str, Session]

    def rows(self, role: str, text: str, **chosen: str) -> Rows:
        """What a role is answered."""
        return list(self.sessions[role].execute(filled(text, **chosen).encode()).fetchall())


@pytest.fixture
def ask(admin: Session, make_role: MakeRole, login: Login) -> Asker:
    """A database in which two tenants, one with a quote in its code, changed and ran something, and its readers."""
    unjudged(admin)
    for tenant in TENANTS:
        admin.execute("select script_tracking.register_tenant(%s)", (tenant,))
        admin.execute("select script_tracking.grant_tenant(%s, current_user)", (tenant,))
        admin.execute("select set_config('script_tracking.tenant', %s, false)", (tenant,))
        admin.execute(f'create table "of {tenant}" (id int)'.encode())
        for kind, sqlstate in (("BATCH", None), ("LOAD", "23505")):
            admin.execute(
                "select script_tracking.complete_operation("
                " script_tracking.track_operation('nightly', %s, %s), %s, %s, %s)",
                (kind, tenant, sqlstate is None, sqlstate and "duplicate key of 'x'", sqlstate),
            )
        admin.execute("select script_tracking.track_operation('long', 'BATCH', %s)", (tenant,))
    assert judge_all(admin, "outside") == len(TENANTS)
    roles = {
        "reader": make_role("script_tracking_reader"),
        "stranger": make_role("script_tracking_reader"),
        "auditor": make_role("script_tracking_auditor"),
    }
    admin.execute("select script_tracking.grant_tenant(%s, %s)", (TENANTS[1], roles["reader"]))
    return Asker({name: login(role) for name, role in roles.items()})


def test_tables_show_a_reader_its_own_tenant_and_a_stranger_nothing(ask: Asker) -> None:
    chosen = {"object": f'public."of {TENANTS[1]}"'}
    key = ask.rows("auditor", statement("Executions"), tenant="acme")[0]["Execution"]
    own = ask.rows("reader", statement("Executions"))[0]["Execution"]

    def check(title: str) -> None:
        text = statement(title)
        theirs = ask.rows("reader", text, **chosen, execution=own)
        assert theirs, "the table is empty"
        if "Tenant" in theirs[0]:
            assert {row["Tenant"] for row in theirs} == {TENANTS[1]}
            assert ask.rows("stranger", text, **chosen, execution=key) == []
            assert ask.rows("reader", text, tenant="acme", object='public."of acme"', execution=key) == []
        assert ask.rows("auditor", text, **chosen, execution=key)

    assert faults(check, {*STATEMENTS.values()} - OF_AUDITORS, str) == {}


def test_tables_for_auditors_answer_these_and_say_that_a_reader_may_not(ask: Asker) -> None:
    def check(title: str) -> None:
        assert title in STATEMENTS.values()
        described = [panel["description"] for _, panel in PANELS if panel["title"] == title]
        assert all("For an auditor's data source." in text for text in described)
        ask.rows("auditor", statement(title))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ask.rows("reader", statement(title))

    assert faults(check, OF_AUDITORS, str) == {}


def test_a_text_of_digits_stays_one_and_a_cell_without_a_value_does_not_say_that_there_is_no_row() -> None:
    for _, panel in PANELS:
        if any("rawSql" in target for target in panel.get("targets", [])):
            defaults, overrides = panel["fieldConfig"]["defaults"], panel["fieldConfig"]["overrides"]
            assert defaults["unit"] == "string", panel["title"]
            assert overrides[0]["properties"] == [{"id": "noValue", "value": "-"}]
            assert overrides[0]["properties"][0]["value"] != defaults["noValue"]


def test_who_changed_what_is_told(ask: Asker) -> None:
    changes = ask.rows("auditor", statement("Who changed what"), tenant="acme|o'brien")
    assert [(row["Tenant"], row["Command"], row["Status"]) for row in changes] == [
        (tenant, "CREATE TABLE", "COMPLETED") for tenant in reversed(TENANTS)
    ]
    assert changes[1]["Objects"] == 'public."of acme"'
    assert changes[1]["Statement"] == 'create table "of acme" (id int)'
    assert changes[0]["Duration"] > 0
    assert ask.rows("auditor", statement("Who changed what"), status="FAILED") == []
    (user,) = ask.rows("auditor", statement("Who changes how much"), tenant="acme")
    assert (user["Who"], user["Statements"], user["Without effect"]) == (changes[0]["Who"], 1, 0)
    marks = ask.rows("auditor", MARKS, tenant="acme")
    assert [mark["tags"] for mark in marks] == ["acme,CREATE TABLE"]
    assert marks[0]["text"].startswith('CREATE TABLE public."of acme" by ')


def test_what_was_changed_outside_a_window_is_told(ask: Asker) -> None:
    (change,) = ask.rows("auditor", statement("Outside a change window"), tenant="acme")
    assert (change["Verdict"], change["Reference"], change["Objects"]) == ("outside", "missing", 'public."of acme"')
    (same,) = ask.rows("auditor", statement("Who changed what"), tenant="acme")
    assert change["Execution"] == same["Execution"]


def test_kinds_of_failures_have_their_fingerprint_and_lead_to_the_execution(ask: Asker) -> None:
    (kind,) = ask.rows("auditor", statement("Kinds of failures"), tenant="acme", error_class="23")
    assert (kind["Failures"], kind["SQLSTATE"], kind["Type"]) == (1, "23505", "LOAD")
    assert len(kind["Fingerprint"]) > 8
    (failed,) = ask.rows("auditor", statement("Failed executions"), tenant="acme")
    assert failed["Execution"] == kind["Execution"]
    assert failed["Message"] == "duplicate key of 'x'"
    assert ask.rows("auditor", statement("Failed executions"), error_class="42") == []
    (tree,) = ask.rows("auditor", statement("What belongs together"), execution=kind["Execution"])
    assert tree["Execution"] == kind["Execution"]


def test_choices_of_types_and_statuses_narrow(ask: Asker) -> None:
    found = ask.rows("auditor", statement("Executions"), tenant="acme", script_type="BATCH|LOAD", status="FAILED")
    assert [row["Type"] for row in found] == ["LOAD"]
    (runs,) = ask.rows("auditor", statement("What runs now"), tenant="acme")
    assert (runs["Script"], runs["Running"] >= 0) == ("long", True)
    assert ask.rows("auditor", statement("What runs now"), script_type="LOAD") == []


def test_of_what_nobody_chose_there_is_nothing(ask: Asker) -> None:
    for title in ("History of an object", "What belongs together"):
        assert ask.rows("auditor", statement(title)) == []
    for key in ("xyz", "00ff", "abc"):
        assert ask.rows("auditor", statement("What belongs together"), execution=key) == []


def test_an_empty_database_answers_everything(admin: Session) -> None:
    for text in (*STATEMENTS, MARKS):
        rows = admin.execute(filled(text).encode()).fetchall()
        assert STATEMENTS.get(text) in ("Health checks with advice", "Verdicts", "Who is registered") or rows == []
