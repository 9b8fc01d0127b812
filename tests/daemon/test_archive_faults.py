"""Faults of what archives: of its disk, its files, its database and its own process."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from exporter.archiveconfig import ArchiveConfig
from exporter.upkeep.archiver import Archiver
from tests.daemon.archived import FILES, KEEP, LEDGER, MANIFEST, STANDS, manifest_of, names, verify, verify_by_ledger
from tests.fix_exporter import StartExporter, eventually
from tests.fix_logs import told
from tests.fix_sessions import Session, meddling, value
from tests.vault_steps import age_archives, set_setting

pytestmark = pytest.mark.majors


@pytest.mark.parametrize("fault", ["missing", "a file", pytest.param("full", marks=pytest.mark.majors)])  # as root
async def test_a_fault_of_the_disk_is_told_once_and_mends(
    past: Session, archiving: Archiver, tmp_path: Path, fault: str, request: pytest.FixtureRequest
) -> None:
    place = tmp_path / "disk"
    archiving.config = ArchiveConfig(directory=place)
    if fault == "a file":
        place.write_text("x")
    elif fault == "full":
        if os.geteuid() != 0:
            pytest.skip("root is missing, who may mount a small file system")
        place.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], check=True)
        request.addfinalizer(lambda: subprocess.run(["umount", "--lazy", str(place)], check=False))
        (place / "filler").write_bytes(os.urandom(48 * 1024))
    with capture_logs() as logs:
        assert await archiving.round() is False
        assert await archiving.round() is False
    (line,) = told(logs)
    reasons = {"missing": "No such file", "a file": "Not a directory", "full": "No space left"}
    assert (line["event"], line["log_level"]) == ("archive_failed", "warning")
    assert reasons[fault] in str(line["reason"])
    assert (value(past, KEEP), value(past, LEDGER)) == (0, 0)
    if fault == "missing":
        place.mkdir()
    elif fault == "a file":
        place.unlink()
        place.mkdir()
    else:
        assert names(place / "shop") == [], "what could not be finished takes no room"
        (place / "filler").unlink()
    with capture_logs() as logs:
        assert await archiving.round() is True
    assert [line["event"] for line in told(logs)] == ["archived", "archive_recovered"]
    assert verify(place) == 0


async def test_where_the_database_does_not_have_it_archived_that_is_told(past: Session, archiving: Archiver) -> None:
    set_setting(past, "retention.archive", "off")
    with capture_logs() as logs:
        assert [await archiving.round(), await archiving.round()] == [False, False]
    (line,) = told(logs)
    assert "retention.archive" in str(line["reason"])
    assert (value(past, LEDGER), value(past, KEEP)) == (0, 0)


async def test_a_file_that_is_gone_is_written_again_while_its_partition_stands(
    past: Session, archiving: Archiver, tmp_path: Path, installed_database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await archiving.round() is True
    (tmp_path / "shop" / FILES[2]).unlink()
    assert verify(tmp_path) == 1
    assert f"FAILED shop/{MANIFEST}: {FILES[2]} is missing" in capsys.readouterr().out
    assert await archiving.round() is True
    assert (verify(tmp_path), value(past, LEDGER)) == (0, 6)
    assert value(past, KEEP) == 121
    shutil.rmtree(tmp_path / "shop")
    assert await archiving.round() is True
    (tmp_path / "other").mkdir()
    code, said = await asyncio.to_thread(verify_by_ledger, tmp_path, installed_database)
    assert (code, said.count("is not here as it was")) == (1, 3)
    assert "holds no archive" in said


async def test_files_are_looked_at_before_their_partition_goes(
    past: Session, archiving: Archiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their content, as what is as long may be something else, and by whichever host, as its name may change."""
    assert await archiving.round() is True
    age_archives(past, "20 minutes")
    assert (value(past, KEEP), value(past, STANDS)) == (0, True)
    satellite = tmp_path / "shop" / FILES[2]
    satellite.write_bytes(satellite.read_bytes()[:-1] + b"x")
    with capture_logs() as logs:
        assert await archiving.round() is True
    assert [line["event"] for line in told(logs)] == ["archive_lost", "archived"]
    assert (verify(tmp_path), value(past, LEDGER)) == (0, 6)
    age_archives(past, "2 hours")
    assert value(past, KEEP) == 0
    monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
    with capture_logs() as logs:
        assert await archiving.round() is True
    assert told(logs) == []
    assert (value(past, KEEP), value(past, STANDS), value(past, LEDGER)) == (121, False, 6)


