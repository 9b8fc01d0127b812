"""Calls the functions of one target's collectors, one by one or several by one message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from exporter.answer import Answer
from exporter.collect.caps import Caps
from exporter.collect.copies import CopyCheck
from exporter.collect.teller import Teller
from exporter.errors import QueryFailed
from exporter.metricmap import CollectorSpec
from exporter.schedule import monotonic
from exporter.sessions import Session
from exporter.statement import Call, call, call_together
from exporter.target import Target

SHOWN_VERSION = 21  # the migration since which the database tells which tenants and types came first


class Caller:
    """What the database answers, if anything of it may be handed out."""

    def __init__(self, target: Target, copies: CopyCheck, teller: Teller, caps: Caps) -> None:
        self._target = target
        self._copies = copies
        self._teller = teller
        self._caps = caps

    async def one(self, spec: CollectorSpec) -> Answer | None:
        """What one function returns; None of an unconfirmed copy. Raises QueryFailed and TargetUnavailable."""
        self._check(spec)
        async with self._target.session() as session:
            if await self._copies.is_unconfirmed(session):
                return None
            began = monotonic()
            limit, known = spec.row_limit + 1, self._teller.known(spec)
            answer = await call(session.connection, spec.function, timeout=spec.timeout, limit=limit, known=known)
            answer = replace(answer, seconds=monotonic() - began)
            await self._learn(session, spec, answer)
        return answer

    async def several(self, specs: Sequence[CollectorSpec], *, within: float) -> Sequence[Answer] | None:
        """What each function returns, or None; raises like `one`, also where but one fails, and NoAnswer. As much a
        sign of life as a probe.
        """
        for spec in specs:
            self._check(spec)
        async with self._target.session() as session:
            if await self._copies.is_unconfirmed(session):
                return None
            calls = [Call(spec.function, spec.timeout, spec.row_limit + 1, self._teller.known(spec)) for spec in specs]
            answers, standby = await call_together(session.connection, calls, within=within)
            self._target.is_standby(standby)
            for spec, answer in zip(specs, answers, strict=True):
                await self._learn(session, spec, answer)
        return answers

    def _check(self, spec: CollectorSpec) -> None:
        if not self._target.may_collect:
            raise QueryFailed("the schema is newer than this program and marked breaking")
        if self._target.schema_version < spec.minimum_version:
            raise QueryFailed(f"schema version {self._target.schema_version} is below {spec.minimum_version}")

    async def _learn(self, session: Session, spec: CollectorSpec, answer: Answer) -> None:
        if answer.count > spec.row_limit:
            raise QueryFailed(f"{spec.function}() returns more than {spec.row_limit} rows (row_limit)")
        if not answer.is_known and self._target.schema_version >= SHOWN_VERSION:
            await self._caps.learn(session.connection, spec, answer.rows)
