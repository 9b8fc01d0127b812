"""What provokes an alert in a real database, and what mends that: as its runbook says, where it does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests.capture.fix_serverlog import current, shell
from tests.fix_exporter import Exporter
from tests.fix_injected import Injected
from tests.fix_sessions import Session, meddling, opened, value
from tests.installing import installed
from tests.vault_steps import INTERNAL, record

SATELLITE = "script_tracking.script_execution_s"
MEGABYTE = 1 << 20
BOUNDS = {"tickets": 64 * MEGABYTE, "dropped": 32 * MEGABYTE}  # of the replication slots
NOISE_MEGABYTES = 40
TENANTS = {"logins": ("acme",), "shop": ("spiking", "burning", "uneasy", "slow")}
RENAME = (
    "do $$ begin execute (select format('alter function %s rename to {new}', oid::regprocedure) from pg_proc"
    f" where proname = '{{old}}' and pronamespace = '{INTERNAL}'::regnamespace); end $$"
)
# the partitions to come go, of every table, and the present one has no end
NOTHING_AHEAD = f"""
do $$
declare
  v_part record;
begin
  for v_part in select * from {INTERNAL}.vault_partition order by place, lower_bound desc loop
    execute format('alter table script_tracking.%I detach partition %s', v_part.relation, v_part.partition);
    if v_part.lower_bound > now() then
      execute format('drop table %s', v_part.partition);
    else
      perform {INTERNAL}.attach_partition(v_part.relation, v_part.partition, v_part.lower_bound,
        case when v_part.upper_bound > now() then 'infinity' else v_part.upper_bound end);
    end if;
  end loop;
end
$$
"""


@dataclass
class Ground:
    """A watched database in which something is provoked: a superuser's session, and others that stay open; the
    exporter that watches it, its faults, and a folder of its files.
    """

    dsn: str
    admin: Session
    stack: ExitStack
    folder: Path
    injected: Injected
    target: str = ""
    running: Exporter | None = None
    start_another: Callable[[], object] | None = None  # where there is none
    held: dict[str, Session] = field(default_factory=dict)

    def do(self, *statements: str) -> None:
        """Runs them one after the other, each a transaction."""
        for statement in statements:
            self.admin.execute(statement.encode())

    def meddle(self, *statements: str) -> None:
        """The same on the tracker's own, as a superuser who means it."""
        self.do(*map(meddling, statements))

    def hold(self, name: str, *statements: str) -> Session:
        """A session of its own, with what it has begun."""
        session = self.held[name] = opened(self.dsn)
        self.stack.callback(session.close)
        for statement in statements:
            session.execute(statement.encode())
        return session

    def elsewhere(self, *statements: str) -> None:
        """The same in the database postgres."""
        with opened(urlunsplit(urlsplit(self.dsn)._replace(path="/postgres"))) as session:
            for statement in statements:
                session.execute(statement.encode())

    @property
    def name(self) -> str:
        """Of the database."""
        return urlsplit(self.dsn).path.removeprefix("/")

    @property
    def exporter(self) -> Exporter:
        """The one that watches it."""
        assert self.running is not None
        return self.running


Step = Callable[[Ground], object]


@dataclass(frozen=True)
class Provocation:
    """An alert, where it is provoked and how, and what ends it; which further labels it has, None any value. One that
    is about no database has the label instance and no target.
    """

    alert: str
    target: str
    severity: str
    component: str
    begin: Step
    end: Step
    labels: Mapping[str, str | None] = field(default_factory=dict)

    def is_told_by(self, labels: Mapping[str, str]) -> bool:
        """Whether a page with these labels is its."""
        whose = {} if "instance" in self.labels else {"target": self.target}
        named = {"alertname": self.name, "severity": self.severity, "component": self.component}
        expected = {**named, **whose, **self.labels}
        return labels.keys() == expected.keys() and all(text in (None, labels[name]) for name, text in expected.items())

    @property
    def name(self) -> str:
        """Of the alert, in full."""
        return f"ScriptTracking{self.alert}"


def nothing(ground: Ground) -> None:
    """It ends by itself, or with another one."""


def do(*texts: str) -> Step:
    return lambda ground: ground.do(*texts)


def meddle(*texts: str) -> Step:
    return lambda ground: ground.meddle(*texts)


def tamper(change: str) -> Step:
    """A change of the record behind its guards, and the look of the vault's check that finds it, or finds it gone."""

    def step(ground: Ground) -> None:
        guard = f"alter table {SATELLITE} {{}} trigger protect_updates"
        update = (
            f"update {SATELLITE} set execution_duration_ms = execution_duration_ms {change} where script_name = 'job'"
        )
        ground.meddle("; ".join((guard.format("disable"), update, guard.format("enable always"))))
        ground.do("select * from script_tracking.vault_check(60)")

    return step


