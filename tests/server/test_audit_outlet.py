"""The outlets: everything leaves, in order; what is not known to have arrived leaves again."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from sending import HERE, drain, ids_in
from typer.testing import CliRunner

from audit.received import read_received
from audit.store import AuditStore
from audit.syslog import read_syslog
from conformance.pki import Pki, ec_key, reused
from ihe.reply import read_address
from server import audit_outlet as module
from server.audit_cursors import Cursors, everywhere
from server.audit_links import LinkError, TlsLink, UdpLink, syslog_of
from server.audit_outlet import Outlet
from server.cli import build
from server.database import Database, connect
from server.house import now
from server.migrations import METADATA, upgrade
from server.settings import load
from tests.audit_peers import (
    Behaviour,
    Repository,
    all_events,
    careless,
    client_context,
    early,
    in_order,
    orderly,
    repository,
    resetting,
    server_context,
    silent,
    write_events,
)

pytest_plugins = ["databases"]


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki.create(tmp_path_factory.mktemp("pki"), key_maker=reused(ec_key))


@pytest.fixture
def arr(pki: Pki) -> Iterator[Repository]:
    with repository(server_context(pki.folder)) as there:
        yield there


def tls_link(pki: Pki, port: int) -> TlsLink:
    return TlsLink(read_address(f"https://localhost:{port}"), "dmp.example", lambda: client_context(pki.folder))


@pytest.fixture
def outlet(cursors: Cursors, pki: Pki, arr: Repository) -> Outlet:
    return Outlet(cursors, HERE, tls_link(pki, arr.port))


# --- The cursor -------------------------------------------------------------------------------------------------------


def test_a_cursor_goes_forward_only_and_keeps_its_place_through_failures(engine: Any) -> None:
    with engine.begin() as connection:
        for metadata in METADATA:
            metadata.create_all(connection)
    database = Database(engine, nullcontext)
    cursors = Cursors(database)
    assert cursors.get("a").sequence == 0
    cursors.failed("a", "wrong", now())
    assert (cursors.get("a").sequence, cursors.get("a").error) == (0, "wrong")
    cursors.confirm("a", 7, now())
    cursors.confirm("a", 5, now())
    assert (cursors.get("a").sequence, cursors.get("a").error) == (7, "")
    cursors.failed("a", "wrong again", now())
    assert cursors.get("a").sequence == 7
    with database.transaction() as connection:
        assert everywhere(connection, []) is None
        assert everywhere(connection, ["a"]) == 7
        assert everywhere(connection, ["a", "another"]) == 0


# --- TLS --------------------------------------------------------------------------------------------------------------


def test_every_event_arrives_in_order_and_is_then_confirmed(
    outlet: Outlet, log: Database, arr: Repository, cursors: Cursors
) -> None:
    written = write_events(log, 450)  # three readings
    drain(outlet)
    assert ids_in(arr.messages, log) == written
    assert cursors.get(HERE).sequence == 450
    assert arr.connections == 1


def test_nothing_to_send_opens_no_connection(outlet: Outlet, arr: Repository) -> None:
    drain(outlet)
    assert arr.connections == 0


def test_what_other_nodes_recorded_does_not_leave_again(
    outlet: Outlet, log: Database, arr: Repository, cursors: Cursors
) -> None:
    received = read_received(b"<AuditMessage/>", origin="CN=other", recorded=now())
    house_keep(log, received)
    written = write_events(log, 2)
    house_keep(log, received)
    drain(outlet)
    assert ids_in(arr.messages, log) == written
    assert cursors.get(HERE).sequence == 4


def house_keep(log: Database, received: Any) -> None:
    with log.transaction() as connection:
        AuditStore(connection).append_received(replace(received, id=f"r{time.time_ns()}"))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("behaviour", [orderly, silent])
def test_a_repository_that_read_everything_confirms_it_with_or_without_a_word(
    log: Database, cursors: Cursors, pki: Pki, behaviour: Behaviour, version: ssl.TLSVersion
) -> None:
    context = server_context(pki.folder)
    context.maximum_version = version
    with repository(context) as there:
        there.behaviours = [behaviour]
        write_events(log, 30)
        drain(Outlet(cursors, HERE, tls_link(pki, there.port)))
    assert cursors.get(HERE).sequence == 30
    assert len(there.messages) == 30


@pytest.mark.parametrize("behaviour", [early, careless, resetting])
def test_a_connection_that_did_not_end_in_order_confirms_nothing(
    outlet: Outlet, log: Database, arr: Repository, cursors: Cursors, behaviour: Behaviour
) -> None:
    """Whatever the moment at which the repository goes away."""
    written = write_events(log, 600)
    arr.behaviours = [behaviour] * 3
    for _ in range(3):
        with pytest.raises((LinkError, OSError)) as caught:
            drain(outlet)
        outlet._failed(caught.value, 0)
        assert cursors.get(HERE).sequence == 0
        assert cursors.get(HERE).error
    drain(outlet)
    assert cursors.get(HERE).sequence == 600
    assert cursors.get(HERE).error == ""
    assert in_order(ids_in(arr.messages, log), written)


def test_the_same_event_sent_again_is_the_same_bytes(pki: Pki, log: Database) -> None:
    write_events(log, 1)
    (record,) = all_events(log)
    first, second = syslog_of(record, "host"), syslog_of(record, "host")
    assert first == second
    read = read_syslog(first)
    assert (read.message, read.instant, read.app) == (record.message, record.instant, "open-dmp")
    assert base64.b64encode(record.id.encode()) in read.message


@pytest.mark.parametrize("wrong", ["name", "anchor"])
def test_a_repository_that_is_not_who_it_should_be_gets_nothing(
    log: Database, cursors: Cursors, pki: Pki, arr: Repository, tmp_path: Path, wrong: str
) -> None:
    write_events(log, 1)
    stranger = Pki.create(tmp_path / "stranger", key_maker=reused(ec_key)).folder
    link = (
        TlsLink(read_address(f"https://127.0.0.2:{arr.port}"), "h", lambda: client_context(pki.folder))
        if wrong == "name"
        else TlsLink(read_address(f"https://localhost:{arr.port}"), "h", lambda: client_context(stranger))
    )
    with pytest.raises(OSError):
        drain(Outlet(cursors, HERE, link))
    assert arr.messages == []


def test_it_runs_until_told_to_stop_and_says_what_went_wrong(
    log: Database, cursors: Cursors, pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(module, "RETRY_SECONDS", (0.05,))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    stop = threading.Event()
    written = write_events(log, 3)
    with structlog.testing.capture_logs() as logs:
        thread = threading.Thread(target=Outlet(cursors, HERE, tls_link(pki, port)).run, args=(stop,))
        thread.start()
        until(lambda: cursors.get(HERE).error == "ConnectionRefusedError")
        with repository(server_context(pki.folder), port) as there:
            until(lambda: cursors.get(HERE).sequence == 3)
            written += write_events(log, 2)
            until(lambda: cursors.get(HERE).sequence == 5)
            write_events(log, 1)
            stop.set()
            thread.join(30)
            assert not thread.is_alive()
            assert ids_in(there.messages, log)[:5] == written
    assert {entry["event"] for entry in logs} == {"not delivered: trying again"}
    assert all(set(entry) <= {"event", "log_level", "to", "got", "attempt"} for entry in logs)


def until(true: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 30
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.02)


# --- UDP --------------------------------------------------------------------------------------------------------------


def test_a_datagram_for_each_event_and_what_is_too_long_holds_up_nobody(log: Database, cursors: Cursors) -> None:
    written = write_events(log, 5)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:
        there.bind(("127.0.0.1", 0))
        there.settimeout(10)
        url = read_address(f"https://127.0.0.1:{there.getsockname()[1]}")
        drain(Outlet(cursors, HERE, UdpLink(url, "host", 65507)))
        messages = [read_syslog(there.recv(65535)).message for _ in range(5)]
        assert ids_in(messages, log) == written
        write_events(log, 2)
        tight = UdpLink(url, "host", 480)
        with structlog.testing.capture_logs() as logs:
            drain(Outlet(cursors, HERE, tight))
    assert [entry["event"] for entry in logs] == ["too long for a datagram: not sent"] * 2
    assert cursors.get(HERE).sequence == 7


# --- The command ------------------------------------------------------------------------------------------------------


def outlets(home: Path, *arguments: str) -> tuple[int, str]:
    told = CliRunner().invoke(build("audit"), ["audit", "outlets", "--home", str(home), *arguments])
    return told.exit_code, told.output


def test_the_command_says_how_far_each_repository_is(tmp_path: Path) -> None:
    settings = load({"home": tmp_path}, {})
    upgrade(settings)
    assert outlets(tmp_path) == (3, "")
    (tmp_path / "settings.toml").write_text('audit_repositories = ["tls://arr.example", "udp://[::1]"]\n')
    database = connect(settings.database_url, threads=1)
    write_events(database, 5)
    Cursors(database).confirm("tls://arr.example:6514", 3, now())
    Cursors(database).failed("tls://arr.example:6514", "TimeoutError", now())
    database.dispose()
    code, told = outlets(tmp_path, "--json")
    first, second = json.loads(told)
    assert (code, first.pop("tried")[:2]) == (0, "20")
    assert first == {"destination": "tls://arr.example:6514", "confirmed": 3, "lag": 2, "error": "TimeoutError"}
    assert second == {"destination": "udp://[::1]:514", "confirmed": 0, "lag": 5, "error": "", "tried": ""}
    code, told = outlets(tmp_path)
    assert "3 confirmés" in told
    assert "TimeoutError" in told
