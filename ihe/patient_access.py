"""TD1.5: the requests about a patient's internet account read, the answers written.

Source: GIE SESAM-Vitale, DMP WSDL v2.01.04 (PatientsSpecific) and message examples v02.05.
"""

from __future__ import annotations

from lxml import etree

from dmp.compte import Access
from identities.account import Channel, ChannelChange
from ihe.document_literal import member, needed, read_texts, write_response, write_texts
from ihe.identifiers import SI_DMP_PATIENTS

CREATE_ACCESS = f"{{{SI_DMP_PATIENTS}}}createPatientAccess"
OTP_UPDATE = f"{{{SI_DMP_PATIENTS}}}patientOTPUpdate"
UPDATE_ACCESS = f"{{{SI_DMP_PATIENTS}}}updatePatientAccess"
OTP_UPDATED = "OTP mis à jour"  # as the DMP says it


def read_channel(body: etree._Element) -> tuple[Channel, str]:
    """The first channel of a new account, and the address. Raises SoapError."""
    texts = read_texts(body, CREATE_ACCESS, ("type", "canal"))
    return member(texts, "type", Channel), needed(texts, "canal")


def read_channel_change(body: etree._Element) -> tuple[ChannelChange, Channel, str]:
    """What becomes of a channel; the address is '' where it is removed without saying which. Raises SoapError."""
    texts = read_texts(body, OTP_UPDATE, ("type", "canal", "action"))
    channel, change = member(texts, "type", Channel), member(texts, "action", ChannelChange)
    return change, channel, texts.get("canal", "") if change is ChannelChange.SUPPRESSION else needed(texts, "canal")


def read_renewal(body: etree._Element) -> None:
    """Nothing is said of a renewal. Raises SoapError."""
    read_texts(body, UPDATE_ACCESS, ())


def write_access(element: str, access: Access) -> bytes:
    """Login and first password, once."""
    return write_response(element, write_texts(("login", access.login), ("password", access.password)))
