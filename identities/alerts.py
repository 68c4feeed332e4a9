"""Alerts: what somebody wants to be told of one dossier, and where people are reached. Pure.

Source: public guides of the DMP (alerts on a new document, for the patient and for professionals by type of document;
a patient is told of an emergency access); HL7 V3 TelecommunicationAddressUse; ARCEP, plan national de numérotation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from identities.account import OVERSEAS, Channel, read_address
from identities.contact import ContactError
from identities.demographics import Telecom
from identities.requester import Authentication

Reach = tuple[tuple[Channel, str], ...]
"""Where somebody is reached: addresses, each with its channel."""

MOBILE_USE = "MC"  # TelecommunicationAddressUse, mobile contact
_MOBILE = re.compile(
    r"\+33[67]\d{8}|" + "|".join(rf"\{country}{prefix[1:]}\d{{6}}" for prefix, country in OVERSEAS.items())
)


class Party(Enum):
    """As whom somebody is told."""

    PATIENT = "patient"
    REPRESENTANT = "representant"
    PROFESSIONNEL = "professionnel"


@dataclass(frozen=True, slots=True)
class Alerts:
    """What one person wants of one dossier. Without a wish, nobody is told of documents.

    `holder` is '' for the patient, else the id of a representative or a PS_IdNat. `types` are typeCodes, none meaning
    every type. `email` and `sms` are where to; both '' for a patient or representative: where their account is reached,
    or as their traits say. `structure_id` and `authentication` are those a professional asked under.
    """

    holder: str
    party: Party
    documents: bool = False
    types: frozenset[str] = frozenset()
    email: str = ""
    sms: str = ""
    structure_id: str = ""
    authentication: Authentication = Authentication.DIRECTE

    @property
    def reach(self) -> Reach:
        """Where they want to be told."""
        return reach(self.email, self.sms)

    def wants(self, type_code: str) -> bool:
        """Whether they want to hear of a new document of that type."""
        return self.documents and (not self.types or type_code in self.types)


def reach(email: str, sms: str) -> Reach:
    """These addresses, where there are some, with their channels."""
    return tuple((channel, to) for channel, to in ((Channel.EMAIL, email), (Channel.SMS, sms)) if to)


def reach_of(telecoms: Iterable[Telecom]) -> Reach:
    """The mail addresses and mobile numbers among `telecoms`, each once: a text to a landline reaches nobody."""
    return tuple(dict.fromkeys(found for each in telecoms if (found := _reached_by(each))))


def _reached_by(telecom: Telecom) -> tuple[Channel, str] | None:
    scheme, colon, rest = telecom.value.partition(":")
    channel = Channel.EMAIL if scheme == "mailto" else Channel.SMS
    if not colon or scheme not in ("mailto", "tel"):
        return None
    try:
        address = read_address(channel, rest)
    except ContactError:
        return None
    mobile = MOBILE_USE in telecom.use.split() or _MOBILE.fullmatch(address)
    return (channel, address) if channel is Channel.EMAIL or mobile else None
