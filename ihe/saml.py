"""What every profile of SAML 2.0 assertions shares: when and for whom one holds, and how its elements are read.

Source: SAML 2.0 core 2.3 to 2.7; OASIS XSPA SAML profile 1.0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from lxml import etree

from identities.requester import PatientId
from ihe.certificate_identity import CertificateError, load_der_certificate
from ihe.errors import AuthenticationError
from ihe.signature import DS, X509_CERTIFICATE, SignatureError, base64_bytes
from schemas import xml

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
HL7 = "urn:hl7-org:v3"

# Attribute names. Source: XSPA SAML profile 1.0 §2; ITI TF-2 3.40.4.1.2.
SUBJECT_ID = "urn:oasis:names:tc:xspa:1.0:subject:subject-id"
ROLE = "urn:oasis:names:tc:xacml:2.0:subject:role"
PURPOSE = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"
RESOURCE_ID = "urn:oasis:names:tc:xacml:2.0:resource:resource-id"

# Source: SAML 2.0 profiles §3.
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
HOLDER_OF_KEY = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"
SENDER_VOUCHES = "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"

# Fault subcodes. Source: WSS SOAP Message Security 1.1 §12.
INVALID, EXPIRED = "wsse:InvalidSecurityToken", "wsse:MessageExpired"

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_OID = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]*)){1,30}")


@dataclass(frozen=True, slots=True)
class Window:
    """When something holds; None for no limit."""

    not_before: datetime | None = None
    not_on_or_after: datetime | None = None

    def holds(self, now: datetime, skew: timedelta) -> bool:
        """Whether `now` lies in it, by a clock that may be wrong by `skew`."""
        begun = self.not_before is None or self.not_before <= now + skew
        return begun and (self.not_on_or_after is None or now - skew < self.not_on_or_after)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A SubjectConfirmation. `holders` are the DER certificates of a holder-of-key."""

    method: str
    window: Window
    holders: tuple[bytes, ...]


class Reader:
    """Reads elements of an assertion. `profile` names it in errors: `VIHF`, `XUA`."""

    def __init__(self, profile: str) -> None:
        self._profile = profile

    def invalid(self, what: str, expected: str, got: str) -> AuthenticationError:
        """The error for a part that is not as it should be; quotes no name and no patient."""
        return AuthenticationError(f"{self._profile} {what}: expected {expected}, got {got}", INVALID)

    def child(self, parent: etree._Element, name: str) -> etree._Element:
        """The one child of that SAML name. Raises AuthenticationError."""
        found = self.optional(parent, name)
        if found is None:
            raise self.invalid(xml.local_name(parent.tag), f"one {name}", "none")
        return found

    def optional(self, parent: etree._Element, name: str) -> etree._Element | None:
        """The child of that SAML name, None without one. Raises AuthenticationError for several."""
        found = parent.findall(f"{{{SAML}}}{name}")
        if len(found) > 1:
            raise self.invalid(xml.local_name(parent.tag), f"one {name}", str(len(found)))
        return found[0] if found else None

    def text(self, element: etree._Element, *, empty: bool = False) -> str:
        """The text of an element without children. Raises AuthenticationError."""
        text = (element.text or "").strip()
        if len(element) or not (text or empty):
            raise self.invalid(xml.local_name(element.tag), "text", "elements" if len(element) else "none")
        return text

    def instant(self, element: etree._Element, attribute: str) -> datetime | None:
        """An xs:dateTime attribute, None without it. Raises AuthenticationError. Source: SAML 2.0 core 1.3.3."""
        text = element.get(attribute)
        if text is None:
            return None
        try:
            if not _INSTANT.fullmatch(text):
                raise ValueError
            return datetime.fromisoformat(text)
        except ValueError:
            what = f"{xml.local_name(element.tag)} {attribute}"
            raise self.invalid(what, "xs:dateTime with a zone", "something else") from None

    def required_instant(self, element: etree._Element, attribute: str) -> datetime:
        """The same, of an attribute that must be there."""
        value = self.instant(element, attribute)
        if value is None:
            raise self.invalid(f"{xml.local_name(element.tag)} {attribute}", "xs:dateTime with a zone", "none")
        return value

    def window(self, element: etree._Element) -> Window:
        """NotBefore and NotOnOrAfter."""
        return Window(self.instant(element, "NotBefore"), self.instant(element, "NotOnOrAfter"))

    def audiences(self, conditions: etree._Element | None) -> tuple[tuple[str, ...], ...]:
        """The audiences of each AudienceRestriction. Raises AuthenticationError for a condition that nobody knows.

        Source: SAML 2.0 core 2.5.1 (a condition that is not understood makes an assertion indeterminate).
        """
        if conditions is None:
            return ()
        known = {f"{{{SAML}}}{name}" for name in ("AudienceRestriction", "OneTimeUse", "ProxyRestriction")}
        if any(condition.tag not in known for condition in conditions):
            raise self.invalid("Conditions", "conditions of SAML 2.0 core", "another")
        restrictions = conditions.findall(f"{{{SAML}}}AudienceRestriction")
        return tuple(tuple(self.text(audience) for audience in restriction) for restriction in restrictions)

    def confirmations(self, subject: etree._Element) -> tuple[Confirmation, ...]:
        """Every SubjectConfirmation. Raises AuthenticationError."""
        return tuple(self._confirmation(each) for each in subject.findall(f"{{{SAML}}}SubjectConfirmation"))

    def _confirmation(self, confirmation: etree._Element) -> Confirmation:
        data = self.optional(confirmation, "SubjectConfirmationData")
        if data is None:
            return Confirmation(confirmation.get("Method", ""), Window(), ())
        holders = data.findall(f"{{{DS}}}KeyInfo/{{{DS}}}X509Data/{X509_CERTIFICATE}")
        return Confirmation(confirmation.get("Method", ""), self.window(data), tuple(map(self._holder, holders)))

    def _holder(self, element: etree._Element) -> bytes:
        try:
            der = base64_bytes(element)
            load_der_certificate(der)
        except (SignatureError, CertificateError):
            what = "SubjectConfirmationData"
            raise self.invalid(what, "an X.509 certificate in base64", "something else") from None
        return der

    def patient(self, text: str, value: re.Pattern[str]) -> PatientId | None:
        """A patient identifier whose number has that form, None for ''. Source: ITI TF-3 Table 4.2.3.1.7-2 (CX)."""
        if not text:
            return None
        components = text.split("^")
        authority = components[3].split("&") if len(components) >= 4 else []
        if (
            not value.fullmatch(components[0])
            or any(components[1:3])
            or len(authority) != 3
            or authority[0]
            or not _OID.fullmatch(authority[1])
            or authority[2] != "ISO"
            or (len(components) > 4 and components[4] not in ("", "NH"))
        ):
            raise self.invalid(f"attribute {RESOURCE_ID}", "a CX id^^^&OID&ISO", "something else")
        return PatientId(components[0], authority[1])


def check_parts(reader: Reader, root: etree._Element, allowed: frozenset[str]) -> None:
    """What stands in an assertion: elements of those names and nothing hidden. Raises AuthenticationError."""
    if any(not isinstance(node.tag, str) for node in root.iter()):
        raise reader.invalid("assertion", "elements and text only", "a processing instruction")
    if root.get("Version") != "2.0":
        raise reader.invalid("assertion", "SAML Version 2.0", "another")
    if any(child.tag not in {f"{{{SAML}}}{name}" for name in allowed} for child in root):
        raise reader.invalid("assertion", ", ".join(sorted(allowed)), "another element")
