"""The API's sessions, within this process: few at once, one a target, closed when nobody asks."""

from __future__ import annotations

import asyncio
import hashlib
from types import SimpleNamespace
from typing import Any, cast

import pytest

from exporter.apiconfig import ApiToken
from exporter.database import connect
from exporter.dsn import Dsn
from exporter.sessions import Sessions
from exporter.statement import fetch
from exporter.target import Target
from exporter.targetconfig import TargetConfig
from exporter.web.api import seats
from exporter.web.api.asking import Desk
from exporter.web.api.problems import Problem
from tests.api.conftest import superuser
from tests.fix_sessions import MakeRole, Session

OPEN = "select count(*)::int as n from pg_stat_activity where application_name = 'script-tracking-exporter api'"


def token(role: str, *targets: str) -> ApiToken:
    """A token of this role."""
    return ApiToken(name="t", token_sha256=hashlib.sha256(b"t").hexdigest(), role=role, targets=targets or ("*",))


def desk_of(dsn: str, *names: str) -> tuple[Desk, list[Target]]:
    """A desk at targets of these names, all of them this database."""
    targets = [Target(TargetConfig.model_validate({"name": name, "dsn": dsn})) for name in names]
    return Desk(lambda: cast(Any, [SimpleNamespace(target=target) for target in targets])), targets


async def refusal(asking: Any) -> tuple[int, str]:
    """Status and words of the problem that a question meets."""
    with pytest.raises(Problem) as caught:
        await asking
    return caught.value.status, caught.value.detail


async def test_sessions_are_few_and_go_when_nobody_asks(
    installed_database: str, make_role: MakeRole, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = token(make_role("script_tracking_reader"))
    desk, targets = desk_of(installed_database, *"abcdefg")
    monkeypatch.setattr(seats, "IDLE_SECONDS", 1.0)
    monkeypatch.setattr(seats, "WAIT_SECONDS", 120.0)  # whatever else the machine does: who waits is not sent away
    watcher = await connect(Dsn(installed_database), application_name="watcher")
    most = 0

    async def ask(target: Target) -> None:
        nonlocal most
        for _ in range(3):
            rows = await desk.rows(reader, target, "health", {"after_0": None, "limit": 100})
            assert rows
            most = max(most, sum(other.answering.count for other in targets))  # the server is slower to forget them

    try:
        await asyncio.gather(*(ask(target) for target in targets), *(ask(target) for target in targets[:1]))
        assert 1 <= most <= seats.MOST_OPEN
        async with asyncio.timeout(60):
            while (await fetch(watcher, OPEN, timeout=10))[0]["n"]:
                await asyncio.sleep(0.1)
        assert await desk.rows(reader, targets[0], "health", {"after_0": None, "limit": 100})
        await targets[0].close()
        gone = await refusal(desk.rows(reader, targets[0], "health", {"after_0": None, "limit": 100}))
        assert gone == (503, "the database does not answer")
    finally:
        await watcher.close()
        for target in targets:
            await target.close()


async def test_who_waits_too_long_for_a_session_is_told(
    installed_database: str, make_role: MakeRole, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = token(make_role("script_tracking_reader"))
    desk, (target,) = desk_of(installed_database, "a")
    monkeypatch.setattr(seats, "WAIT_SECONDS", 0.2)
    async with desk._seats.session(target):
        asking = desk.rows(reader, target, "health", {"after_0": None, "limit": 100})
        assert await refusal(asking) == (503, "others keep this target's session busy")
        desk._seats._room = asyncio.Semaphore(0)
        elsewhere = desk.rows(reader, desk_of(installed_database, "b")[1][0], "health", {"after_0": None, "limit": 100})
        assert await refusal(elsewhere) == (503, f"questions of {seats.MOST_OPEN} other targets are being answered")
        desk._seats._room = asyncio.Semaphore(1)
    assert await desk.rows(reader, target, "health", {"after_0": None, "limit": 100})
    await target.close()
    # of all sessions of the process
    house = Sessions(limit=1)
    target = Target(TargetConfig.model_validate({"name": "a", "dsn": installed_database}), house)
    desk = Desk(lambda: cast(Any, [SimpleNamespace(target=target)]))
    monkeypatch.setattr(seats, "CONNECT_TIMEOUT_SECONDS", 0.2)
    async with target.sessions.session():
        asking = desk.rows(reader, target, "health", {"after_0": None, "limit": 100})
        assert await refusal(asking) == (503, "no session with this target is to be had")
    monkeypatch.setattr(seats, "CONNECT_TIMEOUT_SECONDS", 60)
    assert await desk.rows(reader, target, "health", {"after_0": None, "limit": 100})
    await target.close()


async def test_a_token_reads_its_targets_alone(installed_database: str) -> None:
    desk, targets = desk_of(installed_database, "shop-b", "shop-a", "till")
    one, several = token("r", "till"), token("r", "shop-*")
    assert [target.name for target in desk.targets(several)] == ["shop-a", "shop-b"]
    assert desk.target(one, None) is desk.target(one, "till") is targets[2]

    async def find(reader: ApiToken, name: str | None) -> Target:
        return desk.target(reader, name)

    assert (await refusal(find(several, None)))[0] == 400
    assert (await refusal(find(several, "till")))[0] == 404
    targets[2].up = False
    asking = desk.rows(one, targets[2], "health", {"after_0": None, "limit": 100})
    assert await refusal(asking) == (503, "the database does not answer")


async def test_nobody_reads_as_a_superuser_or_past_row_level_security(
    installed_database: str, admin: Session, make_role: MakeRole
) -> None:
    """Even where the exporter, a superuser, could take on any role; and no role at all is none to read as."""
    desk, (target,) = desk_of(installed_database, "a")
    passing = make_role("script_tracking_auditor")
    admin.execute(f"alter role {passing} bypassrls".encode())
    for role in (superuser(admin), passing, "none", "", "nobody of the kind"):
        reader = ApiToken.model_construct(**{**token("r").model_dump(), "role": role})
        asking = desk.rows(reader, target, "health", {"after_0": None, "limit": 100})
        assert (await refusal(asking))[0] == 403, role
    assert await desk.rows(token(make_role("script_tracking_reader")), target, "health", {"after_0": None, "limit": 1})
    await target.close()
