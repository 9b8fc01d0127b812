"""Connection strings: whatever shows one, its password stays out."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import psycopg.conninfo
from psycopg import ProgrammingError

from exporter.errors import ConfigurationError

# what a role is let in by; all else says where a session leads to, and as whom
_CREDENTIALS = {"password", "passfile", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl", "sslcrldir"}
_PASSWORD = re.compile(r"pass(word|file)?\s*=", re.IGNORECASE)
_WORD = re.compile(r"(?:\\.|[^\s\\])+", re.DOTALL)  # of server options
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SETTING = re.compile(r"(-c|--)?[\w.-]+=")
_PORTS = re.compile(r"[0-9,]*")


class Dsn:
    """A connection string whose text is shown only by secret(): printing it never shows a password."""

    __slots__ = ("_hidden", "_secret", "dbname", "has_password", "host", "label", "place", "port", "server", "user")

    def __init__(self, secret: str, *, composed: bool = False) -> None:
        """Raises ConfigurationError, without quoting the text, for what libpq would not take.

        Also for what it would take apart otherwise than was meant, unless the text was composed by key and value.
        """
        if "\0" in secret:  # libpq would end it there
            raise ConfigurationError("the DSN holds a zero byte")
        try:
            fields = psycopg.conninfo.conninfo_to_dict(secret)
        except ProgrammingError:
            raise ConfigurationError("the DSN is neither a postgresql:// URI nor a key=value list") from None
        if secret.strip() == "":
            raise ConfigurationError("the DSN is empty")
        if not composed:
            _refuse_torn(fields)
        self._secret = secret
        self._hidden = _hidden(fields)
        self.has_password = bool(fields.get("password"))
        self.user = str(fields.get("user") or "")
        self.host = str(fields.get("host") or fields.get("hostaddr") or "localhost")
        self.port = str(fields.get("port") or "5432")
        self.dbname = str(fields.get("dbname") or fields.get("user") or "postgres")
        self.place = frozenset((key, str(value)) for key, value in fields.items() if key not in _CREDENTIALS)
        self.server, database = f"{self.host}:{self.port}", self.dbname
        if fields.get("service") and not fields.get("host"):  # what the service says is libpq's to read
            self.server, database = f"service={fields['service']}", str(fields.get("dbname") or "")
        self.label = f"{self.server}/{database}".rstrip("/")  # the default name of a target

    def secret(self) -> str:
        """The text with whatever secret it holds, for the driver alone."""
        return self._secret

    def hide(self, text: str) -> str:
        """The text without what must not be shown: a server may quote from what it was sent."""
        # one that is short may be a part of any word; where it is quoted it is itself
        forms = ((re.escape(value), len(value)) for value in sorted(self._hidden, key=len, reverse=True))
        patterns = [form if length > 3 else f"(?<=[\"']){form}(?=[\"'])" for form, length in forms]
        return re.sub("|".join(patterns), "***", text) if patterns else text

    def with_(self, **fields: str) -> Dsn:
        """The same but for some of libpq's keywords."""
        return Dsn(psycopg.conninfo.make_conninfo(self._secret, **fields), composed=True)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dsn) and other._secret == self._secret

    def __hash__(self) -> int:
        return hash(self._secret)

    def __repr__(self) -> str:
        return f"Dsn({self.label})"

    __str__ = __repr__


def _hidden(fields: Mapping[str, object]) -> set[str]:
    """The passwords, and the values of server options."""
    values = {str(fields[key]) for key in ("password", "sslpassword") if fields.get(key)}
    options = [_ESCAPED.sub(r"\1", word) for word in _WORD.findall(str(fields.get("options") or ""))]
    values |= {word.partition("=")[2] if _SETTING.match(word) else word for word in options}
    return values - {"", "-c", *(str(fields.get(key)) for key in ("host", "port", "dbname", "user"))}


def _refuse_torn(fields: Mapping[str, object]) -> None:
    """Raises ConfigurationError where a password ended up in what is shown."""
    shown = {key: str(fields.get(key) or "") for key in ("host", "hostaddr", "dbname", "user", "service")}
    # a password with a bare @ or / in it is torn apart, and its rest taken for one of these
    torn = [key for key in ("host", "dbname") if "@" in shown[key]]
    if torn or not _PORTS.fullmatch(str(fields.get("port") or "")):
        raise ConfigurationError(
            f"the DSN's {torn[0] if torn else 'port'} cannot be right: "
            "in a URI, a password's @ is written %40, its : %3A, its / %2F and its % %25"
        )
    # of `user= password=x` libpq takes the second word for the user
    swallowed = [key for key, value in shown.items() if _PASSWORD.search(value)]
    if swallowed:
        raise ConfigurationError(
            f"the DSN's {swallowed[0]} cannot be right: it holds a password=; a key without a value is written key=''"
        )


def read_secret(path: Path) -> str:
    """Content of a secret file without the white space around it. Raises ConfigurationError naming the file."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigurationError(f"secret file {path}: {reason}") from None


def resolve(dsn: str | None, dsn_file: Path | None) -> Dsn:
    """The DSN of the one source that was named, else of DATABASE_URL. Raises ConfigurationError."""
    if dsn is not None and dsn_file is not None:
        raise ConfigurationError("name only one of --config, --dsn and --dsn-file")
    text = read_secret(dsn_file) if dsn_file is not None else dsn
    if text is None:
        text = os.environ.get("DATABASE_URL")
    if text is None:
        raise ConfigurationError("no database named: give --config, --dsn or --dsn-file, or set DATABASE_URL")
    return Dsn(text)
