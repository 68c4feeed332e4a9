"""One message, and what is known of it so far: its bytes, its header, who sends it, how it will be answered.

Source: HL7 v2.5 2.9 (processing rules), 2.15.9.10 (message control id).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from audit.event import Call
from hl7v2.ack import UNREADABLE, Stamp, refusal, write_accepted, write_refused
from hl7v2.door import Door, Receipt
from hl7v2.er7 import Message, Syntax, read_er7, read_syntax
from hl7v2.errors import Condition, Hl7Error, Location, faults_of
from hl7v2.header import Header, check_header, read_header
from hl7v2.message import VERSIONS
from hl7v2.mllp import write_frame
from hl7v2.query import Counted, says_again, write_failed, write_found
from hl7v2.sender import Known
from hl7v2.transmission import ACK_RECEPTION
from hl7v2.zam_z01 import write_zam
from identities.requester import Requester

MOST_SENDER = 512  # characters by which receipts know a sender


@dataclass(slots=True)
class Exchange:
    """One message, and what is known of it so far."""

    door: Door
    known: Known
    call: Call
    data: bytes
    stamp: Stamp
    header: Header = UNREADABLE
    syntax: Syntax = field(default_factory=Syntax)
    message: Message | None = None
    requester: Requester | None = None
    receipt: Receipt | None = None
    response: tuple[str, ...] = ()  # MSH-9 of the answer to a query
    reached_hall: bool = False
    is_told: bool = False

    def read(self) -> Message:
        """The message, its header first: what can be read of it is what the answer says. Raises Hl7Error."""
        self.syntax = read_syntax(self.data)
        message = read_er7(self.data)
        self.header = read_header(message.msh)
        check_header(message.msh, self.header, VERSIONS)
        self.message = message
        return message

    @property
    def whole(self) -> Message:
        """The message that was read."""
        if self.message is None:
            raise LookupError("a message that was read")
        return self.message

    @property
    def kept(self) -> Receipt:
        """What is kept of it when it changes something."""
        if self.receipt is None:
            raise LookupError("a receipt for a message that changes something")
        return self.receipt

    @property
    def sender(self) -> str:
        """Whose number the control id is."""
        names = "|".join((self.known.key, self.header.sending_application, self.header.sending_facility))
        return names if len(names) <= MOST_SENDER else hashlib.sha256(names.encode()).hexdigest()

    def carried_out(self) -> Receipt | None:
        """The receipt of this very message; None when none was carried out under its number. Raises Hl7Error."""
        found = self.door.receipt(self.sender, self.header.control_id)
        if found is not None and found.digest != self.receipt_of(b"").digest:
            expected = "a control id that this sender has not used"
            where = Location("MSH", 1, 10)
            raise Hl7Error.single(Condition.DUPLICATE_KEY, expected, "that of another message", where)
        return found

    def receipt_of(self, answer: bytes) -> Receipt:
        """That this message was carried out, and answered so."""
        digest = hashlib.sha256(self.data).hexdigest()
        return Receipt(self.sender, self.header.control_id, digest, answer)

    def heed(self, flags: frozenset[str]) -> None:
        """Has the sender told what becomes of the message, where that is his wish."""
        self.is_told = ACK_RECEPTION in flags
        if self.is_told:
            self.receipt = replace(self.kept, told=write_zam(self.header, self.syntax, self._second, ()))

    def tell_refused(self, error: Exception) -> None:
        """Tells him that nothing came of it, and nothing will."""
        faults = faults_of(error)
        if self.is_told and not any(each.passing for each in faults):
            self.door.tell(self.sender, write_zam(self.header, self.syntax, self._second, faults))

    @property
    def _second(self) -> Stamp:
        """The stamp of another message than the answer."""
        return replace(self.stamp, control_id=f"{self.stamp.control_id[:19]}Z")

    def accepted(self) -> bytes:
        """The answer to a message that was carried out."""
        return b"".join(map(write_frame, write_accepted(self.header, self.syntax, self.stamp)))

    def found(self, told: Sequence[Sequence[str]], counted: Counted | None = None) -> bytes:
        """The answer to a query that was carried out: `told` is what was found, as segments."""
        if self.message is None:
            raise LookupError("a message that was read")
        return write_frame(write_found(self.message, self.header, self.stamp, self.response, told, counted))

    def refused(self, error: Exception) -> bytes:
        """The answer to a message that was not."""
        faults = faults_of(error)
        if self.response and self.message is not None and says_again(self.message):
            code = f"A{refusal(faults)}"
            return write_frame(write_failed(self.message, self.header, self.stamp, self.response, code, faults))
        return b"".join(map(write_frame, write_refused(self.header, self.syntax, self.stamp, faults)))
