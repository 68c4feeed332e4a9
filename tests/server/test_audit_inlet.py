"""The inlet: what well-behaved nodes send is stored, whatever others do beside them."""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog
from taking import LIMITS, Kept, audit_message, connected, cut_off, framed, inlet, refused, until

from audit.store import AuditStore
from audit.syslog import write_frame, write_syslog
from conformance.pki import Pki, ec_key, reused
from ihe.reply import read_address
from server import audit_inlet as module
from server.audit_inlet import read_frame
from server.audit_links import LinkError, TlsLink, end
from server.database import connect
from server.house import now
from server.migrations import METADATA
from tests.audit_peers import SITE, all_events, client_context, write_events

pytest_plugins = ["databases"]


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    made = Pki.create(tmp_path_factory.mktemp("pki"), key_maker=reused(ec_key))
    for name in ("somebody", "revoked"):
        made.person(name, "899700000017", "MARTIN", "Anne", "10", "SM26")
    made.revoke("revoked")
    return made


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.05)


@pytest.fixture
def kept(pki: Pki) -> Iterator[Kept]:
    with inlet(pki) as there:
        yield there


# --- In order ---------------------------------------------------------------------------------------------------------


def test_what_a_node_sends_is_stored_under_its_name_and_the_end_is_answered(kept: Kept, pki: Pki) -> None:
    messages = [audit_message(number) for number in range(50)]
    with connected(pki, kept.port) as connection:
        connection.sendall(b"".join(map(framed, messages)))
        end(connection)
    assert [each.message for each in kept.messages] == messages  # all of it, before the end was answered
    first = kept.messages[0]
    assert (first.format, first.event_code, first.source_id) == ("dicom", "110100", SITE.source_id)
    assert "CN=899700000017" in first.origin
    assert len(kept.batches) < 10


def test_messages_are_stored_while_the_connection_stays(kept: Kept, pki: Pki) -> None:
    with connected(pki, kept.port) as connection:
        for number in range(3):
            connection.sendall(framed(audit_message(number)))
            kept.wait(number + 1)


def test_another_of_our_kind_is_told_what_has_arrived(kept: Kept, pki: Pki, tmp_path: Path) -> None:
    database = connect(f"sqlite:///{tmp_path}/dmp.db", threads=1)
    with database.transaction() as connection:
        for metadata in METADATA:
            metadata.create_all(connection)
    write_events(database, 300)
    records = all_events(database)
    database.dispose()
    link = TlsLink(read_address(f"https://localhost:{kept.port}"), "h", lambda: client_context(pki.folder))
    link.send(records)
    link.confirm()
    assert [each.message for each in kept.messages] == [record.message for record in records]


def test_what_is_no_syslog_message_is_kept_whole_when_a_known_node_sent_it(kept: Kept, pki: Pki) -> None:
    odd = [b"<34>Oct 11 22:14:15 host su: failed", b"\x00\xff", b"<85>1 - - - - - - plain text"]
    with connected(pki, kept.port) as connection:
        connection.sendall(b"".join(map(write_frame, odd)))
        end(connection)
    assert [(each.format, each.message) for each in kept.messages] == [
        ("other", odd[0]),
        ("other", odd[1]),
        ("other", b"plain text"),
    ]


def test_a_newline_ends_a_message_only_where_the_settings_say_so(pki: Pki) -> None:
    line = write_syslog(b"<x/>", instant=now(), host="h", app="a") + b"\n"
    with inlet(pki) as strict, connected(pki, strict.port) as connection:
        assert refused(connection, line)
        assert strict.messages == []
    with inlet(pki, replace(LIMITS, syslog_newline=True)) as tolerant, connected(pki, tolerant.port) as connection:
        connection.sendall(line)
        end(connection)
        assert tolerant.wait(1) == [b"<x/>"]


# --- Who may ----------------------------------------------------------------------------------------------------------


