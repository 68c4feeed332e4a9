"""Somebody's mail server: a real SMTP server on loopback that notes what is handed to it."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.ports import free_port

OK = "250 OK"


@dataclass(frozen=True)
class Mail:
    """A message, as it came."""

    sender: str
    recipients: list[str]
    content: bytes
    encrypted: bool
    user: str

    @property
    def message(self) -> EmailMessage:
        """What a mail program makes of it."""
        read = message_from_bytes(self.content, policy=policy.default)
        assert isinstance(read, EmailMessage)
        return read

    @property
    def text(self) -> str:
        return self.message.get_content().replace("\r\n", "\n")


@dataclass
class Mailbox:
    """`recipients` are answers to RCPT TO by address, `answers` those to DATA in turn; 250 otherwise.

    A message is kept whatever DATA is answered, and as long as the box is `held` nothing is; an answer "" breaks the
    connection instead.
    """

    port: int
    mails: list[Mail] = field(default_factory=list)
    recipients: dict[str, str] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)
    passwords: dict[str, str] = field(default_factory=dict)
    attempts: int = 0  # transactions that were begun
    held: bool = False

    def wait(self, count: int = 1, seconds: float = 30.0) -> list[Mail]:
        """What came, once there are so many; newest last."""
        give_up = time.monotonic() + seconds
        while len(self.mails) < count:
            assert time.monotonic() < give_up, f"{len(self.mails)} of {count} came"
            time.sleep(0.02)
        return self.mails


class _Handler:
    def __init__(self, box: Mailbox) -> None:
        self._box = box

    async def handle_MAIL(self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        self._box.attempts += 1
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return OK

    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        answer = self._box.recipients.get(address, OK)
        if answer == OK:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)
        user = session.auth_data.decode() if session.authenticated else ""
        encrypted = server.transport.get_extra_info("sslcontext") is not None
        self._box.mails.append(Mail(str(envelope.mail_from), envelope.rcpt_tos, content, encrypted, user))
        while self._box.held:
            await asyncio.sleep(0.02)
        answer = self._box.answers.pop(0) if self._box.answers else OK
        if not answer:
            server.transport.abort()
        return answer or OK


@contextmanager
def mailbox(
    port: int = 0,
    *,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
    passwords: dict[str, str] | None = None,
) -> Iterator[Mailbox]:
    """A mail server on loopback, which asks for TLS and a password when it is given something to check them by."""
    box = Mailbox(port or free_port(), passwords=passwords or {})

    def authenticate(_: Any, __: Any, ___: Any, ____: str, said: LoginPassword) -> AuthResult:
        known = box.passwords.get(said.login.decode()) == said.password.decode()
        return AuthResult(success=known, auth_data=said.login, handled=False)

    controller = Controller(
        _Handler(box),
        hostname="127.0.0.1",
        port=box.port,
        ssl_context=tls,
        tls_context=starttls,
        require_starttls=starttls is not None,
        authenticator=authenticate,
        auth_required=bool(box.passwords),
        auth_require_tls=starttls is not None,
        data_size_limit=32 * 1024 * 1024,
    )
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
