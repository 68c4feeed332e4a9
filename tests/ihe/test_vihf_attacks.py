"""Forged, wrapped and poisonous assertions: each refused, and by both verifiers alike.

Three questions are put to each: does the authenticator refuse it with either verifier; where the shape is the pinned
one, do both verifiers agree to the byte; and does a genuine assertion never yield another identity.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from vihf_messages import EVIL, NOW, PROFILE, WRAPPINGS, Actors, Wrapping, direct, message, tls, wrapped

from conformance.pki import Pki, reused
from conformance.signing import DS, SAML
from ihe.certificates import CertificateError, TrustStore
from ihe.errors import AuthenticationError
from ihe.replay import MemoryReplayGuard
from ihe.signature import SignatureError, read_enveloped, verify_enveloped
from ihe.vihf import VihfAuthenticator, verify_with_signxml
from schemas import xml

C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
TRANSFORM = f'<ds:Transform Algorithm="{C14N}"/>'.encode()
SOAP = b"http://www.w3.org/2003/05/soap-envelope"
DEFENCE = "VIHF|Not a valid|TLS"

Judge = Callable[[etree._Element], list[str]]


@pytest.fixture
def judge(trust: TrustStore, actors: Actors) -> Judge:
    """The verdicts of both verifiers on an envelope: an identity, or `refused` and the fault's subcode."""

    def verdict(envelope: etree._Element) -> list[str]:
        verdicts = []
        for verify in (verify_enveloped, verify_with_signxml):
            authenticator = VihfAuthenticator(trust, PROFILE, MemoryReplayGuard(), verify=verify)
            try:
                verdicts.append(authenticator.authenticate(envelope, tls(actors.medecin), NOW).id_nat)
            except AuthenticationError as error:
                verdicts.append(f"refused {error.subcode}")
        return verdicts

    return verdict


@pytest.fixture(scope="session")
def genuine(actors: Actors) -> bytes:
    """A good assertion of the médecin."""
    return direct(actors.medecin, name_id="899900063480", issued=NOW, assertion_id="_genuine")


def refused(verdicts: list[str], subcode: str = "") -> bool:
    """Both refused, alike, and as expected."""
    return len(set(verdicts)) == 1 and verdicts[0].startswith("refused") and verdicts[0].endswith(subcode)


def test_the_genuine_one_is_accepted(judge: Judge, genuine: bytes) -> None:
    assert judge(message(genuine)) == ["899900063480"] * 2


@pytest.mark.parametrize("evil_id", ["", "_evil"], ids=["same-id", "other-id"])
@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_signature_wrapping(judge: Judge, genuine: bytes, wrapping: Wrapping, evil_id: str) -> None:
    envelope = wrapped(genuine, wrapping, evil_id)
    assert EVIL.encode() in etree.tostring(envelope)
    assert refused(judge(envelope), "wsse:InvalidSecurity")


def _edit(assertion: bytes, pattern: bytes, replacement: bytes) -> bytes:
    edited, count = re.subn(pattern, lambda _: replacement, assertion, count=1, flags=re.DOTALL)
    assert count == 1
    return edited


