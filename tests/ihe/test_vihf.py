"""VIHF: what is believed, in every mode and version, and what is not. See test_vihf_attacks for forged signatures."""

from __future__ import annotations

import pytest
from lxml import etree
from vihf_messages import NOW, PROFILE, Actors, Authenticate, direct, envelope, indirect, medecin, message, refused, tls

from conformance.pki import Pki, ec_key
from conformance.signing import (
    PROFESSION,
    ROLE_NON_PS,
    SECTION_PHARMACIEN,
    SPECIALITE_MEDECIN,
    build_vihf,
    coded,
    security_header,
)
from identities.requester import Authentication, ModeAcces, PatientId, Requester
from ihe.certificates import TrustStore
from ihe.errors import AuthenticationError
from ihe.replay import MemoryReplayGuard
from ihe.signature import verify_enveloped
from ihe.vihf import VihfAuthenticator, verify_with_signxml
from schemas import xml

# --- what is believed


@pytest.mark.parametrize("version", ["3.0", "4.0"])
def test_directe(authenticate: Authenticate, actors: Actors, version: str) -> None:
    assertion = medecin(actors, version=version, assertion_id="_42")
    assert authenticate(assertion, actors.medecin) == Requester(
        id_nat="899900063480",
        name="TRAL ADEMIS",
        profession="10",
        profession_system=PROFESSION,
        specialty="SM26",
        structure_id="10B0011797",
        sector="SA07",
        authentication=Authentication.DIRECTE,
        patient=PatientId("187056205098844", "1.2.250.1.213.1.4.10"),
        assertion_id="_42",
        lps="LPS de test 1.0",
        certificate_subject="2.5.4.4=TRAL+2.5.4.42=ADEMIS+CN=899900063480,OU=Médecin,O=TEST,C=FR",
    )


@pytest.mark.parametrize("version", ["3.0", "4.0"])
@pytest.mark.parametrize("mode", ["INDIRECTE", "INDIRECTE_RENFORCEE"])
def test_indirecte(authenticate: Authenticate, actors: Actors, mode: str, version: str) -> None:
    requester = authenticate(indirect(actors.hospital, mode, version=version), actors.hospital)
    assert requester.authentication is Authentication(mode)
    assert (requester.id_nat, requester.name) == ("899900063480", "TRAL ADEMIS Urgences")
    assert requester.structure_id == "10B0011797"


def test_indirecte_with_an_internal_identifier_of_the_structure(authenticate: Authenticate, actors: Actors) -> None:
    roles = (("AUTOMATE", ROLE_NON_PS),)
    ours = indirect(actors.hospital, "INDIRECTE", name_id="10B0011797/00B1022322", roles=roles)
    assert authenticate(ours, actors.hospital).id_nat == "10B0011797/00B1022322"
    with refused("internal identifier of this structure"):
        authenticate(indirect(actors.hospital, "INDIRECTE", name_id="1750712184/7", roles=roles), actors.hospital)


def test_pharmacien_and_cpe(authenticate: Authenticate, actors: Actors) -> None:
    pharmacien = direct(
        actors.pharmacien, name_id="899900011111", issued=NOW, roles=(("21", PROFESSION), ("A", SECTION_PHARMACIEN))
    )
    assert authenticate(pharmacien, actors.pharmacien).specialty == "A"
    roles = (("SECRETARIAT_MEDICAL", ROLE_NON_PS),)
    arguments = {"name_id": "10B0011797/00B1022322", "issued": NOW, "subject_name": "DUPONT ANNE"}
    secretaire = authenticate(direct(actors.secretaire, roles=roles, **arguments), actors.secretaire)
    assert (secretaire.name, secretaire.profession) == ("DUPONT ANNE", "SECRETARIAT_MEDICAL")
    with refused("profession on the card"):  # a CPE is nobody's licence to practise
        authenticate(direct(actors.secretaire, **arguments), actors.secretaire)


def test_access_modes(authenticate: Authenticate, actors: Actors) -> None:
    assert authenticate(medecin(actors, purpose="centre_15"), actors.medecin).mode_acces is ModeAcces.CENTRE_15
    broken = authenticate(medecin(actors, purpose="bris_de_glace", reason="Patient inconscient"), actors.medecin)
    assert (broken.mode_acces, broken.motif) == (ModeAcces.BRIS_DE_GLACE, "Patient inconscient")
    with refused("Mode_Acces_Raison: expected the reason"):
        authenticate(medecin(actors, purpose="bris_de_glace"), actors.medecin)
    with refused("purposeofuse"):
        authenticate(medecin(actors, purpose="curiosite"), actors.medecin)


