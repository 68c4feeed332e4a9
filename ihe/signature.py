"""XML signatures of one pinned profile: its shape is checked first, then it is verified with few moving parts.

    ds:Signature (SignedInfo, SignatureValue, KeyInfo), the second child of the element it signs
      SignedInfo: exclusive C14N · one Reference to '#' + the element's ID · [enveloped, exclusive C14N]
      KeyInfo:    X509Data with X509Certificate only

What is outside the profile is refused before any cryptography: no transform runs, nothing is fetched. What a caller
may read is the canonical bytes that the digest covers, never the tree that was received.
Source: XML Signature 1.1; Exclusive XML Canonicalization 1.0; RFC 9231; W3C XML Signature Best Practices.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from lxml import etree

from ihe.certificate_identity import leaf_first, load_der_certificate
from schemas import xml

DS = "http://www.w3.org/2000/09/xmldsig#"
EXCLUSIVE_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
INCLUSIVE_C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
ENVELOPED = f"{DS}enveloped-signature"

SIGNATURE, SIGNED_INFO, SIGNATURE_VALUE = f"{{{DS}}}Signature", f"{{{DS}}}SignedInfo", f"{{{DS}}}SignatureValue"
REFERENCE, TRANSFORMS, TRANSFORM = f"{{{DS}}}Reference", f"{{{DS}}}Transforms", f"{{{DS}}}Transform"
DIGEST_METHOD, DIGEST_VALUE = f"{{{DS}}}DigestMethod", f"{{{DS}}}DigestValue"
KEY_INFO, X509_DATA, X509_CERTIFICATE = f"{{{DS}}}KeyInfo", f"{{{DS}}}X509Data", f"{{{DS}}}X509Certificate"
CANONICALIZATION_METHOD, SIGNATURE_METHOD = f"{{{DS}}}CanonicalizationMethod", f"{{{DS}}}SignatureMethod"
INCLUSIVE_NAMESPACES = f"{{{EXCLUSIVE_C14N}}}InclusiveNamespaces"

MAX_CERTIFICATES = 5
MAX_PREFIXES = 10
MIN_RSA_BITS = 2048
MIN_EC_BITS = 256

# Source: XML Signature 1.1 6.2.
DIGESTS = {
    "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384": "sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
}
SHA1_DIGEST = f"{DS}sha1"

NCNAME = re.compile(r"[^\W\d][\w.\-·]*")  # XML Namespaces 1.0 [4], as far as it may occur in identifiers
_PREFIX = re.compile(r"#default|[^\W\d][\w.\-·]*")
_WHITE_SPACE = " \t\r\n"  # XML 1.0 [3]; no other blank counts


class SignatureError(Exception):
    """A signature that is not verified: outside the profile, or wrong."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected {expected}, got {got}")
        self.expected, self.got = expected, got


class UnsupportedAlgorithmError(SignatureError):
    """A signature with an algorithm, or a key too short, that this house does not accept."""


@dataclass(frozen=True, slots=True)
class SignatureAlgorithm:
    """A signature method: key family (`rsa`, `rsa-pss`, `ecdsa`) and hash."""

    family: str
    hash: type[hashes.HashAlgorithm]


# Source: RFC 9231 2.3.2 to 2.3.4 (RSA), 2.3.6 (ECDSA), 2.3.10 (RSA-PSS without parameters).
ALGORITHMS = {
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256": SignatureAlgorithm("rsa", hashes.SHA256),
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384": SignatureAlgorithm("rsa", hashes.SHA384),
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512": SignatureAlgorithm("rsa", hashes.SHA512),
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256": SignatureAlgorithm("ecdsa", hashes.SHA256),
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384": SignatureAlgorithm("ecdsa", hashes.SHA384),
    "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1": SignatureAlgorithm("rsa-pss", hashes.SHA256),
    "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1": SignatureAlgorithm("rsa-pss", hashes.SHA384),
    "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1": SignatureAlgorithm("rsa-pss", hashes.SHA512),
}
SHA1_ALGORITHMS = {f"{DS}rsa-sha1": SignatureAlgorithm("rsa", hashes.SHA1)}


