"""One check of many cases in one test, which tells of every case that fails, by its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Case = TypeVar("Case")


def faults(
    check: Callable[[Case], None], cases: Iterable[Case], where: Callable[[Case], str], *, at_once: int = 1
) -> dict[str, str]:
    """What is wrong with each case that fails the check; to be compared with `{}`, which asks that there was one."""
    found = list(cases)
    assert found, "there is no case"

    def fault(case: Case) -> str | None:
        try:
            check(case)
        except AssertionError as error:
            return str(error)
        return None

    with ThreadPoolExecutor(at_once) as threads:
        said = list(threads.map(fault, found))
    return {where(case): word for case, word in zip(found, said, strict=True) if word is not None}
