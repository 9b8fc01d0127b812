"""What may be asked: the parameters of each path."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from exporter.web.api.formats import Format

MOST_ROWS = 500
DEFAULT_ROWS = 100
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[ +-]\d\d:\d\d)")


def _printable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("a zero byte")
    return text


def _instant(text: str) -> str:
    """As PostgreSQL takes it. A plus that nobody encoded came as a blank."""
    if _INSTANT.fullmatch(text) is None:
        raise ValueError("expected a time such as 2026-11-29T12:00:00Z")
    text = text[:11].upper() + re.sub(r" (?=\d\d:\d\d$)", "+", text[11:]).upper()
    try:
        moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    except ValueError:
        raise ValueError("expected a time such as 2026-11-29T12:00:00Z") from None
    if abs(moment.utcoffset().total_seconds()) > 15 * 3600:  # type: ignore[union-attr]
        raise ValueError("expected an offset of at most 15 hours")
    return text


# percent-encoded, all of them together are shorter than what the server reads of a request
Text = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_printable)]
Identity = Annotated[str, Field(min_length=1, max_length=700), AfterValidator(_printable)]
Cursor = Annotated[str, Field(max_length=4000, pattern="^[A-Za-z0-9_-]+$")]
Instant = Annotated[
    str,
    AfterValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-29T12:00:00Z"]}),
]
Key = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="the key, 64 hexadecimal digits")]
Status = Literal["RUNNING", "COMPLETED", "FAILED", "ROLLED_BACK", "INTERRUPTED", "NOOP"]
Absent = SkipJsonSchema[None]


class Question(BaseModel):
    """What every path takes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Format | Absent = Field(default=None, description="before what the header Accept says")


class OfTarget(Question):
    """Of one target."""

    target: Text | Absent = Field(default=None, description="the target's name; may be left out where there is one")


class Listing(OfTarget):
    """A list in pages."""

    limit: Annotated[int, Field(ge=1, le=MOST_ROWS)] | Absent = Field(
        default=None,
        description=f"most items of a page; by default {DEFAULT_ROWS} in JSON, and in CSV and NDJSON all pages in one",
    )
    cursor: Cursor | Absent = Field(default=None, description="what `next` said, for the next page")

    def values(self) -> dict[str, Any]:
        """The statement's own."""
        return self.model_dump(exclude=set(Listing.model_fields))


class Executions(Listing):
    """Conditions on executions, all of which hold."""

    tenant: Name | Absent = Field(default=None, description="the tenant's code")
    script_name: Name | Absent = Field(default=None, description="of captured DDL its command tag")
    script_type: Name | Absent = Field(default=None, description="DDL, or what the application declared")
    execution_status: Status | Absent = None
    since: Instant | Absent = Field(default=None, alias="from", description="begun then or later")
    until: Instant | Absent = Field(default=None, alias="to", description="begun before")


class Errors(Listing):
    """Kinds of failures."""

    hours: int = Field(default=24, ge=0, le=24 * 3660, description="within the last so many hours")


class Objects(Listing):
    """Objects at a time."""

    as_of: Instant | Absent = Field(default=None, description="by default now")


class ObjectHistory(Objects):
    """What happened to one object."""

    identity: Identity = Field(description="`schema.table`, `schema.function(integer,text)`, `trigger on schema.table`")