@dataclass(frozen=True, slots=True)
class EnvelopedSignature:
    """A signed element whose signature has the pinned shape. Nothing in it is verified yet.

    `root` is the signed element, alone in its document.
    """

    root: etree._Element
    signature: etree._Element
    signed_info: etree._Element
    algorithm: SignatureAlgorithm
    value: bytes
    digest: str  # hashlib name
    prefixes: tuple[str, ...]
    certificate: x509.Certificate
    intermediates: tuple[x509.Certificate, ...]


def read_enveloped(root: etree._Element, identifier: str) -> EnvelopedSignature:
    """The signature of `root`, whose ID is `identifier`, when it has the pinned shape.

    Raises SignatureError, UnsupportedAlgorithmError, CertificateError.
    """
    signatures = list(root.iter(SIGNATURE))
    if len(signatures) != 1 or len(root) < 2 or root[1] is not signatures[0]:
        raise SignatureError(
            "one ds:Signature, the second child of the signed element", f"{len(signatures)}, elsewhere"
        )
    signature = signatures[0]
    _check_markup(signature)
    signed_info, signature_value, key_info = _children(signature, SIGNED_INFO, SIGNATURE_VALUE, KEY_INFO)
    c14n, method, reference = _children(signed_info, CANONICALIZATION_METHOD, SIGNATURE_METHOD, REFERENCE)
    transforms, digest_method, digest_value = _children(reference, TRANSFORMS, DIGEST_METHOD, DIGEST_VALUE)
    enveloped, canonicalization = _children(transforms, TRANSFORM, TRANSFORM)
    _check_attributes(signature, optional={"Id"})
    for bare in (signed_info, signature_value, key_info, transforms, digest_value):
        _check_attributes(bare)
    _check_attributes(reference, {"URI"})
    for algorithm in (c14n, method, digest_method, enveloped, canonicalization):
        _check_attributes(algorithm, {"Algorithm"})
    for empty in (c14n, method, digest_method, enveloped):
        _children(empty)
    if not NCNAME.fullmatch(signature.get("Id", "_")):
        raise SignatureError("an NCName as Id of the Signature", "something else")
    if reference.get("URI") != f"#{identifier}":
        raise SignatureError("a Reference to the ID of the signed element", "another URI")
    if c14n.get("Algorithm") != EXCLUSIVE_C14N:
        raise UnsupportedAlgorithmError("exclusive canonicalization of SignedInfo", "another algorithm")
    if [each.get("Algorithm") for each in (enveloped, canonicalization)] != [ENVELOPED, EXCLUSIVE_C14N]:
        raise UnsupportedAlgorithmError("the transforms enveloped-signature and exclusive C14N", "others")
    base64_bytes(digest_value)
    certificate, intermediates = leaf_first(read_certificates(key_info))
    signature_method = signature_algorithm(method.get("Algorithm", ""))
    check_key(certificate, signature_method)
    return EnvelopedSignature(
        root=root,
        signature=signature,
        signed_info=signed_info,
        algorithm=signature_method,
        value=base64_bytes(signature_value),
        digest=digest_algorithm(digest_method.get("Algorithm", "")),
        prefixes=_inclusive_prefixes(canonicalization),
        certificate=certificate,
        intermediates=tuple(intermediates),
    )


def verify_enveloped(signed: EnvelopedSignature) -> bytes:
    """The canonical bytes that the signature covers. Raises SignatureError, UnsupportedAlgorithmError.

    Whether the certificate is to be believed is not asked here.
    """
    signed_info = standalone(signed.signed_info)
    canonical_info = canonical(signed_info, EXCLUSIVE_C14N)
    verify_value(signed.certificate, signed.algorithm, canonical_info, signed.value)
    expected = base64_bytes(_only(xml.parse(canonical_info), DIGEST_VALUE))
    payload = canonical(_without_signature(signed.root), EXCLUSIVE_C14N, signed.prefixes)
    if hashlib.new(signed.digest, payload).digest() != expected:
        raise SignatureError("the signed content", "content that was altered")
    return payload