def test_secret_connection_and_no_patient(authenticate: Authenticate, actors: Actors) -> None:
    requester = authenticate(medecin(actors, secret_connection=True, patient=""), actors.medecin)
    assert requester.secret_connection
    assert requester.patient is None


@pytest.mark.parametrize("algorithm", ["rsa-sha384", "rsa-sha512", "sha256-rsa-MGF1", "sha512-rsa-MGF1"])
def test_algorithms(authenticate: Authenticate, actors: Actors, algorithm: str) -> None:
    assertion = medecin(actors, signature_algorithm=algorithm, digest_algorithm="sha512", whole_chain=True)
    assert authenticate(assertion, actors.medecin).id_nat == "899900063480"


@pytest.mark.parametrize(
    "issuer",
    [
        "C=FR,O=TEST,OU=Médecin,CN=899900063480+SN=TRAL+GN=ADEMIS",
        "CN=899900063480 + SN=TRAL + G=ADEMIS, OU=Médecin, O=TEST, C=FR",
        "CN=899900063480+2.5.4.4=#14045452414c+2.5.4.42=#13064144454D4953,OU=M\\C3\\A9decin,O=TEST,C=FR",
        'OID.2.5.4.42=ADEMIS+SURNAME=tral+CN=899900063480;OU="Médecin";O=TEST;C=FR',
    ],
)
def test_issuer_however_it_is_printed(authenticate: Authenticate, actors: Actors, issuer: str) -> None:
    assert authenticate(medecin(actors, issuer=issuer), actors.medecin).id_nat == "899900063480"


# --- who signed, and whose TLS connection it is


def test_no_tls_client_certificate(authenticate: Authenticate, actors: Actors) -> None:
    with refused("TLS: expected a client certificate, got none", "wsse:FailedAuthentication"):
        authenticate(medecin(actors), None)


def test_tls_client_is_another_person(authenticate: Authenticate, actors: Actors) -> None:
    with refused("NameID, PS_IdNat", "wsse:FailedAuthentication"):
        authenticate(medecin(actors), actors.other_medecin)


def test_name_id_is_another_person(authenticate: Authenticate, actors: Actors) -> None:
    with refused("NameID, PS_IdNat", "wsse:FailedAuthentication"):
        authenticate(medecin(actors, name_id="899900038839"), actors.medecin)


def test_signed_by_the_authentication_certificate(authenticate: Authenticate, actors: Actors) -> None:
    assertion = medecin(actors, certificate=actors.medecin.auth_pem, key=actors.medecin.auth_key)
    with refused("^Not a valid signature certificate$", "DMPInvalidCertificate"):
        authenticate(assertion, actors.medecin)


def test_tls_client_uses_a_signature_certificate(trust: TrustStore, actors: Actors) -> None:
    authenticator = VihfAuthenticator(trust, PROFILE, MemoryReplayGuard())
    with refused("Not a valid authentication certificate", "DMPInvalidCertificate"):
        authenticator.authenticate(message(medecin(actors)), tls(actors.medecin, "sign"), NOW)


def test_unknown_ca(authenticate: Authenticate, actors: Actors, stranger: Pki) -> None:
    forged = stranger.person("medecin", "899900063480", "TRAL", "ADEMIS", "10", "SM26")
    with refused("signing certificate: .*configured CA", "DMPInvalidCertificate"):
        authenticate(direct(forged, name_id="899900063480", issued=NOW, whole_chain=True), actors.medecin)
    with refused("TLS client certificate: .*configured CA", "DMPInvalidCertificate"):
        authenticate(medecin(actors), forged)


def test_expired_and_revoked_certificates(authenticate: Authenticate, actors: Actors) -> None:
    with refused("got one that has expired", "DMPInvalidCertificate"):
        authenticate(direct(actors.expired, name_id="899900022222", issued=NOW), actors.expired)
    with refused("got a revoked one", "DMPInvalidCertificate"):
        authenticate(direct(actors.revoked, name_id="899900033333", issued=NOW), actors.revoked)


