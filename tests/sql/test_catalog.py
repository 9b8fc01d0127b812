"""The names, types and rights that others build on: the golden list, and what the documentation promises."""

from __future__ import annotations

import os
import re
from difflib import unified_diff
from pathlib import Path

import pytest

from tests.catalog_dump import dump
from tests.fix_sessions import Login, MakeRole, Session, value

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "catalog.txt"

HUB = {
    "script_execution_hk": "bytea",
    "script_execution_bk": "character varying",
    "tenant_hk": "bytea",
    "load_date": "timestamp with time zone",
    "record_source": "character varying",
}
SATELLITE = {
    "script_execution_hk": "bytea",
    "load_date": "timestamp with time zone",
    "load_end_date": "timestamp with time zone",
    "hash_diff": "bytea",
    "version_number": "bigint",
    "script_name": "character varying",
    "script_type": "character varying",
    "execution_status": "character varying",
    "execution_timestamp": "timestamp with time zone",
    "execution_duration_ms": "integer",
    "db_session_user": "character varying",
    "client_ip": "inet",
    "affected_objects": "text[]",
    "sql_command": "text",
    "error_message": "text",
    "metadata": "jsonb",
    "record_source": "character varying",
    "tenant_hk": "bytea",
    "xid": "xid8",
    "incarnation": "integer",
}
SIGNATURES = {
    "track_operation": (
        "script_name character varying, script_type character varying, tenant text DEFAULT NULL::text, "
        "metadata jsonb DEFAULT NULL::jsonb, parent_hk bytea DEFAULT NULL::bytea, sql_command text DEFAULT NULL::text",
        "bytea",
    ),
    "complete_operation": (
        "execution_hk bytea, success boolean, error_message text DEFAULT NULL::text, "
        "error_sqlstate text DEFAULT NULL::text, affected_rows bigint DEFAULT NULL::bigint, "
        "metadata jsonb DEFAULT NULL::jsonb",
        "boolean",
    ),
    "track_operations": ("operations jsonb", "bytea[]"),
    "complete_operations": ("completions jsonb", "boolean[]"),
    "heartbeat": ("execution_hk bytea", "boolean"),
    "generate_unique_script_name": ("base_name character varying", "character varying"),
    "calculate_hash_key": ("business_key character varying", "bytea"),
    "get_enterprise_dashboard": ("", "TABLE"),
    "get_execution_history": (
        "days integer, max_rows bigint DEFAULT NULL::bigint,"
        " before timestamp with time zone DEFAULT NULL::timestamp with time zone,"
        " only_tenant text DEFAULT NULL::text, only_script_name text DEFAULT NULL::text,"
        " only_script_type text DEFAULT NULL::text, only_execution_status text DEFAULT NULL::text,"
        " before_hk bytea DEFAULT NULL::bytea",
        "TABLE",
    ),
    "get_performance_metrics": ("", "TABLE"),
    "get_system_health": ("", "TABLE"),
    "get_recent_errors": ("hours integer", "TABLE"),
    "cleanup_old_data": ("retention_days integer", "integer"),
    "register_tenant": ("code character varying, tenant_hk bytea DEFAULT NULL::bytea", "bytea"),
    "grant_tenant": ("code character varying, role_name name", "void"),
    "add_noise_rule": ("schema_name name, tag text, role_name name, reason text", "bigint"),
    "remove_noise_rule": ("rule_id bigint", "boolean"),
    "get_noise_rules": ("", "TABLE"),
    "set_retention": ("tenant text, days integer, reason text", "void"),
    "get_retention": ("", "TABLE"),
    "place_hold": (
        "tenant text, held_from timestamp with time zone, held_until timestamp with time zone, reason text",
        "bigint",
    ),
    "release_hold": ("hold_id bigint, reason text", "boolean"),
    "get_holds": ("", "TABLE"),
    "get_archives": ("", "TABLE"),
    "get_change_rules": ("", "TABLE"),
    "get_cleanup_candidates": ("retention_days integer DEFAULT NULL::integer", "TABLE"),
    "set_capture_policy": ("tenant text, tag text, fail_closed boolean", "void"),
    "get_capture_policies": ("", "TABLE"),
    "pause_tracking": ("reason text", "boolean"),
    "confirm_copy": ("reason text", "boolean"),
    "set_node": ("node integer", "void"),
    "resume_tracking": ("", "boolean"),
    "acknowledge_losses": ("reason text", "bigint"),
    "rename_tenant": ("code character varying, new_code character varying, reason text", "boolean"),
    "suspend_tenant": ("code character varying, reason text", "boolean"),
    "resume_tenant": ("code character varying, reason text", "boolean"),
    "offboard_tenant": ("code character varying, reason text", "boolean"),
    "get_running_operations": ("", "TABLE"),
    "get_tenants": ("", "TABLE"),
    "get_waiting_ddl": ("", "TABLE"),
    "revoke_tenant": ("code character varying, role_name name", "void"),
    "get_untracked_changes": ("", "TABLE"),
    "acknowledge_change": ("change_id bigint, reason text", "boolean"),
    "get_object_history": (
        "identity text, as_of timestamp with time zone DEFAULT NULL::timestamp with time zone",
        "TABLE",
    ),
    "get_objects_as_of": ("as_of timestamp with time zone", "TABLE"),
    "get_execution_as_of": (
        "execution_hk bytea, as_of timestamp with time zone",
        "SETOF script_tracking.script_execution_s",
    ),
    "get_execution_tree": ("of_hk bytea, max_rows integer DEFAULT 1000", "TABLE"),
    "vault_check": ("seconds double precision DEFAULT 5", "TABLE"),
    "event_trigger_ddl_start": ("", "event_trigger"),
    "event_trigger_ddl_end": ("", "event_trigger"),
    "event_trigger_sql_drop": ("", "event_trigger"),
    "event_trigger_table_rewrite": ("", "event_trigger"),
}


