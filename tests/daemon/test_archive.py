"""The exporter archives what goes: files, manifests, the ledger, and faults of disk, database and program."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row
from structlog.testing import capture_logs

from exporter import archivefile
from exporter.archiveconfig import ArchiveConfig
from exporter.cli import main
from exporter.dsn import Dsn
from exporter.target import Target
from exporter.targetconfig import TargetConfig
from exporter.upkeep.archiver import Archiver
from tests.fix_exporter import StartExporter, eventually
from tests.fix_logs import told
from tests.fix_sessions import Session, meddling, value
from tests.vault_steps import DAYS_AGO, INTERNAL, LONG_AGO, make_past, record, roll_up, set_setting

LEDGER = f"select count(*) from {INTERNAL}.partition_archive"
STANDS = f"select to_regclass('{INTERNAL}.script_execution_s_past') is not null"
COUNTED = f"select sum(operations_total) from {INTERNAL}.collect_operations() where script_type = 'BATCH'"
KEEP = f"select {INTERNAL}.keep_retention()"
MANIFEST = "script_execution_past.manifest.json"
FILES = ["script_execution_h_past.ndjson.gz", MANIFEST, "script_execution_s_past.ndjson.gz"]
HARD = {"note": 'quote " back \\ tab \t null \u0001 \U0001f512', "deep": [1.50, 1e30, {"b": None, "aa": -0.0}]}


@pytest.fixture
def past(installed_database: str) -> Iterator[Session]:
    """A superuser's session on a record whose past partition is to be archived, with values that are hard to write."""
    with psycopg.connect(installed_database, autocommit=True, row_factory=dict_row) as admin:
        make_past(admin, DAYS_AGO)
        for name, text in (("retention.disposable", "all"), ("retention.archive", "on"), ("retention.days", "1")):
            set_setting(admin, name, text)
        for number in range(120):
            record(admin, at=LONG_AGO + timedelta(microseconds=number), status="FAILED" if number % 2 else "COMPLETED")
        with admin.transaction():
            admin.execute("set local role script_tracking_owner")
            admin.execute(
                f"select {INTERNAL}.record_execution(t.tenant_hk, 1, 'test', 'hard', 'BATCH', 'FAILED', %s, 1000,"
                " array['public.\"a b\"', 'ü,\"'], e'select ''\\n''', %s, null)"
                " from script_tracking.tenant_h as t".encode(),
                (LONG_AGO, json.dumps(HARD)),
            )
        roll_up(admin)
        yield admin


@pytest.fixture
async def archiving(installed_database: str, tmp_path: Path) -> Iterator[Archiver]:  # type: ignore[misc]
    """What archives below the test's folder."""
    target = Target(TargetConfig(name="shop", dsn=Dsn(installed_database)))
    yield Archiver(target, ArchiveConfig(directory=tmp_path))
    await target.close()


def names(folder: Path) -> list[str]:
    return sorted((path.name for path in folder.iterdir()), key=str.lower)


def manifest_of(folder: Path) -> archivefile.Manifest:
    return archivefile.read_manifest(folder / MANIFEST)


