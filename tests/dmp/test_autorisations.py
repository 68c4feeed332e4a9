"""Declarations and lists in real rooms, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest

from audit.event import Call
from dmp import dossiers_autorises
from dmp.autorisations import ALREADY_THERE, RENEWED_WITHIN, Change, Mode, declare, holders
from dmp.dossiers_autorises import AuthorisedDossier, DateType, Since, authorised_dossiers
from dmp.errors import AccessRefused
from dmp.gate import Gate
from dmp.gestion import AUTHORISATION_LENGTH
from habilitations.action import Action
from habilitations.statement import Switches
from habilitations.wishes import PERSON
from identities.dossier import Dossier, DossierStatus, Traits
from identities.professional import Exercice, Professional, Structure
from identities.representation import Capacity, Representative
from identities.requester import Authentication, ModeAcces, PatientId, Requester
from registry.errors import ErrorCode, RegistryError
from registry.metadata import Code
from schemas import oids
from server.house import House
from server.migrations import upgrade
from server.settings import load
from tests.databases import postgresql_engine
from tests.habilitations.people import INFIRMIER, MEDECIN, PRACTICE, SECRETAIRE
from tests.registry.samples import document, register, submission

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
CALL = Call(transaction="TD0.3", request_id="r")
REPRESENTATIVE = Requester("rep", "R", "", "", "", "", "", Authentication.REPRESENTANT)


@dataclass
class Place:
    """One house whose clock stands still until it is moved."""

    house: House = field(repr=False)
    now: datetime = BEGIN
    count: int = 0

    @property
    def gate(self) -> Gate:
        return Gate(self.house.unit_of_work, self.house.files, self.house.tables, lambda: self.now)

    def patient(self, *older: PatientId, **traits: str) -> PatientId:
        """A patient with an open dossier."""
        self.count += 1
        ins = PatientId(f"2790351{self.count:06d}00", oids.INS_NIR_TEST)
        known = Traits("ESSAI", "ANNE", date(1979, 3, 28), "F", **traits)
        with self.house.rooms() as rooms:
            rooms.identities.open(Dossier(self.key(ins), (ins, *older), known, DossierStatus.OPEN, BEGIN))
        return ins

    def key(self, patient: PatientId) -> str:
        return f"d-{patient.value}"

    def declare(self, who: Requester, patient: PatientId, change: Change = Change.AUTORISATION) -> str:
        return declare(self.gate, replace(who, patient=patient), CALL, change)

    def enters(self, who: Requester, patient: PatientId) -> bool:
        try:
            with self.gate.passage(replace(who, patient=patient), Action.TD3_1, patient, CALL):
                return True
        except AccessRefused:
            return False

    def dossiers(self, who: Requester, since: Since | None = None, owner: str = "") -> tuple[AuthorisedDossier, ...]:
        return authorised_dossiers(self.gate, who, CALL, since, owner)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    settings = load({"home": tmp_path}, {})
    upgrade(settings)
    house = House.build(settings, anchors=False)
    with house.rooms() as rooms:
        for who, family in ((MEDECIN, "MARTIN"), (INFIRMIER, "ROCHE"), (SECRETAIRE, "LAMBERT")):
            known = Professional(who.id_nat, family, "X", who.profession, who.profession_system, who.specialty)
            rooms.identities.save_professional(replace(known, structures=frozenset({PRACTICE})))
    yield Place(house)
    house.database.dispose()


# --- TD0.3 ------------------------------------------------------------------------------------------------------------


def test_an_authorisation_ends_after_a_year_and_begins_anew_by_a_word(place: Place) -> None:
    patient = place.patient()
    assert place.declare(MEDECIN, patient) == ""
    place.now = BEGIN + AUTHORISATION_LENGTH - SECOND
    assert place.enters(MEDECIN, patient)
    place.now = BEGIN + AUTHORISATION_LENGTH
    assert not place.enters(MEDECIN, patient)
    assert place.declare(MEDECIN, patient) == ""
    assert place.enters(MEDECIN, patient)
    place.now += AUTHORISATION_LENGTH - SECOND
    assert place.enters(MEDECIN, patient)


def test_it_is_renewed_only_near_its_end(place: Place) -> None:
    patient = place.patient()
    place.declare(MEDECIN, patient)
    end = BEGIN + AUTHORISATION_LENGTH
    place.now = end - RENEWED_WITHIN - SECOND
    assert place.declare(MEDECIN, patient) == ALREADY_THERE
    place.now = end - RENEWED_WITHIN
    assert place.declare(MEDECIN, patient) == ""
    place.now = end
    assert place.enters(MEDECIN, patient)
    assert place.declare(MEDECIN, patient) == ALREADY_THERE


def test_a_structure_s_authorisation_ends_after_a_year_too(place: Place) -> None:
    patient = place.patient()
    place.declare(SECRETAIRE, patient)
    assert place.enters(INFIRMIER, patient) and not place.enters(SECRETAIRE, patient)
    place.now = BEGIN + AUTHORISATION_LENGTH
    assert not place.enters(INFIRMIER, patient)


def test_a_medecin_traitant_enters_after_his_year_and_loses_it_with_his_status(place: Place) -> None:
    patient = place.patient()
    place.declare(MEDECIN, patient, Change.MEDECIN_TRAITANT)
    place.now = BEGIN + 2 * AUTHORISATION_LENGTH
    assert place.enters(MEDECIN, patient)
    assert place.declare(MEDECIN, patient, Change.FIN_MEDECIN_TRAITANT) == ""
    place.now += AUTHORISATION_LENGTH - SECOND
    assert place.enters(MEDECIN, patient), "a year from when he stopped being it"
    place.now += SECOND
    assert not place.enters(MEDECIN, patient)


def test_a_holder_of_a_cpe_whom_the_directory_does_not_know_authorises_no_structure(place: Place) -> None:
    """A card proves its holder and no structure."""
    stranger = replace(SECRETAIRE, id_nat="399900000/8")
    with pytest.raises(AccessRefused, match="au nom d'une structure"):
        place.declare(stranger, place.patient())


def test_nobody_who_is_no_medecin_becomes_medecin_traitant(place: Place) -> None:
    with pytest.raises(RegistryError, match="Seul un médecin") as refused:
        place.declare(INFIRMIER, place.patient(), Change.MEDECIN_TRAITANT)
    assert refused.value.findings[0].code is ErrorCode.DMPAccessDeniedByRightsService


def test_of_two_declarations_at_once_both_are_heard(postgresql_url: str, tmp_path: Path) -> None:
    """On a database where two transactions write at once."""
    with postgresql_engine(postgresql_url):
        settings = load({"home": tmp_path, "database_url": postgresql_url}, {})
        upgrade(settings)
        house = House.build(settings, anchors=False)
        place = Place(house)
        patient, barrier = place.patient(), Barrier(4)

        def attempt(_number: int) -> str:
            barrier.wait()
            return place.declare(MEDECIN, patient, Change.MEDECIN_TRAITANT)

        with ThreadPoolExecutor(4) as pool:
            told = sorted(pool.map(attempt, range(4)))
        assert told == ["", *[ALREADY_THERE] * 3]
        with house.rooms() as rooms:
            said = rooms.rights.wishes(place.key(patient))
        assert len(said.authorisations) == len(said.medecins_traitants) == 1
        house.database.dispose()


# --- TD1.6 ------------------------------------------------------------------------------------------------------------


def test_authorisations_that_are_over_are_not_told(place: Place) -> None:
    patient = place.patient()
    place.declare(INFIRMIER, patient)
    place.now += DAY
    place.declare(MEDECIN, patient)
    place.now = BEGIN + AUTHORISATION_LENGTH - SECOND
    asker = replace(MEDECIN, patient=patient)
    assert {each.id for each in holders(place.gate, asker, CALL, Mode.TOUTE)} == {MEDECIN.id_nat, INFIRMIER.id_nat}
    place.now += SECOND
    (left,) = holders(place.gate, asker, CALL, Mode.ACTIVE)
    assert (left.id, left.start) == (MEDECIN.id_nat, BEGIN + DAY)


def test_every_specialty_is_told(place: Place) -> None:
    patient = place.patient()
    both = frozenset({Exercice("10", "SM26"), Exercice("10", "SM04"), Exercice("60")})
    with place.house.rooms() as rooms:
        known = rooms.identities.professional(MEDECIN.id_nat)
        assert known is not None
        rooms.identities.save_professional(replace(known, exercices=both))
    place.declare(MEDECIN, patient)
    (told,) = holders(place.gate, replace(MEDECIN, patient=patient), CALL, Mode.TOUTE)
    assert [(each.code, each.label) for each in told.specialties] == [
        ("G15_10/SM04", "Médecin - Cardiologie et maladies vasculaires (SM)"),
        ("G15_10/SM26", "Médecin - Qualifié en Médecine Générale (SM)"),
        ("G15_60", "Infirmier"),
    ]


def test_a_secret_connection_is_told_to_professionals_and_not_to_a_representative(place: Place) -> None:
    """Source: CI-SIS, VIHF: INVISIBLE_REPRESENTANTS_LEGAUX hides the trace from legal representatives."""
    patient = place.patient()
    place.declare(MEDECIN, patient)
    with place.house.rooms() as rooms:
        tutor = Representative("rep", "T", "T", "RESPRSN", Capacity.TUTELLE, since=BEGIN - DAY)
        rooms.identities.save_representative(place.key(patient), tutor)
    open_visit = place.now = BEGIN + DAY
    assert place.enters(MEDECIN, patient)
    secret_visit = place.now = BEGIN + 2 * DAY
    assert place.enters(replace(MEDECIN, secret_connection=True), patient)
    place.now += DAY
    (seen,) = holders(place.gate, replace(REPRESENTATIVE, patient=patient), CALL, Mode.TOUTE)
    assert seen.last_action == open_visit
    (seen,) = holders(place.gate, replace(MEDECIN, patient=patient), CALL, Mode.TOUTE)
    assert seen.last_action == secret_visit


def test_whom_a_minor_let_in_by_a_secret_connection_no_representative_learns(place: Place) -> None:
    patient = place.patient()
    mother = Representative("rep", "R", "", "MTH", capacity=Capacity.TUTELLE)
    with place.house.rooms() as rooms:
        rooms.identities.save_representative(place.key(patient), mother)
        rooms.rights.authorise(
            place.key(patient), MEDECIN.id_nat, kind=PERSON, start=BEGIN, end=BEGIN + DAY, secret=True
        )
    assert holders(place.gate, replace(REPRESENTATIVE, patient=patient), CALL, Mode.TOUTE, b"") == ()
    assert len(holders(place.gate, replace(MEDECIN, patient=patient), CALL, Mode.TOUTE, b"")) == 1


# --- TD0.4 ------------------------------------------------------------------------------------------------------------


def test_a_dossier_leaves_the_list_when_the_year_is_over(place: Place) -> None:
    patient = place.patient()
    place.declare(MEDECIN, patient)
    place.now = BEGIN + AUTHORISATION_LENGTH - SECOND
    assert [each.identifiers for each in place.dossiers(MEDECIN)] == [(patient,)]
    place.now += SECOND
    assert place.dossiers(MEDECIN) == ()


def test_a_renewal_is_a_new_authorisation(place: Place) -> None:
    patient = place.patient()
    place.declare(MEDECIN, patient)
    since = Since(DateType.LASTAUTORIZATION, BEGIN + SECOND)
    assert place.dossiers(MEDECIN, since) == ()
    place.now = BEGIN + AUTHORISATION_LENGTH - RENEWED_WITHIN
    place.declare(MEDECIN, patient)
    assert len(place.dossiers(MEDECIN, since)) == 1
    assert len(place.dossiers(MEDECIN, Since(DateType.LASTAUTORIZATION, place.now))) == 1, "the date belongs"


def test_an_ins_c_comes_first_and_older_numbers_do_not_come(place: Place) -> None:
    ins_c = PatientId("1197854176879056415520", oids.INS_C)
    former = PatientId("279035199999900", oids.INS_NIR_TEST)
    patient = place.patient(former, ins_c)
    place.declare(MEDECIN, patient)
    (told,) = place.dossiers(MEDECIN)
    assert told.identifiers == (ins_c, patient)


def test_names_are_ordered_as_people_do(place: Place) -> None:
    for name in ("éluard", "Zola", "Eluard-Abel", "ABEL"):
        place.declare(MEDECIN, place.patient(used_family=name))
    assert [each.traits.used_family for each in place.dossiers(MEDECIN)] == ["ABEL", "éluard", "Eluard-Abel", "Zola"]


def test_a_list_that_is_too_long_says_how_to_shorten_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dossiers_autorises, "MAX_LISTED", 2)
    for _ in range(2):
        place.declare(MEDECIN, place.patient())
    assert len(place.dossiers(MEDECIN)) == 2
    place.now += DAY
    place.declare(MEDECIN, place.patient())
    with pytest.raises(RegistryError, match="startDate") as refused:
        place.dossiers(MEDECIN)
    assert refused.value.findings[0].code is ErrorCode.XDSTooManyResults
    assert len(place.dossiers(MEDECIN, Since(DateType.LASTAUTORIZATION, place.now))) == 1


def test_a_change_of_metadata_is_dated_apart_from_the_document(place: Place) -> None:
    patient = place.patient()
    place.declare(MEDECIN, patient)
    with place.house.database.transaction() as connection:
        entry = document(type_code=Code("11502-2", oids.LOINC), patient_id=f"{patient}^NH")
        register(connection, submission(entry, patient_id=f"{patient}^NH"), patient=place.key(patient))
    (told,) = place.dossiers(MEDECIN)
    assert told.activity.added == datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
    assert told.activity.changed is None


def test_documents_that_only_an_emergency_hides_have_no_date_in_it(place: Place) -> None:
    """The dates are those of what the requester may see as he asks."""
    patient = place.patient()
    place.declare(MEDECIN, patient)
    with place.house.rooms() as rooms:
        rooms.rights.set_switches(place.key(patient), Switches(centre_15=False))
    with place.house.database.transaction() as connection:
        entry = document(type_code=Code("11502-2", oids.LOINC), patient_id=f"{patient}^NH")
        register(connection, submission(entry, patient_id=f"{patient}^NH"), patient=place.key(patient))
    urgent = replace(MEDECIN, mode_acces=ModeAcces.CENTRE_15)
    assert [each.activity.added is None for each in place.dossiers(urgent)] == [True]
    assert [each.activity.added is None for each in place.dossiers(MEDECIN)] == [False]


def test_a_holder_of_a_cpe_without_structure_is_told_nothing(place: Place) -> None:
    with pytest.raises(AccessRefused, match="au nom d'une structure"):
        place.dossiers(replace(SECRETAIRE, id_nat="399900000/8"))


def test_who_left_the_structure_is_none_of_its_professionals(place: Place) -> None:
    patient = place.patient()
    place.declare(MEDECIN, patient)
    assert len(place.dossiers(SECRETAIRE)) == 1
    with place.house.rooms() as rooms:
        known = rooms.identities.professional(MEDECIN.id_nat)
        assert known is not None
        rooms.identities.save_professional(replace(known, structures=frozenset({"399000000900999"})))
    assert place.dossiers(SECRETAIRE) == ()
    with pytest.raises(RegistryError, match="non liés"):
        place.dossiers(SECRETAIRE, owner=MEDECIN.id_nat)


@pytest.mark.parametrize("kind", [DateType.LASTDOC, None])
def test_a_structure_must_ask_for_new_authorisations(place: Place, kind: DateType | None) -> None:
    staff = replace(SECRETAIRE, id_nat=f"{PRACTICE}/7", authentication=Authentication.INDIRECTE_RENFORCEE)
    with place.house.rooms() as rooms:
        modes = frozenset({Authentication.INDIRECTE_RENFORCEE})
        rooms.identities.save_structure(Structure(PRACTICE, "Cabinet", "SA07", modes=modes))
    with pytest.raises(RegistryError, match="nouvelles autorisations"):
        place.dossiers(staff, kind and Since(kind, BEGIN))
    patient = place.patient()
    place.declare(SECRETAIRE, patient)
    assert len(place.dossiers(staff, Since(DateType.LASTAUTORIZATION, BEGIN))) == 1
    assert place.dossiers(staff, Since(DateType.LASTAUTORIZATION, BEGIN + SECOND)) == ()
    other = place.key(place.patient())
    with place.house.rooms() as rooms:
        rooms.rights.authorise(other, MEDECIN.id_nat, kind=PERSON, start=BEGIN, end=BEGIN + DAY)
    assert len(place.dossiers(staff, Since(DateType.LASTAUTORIZATION, BEGIN))) == 1, "of the structure only"