@pytest.mark.parametrize(
    ("pattern", "replacement", "subcode"),
    [
        (rb"<ds:Signature .*</ds:Signature>", b"", "wsse:FailedCheck"),
        (rb"899900063480</saml2:NameID>", b"899900038839</saml2:NameID>", "wsse:FailedCheck"),
        (rb"DIRECTE", b"INDIRECTE", "wsse:FailedCheck"),
        (rb"<saml2:Subject>", b"<saml2:Subject> ", "wsse:FailedCheck"),
        (rb"<ds:SignatureValue>....", b"<ds:SignatureValue>AAAA", "wsse:FailedCheck"),
        (rb"<ds:SignatureValue>.*</ds:SignatureValue>", b"<ds:SignatureValue/>", "wsse:FailedCheck"),
        (rb"<ds:DigestValue>....", b"<ds:DigestValue>AAAA", "wsse:FailedCheck"),
        (rb"xmldsig-more#rsa-sha256", b"xmldsig-more#rsa-sha512", "wsse:FailedCheck"),
        (rb"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", b"%srsa-sha1" % DS.encode(), "UnsupportedAlgorithm"),
        (rb"http://www.w3.org/2001/04/xmlenc#sha256", b"%ssha1" % DS.encode(), "wsse:UnsupportedAlgorithm"),
        (rb"xmldsig-more#rsa-sha256", b"xmldsig-more#hmac-sha256", "wsse:UnsupportedAlgorithm"),
        (rb"xmldsig-more#rsa-sha256", b"xmldsig-more#ecdsa-sha256", "wsse:UnsupportedAlgorithm"),
        (rb'<ds:Reference URI="#_genuine">', b'<ds:Reference URI="">', "wsse:FailedCheck"),
        (rb'<ds:Reference URI="#_genuine">', b"<ds:Reference>", "wsse:FailedCheck"),
        (rb'URI="#_genuine">', b'URI="http://127.0.0.1:9/x">', "wsse:FailedCheck"),
        (rb'URI="#_genuine">', b'URI="file:///etc/passwd">', "wsse:FailedCheck"),
        (rb'URI="#_genuine">', b"URI=\"#xpointer(id('_genuine'))\">", "wsse:FailedCheck"),
        (rb'URI="#_genuine">', b'URI="#_genuine" Type="http://www.w3.org/2000/09/xmldsig#Manifest">', "FailedCheck"),
        (TRANSFORM, TRANSFORM * 2, "wsse:FailedCheck"),
        (TRANSFORM, TRANSFORM[:-3] + b'#WithComments"/>', "wsse:UnsupportedAlgorithm"),
        (
            TRANSFORM,
            b'<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"><xsl:stylesheet version="1.0" '
            b'xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="/"><xsl:copy-of '
            b"select=\"document('file:///etc/passwd')\"/></xsl:template></xsl:stylesheet></ds:Transform>",
            "wsse:UnsupportedAlgorithm",
        ),
        (
            TRANSFORM,
            b'<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>1</ds:XPath>'
            b"</ds:Transform>",
            "wsse:UnsupportedAlgorithm",
        ),
        (rb"<ds:X509Data>.*</ds:X509Data>", b"<ds:KeyName>a</ds:KeyName>", "wsse:FailedCheck"),
        (rb"<ds:X509Data>.*</ds:X509Data>", b'<ds:RetrievalMethod URI="http://127.0.0.1:9/"/>', "wsse:FailedCheck"),
        (rb"</ds:X509Data>", b"</ds:X509Data><ds:KeyName>a</ds:KeyName>", "wsse:FailedCheck"),
        (rb"<ds:X509Data>", b"<ds:X509Data><ds:X509SubjectName>CN=a</ds:X509SubjectName>", "wsse:FailedCheck"),
        (rb"<ds:X509Certificate>....", b"<ds:X509Certificate>AAAA", "DMPInvalidCertificate"),
        (rb"</ds:KeyInfo>", b"</ds:KeyInfo><ds:Object/>", "wsse:FailedCheck"),
        (rb"<ds:SignedInfo>", b"<ds:SignedInfo>text", "wsse:FailedCheck"),
        (rb"<ds:SignedInfo>", b"<ds:SignedInfo><!-- -->", "wsse:FailedCheck"),
        (rb"<ds:SignedInfo>", b'<ds:SignedInfo Id="a">', "wsse:FailedCheck"),
        (rb"<ds:Signature ", b'<ds:Signature Id="_genuine" ', "wsse:InvalidSecurityToken"),
        (rb"<saml2:Issuer ", b'<saml2:Issuer ID="_genuine" ', "wsse:InvalidSecurityToken"),
        (rb'ID="_genuine"', b'ID="1 2"', "wsse:InvalidSecurityToken"),
        (rb' ID="_genuine"', b"", "wsse:InvalidSecurityToken"),
        (rb"<saml2:NameID>", b"<saml2:NameID><?pi?>", "wsse:FailedCheck"),
    ],
)
def test_altered(judge: Judge, genuine: bytes, pattern: bytes, replacement: bytes, subcode: str) -> None:
    if pattern == TRANSFORM:
        pattern = re.escape(pattern)
    assert refused(judge(message(_edit(genuine, pattern, replacement))), subcode)


def test_two_signatures(judge: Judge, genuine: bytes) -> None:
    (signature,) = re.findall(rb"<ds:Signature .*</ds:Signature>", genuine, re.DOTALL)
    assert refused(judge(message(genuine.replace(signature, signature * 2))), "wsse:FailedCheck")
    moved = genuine.replace(signature, b"").replace(b"</saml2:Subject>", b"</saml2:Subject>" + signature)
    assert refused(judge(message(moved)), "wsse:FailedCheck")


