"""Files of others: brought from S3, SFTP or a mounted folder into the landing zone, whole and only when they are new.

A file comes under a hidden name and gets its own when all of it is here and nothing changed meanwhile, so that nothing
incomplete can land. The copy carries the size and the time of the remote file (the part below a second tells the etag,
where there is one): these are all that is remembered, so there is no state that could differ from the data. A file
that is gone at the source stays here.

Credentials come from the environment alone, by the names below: <SOURCE>_<NAME> where that is set, else <NAME>.

Add here when files come from another kind of place. Keep out: what is in them (readers.py).
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
ANY_HOST_KEY = "any"  # as SFTP_KNOWN_HOSTS: take whatever key the server shows

_S3_VARIABLES = {
    "AWS_ACCESS_KEY_ID": VariableSpec(
        default="", description="key of a user or role that may list and read; empty: the machine's role"
    ),
    "AWS_SECRET_ACCESS_KEY": VariableSpec(secret=True, default="", description="its secret"),
    "AWS_SESSION_TOKEN": VariableSpec(secret=True, default="", description="its session, for keys that end"),
    "AWS_REGION": VariableSpec(default="", description="region of the bucket"),
    "AWS_ENDPOINT_URL": VariableSpec(default="", description="where S3 is spoken, for MinIO and others"),
}
_SFTP_VARIABLES = {
    "SFTP_USER": VariableSpec(description="who signs in"),
    "SFTP_PASSWORD": VariableSpec(secret=True, default="", description="password, where no key is used"),
    "SFTP_KEY_FILE": VariableSpec(default="", description="file with the private key"),
    "SFTP_KEY_PASSPHRASE": VariableSpec(secret=True, default="", description="passphrase of that key"),
    "SFTP_KNOWN_HOSTS": VariableSpec(default="~/.ssh/known_hosts", description="file with the keys of known hosts"),
}
_WILDCARD = re.compile(r"[*?\[]")
_BROKEN = (  # what a transfer may end with
    OSError,
    EOFError,
    paramiko.SSHException,
    BotoCoreError,
    ClientError,
    AiohttpError,
    IndexError,  # s3fs 2026.9 stumbles so over a timeout without a text
)

# These log host names and tracebacks of their own accord; what went wrong is in the report.
for _name in ("paramiko", "s3fs", "fsspec", "aiobotocore", "botocore"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class BroughtReport:
    """What one run brought for one entity: files that match, files that came, their bytes, and what went wrong."""

    source: str
    entity: str
    found: int = 0
    brought: int = 0
    bytes: int = 0
    error: str | None = None


def has_remote(source: SourceSpec) -> bool:
    """Whether files of this source are to be brought from elsewhere."""
    return any(entity.remote for entity in source.entities.values())


def bring(
    settings: Settings,
    source: SourceSpec,
    *,
    entities: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    progress: Callable[[str, int], None] | None = None,
) -> list[BroughtReport]:
    """Brings the new and changed remote files of a source into the landing zone, entity by entity.

    An entity that fails is in the report with its error; files that came whole stay, the rest comes with the next run.
    `entities`: only these. `environment`: read instead of os.environ. `progress` is called with an entity and how many
    files it has brought. Raises SettingError when a variable is missing.
    """
    places = _places(source, environment)
    wanted = {name: place for name, place in places.items() if not entities or name in entities}
    return [_bring(settings, source.source, name, place, progress) for name, place in wanted.items()]


def try_connection(source: SourceSpec, environment: Mapping[str, str] | None = None) -> None:
    """Lists what would be brought. Raises an IngestionError with what stands in the way."""
    for place in _places(source, environment).values():
        try:
            place.files()
        finally:
            place.close()


def variables(source: SourceSpec) -> dict[str, VariableSpec]:
    """The environment variables that bringing these files reads; each may be set as <SOURCE>_<NAME> too."""
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


def _bring(
    settings: Settings, source: str, entity: str, place: _Place, progress: Callable[[str, int], None] | None
) -> BroughtReport:
    found = brought = size = 0
    errors: list[str] = []
    try:
        files = place.files()
        found = len(files)
        for file in files:
            try:
                count = _bring_file(place, file, settings.landing_dir / source / entity / file.name)
            except _LeftOutError as error:
                errors.append(str(error))
                continue
            if count is not None:
                brought, size = brought + 1, size + count
                if progress:
                    progress(entity, brought)
    except IngestionError as error:
        errors.append(str(error))
    finally:
        place.close()
    more = f" ({len(errors) - 1} more files failed)" if len(errors) > 1 else ""
    return BroughtReport(source, entity, found, brought, size, f"{errors[0]}{more}" if errors else None)


# --- one file


class _LeftOutError(IngestionError):
    """One file does not come; the others may."""


@dataclass(frozen=True)
class _RemoteFile:
    """A file as its place lists it. `name` is relative to the part of the pattern that is fixed."""

    path: str
    name: str
    size: int
    modified: int
    etag: str

    @property
    def mark(self) -> tuple[int, int]:
        """Size and time (ns) that its copy carries. S3 tells whole seconds: the etag fills what is below."""
        below = int(hashlib.sha256(self.etag.encode()).hexdigest()[:8], 16) % 10**9 if self.etag else 0
        return self.size, self.modified * 10**9 + below


def _bring_file(place: _Place, file: _RemoteFile, target: Path) -> int | None:
    """Brings one file if it differs from its copy; returns its bytes, or None where there was nothing to do."""
    if set(file.name.split("/")) & {"", ".", ".."} or "\\" in file.name or "\0" in file.name:
        raise _LeftOutError(f"{file.name!r} is no name for a file here; rename it at the source.")
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
                return None  # gone since it was listed
            except PermissionError as error:
                raise _LeftOutError(f"{file.name}: may not be read with these credentials.") from error
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
        raise _LeftOutError(f"{file.name}: is being written just now; it comes with the next run.")
    raise UnreachableError(f"{file.name}: {broken}. Nothing of it was kept; it comes with the next run.")


def _copy(place: _Place, file: _RemoteFile, part: Path) -> int:
    """Copies a file's bytes and makes sure that they are on the disk; returns how many."""
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
        raise PermanentError(f"{name}: cannot be written into the landing zone: {error.strerror}.") from error


