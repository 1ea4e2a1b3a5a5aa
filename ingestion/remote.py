"""Remote files: copies new and changed files from S3, SFTP or a mounted folder into the landing zone.

A file is copied under a hidden name and renamed when it is complete and did not change meanwhile, so nothing incomplete
can land. The copy has the size and the modification time of the remote file; the etag, if there is one, fills the part
below a second. There is no other state that could differ from the files. A file that is deleted at the source stays
in the landing zone.

Credentials come from the environment, by the names below: <SOURCE>_<NAME> if that is set, else <NAME>.

Add here when files come from another kind of place. Keep out: their content (readers/).
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import paramiko
import s3fs
from aiohttp import ClientError as AiohttpError
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.sftp import SFTPFileSystem

from ingestion.errors import IngestionError, PermanentError, SettingError, UnreachableError
from ingestion.files import VARIABLE, fill_variables
from ingestion.settings import Settings
from ingestion.spec import SourceSpec, VariableSpec, checked_remote

CONNECT_SECONDS = 10
READ_SECONDS = 60
ATTEMPTS = 3  # of one file, each over a new connection
CHUNK_BYTES = 8 << 20
SFTP_SECRETS = ("SFTP_PASSWORD", "SFTP_KEY_FILE")
ANY_HOST_KEY = "any"  # as SFTP_KNOWN_HOSTS: accept any host key

_S3_VARIABLES = {
    "AWS_ACCESS_KEY_ID": VariableSpec(
        default="", description="access key of a user or role that may list and read; empty: the machine's role"
    ),
    "AWS_SECRET_ACCESS_KEY": VariableSpec(secret=True, default="", description="secret of the access key"),
    "AWS_SESSION_TOKEN": VariableSpec(secret=True, default="", description="session token of a temporary access key"),
    "AWS_REGION": VariableSpec(default="", description="region of the bucket"),
    "AWS_ENDPOINT_URL": VariableSpec(default="", description="endpoint of another S3 service, such as MinIO"),
}
_SFTP_VARIABLES = {
    "SFTP_USER": VariableSpec(description="user name"),
    "SFTP_PASSWORD": VariableSpec(secret=True, default="", description="password, if no key is used"),
    "SFTP_KEY_FILE": VariableSpec(default="", description="file with the private key"),
    "SFTP_KEY_PASSPHRASE": VariableSpec(secret=True, default="", description="passphrase of that key"),
    "SFTP_KNOWN_HOSTS": VariableSpec(default="~/.ssh/known_hosts", description="file with the keys of known hosts"),
}
_WILDCARD = re.compile(r"[*?\[]")
_BROKEN = (  # errors of a broken transfer
    OSError,
    EOFError,
    paramiko.SSHException,
    BotoCoreError,
    ClientError,
    AiohttpError,
    IndexError,  # s3fs 2026.9 raises it for a timeout without a text
)

# These loggers print host names and tracebacks; errors are in the report.
for _name in ("paramiko", "s3fs", "fsspec", "aiobotocore", "botocore"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class DownloadReport:
    """What one run did for one entity: `found` files match, `downloaded` were copied, with so many `bytes`."""

    source: str
    entity: str
    found: int = 0
    downloaded: int = 0
    bytes: int = 0
    error: str | None = None


def download(
    settings: Settings,
    source: SourceSpec,
    *,
    entities: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    progress: Callable[[str, int], None] | None = None,
) -> list[DownloadReport]:
    """Copies new and changed remote files of a source into the landing zone, entity by entity.

    An entity that fails is reported with its error; its complete files stay, the next run copies the rest. `entities`:
    only these. `environment`: used instead of os.environ. `progress`: a callback that receives an entity and the number
    of its files so far. Raises SettingError if a variable is missing.
    """
    places = _places(source, environment)
    wanted = {name: place for name, place in places.items() if not entities or name in entities}
    return [_download(settings, source.source, name, place, progress) for name, place in wanted.items()]


def try_connection(source: SourceSpec, environment: Mapping[str, str] | None = None) -> None:
    """Lists the remote files. Raises an IngestionError that says what is wrong."""
    for place in _places(source, environment).values():
        try:
            place.files()
        finally:
            place.close()


def variables(source: SourceSpec) -> dict[str, VariableSpec]:
    """The environment variables for remote files; each may also be set as <SOURCE>_<NAME>."""
    found: dict[str, VariableSpec] = {}
    for url in (entity.remote for entity in source.entities.values() if entity.remote):
        for name in VARIABLE.findall(url):
            found[name] = VariableSpec(description="part of `remote`")
        if url.startswith("s3:"):
            found.update(_S3_VARIABLES)
        elif url.startswith("sftp:"):
            found.update(_SFTP_VARIABLES)
            if "@" in url.split("/")[2]:
                del found["SFTP_USER"]
    return found


def _places(source: SourceSpec, environment: Mapping[str, str] | None) -> dict[str, _Place]:
    named = _Variables(source.source, os.environ if environment is None else environment)
    return {name: _Place.of(entity.remote, named) for name, entity in source.entities.items() if entity.remote}


def _download(
    settings: Settings, source: str, entity: str, place: _Place, progress: Callable[[str, int], None] | None
) -> DownloadReport:
    found = downloaded = size = 0
    errors: list[str] = []
    try:
        files = place.files()
        found = len(files)
        for file in files:
            try:
                count = _download_file(place, file, settings.landing_dir / source / entity / file.name)
            except _SkippedError as error:
                errors.append(str(error))
                continue
            if count is not None:
                downloaded, size = downloaded + 1, size + count
                if progress:
                    progress(entity, downloaded)
    except IngestionError as error:
        errors.append(str(error))
    finally:
        place.close()
    more = f" ({len(errors) - 1} more files failed)" if len(errors) > 1 else ""
    return DownloadReport(source, entity, found, downloaded, size, f"{errors[0]}{more}" if errors else None)


# --- one file


class _SkippedError(IngestionError):
    """One file is skipped; the others are copied."""


@dataclass(frozen=True)
class _RemoteFile:
    """A remote file. `name` is relative to the part of the pattern without wildcards."""

    path: str
    name: str
    size: int
    modified: int
    etag: str

    @property
    def mark(self) -> tuple[int, int]:
        """Size and modification time (ns) of the copy. S3 has whole seconds: the etag fills the part below."""
        below = int(hashlib.sha256(self.etag.encode()).hexdigest()[:8], 16) % 10**9 if self.etag else 0
        return self.size, self.modified * 10**9 + below


def _download_file(place: _Place, file: _RemoteFile, target: Path) -> int | None:
    """Copies one file if it differs from its copy; returns its bytes, or None if there was nothing to do."""
    if set(file.name.split("/")) & {"", ".", ".."} or "\\" in file.name or "\0" in file.name:
        raise _SkippedError(f"{file.name!r} is not a valid file name here; rename it at the source.")
    with suppress(OSError):
        stat = target.stat()
        if (stat.st_size, stat.st_mtime_ns) == file.mark:
            return None
    part = target.with_name(f".{target.name}.part")
    broken: str | None = None
    try:
        for _ in range(ATTEMPTS):
            broken = None
            try:
                size = _copy(place, file, part)
                now = place.look(file)
            except FileNotFoundError:
                return None  # deleted since it was listed
            except PermissionError as error:
                raise _SkippedError(f"{file.name}: these credentials may not read it.") from error
            except place.refused as error:
                raise PermanentError(f"the place in `remote` {place.explain(error)}.") from error
            except _BROKEN as error:
                broken = place.explain(error)
                place.reconnect()
                continue
            if (size, now) == (now.size, file):
                with _writing(target):
                    os.utime(part, ns=(now.mark[1], now.mark[1]))
                    part.replace(target)
                return size
            file = now
    finally:
        part.unlink(missing_ok=True)
    if broken is None:
        raise _SkippedError(f"{file.name}: is being written now; the next run copies it.")
    raise UnreachableError(f"{file.name}: {broken}. Nothing of it was kept; the next run copies it.")


def _copy(place: _Place, file: _RemoteFile, part: Path) -> int:
    """Copies a file and flushes it to disk; returns its bytes."""
    with _writing(part):
        part.parent.mkdir(parents=True, exist_ok=True)
        target = part.open("wb")
    size = 0
    with target, place.open(file) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            with _writing(part):
                target.write(chunk)
            size += len(chunk)
        with _writing(part):
            target.flush()
            os.fsync(target.fileno())
    return size


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        name = path.name.removeprefix(".").removesuffix(".part")
        raise PermanentError(f"{name}: cannot be written to the landing zone: {error.strerror}.") from error


# --- where files are


@dataclass(frozen=True)
class _Variables:
    source: str
    environment: Mapping[str, str]

    def get(self, name: str) -> str | None:
        """The variable of this source, else the general one, else None."""
        return self.environment.get(f"{self.source.upper()}_{name}") or self.environment.get(name) or None

    def file(self, name: str) -> str | None:
        """The path in a variable, or None. Raises SettingError if there is no such file."""
        found = self.get(name)
        if found is not None and not Path(found).expanduser().is_file():
            raise SettingError(f"{self.named(name)} names a file that does not exist.")
        return None if found is None else str(Path(found).expanduser())

    def named(self, *names: str) -> str:
        """The names for a message: those of this source if they are set."""
        own = (f"{self.source.upper()}_{name}" for name in names)
        return ", ".join(mine if self.environment.get(mine) else name for mine, name in zip(own, names, strict=True))


class _Place:
    """Where an entity's files are: a pattern and a connection. One subclass per kind of place."""

    refused: tuple[type[BaseException], ...] = (PermissionError,)  # retrying does not help, or locks an account

    def __init__(self, url: str, variables: _Variables) -> None:
        self.variables = variables
        self.place, _, path = url.partition("://")[2].partition("/")  # # and ? are ordinary characters in a path
        parts = path.split("/")
        fixed = next((index for index, part in enumerate(parts[:-1]) if _WILDCARD.search(part)), len(parts) - 1)
        self.root = self.rooted("/".join(parts[:fixed])).rstrip("/") or "/"
        self.pattern = parts[fixed:]
        self._connection: AbstractFileSystem | None = None

    @staticmethod
    def of(url: str, variables: _Variables) -> _Place:
        """The place of a `remote` URL, with its variables replaced. Raises SettingError."""
        filled = fill_variables(url, variables.environment, "remote")
        try:
            checked_remote(filled)
        except ValueError as error:
            raise SettingError(f"{error}.") from None
        kinds: dict[str, type[_Place]] = {"s3": _S3, "sftp": _Sftp, "file": _Folder}
        return kinds[filled.partition("://")[0]](filled, variables)

    # overridden by kinds of places

    def rooted(self, path: str) -> str:
        """The fixed part of the pattern in the form of the connection."""
        return f"/{path}"

    def connect(self) -> AbstractFileSystem:
        """A new connection."""
        raise NotImplementedError

    def open(self, file: _RemoteFile) -> Any:
        """Opens a file for reading."""
        return self.connection.open(file.path, "rb")

    def close(self) -> None:
        """Closes the connection."""
        self._connection = None

    def explain(self, error: BaseException) -> str:
        """Describes an error, without credentials."""
        return f"cannot be read: {getattr(error, 'strerror', None) or type(error).__name__}"

    # common to all kinds

    @property
    def connection(self) -> AbstractFileSystem:
        """The connection, opened at first use."""
        if self._connection is None:
            self._connection = self.connect()
        return self._connection

    def reconnect(self) -> None:
        """Closes the connection, so that the next use opens a new one."""
        with suppress(*_BROKEN):
            self.close()
        self._connection = None

    def files(self) -> list[_RemoteFile]:
        """The files that match, sorted by name, without names that start with . or _, which do not land either.

        Raises UnreachableError, or PermanentError if retrying does not help.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                found = {info["name"]: self._as_file(info) for info in self._matching(self.root, self.pattern)}
                return sorted(found.values(), key=lambda file: file.name)
            except FileNotFoundError as error:
                raise PermanentError("the folder or bucket in `remote` does not exist.") from error
            except self.refused as error:
                raise PermanentError(f"the place in `remote` {self.explain(error)}.") from error
            except _BROKEN as error:
                if attempt == ATTEMPTS:
                    raise UnreachableError(f"the place in `remote` {self.explain(error)}.") from error
                self.reconnect()
        raise AssertionError

    def look(self, file: _RemoteFile) -> _RemoteFile:
        """Reads the metadata of a file again."""
        return self._as_file({**self.connection.info(file.path), "name": file.path})

    def _matching(self, folder: str, pattern: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Entries that match, folder by folder; the glob of fsspec would treat an error as an empty folder."""
        part, *rest = pattern
        if part == "**":
            yield from self._matching(folder, rest or ["*"])
        for entry in self._list(folder):
            name = entry["name"].rpartition("/")[2]
            if entry["type"] == "directory":
                if part == "**":
                    yield from self._matching(entry["name"], pattern)
                elif rest and fnmatchcase(name, part):
                    yield from self._matching(entry["name"], rest)
            elif part != "**" and not rest and fnmatchcase(name, part) and name[:1] not in ("", ".", "_"):
                yield entry

    def _list(self, folder: str) -> list[dict[str, Any]]:
        entries = []
        for entry in self.connection.ls(folder, detail=True):
            if entry["type"] == "link":
                with suppress(FileNotFoundError):  # a broken link
                    target = self.connection.info(entry["name"])
                    if target["type"] == "file":  # links to folders may be circular
                        entries.append({**target, "name": entry["name"]})
            elif entry["name"].rstrip("/") != folder:  # S3 may have an empty file with the folder's name
                entries.append(entry)
        return entries

    def _as_file(self, info: Mapping[str, Any]) -> _RemoteFile:
        path = info["name"]
        moment = info.get("LastModified") or info["mtime"]
        modified = int(moment.timestamp() if isinstance(moment, datetime) else moment)
        name = path.removeprefix(self.root).removeprefix("/")
        return _RemoteFile(path, name, int(info["size"]), modified, str(info.get("ETag") or "").strip('"'))


