"""The signature document of a submission: XAdES over an IHE manifest of the documents' digests.

    ds:Signature
      SignedInfo: Reference #IHEManifest · Reference #SignedProperties · others of the same document
      Object/Manifest: urn:oid:<SubmissionSet uniqueId> with digest AA==, then urn:oid:<uniqueId> for each document
      Object/QualifyingProperties/SignedProperties: SigningTime, SigningCertificate

Source: IHE ITI Supplement Document Digital Signature (DSG); ETSI TS 101 903 v1.1.1, v1.3.2, v1.4.1; XML Signature 1.1;
GIE SESAM-Vitale, DMP message examples v02.05.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from lxml import etree

from ihe.certificates import CertificateError, CertificateIdentity, TrustStore, leaf_first
from ihe.signature import (
    CANONICALIZATION_METHOD,
    DIGEST_METHOD,
    DIGEST_VALUE,
    DS,
    EXCLUSIVE_C14N,
    INCLUSIVE_C14N,
    KEY_INFO,
    REFERENCE,
    SIGNATURE,
    SIGNATURE_METHOD,
    SIGNATURE_VALUE,
    SIGNED_INFO,
    TRANSFORM,
    TRANSFORMS,
    SignatureError,
    UnsupportedAlgorithmError,
    base64_bytes,
    canonical,
    check_key,
    digest_algorithm,
    read_certificates,
    signature_algorithm,
    standalone,
    verify_value,
)
from schemas import xml

MAX_BYTES = 4 * 1024 * 1024
MAX_REFERENCES = 8
SKEW = timedelta(minutes=5)

OBJECT, MANIFEST, SIGNATURE_PROPERTY = f"{{{DS}}}Object", f"{{{DS}}}Manifest", f"{{{DS}}}SignatureProperty"
XADES = ("http://uri.etsi.org/01903/v1.1.1#", "http://uri.etsi.org/01903/v1.3.2#")
_SIGNING_CERTIFICATE = ("SigningCertificate", "SigningCertificateV2")
SUBMISSION_SET_DIGEST = "AA=="  # the DMP's placeholder: a submission set has no bytes
PURPOSE_OF_SIGNATURE, SOURCE = "purposeOfSignature", "1.2.840.10065.1.12.1.14"  # DSG; ASTM E1762-95, Source signature

Digester = Callable[[str], bytes]
"""The digest of one document's bytes with a hash function, by its hashlib name."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One thing wrong in a signature document."""

    what: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.what}: expected {self.expected}, got {self.got}"


class SignatureDocumentError(Exception):
    """A signature document that does not hold, with everything found wrong (at least one disagreement)."""

    def __init__(self, findings: Iterable[Disagreement]) -> None:
        self.findings = tuple(findings)
        super().__init__(self.diagnostics())

    def diagnostics(self) -> str:
        """Every disagreement, in one line."""
        return "; ".join(map(str, self.findings))


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed a submission, and when, by the signer's own clock."""

    identity: CertificateIdentity
    signed_at: datetime


def verify_signature_document(
    data: bytes,
    *,
    documents: Mapping[str, Digester],
    submission_set_unique_id: str,
    trust: TrustStore,
    now: datetime,
    allow_sha1: bool = False,
) -> Signer:
    """Who signed this submission set and exactly these documents (by uniqueId, a plain OID).

    The signer's certificate must be a signature certificate or a seal, trusted at `now`. Everything is read from the
    bytes that the signature covers. Raises SignatureDocumentError.
    """
    try:
        root = xml.parse(data, max_bytes=MAX_BYTES)
        certificate, parts = _verified_parts(root, allow_sha1)
        identity = trust.trusted(certificate[0], certificate[1:], instant=now).identity
    except xml.XmlError as error:
        raise _single("signature document", error.expected, error.got) from None
    except SignatureError as error:
        raise _single("signature", error.expected, error.got) from None
    except CertificateError as error:
        raise _single("signing certificate", error.expected, error.got) from None
    if not identity.is_signature_certificate:
        raise _single("signing certificate", "a signature certificate or a seal", "another")
    _check_purpose(parts)
    signed_at = _signed_properties(
        _one(parts, *(f"{{{each}}}SignedProperties" for each in XADES)), certificate[0], allow_sha1
    )
    if signed_at > now + SKEW:
        raise _single("SigningTime", "an instant before now", "one in the future")
    _check_manifest(_one(parts, MANIFEST), submission_set_unique_id, documents, allow_sha1)
    return Signer(identity, signed_at)