# --- where files are


@dataclass(frozen=True)
class _Variables:
    source: str
    environment: Mapping[str, str]

    def get(self, name: str) -> str | None:
        """The variable of this source, else the common one, else None."""
        return self.environment.get(f"{self.source.upper()}_{name}") or self.environment.get(name) or None

    def file(self, name: str) -> str | None:
        """The path in a variable, or None. Raises SettingError when no file is there."""
        found = self.get(name)
        if found is not None and not Path(found).expanduser().is_file():
            raise SettingError(f"{self.named(name)} names a file that does not exist.")
        return None if found is None else str(Path(found).expanduser())

    def named(self, *names: str) -> str:
        """The names as set, for a message: those of this source where it has its own."""
        own = (f"{self.source.upper()}_{name}" for name in names)
        return ", ".join(mine if self.environment.get(mine) else name for mine, name in zip(own, names, strict=True))


class _Place:
    """Where an entity's files are: a pattern, and how to connect. Subclasses are the kinds of places."""

    refused: tuple[type[BaseException], ...] = (PermissionError,)  # asking again is of no use, or locks an account

    def __init__(self, url: str, variables: _Variables) -> None:
        self.variables = variables
        self.place, _, path = url.partition("://")[2].partition("/")  # in a path, # and ? are characters like others
        parts = path.split("/")
        fixed = next((index for index, part in enumerate(parts[:-1]) if _WILDCARD.search(part)), len(parts) - 1)
        self.root = self.rooted("/".join(parts[:fixed])).rstrip("/") or "/"
        self.pattern = parts[fixed:]
        self._connection: AbstractFileSystem | None = None

    @staticmethod
    def of(url: str, variables: _Variables) -> _Place:
        """The place that a `remote` names, with its variables filled in. Raises SettingError."""
        filled = fill_variables(url, variables.environment, "remote")
        try:
            checked_remote(filled)
        except ValueError as error:
            raise SettingError(f"{error}.") from None
        kinds: dict[str, type[_Place]] = {"s3": _S3, "sftp": _Sftp, "file": _Folder}
        return kinds[filled.partition("://")[0]](filled, variables)

    # what differs between kinds

    def rooted(self, path: str) -> str:
        """The fixed part of the pattern as the connection wants it."""
        return f"/{path}"

    def connect(self) -> AbstractFileSystem:
        """A new connection."""
        raise NotImplementedError

    def open(self, file: _RemoteFile) -> Any:
        """The file's bytes as a stream."""
        return self.connection.open(file.path, "rb")

    def close(self) -> None:
        """Lets go of the connection."""
        self._connection = None

    def explain(self, error: BaseException) -> str:
        """What an error means, without a value of a credential."""
        return f"cannot be read: {getattr(error, 'strerror', None) or type(error).__name__}"

    # what is the same

    @property
    def connection(self) -> AbstractFileSystem:
        """The connection, made when it is first used."""
        if self._connection is None:
            self._connection = self.connect()
        return self._connection

    def reconnect(self) -> None:
        """Makes the next use begin with a new connection."""
        with suppress(*_BROKEN):
            self.close()
        self._connection = None

    def files(self) -> list[_RemoteFile]:
        """The files that match, by name. Raises UnreachableError, or PermanentError where asking again is of no use.

        Left out are names that landing leaves out too: with . or _ before.
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
        """The file as it is now."""
        return self._as_file({**self.connection.info(file.path), "name": file.path})

    def _matching(self, folder: str, pattern: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Listings that match, folder by folder; a file system's own glob takes an error for an empty folder."""
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
                with suppress(FileNotFoundError):  # a link to nowhere
                    target = self.connection.info(entry["name"])
                    if target["type"] == "file":  # a link to a folder may go round in circles
                        entries.append({**target, "name": entry["name"]})
            elif entry["name"].rstrip("/") != folder:  # S3 may hold a folder's own name as an empty file
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
        # Each part is asked for with If-Match: all are of one version, or reading fails.
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
                return []  # no name begins so yet; a bucket that is not there has a cause
            raise


class _HostKeyError(paramiko.SSHException):  # type: ignore[misc]
    """A host whose key nobody has confirmed."""


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
            raise SettingError("the port in `remote` is no number.") from error
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
            shown = "a key that nobody has confirmed" if isinstance(error, _HostKeyError) else "another key than before"
            where = self.variables.named("SFTP_KNOWN_HOSTS")
            return f"shows {shown}; compare its fingerprint with the owner's, then put it into the file of {where}"
        if isinstance(error, paramiko.AuthenticationException):
            return f"refuses the credentials; check {self.variables.named('SFTP_USER', *SFTP_SECRETS)}"
        return super().explain(error)


class _RefuseUnknown(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        raise _HostKeyError


class _KnownHostFileSystem(SFTPFileSystem):  # type: ignore[misc]
    """fsspec's SFTP, which of itself would take any host's key, with known hosts and a time limit for each answer."""

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