class _Folder(_Place):
    def connect(self) -> AbstractFileSystem:
        return LocalFileSystem(skip_instance_cache=True)


class _S3(_Place):
    refused = (PermissionError, NoCredentialsError)

    def rooted(self, path: str) -> str:
        return f"{self.place}/{path}"

    def connect(self) -> AbstractFileSystem:
        key, secret, token, region, endpoint = (self.variables.get(name) for name in _S3_VARIABLES)
        connection = s3fs.S3FileSystem(
            key=key,
            secret=secret,
            token=token,
            endpoint_url=endpoint,
            client_kwargs={"region_name": region} if region else {},
            config_kwargs={
                "connect_timeout": CONNECT_SECONDS,
                "read_timeout": READ_SECONDS,
                "retries": {"max_attempts": 1},
                "s3": {"addressing_style": "path"} if endpoint else {},
            },
            use_listings_cache=False,
            skip_instance_cache=True,
        )
        connection.retries = 2
        return connection

    def open(self, file: _RemoteFile) -> Any:
        # s3fs sends If-Match with each part: all parts are of one version, or reading fails.
        return self.connection.open(file.path, "rb", block_size=CHUNK_BYTES, cache_type="readahead")

    def explain(self, error: BaseException) -> str:
        if isinstance(error, self.refused):
            return (
                f"refuses the credentials; check {self.variables.named('AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY')}"
            )
        return super().explain(error)

    def _list(self, folder: str) -> list[dict[str, Any]]:
        try:
            return super()._list(folder)
        except FileNotFoundError as error:
            if error.__cause__ is None:
                return []  # no key has this prefix; for a missing bucket there is a cause
            raise