def test_the_catalog_is_the_golden_list(installed_database: str) -> None:
    """WRITE_GOLDEN=1 writes the list anew, and fails, so that no run both writes and passes."""
    found = dump(installed_database, bodies=False, partitions=False)
    if os.environ.get("WRITE_GOLDEN"):
        GOLDEN.write_text(found, encoding="utf-8")
        pytest.fail(f"{GOLDEN.relative_to(ROOT)} was written: read the difference, then run again without WRITE_GOLDEN")
    golden = GOLDEN.read_text(encoding="utf-8")
    difference = list(unified_diff(golden.splitlines(), found.splitlines(), "golden", "catalog", n=0, lineterm=""))
    assert not difference, "WRITE_GOLDEN=1 takes over what is meant:\n" + "\n".join(difference)


@pytest.mark.parametrize(("table", "expected"), [("script_execution_h", HUB), ("script_execution_s", SATELLITE)])
def test_hub_and_satellite_have_the_columns_of_the_contract(
    admin: Session, table: str, expected: dict[str, str]
) -> None:
    rows = admin.execute(
        "select attname, format_type(atttypid, atttypmod) as type from pg_attribute"
        " where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum",
        (f"script_tracking.{table}",),
    ).fetchall()
    assert {row["attname"]: row["type"] for row in rows} == expected


def test_the_four_named_indexes_stand_and_are_valid(admin: Session) -> None:
    rows = admin.execute(
        "select c.relname from pg_index as i join pg_class as c on c.oid = i.indexrelid"
        " where i.indrelid = 'script_tracking.script_execution_s'::regclass and i.indisvalid"
    ).fetchall()
    named = {f"idx_script_execution_s_{name}" for name in ("tenant_status", "timestamp", "type_status", "duration")}
    assert named <= {row["relname"] for row in rows}


def test_public_functions_are_those_of_the_contract_and_no_more(admin: Session) -> None:
    rows = admin.execute(
        "select proname, pg_get_function_arguments(oid) as arguments, pg_get_function_result(oid) as result"
        " from pg_proc where pronamespace = 'script_tracking'::regnamespace"
    ).fetchall()
    found = {row["proname"]: (row["arguments"], re.sub(r"^TABLE\(.*", "TABLE", row["result"])) for row in rows}
    assert len(rows) == len(found), "an overload makes short calls ambiguous"
    assert found == SIGNATURES


def test_every_public_object_says_what_it_is(admin: Session) -> None:
    silent = admin.execute(
        "select p.proname as name from pg_proc as p where p.pronamespace = 'script_tracking'::regnamespace"
        " and obj_description(p.oid, 'pg_proc') is null union all "
        "select c.relname from pg_class as c where c.relnamespace = 'script_tracking'::regnamespace"
        " and c.relkind in ('r', 'p', 'v') and obj_description(c.oid, 'pg_class') is null"
    ).fetchall()
    assert silent == []


def test_every_security_definer_function_pins_its_search_path_and_row_security(admin: Session) -> None:
    loose = admin.execute(
        "select p.oid::regprocedure::text as name, p.proconfig from pg_proc as p"
        " join pg_namespace as n on n.oid = p.pronamespace"
        " where n.nspname in ('script_tracking', 'script_tracking_internal') and p.prosecdef"
        " and not coalesce(p.proconfig @> array['search_path=pg_catalog, pg_temp'], false)"
    ).fetchall()
    assert loose == []
    # whatever reads or writes a table must not be blinded by the caller's row_security = off
    blind = admin.execute(
        "select p.proname as name from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace"
        " where n.nspname in ('script_tracking', 'script_tracking_internal') and p.prosecdef"
        " and not p.proconfig @> array['row_security=on']"
    ).fetchall()
    assert [row["name"] for row in blind] == ["generate_unique_script_name"]  # reads nothing


def test_every_public_function_pins_its_search_path(admin: Session) -> None:
    loose = admin.execute(
        "select p.proname from pg_proc as p where p.pronamespace = 'script_tracking'::regnamespace"
        " and not coalesce(p.proconfig @> array['search_path=pg_catalog, pg_temp'], false)"
    ).fetchall()
    assert loose == []


