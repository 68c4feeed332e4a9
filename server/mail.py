"""Mail to people: written as a MIME message, handed to the operator's SMTP server.

Source: RFC 5322; RFC 2045 to 2047 (MIME); RFC 3834 §5 (Auto-Submitted); RFC 5321.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from email.charset import QP, Charset
from email.header import Header
from email.message import Message
from email.policy import compat32
from email.utils import format_datetime

from server.channels import SecretError, Security, Smtp, read_secret
from server.delivery import Attempt, Outcome
from server.outbox import Letter

CONTENT_TYPE = "message/rfc822"
_UTF_8 = Charset("utf-8")
_UTF_8.body_encoding = QP
_AS_IT_IS = compat32.clone(linesep="\r\n", max_line_length=None)  # no header but the subject may be folded
STEP_SECONDS = 300.0  # RFC 5321 §4.5.3.2: who hangs up sooner may send twice


def write_mail(name: str, sender: str, recipient: str, subject: str, text: str, date: datetime) -> bytes:
    """The message, in ASCII and ready for SMTP. `name` makes its Message-ID: whoever gets it twice can tell.

    `sender` and `recipient` are addresses that were checked; `subject` becomes one line, whatever it holds.
    """
    message = Message()
    message["From"], message["To"] = sender, recipient
    message["Subject"] = Header(one_line(subject), "utf-8", header_name="Subject").encode()
    message["Date"] = format_datetime(date)
    message["Message-ID"] = f"<{name}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_payload(text, _UTF_8)
    return message.as_bytes(policy=_AS_IT_IS)


def one_line(text: str) -> str:
    """`text` without line breaks, control and invisible characters; its words one space apart."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def send_mail(smtp: Smtp, letter: Letter) -> Attempt:
    """Hands a message to the SMTP server. A refusal (5xx) of its recipient or its content is one for good."""
    try:
        with _session(smtp) as session:
            session.sendmail(smtp.mail_from, [letter.address], letter.file.read_bytes())
    except smtplib.SMTPRecipientsRefused as error:
        ((code, _),) = error.recipients.values()
        return _answered(code)
    except smtplib.SMTPDataError as error:
        return _answered(error.smtp_code)
    except smtplib.SMTPResponseException as error:  # it is about us: our name, our password, our address
        return Attempt(Outcome.FAILED, f"{type(error).__name__} {error.smtp_code}")
    except (OSError, SecretError) as error:
        return Attempt(Outcome.FAILED, type(error).__name__)
    return Attempt(Outcome.ARRIVED, "250")


def _answered(code: int) -> Attempt:
    return Attempt(Outcome.REFUSED if code >= 500 else Outcome.FAILED, str(code))


@contextmanager
def _session(smtp: Smtp) -> Iterator[smtplib.SMTP]:
    """A connection that is encrypted and logged in as the settings say, or an error: never less than that."""
    context = ssl.create_default_context()
    session: smtplib.SMTP
    if smtp.security is Security.TLS:
        session = smtplib.SMTP_SSL(smtp.host, smtp.port, timeout=STEP_SECONDS, context=context)
    else:
        session = smtplib.SMTP(smtp.host, smtp.port, timeout=STEP_SECONDS)
    try:
        if smtp.security is Security.STARTTLS:
            session.starttls(context=context)
        if smtp.password_file is not None:
            session.login(smtp.user, read_secret(smtp.password_file))
        yield session
    finally:
        with suppress(OSError):  # what was accepted stays accepted, however the two part
            session.quit()
