"""What the server itself leaves in the audit log: start and stop, changes of configuration, failed handshakes."""

from __future__ import annotations

import getpass
import hashlib
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from audited_operator_table import ROWS
from audited_stage import Log, log_of
from cryptography import x509
from typer.testing import CliRunner

from audit.event import Call, Event, Outcome
from audit.tables import HEAD, RUN
from conformance.pki import Pki, ec_key, reused
from server.alarm import raised
from server.cli import build
from server.commands import operator
from server.settings import load
from tests.conftest import reference_folder
from tests.ports import free_port
from tests.server.servers import Running, get, prepare, running

LONG_AGO = datetime(2010, 1, 1, tzinfo=UTC)
RUNNER = CliRunner()


@dataclass
class Home:
    """A home of its own, whose server comes and goes."""

    folder: Path
    pki: Pki
    log: Log

    def wait(self, number: int) -> None:
        """Until that many events are there: whoever is refused is gone before it is recorded."""
        give_up = time.monotonic() + 30
        while len(self.log.new()) < number:
            assert time.monotonic() < give_up, len(self.log.new())
            time.sleep(0.02)

    def holds(self, title: str, **names: str) -> None:
        self.wait(len(ROWS[title]))
        self.log.holds(ROWS[title], {"operator": getpass.getuser(), "endpoint": "unknown", **names})
        self.log.watch()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("server")
    pki = prepare(folder)
    with log_of(load({"home": folder}, {}), reference_folder()) as log:
        yield Home(folder, pki, log)


def test_it_starts_refuses_whom_it_does_not_know_and_stops(home: Home, tmp_path: Path) -> None:
    other = Pki.create(tmp_path, key_maker=reused(ec_key))
    other.person("stranger", "899700000033", "DUPONT", "Jean", "10", "SM26")
    home.pki.revoke("revoked")
    with running(home.folder) as server:
        home.holds("start")
        endpoint = f"https://127.0.0.1:{server.https}"
        for title, folder, name in (("unknown authority", tmp_path, "stranger"), ("revoked", home.folder, "revoked")):
            with pytest.raises(OSError):
                get(server.https, "/healthz", _context(home.folder, folder / "pki" / name))
            home.holds(f"TLS, {title}", endpoint=endpoint, **_shown(folder / "pki" / name / "auth.pem"))
        _raw(server.https, b"")  # who only looks, or stops, leaves nothing
        _raw(server.https, b"\x16\x03\x01\x02\x00\x01")
        _raw(server.https, b"GET / HTTP/1.0\r\n\r\n")
        home.holds("TLS, plain HTTP", endpoint=endpoint)
        with pytest.raises(OSError):
            get(server.https, "/healthz", _old(home.folder))
        home.holds("TLS, an old version", endpoint=endpoint)
        _stop(server)
    home.holds("stop")


def test_a_flood_leaves_ten_events_and_how_many_there_were_is_said_later(home: Home) -> None:
    with running(home.folder) as server:
        home.log.watch()
        for _ in range(15):
            _raw(server.https, b"GET / HTTP/1.0\r\n\r\n")
        home.wait(10)
        with pytest.raises(OSError):
            get(server.https, "/healthz", _old(home.folder))
        _stop(server)
        assert [each.transaction for each in home.log.new()] == ["ITI-19"] * 10 + ["application-stop"]
    home.log.watch()


def test_what_changed_since_it_last_ran_is_said_when_it_starts(home: Home) -> None:
    settings, anchors, ports = home.folder / "settings.toml", home.folder / "ca.pem", (free_port(), free_port())
    with running(home.folder, https=ports[0], http=ports[1]) as server:
        _stop(server)
    settings.write_text('portal_address = "https://dmp.example"\n', "utf-8")
    home.log.watch()
    with running(home.folder, https=ports[0], http=ports[1]) as server:
        home.holds("start with another address")
        _stop(server)
    before = anchors.read_bytes()
    anchors.write_bytes(before + before)
    home.log.watch()
    with running(home.folder, https=ports[0], http=ports[1]):
        digests = [f"sha256:{hashlib.sha256(each).hexdigest()}" for each in (before, before + before)]
        home.holds("start with other trust", before=digests[0], after=digests[1])


def test_a_migration_is_recorded(home: Home, tmp_path: Path) -> None:
    done = RUNNER.invoke(build("migrate"), ["migrate", "--home", str(tmp_path / "new")])
    assert done.exit_code == 0, done.output
    with log_of(load({"home": tmp_path / "new"}, {}), reference_folder()) as log:
        log.seen = 0
        log.holds(ROWS["migrate"], {"operator": operator(), "endpoint": "unknown"})


def test_what_keeps_the_log_itself_is_recorded(tmp_path: Path) -> None:
    """Old records put away, a log that somebody tampered with, and an operator who looked into it."""
    pki = prepare(tmp_path)
    with log_of(load({"home": tmp_path}, {}), reference_folder()) as log:
        home = Home(tmp_path, pki, log)
        for number in range(RUN):
            call = Call(transaction="ITI-47", request_id=f"request-{number}")
            log.house.append(Event(f"event-{number}", LONG_AGO, call, Outcome.MINOR_FAILURE))
        with running(tmp_path) as server:
            until((tmp_path / "audit.seal").exists)
            log.watch()
            _type(tmp_path, "prune")
            home.holds("log pruned", operator=operator())
            with log.house.database.transaction() as connection:
                connection.execute(sa.update(HEAD).values(frontier=sa.func.zeroblob(sa.func.length(HEAD.c.frontier))))
            log.house.record("operator", "audit", operator())
            until(lambda: raised(tmp_path))
            home.wait(2)
            log.seen += 1  # what was only there to be sealed
            home.holds("log tampered", operator="sealer")
            _type(tmp_path, "resume", "--reason", "base restaurée")
            assert log.new()[0].explanation.endswith(": base restaurée")
            home.holds("log resumed", operator=operator())
            _stop(server)


def _type(home: Path, *arguments: str) -> None:
    done = RUNNER.invoke(build("audit"), ["audit", *arguments, "--home", str(home)])
    assert done.exit_code == 0, done.output


def until(true: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 30
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def _stop(server: Running) -> None:
    server.process.send_signal(signal.SIGTERM)
    assert server.wait_until_ended() == 0


def _context(ca: Path, keys: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca / "ca.pem"))
    if keys is not None:
        context.load_cert_chain(keys / "auth.pem", keys / "auth.key")
    return context


def _old(ca: Path) -> ssl.SSLContext:
    context = _context(ca)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def _raw(port: int, data: bytes) -> None:
    """Sends something that is no TLS, waits for whatever comes back, and goes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass


def _shown(file: Path) -> dict[str, str]:
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    return {
        "certificate": certificate.subject.rfc4514_string(),
        "serial": f"{certificate.serial_number:x}",
        "issuer": certificate.issuer.rfc4514_string(),
        "until": certificate.not_valid_after_utc.isoformat(),
    }
