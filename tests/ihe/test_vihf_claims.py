"""Claims within a genuine signature that must not be believed."""

from __future__ import annotations

import pytest

from conformance.pki import Credential
from conformance.signing import MODE_ACCES, PROFESSION, ROLE_NON_PS, SPECIALITE_MEDECIN, Code, build_vihf, coded
from ihe.errors import AuthenticationError
from tests.ihe.vihf_messages import NOW, PATIENT, Actors, Authenticate

PERSON, HOSPITAL = "899900063480", "10B0011797"
PURPOSE = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"
RESOURCE = "urn:oasis:names:tc:xacml:2.0:resource:resource-id"
GENERALIST: tuple[Code, Code] = (("10", PROFESSION), ("SM26", SPECIALITE_MEDECIN))


def claim(credential: Credential, **changes: object) -> bytes:
    arguments: dict[str, object] = {
        "certificate": credential.sign_pem,
        "key": credential.sign_key,
        "name_id": PERSON,
        "issued": NOW,
        "patient": PATIENT,
        **changes,
    }
    return build_vihf(**arguments)  # type: ignore[arg-type]


def renforcee(actors: Actors, **changes: object) -> bytes:
    """What an establishment says of its physician."""
    said: dict[str, object] = {"mode": "INDIRECTE_RENFORCEE", "structure_id": HOSPITAL, "subject_name": "TRAL ADEMIS"}
    return claim(actors.hospital, **{**said, **changes})


def test_the_genuine_claims_are_believed(actors: Actors, authenticate: Authenticate) -> None:
    assert authenticate(claim(actors.medecin), actors.medecin).id_nat == PERSON
    assert authenticate(renforcee(actors), actors.hospital).specialty == "SM26"


@pytest.mark.parametrize(
    "changes",
    [
        {"roles": GENERALIST[::-1]},
        {"roles": (*GENERALIST, ("SM25", SPECIALITE_MEDECIN))},
        {"roles": (("10", PROFESSION),)},
        {"roles": (("10", PROFESSION), ("A", "1.2.250.1.71.4.2.6"))},
        {"roles": (("10", PROFESSION), ("sm25", SPECIALITE_MEDECIN))},
        {"roles": (("10", PROFESSION), ("SM999", SPECIALITE_MEDECIN))},
        {"roles": (("10", PROFESSION), ("SM25", "1.2.3"))},
        {"roles": (("１０", PROFESSION), ("SM26", SPECIALITE_MEDECIN))},
        {"roles": (("10", "1.2.3"), ("SM26", SPECIALITE_MEDECIN))},
        {"roles": ()},
        {"sector": ""},
        {"sector": "SA07^x"},
        {"purpose": "Normal"},
        {"purpose": "bris_de_glace"},
        {"purpose": "bris_de_glace", "reason": " \u00a0 "},
        {"attributes": {PURPOSE: [coded("PurposeOfUse", "normal", "1.2.3")]}},
        {"attributes": {PURPOSE: [coded("PurposeOfUse", each, MODE_ACCES) for each in ("normal", "centre_15")]}},
        {"attributes": {RESOURCE: ["187056205098844"]}},
        {"attributes": {RESOURCE: ["187056205098844^^^1.2.250.1.213.1.4.10"]}},
        {"attributes": {RESOURCE: ["18705６205098844^^^&1.2.250.1.213.1.4.10&ISO^NH"]}},
        {"attributes": {RESOURCE: [PATIENT, PATIENT]}},
        {"attributes": {RESOURCE: [PATIENT + "~" + PATIENT]}},
        {"attributes": {"Ressource_URN": ["urn:dmp2"]}},
        {"attributes": {"VIHF_Version": ["5.0"]}},
        {"attributes": {"Authentification_mode": ["DIRECTE"]}},
        {"name_id": "８99900063480"},
        {"structure_id": "1750712184"},
        {"structure_id": HOSPITAL + "\u200b"},
    ],
    ids="-".join,
)
def test_a_claim_out_of_its_vocabulary_is_refused(
    actors: Actors, authenticate: Authenticate, changes: dict[str, object]
) -> None:
    with pytest.raises(AuthenticationError) as refused:
        authenticate(renforcee(actors, **changes), actors.hospital)
    assert "expected" in refused.value.reason
    assert "TRAL" not in refused.value.reason


def test_a_mode_is_claimed_by_who_may(actors: Actors, authenticate: Authenticate) -> None:
    for mode in ("INDIRECTE", "INDIRECTE_RENFORCEE"):
        with pytest.raises(AuthenticationError, match="a structure's"):
            authenticate(claim(actors.medecin, mode=mode, subject_name="x"), actors.medecin)
    with pytest.raises(AuthenticationError, match="a person's"):
        authenticate(claim(actors.hospital), actors.hospital)


def test_a_secretary_s_card_makes_nobody_a_physician(actors: Actors, authenticate: Authenticate) -> None:
    name = "10B0011797/00B1022322"
    with pytest.raises(AuthenticationError, match="the profession on the card"):
        authenticate(claim(actors.secretaire, name_id=name, roles=GENERALIST), actors.secretaire)
    roles = (("SECRETARIAT_MEDICAL", ROLE_NON_PS),)
    assert authenticate(claim(actors.secretaire, name_id=name, roles=roles), actors.secretaire).id_nat == name


def test_a_card_lends_its_holder_no_other_specialty(actors: Actors, authenticate: Authenticate) -> None:
    roles = (("10", PROFESSION), ("SM25", SPECIALITE_MEDECIN))
    with pytest.raises(AuthenticationError, match="a specialty on the card"):
        authenticate(claim(actors.medecin, roles=roles), actors.medecin)


def test_a_relative_namespace_name_has_no_canonical_form(actors: Actors, authenticate: Authenticate) -> None:
    spoiled = claim(actors.medecin).replace(b'xmlns="urn:hl7-org:v3"', b'xmlns="hl7-org"')
    assert b'xmlns="hl7-org"' in spoiled
    with pytest.raises(AuthenticationError, match="VIHF signature"):
        authenticate(spoiled, actors.medecin)
