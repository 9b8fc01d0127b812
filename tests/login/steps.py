"""What the tests of the login wrappers do again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from tests.fix_sessions import Session, value

ACME, GLOBEX = "acme", "globex"
REFUSED = {"success": False, "error": "invalid_credentials"}
UNAVAILABLE = {"success": False, "error": "unavailable"}
REFERENCE = "select script_tracking.configure_login(null, null, 'a test')"
LOGIN = "select auth.login_user_tracking(%s, %s, (select sha256(%s::bytea)))"
REGISTER = "select auth.register_user_tracking(%s)"
ATTEMPTS = """
select s.*, t.tenant_bk as tenant from script_tracking.script_execution_s as s
join script_tracking.tenant_h as t on t.tenant_hk = s.tenant_hk
where s.script_type in ('LOGIN', 'REGISTRATION') order by s.version_number
"""


@dataclass
class Shop:
    """A superuser's session, and the one of an application's role."""

    admin: Session
    app: Session
    role: str

    def log_in(self, email: str | None, password: str | None, tenant: str | None = ACME) -> Any:
        """The wrapper's answer to the application."""
        return value(self.app, LOGIN, email, password, tenant)

    def register(self, **data: object) -> Any:
        """The same of the other one; the tenant is that of the role."""
        return value(self.app, REGISTER, Jsonb(data))

    def configure(self, login: str | None, register: str | None = None) -> None:
        """Names the host's functions."""
        self.admin.execute("select script_tracking.configure_login(%s, %s, 'a test')", (login, register))

    def host(self, body: str, name: str = "app.login", returns: str = "jsonb", header: str = "") -> None:
        """Makes a function of the host's for logins, which the application's role may call, and names it."""
        self.admin.execute(
            f"create or replace function {name}(p_email varchar, p_password varchar, p_tenant bytea) returns {returns} "
            f"language plpgsql {header} as $host$ {body} $host$; "
            f"grant execute on function {name}(varchar, varchar, bytea) to {self.role}".encode()
        )
        self.configure(name)

    def attempts(self) -> list[DictRow]:
        """What is on record of them, oldest first."""
        return self.admin.execute(ATTEMPTS).fetchall()

    def last(self) -> DictRow:
        """The record of the last attempt."""
        return self.attempts()[-1]


def everything(admin: Session) -> str:
    """Every row of every table of the tracker's, as text."""
    admin.execute("reset role")
    tables: LiteralString = (
        "select c.oid::regclass::text as name from pg_class as c join pg_namespace as n on n.oid = c.relnamespace"
        " where n.nspname in ('script_tracking', 'script_tracking_internal') and c.relkind = 'r'"
    )
    texts = []
    for row in admin.execute(tables).fetchall():
        rows = admin.execute(f"select t::text as line from {row['name']} as t".encode()).fetchall()
        texts += [line["line"] for line in rows]
    return "\n".join(texts)
