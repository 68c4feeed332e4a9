"""The life of a dossier in the hall, over a real database: what is recorded, what stays, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmp.administration import NOT_CHANGED, Administration, Registered, Registration, amended
from dmp.errors import AccessRefused
from dmp.patient_search import Question
from habilitations.statement import Switches
from habilitations.wishes import (
    CONSENTEMENT_OUVERTURE,
    CONSENTEMENT_REACTIVATION,
    OPPOSITION_BRIS_DE_GLACE,
    OPPOSITION_CENTRE_15,
    Consent,
)
from identities.demographics import Address, Demographics, Part, PersonName, Telecom
from identities.dossier import Dossier, DossierStatus, Traits
from identities.ins import ins_c_of
from identities.representation import GUARDIAN, Capacity, Representative
from identities.requester import PatientId
from registry.errors import ErrorCode, RegistryError
from schemas import oids
from tests.dmp.accounts import ANNE, CALL, DOCTOR, LEA, NOW, Desk, desk, key_of

NEW = PatientId("279035121518900", oids.INS_NIR_TEST)
TRAITS = Traits(
    "VASSEUR",
    "ALBANE",
    date(1979, 3, 28),
    "F",
    used_family="TESSIER",
    demographics=Demographics(
        names=(PersonName((Part("prefix", "Mme"), Part("family", "TESSIER", "SP"), Part("family", "VASSEUR", "BR"))),),
        addresses=(Address((Part("city", "Paris"),)),),
        telecoms=(Telecom("tel:0607080901", "MC"),),
    ),
)
QUESTION = Question("q@1", b"<q/>")
NOTHING = Traits("", "", None, "")
FATHER = Representative("", "ESSAI", "KARIM", "FTH", telecoms=(Telecom("tel:1"),))
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("desk")) as made:
        yield made


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Desk]:
    """A desk of the test's own."""
    with desk(tmp_path) as made:
        yield made


def said(patient: PatientId = NEW, traits: Traits = TRAITS, **changes: object) -> Registration:
    answers = {CONSENTEMENT_OUVERTURE: True}
    return replace(Registration(patient, "m@2.999", traits, answers=answers), **changes)  # type: ignore[arg-type]


def administration(at: Desk) -> Administration:
    return Administration(at.gate, at.house.domain)


def create(at: Desk, registration: Registration) -> Registered:
    requester = replace(DOCTOR, patient=registration.patient)
    return administration(at).create(requester, CALL, registration)


def amend(at: Desk, registration: Registration) -> Registered:
    requester = replace(DOCTOR, patient=registration.patient)
    return administration(at).amend(requester, CALL, registration)


def dossier_of(at: Desk, patient: PatientId) -> Dossier:
    with at.rooms() as rooms:
        found = rooms.identities.dossier(patient)
    assert found is not None
    return found


# --- TD1.1 ------------------------------------------------------------------------------------------------------------


def test_a_creation_records_what_the_patient_answered(alone: Desk) -> None:
    answers = {CONSENTEMENT_OUVERTURE: True, OPPOSITION_CENTRE_15: True, OPPOSITION_BRIS_DE_GLACE: False}
    dossier = create(alone, said(answers=answers)).dossier
    assert (dossier.status, dossier.opened, dossier.traits) == (DossierStatus.OPEN, NOW, TRAITS)
    with alone.rooms() as rooms:
        collected = rooms.rights.consents(dossier.key)
        wishes = rooms.rights.wishes(dossier.key)
    assert collected == tuple(Consent(code, given, NOW, DOCTOR.id_nat) for code, given in answers.items())
    assert wishes.switches == Switches(centre_15=False, bris_de_glace=True)
    assert (wishes.authorisations, wishes.medecins_traitants) == ((), ())


def test_the_old_identifier_is_computed_and_leads_to_the_dossier(alone: Desk) -> None:
    dossier = create(alone, said()).dossier
    old = ins_c_of(NEW, "ALBANE", date(1979, 3, 28))
    assert old is not None and dossier.identifiers == (NEW, old)
    assert dossier_of(alone, old).key == dossier.key


def test_no_old_identifier_is_taken_from_another_dossier(alone: Desk) -> None:
    """Two test numbers that differ in their key alone have one INS-C."""
    first = create(alone, said()).dossier
    second = create(alone, said(PatientId(NEW.value[:13] + "01", NEW.authority))).dossier
    assert len(second.identifiers) == 1
    assert dossier_of(alone, first.identifiers[1]).key == first.key


def test_a_nia_has_no_old_identifier(alone: Desk) -> None:
    nia = PatientId(ANNE.value, oids.INS_NIA)
    assert create(alone, said(nia)).dossier.identifiers == (nia,)


@pytest.mark.parametrize("answers", [{}, {CONSENTEMENT_OUVERTURE: False}, {CONSENTEMENT_REACTIVATION: True}])
def test_no_dossier_without_consent(shared: Desk, answers: dict[str, bool]) -> None:
    with pytest.raises(RegistryError, match=f"{CONSENTEMENT_OUVERTURE}: expected true"):
        create(shared, said(answers=answers))
    with shared.rooms() as rooms:
        assert rooms.identities.dossier(NEW) is None


