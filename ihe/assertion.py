"""What a VIHF says: the claims of a SAML 2.0 assertion, read from bytes whose signature was verified.

Source: SAML 2.0 core; OASIS XSPA SAML profile 1.0; CI-SIS, volet Transport synchrone, VIHF 3.0 and 4.0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from identities.requester import Authentication, ModeAcces, PatientId
from identities.role import Role, RoleError, read_role
from ihe.distinguished_name import DistinguishedName, read_distinguished_name
from ihe.errors import AuthenticationError
from ihe.saml import HL7, PURPOSE, RESOURCE_ID, ROLE, SAML, SUBJECT_ID, Confirmation, Reader, Window, check_parts
from schemas import oids, xml
from schemas.domain import AssertionProfile

X509_SUBJECT_NAME = "urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName"
SMARTCARD_PKI = "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI"

# Attribute names. Source: VIHF; XSPA SAML profile 1.0 §2.
STRUCTURE = "Identifiant_Structure"
SECTOR = "Secteur_Activite"
VERSION = "VIHF_Version"
MODE = "Authentification_Mode"
RESOURCE_URN = "Ressource_URN"
REASON = "Mode_Acces_Raison"
CONFIDENTIALITY = "urn:oasis:names:tc:xspa:1.0:resource:patient:hl7:confidentiality-code"
LPS_NAME, LPS_VERSION = "LPS_Nom", "LPS_Version"
_SPELLINGS = {"Authentification_mode": MODE}  # both occur in the field

DMP_URN = "urn:dmp"
SECRET_CONNECTION = f"INVISIBLE_REPRESENTANTS_LEGAUX^{oids.CONFIDENTIALITE_CISIS}"  # JDV_J64

_CODE = re.compile(r"[0-9A-Za-z_.-]{1,64}")
_PATIENT_ID = re.compile(r"[0-9A-Za-z]{1,64}")
_PARTS = frozenset({"Issuer", "Subject", "Conditions", "Advice", "AuthnStatement", "AttributeStatement"})
_reader = Reader("VIHF")


@dataclass(frozen=True, slots=True)
class Assertion:
    """The claims of one VIHF. Codes are what the wire says; nothing here is related to a certificate yet."""

    id: str
    issue_instant: datetime
    issuer: DistinguishedName
    name_id: str
    authn_instant: datetime
    authn_context: str
    windows: tuple[Window, ...]  # of Conditions and of the session
    audiences: tuple[tuple[str, ...], ...]  # one for each AudienceRestriction
    one_time_use: bool
    confirmations: tuple[Confirmation, ...]
    structure_id: str
    sector: str
    subject_name: str
    profession: str
    profession_system: str
    specialty: str
    authentication: Authentication
    mode_acces: ModeAcces
    motif: str
    patient: PatientId | None
    secret_connection: bool
    lps: str


def read_assertion(canonical: bytes, profile: AssertionProfile) -> Assertion:
    """The claims in the canonical bytes that a signature covers. Raises AuthenticationError (InvalidSecurityToken)."""
    root = xml.parse(canonical)
    check_parts(_reader, root, _PARTS)
    subject, statement = _reader.child(root, "Subject"), _reader.child(root, "AuthnStatement")
    conditions = _reader.optional(root, "Conditions")
    attributes = _Attributes(_reader.child(root, "AttributeStatement"))
    attributes.one_of(VERSION, set(profile.versions))
    attributes.one_of(RESOURCE_URN, {DMP_URN})
    mode = Authentication(attributes.one_of(MODE, {each.value for each in Authentication if each.french}))
    profession, profession_system, specialty = _roles(attributes.elements(ROLE, "Role"))
    mode_acces, motif = _access(attributes)
    windows = [Window(None, _reader.instant(statement, "SessionNotOnOrAfter"))]
    if conditions is not None:
        windows.append(_reader.window(conditions))
    return Assertion(
        id=root.get("ID", ""),
        issue_instant=_reader.required_instant(root, "IssueInstant"),
        issuer=_issuer(_reader.child(root, "Issuer")),
        name_id=_reader.text(_reader.child(subject, "NameID")),
        authn_instant=_reader.required_instant(statement, "AuthnInstant"),
        authn_context=_authn_context(_reader.child(statement, "AuthnContext")),
        windows=tuple(windows),
        audiences=_reader.audiences(conditions),
        one_time_use=conditions is not None and _reader.optional(conditions, "OneTimeUse") is not None,
        confirmations=_reader.confirmations(subject),
        structure_id=attributes.text(STRUCTURE),
        sector=_sector(attributes.text(SECTOR)),
        subject_name=attributes.text(SUBJECT_ID, optional=mode is Authentication.DIRECTE),
        profession=profession,
        profession_system=profession_system,
        specialty=specialty,
        authentication=mode,
        mode_acces=mode_acces,
        motif=motif,
        patient=_reader.patient(attributes.text(RESOURCE_ID, optional=True), _PATIENT_ID),
        secret_connection=_secret_connection(attributes.text(CONFIDENTIALITY, optional=True)),
        lps=" ".join(filter(None, (attributes.text(name, optional=True) for name in (LPS_NAME, LPS_VERSION)))),
    )


class _Attributes:
    """The attributes by name, each at most once."""

    def __init__(self, statement: etree._Element) -> None:
        self._values: dict[str, list[etree._Element]] = {}
        for attribute in statement:
            if attribute.tag != f"{{{SAML}}}Attribute":
                raise _invalid("AttributeStatement", "Attribute", "another element")
            name = attribute.get("Name", "").strip()
            name = _SPELLINGS.get(name, name)
            if name in self._values:
                raise _invalid(f"attribute {_shown(name)}", "once", "twice")
            self._values[name] = list(attribute)

    def elements(self, name: str, element: str) -> list[etree._Element]:
        """The HL7 elements in the values of a required attribute."""
        values = self._values.get(name, [])
        if not values:
            raise _invalid(f"attribute {name}", "a value", "none")
        found = [value[0] for value in values if len(value) == 1 and value[0].tag == f"{{{HL7}}}{element}"]
        if len(found) != len(values):
            raise _invalid(f"attribute {name}", f"one {element} (urn:hl7-org:v3) in each value", "something else")
        return found

    def text(self, name: str, *, optional: bool = False) -> str:
        """The text of a single value. '' for an optional attribute that is absent or empty."""
        values = self._values.get(name, [])
        text = _reader.text(values[0], empty=True) if len(values) == 1 else ""
        if len(values) > 1 or not (text or optional):
            raise _invalid(f"attribute {name}", "one value", "several" if len(values) > 1 else "none")
        return text

    def one_of(self, name: str, allowed: set[str]) -> str:
        """The text of a required attribute with a closed vocabulary."""
        text = self.text(name)
        if text not in allowed:
            raise _invalid(f"attribute {name}", " or ".join(sorted(allowed)), _shown(text))
        return text


def _roles(roles: list[etree._Element]) -> Role:
    """Profession, its system, and specialty."""
    codes = [(_code(role, ROLE), role.get("codeSystem", "")) for role in roles]
    try:
        return read_role(codes)
    except RoleError as error:
        raise _invalid(f"attribute {ROLE}", error.expected, error.got) from None


def _access(attributes: _Attributes) -> tuple[ModeAcces, str]:
    purposes = attributes.elements(PURPOSE, "PurposeOfUse")
    known = {mode.value: mode for mode in ModeAcces}
    code = _code(purposes[0], PURPOSE) if len(purposes) == 1 else ""
    if code not in known or purposes[0].get("codeSystem") != oids.MODE_ACCES:
        raise _invalid(f"attribute {PURPOSE}", f"one of {', '.join(known)} of {oids.MODE_ACCES}", _shown(code))
    motif = attributes.text(REASON, optional=True)
    if known[code] is ModeAcces.BRIS_DE_GLACE and not motif:
        raise _invalid(f"attribute {REASON}", "the reason for bris_de_glace", "none")
    return known[code], motif


def _sector(text: str) -> str:
    code, _, system = text.partition("^")
    if not _CODE.fullmatch(code) or system != oids.SECTEUR_ACTIVITE:
        raise _invalid(f"attribute {SECTOR}", f"code^{oids.SECTEUR_ACTIVITE}", "something else")
    return code


def _secret_connection(text: str) -> bool:
    if text not in ("", SECRET_CONNECTION):
        raise _invalid(f"attribute {CONFIDENTIALITY}", SECRET_CONNECTION, "another value")
    return bool(text)


def _issuer(issuer: etree._Element) -> DistinguishedName:
    if issuer.get("Format") != X509_SUBJECT_NAME:
        raise _invalid("Issuer", f"Format {X509_SUBJECT_NAME}", "another")
    try:
        return read_distinguished_name(_reader.text(issuer))
    except ValueError as error:
        raise _invalid("Issuer", str(error), "something else") from None


def _authn_context(context: etree._Element) -> str:
    for name in ("AuthnContextClassRef", "AuthnContextDeclRef"):
        reference = _reader.optional(context, name)
        if reference is not None:
            return _reader.text(reference)
    _reader.child(context, "AuthnContextDecl")
    return ""


def _code(element: etree._Element, attribute: str) -> str:
    code = element.get("code", "")
    if not _CODE.fullmatch(code):
        raise _invalid(f"attribute {attribute}", "a code", "none" if not code else "something else")
    return code


def _shown(text: str) -> str:
    """What may be shown of a value outside its vocabulary: a short code, never a sentence."""
    return text[:40] if _CODE.fullmatch(text[:40]) else "something else" if text else "none"


def _invalid(what: str, expected: str, got: str) -> AuthenticationError:
    return _reader.invalid(what, expected, got)
