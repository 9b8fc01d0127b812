"""Asks a target as a token's role, and puts into words for the outside what the database refuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from psycopg import sql

from exporter.apiconfig import ApiToken
from exporter.database import Connection, Row
from exporter.errors import QueryFailed, ScriptTrackingError, TargetUnavailable, UnreadableText
from exporter.logs import get_logger
from exporter.sqlfiles import query
from exporter.statement import fetch
from exporter.target import Target
from exporter.watch import Watch
from exporter.web.api.problems import Problem
from exporter.web.api.seats import Seats

log = get_logger("api")

STATEMENT_SECONDS = 10.0
MOST_LOGGED = 1000

# by SQLSTATE, else by its class: status, words, seconds after which to try again
_REFUSALS: Mapping[str, tuple[int, str, int | None]] = {
    "ST003": (422, "the database does not take these arguments", None),
    "22": (422, "the database does not take these values", None),
    "42501": (403, "this token's role may not read that", None),
    "57014": (503, f"it took longer than {STATEMENT_SECONDS:g} s: ask for less", None),
    "55P03": (503, "the record is locked at the moment", 1),
    "53": (503, "the database is short of resources", 5),
    "40": (503, "the database asks to try again", 1),
    "3F000": (503, "the tracking schema is not installed there", 60),
    "42883": (503, "the tracking schema there is older than this API", 60),
}


class Desk:
    """Takes questions to the targets."""

    def __init__(self, watches: Callable[[], Sequence[Watch]]) -> None:
        self._watches = watches
        self._seats = Seats()
        self._told: dict[tuple[str, str], str] = {}  # by target and token: what the log says of it

    def targets(self, token: ApiToken) -> list[Target]:
        """Those that a token reads, by their names."""
        targets = [watch.target for watch in self._watches()]
        return sorted((one for one in targets if token.reads(one.name)), key=lambda one: one.name)

    def target(self, token: ApiToken, name: str | None) -> Target:
        """The one that is asked for, or the only one. Raises Problem."""
        targets = self.targets(token)
        if name is None and len(targets) > 1:
            raise Problem(400, "target: there are several; name one of those that /api/v1/targets lists")
        for target in targets:
            if name in (None, target.name):
                return target
        raise Problem(404, "there is no such target")

    async def rows(self, token: ApiToken, target: Target, statement: str, values: Mapping[str, Any]) -> list[Row]:
        """What a statement of sql/queries/api.sql answers, as the token's role. Raises Problem."""
        if target.up is False:
            raise Problem(503, "the database does not answer", retry_after=5)
        if target.schema_known.is_set() and not (target.schema_version and target.may_collect):
            raise Problem(503, "the tracking schema there is missing, or newer than this program", retry_after=60)
        names = {key: sql.Literal(value) for key, value in values.items()}
        acting = sql.SQL(query("api", "act_as")).format(role=token.role, tenant=token.tenant or "")
        text = sql.SQL(";\n").join([acting, sql.SQL(query("api", statement)).format(**names)])
        try:
            async with self._seats.session(target) as connection:
                try:
                    return await self._ask(connection, text)
                except UnreadableText:
                    log.warning("api_unreadable", target=target.name, token=token.name, statement=statement)
                    raise Problem(503, "the record holds what is no UTF-8") from None
                except QueryFailed as error:
                    raise await self._refusal(token, target, connection, error) from None
        except TargetUnavailable as error:
            log.warning("api_unanswered", target=target.name, token=token.name, reason=str(error))
            raise Problem(503, "the database does not answer", retry_after=5) from None

    async def _ask(self, connection: Connection, text: sql.Composed) -> list[Row]:
        return await fetch(
            connection, text, timeout=STATEMENT_SECONDS + 1, statement_timeout=STATEMENT_SECONDS, read_only=True
        )

    async def _refusal(self, token: ApiToken, target: Target, connection: Connection, error: QueryFailed) -> Problem:
        """What is told of a refusal. Where the role cannot be acted as the log says what is to be done, once."""
        state = error.sqlstate or ""
        if state in ("42501", "22023"):
            reason = await self.why_not(connection, token.role)
            if reason is not None:
                key = target.name, token.name
                if self._told.get(key) != reason:
                    self._told = {} if len(self._told) >= MOST_LOGGED else self._told
                    self._told[key] = reason
                    log.error("api_role_refused", target=target.name, token=token.name, role=token.role, advice=reason)
                return Problem(403, "the role of this token cannot be acted as there; the exporter's log says why")
        refusal = _REFUSALS.get(state) or _REFUSALS.get(state[:2])
        if refusal is None:
            log.error("api_failed", target=target.name, token=token.name, sqlstate=state, reason=str(error))
            return Problem(503, "the database could not answer")
        status, words, retry_after = refusal
        return Problem(status, words, retry_after=retry_after)

    async def why_not(self, connection: Connection, role: str) -> str | None:
        """Why a role cannot be acted as, or may not read, and what to run then; None where all is well."""
        statement = sql.SQL(query("api", "role_state")).format(role=role)
        try:
            (row,) = await fetch(connection, statement, timeout=STATEMENT_SECONDS, read_only=True)
        except TargetUnavailable:
            raise
        except ScriptTrackingError as error:
            return str(error)
        return None if row["reason"] is None else str(row["reason"])