def test_who_shows_no_certificate_or_one_that_is_revoked_sends_nothing(kept: Kept, pki: Pki) -> None:
    anonymous = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anonymous.load_verify_locations(pki.folder / "ca.pem")
    for context in (anonymous, client_context(pki.folder, "revoked")):
        with socket.create_connection(("127.0.0.1", kept.port), 10) as plain, pytest.raises(OSError):
            connection = context.wrap_socket(plain, server_hostname="localhost")
            connection.sendall(framed(audit_message()))
            connection.recv(1)
    until(lambda: len(kept.refused) == 2)
    assert kept.messages == []
    assert {each.address for each in kept.refused} == {"127.0.0.1"}
    assert [bool(each.certificate) for each in kept.refused] == [False, True]


def test_connections_beyond_the_limit_wait_for_their_turn(kept: Kept, pki: Pki) -> None:
    held = [connected(pki, kept.port) for _ in range(LIMITS.syslog_connections)]
    waiting = socket.create_connection(("127.0.0.1", kept.port), 10)  # the kernel takes it, nobody shakes its hand
    held[0].sendall(framed(audit_message()))
    kept.wait(1)
    for each in held:
        end(each)
    late = client_context(pki.folder, "somebody").wrap_socket(waiting, server_hostname="localhost")
    late.sendall(framed(audit_message()))
    kept.wait(2)
    late.close()


# --- Hostile ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"-1 x",
        b"99999999 x",
        b"70000 x",
        b"\x00" * 100_000,
        b"5 abc",  # cut off by its own end
    ],
)
def test_messages_before_the_garbage_are_stored_and_the_sender_sees_that_it_was_cut_off(
    kept: Kept, pki: Pki, garbage: bytes
) -> None:
    good = audit_message()
    with connected(pki, kept.port) as neighbour:
        with connected(pki, kept.port) as connection:
            connection.sendall(framed(good))
            assert refused(connection, garbage)
        assert kept.wait(1) == [good]
        neighbour.sendall(framed(good))
        end(neighbour)
    assert kept.wait(2) == [good, good]


