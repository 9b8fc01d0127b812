"""Faults of the way to the server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.faults.fault import DOWN, SERVED, UP_AGAIN, Fault
from tests.faults.scene import HOST, Scene


@contextmanager
def refused(scene: Scene) -> Iterator[None]:
    scene.road.refuse(True)
    try:
        yield
    finally:
        scene.road.refuse(False)


@contextmanager
def reset(scene: Scene) -> Iterator[None]:
    scene.road.reset(True)
    try:
        yield
    finally:
        scene.road.reset(False)


@contextmanager
def cut(scene: Scene) -> Iterator[None]:
    scene.road.cut_after(3000)
    try:
        yield
    finally:
        scene.road.cut_after(None)


@contextmanager
def late(scene: Scene) -> Iterator[None]:
    scene.road.seconds = 1.0
    try:
        yield
    finally:
        scene.road.seconds = 0.0


@contextmanager
def silent(scene: Scene) -> Iterator[None]:
    scene.road.silence(True)
    try:
        yield
    finally:
        scene.road.silence(False)
        scene.terminate()


@contextmanager
def unresolved(scene: Scene) -> Iterator[None]:
    scene.injected.set("unresolved", HOST)
    scene.terminate()
    try:
        yield
    finally:
        scene.injected.clear("unresolved")


def needs_tls(scene: Scene) -> None:
    if scene.signer is None:
        pytest.skip("this server was built without TLS: make postgres-binaries")


@contextmanager
def expired(scene: Scene) -> Iterator[None]:
    scene.certify(days=-1)
    scene.terminate()
    try:
        yield
    finally:
        scene.certify()


CASES = (
    Fault("port refused", refused, DOWN, ("target_down",), passes_log=UP_AGAIN),
    Fault("every connection reset", reset, DOWN, ("target_down",), passes_log=UP_AGAIN),
    # it answers whoever asks for little, and is lost again by the next result that is cut
    Fault(
        "every session cut by a proxy amid a result", cut, DOWN, ("target_down",), recovers=40, times=100,
        passes_log=UP_AGAIN,
    ),
    Fault("packets dropped, either way", silent, DOWN, ("target_down",), within=15, passes_log=UP_AGAIN),
    Fault("the host's name does not resolve", unresolved, DOWN, ("target_down",), passes_log=UP_AGAIN),
    Fault(
        "the server's certificate expired, then renewed", expired, DOWN, ("target_down",), prepare=needs_tls,
        passes_log=UP_AGAIN,
    ),
    Fault("latency of 2 s, there and back", late, SERVED, within=20, recovers=40),
)  # fmt: skip
