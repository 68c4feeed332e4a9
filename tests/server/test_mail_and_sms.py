"""Mail and SMS on their way: with their transaction or not at all, to a real SMTP server and a real gateway."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from telling import ANNE, NUMBER, SENDER, SUBJECT, TEXT, Place

from identities.contact import ContactError
from ihe.reply import read_address
from server.channels import SmsGateway
from server.courier import DELIVERIES, Courier
from server.database import Database, connect
from server.outbox import METADATA, RETRY_SECONDS, Kind
from tests.mailbox import Mailbox, mailbox
from tests.receiver import Receiver

# --- With the transaction ---------------------------------------------------------------------------------------------


def test_a_mail_arrives(place: Place, box: Mailbox) -> None:
    place.mail()
    (letter,), _ = place.outbox.due((), 10)
    assert letter.file.stat().st_mode & 0o777 == 0o600
    assert place.carry() == [True]
    (mail,) = box.mails
    assert (mail.sender, mail.recipients) == (SENDER, [ANNE])
    assert (mail.message["To"], mail.message["From"]) == (ANNE, SENDER)
    assert (mail.message["Subject"], mail.text) == (SUBJECT, TEXT)
    assert mail.message["Message-ID"] == f"<{letter.id}@dmp.example>"
    assert place.left == (0, 0)  # the address is kept no longer than needed


def test_an_sms_arrives(place: Place, receiver: Receiver) -> None:
    place.sms()
    (letter,), _ = place.outbox.due((), 10)
    assert place.carry() == [True]
    (posted,) = receiver.posted
    assert (posted.path, posted.content_type) == ("/sms", "application/json")
    assert json.loads(posted.body) == {"to": NUMBER, "text": TEXT}
    assert posted.headers["Authorization"] == "Bearer s3cret-token"
    assert posted.headers["Idempotency-Key"] == f'"{letter.id}"'
    assert place.left == (0, 0)


def test_of_a_transaction_that_is_rolled_back_nothing_leaves(place: Place, box: Mailbox, receiver: Receiver) -> None:
    with pytest.raises(RuntimeError), place.database.transaction() as connection:
        notices = place.notices(connection)
        notices.mail(ANNE, SUBJECT, TEXT)
        notices.sms(NUMBER, TEXT)
        raise RuntimeError
    assert place.carry() == []
    assert (box.mails, receiver.posted) == ([], [])


def test_without_a_channel_nothing_is_taken(tmp_path: Path, database: Database) -> None:
    nowhere = Place(tmp_path, database, None, None)
    with database.transaction() as connection:
        notices = nowhere.notices(connection)
        assert (notices.mails, notices.texts) == (False, False)
        with pytest.raises(LookupError):
            notices.mail(ANNE, SUBJECT, TEXT)
        with pytest.raises(LookupError):
            notices.sms(NUMBER, TEXT)
    assert nowhere.left == (0, 0)


def test_with_a_channel_it_is_said_to_be_there(place: Place) -> None:
    with place.database.transaction() as connection:
        assert place.notices(connection).mails
        assert place.notices(connection).texts


@pytest.mark.parametrize("address", ["a@b.fr\r\nBcc: x@y.fr", "a@b.fr>\r\nRCPT TO:<x@y.fr", "a@b.fr, x@y.fr", ""])
def test_an_address_that_is_none_is_refused(place: Place, address: str) -> None:
    with pytest.raises(ContactError):
        place.mail(address)
    assert place.left == (0, 0)


def test_a_number_that_is_none_is_refused(place: Place) -> None:
    with place.database.transaction() as connection, pytest.raises(ContactError):
        place.notices(connection).sms(f'{NUMBER}", "to": "+33600000000', TEXT)
    assert place.left == (0, 0)


def test_a_subject_makes_no_header_and_a_text_no_command(place: Place, box: Mailbox) -> None:
    text = "Bonjour\r\n.\r\nMAIL FROM:<x@y.fr>\r\nRCPT TO:<victime@y.fr>\r\n..\r\n"
    place.mail(subject="Document\r\nBcc: voleur@y.fr\r\n\r\nAutre texte", text=text)
    assert place.carry() == [True]
    (mail,) = box.mails
    assert mail.recipients == [ANNE]
    assert "Bcc" not in mail.message
    assert mail.message["Subject"] == "Document Bcc: voleur@y.fr Autre texte"
    assert mail.text == text.replace("\r\n", "\n")


def test_very_long_texts_arrive_whole(place: Place, box: Mailbox, receiver: Receiver) -> None:
    text = "é" * 100_000 + "\n" + "Un document. " * 50_000 + "\n"
    place.mail(subject="é" * 5000, text=text)
    place.sms(text)
    assert place.carry() == [True, True]
    assert (box.mails[0].message["Subject"], box.mails[0].text) == ("é" * 5000, text)
    assert json.loads(receiver.posted[0].body)["text"] == text


# --- Failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["recipient", "content"])
def test_a_mail_that_is_refused_for_good_is_given_up(place: Place, box: Mailbox, where: str) -> None:
    if where == "recipient":
        box.recipients[ANNE] = f"550 5.1.1 <{ANNE}> unknown"
    else:
        box.answers = [f"554 5.7.1 {SUBJECT}"]
    place.mail()
    with structlog.testing.capture_logs() as logs:
        assert place.carry() == [False]
    assert place.left == (0, 0)
    (log,) = logs
    assert (log["event"], log["log_level"]) == ("given up: refused", "error")
    assert log["got"] == ("550" if where == "recipient" else "554")
    assert log["to"] == f"smtp://127.0.0.1:{box.port}"


@pytest.mark.parametrize("where", ["recipient", "content", "connection"])
def test_a_mail_that_cannot_be_taken_now_is_tried_again(place: Place, box: Mailbox, where: str) -> None:
    if where == "recipient":
        box.recipients[ANNE] = "451 4.7.1 greylisted"
    else:
        box.answers = ["452 4.3.1 no room" if where == "content" else ""]
    place.mail()
    assert place.carry() == [False]
    assert place.left == (1, 1)
    box.recipients.clear()
    place.make_due()
    assert place.carry() == [True]
    assert len({mail.message["Message-ID"] for mail in box.mails}) == 1
    assert len({mail.content for mail in box.mails}) == 1


@pytest.mark.parametrize("status", [400, 404, 410, 413, 422])
def test_an_sms_that_is_refused_for_good_is_given_up(place: Place, receiver: Receiver, status: int) -> None:
    receiver.answers = [status]
    place.sms()
    with structlog.testing.capture_logs() as logs:
        assert place.carry() == [False]
    assert place.left == (0, 0)
    assert [(log["event"], log["to"], log["got"]) for log in logs] == [("given up: refused", receiver.url, str(status))]


@pytest.mark.parametrize("status", [301, 307, 401, 403, 408, 429, 500, 503])
def test_an_sms_that_cannot_be_taken_now_is_tried_again(place: Place, receiver: Receiver, status: int) -> None:
    receiver.answers, receiver.location = [status], f"{receiver.url}/elsewhere"
    place.sms()
    assert place.carry() == [False]
    place.make_due()
    receiver.location = ""
    assert place.carry() == [True]
    assert [posted.path for posted in receiver.posted] == ["/sms", "/sms"]  # no redirect was followed
    assert receiver.posted[0].headers["Idempotency-Key"] == receiver.posted[1].headers["Idempotency-Key"]


def test_both_are_given_up_in_the_end_and_the_log_tells_neither_whom_nor_what(
    place: Place, box: Mailbox, receiver: Receiver
) -> None:
    box.recipients[ANNE] = f"450 {ANNE}: {SUBJECT}"
    receiver.answers = [500] * 99
    place.mail()
    place.sms()
    with structlog.testing.capture_logs() as logs:
        for _ in RETRY_SECONDS:
            assert place.carry() == [False, False]
            place.make_due()
        assert place.carry() == [False, False]
    assert place.left == (0, 0)
    assert [log["event"] for log in logs[-2:]] == ["given up: not delivered"] * 2
    for secret in (ANNE, "patient.example", "612345678", "hospitalisation", "DMP", "s3cret"):
        assert secret not in str(logs)


def test_a_channel_that_is_gone_leaves_nothing_behind(place: Place, box: Mailbox, receiver: Receiver) -> None:
    place.mail()
    place.sms()
    without = Courier(place.outbox, ssl.create_default_context)
    letters, _ = place.outbox.due((), 10)
    assert [without.carry(letter) for letter in letters] == [False, False]
    assert (box.mails, receiver.posted, place.left) == ([], [], (0, 0))


def test_what_arrived_leaves_no_second_time_when_the_database_takes_no_note(tmp_path: Path, receiver: Receiver) -> None:
    database = connect(f"sqlite:///{tmp_path}/dmp.db", threads=13)
    with database.transaction() as connection:
        METADATA.create_all(connection)
        connection.exec_driver_sql("CREATE TRIGGER full BEFORE DELETE ON outbox BEGIN SELECT RAISE(ABORT, 'x'); END")
    place = Place(tmp_path, database, None, SmsGateway(read_address(receiver.url)))
    place.sms()
    (letter,), _ = place.outbox.due((), 10)
    for _ in range(3):
        place.courier._handle(letter)
    assert (len(receiver.posted), place.left) == (1, (1, 1))
    with database.transaction() as connection:
        connection.exec_driver_sql("DROP TRIGGER full")
    place.courier._handle(letter)
    assert (len(receiver.posted), place.left) == (1, (0, 0))
    database.dispose()


# --- The courier at work ----------------------------------------------------------------------------------------------


@contextmanager
def working(courier: Courier) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=courier.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_while_the_mail_server_is_away_nothing_is_lost(place: Place) -> None:
    with mailbox() as first:
        port = first.port
    assert place.smtp is not None
    smtp = replace(place.smtp, port=port)
    courier = Courier(place.outbox, ssl.create_default_context, smtp)
    subjects = [f"Document {number}" for number in range(6)]
    for subject in subjects:
        place.mail(subject=subject)
    letters, _ = place.outbox.due((), 100)
    assert [courier.carry(letter) for letter in letters] == [False] * 6
    with working(courier), mailbox(port) as again:
        mails = again.wait(6)
    assert sorted(mail.message["Subject"] for mail in mails) == subjects
    assert place.left == (0, 0)


def test_a_gateway_that_hangs_does_not_hold_up_mail(place: Place, box: Mailbox) -> None:
    for _ in range(2 * DELIVERIES):
        place.sms()
    place.mail()
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # takes connections and says nothing
        gateway = SmsGateway(read_address(f"http://127.0.0.1:{deaf.getsockname()[1]}/"))
        courier = Courier(place.outbox, ssl.create_default_context, place.smtp, gateway)
        with working(courier):
            box.wait()
            deaf.close()
    assert place.left[0] == 2 * DELIVERIES


def test_of_each_kind_a_few_leave_at_once(place: Place) -> None:
    for _ in range(DELIVERIES + 2):
        place.sms()
        place.mail()
    letters, _ = place.outbox.due((), DELIVERIES)
    assert [letter.kind for letter in letters] == [Kind.MAIL] * DELIVERIES + [Kind.SMS] * DELIVERIES
    busy = {letter.id for letter in letters if letter.kind is Kind.SMS} | {letters[0].id}
    more, _ = place.outbox.due(busy, DELIVERIES)
    assert more == letters[1:DELIVERIES]