def test_id_repeated_elsewhere_in_the_envelope(judge: Judge, genuine: bytes) -> None:
    for body in (b'<q Id="_genuine"/>', b'<q xmlns:wsu="urn:u" wsu:Id="_genuine"/>', b'<q xml:id="_genuine"/>'):
        envelope = xml.parse(etree.tostring(message(genuine)).replace(b"<query/>", body))
        assert refused(judge(envelope), "wsse:InvalidSecurityToken")
    envelope = xml.parse(etree.tostring(message(genuine)).replace(b"<query/>", b'<q name="_genuine"/>'))
    assert judge(envelope) == ["899900063480"] * 2


def test_floods_are_refused_before_any_cryptography(trust: TrustStore, actors: Actors, genuine: bytes) -> None:
    def never(_signed: object) -> bytes:
        raise AssertionError("reached the verifier")

    reference = re.search(rb"<ds:Reference .*</ds:Reference>", genuine, re.DOTALL)
    assert reference is not None
    floods = (
        genuine.replace(TRANSFORM, TRANSFORM * 2000),
        genuine.replace(TRANSFORM, TRANSFORM * 20),
        genuine.replace(reference[0], reference[0] * 1000),
        genuine.replace(reference[0], reference[0] * 2),
        genuine.replace(b"<saml2:Subject>", b"<saml2:Subject><!--%s-->" % (b"x" * 70_000)),
        genuine.replace(b"<ds:X509Data>", b"<ds:X509Data>" + b"<ds:X509Certificate>AAAA</ds:X509Certificate>" * 9),
    )
    authenticator = VihfAuthenticator(trust, PROFILE, MemoryReplayGuard(), verify=never)
    for flood in floods:
        with pytest.raises(AuthenticationError, match=DEFENCE):
            authenticator.authenticate(message(flood), tls(actors.medecin), NOW)


def test_a_comment_cuts_nothing_off(judge: Judge, actors: Actors, genuine: bytes) -> None:
    """CVE-2017-11427: exclusive C14N drops comments, so they may be added; what is read must be the whole text."""
    inserted = genuine.replace(b"899900063480</saml2:NameID>", b"8999000<!-- -->63480</saml2:NameID>")
    assert judge(message(inserted)) == ["899900063480"] * 2

    def longer(assertion: etree._Element) -> None:
        (name_id,) = assertion.iter(f"{{{SAML}}}NameID")
        name_id.append(etree.Comment(" "))
        name_id[0].tail = "1"

    signed_so = direct(actors.medecin, name_id="899900063480", issued=NOW, before_signing=longer)
    assert b"899900063480<!-- -->1" in signed_so
    assert refused(judge(message(signed_so)), "wsse:FailedAuthentication")


def test_a_signed_processing_instruction(judge: Judge, actors: Actors) -> None:
    def instruction(assertion: etree._Element) -> None:
        (name_id,) = assertion.iter(f"{{{SAML}}}NameID")
        name_id.append(etree.ProcessingInstruction("x", "y"))
        name_id[0].tail = "1"

    assertion = direct(actors.medecin, name_id="899900063480", issued=NOW, before_signing=instruction)
    assert refused(judge(message(assertion)), "wsse:InvalidSecurityToken")


def test_hmac_keyed_with_the_public_certificate(judge: Judge, actors: Actors, genuine: bytes) -> None:
    """The classic confusion: the verifier is told to use the public key as a shared secret."""
    forged = genuine.replace(b"xmldsig-more#rsa-sha256", b"xmldsig-more#hmac-sha256")
    signed_info = xml.parse(forged).find(f".//{{{DS}}}SignedInfo")
    canonical = etree.tostring(signed_info, method="c14n", exclusive=True)
    secret = x509.load_pem_x509_certificates(actors.medecin.sign_pem)[0].public_bytes(Encoding.PEM)
    value = base64.b64encode(hmac.new(secret, canonical, hashlib.sha256).digest())
    forged = _edit(forged, rb"<ds:SignatureValue>[^<]*", b"<ds:SignatureValue>" + value)
    assert refused(judge(message(forged)), "wsse:UnsupportedAlgorithm")


def test_a_short_key(tmp_path_factory: pytest.TempPathFactory) -> None:
    def short(purpose: str) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=1024 if purpose == "sign" else 2048)

    weak = Pki.create(tmp_path_factory.mktemp("weak"), now=NOW, key_maker=reused(short))
    card = weak.person("medecin", "899900063480", "TRAL", "ADEMIS", "10", "SM26")
    trust = TrustStore.load(weak.folder / "ca.pem", weak.folder / "crl.pem")
    for verify in (verify_enveloped, verify_with_signxml):
        authenticator = VihfAuthenticator(trust, PROFILE, MemoryReplayGuard(), verify=verify)
        with pytest.raises(AuthenticationError, match="a key of at least 2048 bits, got 1024"):
            authenticator.authenticate(message(direct(card, name_id="899900063480", issued=NOW)), tls(card), NOW)


