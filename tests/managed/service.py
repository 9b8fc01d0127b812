"""A server held to what a managed service allows: its customers' admin is no superuser, reads no file, and makes event
triggers where the service does so in its stead, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from psycopg.conninfo import make_conninfo

from tests.fix_databases import CLUSTER_FORGOTTEN, installed_clone, new_database
from tests.fix_sessions import Session, opened
from tests.postgres_server import Server
from tests.schema.steps import program, rows

OTHERS = ("exporter", "app", "auditor")
# what the documentation of the services gives to the first role, as far as plain PostgreSQL has it
GRANTS = "create role admin login createrole createdb replication in role pg_monitor"
# how a customer calls what docs/operations.md says that a superuser calls; nobody else sees the membership
AS_OWNER = (
    "begin; grant script_tracking_owner to current_user; {}; revoke script_tracking_owner from current_user; commit"
)
WITHOUT = "--without-event-triggers"
TRIGGERS = "select evtname, evtowner::regrole::text as owner from pg_event_trigger order by 1"


BAD_HEALTH = (
    "select check_name, status from script_tracking.get_system_health() where status in ('warning', 'critical')"
)
TARGET = {"target": "shop"}


@dataclass(frozen=True)
class Service:
    """One database of such a server, which its admin owns."""

    superuser: str  # DSN of the service itself, which no customer has

    @property
    def name(self) -> str:
        """Of the database."""
        return urlsplit(self.superuser).path.removeprefix("/")

    def dsn(self, user: str) -> str:
        """DSN of a role."""
        return make_conninfo(self.superuser, user=user)

    @contextmanager
    def session(self, user: str) -> Iterator[Session]:
        """A session of a role, in autocommit."""
        with opened(self.dsn(user)) as session:
            yield session

    def schema(self, *arguments: str, user: str = "admin") -> tuple[int, str]:
        """What `schema` exits with and says."""
        ended = program("schema", *arguments, "--dsn", self.dsn(user))
        return ended.returncode, ended.stdout + ended.stderr

    def as_owner(self, *statements: str) -> None:
        """The admin decides something."""
        with self.session("admin") as session:
            session.execute(AS_OWNER.format("; ".join(statements)).encode())

    def give_event_triggers(self) -> None:
        """What RDS, Aurora and Cloud SQL do when their admin makes an event trigger: it is made with a superuser's
        rights and belongs to the admin. Plain PostgreSQL knows no other way to that than a moment as superuser.
        """
        rows(self.superuser, "alter role admin superuser")
        try:
            rows(self.dsn("admin"), "select script_tracking_internal.make_event_triggers()")
        finally:
            rows(self.superuser, "alter role admin nosuperuser")


@contextmanager
def served(server: Server, template: str | None = None) -> Iterator[Service]:
    """A new database of the service's, which its admin owns: an empty one or a clone. Roles of the test go with it."""
    with new_database(server) if template is None else installed_clone(server, template) as superuser:
        rows(superuser, f"alter database {Service(superuser).name} owner to admin")
        if template is not None:  # the baseline is of an original that the admin had
            rows(superuser, CLUSTER_FORGOTTEN)
            rows(superuser, "select script_tracking_internal.settle_cluster()")
        yield Service(superuser)
    for role in OTHERS:
        if rows(server.dsn, "select from pg_roles where rolname = %s", role):
            rows(server.dsn, f"drop owned by {role}")
            rows(server.dsn, f"drop role {role}")
