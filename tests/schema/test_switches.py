"""verify: a setting that switches event triggers off, for whomever, fails its check (17 and newer)."""

from __future__ import annotations

import pytest

from tests.fix_exporter import eventually
from tests.installing import failed_checks
from tests.schema.steps import rows

SWITCHES = {
    "alter database {database} set event_triggers = off": "off for every role in this database",
    "alter role {role} set event_triggers = 'No'": "off for role {role} in every database",
    "alter role {role} in database {database} set event_triggers = 0": "off for role {role} in this database",
    "alter role {role} in database postgres set event_triggers = off": None,
    "alter role {role} set event_triggers = on": None,
}


@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.usefixtures("mallory")
async def test_a_setting_that_switches_event_triggers_off_fails_its_check(installed_database: str, switch: str) -> None:
    """From 17 on; all else of the release still holds."""
    major = int(rows(installed_database, "show server_version_num")[0]["server_version_num"]) // 10000
    (database,) = rows(installed_database, "select quote_ident(current_database()) as name")
    names = {"database": database["name"], "role": "mallory"}
    if major < 17:
        assert rows(installed_database, "select current_setting('event_triggers', true) as value") == [{"value": None}]
        return
    rows(installed_database, switch.format(**names))
    found = await failed_checks(installed_database)
    rows(installed_database, f"alter database {names['database']} reset all")
    wanted = SWITCHES[switch]
    assert list(found) == ([] if wanted is None else ["nothing_switches_event_triggers_off"])
    assert wanted is None or next(iter(found.values())).endswith(wanted.format(**names))
    if "role" in switch:
        rows(installed_database, "alter role mallory reset all")
        rows(installed_database, f"alter role mallory in database {names['database']} reset all")
    assert await failed_checks(installed_database) == {}


async def test_the_servers_own_setting_counts_and_a_sessions_does_not(installed_database: str) -> None:
    if int(rows(installed_database, "show server_version_num")[0]["server_version_num"]) < 170000:
        return
    own = f"{installed_database}?options=-c%20event_triggers%3Doff"
    assert await failed_checks(own) == {}

    def reloaded(statement: str, wanted: str) -> None:
        rows(installed_database, statement)
        rows(installed_database, "select pg_reload_conf()")
        eventually(lambda: rows(installed_database, "show event_triggers") == [{"event_triggers": wanted}], 30)

    reloaded("alter system set event_triggers = off", "off")
    try:
        found = await failed_checks(installed_database)
    finally:
        reloaded("alter system reset event_triggers", "on")
    assert list(found) == ["nothing_switches_event_triggers_off"]
    assert found["nothing_switches_event_triggers_off"].endswith("off for the server")
