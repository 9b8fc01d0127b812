"""What the demo tells: each step does something real, says what came of it, and prints what repeats the look at it."""

from __future__ import annotations

import psycopg

from exporter.demo.outage import database_stops
from exporter.demo.scene import SEEN_SECONDS, Scene
from exporter.demo.spike import errors_spike, page_arrives
from exporter.demo.teams import FAILING_JOB
from exporter.demo.workload import fill, run_job

ERRORS = "script_tracking_errors_total"
# what a level of capture lacks, under the level that has it
LACKS = {
    "basic": (
        "only at failures",
        "DDL that fails, is rolled back or interrupted. It needs wal_level = logical and a replication slot.",
    ),
    "failures": (
        "only at full",
        "SQLSTATE and message of DDL that fails; DDL that is refused before it begins, such as a syntax error."
        " It needs the server's log as jsonlog or csvlog.",
    ),
}


async def tell(scene: Scene) -> None:
    """All steps, in order: what stands between the spike and the page is told while the alert waits for its time."""
    await table_is_recorded(scene)
    await job_fails(scene)
    await tenants_are_apart(scene)
    await record_stays(scene)
    await errors_spike(scene)
    await database_stops(scene)
    await failures_are_captured(scene)
    await page_arrives(scene)


async def table_is_recorded(scene: Scene) -> None:
    """DDL: who, for which tenant, how long."""
    scene.terminal.step("A CREATE TABLE is recorded: who, for which tenant, how long it took")
    statement = "create table acme.refund (id bigint primary key, cents integer not null)"
    await scene.playground.ask("acme_dev", "set script_tracking.change_ref = 'SHOP-1042'", statement)
    scene.terminal.fact("acme_dev", statement)
    (row,) = await scene.look(
        "acme_reader",
        "select script_name, execution_status, db_session_user, tenant,"
        " round((duration_seconds * 1000)::numeric, 1) as ms, metadata ->> 'claimed_change_ref' as change_ref"
        " from script_tracking.get_execution_history(1) where 'acme.refund' = any (affected_objects)",
    )
    scene.terminal.fact("recorded", f"{row['script_name']} of acme.refund: {row['execution_status']}", "good")
    scene.terminal.fact("who, for whom", f"role {row['db_session_user']}, tenant {row['tenant']}", "good")
    scene.terminal.fact("it took", f"{row['ms']} ms; the session said it was for {row['change_ref']}", "good")
    scene.repeat()


async def job_fails(scene: Scene) -> None:
    """A declared operation that fails, in the record and in the metrics."""
    scene.terminal.step("A job fails: its SQLSTATE is in the record, its class in the metrics")
    job = fill(FAILING_JOB, "acme", 0, scene.playground)
    series = {"tenant": "acme", "script_type": job.script_type, "error_class": "23"}
    before = (await scene.watcher.scrape()).total(ERRORS, **series)
    connection = await scene.playground.open("acme_job", "nightly")
    async with connection:
        await run_job(connection, "acme", job)
    scene.terminal.fact("acme_job", f"{job.name} books an invoice for a customer who does not exist")
    (row,) = await scene.look(
        "acme_reader",
        "select script_name, error_sqlstate, error_message from script_tracking.get_recent_errors(1)"
        f" where script_name = '{job.name}'",
    )
    scene.terminal.fact("recorded", f"{row['script_name']}: FAILED, SQLSTATE {row['error_sqlstate']}", "bad")
    scene.terminal.fact("PostgreSQL said", row["error_message"])
    scene.repeat()
    scrape = await scene.watcher.until(lambda told: told.total(ERRORS, **series) > before, SEEN_SECONDS)
    scene.terminal.fact(
        "in /metrics", f"{ERRORS} of acme, class 23: {before:.0f} -> {scrape.total(ERRORS, **series):.0f}"
    )
    scene.terminal.curl(scene.watcher.metrics_url, f'^{ERRORS}.*class="23".*acme')


async def tenants_are_apart(scene: Scene) -> None:
    """Another tenant's role sees nothing of it, and can add nothing to it."""
    scene.terminal.step("Another tenant's role sees none of it")
    by_tenant = "select tenant, count(*) from script_tracking.get_execution_history(1) group by tenant"
    for role, own in (("acme_reader", "acme"), ("globex_reader", "globex")):
        rows = await scene.look(role, by_tenant)
        counts = ", ".join(f"{row['count']} executions of {row['tenant']}" for row in rows)
        scene.terminal.fact(role, f"sees {counts}", "good" if [row["tenant"] for row in rows] == [own] else "bad")
        scene.repeat()
    claim = "set script_tracking.tenant = 'acme'"
    (row,) = await scene.look("globex_reader", claim, "select count(*) from script_tracking.get_execution_history(1)")
    scene.terminal.fact("claiming acme", f"it sees {row['count']} executions", "bad" if row["count"] else "good")
    scene.repeat()
    await scene.refused("the table itself", "globex_reader", "table script_tracking.script_execution_s")
    scene.repeat(verbose=True)
    forged = "select script_tracking.track_operation('forged', 'BATCH', 'acme')"
    await scene.refused("writing for acme", "globex_job", forged)
    scene.repeat(verbose=True)


async def record_stays(scene: Scene) -> None:
    """The record's own owner is refused any change of it."""
    scene.terminal.step("The record is append-only: its own owner is refused")
    owner = "set role script_tracking_owner"
    record = "script_tracking.script_execution_s"
    await scene.refused("TRUNCATE", None, owner, f"truncate {record}")
    await scene.refused("DELETE", None, owner, f"delete from {record}")
    await scene.refused("UPDATE", None, owner, f"update {record} set execution_status = 'COMPLETED'")
    scene.repeat(verbose=True)


async def failures_are_captured(scene: Scene) -> None:
    """What this level of capture sees of DDL that fails or is rolled back, and what none sees."""
    level = await scene.level()
    scene.terminal.step(f"DDL that fails or is rolled back, at this server's level of capture, {level}")
    change = "set script_tracking.change_ref = 'SHOP-1043'"
    table = "create table acme.voucher (code text primary key)"
    await scene.playground.ask("acme_dev", change, table)
    failure = await _sqlstate(scene, change, table)
    await scene.playground.ask("acme_dev", change, "begin", "drop table acme.voucher", "rollback")
    scene.terminal.fact(
        "acme_dev",
        f"a CREATE TABLE; the same again (fails: {failure}); a DROP TABLE, rolled back",
    )
    expected = 1 if level == "basic" else 3
    rows = await scene.recorded("SHOP-1043", expected)
    told = ", ".join(f"{row['script_name']} {row['execution_status']}" for row in rows)
    scene.terminal.fact("recorded", f"{len(rows)} of the 3: {told}", "good" if len(rows) == 3 else "bad")
    scene.repeat()
    if level in LACKS:
        scene.terminal.fact(*LACKS[level])
    scene.terminal.fact(
        "at no level",
        "TRUNCATE, CLUSTER and VACUUM FULL, which fire no event trigger. DDL on roles, databases"
        " and tablespaces is found by comparing catalogs, without its author. On temporary objects it is counted.",
    )


async def _sqlstate(scene: Scene, *statements: str) -> str:
    """With what the statements fail."""
    try:
        await scene.playground.ask("acme_dev", *statements)
    except psycopg.Error as error:
        return error.sqlstate or "no SQLSTATE"
    return "it did not"
