"""Dossiers, professionals and structures, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from identities.dossier import Dossier, DossierStatus, Traits
from identities.ins import ins_c
from identities.professional import Professional, Structure
from identities.requester import Authentication, PatientId
from identities.store import METADATA, IdentitiesStore, IdentityError
from schemas import oids

NOW = datetime(2026, 3, 1, 12, 0, 30, 250_000, tzinfo=UTC)
LATER = NOW + timedelta(days=400)
CURRENT = PatientId("279035121518989", oids.INS_NIR_TEST)
FORMER = PatientId("274075176079430", oids.INS_NIA)
OTHER = PatientId("276037510669380", oids.INS_NIR)
TRAITS = Traits("D'ARTAGNAN-L'HERMITE", "PIERRE-ALAIN", date(1979, 3, 1), "M", "51215", "ARTAGNAN", "PIERRE")
DOSSIER = Dossier("d1", (CURRENT, FORMER), TRAITS, DossierStatus.OPEN, NOW)
HOSPITAL = Structure(
    "1990000018",
    "CHU de l'Essai",
    "SA01",
    modes=frozenset({Authentication.INDIRECTE, Authentication.INDIRECTE_RENFORCEE}),
)
PRACTICE = Structure("399000000100018", "Cabinet du Parc", "SA07", active=False)
DOCTOR = Professional(
    "899900000017",
    "MARTIN",
    "Claire",
    "10",
    oids.PROFESSION,
    "SM26",
    frozenset({HOSPITAL.structure_id, PRACTICE.structure_id}),
)
SECRETARY = Professional("3990000018/7", "PETIT", "Ana", "SECRETARIAT_MEDICAL", oids.ROLE_NON_PS, active=False)


@pytest.fixture
def store(engine: sa.Engine) -> Iterator[IdentitiesStore]:
    METADATA.create_all(engine)
    with engine.begin() as connection:
        yield IdentitiesStore(connection)


def test_every_identifier_leads_to_the_dossier_and_nothing_else_does(store: IdentitiesStore) -> None:
    store.open(DOSSIER)
    assert store.dossier(CURRENT) == store.dossier(FORMER) == DOSSIER
    assert store.dossier(OTHER) is None
    assert store.dossier(PatientId(CURRENT.value, FORMER.authority)) is None
    assert DOSSIER.ins == CURRENT


def test_it_is_all_there_after_the_transaction(engine: sa.Engine) -> None:
    METADATA.create_all(engine)
    paris = replace(DOSSIER, opened=NOW.astimezone(timezone(timedelta(hours=1))))
    with engine.begin() as connection:
        IdentitiesStore(connection).open(paris)
    with engine.begin() as connection:
        found = IdentitiesStore(connection).dossier(FORMER)
    assert found == DOSSIER
    assert found.opened.tzinfo is UTC


def test_an_identifier_is_one_dossier_s_only(store: IdentitiesStore) -> None:
    store.open(DOSSIER)
    with pytest.raises(IdentityError, match="no other dossier") as caught:
        store.open(replace(DOSSIER, key="d2", identifiers=(OTHER, FORMER)))
    assert FORMER.value not in str(caught.value)
    with pytest.raises(IdentityError, match="a new key"):
        store.open(replace(DOSSIER, identifiers=(OTHER,)))
    with pytest.raises(IdentityError, match="an identifier, got none"):
        store.open(replace(DOSSIER, key="d3", identifiers=()))
    assert store.dossiers() == (DOSSIER,)


def test_an_ins_may_change_and_change_back(store: IdentitiesStore) -> None:
    store.open(DOSSIER)
    store.open(replace(DOSSIER, key="d2", identifiers=(PatientId("1", "1.2.3"),)))
    store.add_identifier("d1", OTHER)
    expected = replace(DOSSIER, identifiers=(OTHER, CURRENT, FORMER))
    assert store.dossier(FORMER) == store.dossier(OTHER) == expected
    store.add_identifier("d1", FORMER)
    assert store.dossier(CURRENT) == replace(DOSSIER, identifiers=(FORMER, OTHER, CURRENT))
    with pytest.raises(IdentityError, match="got one of d1"):
        store.add_identifier("d2", CURRENT)
    with pytest.raises(IdentityError, match="a known dossier"):
        store.add_identifier("d9", OTHER)


def test_an_ins_c_of_the_history_leads_to_the_same_dossier(store: IdentitiesStore) -> None:
    store.open(DOSSIER)
    before = PatientId(ins_c("PIERRE-ALAIN", date(1979, 3, 1), "1790351215189"), oids.INS_C)
    store.link("d1", before, current=False)
    assert store.dossier(before) == store.dossier(CURRENT) == replace(DOSSIER, identifiers=(CURRENT, FORMER, before))
    assert store.dossier(PatientId(before.value, oids.INS_A)) is None


def test_closing_and_reopening(store: IdentitiesStore) -> None:
    store.open(DOSSIER)
    store.close("d1", instant=LATER, reason="Demande du patient", code="FERMETURE_DEMANDE_PATIENT")
    said = {"closing_code": "FERMETURE_DEMANDE_PATIENT", "closing_reason": "Demande du patient"}
    assert store.dossier(CURRENT) == replace(DOSSIER, status=DossierStatus.CLOSED, closed=LATER, **said)  # type: ignore
    with pytest.raises(IdentityError, match="a dossier that is active"):
        store.close("d1", instant=LATER, reason="")
    store.reopen("d1", instant=LATER)
    assert store.dossier(CURRENT) == replace(DOSSIER, opened=LATER)
    with pytest.raises(IdentityError, match="a dossier that is terminated"):
        store.reopen("d1", instant=LATER)
    with pytest.raises(IdentityError, match="got d9"):
        store.close("d9", instant=LATER, reason="")


def test_dossiers_come_oldest_first(store: IdentitiesStore) -> None:
    younger = replace(DOSSIER, key="d0", identifiers=(OTHER,), opened=LATER)
    store.open(younger)
    store.open(DOSSIER)
    assert store.dossiers() == (DOSSIER, younger)


def test_naive_instants_are_refused(store: IdentitiesStore) -> None:
    with pytest.raises(sa.exc.StatementError, match="aware"):
        store.open(replace(DOSSIER, opened=datetime(2026, 3, 1)))


def test_the_directory_of_structures(store: IdentitiesStore) -> None:
    store.save_structure(PRACTICE)
    store.save_structure(HOSPITAL)
    assert store.structure(HOSPITAL.structure_id) == HOSPITAL
    assert store.structure("1999999999") is None
    assert store.structures() == (HOSPITAL, PRACTICE)
    renamed = replace(HOSPITAL, name="CHU Nouveau", active=False, modes=frozenset())
    store.save_structure(renamed)
    assert store.structures() == (renamed, PRACTICE)


def test_the_directory_of_professionals(store: IdentitiesStore) -> None:
    store.save_professional(DOCTOR)
    store.save_professional(SECRETARY)
    assert store.professional(DOCTOR.id_nat) == DOCTOR
    assert store.professional("899999999999") is None
    assert store.professionals() == (SECRETARY, DOCTOR)
    moved = replace(DOCTOR, structures=frozenset({HOSPITAL.structure_id}), specialty="SM54")
    store.save_professional(moved)
    assert store.professional(DOCTOR.id_nat) == moved
    assert store.professional(SECRETARY.id_nat) == SECRETARY


def test_the_professionals_of_a_structure(store: IdentitiesStore) -> None:
    nurse = replace(DOCTOR, id_nat="899900000025", profession="60", specialty="")
    left = replace(DOCTOR, id_nat="899900000033", active=False)
    elsewhere = replace(DOCTOR, id_nat="899900000041", structures=frozenset({PRACTICE.structure_id}))
    for each in (DOCTOR, nurse, left, elsewhere, SECRETARY):
        store.save_professional(each)
    assert store.members(HOSPITAL.structure_id) == (DOCTOR.id_nat, nurse.id_nat)
    assert store.members("1999999999") == ()
