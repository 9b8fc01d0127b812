"""Models of when a schema may be changed, and by which change references: what captured DDL is judged by."""

from __future__ import annotations

import re
from datetime import date, datetime
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from exporter.values import ONE_LINE, File, Model, no_name_twice, of_one_line, one_of_two

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_CHARACTERS = 100  # of a reference: what a session claims to be one is anybody's text, and a pattern takes time
DAY_MINUTES = 24 * 60

Moment = date | datetime  # a day, or a time on it with its offset

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(r"(\d{2}):(\d{2})", re.ASCII)
_MOST_VARYING = 3
_PART = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL
)  # an escape, a class with all that is in it, else a character
_NOT_PLAIN = re.compile(r"\)[*+?{]|\(\?|#")
_QUANTIFIER = re.compile(r"[*+?]|\{\d*,\d*\}")


def _date(value: object) -> object:
    try:
        if isinstance(value, str) and _DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    if type(value) is date:
        return value
    raise ValueError("expected a date such as 2026-12-24")


def _moment(value: object) -> object:
    if isinstance(value, date):
        return value
    try:
        if isinstance(value, str) and _DATE.fullmatch(value):
            return date.fromisoformat(value)
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError("expected a date such as 2026-12-24, or a time with its offset such as 2026-12-24T18:00+01:00")
    return moment


def _time_of_day(value: object) -> object:
    """Minutes since midnight. YAML 1.1 makes 22:00 without quotes the number 1320, which is the same."""
    if isinstance(value, str) and (match := _TIME.fullmatch(value)) and int(match[2]) < 60:
        value = int(match[1]) * 60 + int(match[2])
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= DAY_MINUTES:
        raise ValueError("expected a time of day from 00:00 to 24:00")
    return value


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise ValueError("expected a time zone of the IANA database such as Europe/Berlin, or UTC") from None
    return name


def _day(name: str) -> str:
    if name not in DAYS:
        raise ValueError(f"expected one of {', '.join(DAYS)}")
    return name


def _plain_pattern(text: str) -> str:
    """A regular expression that takes no long time whatever it is held to. Raises ValueError."""
    try:
        re.compile(text, re.ASCII)
    except (re.error, OverflowError, RecursionError):
        raise ValueError("expected a regular expression such as CHG[0-9]{7}") from None
    # what is put aside is _, a reference to a group #
    parts = [
        part if len(part) == 1 and part != "#" else "#" if part[1:].isdigit() else "_" for part in _PART.findall(text)
    ]
    bare = "".join(parts)
    if _NOT_PLAIN.search(bare) or len(_QUANTIFIER.findall(bare)) > _MOST_VARYING:
        raise ValueError(
            "expected a plain regular expression: no group that is repeated, nothing that begins with (?, no reference "
            f"to a group, and at most {_MOST_VARYING} of * + ? {{n,m}}"
        )
    return text


Date = Annotated[
    date,
    BeforeValidator(_date),
    WithJsonSchema({"type": "string", "pattern": f"^{_DATE.pattern}$"}),
]
MomentText = Annotated[
    Moment,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "pattern": f"^{_DATE.pattern}"}),
]
TimeOfDay = Annotated[
    int,
    BeforeValidator(_time_of_day),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$"},
                {"type": "integer", "minimum": 0, "maximum": DAY_MINUTES},
            ],
            "title": "time of day",
        }
    ),
]
Zone = Annotated[str, AfterValidator(_zone)]
Day = Annotated[str, AfterValidator(_day), WithJsonSchema({"type": "string", "pattern": f"^({'|'.join(DAYS)})$"})]
Pattern = Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS), AfterValidator(_plain_pattern)]
Name = Annotated[str, Field(min_length=1, max_length=100, json_schema_extra=ONE_LINE), AfterValidator(of_one_line)]


class Scope(Model):
    """For which changes something holds."""

    targets: tuple[str, ...] = Field(
        default=("*",), min_length=1, description="names or patterns (`*`, `?`, `[a-z]`) of the targets that it is for"
    )
    tenants: tuple[str, ...] = Field(
        default=("*",), min_length=1, description="names or patterns of the tenants that it is for"
    )

    def is_for(self, target: str) -> bool:
        """Whether it is for a target, be it for some of its tenants."""
        return any(fnmatchcase(target, pattern) for pattern in self.targets)

    def covers(self, target: str, tenant: str) -> bool:
        """Whether it is for this tenant of this target."""
        return self.is_for(target) and any(fnmatchcase(tenant, pattern) for pattern in self.tenants)


