"""Every function that has its owner's rights, held to rules: nobody's text is run, nobody's objects are called."""

from __future__ import annotations

import re

import pytest

from exporter import sqlfiles
from tests.fix_sessions import Session

OWN = "n.nspname in ('script_tracking', 'script_tracking_internal', 'auth')"
FUNCTIONS = f"""
select p.oid::regprocedure::text as name, p.proname, p.prosrc, p.prosecdef, coalesce(p.proconfig, '{{}}') as settings,
  pg_get_userbyid(p.proowner) as owner, l.lanname as language,
  array(select case a.grantee when 0 then 'PUBLIC' else a.grantee::regrole::text end
    from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a where a.grantee <> p.proowner) as granted
from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace join pg_language as l on l.oid = p.prolang
where {OWN}
"""
# Functions that run text: what of it is not their own comes from the catalogs, quoted by %I, %L or regclass.
# A further one is looked at before it is listed.
DYNAMIC = {
    "attach_partition",
    "archived_rules",
    "carry_partition",
    "check_hub",
    "check_judgements",
    "check_links",
    "check_satellite",
    "check_values",
    "cleanup_old_data",
    "call_login_function",
    "call_host_function",
    "complete_partitions",
    "counted_versions",
    "cut_newest",
    "ensure_partitions",
    "fits_archive",
    "flush_messages",
    "get_system_health",
    "has_judgements_since",
    "is_archived",
    "is_maintenance",
    "is_partition_in_use",
    "lock_partitions",
    "look_at_partitions",
    "make_event_triggers",
    "make_partition",
    "note_archive",
    "open_archive",
    "partition_tenants",
    "pause_tracking",
    "pgcrypto_function",
    "protect_partition",
    "remove_partitions",
    "split_newest",
    "statement_statistics",
}
ROLES = {f"script_tracking_{suffix}" for suffix in ("app", "reader", "auditor", "daemon")}


@pytest.fixture
def functions(admin: Session) -> list[dict[str, object]]:
    return [dict(row) for row in admin.execute(FUNCTIONS.encode()).fetchall()]


def test_public_may_call_nothing(functions: list[dict[str, object]]) -> None:
    granted = {(row["name"], role) for row in functions for role in row["granted"]}  # type: ignore[attr-defined]
    assert {name for name, role in granted if role == "PUBLIC"} == set()
    assert {role for _, role in granted} <= {*ROLES, "script_tracking_owner"}


def test_each_definer_pins_its_search_path(functions: list[dict[str, object]]) -> None:
    pinned = "search_path=pg_catalog, pg_temp"
    loose = [row["name"] for row in functions if row["prosecdef"] and pinned not in row["settings"]]  # type: ignore[operator]
    assert loose == []
    assert len([row for row in functions if row["prosecdef"]]) > 40


def test_whoever_may_call_runs_only_with_the_owners_rights_by_a_definer(functions: list[dict[str, object]]) -> None:
    """What is granted and runs as its caller has the caller's rights alone; these are all that do."""
    invokers = {row["proname"] for row in functions if row["granted"] and not row["prosecdef"]}
    assert invokers <= {
        "calculate_hash_key",
        "legible_json",
        "object_class",
        "object_identity",
        "login_user_tracking",
        "register_user_tracking",
    }


def test_text_is_run_where_it_is_known_to_be_and_nowhere_else(functions: list[dict[str, object]]) -> None:
    runs = re.compile(r"(?<![a-z_'])execute\s+(?!function|on\b|procedure)", re.IGNORECASE)
    found = {str(row["proname"]) for row in functions if runs.search(without_comments(str(row["prosrc"])))}
    assert found <= DYNAMIC, found - DYNAMIC


def without_comments(text: str) -> str:
    return re.sub(r"--[^\n]*|'cannot execute %s", "", text)


def test_names_are_quoted_where_text_is_run(functions: list[dict[str, object]]) -> None:
    """%s stands for what a regclass, a regtype or the function itself wrote; nothing is put together by ||."""
    for row in functions:
        if row["proname"] in DYNAMIC:
            for statement in re.findall(r"execute\s+'[^']*'\s*\|\|\s*(\w+)", str(row["prosrc"]), re.IGNORECASE):
                pytest.fail(f"{row['name']} runs text with {statement}")


def test_what_runs_as_the_installer_is_listed_and_granted_to_no_user(functions: list[dict[str, object]]) -> None:
    foreign = {str(row["proname"]): row for row in functions if row["owner"] != "script_tracking_owner"}
    granted = {role for row in foreign.values() for role in row["granted"]}  # type: ignore[attr-defined]
    assert granted <= {"script_tracking_owner", "script_tracking_daemon"}
    listed = sqlfiles.query("verify", "verify")
    assert {name for name in foreign if f"'{name}'" not in listed} == set()


def test_no_function_of_ours_is_leakproof_or_changes_a_role(functions: list[dict[str, object]], admin: Session) -> None:
    assert (
        admin.execute(
            f"select p.proname from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace"
            f" where {OWN} and p.proleakproof".encode()
        ).fetchall()
        == []
    )
    changing = re.compile(
        r"(?<!')\b(set (local |session )?(role|session authorization)|(create|alter) role) \w", re.IGNORECASE
    )
    assert {row["name"] for row in functions if changing.search(without_comments(str(row["prosrc"])))} <= set()


def test_nothing_of_ours_hangs_on_a_schema_that_others_write_to(admin: Session) -> None:
    """No default, index, policy, check or view of ours calls a function outside pg_catalog and our schemas."""
    foreign = admin.execute(
        "select distinct d.refobjid::regprocedure::text as name from pg_depend as d"
        " join pg_proc as f on f.oid = d.refobjid and d.refclassid = 'pg_proc'::regclass"
        " join pg_namespace as fn on fn.oid = f.pronamespace"
        " left join pg_class as c on d.classid = 'pg_class'::regclass and c.oid = d.objid"
        " left join pg_rewrite as w on d.classid = 'pg_rewrite'::regclass and w.oid = d.objid"
        " left join pg_attrdef as a on d.classid = 'pg_attrdef'::regclass and a.oid = d.objid"
        " left join pg_policy as p on d.classid = 'pg_policy'::regclass and p.oid = d.objid"
        " left join pg_trigger as t on d.classid = 'pg_trigger'::regclass and t.oid = d.objid"
        " join pg_class as own on own.oid = coalesce(c.oid, w.ev_class, a.adrelid, p.polrelid, t.tgrelid)"
        " join pg_namespace as n on n.oid = own.relnamespace"
        f" where {OWN} and fn.nspname not in ('pg_catalog', 'script_tracking', 'script_tracking_internal')".encode()
    ).fetchall()
    assert foreign == []
