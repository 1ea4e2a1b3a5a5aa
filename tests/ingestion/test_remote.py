"""Files are copied from a real S3-compatible server, a real SFTP server and a folder: completely and once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

from ingestion import fetching, remote
from ingestion.errors import DeclarationError, SettingError
from ingestion.registry import read_source
from ingestion.spec import SourceSpec
from tests.ingestion.landing_zone import Landing, contact, source
from tests.ingestion.servers.proxy import Proxy
from tests.ingestion.servers.sftp import PASSWORD, USER, SftpServer

BUCKET = "exports"
HEADER = "id,email,amount,visits,updated_at\n"


def line(number: int, email: str = "a@example.com") -> str:
    """A contact as a line of CSV."""
    return f"{number},{email},1.00,1,2026-01-01 00:00:00\n"


@dataclass
class Place:
    """A place for remote files, which a test can write to."""

    url: str
    environment: dict[str, str]
    root: Path | None = None  # else S3
    client: Any = None
    server: Any = None
    port: int = 0

    def put(self, name: str, content: str | bytes, modified: int | None = None) -> None:
        """Puts or replaces a file."""
        data = content.encode() if isinstance(content, str) else content
        if self.root is None:
            self.client.put_object(Bucket=BUCKET, Key=f"out/{name}", Body=data)
            return
        path = self.root / "out" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        if modified is not None:
            os.utime(path, (modified, modified))

    def remove(self, name: str) -> None:
        """Deletes a file."""
        if self.root is None:
            self.client.delete_object(Bucket=BUCKET, Key=f"out/{name}")
        else:
            (self.root / "out" / name).unlink()

    def through(self, proxy: Proxy, tmp_path: Path) -> Place:
        """The same place behind a failing proxy."""
        if self.root is None:
            endpoint = f"http://127.0.0.1:{proxy.port}"
            return Place(self.url, {**self.environment, "AWS_ENDPOINT_URL": endpoint}, None, self.client, self.server)
        known = self.server.known_hosts(tmp_path / "known_through_proxy", proxy.port)
        url = self.url.replace(str(self.port), str(proxy.port))
        return Place(url, {**self.environment, "SFTP_KNOWN_HOSTS": str(known)}, self.root, None, self.server)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(moto: str) -> Place:
    requests.post(f"{moto}/moto-api/reset", timeout=10)
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    client = boto3.client("s3", endpoint_url=moto, region_name="eu-west-1", **keys)
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    environment = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "s3cr3t", "AWS_ENDPOINT_URL": moto}
    return Place(f"s3://{BUCKET}/out/", environment, None, client, moto, int(moto.rpartition(":")[2]))


@pytest.fixture
def sftp(tmp_path: Path) -> Iterator[Place]:
    root = tmp_path / "sftp"
    (root / "out").mkdir(parents=True)
    with SftpServer(root) as server:
        known = server.known_hosts(tmp_path / "known_hosts")
        environment = {"SFTP_USER": USER, "SFTP_PASSWORD": PASSWORD, "SFTP_KNOWN_HOSTS": str(known)}
        yield Place(f"sftp://127.0.0.1:{server.port}/out/", environment, root, None, server, server.port)


@pytest.fixture
def folder(tmp_path: Path) -> Place:
    root = tmp_path / "mount"
    (root / "out").mkdir(parents=True)
    return Place(f"file://{root}/out/", {}, root)


@pytest.fixture(params=["s3", "sftp", "folder"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["s3", "sftp"])
def far(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


def feed(place: Place, pattern: str = "*.csv") -> SourceSpec:
    """A source whose only entity has its files there."""
    return source(contact=contact(files=None, remote=f"{place.url}{pattern}"))


def download(landing: Landing, place: Place, pattern: str = "*.csv") -> remote.DownloadReport:
    """Downloads the files; returns the report of the only entity."""
    landing.source = feed(place, pattern)
    [report] = remote.download(landing.settings, landing.source, environment=place.environment)
    return report


def landed_files(landing: Landing) -> list[str]:
    """Everything in the landing zone, hidden files too."""
    base = landing.settings.landing_dir
    return sorted(path.relative_to(base).as_posix() for path in base.rglob("*") if path.is_file())


def test_new_and_changed_files_come_and_no_others(landing: Landing, place: Place) -> None:
    place.put("a.csv", HEADER + line(1), modified=1_700_000_000)
    place.put("b.csv", HEADER + line(2), modified=1_700_000_000)
    place.put("c.txt", "no", modified=1_700_000_000)
    place.put("_done.csv", "", modified=1_700_000_000)
    first = download(landing, place)
    assert (first.found, first.downloaded, first.error) == (2, 2, None)
    assert first.bytes == 2 * len(HEADER + line(1))
    assert landed_files(landing) == ["crm/contact/a.csv", "crm/contact/b.csv"]
    assert landing.land_one().landed == 2
    assert download(landing, place).downloaded == 0
    assert landing.land_one().status == "nothing_new"
    place.put("b.csv", HEADER + line(2, "b@example.com"), modified=1_700_000_500)
    assert download(landing, place).downloaded == 1
    report = landing.land_one()
    assert (report.landed, report.file_count) == (1, 1)


def test_a_file_that_grows_brings_what_is_new(landing: Landing, place: Place) -> None:
    place.put("a.csv", HEADER + line(1))
    download(landing, place)
    landing.land()
    place.put("a.csv", HEADER + line(1) + line(2))
    assert download(landing, place).downloaded == 1
    report = landing.land_one()
    assert (report.landed, report.unchanged) == (1, 1)


def test_a_file_that_is_gone_at_the_source_stays(landing: Landing, place: Place) -> None:
    place.put("a.csv", HEADER + line(1))
    place.put("b.csv", HEADER + line(2))
    download(landing, place)
    place.remove("a.csv")
    assert download(landing, place).found == 1
    assert landed_files(landing) == ["crm/contact/a.csv", "crm/contact/b.csv"]


def test_same_size_and_second_are_told_apart_by_the_etag(landing: Landing, s3: Place) -> None:
    s3.put("a.csv", HEADER + line(1, "a@example.com"))
    download(landing, s3)
    s3.put("a.csv", HEADER + line(1, "b@example.com"))
    assert download(landing, s3).downloaded == 1


def test_folders_match_part_by_part(landing: Landing, place: Place) -> None:
    for name in (
        "2026-01/contacts/a.csv",
        "2026-02/contacts/a.csv",
        "2026-02/orders/a.csv",
        "2026-02/contacts/x/a.csv",
    ):
        place.put(name, HEADER + line(1))
    assert download(landing, place, "2026-*/contacts/*.csv").found == 2
    assert landed_files(landing) == ["crm/contact/2026-01/contacts/a.csv", "crm/contact/2026-02/contacts/a.csv"]
    assert download(landing, place, "**/*.csv").found == 4
    assert download(landing, place, "**").found == 4
    assert landing.land_one().file_count == 4


def test_names_that_urls_would_cut_come_whole(landing: Landing, place: Place) -> None:
    name = "met spatie #1 100% ü?.csv"
    place.put(name, HEADER + line(1))
    assert download(landing, place).error is None
    assert landed_files(landing) == [f"crm/contact/{name}"]


def test_nothing_there_is_no_error_but_no_place_is(landing: Landing, place: Place) -> None:
    report = download(landing, place)
    assert (report.found, report.error) == (0, None)
    place.url = place.url.replace("/out/", "/gone/").replace(BUCKET, "no-such-bucket")
    assert "does not exist" in str(download(landing, place).error)


def test_a_connection_that_breaks_is_made_again(landing: Landing, far: Place, tmp_path: Path) -> None:
    content = HEADER + "".join(line(number) for number in range(20_000))
    far.put("a.csv", content)
    with Proxy(far.port) as proxy:
        proxy.cut_after = 300_000
        report = download(landing, far.through(proxy, tmp_path))
    assert proxy.times == 0
    assert (report.downloaded, report.error) == (1, None)
    assert (landing.settings.landing_dir / "crm/contact/a.csv").read_text() == content


def test_a_network_that_is_gone_leaves_nothing_that_could_land(landing: Landing, far: Place, tmp_path: Path) -> None:
    far.put("a.csv", HEADER + line(1))
    far.put("b.csv", HEADER + "".join(line(number) for number in range(20_000)))
    with Proxy(far.port) as proxy:
        proxy.cut_after, proxy.times = 300_000, 10**6
        report = download(landing, far.through(proxy, tmp_path))
    assert (report.found, report.downloaded) == (2, 1)
    assert "b.csv: cannot be read" in str(report.error)
    assert "the next run copies it" in str(report.error)
    assert landed_files(landing) == ["crm/contact/a.csv"]
    assert download(landing, far).downloaded == 1


def test_silence_ends_after_a_time(
    landing: Landing, far: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "READ_SECONDS", 0.3)
    monkeypatch.setattr(remote, "ATTEMPTS", 1)
    far.put("a.csv", HEADER + "".join(line(number) for number in range(20_000)))
    with Proxy(far.port) as proxy:
        proxy.hold_after = 300_000
        report = download(landing, far.through(proxy, tmp_path))
    assert "a.csv: cannot be read" in str(report.error)
    assert landed_files(landing) == []


def test_a_server_that_is_not_there_is_told(landing: Landing, far: Place, tmp_path: Path) -> None:
    with Proxy(far.port) as proxy:
        behind = far.through(proxy, tmp_path)
    assert "cannot be read" in str(download(landing, behind).error)


def test_killed_in_the_middle_of_a_transfer(landing: Landing, far: Place, tmp_path: Path) -> None:
    content = HEADER + "".join(line(number) for number in range(20_000))
    far.put("a.csv", content)
    code = (
        "import sys; from ingestion import remote; from ingestion.registry import read_source;"
        "from ingestion.settings import Settings; from pathlib import Path;"
        "remote.download(Settings.from_home(Path(sys.argv[1])), read_source(Path(sys.argv[2])))"
    )
    with Proxy(far.port) as proxy:
        proxy.hold_after = 300_000
        behind = far.through(proxy, tmp_path)
        declaration = tmp_path / "crm.yml"
        declaration.write_text(feed(behind).model_dump_json(by_alias=True, exclude_none=True, exclude_defaults=True))
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(landing.settings.home), str(declaration)],
            env={**os.environ, **behind.environment},
        )
        until = time.monotonic() + 30
        while not landed_files(landing) and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert landed_files(landing) == ["crm/contact/.a.csv.part"]
    landing.source = feed(far)
    assert landing.land_one().status == "nothing_new"
    assert download(landing, far).downloaded == 1
    assert landed_files(landing) == ["crm/contact/a.csv"]
    assert (landing.settings.landing_dir / "crm/contact/a.csv").read_text() == content


def test_a_file_that_changes_between_listing_and_reading_comes_as_it_is_then(landing: Landing, sftp: Place) -> None:
    sftp.put("a.csv", HEADER + line(1), modified=1_700_000_000)
    changes = iter([lambda: sftp.put("a.csv", HEADER + line(1) + line(2), modified=1_700_000_100)])
    sftp.server.before_open = lambda path: next(changes, lambda: None)()
    assert download(landing, sftp).downloaded == 1
    assert landing.land_one().landed == 2
    assert download(landing, sftp).downloaded == 0


def test_an_object_replaced_between_listing_and_reading_comes_as_it_is_then(
    landing: Landing, s3: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put("a.csv", HEADER + line(1))
    listed = remote._S3.files

    def replaced(place: remote._S3) -> Any:
        files = listed(place)
        s3.put("a.csv", HEADER + line(1) + line(2))
        return files

    monkeypatch.setattr(remote._S3, "files", replaced)
    assert download(landing, s3).downloaded == 1
    assert landing.land_one().landed == 2


def test_a_file_that_never_rests_waits_for_the_next_run_and_others_come(landing: Landing, sftp: Place) -> None:
    sftp.put("a.csv", HEADER)
    sftp.put("b.csv", HEADER + line(2))
    rows = iter(range(1, 100))

    def grow(path: str) -> None:
        if path.endswith("a.csv"):
            with (sftp.root / "out/a.csv").open("a") as stream:  # type: ignore[operator]
                stream.write(line(next(rows)))

    sftp.server.before_open = grow
    report = download(landing, sftp)
    assert report.downloaded == 1
    assert "a.csv: is being written now" in str(report.error)
    assert landed_files(landing) == ["crm/contact/b.csv"]


def test_a_file_that_vanishes_between_listing_and_reading_is_no_error(landing: Landing, sftp: Place) -> None:
    sftp.put("a.csv", HEADER + line(1))
    sftp.server.before_open = lambda path: sftp.remove("a.csv")
    report = download(landing, sftp)
    assert (report.downloaded, report.error) == (0, None)


def test_a_file_that_may_not_be_read_is_named_and_others_come(landing: Landing, sftp: Place) -> None:
    sftp.put("a.csv", HEADER + line(1))
    sftp.put("b.csv", HEADER + line(2))
    sftp.server.forbidden.add("/out/a.csv")
    report = download(landing, sftp)
    assert report.downloaded == 1
    assert report.error == "a.csv: these credentials may not read it."


def test_wrong_credentials_name_the_variables_and_never_a_value(landing: Landing, sftp: Place) -> None:
    sftp.put("a.csv", HEADER)
    sftp.environment["SFTP_PASSWORD"] = "wr0ng-pass"
    error = str(download(landing, sftp).error)
    assert "refuses the credentials; check SFTP_USER, SFTP_PASSWORD" in error
    assert "wr0ng-pass" not in error
    assert sftp.server.logins == 1  # a second try could lock the account
    sftp.environment["CRM_SFTP_PASSWORD"] = "wr0ng-too"
    assert "check SFTP_USER, CRM_SFTP_PASSWORD" in str(download(landing, sftp).error)
    sftp.environment["CRM_SFTP_PASSWORD"] = PASSWORD
    assert download(landing, sftp).error is None


def test_wrong_keys_of_s3_name_the_variables_and_never_a_value(landing: Landing, s3: Place) -> None:
    s3.put("a.csv", HEADER)
    requests.post(f"{s3.server}/moto-api/reset-auth", data=b"0", timeout=10)
    try:
        error = str(download(landing, s3).error)
    finally:
        requests.post(f"{s3.server}/moto-api/reset-auth", data=b"1000000", timeout=10)
    assert "refuses the credentials; check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY" in error
    assert "s3cr3t" not in error


def test_a_key_file_signs_in(landing: Landing, sftp: Place, tmp_path: Path) -> None:
    sftp.put("a.csv", HEADER + line(1))
    sftp.server.user_key.write_private_key_file(str(tmp_path / "key"), password="phrase")
    del sftp.environment["SFTP_PASSWORD"]
    sftp.environment |= {"SFTP_KEY_FILE": str(tmp_path / "key"), "SFTP_KEY_PASSPHRASE": "phrase"}
    assert download(landing, sftp).error is None


def test_a_host_that_nobody_knows_is_refused(landing: Landing, sftp: Place, tmp_path: Path) -> None:
    sftp.put("a.csv", HEADER + line(1))
    (tmp_path / "known_hosts").write_text("")
    assert "shows an unconfirmed key" in str(download(landing, sftp).error)
    with SftpServer(tmp_path) as other:
        other.known_hosts(tmp_path / "known_hosts", sftp.port)
    assert "shows another key than before" in str(download(landing, sftp).error)
    assert sftp.server.logins == 0
    sftp.environment["SFTP_KNOWN_HOSTS"] = "any"
    assert download(landing, sftp).error is None


def test_a_variable_that_is_missing_is_named(landing: Landing, sftp: Place) -> None:
    del sftp.environment["SFTP_USER"]
    with pytest.raises(SettingError, match="SFTP_USER"):
        download(landing, sftp)
    sftp.url = "sftp://${ACME_HOST}/out/"
    with pytest.raises(SettingError, match="`remote` names the environment variable ACME_HOST"):
        download(landing, sftp)
    sftp.environment["ACME_HOST"] = "user:hush@host"
    with pytest.raises(SettingError, match="holds a password") as raised:
        download(landing, sftp)
    assert "hush" not in str(raised.value)


def test_a_source_says_where_all_its_entities_are(landing: Landing, folder: Place) -> None:
    folder.put("contact/a.csv", HEADER + line(1))
    folder.put("person/a.csv", HEADER + line(1))
    declared = {
        **source().model_dump(by_alias=True, exclude_none=True, exclude_defaults=True),
        "remote": f"{folder.url}{{entity}}/*.csv",
        "entities": {name: contact(files=None) for name in ("contact", "person")},
    }
    landing.source = SourceSpec.model_validate(declared)
    reports = remote.download(landing.settings, landing.source, environment={})
    assert [(report.entity, report.downloaded) for report in reports] == [("contact", 1), ("person", 1)]
    assert landing.land().landed == 2


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ("ftp://host/x/*", "must be s3://bucket/path"),
        ("s3://bucket", "must be s3://bucket/path"),
        ("sftp://user:hush@host/out/*", "holds a password"),
        ("sftp://host/../*", "may not contain"),
    ],
)
def test_a_place_that_cannot_be_is_refused(tmp_path: Path, where: str, why: str) -> None:
    path = tmp_path / "s.yml"
    path.write_text(
        "{source: s, title: S, loader: files, legal_basis: contract,"
        f" entities: {{e: {{remote: '{where}', mode: append, columns: {{id: varchar}}}}}}}}"
    )
    with pytest.raises(DeclarationError, match=why) as raised:
        read_source(path)
    assert "hush" not in str(raised.value)


def test_a_full_disk_stops_and_is_named(landing: Landing, folder: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.put("a.csv", HEADER + line(1))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(remote.os, "fsync", full)
    assert download(landing, folder).error == "a.csv: cannot be written to the landing zone: No space left on device."
    assert landed_files(landing) == []


def test_links_are_followed_to_files_and_not_to_folders(landing: Landing, sftp: Place) -> None:
    assert sftp.root is not None
    sftp.put("x/a.csv", HEADER + line(1))
    (sftp.root / "out/b.csv").symlink_to(sftp.root / "out/x/a.csv")
    (sftp.root / "out/nowhere.csv").symlink_to(sftp.root / "out/none.csv")
    (sftp.root / "out/x/loop").symlink_to(sftp.root / "out")
    assert download(landing, sftp, "**").found == 2
    assert landed_files(landing) == ["crm/contact/b.csv", "crm/contact/x/a.csv"]


def test_a_source_of_remote_files_is_fetched_without_being_asked_to(landing: Landing, sftp: Place) -> None:
    sftp.put("a.csv", HEADER + line(1))
    source = feed(sftp)
    assert fetching.is_fetched_by_default(source)
    assert fetching.stream_names(source) == ("contact",)
    assert fetching.missing_variables(source, {}) == ["SFTP_USER"]
    assert fetching.missing_variables(source, {"CRM_SFTP_USER": "u"}) == []
    assert fetching.try_connection(source, sftp.environment) == ""
    [report] = fetching.fetch(landing.settings, source, environment=sftp.environment)
    assert (report.records, report.error) == ({"contact": 1}, None)
    sftp.environment["SFTP_PASSWORD"] = "wrong"
    assert "refuses the credentials" in fetching.try_connection(source, sftp.environment)
