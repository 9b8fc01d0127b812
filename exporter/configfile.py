"""Reads the configuration: a YAML file or a DSN alone. What is wrong with it is told at once, and where it stands."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from exporter import metricmap
from exporter.changesconfig import ListedReference, ReferenceList
from exporter.config import Config
from exporter.dsn import Dsn
from exporter.dsn import resolve as resolve_dsn
from exporter.errors import ConfigurationError
from exporter.logs import Module
from exporter.metricmap import CollectorSpec
from exporter.targetconfig import TargetConfig, TargetList
from exporter.values import UNKNOWN_COLLECTOR, File
from exporter.yamlfile import Document, Key, Problem, read

Model = TypeVar("Model", bound=BaseModel)
Collectors = Callable[[], Sequence[str]]

_KINDS = {
    "bool": "true or false",
    "dict": "a mapping",
    "float": "a number",
    "int": "a whole number",
    "is": "a mapping",
    "list": "a list",
    "mapping": "a mapping",
    "model": "a mapping",
    "path": "text",
    "string": "text",
    "tuple": "a list",
}
_COMPARISONS = {
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
}
_LENGTHS = {
    "string_too_short": "at least {min_length} character(s)",
    "string_too_long": "at most {max_length} characters",
    "too_short": "at least {min_length} of them",
}
_REVEALING = ("://", "=", "@")  # what connection strings have, wherever they were put by mistake


def _collectors() -> tuple[str, ...]:
    return tuple(spec.name for spec in metricmap.load())


def _closest(word: str, known: list[str]) -> str:
    """What may have been meant."""
    from difflib import get_close_matches

    near = get_close_matches(word.lower(), known, 1, 0.6)
    return f"did you mean {near[0]}?" if near else f"expected one of {', '.join(sorted(known))}"


class _Explainer:
    """Turns what pydantic found into problems of a document."""

    def __init__(self, model: type[BaseModel], document: Document, collectors: Collectors) -> None:
        self._document = document
        self._schema = model.model_json_schema()
        self._collectors = collectors

    def problem(self, detail: ErrorDetails) -> Problem:
        """One problem in the words of who writes such files. Shows no value that may be a secret."""
        key: Key = tuple(part for part in detail["loc"] if part != "[key]")
        of_key = detail["loc"][-1:] == ("[key]",) or detail["type"] == "extra_forbidden"
        message = self._message(detail, key)
        return Problem(message, key or ("(top level)",), self._document.place(key, of_key=of_key))

    def _message(self, detail: ErrorDetails, key: Key) -> str:
        kind, context = detail["type"], detail.get("ctx") or {}
        if kind == "extra_forbidden":
            return f"unknown key; {_closest(str(key[-1]), list(self._at(key[:-1]).get('properties', {})))}"
        if detail["loc"][-1:] == ("[key]",):
            what, known = ("collector", self._collectors()) if key[0] == "collectors" else ("module", get_args(Module))
            return f"unknown {what}; {_closest(str(key[-1]), list(known))}"
        if kind == "missing":
            return f"missing; expected {self._at(key).get('description', 'a value')}"
        if kind == "value_error":
            told = str(context["error"])
            if key == ("listen",) and key not in self._document.values:
                return f"{told}, found {detail['input']!r} in the environment: SCRIPT_TRACKING_LISTEN"
            if told == UNKNOWN_COLLECTOR:
                return f"{told}; {_closest(str(detail['input']), list(self._collectors()))}"
            return told + (self._found(", found {}", detail["input"], key) if told.startswith("expected") else "")
        expected = str(detail["msg"]).removeprefix("Input should be ")
        if kind == "literal_error":
            expected = str(context["expected"]).replace("'", "")
        elif kind in _COMPARISONS:
            expected = _COMPARISONS[kind].format(**context)
        elif kind in _LENGTHS:
            expected = _LENGTHS[kind].format(**context)
        elif kind == "int_from_float":
            expected = "a whole number"
        elif kind.partition("_")[0] in _KINDS and kind.endswith(("_type", "_parsing", "_of")):
            expected = _KINDS[kind.partition("_")[0]]
        return f"expected {expected}" + self._found(", found {}", detail["input"], key, otherwise=True)

    def _found(self, form: str, value: object, key: Key, *, otherwise: bool = False) -> str:
        """The value in a form, or its kind; with `otherwise` its kind even where the value may not be shown."""
        schema = self._at(key)
        scalar = bool(schema) and not {"properties", "items", "additionalProperties"} & schema.keys()
        shown = scalar and not schema.get("writeOnly") and key not in self._document.substituted
        match value:
            case bool():
                kind, text = "true or false", str(value).lower()
            case int() | float():
                kind, text = "a number", f"{value:g}"
            case str():
                kind, text = "text", repr(value)
                shown = shown and len(value) <= 80 and not any(part in value for part in _REVEALING)
            case None:
                kind, text = "nothing", "nothing"
            case _:
                kind, shown = ("a list" if isinstance(value, list | tuple) else "a mapping"), False
        if key in self._document.substituted:
            kind = "what the environment holds"
        return form.format(text) if shown else form.format(kind) if otherwise else ""

    def _at(self, key: Key) -> dict[str, Any]:
        """What the schema says of a key; nothing where it knows none."""
        found = self._resolved(self._schema)
        for part in key:
            if isinstance(part, int):
                inner = found.get("items")
            else:
                inner = found.get("properties", {}).get(part, found.get("additionalProperties"))
            if not isinstance(inner, dict):
                return {}
            found = self._resolved(inner)
        return found

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """A schema with its reference followed, and of `X or null` the X."""
        merged = dict(schema)
        for several in ("anyOf", "allOf"):
            others = [other for other in merged.get(several, ()) if other.get("type") != "null"]
            if len(others) == 1:
                merged = {
                    **self._resolved(others[0]),
                    **{key: value for key, value in merged.items() if key != several},
                }
        if "$ref" in merged:
            target = self._schema["$defs"][merged.pop("$ref").rpartition("/")[2]]
            merged = {**self._resolved(target), **merged}
        return merged


def _causes(details: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Without lists that are too short for the sole reason that what they hold is refused itself."""
    below = {detail["loc"][:-1] for detail in details}
    return [detail for detail in details if detail["type"] != "too_short" or detail["loc"] not in below]