@pytest.mark.parametrize(
    ("patient", "expected"),
    [
        (PatientId("279035121518990", oids.INS_NIR), "sa clé"),
        (PatientId("279035121518990", oids.INS_NIA), "sa clé"),
        (PatientId("27903512151898", oids.INS_NIR_TEST), "INS refusé"),
        (PatientId("1197854176879056415520", oids.INS_C), "Identifiant refusé"),
        (PatientId("4711", "1.2.3"), "Identifiant refusé"),
    ],
)
def test_no_dossier_under_what_is_no_ins(shared: Desk, patient: PatientId, expected: str) -> None:
    with pytest.raises(RegistryError, match=expected) as raised:
        create(shared, said(patient))
    assert patient.value not in str(raised.value)


def test_a_patient_who_has_a_dossier_gets_no_second_one(alone: Desk) -> None:
    with pytest.raises(RegistryError, match="DMPFound: Ce patient a déjà un DMP"):
        create(alone, said(ANNE))
    with alone.rooms() as rooms:
        rooms.identities.close(key_of(rooms, ANNE), instant=NOW, reason="")
    with pytest.raises(RegistryError, match=r"DMPFound.*fermé"):
        create(alone, said(ANNE))


# --- TD1.2 and TD1.4 --------------------------------------------------------------------------------------------------


def test_a_dossier_is_closed_for_a_reason_and_opened_as_it_was(alone: Desk) -> None:
    use = administration(alone)
    with alone.rooms() as rooms:
        key = key_of(rooms, ANNE)
        rooms.rights.authorise(key, DOCTOR.id_nat, kind="person", start=NOW, end=NOW + timedelta(days=365))
    why = {"closing_code": "FERMETURE_DEMANDE_PATIENT", "closing_reason": "à sa demande"}
    closed = use.close(DOCTOR, CALL, said(ANNE, NOTHING, **why)).dossier
    assert (closed.status, closed.closed) == (DossierStatus.CLOSED, NOW)
    assert (closed.closing_code, closed.closing_reason) == ("FERMETURE_DEMANDE_PATIENT", "à sa demande")
    with pytest.raises(AccessRefused, match="DMP fermé"):
        use.close(DOCTOR, CALL, said(ANNE, NOTHING, **why))
    with alone.rooms() as rooms:
        rooms.identities.request_destruction(key, NOW)
    alone.later(days=1)
    again = said(ANNE, NOTHING, answers={CONSENTEMENT_REACTIVATION: True, OPPOSITION_BRIS_DE_GLACE: True})
    opened = use.reactivate(DOCTOR, CALL, again).dossier
    assert (opened.status, opened.opened, opened.closing_code) == (DossierStatus.OPEN, alone.now, "")
    assert opened.destruction_requested is None
    with alone.rooms() as rooms:
        wishes = rooms.rights.wishes(key)
    assert [each.holder for each in wishes.authorisations] == [DOCTOR.id_nat]
    assert wishes.switches == Switches(bris_de_glace=False)
    with pytest.raises(RegistryError, match="DMPFound: Ce DMP est déjà ouvert"):
        use.reactivate(DOCTOR, CALL, again)


def test_a_dossier_is_not_reactivated_without_consent_nor_out_of_nothing(alone: Desk) -> None:
    use = administration(alone)
    with pytest.raises(AccessRefused) as refused:
        use.reactivate(replace(DOCTOR, patient=NEW), CALL, said(answers={CONSENTEMENT_REACTIVATION: True}))
    assert refused.value.finding.code is ErrorCode.XDSUnknownPatientId
    with alone.rooms() as rooms:
        rooms.identities.close(key_of(rooms, ANNE), instant=NOW, reason="")
    with pytest.raises(RegistryError, match=CONSENTEMENT_REACTIVATION):
        use.reactivate(DOCTOR, CALL, said(ANNE))
    assert dossier_of(alone, ANNE).status is DossierStatus.CLOSED


# --- TD1.3b -----------------------------------------------------------------------------------------------------------


def test_only_what_is_said_changes(alone: Desk) -> None:
    create(alone, said())
    address = Address((Part("city", "Lille"),))
    told = said(traits=replace(NOTHING, demographics=Demographics(addresses=(address,))), answers={})
    amended_ = amend(alone, told)
    assert amended_.warnings == ()
    traits = dossier_of(alone, NEW).traits
    assert traits.demographics.addresses == (address,)
    assert traits.demographics.telecoms == TRAITS.demographics.telecoms
    assert traits.dmp_name == TRAITS.dmp_name
    assert not dossier_of(alone, NEW).deceased
    amend(alone, said(traits=NOTHING, answers={OPPOSITION_CENTRE_15: True}, deceased=True))
    with alone.rooms() as rooms:
        assert rooms.rights.wishes(key_of(rooms, NEW)).switches == Switches(centre_15=False)
    assert dossier_of(alone, NEW).deceased
    amend(alone, said(traits=NOTHING, answers={OPPOSITION_BRIS_DE_GLACE: False}))
    with alone.rooms() as rooms:
        assert rooms.rights.wishes(key_of(rooms, NEW)).switches == Switches(centre_15=False)
    assert dossier_of(alone, NEW).deceased