def test_a_message_that_does_not_come_to_its_end_is_not_waited_for(
    kept: Kept, pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MESSAGE_SECONDS", 0.3)
    with connected(pki, kept.port) as connection:
        connection.sendall(framed(audit_message()) + b"500 ")
        with pytest.raises(OSError):
            for _ in range(1000):
                connection.sendall(b"x")  # one by one: slowly is not for ever
                time.sleep(0.02)
    assert len(kept.messages) == 1


def test_a_connection_on_which_nothing_comes_is_ended_in_order(
    kept: Kept, pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.2)
    with connected(pki, kept.port) as connection:
        assert connection.recv(1) == b""


BOMB = b'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">' + b"".join(
    b'<!ENTITY a%d "%s">' % (number, b"&a%d;" % (number - 1) * 10 if number else b"&a;" * 10) for number in range(9)
)
HOSTILE = (
    BOMB + b"]><AuditMessage>&a8;</AuditMessage>",
    b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><AuditMessage/>',
    b"<a>" * 10_000,
    b"<AuditMessage" + b' a="b"' * 5_000 + b"/>",
    b"\xff\xfe<\x00a\x00/\x00>\x00",
    b"{" * 10_000,
    b'{"resourceType": "AuditEvent", "a": "\\ud800"}',
    b"\xc3\x28",
    b"",
)


def test_hostile_content_is_kept_as_bytes(kept: Kept, pki: Pki) -> None:
    good = audit_message()
    with connected(pki, kept.port) as connection:
        for each in HOSTILE:
            connection.sendall(framed(each) + framed(good))
        end(connection)
    assert [each.message for each in kept.messages[::2]] == list(HOSTILE)
    assert {each.format for each in kept.messages[1::2]} == {"dicom"}


def test_whatever_was_read_can_be_stored(engine: sa.Engine) -> None:
    nul = b'<AuditMessage><EventIdentification EventOutcomeIndicator="0\x00"/></AuditMessage>'
    long = b'<85>1 - - - - - - {"resourceType": "AuditEvent", "outcome": "' + b"\\u0000" * 10_000 + b'"}'
    frames = [*HOSTILE, nul, long, audit_message(), audit_message().replace(b"operator", b"o" * 100_000)]
    with engine.begin() as connection:
        for metadata in METADATA:
            metadata.create_all(connection)
        store = AuditStore(connection)
        for frame in frames:
            store.append_received(read_frame(frame, "CN=\x00\ud800"))
        assert store.head().size == len(frames)


def test_random_streams_harm_nobody(kept: Kept, pki: Pki) -> None:
    """Good frames with bytes changed, dropped and doubled at random; a neighbour is served all the while."""
    chance, good = random.Random(20261129), audit_message()
    with connected(pki, kept.port) as neighbour:
        for number in range(40):
            stream = bytearray(b"".join(framed(audit_message(each)) for each in range(3)))
            for _ in range(chance.randint(1, 5)):
                place = chance.randrange(len(stream))
                what = chance.choice([b"", bytes([chance.randrange(256)]), bytes(stream[place : place + 20])])
                stream[place : place + chance.randint(0, 2)] = what
            with contextlib.suppress(OSError, LinkError), connected(pki, kept.port) as connection:
                connection.sendall(stream)
                end(connection)
            neighbour.sendall(framed(good))
            until(lambda wanted=number + 1: sum(each.message == good for each in kept.messages) == wanted)  # type: ignore[misc]
        end(neighbour)


# --- The log cannot be written ----------------------------------------------------------------------------------------


def test_while_the_log_cannot_be_written_nothing_is_lost_and_nobody_is_told_that_it_arrived(
    kept: Kept, pki: Pki
) -> None:
    kept.broken = True
    messages = [audit_message(number) for number in range(20)]
    with structlog.testing.capture_logs() as logs, connected(pki, kept.port) as connection:
        connection.sendall(b"".join(map(framed, messages)))
        until(lambda: bool(logs))
        kept.broken = False
        end(connection)
    assert [each.message for each in kept.messages] == messages
    assert {entry["error"] for entry in logs} == {"AuditUnavailable"}


def test_stopped_while_the_log_cannot_be_written_it_confirms_nothing(kept: Kept, pki: Pki) -> None:
    kept.broken = True
    with connected(pki, kept.port) as connection:
        connection.sendall(framed(audit_message()))
        time.sleep(0.3)
        kept.stop.set()
        assert cut_off(connection)


def test_stopped_it_stores_what_it_read(pki: Pki) -> None:
    """A sender that goes on all the time is told nothing false: of what it sent the beginning is there, in order."""
    with inlet(pki) as kept, connected(pki, kept.port) as connection:
        sent = 0
        with contextlib.suppress(OSError):
            for number in range(100_000):
                connection.sendall(framed(b"<m>%d</m>" % number))
                sent += 1
                if number == 500:
                    kept.wait(1)
                    kept.stop.set()
        assert cut_off(connection)
    stored = [each.message for each in kept.messages]
    assert stored == [b"<m>%d</m>" % number for number in range(len(stored))]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_ours_confirms_nothing_and_the_next_connection_is_served(
    kept: Kept, pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "read_syslog_received", None)
    with connected(pki, kept.port) as connection:
        connection.sendall(framed(audit_message()))
        assert cut_off(connection)
    monkeypatch.undo()
    for _ in range(LIMITS.syslog_connections + 1):
        with connected(pki, kept.port) as connection:
            connection.sendall(framed(audit_message()))
            end(connection)
    assert len(kept.messages) == LIMITS.syslog_connections + 1


# --- Datagrams --------------------------------------------------------------------------------------------------------


def test_a_datagram_is_a_message_and_a_strangers_garbage_is_not_kept(kept: Kept) -> None:
    good = write_syslog(audit_message() + b" " * 40_000, instant=now(), host="h", app="a")  # more than 32 KiB
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for each in (b"garbage", b"", good, b"\x00" * 65_000, good):
            sender.sendto(each, ("127.0.0.1", kept.datagrams))
        kept.wait(2)
    assert [each.origin for each in kept.messages] == ["127.0.0.1"] * 2
