"""Mail as it is written: whatever goes in, one message to one person comes out."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from identities.contact import ContactError, check_mail_address
from server.mail import one_line, write_mail

DATE = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
SENDER = "ne-pas-repondre@dmp.example"
HEADERS = {
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted",
    "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
}  # fmt: skip


def is_address(text: str) -> bool:
    try:
        check_mail_address(text)
    except ContactError:
        return False
    return True


LABELS = st.from_regex(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
LOCALS = st.text("abcdefghijklmnopqrstuvwxyzABC0189!#$%&'*+/=?^_`{|}~-.", min_size=1, max_size=64)
ADDRESSES = st.builds(
    lambda local, labels: f"{local}@{'.'.join(labels)}", LOCALS, st.lists(LABELS, min_size=2, max_size=4)
).filter(is_address)


@example(f"{'a' * 64}@{'b' * 63}.{'c' * 60}.{'d' * 56}.fr", f"{'a' * 64}@b.fr", "é" * 999, "Bonjour\r.\n")
@given(ADDRESSES, ADDRESSES, st.text(max_size=300), st.text())
def test_what_is_written_is_read_again(sender: str, recipient: str, subject: str, text: str) -> None:
    raw = write_mail("0" * 32, sender, recipient, subject, text, DATE)
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) < 998  # RFC 5322 2.1.1
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    read = message_from_bytes(raw, policy=policy.default)
    assert set(read.keys()) == HEADERS
    assert len(read.keys()) == len(HEADERS)
    assert [each.addr_spec for each in read["From"].addresses] == [sender]
    assert [each.addr_spec for each in read["To"].addresses] == [recipient]
    assert read["Subject"] == one_line(subject)
    assert read["Date"].datetime == DATE
    assert read["Message-ID"] == f"<{'0' * 32}@{sender.rpartition('@')[2]}>"
    assert read["Auto-Submitted"] == "auto-generated"
    assert read.get_content().splitlines() == text.splitlines()


@pytest.mark.parametrize(
    "subject",
    [
        "Nouveau document\r\nBcc: voleur@mal.example",
        "Nouveau document\nBcc: voleur@mal.example",
        "Nouveau document\r\n\r\nUn autre texte",
        "Nouveau document\u2028Bcc: voleur@mal.example",
        "Nouveau document\x00\x0bBcc: voleur@mal.example",
    ],
)
def test_a_subject_is_nothing_but_a_subject(subject: str) -> None:
    raw = write_mail("0" * 32, SENDER, "anne@patient.example", subject, "Texte", DATE)
    read = message_from_bytes(raw, policy=policy.default)
    assert "Bcc" not in read
    assert read["Subject"].startswith("Nouveau document ")
    assert read.get_content() == "Texte"


def test_french_is_read_as_it_was_written() -> None:
    subject = "Nouveau document dans votre dossier médical partagé – à lire"
    text = "Bonjour Anaïs,\n\n«\u00a0Œuvre\u00a0» : 3\u00a0€."
    raw = write_mail("0" * 32, SENDER, "anne@patient.example", subject, text, DATE)
    read = message_from_bytes(raw, policy=policy.default)
    assert read["Subject"] == subject
    assert read.get_content().splitlines() == text.splitlines()
    assert read.get_content_type() == "text/plain"
    assert read.get_content_charset() == "utf-8"
