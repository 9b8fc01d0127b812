"""The queries of all dashboards, each once, by the titles of their panels."""

from __future__ import annotations

import re

from tests.grafana.live import Question, Series, questions
from tests.grafana.models import MODELS, PANELS

# a panel that several dashboards have once
QUESTIONS = list({q.same(): q for model in reversed(MODELS.values()) for q in questions(model)}.values())[::-1]
TABLES = {panel["title"] for _, panel in PANELS if panel["type"] == "table"}


def name(question: Question) -> str:
    """Its panel's title, with the letter of a table's column."""
    title = re.sub(r"^[\w-]+ \d+ ", "", question.where)
    return title if title[:-2] in TABLES else re.sub(r" [A-Z]$", "", title)


def question(title: str, letter: str = "A") -> Question:
    """That of the first panel of a title."""
    return next(q for q in QUESTIONS if re.fullmatch(rf"[\w-]+ \d+ {re.escape(title)} {letter}", q.where))


def by(series: list[Series], label: str) -> dict[str, float]:
    """Value of each series by one label."""
    found = {one.labels[label]: one.values[-1] for one in series}
    assert len(found) == len(series)
    return found