def test_masked_documents_go_with_the_last_emergency(alone: Desk) -> None:
    with alone.rooms() as rooms:
        rooms.rights.set_switches(key_of(rooms, ANNE), Switches(masques_en_urgence=True))
    amend(alone, said(ANNE, NOTHING, answers={OPPOSITION_CENTRE_15: True, OPPOSITION_BRIS_DE_GLACE: True}))
    with alone.rooms() as rooms:
        assert rooms.rights.wishes(key_of(rooms, ANNE)).switches == Switches(False, False, False)


@pytest.mark.parametrize(
    ("changes", "agree"),
    [
        ({}, True),
        ({"birth_given": "Albane Marie"}, True),
        ({"sex": "", "birth_date": None}, True),
        ({"sex": "M"}, False),
        ({"birth_date": date(1979, 3, 29)}, False),
        ({"birth_given": "ODILE"}, False),
        ({"demographics": Demographics(names=(PersonName((Part("family", "AUTRE", "BR"),)),))}, False),
        ({"demographics": Demographics(names=(PersonName((Part("family", "Vasseur", "BR"),)),))}, True),
    ],
)
def test_traits_of_the_ins_stay_and_a_difference_is_told(alone: Desk, changes: dict[str, object], agree: bool) -> None:
    create(alone, said())
    told = amend(alone, said(traits=replace(TRAITS, **changes), answers={}))  # type: ignore[arg-type]
    assert told.warnings == (() if agree else (NOT_CHANGED,))
    traits = dossier_of(alone, NEW).traits
    assert (traits.birth_family, traits.birth_given, traits.birth_date, traits.sex) == (
        TRAITS.birth_family,
        TRAITS.birth_given,
        TRAITS.birth_date,
        TRAITS.sex,
    )


@given(used=TEXT, prefix=TEXT | st.just(""), telecom=TEXT | st.just(""))
def test_amending_twice_changes_nothing_more(used: str, prefix: str, telecom: str) -> None:
    parts = (*((Part("prefix", prefix),) if prefix else ()), Part("family", used, "SP"))
    told = Demographics(names=(PersonName(parts),), telecoms=(Telecom(telecom),) if telecom else ())
    once = amended(TRAITS, replace(NOTHING, birth_family=used, demographics=told))
    assert amended(once, replace(NOTHING, birth_family=used, demographics=told)) == once
    assert amended(once, once) == once == amended(once, NOTHING)
    assert (once.birth_family, once.birth_given, once.sex) == ("VASSEUR", "ALBANE", "F")
    assert once.used_family == ("" if used == "VASSEUR" else used)
    assert once.dmp_name.texts("prefix") == (prefix or "Mme",)


def test_a_representative_takes_the_place_of_the_one_with_the_same_relationship(alone: Desk) -> None:
    child = replace(DOCTOR, patient=LEA)
    amend(alone, said(LEA, NOTHING, representatives=(FATHER,), answers={}))
    held = administration(alone).consult(child, CALL, LEA, QUESTION).representatives
    assert sorted((each.relationship, each.given) for each in held) == [("FTH", "KARIM"), ("MTH", "JEANNE")]
    alone.later(days=1)
    amend(alone, said(LEA, NOTHING, representatives=(replace(FATHER, given="Karim", telecoms=()),), answers={}))
    amend(alone, said(LEA, NOTHING, representatives=(replace(FATHER, relationship="MTH", given="INÈS"),), answers={}))
    with alone.rooms() as rooms:
        every = rooms.identities.representatives(key_of(rooms, LEA))
    assert sorted((each.given, each.relationship, each.ended) for each in every if each.ended) == [
        ("JEANNE", "MTH", alone.now)
    ]
    assert {(each.given, each.telecoms, each.capacity) for each in every if not each.ended} == {
        ("KARIM", FATHER.telecoms, Capacity.PARENT),
        ("INÈS", FATHER.telecoms, Capacity.PARENT),
    }


def test_an_adult_has_a_guardian_or_nobody(alone: Desk) -> None:
    with pytest.raises(RegistryError, match="personalRelationship: expected RESPRSN") as raised:
        amend(alone, said(ANNE, NOTHING, representatives=(FATHER,), answers={}))
    assert raised.value.findings[0].code is ErrorCode.XDSRegistryMetadataError
    amend(alone, said(ANNE, NOTHING, representatives=(replace(FATHER, relationship=GUARDIAN),), answers={}))
    (guardian,) = administration(alone).consult(DOCTOR, CALL, ANNE, QUESTION).representatives
    assert guardian.capacity is Capacity.TUTELLE
