"""A primary and a standby that follows it by streaming replication, made by a base backup while the primary runs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from tests.faults.server import children
from tests.fix_exporter import eventually
from tests.fix_sessions import opened, value
from tests.harmless.cluster import PREFIX, Cluster

PRIMARY = {"fsync": "on", "synchronous_commit": "on", "wal_keep_size": "64MB"}
LEFT_OUT = ("postmaster.pid", "postmaster.opts", "pg_replslot")
WITHIN_SECONDS = 60


def online_standby(primary: Cluster, name: str) -> Cluster:
    """A cluster that will follow a running one, from a base backup by PostgreSQL's low-level functions: pg_basebackup
    does not come with the servers of the tests.
    """
    other = Cluster(primary.binaries, {**primary._settings, "synchronous_standby_names": ""})
    other._home = Path(tempfile.mkdtemp(prefix=PREFIX))
    data, copy = primary.home / "data", other._home / "data"
    with psycopg.connect(primary.dsn, autocommit=True) as admin:
        begin, end = (
            ("select pg_backup_start('standby', true)", "select labelfile from pg_backup_stop(false)")
            if admin.info.server_version >= 150000
            else (
                "select pg_start_backup('standby', true, false)",
                "select labelfile from pg_stop_backup(false, false)",
            )
        )
        admin.execute(begin.encode())
        _copy(data, copy)
        label = admin.execute(end.encode()).fetchone()
        assert label is not None
        (copy / "backup_label").write_text(label[0])
        _copy(data / "pg_wal", copy / "pg_wal")  # whatever was written meanwhile
    (copy / "standby.signal").touch()
    (copy / "pg_replslot").mkdir(mode=0o700, exist_ok=True)
    if primary._user is not None:
        subprocess.run(["chown", "-R", primary._user, str(other._home)], check=True)
    other._settings["primary_conninfo"] = f"host=127.0.0.1 port={primary.port} user=postgres application_name={name}"
    other._settings["hot_standby_feedback"] = "on"
    return other


def _copy(source: Path, target: Path) -> None:
    """A folder of a running server: what goes amid it is not in the backup either."""

    def one(file: str, to: str) -> str:
        with suppress(FileNotFoundError):
            shutil.copy2(file, to)
        return to

    shutil.copytree(
        source,
        target,
        copy_function=one,
        dirs_exist_ok=True,
        ignore=lambda _, names: [n for n in names if n in LEFT_OUT],
    )


@dataclass
class Streaming:
    """Both; `shop` is the database of the primary at the time, by libpq's own choice among them."""

    primary: Cluster
    standby: Cluster
    _frozen: list[int] = field(default_factory=list)

    @property
    def shop(self) -> str:
        """DSN, as superuser, of whichever takes writes."""
        ports = f"{self.primary.port},{self.standby.port}"
        return f"host=127.0.0.1,127.0.0.1 port={ports} user=postgres dbname=shop target_session_attrs=read-write"

    def dsn(self, server: Cluster, **fields: str) -> str:
        """DSN of the database on one of them."""
        return make_conninfo(server.dsn, dbname="shop", **fields)

    def follows(self) -> None:
        """Waits until the standby has all that the primary has written."""
        with opened(self.dsn(self.primary)) as here, opened(self.dsn(self.standby)) as there:
            written = value(here, "select pg_current_wal_flush_lsn()")
            replayed = "select coalesce(pg_last_wal_replay_lsn() >= %s::pg_lsn, false)"
            eventually(lambda: value(there, replayed, written), WITHIN_SECONDS)

    def cut_off(self) -> None:
        """From now on the standby gets nothing any more."""
        with opened(self.dsn(self.standby)) as there:
            pid = value(there, "select pid from pg_stat_activity where backend_type = 'walreceiver'")
        assert isinstance(pid, int)
        os.kill(pid, signal.SIGSTOP)
        self._frozen.append(pid)

    def fail_over(self) -> None:
        """Kills the primary, and promotes the standby."""
        left = children(self.primary)
        assert self.primary.pid is not None
        os.kill(self.primary.pid, signal.SIGKILL)
        eventually(lambda: not [child for child in left if Path(f"/proc/{child}").exists()], WITHIN_SECONDS)
        for pid in self._frozen:
            os.kill(pid, signal.SIGCONT)
        time.sleep(1)  # that it is gone is to be seen for a while
        with opened(self.dsn(self.standby)) as there:
            assert value(there, "select pg_promote()") is True


@contextmanager
def streaming(binaries: Path, *, synchronous: bool) -> Iterator[Streaming]:
    """Both running, with an empty database shop."""
    with ExitStack() as stack:
        primary = Cluster(binaries, PRIMARY)
        stack.callback(primary.close)
        primary.start()
        with psycopg.connect(primary.dsn, autocommit=True) as admin:
            admin.execute("create database shop")
        standby = online_standby(primary, "second")
        stack.callback(standby.close)
        standby.start()
        found = Streaming(primary, standby)
        with psycopg.connect(primary.dsn, autocommit=True) as admin:
            if synchronous:
                admin.execute("alter system set synchronous_standby_names = 'second'")
                admin.execute("select pg_reload_conf()")
            states = "select count(*) = 1 from pg_stat_replication where state = 'streaming' and sync_state = %s"

            def streams() -> bool:
                row = admin.execute(states, ("sync" if synchronous else "async",)).fetchone()
                return row == (True,)

            eventually(streams, WITHIN_SECONDS)
        yield found
