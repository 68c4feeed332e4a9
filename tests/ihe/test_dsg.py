"""The signature document of a submission: what it must cover, and who may sign it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from lxml import etree
from signxml.verifier import SignatureConfiguration, XMLVerifier
from vihf_messages import NOW, Actors

from conformance.pki import Credential, Pki
from conformance.signing import DS, build_signature_document
from ihe.certificates import Kind, TrustStore
from ihe.dsg import Digester, SignatureDocumentError, Signer, verify_signature_document

SET = "1.2.250.1.999.1.1"
DOCUMENTS = {"1.2.250.1.999.2.1": b"<ClinicalDocument/>", "1.2.250.1.999.2.2": b"%PDF-1.7"}

Verify = Callable[..., Signer]


def digester(content: bytes) -> Digester:
    return lambda algorithm: hashlib.new(algorithm, content).digest()


@pytest.fixture
def verify(trust: TrustStore) -> Verify:
    """verify(data), against the submission set and documents above unless told otherwise."""

    def call(data: bytes, **changes: object) -> Signer:
        documents = {unique_id: digester(content) for unique_id, content in DOCUMENTS.items()}
        arguments = {"documents": documents, "submission_set_unique_id": SET, "trust": trust, "now": NOW, **changes}
        return verify_signature_document(data, **arguments)  # type: ignore[arg-type]

    return call


def build(credential: Credential, **changes: object) -> bytes:
    arguments = {
        "certificate": credential.sign_pem,
        "key": credential.sign_key,
        "submission_set_unique_id": SET,
        "documents": DOCUMENTS,
        "signed_at": NOW - timedelta(minutes=1),
        **changes,
    }
    return build_signature_document(**arguments)  # type: ignore[arg-type]


def refused(reason: str) -> pytest.RaisesExc[SignatureDocumentError]:
    return pytest.raises(SignatureDocumentError, match=reason)


# --- what holds


def test_signed_by_a_person_or_a_structure(verify: Verify, actors: Actors) -> None:
    signer = verify(build(actors.medecin))
    assert (signer.identity.id_nat, signer.signed_at) == ("899900063480", NOW - timedelta(minutes=1))
    seal = verify(build(actors.hospital)).identity
    assert (seal.kind, seal.structure_id) == (Kind.STRUCTURE, "10B0011797")


def test_signxml_agrees(actors: Actors) -> None:
    """The reference verifies the same three parts (its schema does not know text in SignatureProperty)."""
    results = XMLVerifier().verify(
        build(actors.medecin),
        x509_cert=x509.load_pem_x509_certificates(actors.medecin.sign_pem)[0],
        expect_config=SignatureConfiguration(location="./", expect_references=3, verification_time=NOW),
        validate_schema=False,
    )
    assert isinstance(results, list)
    names = [etree.QName(result.signed_xml).localname for result in results if result.signed_xml is not None]
    assert names == ["Manifest", "SignedProperties", "SignatureProperties"]


def official_form(
    actors: Actors, *, digest: str = "sha256", xades: str = "v1.1.1", altered: tuple[str, str] = ("", "")
) -> bytes:
    """The form of the DMP's examples: default namespace, inclusive C14N, no transform on the references.

    The signed parts are written twice by hand: as they stand in the document, and in canonical form, where the
    namespace that a part inherits is declared on it (Canonical XML 1.0 §2.3).
    """
    short = digest == "sha1"
    uri = f"{DS}sha1" if short else "http://www.w3.org/2001/04/xmlenc#sha256"
    method = f"{DS}rsa-sha1" if short else "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
    certificate = x509.load_pem_x509_certificates(actors.hospital.sign_pem)[0].public_bytes(Encoding.DER)
    key = load_pem_private_key(actors.hospital.sign_key, None)
    assert isinstance(key, rsa.RSAPrivateKey)

    def b64(data: bytes) -> str:
        return base64.b64encode(data).decode()

    def digested(data: str | bytes) -> str:
        return b64(hashlib.new(digest, data.encode() if isinstance(data, str) else data).digest())

    def reference(uri_: str, value: str, kind: str = "") -> str:
        attribute = f' Type="{kind}"' if kind else ""
        return (
            f'<Reference{attribute} URI="{uri_}"><DigestMethod Algorithm="{uri}"></DigestMethod>'
            f"<DigestValue>{value}</DigestValue></Reference>"
        )

    def declared(part: str) -> str:
        """The part with the inherited default namespace on its first tag."""
        return re.sub(r"^<([\w:]+)", rf'<\1 xmlns="{DS}"', part)

    contents = "".join(reference(f"urn:oid:{each}", digested(content)) for each, content in DOCUMENTS.items())
    manifest = f'<Manifest Id="IHEManifest">{reference(f"urn:oid:{SET}", "AA==")}{contents}</Manifest>'
    space = f"http://uri.etsi.org/01903/{xades}#"
    inner = "xad" if xades == "v1.1.1" else ""
    prefix = f"{inner}:" if inner else ""
    properties = (
        '<xad:SignedProperties Id="SP"><xad:SignedSignatureProperties>'
        "<xad:SigningTime>2026-11-22T11:00:00Z</xad:SigningTime><xad:SigningCertificate><xad:Cert><xad:CertDigest>"
        f'<{prefix}DigestMethod Algorithm="{uri}"></{prefix}DigestMethod>'
        f"<{prefix}DigestValue>{digested(certificate)}</{prefix}DigestValue></xad:CertDigest></xad:Cert>"
        "</xad:SigningCertificate><xad:SignaturePolicyIdentifier><xad:SignaturePolicyImplied>"
        "</xad:SignaturePolicyImplied></xad:SignaturePolicyIdentifier></xad:SignedSignatureProperties>"
        "</xad:SignedProperties>"
    )
    canonical_properties = properties.replace(
        "<xad:SignedProperties", f'<xad:SignedProperties xmlns="{DS}" xmlns:xad="{space}"', 1
    )
    signed_info = (
        '<SignedInfo><CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315">'
        f'</CanonicalizationMethod><SignatureMethod Algorithm="{method}"></SignatureMethod>'
        + reference("#IHEManifest", digested(declared(manifest)), f"{DS}Manifest")
        + reference("#SP", digested(canonical_properties), f"{space}SignedProperties")
        + "</SignedInfo>"
    )
    hash_ = hashes.SHA1() if short else hashes.SHA256()
    value = b64(key.sign(declared(signed_info).encode(), padding.PKCS1v15(), hash_))
    document = (
        f'<Signature xmlns="{DS}" Id="S">{signed_info}<SignatureValue>{value}</SignatureValue>'
        f"<KeyInfo><X509Data><X509Certificate>{b64(certificate)}</X509Certificate></X509Data></KeyInfo>"
        f'<Object>{manifest}</Object><Object><xad:QualifyingProperties xmlns:xad="{space}" Target="#S">{properties}'
        "</xad:QualifyingProperties></Object></Signature>"
    )
    assert altered[0] in document
    return document.replace(*altered).encode() if altered[0] else document.encode()


@pytest.mark.parametrize("xades", ["v1.1.1", "v1.3.2"])
def test_the_official_form(verify: Verify, actors: Actors, xades: str) -> None:
    assert verify(official_form(actors, xades=xades)).identity.structure_id == "10B0011797"


def test_the_official_form_altered(verify: Verify, actors: Actors) -> None:
    with refused("signature: expected the signed Manifest, got one that was altered"):
        verify(official_form(actors, altered=("urn:oid:1.2.250.1.999.2.2", "urn:oid:1.2.250.1.999.2.3")))
    with refused("signature: expected the signed SignedProperties"):
        verify(official_form(actors, altered=("11:00:00Z", "10:00:00Z")))
    with refused("signature: expected a signature made with"):
        verify(official_form(actors, altered=('URI="#SP"', 'URI="#IHEManifest"')))


def test_sha1_only_when_allowed(verify: Verify, actors: Actors) -> None:
    old = official_form(actors, digest="sha1")
    with refused(r"signature: expected RSA, RSA-PSS or ECDSA with SHA-256.*, got rsa-sha1"):
        verify(old)
    assert verify(old, allow_sha1=True).identity.structure_id == "10B0011797"


# --- what it covers


def test_documents_and_manifest_must_agree(verify: Verify, actors: Actors) -> None:
    first, second = DOCUMENTS
    with refused(f"manifest urn:oid:{second}: expected one Reference, got 0"):
        verify(build(actors.medecin, documents={first: DOCUMENTS[first]}))
    with refused("manifest: expected references to documents of this submission only"):
        verify(build(actors.medecin, documents={**DOCUMENTS, "1.2.3": b""}))
    with refused(f"manifest urn:oid:{first}: expected the digest of the submitted document, got another"):
        verify(build(actors.medecin, documents={**DOCUMENTS, first: b"<ClinicalDocument />"}))
    with refused(f"manifest: expected urn:oid:{SET} with digest AA== first"):
        verify(build(actors.medecin, submission_set_unique_id="1.2.3"))


def test_every_disagreement_is_told(verify: Verify, actors: Actors) -> None:
    with refused("manifest") as caught:
        verify(build(actors.medecin, documents={"1.2.3": b"", "1.2.4": b""}, submission_set_unique_id="1.2.5"))
    assert len(caught.value.findings) == 5
    assert caught.value.diagnostics().count("expected") == 5


def on_manifest(change: Callable[[etree._Element], object]) -> Callable[[etree._Element], None]:
    def alter(parts: etree._Element) -> None:
        change(parts[0])

    return alter


def test_wrong_manifests(verify: Verify, actors: Actors) -> None:
    def double(manifest: etree._Element) -> None:
        manifest.append(etree.fromstring(etree.tostring(manifest[1])))

    def transform(manifest: etree._Element) -> None:
        manifest[1].insert(0, etree.Element(f"{{{DS}}}Transforms"))

    def weaken(manifest: etree._Element) -> None:
        manifest[1][0].set("Algorithm", f"{DS}sha1")

    def swap(manifest: etree._Element) -> None:
        manifest.append(manifest[0])

    def digest_of_nothing(manifest: etree._Element) -> None:
        manifest[0][1].text = "AQ=="

    for change, reason in (
        (double, "expected one Reference, got 2"),
        (transform, "expected DigestMethod and DigestValue of the document's bytes"),
        (weaken, "expected a digest with SHA-256.*, got sha1"),
        (swap, "with digest AA== first"),
        (digest_of_nothing, "with digest AA== first"),
    ):
        with refused(reason):
            verify(build(actors.medecin, before_signing=on_manifest(change)))


# --- who signed it


def test_who_may_sign(verify: Verify, actors: Actors, stranger: Pki) -> None:
    with refused("signing certificate: expected a signature certificate or a seal"):
        verify(build(actors.medecin, certificate=actors.medecin.auth_pem, key=actors.medecin.auth_key))
    with refused("signing certificate: .*configured CA"):
        verify(build(stranger.structure("hospital", "10B0011797", "CHU de test")))
    with refused("signing certificate: .*revoked"):
        verify(build(actors.revoked))
    with refused("signing certificate: .*expired"):
        verify(build(actors.expired))


def test_signing_certificate_binds_the_key(verify: Verify, actors: Actors) -> None:
    """All cards here share one signature key: only SigningCertificate tells which certificate was meant."""
    swapped = build(actors.medecin)
    mine, other = (
        b"".join(
            base64.encodebytes(x509.load_pem_x509_certificates(each.sign_pem)[0].public_bytes(Encoding.DER)).split()
        )
        for each in (actors.medecin, actors.other_medecin)
    )
    joined = re.sub(rb"(<ds:X509Certificate>)([^<]*)", lambda found: found[1] + b"".join(found[2].split()), swapped)
    assert mine in joined
    with refused("SigningCertificate: expected the certificate of the signature's key, got another"):
        verify(joined.replace(mine, other))
    with refused("SigningCertificate: expected the certificate"):
        verify(build(actors.medecin, certificate_digest=b"\0" * 32))


def test_signing_time_and_purpose(verify: Verify, actors: Actors) -> None:
    assert verify(build(actors.medecin, signed_at=NOW + timedelta(minutes=5))).signed_at > NOW
    with refused("SigningTime: expected an instant before now, got one in the future"):
        verify(build(actors.medecin, signed_at=NOW + timedelta(minutes=6)))
    with refused("purposeOfSignature: expected 1.2.840.10065.1.12.1.14"):
        verify(build(actors.medecin, purpose="1.2.840.10065.1.12.1.1"))


def test_signed_properties_are_required(verify: Verify, actors: Actors) -> None:
    def without(name: str) -> Callable[[etree._Element], None]:
        def alter(parts: etree._Element) -> None:
            for element in list(parts.iter(f"{{*}}{name}")):
                parent = element.getparent()
                assert parent is not None
                parent.remove(element)

        return alter

    for name in ("SigningTime", "SigningCertificate"):
        with refused("SignedProperties: expected one SigningTime and one SigningCertificate"):
            verify(build(actors.medecin, before_signing=without(name)))
    with refused("SigningCertificate: expected a CertDigest, got none"):
        verify(build(actors.medecin, before_signing=without("CertDigest")))
    with refused("expected one signed SignedProperties, got 0"):
        verify(build(actors.medecin, before_signing=without("SignedProperties")))


# --- forged shapes


@pytest.mark.parametrize(
    ("pattern", "replacement", "reason"),
    [
        (rb"^.*$", b"", "signature document: expected well-formed XML"),
        (rb"^.*$", b"<a/>", "expected ds:Signature with"),
        (rb"<\?xml[^>]*>", b'<!DOCTYPE a [<!ENTITY b "c">]>', "without a document type declaration"),
        (rb"<ds:KeyInfo>.*</ds:KeyInfo>", b"", "expected ds:Signature with"),
        (rb"<ds:SignatureValue>....", b"<ds:SignatureValue>AAAA", "that does not verify"),
        (rb"xmldsig-more#rsa-sha256", b"xmldsig-more#hmac-sha256", "got hmac-sha256"),
        (rb'CanonicalizationMethod Algorithm="[^"]*', b'CanonicalizationMethod Algorithm="urn:x', "canonicalization"),
        (rb">AA==<", b">AB==<", "expected the signed Manifest, got one that was altered"),
        (rb'<ds:Object><ds:Manifest Id="IHE', b'<ds:Object><a Id="IHEManifest"/><ds:Manifest Id="IHE', "one element"),
        (rb'Id="IHEManifest"', b'Id="Other"', "one element in KeyInfo or an Object"),
        (rb"<ds:X509Data>", b"<ds:KeyName>a</ds:KeyName><ds:X509Data>", "in KeyInfo, got something else"),
    ],
)
def test_forged(verify: Verify, actors: Actors, pattern: bytes, replacement: bytes, reason: str) -> None:
    forged, count = re.subn(pattern, lambda _: replacement, build(actors.medecin), count=1, flags=re.DOTALL)
    assert count == 1
    with refused(reason):
        verify(forged)


def test_a_second_manifest_beside_the_signed_one(verify: Verify, actors: Actors) -> None:
    """Wrapping: what is not covered is not read."""
    genuine = build(actors.medecin, documents={})
    evil = re.search(rb"<ds:Manifest .*</ds:Manifest>", build(actors.medecin), re.DOTALL)
    assert evil is not None
    forged = genuine.replace(
        b"</ds:Signature>", b"<ds:Object>" + evil[0].replace(b"IHEManifest", b"E") + b"</ds:Object></ds:Signature>"
    )
    with refused("expected one Reference, got 0"):
        verify(forged)


def test_signatures_of_no_manifest(verify: Verify, actors: Actors) -> None:
    def rename(parts: etree._Element) -> None:
        parts[0].tag = f"{{{DS}}}SignatureProperties"

    with refused("expected one signed Manifest, got 0"):
        verify(build(actors.medecin, before_signing=rename))
