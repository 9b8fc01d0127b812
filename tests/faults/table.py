"""All faults, and the page that tells what a run has shown."""

from __future__ import annotations

from collections.abc import Sequence

from tests.faults import network, server
from tests.faults.fault import Fault

CASES: Sequence[Fault] = (*server.CASES, *network.CASES)
