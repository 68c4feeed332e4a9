"""What the settings say of HL7 v2: what a sender may take, and who is told by a message what became of his documents.

Source: HL7, Transport Specification: MLLP, Release 1; CI-SIS, volet Transmission d'un document CDA-R2 en HL7v2 (ZAM).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from hl7v2.listener import Limits
from identities.id_nat import IdNatError, check_struct_id_nat
from ihe.reply import AddressError, read_address

ACKNOWLEDGED = "hl7_acknowledged"
SCHEME = "mllps"
_LIMITS = {  # setting -> field of Limits
    "hl7_message_bytes": "message_bytes",
    "hl7_connections": "connections",
    "hl7_message_seconds": "message",
    "hl7_idle_seconds": "idle",
    "hl7_answer_seconds": "answer",
    "hl7_long_messages": "long_messages",
}
HL7_KEYS = frozenset({ACKNOWLEDGED, *_LIMITS})
_ADDRESS = re.compile(rf"{SCHEME}://(?P<authority>[^/?#]+:[0-9]+)/?")


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A structure that is sent business acknowledgements, and where it takes them: MLLP over mutual TLS."""

    structure_id: str
    host: str
    port: int

    @property
    def address(self) -> str:
        """Where that is, as the outbox has it."""
        return f"{SCHEME}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Hl7Settings:
    """The limits of the inlet, and the only addresses that messages leave for."""

    limits: Limits = field(default_factory=Limits)
    acknowledged: tuple[Acknowledged, ...] = ()

    def of(self, structure_id: str) -> Acknowledged | None:
        """Where that structure takes acknowledgements; None for one that takes none."""
        return next((each for each in self.acknowledged if each.structure_id == structure_id), None)

    def at(self, address: str) -> Acknowledged | None:
        """The same, by its address."""
        return next((each for each in self.acknowledged if each.address == address), None)


def read_hl7(values: Mapping[str, object], problems: list[str]) -> Hl7Settings:
    """What `values` say; what is wrong is added to `problems`."""
    found: dict[str, int] = {}
    for name, limit in _LIMITS.items():
        text = str(values.get(name, ""))
        if text.isdecimal() and int(text) > 0:
            found[limit] = int(text)
        elif text:
            problems.append(f"{name}: expected a whole number from 1, got {text}")
    listed = values.get(ACKNOWLEDGED, ())
    texts = listed if isinstance(listed, list | tuple) else str(listed).split(",")
    acknowledged = []
    for text in (str(each).strip() for each in texts if str(each).strip()):
        try:
            acknowledged.append(_acknowledged(text))
        except ValueError:
            expected = "a Struct_IdNat and mllps://HOST:PORT"
            problems.append(f"{ACKNOWLEDGED}: expected {expected}, got {text}")
    return Hl7Settings(Limits(**found), tuple(acknowledged))


def _acknowledged(text: str) -> Acknowledged:
    structure_id, address = text.split()
    try:
        check_struct_id_nat(structure_id)
        found = _ADDRESS.fullmatch(address)
        url = read_address(f"https://{found['authority']}" if found else "")
    except (IdNatError, AddressError) as error:
        raise ValueError(str(error)) from None
    return Acknowledged(structure_id, url.host, url.port)
