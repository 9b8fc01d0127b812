"""YAML with the place of everything in it, so that an error can say where; the environment in its values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from exporter.errors import ConfigurationError

Key = tuple[str | int, ...]

MOST_NODES = 200_000  # aliases of aliases can make a small file endless
LOADER: Any = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)  # libyaml's, an order of magnitude faster, where there is one
_TAG = "tag:yaml.org,2002:"
_NUMBERS = yaml.constructor.SafeConstructor()
_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|(?P<bad>\{))")


@dataclass(frozen=True)
class Place:
    """Line and column of a file, from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Problem:
    """What is wrong, with which key, and where."""

    message: str
    key: Key = ()
    place: Place | None = None

    def text(self, source: str) -> str:
        """One line of an error message."""
        where = source if self.place is None else f"{source}:{self.place.line}:{self.place.column}"
        return ": ".join(filter(None, (where, ".".join(map(str, self.key)), self.message)))


@dataclass
class Document:
    """Data, where its keys and values stand, which of them the environment gave, and what is wrong so far."""

    data: object = None
    keys: dict[Key, Place] = field(default_factory=dict)
    values: dict[Key, Place] = field(default_factory=dict)
    substituted: set[Key] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    def place(self, key: Key, *, of_key: bool = False) -> Place | None:
        """Where a key or its value stands, else the nearest thing around it."""
        places = self.keys if of_key else self.values
        for length in range(len(key), -1, -1):
            if key[:length] in places:
                return places[key[:length]]
            places = self.values
        return None


class _TooLarge(Exception):
    """More nodes than a configuration has."""


class _Builder:
    """Makes data of YAML's nodes. Keys are text as written; of the words for a truth only true and false are one."""

    def __init__(self, document: Document, environment: Mapping[str, str]) -> None:
        self._document = document
        self._environment = environment
        self._open: set[int] = set()
        self._nodes = 0

    def build(self, node: yaml.Node, key: Key) -> object:
        """Data of a node that stands under a key."""
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise _TooLarge
        self._document.values[key] = _place(node.start_mark)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, key)
        if id(node) in self._open:
            self._complain("an alias that contains itself", node, key)
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.build(item, (*key, number)) for number, item in enumerate(node.value)]
            built: dict[str, object] = {}
            assert isinstance(node, yaml.MappingNode)
            for name, (key_node, value_node) in self._pairs(node, key).items():
                self._document.keys[*key, name] = _place(key_node.start_mark)
                built[name] = self.build(value_node, (*key, name))
            return built
        finally:
            self._open.discard(id(node))

    def _pairs(self, node: yaml.MappingNode, key: Key) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """Key and value by the key's text, what is merged in included."""
        own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        merged: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._complain("a key must be text", key_node, key)
            elif key_node.tag == _TAG + "merge":
                several = isinstance(value_node, yaml.SequenceNode)
                for other in value_node.value if several else [value_node]:
                    if not isinstance(other, yaml.MappingNode) or id(other) in self._open:
                        self._complain("<< takes mappings that were declared before", key_node, key)
                        continue
                    self._open.add(id(other))
                    merged = {**self._pairs(other, key), **merged}
                    self._open.discard(id(other))
            elif key_node.value in own:
                first = own[key_node.value][0].start_mark.line + 1
                self._complain(f"the key stands twice, first in line {first}", key_node, (*key, key_node.value))
            else:
                own[key_node.value] = key_node, value_node
        return {**merged, **own}

    def _scalar(self, node: yaml.ScalarNode, key: Key) -> object:
        kind, text = node.tag.removeprefix(_TAG), str(node.value)
        if not node.tag.startswith(_TAG) or kind == "binary":
            self._complain("a value that begins with ! is a tag in YAML: put it in quotes", node, key)
            return None
        if kind == "null":
            return None
        if kind == "bool" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kind in ("int", "float"):
            try:
                number: int | float = getattr(_NUMBERS, f"construct_yaml_{kind}")(node)
            except ValueError:
                return text
            return number
        return self._substitute(text, node, key)

    def _substitute(self, text: str, node: yaml.Node, key: Key) -> str:
        """Text with ${NAME} and ${NAME:-default} replaced and $$ made $."""

        def replace(match: re.Match[str]) -> str:
            if match["bad"]:
                self._complain("expected ${NAME} or ${NAME:-default}; $${ stands for ${ itself", node, key)
                return ""
            if not match["name"]:
                return "$"
            self._document.substituted.add(key)
            value = self._environment.get(match["name"])
            if match["default"] is not None:
                return value or match["default"]
            if value is None:
                message = (
                    f"the environment variable {match['name']} is not set; ${{{match['name']}:-value}} has a default"
                )
                self._complain(message, node, key)
            return value or ""

        return _VARIABLE.sub(replace, text) if "$" in text else text

    def _complain(self, message: str, node: yaml.Node, key: Key) -> None:
        self._document.problems.append(Problem(message, key, _place(node.start_mark)))