class ChangeWindow(Scope):
    """A time of day on some days at which the schema may be changed."""

    name: Name = Field(description="what judgements and the label `window` call it")
    time_zone: Zone = Field(default="UTC", description="of the IANA database, such as Europe/Berlin")
    days: tuple[Day, ...] = Field(
        default=DAYS, description="of mon, tue, wed, thu, fri, sat, sun: those on which it opens"
    )
    from_: TimeOfDay = Field(alias="from", description='when it opens, such as "22:00"')
    to: TimeOfDay = Field(description='when it closes, such as "04:00": on the next day where that is not after `from`')
    added: tuple[Date, ...] = Field(default=(), description="dates such as 2026-12-05 on which it opens as well")
    frozen: tuple[Date, ...] = Field(
        default=(), description="dates on which it does not open, and is closed from midnight to midnight"
    )

    @field_validator("to")
    @classmethod
    def _has_length(cls, to: int, info: ValidationInfo) -> int:
        if info.data.get("from_") == to or (info.data.get("from_") == DAY_MINUTES):
            raise ValueError("expected another time than that of from, which is before 24:00")
        return to


class ChangeFreeze(Scope):
    """A time in which the schema may not be changed, whatever window is open."""

    name: Name = Field(description="what judgements and the label `freeze` call it")
    time_zone: Zone = Field(default="UTC", description="of the IANA database; in which its dates are")
    from_: MomentText = Field(alias="from", description="a date, or a time with its offset (2026-12-18T18:00+01:00)")
    until: MomentText = Field(description="a date, which is the last one, or a time with its offset")

    @field_validator("until")
    @classmethod
    def _not_before(cls, until: Moment, info: ValidationInfo) -> Moment:
        begin = info.data.get("from_")
        if type(begin) is type(until) and until < begin:
            raise ValueError("expected none before from")
        return until


class ChangeReference(Scope):
    """One or more change references that are approved."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["reference"]}, {"required": ["pattern"]}]})

    reference: Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS), AfterValidator(of_one_line)] | None = (
        Field(default=None, description="the reference itself; this or `pattern`")
    )
    pattern: Pattern | None = Field(
        default=None,
        validate_default=True,
        description="a plain regular expression for the whole of it, such as `CHG[0-9]{7}`: what looks so is approved",
    )
    time_zone: Zone = Field(default="UTC", description="of the IANA database; in which its dates are")
    from_: MomentText | None = Field(default=None, alias="from", description="a date, or a time with its offset")
    until: MomentText | None = Field(
        default=None, description="a date, which is the last one, or a time with its offset"
    )
    in_freezes: bool = Field(default=False, description="true: it holds in a freeze, too, as of an emergency")

    @field_validator("pattern")
    @classmethod
    def _one_way(cls, pattern: Any, info: ValidationInfo) -> Any:
        one_of_two(pattern, info, "reference", "reference and pattern")
        return pattern


class ListedReference(ChangeReference):
    """The same in a file, where the reference alone may stand for it."""

    @model_validator(mode="before")
    @classmethod
    def _alone(cls, value: object) -> object:
        return {"reference": value} if isinstance(value, str) else value


class ReferenceList(RootModel[tuple[ListedReference, ...]]):
    """What a file of references holds."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class ChangesConfig(Model):
    """When the schema may be changed, and by which references."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": [key]} for key in ("windows", "references", "reference_files")]}
    )

    windows: tuple[ChangeWindow, ...] = Field(default=(), description="when it may be changed")
    freezes: tuple[ChangeFreeze, ...] = Field(
        default=(), description="when it may not, whatever window is open and whatever reference is approved"
    )
    references: tuple[ChangeReference, ...] = Field(
        default=(), description="what a session may have set `script_tracking.change_ref` to, at any time"
    )
    reference_files: tuple[File, ...] = Field(
        default=(),
        description="files with further references, each a list as under `references`, read when they change",
    )

    @field_validator("windows", "freezes")
    @classmethod
    def _each_once(cls, named: tuple[Any, ...]) -> tuple[Any, ...]:
        no_name_twice(each.name for each in named)
        return named

    @model_validator(mode="after")
    def _something(self) -> ChangesConfig:
        if not (self.windows or self.references or self.reference_files):
            raise ValueError("expected windows, references or reference_files: without any, all changes were wrong")
        return self


Reference = Literal["approved", "expired", "unknown", "missing"]
Verdict = Literal["inside", "approved", "outside", "frozen"]
