"""Decorated generators: an operation from the first step to the last, around the generator's own work alone.

Between two steps the caller runs, in the same context: what it begins then is not part of the operation.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Protocol


class Entered(Protocol):
    """An operation that was begun."""

    def join(self) -> None:
        """What begins from here on is part of it."""

    def leave(self) -> None:
        """Nothing that begins from here on is part of it."""


class Enterable(AbstractContextManager[Entered], AbstractAsyncContextManager[Entered], Protocol):
    """One that is about to."""


def stepwise(begin: Callable[[], Enterable], function: Callable[..., Any]) -> Callable[..., Generator[Any, Any, Any]]:
    """A generator function, each of whose generators is an operation."""

    @functools.wraps(function)
    def track(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        with begin() as operation:
            generator = function(*args, **kwargs)
            step: Callable[[], Any] = functools.partial(next, generator)
            while True:
                try:
                    given = step()
                except StopIteration as end:
                    return end.value
                operation.leave()
                try:
                    sent = yield given
                except GeneratorExit:
                    operation.join()
                    generator.close()
                    raise
                except BaseException as error:
                    step = functools.partial(generator.throw, error)
                else:
                    step = functools.partial(generator.send, sent)
                operation.join()

    return track


def stepwise_async(
    begin: Callable[[], Enterable], function: Callable[..., Any]
) -> Callable[..., AsyncGenerator[Any, Any]]:
    """The same of an asynchronous one."""

    @functools.wraps(function)
    async def track(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        async with begin() as operation:
            generator = function(*args, **kwargs)
            step: Callable[[], Any] = generator.__anext__
            while True:
                try:
                    given = await step()
                except StopAsyncIteration:
                    return
                operation.leave()
                try:
                    sent = yield given
                except GeneratorExit:
                    operation.join()
                    await generator.aclose()
                    raise
                except BaseException as error:
                    step = functools.partial(generator.athrow, error)
                else:
                    step = functools.partial(generator.asend, sent)
                operation.join()

    return track
