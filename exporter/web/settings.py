"""What the web file says at the moment: it and the files that it names are looked at every second."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.errors import ConfigurationError
from exporter.logs import get_logger

if TYPE_CHECKING:
    from exporter.web.connection import Vet
    from exporter.web.webfile import RateLimit

log = get_logger("web")

LOOK_SECONDS = 1.0

Signature = tuple[tuple[int, int, int] | None, ...]  # modification time in nanoseconds, size and inode of each file


@dataclass(frozen=True)
class Settings:
    """Who may connect, and how."""

    context: ssl.SSLContext | None = None
    vet: Vet | None = None
    users: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    rate_limit: RateLimit | None = None
    files: tuple[Path, ...] = ()
    not_after: float | None = None  # when the certificate ends, in seconds of the epoch

    @property
    def authenticates(self) -> bool:
        """Whether nobody is served whom no password and no client certificate let in."""
        return bool(self.users) or (self.context is not None and self.context.verify_mode is ssl.CERT_REQUIRED)


def load(path: Path) -> Settings:
    """Settings of a file and of those that it names. Raises ConfigurationError."""
    from exporter.configfile import validate  # heavy, all of it, and needed by few
    from exporter.web.tls import ends_at, make_context, make_vet
    from exporter.web.webfile import WebFile
    from exporter.yamlfile import read

    document = read(path, {})
    if document.data is None and not document.problems:
        document.data = {}  # an empty file is one that asks for nothing
    file = validate(WebFile, document, path)
    tls = file.tls_server_config
    try:
        context = None if tls is None else make_context(tls)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: tls_server_config: {error}") from None
    vet = None if tls is None else make_vet(tls)
    headers = file.http_server_config.headers
    ends = None if tls is None else ends_at(tls)
    return Settings(context, vet, file.basic_auth_users, headers, file.rate_limit, (path, *file.files), ends)


class WebSettings:
    """The settings in force. What is broken leaves the last good ones."""

    def __init__(self, path: Path | None = None, current: Settings | None = None) -> None:
        self.path = path
        self.current = current or Settings()
        self._loaded: Signature | None = None  # how the files looked just before what is in force was read
        if path is not None and current is None:
            files = load(path).files
            self._loaded = _signature(files)
            self.current = load(path)  # which files there are is known only now: a change from here on shows
            if self.current.files != files:
                self._loaded = None
        self._loaded_at = time.time()
        self._well = True
        self._ended: float | None = None  # the end of a certificate that was told of

    def security(self) -> tuple[ssl.SSLContext | None, Vet | None]:
        """What a new connection has to go through."""
        return self.current.context, self.current.vet

    async def watch(self, tell: Callable[[bool, float, float | None], None]) -> None:
        """Loads the files anew whenever they change, until cancelled.

        `tell` learns whether they were good when they were last loaded, when they were good last, and when the
        certificate of then ends.
        """
        if self.path is None:
            await asyncio.Event().wait()
            return
        tell(self._well, self._loaded_at, self.current.not_after)
        seen = self._loaded
        while True:
            self._tell_ended()
            await asyncio.sleep(LOOK_SECONDS)
            before, seen = seen, await asyncio.to_thread(_signature, self.current.files)
            if seen == self._loaded or seen != before:  # twice the same: the key has followed its certificate
                continue
            self._loaded = seen
            files = self.current.files
            try:
                self._well = await self._load(self.path)
            except Exception:  # a mistake of ours: once it is watched anew, it is loaded anew
                self._loaded, self._well = None, False
                tell(False, self._loaded_at, self.current.not_after)
                raise
            tell(self._well, self._loaded_at, self.current.not_after)
            if self.current.files != files:
                self._loaded = None  # how the others looked before they were read is not known: once more

    def _tell_ended(self) -> None:
        """Tells, once, of a certificate that has ended: whoever checks it gets in no more, as if nothing answered."""
        ends = self.current.not_after
        if ends is not None and ends <= time.time() and ends != self._ended:
            self._ended = ends
            at = datetime.fromtimestamp(ends, UTC).isoformat()
            log.error("certificate_ended", at=at, advice="put a new one in its place: it is taken up within seconds")

    async def _load(self, path: Path) -> bool:
        try:
            settings = await asyncio.to_thread(load, path)
            for name in ("context", "users"):
                if getattr(self.current, name) and not getattr(settings, name):
                    key = {"context": "tls_server_config", "users": "basic_auth_users"}[name]
                    raise ConfigurationError(f"{path}: {key} is gone: only a restart switches that off")
        except ConfigurationError as error:
            log.error("web_config_refused", problems=error.problems, advice="the last good one stays in force")
            return False
        self.current = settings
        self._loaded_at = time.time()
        log.info("web_config_loaded", tls=settings.context is not None, users=len(settings.users))
        return True


def _signature(files: tuple[Path, ...]) -> Signature:
    """Changes whenever one of the files does."""
    return tuple(map(_state, files))


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
        return status.st_mtime_ns, status.st_size, status.st_ino
    except OSError:
        return None