def standalone(part: etree._Element) -> etree._Element:
    """A copy of `part` as a document of its own, which keeps the namespaces in scope. Raises SignatureError.

    Canonicalising in place would miss the namespaces declared above (lxml copies only those that names use).
    """
    return parse_standalone(etree.tostring(part, with_tail=False))


def parse_standalone(serialised: bytes) -> etree._Element:
    """The root of what lxml serialised in ASCII, its default. Raises SignatureError.

    A name outside ASCII does not survive that, neither here nor in signxml; no standard involved has one.
    """
    try:
        return xml.parse(serialised)
    except xml.XmlError:
        raise SignatureError("names in ASCII in what is signed", "others") from None


def canonical(root: etree._Element, algorithm: str, prefixes: Sequence[str] = ()) -> bytes:
    """The canonical form, without comments, of a whole document. `algorithm` is exclusive or inclusive C14N 1.0.

    Raises SignatureError for a relative namespace name, which has none. Source: Canonical XML 1.0 §1.3.
    """
    exclusive = algorithm == EXCLUSIVE_C14N
    inclusive_prefixes = list(prefixes) if exclusive and prefixes else None
    try:
        return etree.tostring(
            root, method="c14n", exclusive=exclusive, with_comments=False, inclusive_ns_prefixes=inclusive_prefixes
        )
    except etree.C14NError:
        raise SignatureError("absolute namespace names in what is signed", "a relative one") from None


def verify_value(certificate: x509.Certificate, algorithm: SignatureAlgorithm, data: bytes, value: bytes) -> None:
    """Verifies the signature `value` of `data`; `check_key` comes first. Raises SignatureError."""
    key, digest = certificate.public_key(), algorithm.hash()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            pss = padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)
            key.verify(value, data, pss if algorithm.family == "rsa-pss" else padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(_ecdsa_der(value, key.key_size), data, ec.ECDSA(digest))
    except InvalidSignature:
        raise SignatureError("a signature made with the certificate's key", "one that does not verify") from None


def check_key(certificate: x509.Certificate, algorithm: SignatureAlgorithm) -> None:
    """Raises UnsupportedAlgorithmError when the certificate's key is not for this algorithm, or too short."""
    try:
        key = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):
        raise UnsupportedAlgorithmError(f"a key for {algorithm.family}", "one that cannot be read") from None
    if isinstance(key, rsa.RSAPublicKey) and algorithm.family.startswith("rsa"):
        minimum = MIN_RSA_BITS
    elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm.family == "ecdsa":
        minimum = MIN_EC_BITS
    else:
        raise UnsupportedAlgorithmError(f"a key for {algorithm.family}", "another kind of key")
    if key.key_size < minimum:
        raise UnsupportedAlgorithmError(f"a key of at least {minimum} bits", str(key.key_size))


def read_certificates(key_info: etree._Element) -> list[x509.Certificate]:
    """The certificates of a KeyInfo that holds nothing but X509Certificate. Raises SignatureError, CertificateError."""
    if len(key_info) != 1 or key_info[0].tag != X509_DATA or not 0 < len(key_info[0]) <= MAX_CERTIFICATES:
        raise SignatureError(f"one X509Data with 1 to {MAX_CERTIFICATES} X509Certificate in KeyInfo", "something else")
    certificates = list(key_info[0])
    for element in (key_info[0], *certificates):
        _check_attributes(element)
    if any(element.tag != X509_CERTIFICATE for element in certificates):
        raise SignatureError("only X509Certificate in X509Data", "something else")
    return [load_der_certificate(base64_bytes(element)) for element in certificates]


def signature_algorithm(uri: str, *, allow_sha1: bool = False) -> SignatureAlgorithm:
    """The signature method of that name. Raises UnsupportedAlgorithmError."""
    known = ALGORITHMS | SHA1_ALGORITHMS if allow_sha1 else ALGORITHMS
    if uri not in known:
        raise UnsupportedAlgorithmError("RSA, RSA-PSS or ECDSA with SHA-256, SHA-384 or SHA-512", _fragment(uri))
    return known[uri]


