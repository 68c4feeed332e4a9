"""What patients said, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from habilitations.statement import Statement, Switches
from habilitations.store import METADATA, HabilitationsStore, RightsError
from habilitations.wishes import Authorisation, Consent, Rectification
from identities.dossier import Dossier, DossierStatus, Traits
from identities.requester import PatientId, Requester
from schemas import oids
from tests.habilitations.people import ETABLISSEMENT, HOSPITAL, INFIRMIER, MEDECIN, NOW, PRACTICE, SECRETAIRE

DOSSIER = Dossier(
    "d1", (PatientId("279035121518989", oids.INS_NIR_TEST),), Traits("A", "B", date(1979, 3, 1), "F"),
    DossierStatus.OPEN, NOW,
)  # fmt: skip
YEAR = timedelta(days=365)
SECOND = timedelta(seconds=1)


@pytest.fixture
def store(engine: sa.Engine) -> Iterator[HabilitationsStore]:
    METADATA.create_all(engine)
    with engine.begin() as connection:
        yield HabilitationsStore(connection)


def stands(store: HabilitationsStore, requester: Requester, instant: datetime = NOW) -> Statement:
    return store.statement(DOSSIER, requester, instant)


def test_by_default_nobody_is_authorised_and_emergencies_are_let_in(store: HabilitationsStore) -> None:
    assert stands(store, MEDECIN) == Statement("d1", switches=Switches(True, True, False))


def test_a_closed_dossier_is_not_open(store: HabilitationsStore) -> None:
    closed = replace(DOSSIER, status=DossierStatus.CLOSED)
    assert store.statement(closed, MEDECIN, NOW) == Statement("d1", open=False)


def test_an_authorisation_runs_from_its_start_to_before_its_end(store: HabilitationsStore) -> None:
    store.authorise("d1", MEDECIN.id_nat, kind="person", start=NOW, end=NOW + YEAR)
    assert not stands(store, MEDECIN, NOW - SECOND).authorised
    assert not stands(store, MEDECIN, NOW - SECOND).expired
    assert stands(store, MEDECIN, NOW).authorised
    assert stands(store, MEDECIN, NOW + YEAR - SECOND).authorised
    over = stands(store, MEDECIN, NOW + YEAR)
    assert (over.authorised, over.expired) == (False, True)
    assert not stands(store, INFIRMIER).authorised
    assert not store.statement(replace(DOSSIER, key="d2"), MEDECIN, NOW).authorised


def test_renewing_replaces(store: HabilitationsStore) -> None:
    store.authorise("d1", MEDECIN.id_nat, kind="person", start=NOW, end=NOW + YEAR)
    store.authorise("d1", MEDECIN.id_nat, kind="person", start=NOW + YEAR, end=NOW + 2 * YEAR)
    assert store.wishes("d1").authorisations == (Authorisation("person", MEDECIN.id_nat, NOW + YEAR, NOW + 2 * YEAR),)


def test_the_establishment_is_one_care_team_of_health_professionals(store: HabilitationsStore) -> None:
    store.authorise("d1", HOSPITAL, kind="structure", start=NOW, end=NOW + YEAR)
    assert stands(store, replace(MEDECIN, structure_id=HOSPITAL)).authorised
    assert stands(store, replace(INFIRMIER, structure_id=HOSPITAL)).authorised
    assert not stands(store, MEDECIN).authorised
    assert not stands(store, ETABLISSEMENT).authorised
    assert not stands(store, replace(SECRETAIRE, structure_id=HOSPITAL)).authorised
    assert not stands(store, replace(SECRETAIRE, structure_id=HOSPITAL), NOW + YEAR).expired


def test_a_person_s_authorisation_is_not_a_structure_s(store: HabilitationsStore) -> None:
    store.authorise("d1", HOSPITAL, kind="person", start=NOW, end=NOW + YEAR)
    assert not stands(store, replace(MEDECIN, structure_id=HOSPITAL)).authorised
    assert stands(store, replace(MEDECIN, id_nat=HOSPITAL)).authorised


def test_nobody_is_authorised_by_an_empty_identifier(store: HabilitationsStore) -> None:
    with pytest.raises(RightsError, match="without identifier"):
        store.authorise("d1", "", kind="structure", start=NOW, end=NOW + YEAR)
    with pytest.raises(RightsError, match="got none"):
        store.block("d1", "", start=NOW)


def test_an_authorisation_must_end_after_it_starts(store: HabilitationsStore) -> None:
    with pytest.raises(RightsError, match="end after the start"):
        store.authorise("d1", MEDECIN.id_nat, kind="person", start=NOW, end=NOW)


def test_revoking_ends_everything(store: HabilitationsStore) -> None:
    store.authorise("d1", MEDECIN.id_nat, kind="person", start=NOW, end=NOW + YEAR)
    store.set_medecin_traitant("d1", MEDECIN.id_nat, True)
    store.revoke("d1", MEDECIN.id_nat)
    assert stands(store, MEDECIN) == Statement("d1")


def test_whoever_stops_being_medecin_traitant_keeps_his_authorisation(store: HabilitationsStore) -> None:
    store.authorise("d1", MEDECIN.id_nat, kind="person", start=NOW, end=NOW + YEAR)
    for _ in range(2):  # saying it twice changes nothing
        store.set_medecin_traitant("d1", MEDECIN.id_nat, True)
    assert stands(store, MEDECIN).medecin_traitant
    assert not stands(store, INFIRMIER).medecin_traitant
    store.set_medecin_traitant("d1", MEDECIN.id_nat, False)
    assert stands(store, MEDECIN) == Statement("d1", authorised=True)


@pytest.mark.parametrize("holder", [MEDECIN.id_nat, PRACTICE])
def test_blocking_ends_the_authorisation_and_unblocking_does_not_bring_it_back(
    store: HabilitationsStore, holder: str
) -> None:
    store.authorise("d1", MEDECIN.id_nat, kind="person", start=NOW, end=NOW + YEAR)
    for _ in range(2):
        store.block("d1", holder, start=NOW)
    assert stands(store, MEDECIN).blocked
    assert stands(store, MEDECIN).authorised is (holder == PRACTICE)
    with pytest.raises(RightsError, match="not blocked"):
        store.authorise("d1", holder, kind="person", start=NOW, end=NOW + YEAR)
    store.unblock("d1", holder)
    assert not stands(store, MEDECIN).blocked
    assert stands(store, MEDECIN).authorised is (holder == PRACTICE)


def test_a_medecin_traitant_cannot_be_blocked_nor_a_blocked_one_become_it(store: HabilitationsStore) -> None:
    store.set_medecin_traitant("d1", MEDECIN.id_nat, True)
    with pytest.raises(RightsError, match="someone else than a médecin traitant"):
        store.block("d1", MEDECIN.id_nat, start=NOW)
    store.block("d1", INFIRMIER.id_nat, start=NOW)
    with pytest.raises(RightsError, match="not blocked"):
        store.set_medecin_traitant("d1", INFIRMIER.id_nat, True)
    wishes = store.wishes("d1")
    assert (wishes.medecins_traitants, wishes.blocked) == ((MEDECIN.id_nat,), (INFIRMIER.id_nat,))


def test_switches_and_opposition_do_not_disturb_each_other(store: HabilitationsStore) -> None:
    store.oppose_feeding("d1")
    store.set_switches("d1", Switches(True, False, True))
    assert stands(store, MEDECIN) == Statement("d1", opposed_to_feeding=True, switches=Switches(True, False, True))
    store.oppose_feeding("d1", False)
    assert stands(store, MEDECIN).switches == Switches(True, False, True)
    assert not stands(store, MEDECIN).opposed_to_feeding
    with pytest.raises(RightsError, match="masques_en_urgence alone"):
        store.set_switches("d1", Switches(False, False, True))


def test_instants_are_kept_in_utc(store: HabilitationsStore) -> None:
    paris = timezone(timedelta(hours=1))
    store.authorise("d1", MEDECIN.id_nat, kind="person", start=NOW.astimezone(paris), end=NOW + YEAR)
    (authorisation,) = store.wishes("d1").authorisations
    assert (authorisation.start, authorisation.start.tzinfo) == (NOW, UTC)
    assert stands(store, MEDECIN, NOW.astimezone(paris)).authorised
    with pytest.raises(sa.exc.StatementError, match="aware"):
        store.authorise("d1", INFIRMIER.id_nat, kind="person", start=datetime(2026, 1, 1), end=datetime(2026, 1, 2))


def test_of_two_dossiers_that_become_one_what_shuts_out_holds(store: HabilitationsStore) -> None:
    other = INFIRMIER.id_nat
    store.authorise("d1", MEDECIN.id_nat, kind="person", start=NOW, end=NOW + YEAR)
    store.set_medecin_traitant("d1", other, True)
    store.set_switches("d1", Switches(True, False, True))
    store.authorise("d2", HOSPITAL, kind="structure", start=NOW, end=NOW + YEAR)
    for shut_out in (MEDECIN.id_nat, other):
        store.block("d2", shut_out, start=NOW)
    store.set_switches("d2", Switches(False, True, True))
    store.oppose_feeding("d2")
    store.unite("d2", "d1")
    said = store.wishes("d1")
    assert said.authorisations == () and said.medecins_traitants == ()
    assert set(said.blocked) == {MEDECIN.id_nat, other}
    assert said.switches == Switches(False, False, False)
    assert said.opposed_to_feeding
    assert store.wishes("d2") == store.wishes("nobody's")


def test_of_two_dossiers_that_become_one_the_survivor_s_authorisations_stand(store: HabilitationsStore) -> None:
    store.authorise("d1", MEDECIN.id_nat, kind="person", start=NOW, end=NOW + YEAR)
    store.authorise("d2", HOSPITAL, kind="structure", start=NOW, end=NOW + YEAR)
    store.unite("d2", "d1")
    assert [each.holder for each in store.wishes("d1").authorisations] == [MEDECIN.id_nat]
    assert store.wishes("d1").switches == Switches()


def test_what_was_authorised_secretly_is_not_told_to_representatives(store: HabilitationsStore) -> None:
    year = {"start": NOW, "end": NOW + YEAR}
    store.authorise("d1", MEDECIN.id_nat, kind="person", secret=True, **year)
    store.authorise("d1", INFIRMIER.id_nat, kind="person", **year)
    store.authorise("d1", INFIRMIER.id_nat, kind="person", secret=True, **year)
    assert stands(store, MEDECIN).authorised
    said = store.wishes("d1")
    assert [each.secret for each in said.authorisations if each.holder == MEDECIN.id_nat] == [True]
    told = [each.holder for each in said.for_representative().authorisations]
    assert told == [INFIRMIER.id_nat], "what they knew does not disappear"
    store.authorise("d1", MEDECIN.id_nat, kind="person", **year)
    assert len(store.wishes("d1").for_representative().authorisations) == 2


def test_authorisations_that_end_within_a_time(store: HabilitationsStore) -> None:
    for days, holder in ((10, MEDECIN.id_nat), (20, INFIRMIER.id_nat), (30, HOSPITAL)):
        store.authorise("d1", holder, kind="person", start=NOW, end=NOW + timedelta(days))
    found = store.expiring(NOW + timedelta(10), NOW + timedelta(30))
    assert [(key, each.holder) for key, each in found] == [("d1", MEDECIN.id_nat), ("d1", INFIRMIER.id_nat)]


def test_a_rectification_is_kept_with_whom_it_was_asked_of(store: HabilitationsStore) -> None:
    first = Rectification("a", "1.2.3", "La date est fausse.", (HOSPITAL, MEDECIN.id_nat), NOW, "279035121518989")
    second = replace(first, id="b", document="1.2.4", addressees=(INFIRMIER.id_nat,), instant=NOW + SECOND)
    for asked in (second, first):
        store.request_rectification("d1", asked)
    store.request_rectification("d2", replace(first, id="c"))
    assert store.rectifications("d1") == (first, second)
    store.unite("d2", "d1")
    assert (len(store.rectifications("d1")), store.rectifications("d2")) == (3, ())


def test_what_is_erased_leaves_nothing(store: HabilitationsStore) -> None:
    for dossier in ("d1", "d2"):
        store.authorise(dossier, MEDECIN.id_nat, kind="person", start=NOW, end=NOW + YEAR)
        store.set_medecin_traitant(dossier, MEDECIN.id_nat, True)
        store.block(dossier, INFIRMIER.id_nat, start=NOW)
        store.oppose_feeding(dossier)
        store.record_consent(dossier, Consent("CONSENTEMENT_OUVERTURE_DMP", True, NOW, "test"))
        store.request_rectification(dossier, Rectification(dossier, "1.2.3", "Faux.", (HOSPITAL,), NOW, "x"))
    store.erase("d1")
    for table in METADATA.sorted_tables:
        left = store._connection.execute(sa.select(table.c.dossier)).scalars().all()
        assert set(left) == {"d2"}, table.name
