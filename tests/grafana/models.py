"""The generated dashboards, and their panels and queries, as the tests look at them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grafana.__main__ as command
from grafana.lint import Dashboard, Target

Json = dict[str, Any]

MODELS: dict[str, Json] = {file.stem: generate() for file, generate in command.DASHBOARDS.items()}
BY_NAME = list(MODELS.items())
PANELS: list[tuple[str, Json]] = [(name, panel) for name, model in BY_NAME for panel in Dashboard(model).panels]
TARGETS: list[tuple[str, Target]] = [(name, target) for name, model in BY_NAME for target in Dashboard(model).targets]


def place(found: tuple[str, Json] | tuple[str, Target]) -> str:
    """Where a panel or a query is."""
    name, shown = found
    if isinstance(shown, Target):
        return f"{name}: {shown.where}"
    return f"{name}: {shown['id']} {shown['title']}"


def panel(dashboard: str, title: str) -> Json:
    """The first panel of that title."""
    return next(shown for shown in Dashboard(MODELS[dashboard]).panels if shown["title"] == title)


def folder() -> Path:
    """Where the committed ones are."""
    return next(iter(command.DASHBOARDS)).parent