async def test_an_archive_that_nobody_has_seen_for_long_is_written_again(
    past: Session, archiving: Archiver, tmp_path: Path, installed_database: str
) -> None:
    """As where it was written by a host that is gone, with its disk, for good or for a while."""
    archiving.config = ArchiveConfig(directory=tmp_path / "first")
    archiving.config.directory.mkdir()
    assert await archiving.round() is True
    archiving.config = ArchiveConfig(directory=tmp_path / "new")
    archiving.config.directory.mkdir()
    age_archives(past, "20 minutes")
    assert await archiving.round() is True
    assert (value(past, LEDGER), value(past, KEEP)) == (3, 0), "whoever wrote it may look at it yet"
    age_archives(past, "2 hours")
    assert await archiving.round() is True
    assert (value(past, LEDGER), verify(tmp_path / "new")) == (6, 0)
    archiving.config = ArchiveConfig(directory=tmp_path / "first")
    with capture_logs() as logs:
        assert await archiving.round() is True
    assert (told(logs), value(past, LEDGER)) == ([], 6), "who comes back neither archives nor removes anything"
    assert value(past, KEEP) == 121
    for place in ("first", "new"):
        assert verify(tmp_path / place) == 0
        code, said = await asyncio.to_thread(verify_by_ledger, tmp_path / place, installed_database)
        assert code == 0, said


def test_a_program_that_is_killed_before_it_entered_the_archive_does_it_again(
    past: Session, installed_database: str, exporter: StartExporter, tmp_path: Path
) -> None:
    place = tmp_path / "archive"
    place.mkdir()
    source = Path(__file__).parents[2] / "sql" / "code" / "retention" / "note_archive.sql"
    whole = source.read_text(encoding="utf-8")
    slow = whole.replace("begin\n", "begin\n  perform pg_sleep(600);\n", 1)

    def put(text: str) -> None:
        with past.transaction():
            past.execute(meddling("set local role script_tracking_owner").encode())
            past.execute(text.encode())

    put(slow)
    running = exporter(installed_database, archive={"directory": str(place)})
    folder = place / "shop"
    eventually(lambda: (folder / MANIFEST).exists(), 60)
    running.stop(signal.SIGKILL)
    assert (value(past, LEDGER), value(past, STANDS)) == (0, True)
    past.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where query like '%note_archive%' and pid <> pg_backend_pid()"
    )
    put(whole)
    running = exporter(installed_database, archive={"directory": str(place)})
    running.wait_for_value(1, "script_tracking_archive_success", 60.0, target="shop")
    assert running.value("script_tracking_archive_periods_total", target="shop") == 1
    written = running.value("script_tracking_archive_written_bytes_total", target="shop")
    assert written == sum(file.bytes for file in manifest_of(folder).files)
    assert value(past, LEDGER) == 3
    assert sorted(names(folder)) == sorted(FILES)
    assert verify(place) == 0
    assert running.stop() == 0


@pytest.mark.majors
def test_an_archive_that_fails_holds_nothing_else_up(
    past: Session, installed_database: str, exporter: StartExporter, tmp_path: Path
) -> None:
    place = tmp_path / "archive"
    running = exporter(installed_database, archive={"directory": str(place)})
    running.wait_for_value(0, "script_tracking_archive_success", 60.0, target="shop")
    running.wait_for_value(1, "script_tracking_upkeep_success", 60.0, target="shop")
    past.execute("create table public.seen (id int)")
    running.wait_for_value(
        1, "script_tracking_operations_total", 60.0,
        target="shop", tenant="system", script_type="DDL", status="COMPLETED",
    )  # fmt: skip
    running.wait_for_value(1, "script_tracking_partitions_kept", 120.0, target="shop", reason="not_archived")
    assert len(running.events("archive_failed")) == 1
    assert running.value("script_tracking_archive_last_success_timestamp_seconds", target="shop") is None
    assert value(past, STANDS) is True
    place.mkdir()
    running.wait_for_value(1, "script_tracking_archive_success", 120.0, target="shop")
    assert running.value("script_tracking_archive_last_success_timestamp_seconds", target="shop")
    assert len(running.events("archive_recovered")) == 1