def test_what_readers_call_is_the_owners_and_shows_no_message_of_the_servers(admin: Session) -> None:
    """A caller may ask for plans, of what a function does as well, as messages of the level LOG."""
    rows = admin.execute(
        "select p.proname, p.prosecdef and p.proconfig @> array['client_min_messages=warning'] as is_safe"
        " from pg_proc as p where has_function_privilege('script_tracking_reader', p.oid, 'execute')"
        " and p.pronamespace in ('script_tracking'::regnamespace, 'script_tracking_internal'::regnamespace)"
    ).fetchall()
    assert len(rows) > 8
    # it reads nothing
    assert {row["proname"] for row in rows if not row["is_safe"]} <= {"calculate_hash_key"}


@pytest.mark.parametrize("setting", ["default_toast_compression"])
def test_long_columns_use_lz4_where_the_server_has_it(admin: Session, setting: str) -> None:
    has_lz4 = value(admin, "select 'lz4' = any (enumvals) from pg_settings where name = %s", setting)
    methods = admin.execute(
        "select distinct attcompression::text as method from pg_attribute as a"
        " join pg_class as c on c.oid = a.attrelid"
        " where c.relname ~ '^script_execution_s' and c.relkind in ('r', 'p')"
        " and a.attname in ('metadata', 'sql_command', 'error_message')"
    ).fetchall()
    assert [row["method"] for row in methods] == (["l"] if has_lz4 else [""])


def test_partitions_are_made_like_their_table_in_every_respect(admin: Session) -> None:
    columns = (
        "select array_agg((a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,"
        " pg_get_expr(d.adbin, d.adrelid), a.attcompression)::text order by a.attnum)"
        " from pg_attribute as a left join pg_attrdef as d"
        " on d.adrelid = a.attrelid and d.adnum = a.attnum where a.attrelid = {} and a.attnum > 0"
    )
    indexes = "select count(*) from pg_index as x where x.indrelid = {} and x.indisvalid"
    checks = "select count(*) from pg_constraint as k where k.conrelid = {} and k.contype in ('p', 'c')"
    triggers = "select count(*) from pg_trigger as t where t.tgrelid = {} and t.tgenabled = 'A'"
    wrong = admin.execute(
        (
            "select i.inhrelid::regclass::text as partition from pg_inherits as i"
            " join pg_class as c on c.oid = i.inhrelid"
            " where i.inhrelid in (select p.partition from script_tracking_internal.vault_partition as p) and not ("
            + " and ".join(
                f"({query.format('i.inhrelid')}) = ({query.format('i.inhparent')})"
                for query in (columns, indexes, checks, triggers)
            )
            + " and c.relrowsecurity and c.relforcerowsecurity)"
        ).encode()
    ).fetchall()
    assert wrong == []


def test_the_reference_lists_the_columns_that_the_functions_return(admin: Session) -> None:
    text = (ROOT / "docs" / "sql.md").read_text(encoding="utf-8")
    documented = {
        match[1]: [re.sub(r" \(.*", "", name) for name in re.split(r", (?![^(]*\))", match[2])]
        for match in re.finditer(r"^\| `(\w+)\([^`]*\)` \|[^|]*\| ([^|]+) \|$", text, re.MULTILINE)
    }
    rows = admin.execute(
        "select p.proname, array(select p.proargnames[i] from generate_subscripts(p.proargmodes, 1) as i"
        " where p.proargmodes[i] = 't' order by i) as columns from pg_proc as p"
        " where p.pronamespace = 'script_tracking'::regnamespace and 't' = any (p.proargmodes)"
    ).fetchall()
    assert documented == {row["proname"]: row["columns"] for row in rows}


def test_the_reference_has_every_public_signature(admin: Session) -> None:
    text = " ".join((ROOT / "docs" / "sql.md").read_text(encoding="utf-8").split())
    missing = []
    for name, (arguments, result) in SIGNATURES.items():
        if result == "event_trigger":
            continue
        written = arguments.replace("character varying", "varchar").replace("timestamp with time zone", "timestamptz")
        written = written.replace("DEFAULT", "default")
        written = re.sub(r"NULL::\w+", "null", written)
        if f"`{name}({written})" not in text:
            missing.append(f"{name}({written})")
    assert missing == []


@pytest.mark.parametrize(
    "member_of",
    [
        (),
        ("script_tracking_daemon",),
        ("script_tracking_app",),
        ("script_tracking_reader",),
        ("script_tracking_app", "script_tracking_reader", "script_tracking_daemon"),
    ],
)
def test_without_the_auditors_role_no_table_of_the_record_is_read(
    make_role: MakeRole, login: Login, admin: Session, member_of: tuple[str, ...]
) -> None:
    session = login(make_role(*member_of))
    readable = session.execute(
        "select c.oid::regclass::text as name from pg_class as c join pg_namespace as n on n.oid = c.relnamespace"
        " where n.nspname in ('script_tracking', 'script_tracking_internal') and c.relkind in ('r', 'p', 'v', 'S')"
        " and has_table_privilege(c.oid, 'select, insert, update, delete, truncate, references, trigger')"
    ).fetchall()
    ledger = {"script_tracking_internal.schema_code", "script_tracking_internal.schema_migration"}
    assert {row["name"] for row in readable} == (ledger if "script_tracking_daemon" in member_of else set())