class _HostKeyError(paramiko.SSHException):  # type: ignore[misc]
    """The host key is not confirmed."""


class _Sftp(_Place):
    refused = (PermissionError, paramiko.AuthenticationException, paramiko.BadHostKeyException, _HostKeyError)

    def __init__(self, url: str, variables: _Variables) -> None:
        super().__init__(url, variables)
        parts = urlsplit(f"sftp://{self.place}")
        user = unquote(parts.username) if parts.username else variables.get("SFTP_USER")
        if user is None:
            raise SettingError(f"set {variables.named('SFTP_USER')}, or write sftp://user@host/path.")
        password, key_file = variables.get("SFTP_PASSWORD"), variables.file("SFTP_KEY_FILE")
        known_hosts = variables.get("SFTP_KNOWN_HOSTS")
        try:
            self.options: dict[str, Any] = {"host": parts.hostname or "", "port": parts.port or 22}
        except ValueError as error:
            raise SettingError("the port in `remote` is not a number.") from error
        self.options.update(
            known_hosts=known_hosts if known_hosts == ANY_HOST_KEY else variables.file("SFTP_KNOWN_HOSTS"),
            username=user,
            password=password,
            key_filename=key_file,
            passphrase=variables.get("SFTP_KEY_PASSPHRASE"),
            allow_agent=password is None and key_file is None,
            look_for_keys=False,
            timeout=CONNECT_SECONDS,
            banner_timeout=CONNECT_SECONDS,
            auth_timeout=CONNECT_SECONDS,
        )

    def connect(self) -> AbstractFileSystem:
        return _KnownHostFileSystem(**self.options, skip_instance_cache=True)

    def open(self, file: _RemoteFile) -> Any:
        stream = self.connection.open(file.path, "rb")
        stream.prefetch(file.size, max_concurrent_requests=64)
        return stream

    def close(self) -> None:
        if self._connection is not None:
            self._connection.client.close()
        super().close()

    def explain(self, error: BaseException) -> str:
        if isinstance(error, _HostKeyError | paramiko.BadHostKeyException):
            shown = "an unconfirmed key" if isinstance(error, _HostKeyError) else "another key than before"
            where = self.variables.named("SFTP_KNOWN_HOSTS")
            return f"shows {shown}; compare its fingerprint with the owner's, then add it to the file in {where}"
        if isinstance(error, paramiko.AuthenticationException):
            return f"refuses the credentials; check {self.variables.named('SFTP_USER', *SFTP_SECRETS)}"
        return super().explain(error)


class _RefuseUnknown(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        raise _HostKeyError


class _KnownHostFileSystem(SFTPFileSystem):  # type: ignore[misc]
    """fsspec's SFTP, which would accept any host key, with known hosts and a time limit for each response."""

    def __init__(self, host: str, known_hosts: str | None, **options: Any) -> None:
        self.known_hosts = known_hosts
        super().__init__(host, **options)

    def _connect(self) -> None:
        self.client = paramiko.SSHClient()
        if self.known_hosts == ANY_HOST_KEY:
            self.client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        else:
            self.client.set_missing_host_key_policy(_RefuseUnknown())
            self.client.load_system_host_keys(self.known_hosts)  # None: those of the user, ~/.ssh/known_hosts
        self.client.connect(self.host, **self.ssh_kwargs)
        self.ftp = self.client.open_sftp()
        self.ftp.get_channel().settimeout(READ_SECONDS)
