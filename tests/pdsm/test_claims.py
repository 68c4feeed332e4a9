"""What tokens claim, as requesters: the extensions of IUA, and the claims of Pro Santé Connect."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identities.requester import Authentication, ModeAcces, PatientId
from pdsm.bearer import Token
from pdsm.claims import auditor, dmp_requester, ihe_requester
from pdsm.errors import TokenError
from schemas import oids

STRUCTURE = "1990000034"
DOCTOR = {"code": "10", "system": f"urn:oid:{oids.PROFESSION}"}
GENERALIST = {"code": "SM26", "system": f"urn:oid:{oids.SPECIALITE_MEDECIN}"}
INS = f"277076322082910^^^&{oids.INS_NIR_TEST}&ISO^NH"
EMERGENCY = {"code": "bris_de_glace", "system": f"urn:oid:{oids.MODE_ACCES}"}
PRO_SANTE_CONNECT: dict[str, Any] = {
    "sub": "f:8d0d2a3e:899700000104",
    "SubjectNameID": "899700000104",
    "family_name": "HAMON",
    "given_name": "Éric",
    "SubjectRole": ["10^1.2.250.1.213.1.1.5.5"],
    "SubjectOrganizationID": "R10034",
    "Secteur_Activite": f"SA04^{oids.SECTEUR_ACTIVITE}",
    "Mode_Acces_Raison": "",
    "Acces_Regulation_Medicale": "FAUX",
    "SubjectRefPro": {
        "exercices": [
            {
                "codeProfession": "10",
                "codeSavoirFaire": "SM26",
                "activities": [
                    {
                        "codeSecteurDactivite": "SA04",
                        "identifiantTechniqueDeLaStructure": "R10034",
                        "numeroFinessSite": STRUCTURE[1:],
                        "ancienIdentifiantDeLaStructure": STRUCTURE,
                    },
                    {"codeSecteurDactivite": "SA07", "ancienIdentifiantDeLaStructure": "499700000104001"},
                ],
            },
            {"codeProfession": "21", "activities": "none"},
        ]
    },
}


def token(said: dict[str, Any] | None = None, subject: str = "899700000104", **extensions: Any) -> Token:
    claims = {**(said or {}), "extensions": extensions}
    expires = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)
    return Token("https://issuer.example", subject, "app-1", "jti-1", frozenset({"ITI-67"}), expires, claims)


def professional(**changes: Any) -> dict[str, Any]:
    usual = {
        "subject_name": "HAMON Éric",
        "subject_organization_id": f"urn:oid:{oids.STRUCT_ID_NAT}|{STRUCTURE}",
        "subject_role": [DOCTOR, GENERALIST],
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def test_a_professional_of_the_dmp() -> None:
    found = dmp_requester(token(ihe_iua=professional(person_id=INS)), own=False)
    assert (found.id_nat, found.name, found.structure_id) == ("899700000104", "HAMON Éric", STRUCTURE)
    assert (found.profession, found.profession_system, found.specialty) == ("10", oids.PROFESSION, "SM26")
    assert (found.authentication, found.mode_acces) == (Authentication.INDIRECTE_RENFORCEE, ModeAcces.NORMAL)
    assert (found.assertion_id, found.client_id, found.issuer) == ("jti-1", "app-1", "https://issuer.example")
    assert found.patient == PatientId("277076322082910", oids.INS_NIR_TEST)


def test_the_national_identifier_goes_before_the_subject() -> None:
    said = professional(national_provider_identifier="899700000104")
    assert dmp_requester(token(subject="8f0c", ihe_iua=said), own=False).id_nat == "899700000104"


def test_only_our_own_server_vouches_for_cards_and_seals() -> None:
    for mode in (Authentication.DIRECTE, Authentication.INDIRECTE):
        held = token(ihe_iua=professional(), dmp={"Authentification_Mode": mode.value})
        assert dmp_requester(held, own=True).authentication is mode
        with pytest.raises(TokenError, match="vouches"):
            dmp_requester(held, own=False)


@pytest.mark.parametrize("mode", ["PATIENT", "AUDITEUR", "XUA", "NOEUD_IHE", "directe"])
def test_no_token_makes_a_patient_or_an_auditor(mode: str) -> None:
    for own in (True, False):
        with pytest.raises(TokenError):
            dmp_requester(token(ihe_iua=professional(), dmp={"Authentification_Mode": mode}), own=own)


def test_bris_de_glace_has_a_reason() -> None:
    said = professional(purpose_of_use=[EMERGENCY])
    found = dmp_requester(token(ihe_iua=said, dmp={"Mode_Acces_Raison": "inconscient"}), own=False)
    assert (found.mode_acces, found.motif) == (ModeAcces.BRIS_DE_GLACE, "inconscient")
    with pytest.raises(TokenError, match="reason"):
        dmp_requester(token(ihe_iua=said), own=False)


@pytest.mark.parametrize(
    "changes",
    [
        {"subject_name": None},
        {"subject_name": 7},
        {"subject_organization_id": None},
        {"subject_organization_id": "Clinique"},
        {"subject_role": None},
        {"subject_role": []},
        {"subject_role": DOCTOR},
        {"subject_role": [DOCTOR]},
        {"subject_role": [GENERALIST, DOCTOR]},
        {"subject_role": [DOCTOR, {**GENERALIST, "code": "SM999"}]},
        {"subject_role": [{**DOCTOR, "system": "http://terminology.hl7.org/CodeSystem/practitioner-role"}]},
        {"subject_role": [{"code": "10"}]},
        {"subject_role": [DOCTOR] * 11},
        {"purpose_of_use": [{"code": "TREAT", "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason"}]},
        {"purpose_of_use": [EMERGENCY, {**EMERGENCY, "code": "normal"}]},
        {"national_provider_identifier": "not a number"},
        {"national_provider_identifier": "1990000018/interne"},
        {"national_provider_identifier": f"{STRUCTURE}/"},
        {"person_id": "urn:uuid:fb45ea81-33f3-4600-9940-95cd46852e84"},
        {"person_id": "277076322082910"},
    ],
)
def test_what_a_vihf_could_not_say_no_token_says(changes: dict[str, Any]) -> None:
    with pytest.raises(TokenError):
        dmp_requester(token(ihe_iua=professional(**changes)), own=False)


def test_both_extensions_name_one_patient() -> None:
    same = token(
        ihe_iua=professional(person_id=f"urn:oid:{oids.INS_NIR_TEST}|277076322082910"), ihe_bppc={"patient_id": INS}
    )
    assert dmp_requester(same, own=False).patient == PatientId("277076322082910", oids.INS_NIR_TEST)
    other = token(ihe_iua=professional(person_id=INS), ihe_bppc={"patient_id": INS.replace("277", "377")})
    with pytest.raises(TokenError, match="one patient"):
        dmp_requester(other, own=False)


def test_extensions_are_objects() -> None:
    for extensions in ({"ihe_iua": []}, {"ihe_iua": professional(), "ihe_bppc": "all"}):
        with pytest.raises(TokenError):
            dmp_requester(token(**extensions), own=False)


def test_pro_sante_connect_names_one_activity() -> None:
    found = dmp_requester(token(PRO_SANTE_CONNECT), own=False)
    assert (found.id_nat, found.name, found.sector) == ("899700000104", "HAMON Éric", "SA04")
    assert (found.structure_id, found.profession, found.specialty) == (STRUCTURE, "10", "SM26")
    assert found.authentication is Authentication.INDIRECTE_RENFORCEE


def test_the_published_sample_of_pro_sante_connect_is_read(reference: Path) -> None:
    sample = json.loads((reference / "security" / "psc" / "userinfo_sample.json").read_text("utf-8"))
    found = dmp_requester(token(sample, subject=sample["sub"]), own=False)
    assert (found.id_nat, found.structure_id) == ("899900063480", "499900063480001")
    assert (found.profession, found.specialty, found.sector) == ("10", "SM26", "SA07")


@pytest.mark.parametrize(
    "changes",
    [
        {"SubjectNameID": "somebody"},
        {"SubjectRole": []},
        {"SubjectRole": ["10^x", "21^x"]},
        {"SubjectRole": "10"},
        {"SubjectRole": ["60^1.2.250.1.213.1.1.5.5"]},
        {"SubjectOrganizationID": "R99999"},
        {"Secteur_Activite": f"SA99^{oids.SECTEUR_ACTIVITE}"},
        {"Acces_Regulation_Medicale": "VRAI"},
        {"Mode_Acces_Raison": "urgence"},
        {"SubjectRefPro": None},
        {"SubjectRefPro": {"exercices": [7]}},
    ],
)
def test_an_activity_that_is_not_named_is_none(changes: dict[str, Any]) -> None:
    with pytest.raises(TokenError):
        dmp_requester(token({**PRO_SANTE_CONNECT, **changes}), own=False)


def test_a_user_of_an_ihe_domain() -> None:
    """The example of ITI TF-2 3.71.4.2.2.1.3, without its person_id, which is of no patient domain."""
    said = {
        "subject_name": "Dr. John Smith",
        "subject_organization": "Central Hospital",
        "subject_organization_id": "urn:oid:1.2.3.4",
        "home_community_id": "urn:oid:1.2.3.4.5.6.7.8",
        "subject_role": [{"system": "http://terminology.hl7.org/CodeSystem/practitioner-role", "code": "pharmacist"}],
        "purpose_of_use": [
            {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "TREAT", "display": "treatment"},
            {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "BTG"},
        ],
    }
    found = ihe_requester(token(subject="b3ca1045", ihe_iua=said))
    assert (found.id_nat, found.name, found.structure_id) == ("b3ca1045", "Dr. John Smith", "1.2.3.4")
    assert (found.authentication, found.purpose, found.profession) == (Authentication.XUA, "TREAT", "pharmacist")


def test_a_client_of_an_ihe_domain_that_names_nobody() -> None:
    found = ihe_requester(token(subject="app-1"))
    assert (found.id_nat, found.name, found.profession, found.patient) == ("app-1", "app-1", "", None)


def test_an_auditor_is_nothing_else() -> None:
    found = auditor(token(ihe_iua=professional()))
    assert (found.authentication, found.profession, found.structure_id) == (Authentication.AUDITEUR, "", "")


NAMES = (
    *("subject_name", "subject_organization", "subject_organization_id", "subject_role", "purpose_of_use", "person_id"),
    *("national_provider_identifier", "patient_id", "Authentification_Mode", "Secteur_Activite", "Mode_Acces_Raison"),
    *("SubjectNameID", "SubjectRole", "SubjectOrganizationID", "SubjectRefPro", "exercices", "activities", "code"),
    *("system", "ihe_iua", "ihe_bppc", "dmp", "codeProfession", "codeSavoirFaire", "codeSecteurDactivite"),
)
TEXTS = st.sampled_from(("10", "SM26", STRUCTURE, "899700000104", "INDIRECTE", INS, "FAUX", "")) | st.text(max_size=20)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner, max_size=6),
    max_leaves=20,
)


@given(
    st.dictionaries(st.sampled_from(NAMES), ANYTHING), st.dictionaries(st.sampled_from(NAMES), ANYTHING), st.booleans()
)
def test_whatever_is_claimed_is_a_requester_or_refused(
    claims: dict[str, Any], extensions: dict[str, Any], own: bool
) -> None:
    held = token(claims, **extensions)
    for read in (ihe_requester, lambda each: dmp_requester(each, own=own)):
        try:
            found = read(held)
        except TokenError:
            continue
        assert found.authentication.french or found.authentication is Authentication.XUA
        assert own or found.authentication not in (Authentication.DIRECTE, Authentication.INDIRECTE)