def test_issuer_is_not_the_signer(authenticate: Authenticate, actors: Actors) -> None:
    with refused("Issuer: expected the subject", "wsse:FailedAuthentication"):
        authenticate(medecin(actors, issuer="CN=899900038839,OU=Médecin,O=TEST,C=FR"), actors.medecin)
    with refused("Issuer: expected"):
        authenticate(medecin(actors, issuer="someone"), actors.medecin)


@pytest.mark.parametrize("mode", ["INDIRECTE", "INDIRECTE_RENFORCEE"])
def test_indirecte_binding(authenticate: Authenticate, actors: Actors, mode: str) -> None:
    with refused("Identifiant_Structure"):
        authenticate(indirect(actors.hospital, mode, structure_id="1750712184"), actors.hospital)
    with refused("Identifiant_Structure"):
        authenticate(indirect(actors.hospital, mode), actors.other_hospital)
    with refused("a structure's signing certificate", "DMPInvalidCertificate"):
        authenticate(indirect(actors.medecin, mode), actors.hospital)
    with refused("a structure's TLS client certificate"):
        authenticate(indirect(actors.hospital, mode), actors.medecin)


def test_directe_signed_by_a_seal(authenticate: Authenticate, actors: Actors) -> None:
    with refused("a person's signing certificate"):
        authenticate(direct(actors.hospital, name_id="899900063480", issued=NOW), actors.hospital)


def test_the_card_says_another_profession(authenticate: Authenticate, actors: Actors) -> None:
    with refused("profession on the card"):
        authenticate(medecin(actors, roles=(("60", PROFESSION),)), actors.medecin)
    with refused("specialty on the card"):
        authenticate(medecin(actors, roles=(("10", PROFESSION), ("SM54", SPECIALITE_MEDECIN))), actors.medecin)
    with refused("profession on the card"):
        authenticate(medecin(actors, roles=(("10", ROLE_NON_PS), ("SM26", SPECIALITE_MEDECIN))), actors.medecin)


def test_identifiers_have_a_form(authenticate: Authenticate, actors: Actors) -> None:
    for changes in ({"name_id": "dupont"}, {"name_id": "899900063480 OR 1=1"}, {"structure_id": "CHU"}):
        with refused("expected a PS_IdNat as NameID and a Struct_IdNat", "wsse:InvalidSecurityToken"):
            authenticate(indirect(actors.hospital, "INDIRECTE", **changes), actors.hospital)


# --- what it says


@pytest.mark.parametrize(
    "name",
    [
        "Identifiant_Structure",
        "Secteur_Activite",
        "urn:oasis:names:tc:xacml:2.0:subject:role",
        "VIHF_Version",
        "Authentification_Mode",
        "Ressource_URN",
        "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse",
    ],
)
def test_required_attributes_are_named(authenticate: Authenticate, actors: Actors, name: str) -> None:
    with refused(f"attribute {name}: expected .* got none", "wsse:InvalidSecurityToken"):
        authenticate(medecin(actors, attributes={name: []}), actors.medecin)


def test_subject_id_is_required_in_indirect_modes(authenticate: Authenticate, actors: Actors) -> None:
    with refused("subject-id: expected one value, got none"):
        authenticate(indirect(actors.hospital, "INDIRECTE", subject_name=""), actors.hospital)


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"VIHF_Version": ["2.0"]}, "VIHF_Version: expected 3.0 or 4.0, got 2.0"),
        ({"Authentification_Mode": ["DELEGUEE"]}, "Authentification_Mode: expected DIRECTE or .*, got DELEGUEE"),
        ({"Ressource_URN": ["urn:autre"]}, "Ressource_URN: expected urn:dmp"),
        ({"Secteur_Activite": ["SA07"]}, "Secteur_Activite: expected code"),
        ({"Identifiant_Structure": ["10B0011797", "1750712184"]}, "Identifiant_Structure: .*several"),
        ({"urn:oasis:names:tc:xacml:2.0:resource:resource-id": ["1870562^NH"]}, "resource-id: expected a CX"),
        ({"urn:oasis:names:tc:xspa:1.0:resource:patient:hl7:confidentiality-code": ["N"]}, "confidentiality-code"),
        ({"urn:oasis:names:tc:xacml:2.0:subject:role": [coded("Role", "10", PROFESSION)]}, "for profession 10"),
        ({"urn:oasis:names:tc:xacml:2.0:subject:role": [coded("Role", "21", PROFESSION)]}, "for profession 21"),
        ({"urn:oasis:names:tc:xacml:2.0:subject:role": [coded("Role", "10", "1.2.3")]}, "role: expected a profession"),
        ({"urn:oasis:names:tc:xacml:2.0:subject:role": ["10"]}, "role: expected one Role"),
    ],
)
def test_attribute_values(
    authenticate: Authenticate, actors: Actors, attributes: dict[str, list[str]], reason: str
) -> None:
    with refused(reason, "wsse:InvalidSecurityToken"):
        authenticate(medecin(actors, attributes=attributes), actors.medecin)


