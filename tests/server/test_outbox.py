"""The outbox and its courier: what was taken is delivered or given up, and goes nowhere else."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from ihe.mime import Outgoing
from ihe.reply import Address, read_address
from server import outbox as module
from server.courier import Courier
from server.database import Database
from server.outbox import KEPT_SECONDS, OUTBOX, RETRY_SECONDS, Letter, Outbox
from tests.receiver import Receiver, receiving

MESSAGE = b"<envelope/>"


@pytest.fixture
def outbox(tmp_path: Path, database: Database, receiver: Receiver) -> Outbox:
    return Outbox(tmp_path / "outbox", database, [read_address(f"{receiver.url}/replies")])


@pytest.fixture
def courier(outbox: Outbox) -> Courier:
    return Courier(outbox, ssl.create_default_context)


def message(content: bytes = MESSAGE) -> Outgoing:
    return Outgoing("application/soap+xml", len(content), iter([content[:3], content[3:]]))


def only(outbox: Outbox) -> Letter:
    (letter,), _ = outbox.due((), 10)
    return letter


def files(outbox: Outbox) -> list[str]:
    return [file.name for file in outbox.folder.iterdir()]


def make_due(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(OUTBOX.update().where(OUTBOX.c.due.is_not(None)).values(due=0))


# --- In and out -------------------------------------------------------------------------------------------------------


def test_what_is_posted_is_delivered(outbox: Outbox, courier: Courier, receiver: Receiver) -> None:
    outbox.post(f"{receiver.url}/replies/of?x=y", message(), "key")
    letter = only(outbox)
    assert letter.file.read_bytes() == MESSAGE
    assert letter.file.stat().st_mode & 0o777 == 0o600
    assert courier.carry(letter)
    (posted,) = receiver.posted
    assert (posted.path, posted.content_type, posted.body) == ("/replies/of?x=y", "application/soap+xml", MESSAGE)
    assert posted.headers["Content-Length"] == str(len(MESSAGE))
    assert "Transfer-Encoding" not in posted.headers
    assert (outbox.due((), 10), files(outbox)) == (([], None), [])


def test_a_key_is_remembered_after_delivery(outbox: Outbox, courier: Courier, receiver: Receiver) -> None:
    assert not outbox.seen("key")
    outbox.post(f"{receiver.url}/replies", message(), "key")
    courier.carry(only(outbox))
    assert outbox.seen("key")
    assert not outbox.seen("other")


def test_of_two_under_one_key_the_first_one_leaves(outbox: Outbox, receiver: Receiver) -> None:
    outbox.post(f"{receiver.url}/replies", message(b"first"), "key")
    outbox.post(f"{receiver.url}/replies", message(b"second"), "key")
    assert only(outbox).file.read_bytes() == b"first"
    assert len(files(outbox)) == 1


def test_a_message_that_cannot_be_written_leaves_nothing(outbox: Outbox, receiver: Receiver) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x"
        raise OSError

    with pytest.raises(OSError, match=r"^$"):
        outbox.post(f"{receiver.url}/replies", Outgoing("text/xml", 1, broken()), "key")
    assert (outbox.due((), 10), files(outbox)) == (([], None), [])


def test_what_is_enlisted_leaves_with_its_transaction(outbox: Outbox, database: Database, receiver: Receiver) -> None:
    name = outbox.spool([MESSAGE])
    with pytest.raises(LookupError), database.transaction() as connection:
        outbox.enlist(connection, name, receiver.url, "text/xml")
        raise LookupError
    assert outbox.due((), 10) == ([], None)
    with database.transaction() as connection:
        outbox.enlist(connection, name, receiver.url, "text/xml")
    assert only(outbox).id == name


def test_messages_under_way_and_those_of_other_homes_are_passed_over(outbox: Outbox, receiver: Receiver) -> None:
    outbox.post(f"{receiver.url}/replies", message(), "1")
    outbox.post(f"{receiver.url}/replies", message(), "2")
    letters, _ = outbox.due((), 10)
    letters[0].file.unlink()
    assert outbox.due((), 10)[0] == letters[1:]
    assert outbox.due({letters[1].id}, 10)[0] == []


# --- Failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 307, 400, 404, 500, 503])
def test_anything_but_success_is_tried_again(
    outbox: Outbox, courier: Courier, receiver: Receiver, database: Database, status: int
) -> None:
    outbox.post(f"{receiver.url}/replies", message(), "key")
    receiver.answers, receiver.location = [status], f"{receiver.url}/replies/elsewhere"
    assert not courier.carry(only(outbox))
    letters, later = outbox.due((), 10)
    assert letters == []
    assert later is not None
    assert 0 < later - time.time() * 1000 <= RETRY_SECONDS[0] * 1000
    make_due(database)
    receiver.location = ""
    assert courier.carry(only(outbox))
    assert [posted.path for posted in receiver.posted] == ["/replies", "/replies"]  # no redirect was followed
    assert receiver.posted[1].body == MESSAGE


def test_nobody_there_is_a_failure(tmp_path: Path, database: Database) -> None:
    with receiving() as gone:
        url = gone.url
    outbox = Outbox(tmp_path / "outbox", database, [read_address(url)])
    outbox.post(url, message(), "key")
    assert not Courier(outbox, ssl.create_default_context).carry(only(outbox))
    make_due(database)
    assert only(outbox).attempts == 1


def test_a_message_is_given_up_in_the_end(
    outbox: Outbox, courier: Courier, receiver: Receiver, database: Database
) -> None:
    outbox.post(f"{receiver.url}/replies/secret-path", message(b"<health-data/>"), "key")
    receiver.answers = [500] * 99
    with structlog.testing.capture_logs() as logs:
        for _ in RETRY_SECONDS:
            assert not courier.carry(only(outbox))
            make_due(database)
        assert not courier.carry(only(outbox))
    assert len(receiver.posted) == len(RETRY_SECONDS) + 1
    assert (outbox.due((), 10), files(outbox)) == (([], None), [])
    assert [log["log_level"] for log in logs] == ["warning"] * len(RETRY_SECONDS) + ["error"]
    assert logs[-1]["event"] == "given up: not delivered"
    assert logs[-1]["to"] == receiver.url
    assert "health-data" not in str(logs)
    assert "secret-path" not in str(logs)


def test_an_address_that_is_no_longer_allowed_is_not_tried(
    outbox: Outbox, receiver: Receiver, database: Database, tmp_path: Path
) -> None:
    outbox.post(f"{receiver.url}/replies", message(), "key")
    narrowed = Outbox(tmp_path / "outbox", database, [read_address(f"{receiver.url}/others")])
    assert not Courier(narrowed, ssl.create_default_context).carry(only(outbox))
    assert receiver.posted == []
    assert (outbox.due((), 10), files(outbox)) == (([], None), [])


def test_no_proxy_is_asked(
    outbox: Outbox, courier: Courier, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    outbox.post(f"{receiver.url}/replies", message(), "key")
    assert courier.carry(only(outbox))


def test_sweeping_keeps_what_is_waiting(
    outbox: Outbox, courier: Courier, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox.post(f"{receiver.url}/replies", message(), "delivered")
    courier.carry(only(outbox))
    outbox.post(f"{receiver.url}/replies", message(), "waiting")
    waiting = only(outbox)
    orphan, partial, strange = outbox.spool([b"x"]), f"{'a' * 32}.part", "courier"
    for name in (partial, strange):
        (outbox.folder / name).touch()
    outbox.sweep()
    assert len(files(outbox)) == 4
    later = time.time_ns() // 1_000_000 + (KEPT_SECONDS + 60) * 1000
    monkeypatch.setattr(module, "_now", lambda: later)
    outbox.sweep()
    assert sorted(files(outbox)) == sorted([waiting.id, strange])
    assert orphan not in files(outbox)
    assert (outbox.seen("delivered"), outbox.seen("waiting")) == (False, True)


# --- The courier at work ----------------------------------------------------------------------------------------------


def test_a_courier_delivers_whatever_comes(outbox: Outbox, courier: Courier, receiver: Receiver) -> None:
    outbox.folder.mkdir()
    stop = threading.Event()
    thread = threading.Thread(target=courier.run, args=(stop,))
    thread.start()
    try:
        receiver.answers = [500]
        for number in range(8):
            outbox.post(f"{receiver.url}/replies", message(b"%d" % number), str(number))
        received = receiver.wait(9)
        assert sorted({posted.body for posted in received}) == [b"%d" % number for number in range(8)]
    finally:
        stop.set()
        thread.join()


def test_a_slow_receiver_does_not_hold_up_others(tmp_path: Path, outbox: Outbox, receiver: Receiver) -> None:
    with receiving() as slow:
        slow.delay = 5.0
        allowed: list[Address] = [read_address(receiver.url), read_address(slow.url)]
        both = Outbox(outbox.folder, outbox._database, allowed)
        both.folder.mkdir()
        stop = threading.Event()
        thread = threading.Thread(target=Courier(both, ssl.create_default_context).run, args=(stop,))
        thread.start()
        try:
            both.post(slow.url, message(), "slow")
            both.post(receiver.url, message(), "quick")
            receiver.wait(1, seconds=4)
            assert slow.posted == []
            slow.delay = 0.0
        finally:
            stop.set()
            thread.join()
