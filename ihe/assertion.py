"""What a VIHF says: the claims of a SAML 2.0 assertion, read from bytes whose signature was verified.

Source: SAML 2.0 core; OASIS XSPA SAML profile 1.0; CI-SIS, volet Transport synchrone, VIHF 3.0 and 4.0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from identities.requester import Authentication, ModeAcces, PatientId
from ihe.certificate_identity import CertificateError, load_der_certificate
from ihe.distinguished_name import DistinguishedName, read_distinguished_name
from ihe.errors import AuthenticationError
from ihe.signature import DS, X509_CERTIFICATE, SignatureError, base64_bytes
from schemas import oids, xml
from schemas.domain import AssertionProfile
from schemas.value_sets import ValueSets

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
HL7 = "urn:hl7-org:v3"
X509_SUBJECT_NAME = "urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName"
SMARTCARD_PKI = "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI"

# Attribute names. Source: VIHF; XSPA SAML profile 1.0 §2.
STRUCTURE = "Identifiant_Structure"
SECTOR = "Secteur_Activite"
SUBJECT_ID = "urn:oasis:names:tc:xspa:1.0:subject:subject-id"
ROLE = "urn:oasis:names:tc:xacml:2.0:subject:role"
VERSION = "VIHF_Version"
MODE = "Authentification_Mode"
RESOURCE_ID = "urn:oasis:names:tc:xacml:2.0:resource:resource-id"
RESOURCE_URN = "Ressource_URN"
PURPOSE = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"
REASON = "Mode_Acces_Raison"
CONFIDENTIALITY = "urn:oasis:names:tc:xspa:1.0:resource:patient:hl7:confidentiality-code"
LPS_NAME, LPS_VERSION = "LPS_Nom", "LPS_Version"
_SPELLINGS = {"Authentification_mode": MODE}  # both occur in the field

DMP_URN = "urn:dmp"
SECRET_CONNECTION = f"INVISIBLE_REPRESENTANTS_LEGAUX^{oids.CONFIDENTIALITE_CISIS}"  # JDV_J64

MEDECIN, PHARMACIEN = "10", "21"  # TRE_G15
_PROFESSION_SYSTEMS = frozenset({oids.PROFESSION, oids.ROLE_NON_PS})
_SPECIALTY_SYSTEMS = frozenset({oids.SPECIALITE_MEDECIN, oids.SECTION_PHARMACIEN, oids.ROLE_PRISE_CHARGE})
_REQUIRED_SPECIALTY = {MEDECIN: oids.SPECIALITE_MEDECIN, PHARMACIEN: oids.SECTION_PHARMACIEN}

INVALID = "wsse:InvalidSecurityToken"  # WSS SOAP Message Security 1.1 §12

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_CODE = re.compile(r"[0-9A-Za-z_.-]{1,64}")
_OID = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]*)){1,30}")
_PATIENT_ID = re.compile(r"[0-9A-Za-z]{1,64}")


@dataclass(frozen=True, slots=True)
class Window:
    """When something holds; None for no limit."""

    not_before: datetime | None = None
    not_on_or_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A SubjectConfirmation. `holders` are the DER certificates of a holder-of-key."""

    method: str
    window: Window
    holders: tuple[bytes, ...]


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
    if any(not isinstance(node.tag, str) for node in root.iter()):
        raise _invalid("assertion", "elements and text only", "a processing instruction")
    if root.get("Version") != "2.0":
        raise _invalid("assertion", "SAML Version 2.0", "another")
    allowed = {"Issuer", "Subject", "Conditions", "Advice", "AuthnStatement", "AttributeStatement"}
    if any(child.tag not in {f"{{{SAML}}}{name}" for name in allowed} for child in root):
        raise _invalid("assertion", ", ".join(sorted(allowed)), "another element")
    subject, statement = _child(root, "Subject"), _child(root, "AuthnStatement")
    conditions = _optional(root, "Conditions")
    attributes = _Attributes(_child(root, "AttributeStatement"))
    attributes.one_of(VERSION, set(profile.versions))
    attributes.one_of(RESOURCE_URN, {DMP_URN})
    mode = Authentication(attributes.one_of(MODE, {each.value for each in Authentication if each.french}))
    profession, profession_system, specialty = _roles(attributes.elements(ROLE, "Role"))
    mode_acces, motif = _access(attributes)
    windows = [Window(None, _instant(statement, "SessionNotOnOrAfter"))]
    if conditions is not None:
        windows.append(_window(conditions))
    return Assertion(
        id=root.get("ID", ""),
        issue_instant=_required_instant(root, "IssueInstant"),
        issuer=_issuer(_child(root, "Issuer")),
        name_id=_text(_child(subject, "NameID")),
        authn_instant=_required_instant(statement, "AuthnInstant"),
        authn_context=_authn_context(_child(statement, "AuthnContext")),
        windows=tuple(windows),
        audiences=_audiences(conditions),
        one_time_use=conditions is not None and _optional(conditions, "OneTimeUse") is not None,
        confirmations=tuple(_confirmation(each) for each in subject.findall(f"{{{SAML}}}SubjectConfirmation")),
        structure_id=attributes.text(STRUCTURE),
        sector=_sector(attributes.text(SECTOR)),
        subject_name=attributes.text(SUBJECT_ID, optional=mode is Authentication.DIRECTE),
        profession=profession,
        profession_system=profession_system,
        specialty=specialty,
        authentication=mode,
        mode_acces=mode_acces,
        motif=motif,
        patient=_patient(attributes.text(RESOURCE_ID, optional=True)),
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
        text = _text(values[0], empty=True) if len(values) == 1 else ""
        if len(values) > 1 or not (text or optional):
            raise _invalid(f"attribute {name}", "one value", "several" if len(values) > 1 else "none")
        return text

    def one_of(self, name: str, allowed: set[str]) -> str:
        """The text of a required attribute with a closed vocabulary."""
        text = self.text(name)
        if text not in allowed:
            raise _invalid(f"attribute {name}", " or ".join(sorted(allowed)), _shown(text))
        return text


def _roles(roles: list[etree._Element]) -> tuple[str, str, str]:
    """Profession, its system, and specialty. Source: VIHF, attribute role: profession first, specialty second."""
    codes = [(_code(role, ROLE), role.get("codeSystem", "")) for role in roles]
    if len(codes) > 2:
        raise _invalid(f"attribute {ROLE}", "a profession and at most one specialty", f"{len(codes)} roles")
    profession, system = codes[0]
    if system not in _PROFESSION_SYSTEMS:
        raise _invalid(f"attribute {ROLE}", f"a profession of {' or '.join(sorted(_PROFESSION_SYSTEMS))}", "another")
    specialty, specialty_system = codes[1] if len(codes) == 2 else ("", "")
    if specialty and specialty_system not in _SPECIALTY_SYSTEMS:
        raise _invalid(f"attribute {ROLE}", f"a specialty of {' or '.join(sorted(_SPECIALTY_SYSTEMS))}", "another")
    if specialty and not ValueSets.load().contains("subject_role", specialty, specialty_system):
        # `sm25` is nobody's specialty, and not the one that closes the dossier to an occupational physician.
        raise _invalid(f"attribute {ROLE}", "a specialty of JDV_J05", _shown(specialty))
    required = _REQUIRED_SPECIALTY.get(profession) if system == oids.PROFESSION else None
    if required is not None and specialty_system != required:
        raise _invalid(f"attribute {ROLE}", f"a specialty of {required} for profession {profession}", "none of it")
    return profession, system, specialty


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


def _patient(text: str) -> PatientId | None:
    """Source: ITI TF-3 Table 4.2.3.1.7-2 (CX)."""
    if not text:
        return None
    components = text.split("^")
    authority = components[3].split("&") if len(components) >= 4 else []
    if (
        not _PATIENT_ID.fullmatch(components[0])
        or any(components[1:3])
        or len(authority) != 3
        or authority[0]
        or not _OID.fullmatch(authority[1])
        or authority[2] != "ISO"
        or (len(components) > 4 and components[4] not in ("", "NH"))
    ):
        raise _invalid(f"attribute {RESOURCE_ID}", "a CX id^^^&OID&ISO^NH", "something else")
    return PatientId(components[0], authority[1])


def _secret_connection(text: str) -> bool:
    if text not in ("", SECRET_CONNECTION):
        raise _invalid(f"attribute {CONFIDENTIALITY}", SECRET_CONNECTION, "another value")
    return bool(text)


def _issuer(issuer: etree._Element) -> DistinguishedName:
    if issuer.get("Format") != X509_SUBJECT_NAME:
        raise _invalid("Issuer", f"Format {X509_SUBJECT_NAME}", "another")
    try:
        return read_distinguished_name(_text(issuer))
    except ValueError as error:
        raise _invalid("Issuer", str(error), "something else") from None


def _authn_context(context: etree._Element) -> str:
    for name in ("AuthnContextClassRef", "AuthnContextDeclRef"):
        reference = _optional(context, name)
        if reference is not None:
            return _text(reference)
    _child(context, "AuthnContextDecl")
    return ""


def _audiences(conditions: etree._Element | None) -> tuple[tuple[str, ...], ...]:
    if conditions is None:
        return ()
    known = {f"{{{SAML}}}{name}" for name in ("AudienceRestriction", "OneTimeUse", "ProxyRestriction")}
    if any(condition.tag not in known for condition in conditions):
        raise _invalid("Conditions", "conditions of SAML 2.0 core", "another")
    restrictions = conditions.findall(f"{{{SAML}}}AudienceRestriction")
    return tuple(tuple(_text(audience) for audience in restriction) for restriction in restrictions)


def _confirmation(confirmation: etree._Element) -> Confirmation:
    data = _optional(confirmation, "SubjectConfirmationData")
    if data is None:
        return Confirmation(confirmation.get("Method", ""), Window(), ())
    holders = tuple(_holder(each) for each in data.findall(f"{{{DS}}}KeyInfo/{{{DS}}}X509Data/{X509_CERTIFICATE}"))
    return Confirmation(confirmation.get("Method", ""), _window(data), holders)


def _holder(element: etree._Element) -> bytes:
    try:
        der = base64_bytes(element)
        load_der_certificate(der)
    except (SignatureError, CertificateError):
        raise _invalid("SubjectConfirmationData", "an X.509 certificate in base64", "something else") from None
    return der


def _window(element: etree._Element) -> Window:
    return Window(_instant(element, "NotBefore"), _instant(element, "NotOnOrAfter"))


def _required_instant(element: etree._Element, attribute: str) -> datetime:
    value = _instant(element, attribute)
    if value is None:
        raise _invalid(f"{xml.local_name(element.tag)} {attribute}", "xs:dateTime with a zone", "none")
    return value


def _instant(element: etree._Element, attribute: str) -> datetime | None:
    text = element.get(attribute)
    if text is None:
        return None
    try:
        if not _INSTANT.fullmatch(text):
            raise ValueError
        return datetime.fromisoformat(text)
    except ValueError:
        expected = "xs:dateTime with a zone"
        raise _invalid(f"{xml.local_name(element.tag)} {attribute}", expected, "something else") from None


def _child(parent: etree._Element, name: str) -> etree._Element:
    found = _optional(parent, name)
    if found is None:
        raise _invalid(xml.local_name(parent.tag), f"one {name}", "none")
    return found


def _optional(parent: etree._Element, name: str) -> etree._Element | None:
    found = parent.findall(f"{{{SAML}}}{name}")
    if len(found) > 1:
        raise _invalid(xml.local_name(parent.tag), f"one {name}", str(len(found)))
    return found[0] if found else None


def _text(element: etree._Element, *, empty: bool = False) -> str:
    text = (element.text or "").strip()
    if len(element) or not (text or empty):
        raise _invalid(xml.local_name(element.tag), "text", "elements" if len(element) else "none")
    return text


def _code(element: etree._Element, attribute: str) -> str:
    code = element.get("code", "")
    if not _CODE.fullmatch(code):
        raise _invalid(f"attribute {attribute}", "a code", "none" if not code else "something else")
    return code


def _shown(text: str) -> str:
    """What may be shown of a value outside its vocabulary: a short code, never a sentence."""
    return text[:40] if _CODE.fullmatch(text[:40]) else "something else" if text else "none"


def _invalid(what: str, expected: str, got: str) -> AuthenticationError:
    return AuthenticationError(f"VIHF {what}: expected {expected}, got {got}", INVALID)
