"""Fixtures of the login wrappers' tests: databases that opted in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.fix_databases import installed_clone, new_database
from tests.fix_sessions import Login, MakeRole, Session
from tests.installing import installed
from tests.login.steps import REFERENCE, Shop
from tests.postgres_server import Server
from tests.vault_steps import set_setting


@pytest.fixture(scope="session")
def _login_template(postgres: Server) -> Iterator[str]:
    """Name of a database that opted in, to be cloned."""
    with new_database(postgres) as dsn:
        asyncio.run(installed(dsn, options={"auth": True}))
        yield urlsplit(dsn).path.removeprefix("/")


@pytest.fixture
def installed_database(postgres: Server, _login_template: str) -> Iterator[str]:
    """DSN, as superuser, of a database that has just opted in."""
    with installed_clone(postgres, _login_template) as dsn:
        yield dsn


@pytest.fixture
def shop(admin: Session, make_role: MakeRole, login: Login) -> Shop:
    """An application's role, a member of the tenant acme and not of globex, and its schema `app`."""
    role = make_role("script_tracking_app")
    admin.execute("select script_tracking.register_tenant('acme'), script_tracking.register_tenant('globex')")
    admin.execute("select script_tracking.grant_tenant('acme', %s)", (role,))
    admin.execute(f"create schema app; grant usage on schema app to {role}".encode())
    return Shop(admin, login(role), role)


@pytest.fixture
def reference(contrib: None, shop: Shop) -> Shop:
    """The same with the reference implementation, and hashes that take no time."""
    shop.admin.execute("create extension pgcrypto")
    shop.admin.execute(REFERENCE)
    set_setting(shop.admin, "login.bcrypt_cost", "4")
    return shop
