"""An e-mail that has an account, one that has it with another tenant, and one that has none take the same time.

By the median of 150 logins each, as bcrypt is slow by design. TIMING_CALLS (`make test-timing`) says how many more,
then with the cheapest hash: what else there is to a login takes a larger share of it.
"""

from __future__ import annotations

import os
import random
import time
from itertools import chain
from statistics import median

import pytest

from tests.fix_sessions import value
from tests.login.steps import ACME, GLOBEX, REFUSED, Shop
from tests.vault_steps import set_setting

LONG = os.environ.get("TIMING_CALLS")
LOGINS = int(LONG or 150)
WHO = {"registered": "joe@example.org", "elsewhere": "jane@example.org", "nobody": "none@example.org"}


@pytest.mark.majors
@pytest.mark.parametrize("tenant", [ACME, GLOBEX, "unknown"])
def test_the_medians_are_the_same(reference: Shop, tenant: str) -> None:
    """One after the other, within a tenth; as the machine is anybody's, of up to three times as many."""
    reference.admin.execute("select script_tracking.grant_tenant('globex', %s)", (reference.role,))
    if LONG:
        set_setting(reference.admin, "login.bcrypt_cost", "4")
    for email, home in (("registered", ACME), ("elsewhere", GLOBEX)):
        key = value(reference.admin, "select encode(sha256(%s::bytea), 'hex')", home)
        assert reference.register(email=WHO[email], password="correct horse", tenant_hk=key)["success"]
    reference.admin.execute("select script_tracking.revoke_tenant('globex', %s)", (reference.role,))
    set_setting(reference.admin, "login.lockout_failures", "0" if LONG else "1000")
    tries = []
    took: dict[str, list[float]] = {who: [] for who in WHO}
    for _ in range(3):
        for who in chain.from_iterable(random.sample(list(WHO), len(WHO)) for _ in range(LOGINS)):
            began = time.perf_counter()
            answer = reference.log_in(WHO[who], "wrong", tenant)
            took[who].append(time.perf_counter() - began)
            assert answer == REFUSED
        medians = {who: median(seconds) for who, seconds in took.items()}
        print(
            f"{len(took['nobody'])} logins each: "
            + ", ".join(f"{who} {found * 1000:.3f} ms" for who, found in medians.items())
        )
        tries.append({who: found / medians["nobody"] for who, found in medians.items()})
        if all(0.9 <= ratio <= 1.1 for ratio in tries[-1].values()):
            return
    pytest.fail(f"medians of those who have an account to that of one who has none: {tries}")