def test_duplicated_attributes(authenticate: Authenticate, actors: Actors) -> None:
    def twice(assertion: etree._Element) -> None:
        statement = assertion[-1]
        statement.append(xml.parse(etree.tostring(statement[0])))

    with refused("attribute Identifiant_Structure: expected once, got twice"):
        authenticate(medecin(actors, before_signing=twice), actors.medecin)
    with refused("attribute Authentification_Mode: expected once, got twice"):
        authenticate(medecin(actors, attributes={"Authentification_mode": ["DIRECTE"]}), actors.medecin)


def test_reasons_quote_neither_patient_nor_person(authenticate: Authenticate, actors: Actors) -> None:
    for changes in ({"name_id": "899900038839"}, {"attributes": {"Secteur_Activite": ["TRAL ADEMIS 187056205098844"]}}):
        with pytest.raises(AuthenticationError) as caught:
            authenticate(medecin(actors, **changes), actors.medecin)
        assert not any(word in caught.value.reason for word in ("TRAL", "187056205098844", "899900"))


# --- where it stands


def test_place_and_number(trust: TrustStore, actors: Actors) -> None:
    authenticator = VihfAuthenticator(trust, PROFILE, MemoryReplayGuard())
    assertion = medecin(actors)
    header = security_header(assertion)
    for received in (
        envelope(),
        envelope(security_header(b"")),
        envelope(header, header),
        envelope(header, security_header(b"")),
        envelope(security_header(assertion + assertion)),
        envelope(header, body=assertion),
        envelope(security_header(b"<wrapper>" + assertion + b"</wrapper>")),
        envelope(security_header(b""), body=assertion),
    ):
        with refused("VIHF: expected", "wsse:InvalidSecurity"):
            authenticator.authenticate(xml.parse(received), tls(actors.medecin), NOW)


def test_prefixes_declared_by_the_envelope(trust: TrustStore, actors: Actors) -> None:
    other = envelope(security_header(medecin(actors)), body=b'<q xmlns="urn:hl7-org:v3"/>')
    received = other.replace(b"<soap:Envelope ", b'<soap:Envelope xmlns="urn:default" xmlns:x="urn:x" ')
    authenticator = VihfAuthenticator(trust, PROFILE, MemoryReplayGuard())
    assert authenticator.authenticate(xml.parse(received), tls(actors.medecin), NOW).id_nat == "899900063480"


def test_ecdsa(tmp_path_factory: pytest.TempPathFactory) -> None:
    curves = Pki.create(tmp_path_factory.mktemp("ec"), now=NOW, key_maker=ec_key)
    card = curves.person("medecin", "899900063480", "TRAL", "ADEMIS", "10", "SM26")
    trust = TrustStore.load(curves.folder / "ca.pem", curves.folder / "crl.pem")
    for verify in (verify_enveloped, verify_with_signxml):
        authenticator = VihfAuthenticator(trust, PROFILE, MemoryReplayGuard(), verify=verify)
        for algorithm in ("ecdsa-sha256", "ecdsa-sha384"):
            assertion = direct(card, name_id="899900063480", issued=NOW, signature_algorithm=algorithm)
            assert authenticator.authenticate(message(assertion), tls(card), NOW).id_nat == "899900063480"


def test_build_vihf_is_what_the_issue_of_the_standard_shows(actors: Actors) -> None:
    """The order of SAML 2.0 core 2.3.3: Issuer, Signature, Subject, then statements."""
    arguments = {"name_id": "899900063480", "issued": NOW}
    assertion = xml.parse(build_vihf(certificate=actors.medecin.sign_pem, key=actors.medecin.sign_key, **arguments))
    names = [xml.local_name(child.tag) for child in assertion]
    assert names == ["Issuer", "Signature", "Subject", "AuthnStatement", "AttributeStatement"]
