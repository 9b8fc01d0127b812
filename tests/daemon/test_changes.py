"""Captured DDL judged by change windows and references: once, whichever exporter comes first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from exporter.changes.judge import Judge
from exporter.changes.references import RuleBook
from exporter.changes.rules import Rules
from exporter.changesconfig import ChangesConfig
from exporter.dsn import Dsn
from exporter.target import Target
from exporter.targetconfig import TargetConfig
from tests.daemon.test_reload import change, sighup
from tests.fix_databases import new_database
from tests.fix_exporter import StartExporter, eventually
from tests.fix_sessions import Session, opened, value
from tests.harmless.pooler import Pooler, program
from tests.installing import installed
from tests.postgres_server import Server
from tests.vault_steps import pass_horizon

NEVER = {"name": "never", "days": [], "from": "00:00", "to": "24:00"}
ALWAYS = {"name": "always", "from": "00:00", "to": "24:00"}
CHANGES = {"windows": [NEVER], "references": [{"pattern": "CHG[0-9]{7}"}]}
VERDICTS = (
    "select coalesce(jsonb_object_agg(verdict, n), '{}') from ("
    "select verdict, count(*) as n from script_tracking.script_execution_change_s group by 1) as v"
)
JUDGED = "script_tracking_ddl_judged_total"
OPEN = "script_tracking_change_window_open"


@pytest.fixture
def admin(installed_database: str) -> Iterator[Session]:
    with opened(installed_database) as session:
        yield session


@pytest.fixture(params=["direct", "pooler"])
async def pair(
    request: pytest.FixtureRequest, postgres: Server, installed_database: str
) -> AsyncIterator[tuple[Judge, Judge]]:
    """Two that judge one database, as two exporters do."""
    dsn, pooler = installed_database, None
    if request.param == "pooler":
        if program() is None:
            pytest.skip("pgbouncer is missing (Debian: apt-get install pgbouncer)")
        pooler = Pooler(postgres)
        dsn = pooler.dsn(installed_database)
    targets = [Target(TargetConfig(name="shop", dsn=Dsn(dsn))) for _ in range(2)]
    config = ChangesConfig.model_validate(CHANGES)
    one, two = (Judge(target, RuleBook(config)) for target in targets)
    assert await one.round() and await two.round()
    yield one, two
    for target in targets:
        await target.close()
    if pooler is not None:
        pooler.stop()


def ddl(admin: Session, name: str, reference: str = "") -> None:
    """A statement that is captured."""
    admin.execute("select set_config('script_tracking.change_ref', %s, false)", (reference,))
    admin.execute(f"create table public.{name} (id int)".encode())
    pass_horizon(admin)


async def test_two_that_judge_at_once_judge_each_statement_once(pair: tuple[Judge, Judge], admin: Session) -> None:
    for number in range(10):
        ddl(admin, f"t{number}", "CHG0001234" if number % 2 else "")
        assert all(await asyncio.gather(*(judge.round() for judge in pair)))
    for number in range(10, 30):
        ddl(admin, f"t{number}")
    pass_horizon(admin)
    assert all(await asyncio.gather(*(judge.round() for judge in pair * 2)))
    assert value(admin, VERDICTS) == {"outside": 25, "approved": 5}
    total = "select sum(ddl_judged_total) from script_tracking_internal.collect_changes()"
    assert value(admin, total) == 30
    assert all(judge.lag == 0 and judge.last_success for judge in pair)
    rules = Rules(ChangesConfig.model_validate(CHANGES))
    hashes = "select string_agg(encode(rules_hash, 'hex'), ',') from script_tracking.get_change_rules()"
    assert value(admin, hashes) == rules.fingerprint, "as check-config prints it"


@pytest.mark.parametrize("pair", ["direct"], indirect=True)
async def test_judging_waits_for_a_file_that_was_never_read(
    pair: tuple[Judge, Judge], admin: Session, tmp_path: Path
) -> None:
    path = tmp_path / "approved.yaml"
    judge, _ = pair
    judge.book = RuleBook(ChangesConfig.model_validate({"reference_files": [path]}))
    ddl(admin, "a", "CHG1")
    assert await judge.round() is False
    assert value(admin, VERDICTS) == {}
    path.write_text("- CHG1\n", encoding="utf-8")
    assert await judge.round() is True
    assert value(admin, VERDICTS) == {"approved": 1}
    path.write_text("- CHG1\n- CHG2\n", encoding="utf-8")
    ddl(admin, "b", "CHG2")
    assert await judge.round() is True
    assert value(admin, VERDICTS) == {"approved": 2}, "entered before it was used"


@pytest.mark.parametrize("pair", ["direct"], indirect=True)
async def test_what_one_transaction_wrote_is_judged_whole(pair: tuple[Judge, Judge], admin: Session) -> None:
    with admin.transaction():
        admin.execute(
            "do $$ begin for n in 1..2500 loop execute format('create table public.m%s ()', n); end loop; end $$"
        )
    assert await pair[0].round()
    assert (
        int(str(value(admin, "select sum(ddl_judged_total) from script_tracking_internal.collect_changes()"))) >= 2500
    )


@pytest.mark.majors
def test_it_is_told_and_follows_the_configuration(
    installed_database: str, admin: Session, exporter: StartExporter
) -> None:
    running = exporter(installed_database, changes=CHANGES)
    shop = {"target": "shop", "tenant": "system"}
    running.wait_for_value(0, JUDGED, **shop, verdict="outside")
    running.wait_for_value(0, OPEN, target="shop", window="never")
    running.wait_for_value(1, "script_tracking_change_judging_success", target="shop")
    ddl(admin, "a")
    ddl(admin, "b", "CHG0001234")
    running.wait_for_value(1, JUDGED, **shop, verdict="outside")
    running.wait_for_value(1, JUDGED, **shop, verdict="approved")
    change(running, changes={"windows": [ALWAYS]})
    sighup(running)
    running.wait_for_value(1, OPEN, target="shop", window="always")
    assert running.value(OPEN, target="shop", window="never") is None
    ddl(admin, "c")
    running.wait_for_value(1, JUDGED, **shop, verdict="inside")
    assert value(admin, VERDICTS) == {"outside": 1, "approved": 1, "inside": 1}, "what was judged stays so"
    change(running, changes=None)
    sighup(running)
    running.wait_for_value(None, OPEN, target="shop", window="always")
    ddl(admin, "d")
    eventually(lambda: running.value("script_tracking_change_judging_success", target="shop") is None, 60)
    assert value(admin, VERDICTS) == {"outside": 1, "approved": 1, "inside": 1}


def test_without_the_key_nothing_is_judged_or_told(
    installed_database: str, admin: Session, exporter: StartExporter
) -> None:
    running = exporter(installed_database)
    running.wait_for_value(1, "script_tracking_collector_success", target="shop", collector="changes")
    ddl(admin, "a")
    told = running.get("/metrics").body.decode()
    assert not [line for line in told.splitlines() if line.startswith((JUDGED, "script_tracking_change_"))]
    assert value(admin, "select horizon from script_tracking_internal.change_state") is None


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
async def test_a_name_that_the_database_has_no_characters_for_is_told_by_numbers(
    postgres: Server, encoding: str
) -> None:
    names = "Ночь", "d'été \\ 𝄞"
    told = {
        "LATIN1": (r"\u041d\u043e\u0447\u044c", r"d'été \ \ud834\udd1e"),
        "SQL_ASCII": (r"\u041d\u043e\u0447\u044c", r"d'\u00e9t\u00e9 \ \ud834\udd1e"),
    }[encoding]
    with new_database(postgres, encoding=encoding) as database:
        dsn = make_conninfo(database, client_encoding="UTF8")
        await installed(dsn)
        target = Target(TargetConfig(name="shop", dsn=Dsn(database)))
        windows = [ALWAYS | {"name": names[0]}, NEVER | {"name": names[1]}]
        judge = Judge(target, RuleBook(ChangesConfig.model_validate({"windows": windows})))
        try:
            assert await judge.round()
            with opened(dsn) as session:
                ddl(session, "t")
                assert await judge.round()
                windowed = "select window_name from script_tracking.script_execution_change_s"
                assert value(session, windowed) == told[0]
                stored = "select array(select jsonb_path_query(rules, '$.windows[*].name') #>> '{}')"
                assert value(session, stored + " from script_tracking.get_change_rules()") == list(told)
                hashed = "select bool_and(rules_hash = sha256(convert_to(rules, 'UTF8'))) from"
                assert value(session, f"{hashed} script_tracking_internal.change_rules") is True
                violations = "select sum(violations) from script_tracking.vault_check(60)"
                assert value(session, violations) == 0
        finally:
            await target.close()
