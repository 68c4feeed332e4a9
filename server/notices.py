"""Notices of one transaction: they are in the outbox when it is durable, and nowhere when it is not.

Source: ITI TF-2 3.46 (PIXV3 Update Notification); IHE DSUBm 1.0, 2:3.112 (Resource Notify).
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

from identities.contact import check_mail_address, check_number
from identities.subscription import Message, Subscription
from ihe.soap import SOAP_CONTENT_TYPE
from pdsm.http import FHIR_JSON
from server.channels import SmsGateway, Smtp
from server.delivery import sms_body
from server.hooks import letter_body
from server.mail import CONTENT_TYPE, write_mail
from server.outbox import Kind, Outbox, new_name


class OutboxNotices:
    """Implements `dmp.ports.Notices` on one connection. The courier finds them when it next looks."""

    def __init__(
        self, connection: sa.Connection, outbox: Outbox, smtp: Smtp | None = None, gateway: SmsGateway | None = None
    ) -> None:
        self._connection, self._outbox, self._smtp, self._gateway = connection, outbox, smtp, gateway
        self.hooked = False  # whether a subscription has something to tell

    @property
    def mails(self) -> bool:
        """Whether the operator has mail leave."""
        return self._smtp is not None

    @property
    def texts(self) -> bool:
        """Whether the operator has SMS leave."""
        return self._gateway is not None

    def send(self, address: str, message: bytes) -> None:
        """Has the SOAP envelope `message` delivered to `address`, one of the settings, once the transaction commits."""
        name = self._outbox.spool([message])
        self._outbox.enlist(self._connection, name, address, SOAP_CONTENT_TYPE)

    def hl7(self, address: str, message: bytes) -> None:
        """Has an HL7 v2 message delivered to `address`, one of the settings, once the transaction commits."""
        name = self._outbox.spool([message])
        self._outbox.enlist(self._connection, name, address, "application/hl7-v2", kind=Kind.MLLP)

    def mail(self, address: str, subject: str, text: str) -> None:
        """Has a mail delivered to `address` once the transaction commits.

        Raises ContactError for what is no address, LookupError where no mail leaves (`mails`).
        """
        if self._smtp is None:
            raise LookupError("mail: expected an SMTP server in the settings, got none")
        check_mail_address(address)
        name = new_name()
        message = write_mail(name, self._smtp.mail_from, address, subject, text, datetime.now(UTC))
        self._outbox.spool([message], name)
        self._outbox.enlist(self._connection, name, address, CONTENT_TYPE, kind=Kind.MAIL)

    def sms(self, number: str, text: str) -> None:
        """Has an SMS delivered to `number` once the transaction commits.

        Raises ContactError for what is no number, LookupError where no SMS leaves (`texts`).
        """
        if self._gateway is None:
            raise LookupError("sms: expected a gateway in the settings, got none")
        check_number(number)
        name = self._outbox.spool([sms_body(number, text)])
        self._outbox.enlist(self._connection, name, number, "application/json", kind=Kind.SMS)

    def hook(self, subscription: Subscription, message: Message, event: int = 0) -> None:
        """Has a message of a subscription delivered to its endpoint once the transaction commits."""
        name = self._outbox.spool([letter_body(subscription, message, event)])
        self._outbox.enlist(self._connection, name, subscription.endpoint, FHIR_JSON, kind=Kind.HOOK)
        self.hooked = True
