"""A signed document: XAdES around it, so that `ds:Signature` is its root.

Whether the certificate is one to trust is for the caller to say; what is checked here is that it signed this document,
and that nothing but the document that is handed back was signed. The whole document stands in memory.

Source: CI-SIS, volet Structuration minimale de documents de santé (documents signés); ETSI EN 319 132-1 (XAdES-BES);
XML Signature 1.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signxml.algorithms import SignatureConstructionMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import VerifyResult
from signxml.xades.xades import XAdESSigner, XAdESVerifier

from cda.document import HL7_V3
from cda.errors import CdaError
from schemas import xml

_DS = "{http://www.w3.org/2000/09/xmldsig#}"
_XADES = "{http://uri.etsi.org/01903/v1.3.2#}"
_DOCUMENT = f"{{{HL7_V3}}}ClinicalDocument"
_INSTANT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Signed:
    """What was signed, and the certificate of the key that signed it, in DER. `at` is when, as the signer says."""

    document: bytes
    certificate: bytes
    at: str


def sign(document: bytes, key: bytes, certificates: bytes, at: datetime) -> bytes:
    """The document inside its signature. `key` and `certificates` are PEM, the signer's first. `at` is in UTC.

    Raises CdaError for what is no ClinicalDocument.
    """
    root = _parsed(document)
    if root.tag != _DOCUMENT:
        raise CdaError("a ClinicalDocument", "another root", "root element")
    signer = _Signer(at)
    signed = signer.sign(root, key=key, cert=x509.load_pem_x509_certificates(certificates))
    return etree.tostring(signed, encoding="UTF-8", xml_declaration=True)


def verify(content: bytes) -> Signed:
    """The document in a signature that holds. Raises CdaError for any other."""
    root = _parsed(content)
    named = root.find(f"{_DS}KeyInfo/{_DS}X509Data/{_DS}X509Certificate")
    if root.tag != f"{_DS}Signature" or named is None:
        raise CdaError("ds:Signature with a certificate", "none", "root element")
    try:
        der = x509.load_pem_x509_certificate(_pem(named.text or ""))
        results = XAdESVerifier().verify(root, x509_cert=der.public_bytes(Encoding.PEM).decode(), expect_references=3)
    except (SignXMLException, ValueError, TypeError) as error:
        raise CdaError("a signature that holds", type(error).__name__, "ds:Signature") from None
    documents = [found for each in results for found in _inside(each)]
    if len(documents) != 1 or len(list(root.iter(_DOCUMENT))) != 1:
        raise CdaError("one ClinicalDocument, signed", str(len(documents)), "ds:Signature/ds:Object")
    at = next((each.text or "" for each in root.iter(f"{_XADES}SigningTime")), "")
    whole = etree.tostring(documents[0], encoding="UTF-8", xml_declaration=True, with_tail=False)
    return Signed(whole, der.public_bytes(Encoding.DER), at)


class _Signer(XAdESSigner):
    """A signer that is told the time."""

    def __init__(self, at: datetime) -> None:
        super().__init__(method=SignatureConstructionMethod.enveloping)
        self._at = at

    def add_signing_time(self, signed_signature_properties: Any, sig_root: Any, signing_settings: Any) -> None:  # noqa: ARG002
        """SigningTime, of the time that was told. Source: ETSI EN 319 132-1 §5.2.1."""
        time = etree.SubElement(signed_signature_properties, f"{_XADES}SigningTime")
        time.text = f"{self._at:{_INSTANT}}"


def _inside(result: VerifyResult) -> list[etree._Element]:
    """The documents that a verified reference covers."""
    signed = result.signed_xml
    if signed is None or signed.tag != f"{_DS}Object":
        return []
    return signed.findall(_DOCUMENT)


def _parsed(content: bytes) -> etree._Element:
    try:
        return xml.parse(content)
    except xml.XmlError as error:
        raise CdaError(error.expected, error.got, "document") from None


def _pem(text: str) -> bytes:
    body = "".join(text.split())
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n".encode()