def _place(mark: yaml.Mark) -> Place:
    return Place(mark.line + 1, mark.column + 1)


def parse(text: str, environment: Mapping[str, str]) -> Document:
    """Data of a text, and what is wrong with it."""
    document = Document()
    try:
        loader = LOADER(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
        if node is not None:
            document.data = _Builder(document, environment).build(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        document.problems.append(Problem(_explain(error, text), (), None if mark is None else _place(mark)))
    except yaml.YAMLError:
        document.problems.append(Problem("not valid YAML: it holds a character that YAML does not allow"))
    except _TooLarge:
        document.problems.append(Problem(f"more than {MOST_NODES} values, those behind aliases counted anew each time"))
    except RecursionError:
        document.problems.append(Problem("nested too deeply"))
    return document


def _explain(error: yaml.MarkedYAMLError, text: str) -> str:
    """What is wrong, in the words of who writes such files. Never quotes a value, which may be a secret."""
    problem, mark = error.problem or "", error.problem_mark
    line = text.splitlines()[mark.line] if mark is not None and mark.line < len(text.splitlines()) else ""
    column = 0 if mark is None else mark.column
    at = line[column : column + 1]
    if "\t" in line[: len(line) - len(line.lstrip())] or at == "\t":
        return "not valid YAML: a tab, where YAML takes only spaces"
    if "alias" in problem:
        return "a value that begins with * is an alias in YAML, and there is none of that name: put it in quotes"
    if "tag" in problem:
        return "a value that begins with ! is a tag in YAML: put it in quotes"
    if "single document" in str(error.context):
        return "expected one document, found a second one after ---"
    if "node content" in problem:
        return "not valid YAML: a value is missing, or a bracket is not closed"
    if "nesting depth" in problem:
        return "nested too deeply"
    if "mapping values" in problem:
        return (
            "not valid YAML: a second ': ' in one line, or an indentation that does not fit; "
            "a value that holds ': ' is put in quotes"
        )
    if at == "{" and line[column - 1 : column] == "$":
        return "not valid YAML: within [ ] and { } a value with ${...} is put in quotes"
    if at in ("@", "`", "%"):
        return f"not valid YAML: a value that begins with {at} is put in quotes"
    begun = error.context_mark
    since = (
        f", begun in line {begun.line + 1}" if begun is not None and mark is not None and begun.line < mark.line else ""
    )
    expected = re.sub(r"'[^'<>]{2,}'", "...", problem)
    return f"not valid YAML: {expected}{since}"


def read(path: Path, environment: Mapping[str, str]) -> Document:
    """Data of a YAML or JSON file, and what is wrong with it. Raises ConfigurationError where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: not UTF-8 text, from byte {error.start} on") from None
    if path.suffix == ".json":
        text = text.replace("\t", " ")  # JSON is YAML but for tabs, which do not stand in its strings
    return parse(text, environment)
