"""`python -m grafana` writes the dashboards; with --check it fails where a committed one differs or breaks a rule."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from grafana.capture import capture
from grafana.errors import errors
from grafana.fleet import fleet
from grafana.lint import findings
from grafana.operations import operations
from grafana.overview import overview
from grafana.schema_changes import schema_changes
from grafana.tenants import tenants

if TYPE_CHECKING:
    from jsonschema import Draft7Validator

Json = dict[str, Any]
HERE: Final = Path(__file__).parent
SCHEMA: Final = HERE / "schema" / "dashboard.schema.json"
DASHBOARDS: Final[dict[Path, Callable[[], Json]]] = {
    HERE / "dashboards" / f"{name}.json": generate
    for name, generate in (
        ("overview", overview),
        ("schema-changes", schema_changes),
        ("operations", operations),
        ("errors", errors),
        ("tenants", tenants),
        ("capture", capture),
        ("exporter", fleet),
    )
}


def text(model: Json) -> str:
    """A dashboard as its file holds it."""
    return json.dumps(model, indent=2, ensure_ascii=False) + "\n"


@cache
def _validator() -> Draft7Validator:
    from jsonschema import Draft7Validator  # takes seconds to import, for its checkers of formats

    return Draft7Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def schema_errors(model: Json) -> list[str]:
    """Where a dashboard departs from Grafana's own types."""
    return [f"schema: {error.json_path}: {error.message[:200]}" for error in _validator().iter_errors(model)]


def problems() -> Iterator[str]:
    """What is wrong with the committed dashboards."""
    for file, generate in DASHBOARDS.items():
        model = generate()
        if not file.is_file() or file.read_text(encoding="utf-8") != text(model):
            yield f"{file.name}: is not what the generator makes: run make dashboards"
        yield from (f"{file.name}: {problem}" for problem in (*schema_errors(model), *findings(model)))


def main(arguments: list[str] | None = None) -> int:
    """Exit code."""
    parser = argparse.ArgumentParser(prog="python -m grafana", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where something is wrong")
    if parser.parse_args(arguments).check:
        found = list(problems())
        print("\n".join(found) or f"{len(DASHBOARDS)} dashboards: as generated, by the schema, no finding")
        return 1 if found else 0
    for file, generate in DASHBOARDS.items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(text(generate()), encoding="utf-8")
        print(f"{file.name} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