def _verified_parts(root: etree._Element, allow_sha1: bool) -> tuple[list[x509.Certificate], list[etree._Element]]:
    """The signer's certificate and those above it, and the signed parts, each parsed again from its signed bytes."""
    children = [child for child in root if isinstance(child.tag, str)]
    tags = [child.tag for child in children]
    if root.tag != SIGNATURE or tags[:3] != [SIGNED_INFO, SIGNATURE_VALUE, KEY_INFO] or set(tags[3:]) != {OBJECT}:
        raise SignatureError("ds:Signature with SignedInfo, SignatureValue, KeyInfo and Object", "something else")
    signed_info, value, key_info = children[:3]
    certificate, intermediates = leaf_first(read_certificates(key_info))
    signed_bytes = canonical(standalone(signed_info), _c14n(signed_info.find(CANONICALIZATION_METHOD)))
    verified_info = xml.parse(signed_bytes)
    algorithm = signature_algorithm(_algorithm(verified_info, SIGNATURE_METHOD), allow_sha1=allow_sha1)
    check_key(certificate, algorithm)
    verify_value(certificate, algorithm, signed_bytes, base64_bytes(value))
    references = verified_info.findall(REFERENCE)
    if not 2 <= len(references) <= MAX_REFERENCES:
        raise SignatureError(f"2 to {MAX_REFERENCES} references in SignedInfo", str(len(references)))
    return [certificate, *intermediates], [_verified_part(root, reference, allow_sha1) for reference in references]


def _verified_part(root: etree._Element, reference: etree._Element, allow_sha1: bool) -> etree._Element:
    """The part of the document that a Reference of SignedInfo covers, parsed from the bytes its digest covers."""
    scheme, identifier = reference.get("URI", "")[:1], reference.get("URI", "")[1:]
    found = [each for each in root.iter() if isinstance(each.tag, str) and identifier in _ids(each)]
    places = {each.tag for each in found[0].iterancestors()} | {found[0].tag} if len(found) == 1 else set()
    if scheme != "#" or not identifier or not places & {OBJECT, KEY_INFO}:
        raise SignatureError("a Reference to one element in KeyInfo or an Object of the signature", "another URI")
    transforms = reference.findall(f"{TRANSFORMS}/{TRANSFORM}")
    if len(transforms) > 1:
        raise SignatureError("at most one transform, a canonicalization", str(len(transforms)))
    # Without a transform, canonical XML 1.0 is implied. Source: XML Signature 1.1 4.4.3.2.
    signed_bytes = canonical(standalone(found[0]), _c14n(transforms[0]) if transforms else INCLUSIVE_C14N)
    digest = digest_algorithm(_algorithm(reference, DIGEST_METHOD), allow_sha1=allow_sha1)
    if hashlib.new(digest, signed_bytes).digest() != _digest_value(reference):
        raise SignatureError(f"the signed {xml.local_name(found[0].tag)}", "one that was altered")
    return xml.parse(signed_bytes)


def _signed_properties(properties: etree._Element, certificate: x509.Certificate, allow_sha1: bool) -> datetime:
    """SigningTime; SigningCertificate names the certificate in use, so that another one of the same key is refused.

    Source: ETSI TS 101 903 v1.3.2 7.2.1, 7.2.2; ETSI EN 319 132-1 5.2.2 (SigningCertificateV2).
    """
    times = [each for each in properties.iter() if xml.local_name(each.tag) == "SigningTime"]
    named = [each for each in properties.iter() if xml.local_name(each.tag) in _SIGNING_CERTIFICATE]
    if len(times) != 1 or len(named) != 1:
        raise _single("SignedProperties", "one SigningTime and one SigningCertificate", "another number")
    digests = [each for each in named[0].iter() if xml.local_name(each.tag) == "CertDigest"]
    try:
        # v1.1.1 has these two elements in its own namespace, later versions in that of XML Signature.
        method, value = digests[0][0], digests[0][1]
        algorithm = digest_algorithm(method.get("Algorithm", ""), allow_sha1=allow_sha1)
        same = hashlib.new(algorithm, certificate.public_bytes(serialization.Encoding.DER)).digest() == base64_bytes(
            value
        )
    except IndexError:
        raise _single("SigningCertificate", "a CertDigest", "none") from None
    except SignatureError as error:
        raise _single("SigningCertificate", error.expected, error.got) from None
    if not same:
        raise _single("SigningCertificate", "the certificate of the signature's key", "another")
    try:
        signed_at = datetime.fromisoformat((times[0].text or "").strip())
    except ValueError:
        raise _single("SigningTime", "xs:dateTime", "something else") from None
    if signed_at.tzinfo is None:
        raise _single("SigningTime", "xs:dateTime with a zone", "one without")
    return signed_at


