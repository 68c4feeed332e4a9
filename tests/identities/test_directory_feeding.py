"""What an extraction does to the directory's rows, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from identities.professional import Activity, Exercice, Listing, Professional, Structure, Tally
from identities.requester import Authentication
from identities.store import METADATA, IdentitiesStore
from schemas import oids

FIRST = datetime(2026, 11, 22, 8, 7, tzinfo=UTC)
SECOND = FIRST + timedelta(days=1)
SITE = Activity("1990000018", frozenset({"SA01"}), frozenset({"S"}))
PRACTICE = Activity("399000000100018", frozenset({"SA07"}), frozenset({"L"}))
GENERAL, AT_WORK = Exercice("10", "SM26"), Exercice("10", "SM25")
HOSPITAL = Structure(SITE.structure_id, "CHU", "SA01")


def listing(*activities: Activity, exercices: frozenset[Exercice] = frozenset({GENERAL}), **fields: str) -> Listing:
    person = Professional("899900000017", "MARTIN", "Claire", "10", oids.PROFESSION, exercices=exercices)
    return Listing(replace(person, **fields), activities)  # type: ignore[arg-type]


@pytest.fixture
def store(engine: sa.Engine) -> Iterator[IdentitiesStore]:
    METADATA.create_all(engine)
    with engine.begin() as connection:
        yield IdentitiesStore(connection)


def take(
    store: IdentitiesStore, one: Listing, at: datetime = FIRST, *, complete: bool = True, every: bool = True
) -> tuple[Tally, Tally]:
    return store.list_professionals([one], at, complete=complete, every_savoir_faire=every)


def test_what_is_listed_is_known_and_listing_it_again_changes_nothing(store: IdentitiesStore) -> None:
    one = listing(SITE, PRACTICE, exercices=frozenset({GENERAL, AT_WORK, Exercice("10")}))
    assert take(store, one) == (Tally(added=1), Tally(added=2))
    assert take(store, one, SECOND) == (Tally(same=1), Tally(same=2))
    known = store.professional("899900000017")
    assert known is not None and known.structures == {SITE.structure_id, PRACTICE.structure_id}
    assert (known.profession, known.specialty, known.exercices) == ("10", "SM25", {GENERAL, AT_WORK})
    assert store.activities("899900000017") == (SITE, PRACTICE)


def test_an_activity_that_is_listed_no_longer_has_ended_until_it_is_again(store: IdentitiesStore) -> None:
    take(store, listing(SITE, PRACTICE))
    assert take(store, listing(SITE), SECOND) == (Tally(same=1), Tally(same=1, ended=1))
    assert store.professional("899900000017").structures == {SITE.structure_id}  # type: ignore[union-attr]
    assert store.activities("899900000017") == (SITE, replace(PRACTICE, ended=SECOND))
    assert take(store, listing(SITE), SECOND + timedelta(days=1))[1] == Tally(same=1)
    assert take(store, listing(SITE, PRACTICE), SECOND)[1] == Tally(same=1, changed=1)
    assert store.activities("899900000017") == (SITE, PRACTICE)


def test_an_excerpt_and_a_line_that_was_refused_end_nothing(store: IdentitiesStore) -> None:
    take(store, listing(SITE, PRACTICE))
    assert take(store, listing(SITE), SECOND, complete=False)[1] == Tally(same=1)
    assert take(store, replace(listing(SITE), spared=True), SECOND)[1] == Tally(same=1)
    assert len(store.professional("899900000017").structures) == 2  # type: ignore[union-attr]


def test_savoir_faire_are_dropped_only_by_the_file_that_has_them_all(store: IdentitiesStore) -> None:
    both = frozenset({GENERAL, AT_WORK})
    take(store, listing(SITE, exercices=both))
    assert take(store, listing(SITE), every=False)[0] == Tally(same=1)
    assert store.professional("899900000017").exercices == both  # type: ignore[union-attr]
    assert take(store, listing(SITE))[0] == Tally(changed=1)
    known = store.professional("899900000017")
    assert known is not None and (known.specialty, known.exercices) == ("SM26", frozenset())


def test_a_profession_that_is_listed_no_longer_is_dropped_but_by_an_excerpt(store: IdentitiesStore) -> None:
    take(store, listing(SITE))
    nurse = listing(SITE, exercices=frozenset({Exercice("60")}))
    take(store, nurse, complete=False, every=False)
    assert store.professional("899900000017").exercices == {GENERAL, Exercice("60")}  # type: ignore[union-attr]
    take(store, nurse, every=False)
    known = store.professional("899900000017")
    assert known is not None and (known.profession, known.specialty, known.exercices) == ("60", "", frozenset())


def test_who_is_listed_no_longer_is_inactive_and_so_is_what_he_did(store: IdentitiesStore) -> None:
    store.list_structures([HOSPITAL])
    take(store, listing(SITE))
    assert store.professionals_listed("", 10) == ("899900000017",)
    assert store.end_structures([SITE.structure_id]) == Tally()  # an activity goes on there
    assert store.end_professionals(["899900000017"], SECOND) == (Tally(ended=1), Tally(ended=1))
    assert store.end_structures([SITE.structure_id]) == Tally(ended=1)
    known, structure = store.professional("899900000017"), store.structure(SITE.structure_id)
    assert known is not None and structure is not None
    assert not known.active and not known.structures and not structure.active
    assert store.professionals_listed("", 10) == store.structures_listed("", 10) == ()
    assert take(store, listing(SITE))[0] == store.list_structures([HOSPITAL]) == Tally(changed=1)
    assert store.professional("899900000017").active  # type: ignore[union-attr]


def test_what_the_operator_wrote_is_not_the_extraction_s_to_end(store: IdentitiesStore) -> None:
    approved = replace(HOSPITAL, name="Hôpital", modes=frozenset({Authentication.INDIRECTE}))
    store.save_structure(approved)
    own = replace(listing().professional, structures=frozenset({PRACTICE.structure_id}))
    store.save_professional(own)
    assert store.professionals_listed("", 10) == store.structures_listed("", 10) == ()
    take(store, listing(SITE))
    assert store.list_structures([HOSPITAL]) == Tally(changed=1)
    assert store.structure(SITE.structure_id) == replace(HOSPITAL, modes=approved.modes)  # the approval stays
    assert take(store, listing(SITE), SECOND)[1] == Tally(same=1)
    assert store.professional("899900000017").structures == {  # type: ignore[union-attr]
        SITE.structure_id,
        PRACTICE.structure_id,
    }
    store.save_professional(own)  # and his word replaces all
    assert store.activities("899900000017") == (Activity(PRACTICE.structure_id),)


def test_a_changed_name_or_sector_is_a_change(store: IdentitiesStore) -> None:
    take(store, listing(SITE))
    moved = replace(SITE, sectors=frozenset({"SA05", "SA01"}))
    assert take(store, listing(moved, family="DURAND")) == (Tally(changed=1), Tally(changed=1))
    assert store.activities("899900000017") == (moved,)
    assert store.professional("899900000017").family == "DURAND"  # type: ignore[union-attr]


MEDECIN = Professional("899900000017", "MARTIN", "Claire", "10", oids.PROFESSION, "SM25")


@pytest.mark.parametrize(
    ("known", "claimed", "holds"),
    [
        (MEDECIN, ("10", oids.PROFESSION, "SM25"), True),
        (MEDECIN, ("10", oids.PROFESSION, "SM26"), False),  # an occupational physician is no other
        (replace(MEDECIN, exercices=frozenset({GENERAL, AT_WORK})), ("10", oids.PROFESSION, "SM26"), True),
        (replace(MEDECIN, exercices=frozenset({GENERAL, AT_WORK})), ("10", oids.PROFESSION, "SM25"), True),
        (replace(MEDECIN, exercices=frozenset({GENERAL, AT_WORK})), ("10", oids.PROFESSION, "SM54"), False),
        (replace(MEDECIN, exercices=frozenset({AT_WORK, Exercice("40")})), ("40", oids.PROFESSION, ""), True),
        (replace(MEDECIN, specialty=""), ("10", oids.PROFESSION, "SM26"), True),  # nothing known of it
        (MEDECIN, ("21", oids.PROFESSION, "A"), False),
        (MEDECIN, ("10", oids.ROLE_NON_PS, "SM25"), False),
        (replace(MEDECIN, profession="60", specialty="IP01"), ("60", oids.PROFESSION, "237"), True),  # a role of care
    ],
)
def test_of_several_savoir_faire_the_one_claimed_counts_if_it_is_known(
    known: Professional, claimed: tuple[str, str, str], holds: bool
) -> None:
    assert known.exercises(*claimed) is holds
