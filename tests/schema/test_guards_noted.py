"""What the installer notes of the event triggers and of what tells tenants apart, so that a change of them is told."""

from __future__ import annotations

from pathlib import Path

from tests.fix_sessions import meddling
from tests.installing import installed
from tests.schema.steps import rows

CHANGED = "select * from script_tracking_internal.changed_guards()"


async def test_what_a_newer_release_makes_of_them_is_right_and_so_is_what_an_upgrade_puts_back(
    installed_database: str, release: Path
) -> None:
    assert rows(installed_database, CHANGED) == []
    code = release / "code" / "capture" / "event_trigger_ddl_end.sql"
    text = code.read_text(encoding="utf-8")
    newer = text.replace("  v_began ", "  v_newer integer;\n  v_began ", 1)
    assert newer != text
    code.write_text(newer, encoding="utf-8")
    await installed(installed_database, release)
    assert rows(installed_database, CHANGED) == []
    rows(installed_database, meddling("alter function script_tracking.event_trigger_ddl_end() security invoker"))
    assert rows(installed_database, CHANGED) == [{"kind": "event_trigger", "name": "et_ddl_command_end"}]
    await installed(installed_database, release, restore=True)
    assert rows(installed_database, CHANGED) == []
