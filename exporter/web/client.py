"""Whom a connection or request comes from."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Scope

REMEMBERED = 1024  # addresses


@lru_cache(maxsize=REMEMBERED)
def client_of(address: str) -> str:
    """Whom an address belongs to: of IPv6 whoever has one has its whole network of 64 bits."""
    number = ipaddress.ip_address(address.partition("%")[0])
    if number.version == 4:
        return address
    return str(number.ipv4_mapped or ipaddress.ip_network((number, 64), strict=False))


def who_asks(scope: Scope) -> str:
    """Whose request it is; empty where the server does not know."""
    client = scope.get("client")
    return client_of(client[0]) if client else ""