def _check_purpose(parts: Iterable[etree._Element]) -> None:
    """Where the purpose of the signature is signed, it is that of the DMP. Source: DSG, purposeOfSignature."""
    for part in parts:
        for signature_property in part.iter(SIGNATURE_PROPERTY):
            is_purpose = signature_property.get("Id") == PURPOSE_OF_SIGNATURE
            if is_purpose and "".join(map(str, signature_property.itertext())).strip() != SOURCE:
                raise _single(PURPOSE_OF_SIGNATURE, f"{SOURCE} (Source)", "another")


def _check_manifest(
    manifest: etree._Element, submission_set_unique_id: str, documents: Mapping[str, Digester], allow_sha1: bool
) -> None:
    """The submission set first, then every document once, with its digest, and nothing else."""
    findings: list[Disagreement] = []
    references = manifest.findall(REFERENCE)
    uris = [reference.get("URI", "") for reference in references]
    expected = f"urn:oid:{submission_set_unique_id}"
    if not references or uris[0] != expected or _digest_text(references[0]) != SUBMISSION_SET_DIGEST:
        findings.append(Disagreement("manifest", f"{expected} with digest {SUBMISSION_SET_DIGEST} first", "another"))
    covered = {f"urn:oid:{unique_id}": (unique_id, digester) for unique_id, digester in documents.items()}
    for uri in covered:
        if uris[1:].count(uri) != 1:
            findings.append(Disagreement(f"manifest {uri}", "one Reference", str(uris[1:].count(uri))))
    for reference in references[1:]:
        uri = reference.get("URI", "")
        if uri not in covered:
            findings.append(Disagreement("manifest", "references to documents of this submission only", "another"))
        else:
            findings += _reference_findings(reference, uri, covered[uri][1], allow_sha1)
    if findings:
        raise SignatureDocumentError(findings)


def _reference_findings(
    reference: etree._Element, uri: str, digester: Digester, allow_sha1: bool
) -> list[Disagreement]:
    if [child.tag for child in reference] != [DIGEST_METHOD, DIGEST_VALUE]:
        return [
            Disagreement(f"manifest {uri}", "DigestMethod and DigestValue of the document's bytes", "something else")
        ]
    try:
        algorithm = digest_algorithm(_algorithm(reference, DIGEST_METHOD), allow_sha1=allow_sha1)
        claimed = _digest_value(reference)
    except SignatureError as error:
        return [Disagreement(f"manifest {uri}", error.expected, error.got)]
    if digester(algorithm) != claimed:
        return [Disagreement(f"manifest {uri}", "the digest of the submitted document", "another")]
    return []


def _one(parts: Iterable[etree._Element], *tags: str) -> etree._Element:
    found = [part for part in parts if part.tag in tags]
    if len(found) != 1:
        raise _single("signature", f"one signed {xml.local_name(tags[0])}", str(len(found)))
    return found[0]


def _c14n(method: etree._Element | None) -> str:
    algorithm = "" if method is None else method.get("Algorithm", "")
    if algorithm not in (EXCLUSIVE_C14N, INCLUSIVE_C14N) or method is None or len(method):
        raise UnsupportedAlgorithmError("inclusive or exclusive canonicalization, without comments", "another")
    return algorithm


def _algorithm(parent: etree._Element, tag: str) -> str:
    method = parent.find(tag)
    return "" if method is None else method.get("Algorithm", "")


def _digest_value(reference: etree._Element) -> bytes:
    value = reference.find(DIGEST_VALUE)
    if value is None:
        raise SignatureError("a DigestValue in the Reference", "none")
    return base64_bytes(value)


def _digest_text(reference: etree._Element) -> str:
    return "".join((reference.findtext(DIGEST_VALUE) or "").split())


def _ids(element: etree._Element) -> set[str]:
    return {str(value) for name, value in element.attrib.items() if xml.local_name(name).lower() == "id"}


def _single(what: str, expected: str, got: str) -> SignatureDocumentError:
    return SignatureDocumentError([Disagreement(what, expected, got)])