def digest_algorithm(uri: str, *, allow_sha1: bool = False) -> str:
    """The hashlib name of a digest method. Raises UnsupportedAlgorithmError."""
    if uri == SHA1_DIGEST and allow_sha1:
        return "sha1"
    if uri not in DIGESTS:
        raise UnsupportedAlgorithmError("a digest with SHA-256, SHA-384 or SHA-512", _fragment(uri))
    return DIGESTS[uri]


def base64_bytes(element: etree._Element) -> bytes:
    """The bytes that an element holds in base64, in canonical form but for white space. Raises SignatureError."""
    stripped = (element.text or "").translate({ord(blank): None for blank in _WHITE_SPACE})
    try:
        decoded = base64.b64decode(stripped.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        decoded = b""
    if len(element) or not decoded or base64.b64encode(decoded).decode() != stripped:
        raise SignatureError(f"base64 in {xml.local_name(element.tag)}", "something else")
    return decoded


def _check_markup(signature: etree._Element) -> None:
    """Elements only, and text only where a value stands: nothing to hide in."""
    for element in signature.iter():
        if not isinstance(element.tag, str):
            raise SignatureError("no comment or instruction in the Signature", "one")
        text = element.text or "" if len(element) else ""
        tail = element.tail or "" if element is not signature else ""
        if (text + tail).strip(_WHITE_SPACE):
            raise SignatureError("no text between the elements of the Signature", "some")


def _children(parent: etree._Element, *tags: str) -> list[etree._Element]:
    """The children of `parent`, which are these and no others."""
    children = list(parent)
    if tuple(child.tag for child in children) != tags:
        expected = ", ".join(xml.local_name(tag) for tag in tags) or "nothing"
        raise SignatureError(f"{expected} in {xml.local_name(parent.tag)}", "something else")
    if not tags and (parent.text or "").strip(_WHITE_SPACE):
        raise SignatureError(f"nothing in {xml.local_name(parent.tag)}", "text")
    return children


def _check_attributes(
    element: etree._Element, required: AbstractSet[str] = frozenset(), optional: AbstractSet[str] = frozenset()
) -> None:
    names = set(map(str, element.attrib))
    if not required <= names <= required | optional:
        expected = ", ".join(sorted(required)) or "no attribute"
        raise SignatureError(f"{expected} on {xml.local_name(element.tag)}", "others")


def _inclusive_prefixes(transform: etree._Element) -> tuple[str, ...]:
    """The PrefixList of an exclusive C14N transform. Source: Exclusive XML Canonicalization 1.0 §4."""
    if not len(transform):
        _children(transform)
        return ()
    (inclusive,) = _children(transform, INCLUSIVE_NAMESPACES)
    _children(inclusive)
    _check_attributes(inclusive, {"PrefixList"})
    prefixes = (inclusive.get("PrefixList") or "").split(" ")
    if len(prefixes) > MAX_PREFIXES or not all(_PREFIX.fullmatch(prefix) for prefix in prefixes):
        raise SignatureError(f"1 to {MAX_PREFIXES} prefixes in the PrefixList", "something else")
    return tuple(prefixes)


def _without_signature(root: etree._Element) -> etree._Element:
    """A copy of `root` without its signature; the white space after the signature stays, as the transform says."""
    copied = standalone(root)
    before, removed = copied[0], copied[1]
    before.tail = (before.tail or "") + (removed.tail or "")
    removed.tail = None
    copied.remove(removed)
    return copied


def _only(root: etree._Element, tag: str) -> etree._Element:
    found = list(root.iter(tag))
    if len(found) != 1:
        raise SignatureError(f"one {xml.local_name(tag)} in SignedInfo", str(len(found)))
    return found[0]


def _ecdsa_der(value: bytes, key_bits: int) -> bytes:
    """The DER form of r and s, which XML signatures concatenate. Source: RFC 9231 2.3.6."""
    half = (key_bits + 7) // 8
    if len(value) != 2 * half:
        raise SignatureError(f"an ECDSA signature value of {2 * half} bytes", str(len(value)))
    return utils.encode_dss_signature(int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big"))


def _fragment(uri: str) -> str:
    """What may be shown of an algorithm's name."""
    fragment = uri.rpartition("#")[2][:40]
    return fragment if re.fullmatch(r"[\w.-]+", fragment) else "another"
