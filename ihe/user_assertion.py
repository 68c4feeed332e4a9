"""What an X-User Assertion says: the claims of a SAML 2.0 assertion, read from bytes whose signature was verified.

Source: ITI TF-2 3.40.4.1.2; SAML 2.0 core; OASIS XSPA SAML profile 1.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from identities.requester import PatientId
from ihe.saml import HL7, PURPOSE, RESOURCE_ID, ROLE, SAML, SUBJECT_ID, Confirmation, Reader, Window, check_parts
from schemas import xml
from schemas.domain import AssertionProfile

# Attribute names. Source: ITI TF-2 3.40.4.1.2.
ORGANIZATION = "urn:oasis:names:tc:xspa:1.0:subject:organization"
ORGANIZATION_ID = "urn:oasis:names:tc:xspa:1.0:subject:organization-id"
HOME_COMMUNITY_ID = "urn:ihe:iti:xca:2010:homeCommunityId"

# The classes of SAML 2.0. Source: SAML 2.0 authentication contexts §3.4.
AUTHN_CONTEXT = re.compile(
    r"urn:oasis:names:tc:SAML:2\.0:ac:classes:"
    r"(?:InternetProtocol(?:Password)?|Kerberos|Mobile(?:One|Two)Factor(?:Unregistered|Contract)"
    r"|Password(?:ProtectedTransport)?|PreviousSession|X509|PGP|SPKI|XMLDSig|Smartcard(?:PKI)?|SoftwarePKI"
    r"|(?:Nomad|Personal|Authenticated)?Telephony|SecureRemotePassword|TLSClient|TimeSyncToken|unspecified)"
)

_PARTS = frozenset(
    {"Issuer", "Subject", "Conditions", "Advice", "AuthnStatement", "AuthzDecisionStatement", "AttributeStatement"}
)
_PATIENT_ID = re.compile(r"[^\s^~|&]{1,64}")
_CODE = re.compile(r"[^\s\x00-\x1f]{1,128}")
_CODE_SYSTEM = re.compile(r"(?:urn:oid:)?([0-2](?:\.(?:0|[1-9][0-9]*)){1,30})")
_reader = Reader("XUA")


@dataclass(frozen=True, slots=True)
class Code:
    """An HL7 V3 CE as an assertion carries it: a code and the OID of its system; both '' for none."""

    code: str = ""
    system: str = ""


@dataclass(frozen=True, slots=True)
class UserAssertion:
    """The claims of one X-User Assertion."""

    id: str
    issuer: str
    name_id: str
    alias: str  # SPProvidedID
    issue_instant: datetime
    authn_instant: datetime
    authn_context: str
    windows: tuple[Window, ...]  # of Conditions and of the session
    audiences: tuple[tuple[str, ...], ...]  # one for each AudienceRestriction
    one_time_use: bool
    confirmations: tuple[Confirmation, ...]
    subject_name: str
    organization: str
    organization_id: str
    home_community_id: str
    role: Code
    purpose: Code
    patient: PatientId | None


def read_user(canonical: bytes, profile: AssertionProfile) -> UserAssertion:
    """The claims in the canonical bytes that a signature covers. Raises AuthenticationError (InvalidSecurityToken)."""
    root = xml.parse(canonical)
    check_parts(_reader, root, _PARTS)
    subject, statement = _reader.child(root, "Subject"), _reader.child(root, "AuthnStatement")
    name_id, conditions = _reader.child(subject, "NameID"), _reader.optional(root, "Conditions")
    windows = [Window(None, _reader.instant(statement, "SessionNotOnOrAfter"))]
    if conditions is not None:
        windows.append(_reader.window(conditions))
    attributes = _Attributes(root)
    return UserAssertion(
        id=root.get("ID", ""),
        issuer=_reader.text(_reader.child(root, "Issuer")),
        name_id=_reader.text(name_id),
        alias=name_id.get("SPProvidedID", "").strip(),
        issue_instant=_reader.required_instant(root, "IssueInstant"),
        authn_instant=_reader.required_instant(statement, "AuthnInstant"),
        authn_context=_authn_context(_reader.child(statement, "AuthnContext"), profile),
        windows=tuple(windows),
        audiences=_reader.audiences(conditions),
        one_time_use=False,  # 3.40.4.1.2: XUA actors may ignore it; the domain says whether one assertion serves twice
        confirmations=_reader.confirmations(subject),
        subject_name=attributes.text(SUBJECT_ID),
        organization=attributes.text(ORGANIZATION),
        organization_id=attributes.text(ORGANIZATION_ID),
        home_community_id=attributes.text(HOME_COMMUNITY_ID),
        role=attributes.code(ROLE, "Role"),
        purpose=attributes.code(PURPOSE, "PurposeOfUse"),
        patient=_reader.patient(attributes.only_text(RESOURCE_ID), _PATIENT_ID),
    )


def _authn_context(context: etree._Element, profile: AssertionProfile) -> str:
    """The one way in which the user was authenticated, by a name that is known. Source: ITI TF-2 3.40.4.1.2, .3."""
    reference = _reader.optional(context, "AuthnContextClassRef")
    if reference is None:
        return _reader.text(_reader.child(context, "AuthnContextDeclRef"))
    name = _reader.text(reference)
    if not AUTHN_CONTEXT.fullmatch(name) and name not in profile.authn_contexts:
        raise _reader.invalid("AuthnContextClassRef", "a class of SAML 2.0, or of the domain", "another")
    return name


class _Attributes:
    """The attribute values by name, of all statements together. Source: ITI TF-2 3.40.4.1.2 (repetition)."""

    def __init__(self, assertion: etree._Element) -> None:
        self._values: dict[str, list[etree._Element]] = {}
        for attribute in _attributes(assertion):
            self._values.setdefault(attribute.get("Name", "").strip(), []).extend(attribute)

    def text(self, name: str) -> str:
        """The text of the first value that has one, '' without."""
        texts = (_reader.text(value, empty=True) for value in self._values.get(name, []))
        return next(filter(None, texts), "")

    def only_text(self, name: str) -> str:
        """The text of the one value, '' without. Raises AuthenticationError for several."""
        self._check_one(name)
        return self.text(name)

    def code(self, name: str, element: str) -> Code:
        """The one coded value, an HL7 `element`; none is no code. Raises AuthenticationError."""
        self._check_one(name)
        for value in self._values.get(name, []):
            coded = value[0] if len(value) == 1 and value[0].tag == f"{{{HL7}}}{element}" else None
            code, system = ("", "") if coded is None else (coded.get("code", ""), coded.get("codeSystem", ""))
            found = _CODE_SYSTEM.fullmatch(system)
            if found is None or not _CODE.fullmatch(code):
                expected = f"one {element} (urn:hl7-org:v3) with code and codeSystem, an OID"
                raise _reader.invalid(f"attribute {name}", expected, "something else")
            return Code(code, found[1])
        return Code()

    def _check_one(self, name: str) -> None:
        count = len(self._values.get(name, []))
        if count > 1:
            raise _reader.invalid(f"attribute {name}", "one value", str(count))


def _attributes(assertion: etree._Element) -> Iterator[etree._Element]:
    for statement in assertion.findall(f"{{{SAML}}}AttributeStatement"):
        for attribute in statement:
            if attribute.tag != f"{{{SAML}}}Attribute":
                raise _reader.invalid("AttributeStatement", "Attribute", "another element")
            yield attribute