def verify(place: Path) -> int:
    """Its exit code; in a thread of its own, as it has an event loop of its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(main, ["archive", "verify", str(place)]).result()


def verify_by_ledger(place: Path, dsn: str) -> tuple[int, str]:
    """Its exit code, and what it says."""
    command = [sys.executable, "-m", "exporter", "archive", "verify", str(place), "--dsn", dsn]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


async def test_it_archives_verifies_and_removes(
    past: Session, archiving: Archiver, tmp_path: Path, installed_database: str
) -> None:
    before = value(past, COUNTED)
    with capture_logs() as logs:
        assert await archiving.round() is True
        assert await archiving.round() is True
    (line,) = told(logs)
    assert (line["event"], line["rows"]) == ("archived", {FILES[0]: 121, FILES[2]: 121})
    folder = tmp_path / "shop"
    assert sorted(names(folder)) == sorted(FILES)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    manifest = manifest_of(folder)
    assert (manifest.target, manifest.partition_from, manifest.source.incarnation) == ("shop", None, 1)
    ledger = past.execute(
        "select file_name, file_sha256, row_count, place from script_tracking.get_archives()"
    ).fetchall()
    assert [(row["file_name"], row["file_sha256"], row["row_count"]) for row in ledger] == [
        (file.file, file.sha256, file.rows) for file in manifest.files
    ]
    assert str(ledger[0]["place"]).endswith(f":{folder}")
    code, said = await asyncio.to_thread(verify_by_ledger, tmp_path, installed_database)
    assert (code, said) == (
        0,
        f"ok     shop/{MANIFEST}: 121 rows of script_execution_h, 121 rows of script_execution_s\n",
    )
    assert (value(past, KEEP), value(past, STANDS), value(past, COUNTED)) == (121, False, before)
    assert archiving.target.archiving.count == 0, "no session is kept"


async def test_an_archive_is_read_back_as_the_manual_says(past: Session, archiving: Archiver, tmp_path: Path) -> None:
    past.execute("create schema restored; create table restored.before as table script_tracking.script_execution_s")
    assert await archiving.round() is True
    assert value(past, KEEP) == 121
    page = (Path(__file__).parents[2] / "docs" / "archive.md").read_text(encoding="utf-8")
    make, load = (block.split("```")[0] for block in page.split("```sql by-hand\n")[1:3])
    past.execute(make.encode())
    with (
        past.cursor() as cursor,
        cursor.copy("copy restored.line from stdin with (format csv, quote e'\\x01', delimiter e'\\x02')") as copy,
    ):
        copy.write(gzip.decompress((tmp_path / "shop" / FILES[2]).read_bytes()))
    past.execute(load.encode())
    difference = "(table restored.{0} except table restored.{1})"
    old = "select count(*) from restored.script_execution_s"
    assert value(past, old) == 121
    assert past.execute(difference.format("script_execution_s", "before").encode()).fetchall() == []


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
    assert (verify(tmp_path), value(past, LEDGER)) == (0, 4)
    assert value(past, KEEP) == 121
    shutil.rmtree(tmp_path / "shop")
    assert await archiving.round() is True
    (tmp_path / "other").mkdir()
    code, said = await asyncio.to_thread(verify_by_ledger, tmp_path, installed_database)
    assert (code, said.count("is not here as it was")) == (1, 2)
    assert "holds no archive" in said


async def test_another_record_s_archive_is_never_overwritten(
    past: Session, archiving: Archiver, tmp_path: Path
) -> None:
    assert await archiving.round() is True
    folder = tmp_path / "shop"
    kept = {name: (folder / name).read_bytes() for name in FILES}
    past.execute(f"update {INTERNAL}.installation set incarnation = incarnation + 1".encode())
    (folder / f"old{archivefile._UNFINISHED}").touch()
    os.utime(folder / f"old{archivefile._UNFINISHED}", (0, 0))
    assert await archiving.round() is True
    assert {name: (folder / name).read_bytes() for name in FILES} == kept
    assert sorted(set(names(folder)) - set(FILES)) == [
        "script_execution_h_past.2.ndjson.gz",
        "script_execution_past.2.manifest.json",
        "script_execution_s_past.2.ndjson.gz",
    ]
    assert verify(tmp_path) == 0


async def test_two_exporters_at_once_write_one_archive(
    past: Session, archiving: Archiver, tmp_path: Path, installed_database: str
) -> None:
    target = Target(TargetConfig(name="shop", dsn=Dsn(installed_database)))
    other = Archiver(target, ArchiveConfig(directory=tmp_path))
    try:
        assert list(await asyncio.gather(archiving.round(), other.round())) == [True, True]
    finally:
        await target.close()
    assert sorted(names(tmp_path / "shop")) == sorted(FILES)
    assert (await asyncio.to_thread(verify_by_ledger, tmp_path, installed_database))[0] == 0
    assert value(past, KEEP) == 121


async def test_verify_finds_what_is_not_as_it_was_written(
    past: Session, archiving: Archiver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await archiving.round() is True
    folder = tmp_path / "shop"
    saved = {name: (folder / name).read_bytes() for name in FILES}

    def found() -> str:
        assert verify(tmp_path) == 1
        for name, content in saved.items():
            (folder / name).write_bytes(content)
        return capsys.readouterr().out

    def forge(name: str, old: bytes, new: bytes) -> None:
        """As one would who changes the manifest as well."""
        lines = gzip.decompress(saved[name])
        assert old in lines
        content = gzip.compress(lines.replace(old, new, 1))
        (folder / name).write_bytes(content)
        manifest = json.loads(saved[MANIFEST])
        for file in manifest["files"]:
            if file["file"] == name:
                file |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        (folder / MANIFEST).write_text(json.dumps(manifest))

    (folder / FILES[0]).write_bytes(saved[FILES[0]][:-9])
    assert "is not the file that was written" in found()
    forge(FILES[2], b'"FAILED"', b'"COMPLETED"')
    assert "has a hash_diff that is not that of its fields" in found()
    forge(FILES[0], b'"job_', b'"jab_')
    assert "has a hash key that is not its business key's" in found()
    forge(FILES[0], gzip.decompress(saved[FILES[0]]).splitlines(keepends=True)[0], b"")
    assert "holds 120 rows, by its manifest 121" in found()
    first, second = gzip.decompress(saved[FILES[0]]).splitlines(keepends=True)[1:3]
    forge(FILES[0], second, first)
    assert "do not tell of the same executions" in found()
    forge(FILES[2], b'"xid":', b'"xyd":')
    assert "has other columns than the manifest" in found()
    (folder / MANIFEST).write_text("{}")
    assert "is no manifest" in found()
    assert verify(tmp_path) == 0
    assert verify(tmp_path / "nowhere") == 2


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
    assert value(past, LEDGER) == 2
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


def test_folders_of_targets_are_told_apart_and_stay_below_the_directory() -> None:
    base = Path("/archives")
    targets = ["shop", "db:5432/shop", "..", ".", "a/../b", "x" * 200, "x" * 199 + "y", "ü", "%2E", "db%3A5432%2Fshop"]
    folders = [archivefile.target_folder(base, target) for target in targets]
    assert len(set(folders)) == len(targets)
    assert all(folder.parent == base and folder.name not in (".", "..") for folder in folders)
    assert all(len(folder.name) < 255 for folder in folders)
    assert folders[0] == base / "shop"


@pytest.mark.majors  # thousands of rows to write first
async def test_a_large_partition_is_archived_in_bounded_memory(
    past: Session, archiving: Archiver, tmp_path: Path
) -> None:
    with past.transaction():
        past.execute("set local role script_tracking_owner")
        past.execute(
            f"select count({INTERNAL}.record_execution(t.tenant_hk, 1, 'test', 'large', 'BATCH', 'COMPLETED', %s, 1000,"
            " null, repeat(md5(n::text), 60), jsonb_build_object('duration_us', 1000), null))"
            " from script_tracking.tenant_h as t, generate_series(1, 20000) as n where t.tenant_bk = 'system'".encode(),
            (LONG_AGO,),
        )
    roll_up(past)
    tracemalloc.start()
    try:
        assert await archiving.round() is True
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    (satellite,) = (file for file in manifest_of(tmp_path / "shop").files if file.relation == "script_execution_s")
    lines = len(gzip.decompress((tmp_path / "shop" / satellite.file).read_bytes()))
    print(f"peak {peak} of {lines} bytes")
    assert satellite.rows == 20121
    assert lines > 50_000_000
    assert peak < lines / 3
    assert verify(tmp_path) == 0