def test_another_certificate_of_the_same_key(judge: Judge, pki: Pki, genuine: bytes) -> None:
    """Keys are shared between these cards: swapping the certificate keeps the signature good, the Issuer tells."""
    twin = pki.person("twin", "899900055555", "JUMEAU", "ADAM", "10", "SM26")
    der = base64.b64encode(x509.load_pem_x509_certificates(twin.sign_pem)[0].public_bytes(Encoding.DER))
    swapped = _edit(
        genuine,
        rb"<ds:X509Certificate>.*</ds:X509Certificate>",
        b"<ds:X509Certificate>%s</ds:X509Certificate>" % der,
    )
    assert refused(judge(message(swapped)), "wsse:FailedAuthentication")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_both_verifiers_agree_on_mutations(genuine: bytes, data: st.DataObject) -> None:
    """Some bytes changed, moved or doubled: same refusal, or the same canonical bytes as the genuine one's."""
    start = data.draw(st.integers(0, len(genuine) - 1))
    end = data.draw(st.integers(start, min(len(genuine), start + 40)))
    inserted = data.draw(
        st.sampled_from([b"", b" ", b"\n", b"\xc2\xa0", b"<!---->", b"=", b"A", b"#", b"&#13;", b"xmlns:a='b' "])
        | st.just(genuine[start:end] * 2)
        | st.binary(max_size=4)
    )
    mutated = genuine[:start] + inserted + genuine[end:]
    try:
        root = xml.parse(mutated)
        signed = read_enveloped(root, root.get("ID", ""))
    except (xml.XmlError, SignatureError, CertificateError):
        return
    verdicts = []
    for verify in (verify_enveloped, verify_with_signxml):
        try:
            verdicts.append(verify(signed))
        except SignatureError:
            verdicts.append(b"refused")
    original = verify_enveloped(read_enveloped(xml.parse(genuine), "_genuine"))
    assert verdicts[0] == verdicts[1]
    assert verdicts[0] in (b"refused", original)


def test_inclusive_prefixes(judge: Judge, actors: Actors, genuine: bytes) -> None:
    """A PrefixList covers declarations that no name uses, also those that the envelope makes."""
    prefixes = ["xs", "soap"]
    listed = b'<InclusiveNamespaces xmlns="%s" PrefixList="xs soap"/></ds:Transform>' % C14N.encode()
    assertion = genuine.replace(TRANSFORM, TRANSFORM[:-2] + b">" + listed)
    declared = assertion.replace(b"<saml2:Assertion ", b'<saml2:Assertion xmlns:xs="urn:xs" xmlns:soap="%s" ' % SOAP)
    root = xml.parse(declared)
    root.remove(root[1])
    payload = etree.tostring(root, method="c14n", exclusive=True, inclusive_ns_prefixes=prefixes)
    assert b'xmlns:xs="urn:xs"' in payload
    digest = base64.b64encode(hashlib.sha256(payload).digest())
    assertion = _edit(assertion, rb"<ds:DigestValue>[^<]*", b"<ds:DigestValue>" + digest)
    signed_info = etree.tostring(xml.parse(assertion)[1][0], method="c14n", exclusive=True)
    key = load_pem_private_key(actors.medecin.sign_key, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    value = base64.b64encode(key.sign(signed_info, padding.PKCS1v15(), hashes.SHA256()))
    assertion = _edit(assertion, rb"<ds:SignatureValue>[^<]*", b"<ds:SignatureValue>" + value)

    def envelope(namespace: bytes) -> etree._Element:
        around = b'<soap:Envelope xmlns:xs="%s" ' % namespace
        return xml.parse(etree.tostring(message(assertion)).replace(b"<soap:Envelope ", around))

    assert judge(envelope(b"urn:xs")) == ["899900063480"] * 2
    assert refused(judge(envelope(b"urn:other")), "wsse:FailedCheck")
    for bad in (b"", b" ".join([b"a"] * 11), b"a  b", b"a:b"):
        poisoned = genuine.replace(TRANSFORM, TRANSFORM[:-2] + b">" + listed.replace(b"xs soap", bad))
        assert refused(judge(message(poisoned)), "wsse:FailedCheck")
