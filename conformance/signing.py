"""The other side of the wire: makes and signs VIHF and XUA assertions and the signature document of a submission set.

Written from the standards, not from the server: constants are typed here a second time on purpose.
All functions return bytes. Put them into a message as they are: moving a signed element into another tree may rename
its prefixes, and the signature covers prefixes.
Source: CI-SIS, volet Transport synchrone (VIHF); ITI TF-2 3.40 (XUA); SAML 2.0 core; XML Signature 1.1; ETSI TS 101
903; IHE ITI DSG.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, SignatureConstructionMethod
from signxml.signer import XMLSigner

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
DS = "http://www.w3.org/2000/09/xmldsig#"
HL7 = "urn:hl7-org:v3"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
EXCLUSIVE_C14N = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0

X509_SUBJECT_NAME = "urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName"
SMARTCARD_PKI = "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI"
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"  # noqa: S105  the name of an authentication context
PROTECTED_PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"  # noqa: S105  the same
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
MOBILE_TWO_FACTOR = "urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorUnregistered"

PROFESSION = "1.2.250.1.71.1.2.7"  # TRE_G15
SPECIALITE_MEDECIN = "1.2.250.1.71.4.2.5"  # TRE_R38
SECTION_PHARMACIEN = "1.2.250.1.71.4.2.6"  # TRE_G04
ROLE_NON_PS = "1.2.250.1.213.1.1.4.6"  # TRE_A00
SECTEUR_ACTIVITE = "1.2.250.1.71.4.2.4"
MODE_ACCES = "1.2.250.1.213.1.1.4.248"
CONFIDENTIALITE = "1.2.250.1.213.1.1.4.13"
PURPOSE_OF_SIGNATURE = "1.2.840.10065.1.12.1.14"  # ASTM E1762, Source

Code = tuple[str, str]  # code, OID of its code system
Value = str | etree._Element


def instant(value: datetime) -> str:
    """xs:dateTime in UTC, to the second. Source: SAML 2.0 core 1.3.3."""
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")


def build_vihf(
    *,
    certificate: bytes,
    key: bytes,
    name_id: str,
    issued: datetime,
    mode: str = "DIRECTE",
    structure_id: str = "10B0011797",
    sector: str = "SA07",
    roles: Sequence[Code] = (("10", PROFESSION), ("SM26", SPECIALITE_MEDECIN)),
    subject_name: str = "",
    patient: str = "",
    purpose: str = "normal",
    reason: str = "",
    secret_connection: bool = False,
    version: str = "4.0",
    authn_context: str = "",
    lps: tuple[str, str] = ("LPS de test", "1.0"),
    assertion_id: str = "",
    issuer: str = "",
    attributes: Mapping[str, Sequence[Value]] | None = None,
    before_signing: Callable[[etree._Element], None] | None = None,
    whole_chain: bool = False,
    signature_algorithm: str = "",
    digest_algorithm: str = "sha256",
    signed: bool = True,
) -> bytes:
    """A VIHF assertion, signed. `certificate` is a PEM chain (leaf first), `key` the leaf's PEM key.

    `patient` is a CX with its type (`INS^^^&OID&ISO^NH`), '' for none. `attributes` adds SAML attributes or replaces
    them; an empty sequence leaves one out. `before_signing` may alter the assertion; `signed=False` leaves it bare.
    Without `signature_algorithm` the key's kind decides, with SHA-256.
    """
    leaf = x509.load_pem_x509_certificates(certificate)[0]
    assertion = _begin(assertion_id, issued, issuer or leaf.subject.rfc4514_string(), signed=signed)
    assertion[0].set("Format", X509_SUBJECT_NAME)
    _child(_child(assertion, "Subject"), "NameID", name_id)
    statement = _child(assertion, "AuthnStatement")
    statement.set("AuthnInstant", instant(issued))
    context = SMARTCARD_PKI if mode == "DIRECTE" else PASSWORD if mode == "INDIRECTE" else MOBILE_TWO_FACTOR
    _child(_child(statement, "AuthnContext"), "AuthnContextClassRef", authn_context or context)
    values: dict[str, Sequence[Value]] = {
        "Identifiant_Structure": [structure_id],
        "Secteur_Activite": [f"{sector}^{SECTEUR_ACTIVITE}"],
        "urn:oasis:names:tc:xspa:1.0:subject:subject-id": [subject_name] if subject_name else [],
        "urn:oasis:names:tc:xacml:2.0:subject:role": [coded("Role", code, system) for code, system in roles],
        "VIHF_Version": [version],
        "Authentification_Mode" if version == "4.0" else "Authentification_mode": [mode],
        "urn:oasis:names:tc:xacml:2.0:resource:resource-id": [patient] if patient else [],
        "Ressource_URN": ["urn:dmp"],
        "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse": [coded("PurposeOfUse", purpose, MODE_ACCES)],
        "Mode_Acces_Raison": [reason] if reason else [],
        "urn:oasis:names:tc:xspa:1.0:resource:patient:hl7:confidentiality-code": (
            [f"INVISIBLE_REPRESENTANTS_LEGAUX^{CONFIDENTIALITE}"] if secret_connection else []
        ),
        "LPS_Nom": [lps[0]],
        "LPS_Version": [lps[1]],
    }
    values.update(attributes or {})
    _attribute_statement(assertion, values)
    if before_signing is not None:
        before_signing(assertion)
    if signed:
        assertion = _sign(assertion, certificate, key, signature_algorithm, digest_algorithm, whole_chain=whole_chain)
    return etree.tostring(assertion, encoding="UTF-8", xml_declaration=False)


def build_xua(
    *,
    certificate: bytes,
    key: bytes,
    issued: datetime,
    name_id: str = "John.Doe",
    alias: str = "",
    issuer: str = "https://sts.example.org",
    not_before: datetime | None = None,
    not_on_or_after: datetime | None = None,
    audiences: Sequence[str] = ("urn:oid:1.3.6.1.4.1.21367.2026.1.2",),
    authn_context: str = PROTECTED_PASSWORD,
    confirmation: str = BEARER,
    holder: bytes = b"",
    subject_name: str = "John Doe",
    organization: str = "Family Medical Clinic",
    organization_id: str = "urn:oid:1.3.6.1.4.1.21367.2026.7",
    home_community_id: str = "urn:oid:1.3.6.1.4.1.21367.2026.8",
    role: Code | None = ("46255001", "2.16.840.1.113883.6.96"),
    purpose: Code | None = ("12", "1.0.14265.1"),
    patient: str = "",
    assertion_id: str = "",
    attributes: Mapping[str, Sequence[Value]] | None = None,
    before_signing: Callable[[etree._Element], None] | None = None,
    whole_chain: bool = False,
    signature_algorithm: str = "",
    digest_algorithm: str = "sha256",
    signed: bool = True,
) -> bytes:
    """An X-User Assertion, signed by an X-Assertion Provider; it holds for five minutes unless said otherwise.

    `holder` is the DER certificate of a holder-of-key. Other arguments are as in `build_vihf`.
    """
    assertion = _begin(assertion_id, issued, issuer, signed=signed)
    subject = _child(assertion, "Subject")
    name = _child(subject, "NameID", name_id)
    if alias:
        name.set("SPProvidedID", alias)
    confirmed = _child(subject, "SubjectConfirmation")
    confirmed.set("Method", confirmation)
    if holder:
        data = etree.SubElement(_child(confirmed, "SubjectConfirmationData"), f"{{{DS}}}KeyInfo", nsmap={"ds": DS})
        certified = etree.SubElement(etree.SubElement(data, f"{{{DS}}}X509Data"), f"{{{DS}}}X509Certificate")
        certified.text = base64.b64encode(holder).decode()
    conditions = _child(assertion, "Conditions")
    conditions.set("NotBefore", instant(not_before or issued))
    conditions.set("NotOnOrAfter", instant(not_on_or_after or issued + timedelta(minutes=5)))
    if audiences:
        restriction = _child(conditions, "AudienceRestriction")
        for audience in audiences:
            _child(restriction, "Audience", audience)
    statement = _child(assertion, "AuthnStatement")
    statement.set("AuthnInstant", instant(issued))
    _child(_child(statement, "AuthnContext"), "AuthnContextClassRef", authn_context)
    values: dict[str, Sequence[Value]] = {
        "urn:oasis:names:tc:xspa:1.0:subject:subject-id": [subject_name] if subject_name else [],
        "urn:oasis:names:tc:xspa:1.0:subject:organization": [organization] if organization else [],
        "urn:oasis:names:tc:xspa:1.0:subject:organization-id": [organization_id] if organization_id else [],
        "urn:ihe:iti:xca:2010:homeCommunityId": [home_community_id] if home_community_id else [],
        "urn:oasis:names:tc:xacml:2.0:subject:role": [coded("Role", *role)] if role else [],
        "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse": [coded("PurposeOfUse", *purpose)] if purpose else [],
        "urn:oasis:names:tc:xacml:2.0:resource:resource-id": [patient] if patient else [],
    }
    values.update(attributes or {})
    _attribute_statement(assertion, values)
    if before_signing is not None:
        before_signing(assertion)
    if signed:
        assertion = _sign(assertion, certificate, key, signature_algorithm, digest_algorithm, whole_chain=whole_chain)
    return etree.tostring(assertion, encoding="UTF-8", xml_declaration=False)


def security_header(assertion: bytes) -> bytes:
    """The WS-Security header that carries the assertion, byte for byte. Source: WSS SAML Token Profile 1.1 3.3."""
    return b'<wsse:Security xmlns:wsse="' + WSSE.encode() + b'">' + assertion + b"</wsse:Security>"


def coded(name: str, code: str, system: str) -> etree._Element:
    """An HL7 V3 CE as XSPA writes it: `Role` or `PurposeOfUse`. Source: OASIS XSPA SAML profile 1.0 2.9."""
    element = etree.Element(f"{{{HL7}}}{name}", nsmap={None: HL7, "xsi": XSI})
    element.set(f"{{{XSI}}}type", "CE")
    element.set("code", code)
    element.set("codeSystem", system)
    return element


def build_signature_document(
    *,
    certificate: bytes,
    key: bytes,
    submission_set_unique_id: str,
    documents: Mapping[str, bytes],
    signed_at: datetime,
    digest_algorithm: str = "sha256",
    certificate_digest: bytes | None = None,
    purpose: str = PURPOSE_OF_SIGNATURE,
    before_signing: Callable[[etree._Element], None] | None = None,
) -> bytes:
    """The XAdES signature document of a submission set; `documents` maps uniqueId to the document's bytes.

    Its manifest covers the submission set (digest `AA==`) and then each document. `before_signing` may alter the
    three signed parts (they stand in one container) before digests are taken.
    """
    leaf = x509.load_pem_x509_certificates(certificate)[0]
    parts = etree.Element("parts")
    manifest = etree.SubElement(parts, f"{{{DS}}}Manifest", nsmap={"ds": DS}, Id="IHEManifest")
    _reference(manifest, submission_set_unique_id, digest_algorithm, "AA==")
    for unique_id, content in documents.items():
        digest = base64.b64encode(hashlib.new(digest_algorithm, content).digest()).decode()
        _reference(manifest, unique_id, digest_algorithm, digest)
    signature_id = f"_{uuid.uuid4()}"
    parts.append(_signed_properties(leaf, signed_at, certificate_digest or leaf.fingerprint(hashes.SHA256())))
    properties = etree.SubElement(parts, f"{{{DS}}}SignatureProperties", nsmap={"ds": DS}, Id="SignatureProperties")
    attributes = {"Id": "purposeOfSignature", "Target": f"#{signature_id}"}
    etree.SubElement(properties, f"{{{DS}}}SignatureProperty", attributes).text = purpose
    if before_signing is not None:
        before_signing(parts)
    signer = XMLSigner(
        SignatureConstructionMethod.detached, _algorithm(leaf), digest_algorithm, c14n_algorithm=EXCLUSIVE_C14N
    )
    signer.signature_annotators.append(_set_reference_types)
    uris: list[str] = [f"#{part.get('Id')}" for part in parts]
    signature = signer.sign(parts, key=key, cert=[leaf], reference_uri=uris)
    signature.set("Id", signature_id)
    for part in list(parts):
        container = etree.SubElement(signature, f"{{{DS}}}Object")
        if etree.QName(part).localname == "SignedProperties":
            container = etree.SubElement(
                container, f"{{{XADES}}}QualifyingProperties", nsmap={"xades": XADES}, Target=f"#{signature_id}"
            )
        container.append(part)
    return etree.tostring(signature, encoding="UTF-8", xml_declaration=True)


def _begin(assertion_id: str, issued: datetime, issuer: str, *, signed: bool) -> etree._Element:
    """An assertion up to its Subject, with the place of its signature."""
    assertion = etree.Element(f"{{{SAML}}}Assertion", nsmap={"saml2": SAML})
    assertion.set("ID", assertion_id or f"_{uuid.uuid4()}")
    assertion.set("IssueInstant", instant(issued))
    assertion.set("Version", "2.0")
    _child(assertion, "Issuer", issuer)
    if signed:
        etree.SubElement(assertion, f"{{{DS}}}Signature", nsmap={"ds": DS}).set("Id", "placeholder")
    return assertion


def _sign(
    assertion: etree._Element, certificate: bytes, key: bytes, algorithm: str, digest: str, *, whole_chain: bool
) -> etree._Element:
    chain = x509.load_pem_x509_certificates(certificate)
    signer = XMLSigner(SignatureConstructionMethod.enveloped, algorithm or _algorithm(chain[0]), digest, EXCLUSIVE_C14N)
    return signer.sign(assertion, key=key, cert=chain if whole_chain else chain[:1])


def _child(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, f"{{{SAML}}}{name}")
    element.text = text
    return element


def _attribute_statement(assertion: etree._Element, values: Mapping[str, Sequence[Value]]) -> None:
    statement = _child(assertion, "AttributeStatement")
    for name, entries in values.items():
        if not entries:
            continue
        attribute = _child(statement, "Attribute")
        attribute.set("Name", name)
        for entry in entries:
            if isinstance(entry, str):
                _child(attribute, "AttributeValue", entry)
            else:
                _child(attribute, "AttributeValue").append(entry)


def _reference(manifest: etree._Element, unique_id: str, algorithm: str, digest: str) -> None:
    reference = etree.SubElement(manifest, f"{{{DS}}}Reference", URI=f"urn:oid:{unique_id}")
    etree.SubElement(reference, f"{{{DS}}}DigestMethod", Algorithm=_digest_uri(algorithm))
    etree.SubElement(reference, f"{{{DS}}}DigestValue").text = digest


def _signed_properties(leaf: x509.Certificate, signed_at: datetime, certificate_digest: bytes) -> etree._Element:
    """Source: ETSI TS 101 903 v1.3.2, 7.2.1 (SigningTime), 7.2.2 (SigningCertificate), 7.2.3 (implied policy)."""
    properties = etree.Element(f"{{{XADES}}}SignedProperties", nsmap={"xades": XADES, "ds": DS}, Id="SignedProperties")
    signature_properties = etree.SubElement(properties, f"{{{XADES}}}SignedSignatureProperties")
    etree.SubElement(signature_properties, f"{{{XADES}}}SigningTime").text = instant(signed_at)
    cert = etree.SubElement(
        etree.SubElement(signature_properties, f"{{{XADES}}}SigningCertificate"), f"{{{XADES}}}Cert"
    )
    digest = etree.SubElement(cert, f"{{{XADES}}}CertDigest")
    etree.SubElement(digest, f"{{{DS}}}DigestMethod", Algorithm=_digest_uri("sha256"))
    etree.SubElement(digest, f"{{{DS}}}DigestValue").text = base64.b64encode(certificate_digest).decode()
    issuer_serial = etree.SubElement(cert, f"{{{XADES}}}IssuerSerial")
    etree.SubElement(issuer_serial, f"{{{DS}}}X509IssuerName").text = leaf.issuer.rfc4514_string()
    etree.SubElement(issuer_serial, f"{{{DS}}}X509SerialNumber").text = str(leaf.serial_number)
    policy = etree.SubElement(signature_properties, f"{{{XADES}}}SignaturePolicyIdentifier")
    etree.SubElement(policy, f"{{{XADES}}}SignaturePolicyImplied")
    return properties


def _set_reference_types(signature: etree._Element, **_settings: object) -> None:
    """Source: XML Signature 1.1, 5.1 (Manifest); ETSI TS 101 903, 6.3.1 (SignedProperties)."""
    types = {"#IHEManifest": f"{DS}Manifest", "#SignedProperties": "http://uri.etsi.org/01903#SignedProperties"}
    for reference in signature.iter(f"{{{DS}}}Reference"):
        uri = reference.get("URI", "")
        if uri in types:
            reference.set("Type", types[uri])


def _digest_uri(algorithm: str) -> str:
    if algorithm == "sha1":
        return f"{DS}sha1"
    space = "xmldsig-more" if algorithm == "sha384" else "xmlenc"
    return f"http://www.w3.org/2001/04/{space}#{algorithm}"


def _algorithm(leaf: x509.Certificate) -> str:
    return "rsa-sha256" if isinstance(leaf.public_key(), rsa.RSAPublicKey) else "ecdsa-sha256"