def validate(model: type[Model], document: Document, source: Path, collectors: Collectors = _collectors) -> Model:
    """The model that a document describes. Raises ConfigurationError with every problem that it has.

    `collectors` are the names that collectors may have.
    """
    problems = list(document.problems)
    try:
        context = {"folder": source.absolute().parent, "collectors": collectors}
        valid = model.model_validate(document.data, context=context)
    except ValidationError as error:
        told = {problem.key for problem in problems}  # a value that is missing already is not complained of again
        unreadable = document.data is None and bool(problems)
        if not unreadable:
            explainer = _Explainer(model, document, collectors)
            found = [explainer.problem(detail) for detail in _causes(error.errors(include_url=False))]
            problems += [problem for problem in found if problem.key not in told]
    if problems:
        problems.sort(
            key=lambda problem: (0, 0) if problem.place is None else (problem.place.line, problem.place.column)
        )
        raise ConfigurationError(problems=[problem.text(str(source)) for problem in problems])
    return valid


def load(path: Path) -> Config:
    """Reads a YAML file. Raises ConfigurationError naming file, line, key and what was expected, never a secret."""
    document = read(path, os.environ)
    if not document.problems and not isinstance(document.data, dict):
        raise ConfigurationError(f"{path}: expected a mapping with the key targets")
    own = OwnFiles()
    if paths := _metric_files(document, path):
        own = read_own(paths, _collectors())
    try:
        config = validate(Config, document, path, lambda: (*_collectors(), *own.names))
    except ConfigurationError as error:
        raise ConfigurationError(problems=[*error.problems, *own.problems]) from None
    if own.problems:
        raise ConfigurationError(problems=own.problems)
    config.take_metrics(own.collectors)
    return config