def lose(ground: Ground) -> None:
    """DDL while what writes its record is not there."""
    ground.meddle(RENAME.format(old="record_execution", new="record_gone"))
    ground.do("create table public.unrecorded ()")
    ground.meddle(RENAME.format(old="record_gone", new="record_execution"))


def wait_for_locks(ground: Ground) -> None:
    """A transaction that has written something stays open, and DDL waits for what it holds."""
    ground.do("create table public.subject (id bigint)")
    # one that is in the log: of another one a slot knows nothing, and moves on
    ground.hold("holder", "begin", "select pg_logical_emit_message(true, 'open', '')", "select from public.subject")
    ground.hold("mover").pgconn.send_query(b"alter table public.subject add column note text")
    record(ground.admin)
    for _ in range(NOISE_MEGABYTES):  # of log, which slots keep since that transaction began
        ground.do(f"select pg_logical_emit_message(false, 'noise', repeat('x', {MEGABYTE}))")


def let_go(ground: Ground) -> None:
    ground.held["holder"].execute("rollback")
    mover = ground.held["mover"].pgconn
    while mover.get_result() is not None:
        pass


def cut(ground: Ground) -> None:
    """Partitions by hand, as the runbook has it: again where somebody held the table for 100 ms."""
    end = time.monotonic() + 60
    more = True
    while more:
        try:
            more = bool(value(ground.admin, f"select more from {INTERNAL}.cut_newest()"))
        except psycopg.errors.LockNotAvailable:
            assert time.monotonic() < end
            time.sleep(0.2)
    assert value(ground.admin, f"select count(*) from {INTERNAL}.vault_partition where lower_bound > now()")


def close(ground: Ground) -> None:
    """Nobody gets in any more, and who is in goes."""
    ground.admin.close()
    ground.elsewhere(
        f"alter database {ground.name} allow_connections false",
        f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{ground.name}'",
    )


def log_in(ground: Ground, body: str, times: int) -> None:
    """Attempts at the login wrapper, with a function of the host's that does this."""
    ground.do(
        "create schema if not exists app",
        "create or replace function app.login(p_email varchar, p_password varchar, p_tenant bytea) returns jsonb"
        f" language plpgsql as $host$ begin {body}; end $host$",
        "select script_tracking.configure_login('app.login', null, 'a test')",
    )
    for _ in range(times):
        ground.do("select auth.login_user_tracking('joe@example.com', 'wrong', (select sha256('acme'::bytea)))")


def fail_logins(ground: Ground) -> None:
    """One by one: a counter that is born at ten has not grown."""
    for _ in range(15):
        log_in(ground, "raise exception 'out of order'", 1)
        time.sleep(0.2)


def guess(ground: Ground) -> None:
    refused = """return '{"success": false, "error": "invalid_credentials"}'::jsonb"""
    log_in(ground, refused, 25)


def reinstall(ground: Ground) -> None:
    asyncio.run(installed(ground.dsn))


def cut_log_short(ground: Ground) -> None:
    """Of the server, by who thinks that nobody reads it."""
    shell(ground.admin, f": > {current(ground.admin)}")


def operate(tenant: str, failed: int, all_of_them: int) -> Step:
    """So many operations of which some fail, all at once: of fewer the share would be another for a moment."""
    return do(
        "select count(script_tracking.complete_operation(script_tracking.track_operation('job-' || n, 'BATCH',"
        f" '{tenant}'), n > {failed}, case when n <= {failed} then 'out of stock' end,"
        f" case when n <= {failed} then 'P0001' end)) from generate_series(1, {all_of_them}) as n"
    )


def abandon(ground: Ground) -> None:
    """An operation whose session is gone, a day ago by what was noted of it."""
    with opened(ground.dsn) as session:
        session.execute("select script_tracking.track_operation('abandoned', 'BATCH')")
    ground.meddle(f"update {INTERNAL}.running_operation set gone_since = now() - interval '1 day'")


# functions of a user's own, each of which does what it should not while that is written down
OWN = (
    "create schema own; create table own.wrong (what text);"
    " create function own.stale() returns table (n int) language sql stable as"
    " $$ select 1 / (not exists (select from own.wrong where what = 'stale'))::int $$;"
    " create function own.twice() returns table (n int) language sql stable as"
    " $$ select 1 from generate_series(0, (select count(*) from own.wrong where what = 'twice')) $$;"
    " create function own.slow() returns table (n int) language sql stable as"
    " $$ select 1 from (select pg_sleep(4 * count(*)) from own.wrong where what = 'slow') as s $$"
)


def misbehave(what: str) -> Step:
    return do(f"insert into own.wrong values ('{what}')")


def behave(what: str) -> Step:
    return do(f"delete from own.wrong where what = '{what}'")
