"""Panels of logins, where a database opted in to the login wrappers."""

from __future__ import annotations

from typing import Any

from grafana.links import ERRORS, label, to
from grafana.panels import Limit, Query, timeseries
from grafana.promql import once, rate, select, total
from grafana.usual import rates

Json = dict[str, Any]

NO_LOGINS = "no login wrappers"


def logins(limits: dict[str, float]) -> list[Json]:
    """Six panels."""
    attempts = once(rate(select("login_attempts_total", tenant=True)), "target", "tenant", "script_type", "outcome")
    here = [to(ERRORS, "This tenant", target=label("target"), tenant=label("tenant"))]

    def window(title: str, description: str, name: str, limit: Limit | None = None) -> Json:
        return timeseries(
            title,
            description,
            [Query(once(select(name, tenant=True), "target", "tenant"), "{{tenant}} on {{target}}")],
            unit="short",
            no_value=NO_LOGINS,
            limit=limit,
            step=True,
            links=here,
        )

    return [
        rates(
            "Logins by outcome",
            "Attempts to log in and to register each second, by outcome.",
            total(attempts, "outcome"),
            "{{outcome}}",
            no_value=NO_LOGINS,
            links=[to(ERRORS, "Logins")],
        ),
        window(
            "Refused logins",
            "Logins that were refused within the window of the setting login.window_seconds. From the line on "
            "ScriptTrackingLoginGuessing warns, where it is far more than usual.",
            "login_recent_failures",
            Limit(limits["login_tenant_failures"], "at or above"),
        ),
        window(
            "Refused logins of one e-mail",
            "Of the e-mail that has the most within the window. From the line on ScriptTrackingLoginGuessing warns.",
            "login_worst_account_failures",
            Limit(limits["login_account_failures"], "at or above"),
        ),
        window(
            "E-mails tried from one address",
            "Of the address that was refused for the most e-mails within the window. From the line on "
            "ScriptTrackingLoginGuessing warns.",
            "login_worst_address_accounts",
            Limit(limits["login_address_accounts"], "at or above"),
        ),
        window(
            "Addresses that are refused",
            "Addresses from which a login was refused within the window.",
            "login_failing_addresses",
        ),
        window(
            "E-mails that are locked out",
            "E-mails that were refused within the window because they were locked out.",
            "login_locked_accounts",
        ),
    ]