class _Ahead(BaseModel):
    """What is read before all else: which other collectors there are to be configured."""

    model_config = ConfigDict(hide_input_in_errors=True)
    metric_files: tuple[File, ...] = ()


def _metric_files(document: Document, source: Path) -> tuple[Path, ...]:
    """None where the key is not in order, which is told with all else."""
    if any(problem.key[:1] == ("metric_files",) for problem in document.problems):
        return ()
    try:
        return _Ahead.model_validate(document.data, context={"folder": source.absolute().parent}).metric_files
    except ValidationError:
        return ()


@dataclass
class OwnFiles:
    """What files with metrics of the user's own say, and what is wrong with them."""

    collectors: list[CollectorSpec] = field(default_factory=list)
    names: set[str] = field(default_factory=set)  # those of files that are not in order included
    problems: list[str] = field(default_factory=list)


def read_own(paths: Sequence[Path], taken: Iterable[str]) -> OwnFiles:
    """Reads such files, whose collectors have none of the names that are taken, and no metric stands twice."""
    from exporter.ownmetrics import OwnMetrics, family_of  # few have any

    own, collectors, families = OwnFiles(), set(taken), set[str]()
    for path in paths:
        try:
            document = read(path, os.environ)
            declared = document.data.get("collectors") if isinstance(document.data, dict) else None
            own.names.update(declared if isinstance(declared, dict) else ())
            specs = validate(OwnMetrics, document, path).specs()
        except ConfigurationError as error:
            own.problems += error.problems
            continue
        for spec in specs:
            twice = [f"there is a collector {spec.name} already"] if spec.name in collectors else []
            for family in map(family_of, spec.metrics):
                twice += [f"there is a metric {family} already"] if family in families else []
                families.add(family)
            key: Key = ("collectors", spec.name)
            own.problems += [Problem(each, key, document.place(key, of_key=True)).text(str(path)) for each in twice]
            collectors.add(spec.name)
        own.collectors += specs
    return own


def load_targets(path: Path) -> tuple[TargetConfig, ...]:
    """Reads a file of file_sd, whose paths are relative to its own folder. Raises ConfigurationError as load() does."""
    return validate(TargetList, read(path, os.environ), path).root


def load_references(path: Path) -> tuple[ListedReference, ...]:
    """Reads a file of changes.reference_files. Raises ConfigurationError as load() does."""
    return validate(ReferenceList, read(path, os.environ), path).root


def _single(target: Mapping[str, Any]) -> Config:
    """Configuration of one target and the defaults, the target as in a file."""
    try:
        return Config.model_validate({"targets": [target]})
    except ValidationError as error:
        explainer = _Explainer(Config, Document(), _collectors)
        problems = [explainer.problem(detail).text("command line") for detail in error.errors(include_url=False)]
        raise ConfigurationError(problems=problems) from None


def from_dsn(dsn: Dsn) -> Config:
    """Configuration of one target and the defaults."""
    return _single({"dsn": dsn})


def resolve(config: Path | None, dsn: str | None, dsn_file: Path | None) -> Config:
    """Configuration from the one source that was named, else from DATABASE_URL. Raises ConfigurationError."""
    if config is not None and (dsn is not None or dsn_file is not None):
        raise ConfigurationError("name only one of --config, --dsn and --dsn-file")
    if config is not None:
        return load(config)
    if dsn is None and dsn_file is not None:
        resolve_dsn(None, dsn_file)  # which complains of the file by its name alone: there is no key
        return _single({"dsn_file": dsn_file})
    return from_dsn(resolve_dsn(dsn, dsn_file))
