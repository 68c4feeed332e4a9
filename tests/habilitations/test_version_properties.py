"""What holds of every set of versions: the decision is that of a naive oracle, and less right never shows more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st

from habilitations.comparison import changes
from habilitations.decision import Tables
from habilitations.labels import EVERY_TYPE, document_types
from habilitations.matrices import Matrice, MatriceRow, Nature, Statut
from identities.requester import Requester
from tests.habilitations.people import MEDECIN, NOW
from tests.habilitations.test_versions import BIO, CRH, reads

KINDS = [CRH, BIO]
KEYS = [("10", ""), ("10", "SM54"), ("60", ""), ("60", "SI01"), ("21", "A")]
FIRST_SHEET = date(2024, 9, 25)  # of the functional rights
(SHEETS,) = Tables.load().droits

Cells = Mapping[tuple[str, str, str], bool]


@dataclass(frozen=True)
class Law:
    """A matrix as a lawyer has it: a date, and what is said of whom and what."""

    date: date
    cells: Cells


# Few days, few hours, few keys, so that they meet: around the first sheet, and the beginning of summer time in 2025.
days = st.dates(date(2025, 3, 28), date(2025, 4, 1)) | st.dates(date(2024, 9, 24), date(2024, 9, 26))
places = st.builds(lambda key, kind: (*key, kind), st.sampled_from(KEYS), st.sampled_from([*KINDS, EVERY_TYPE]))
cells = st.dictionaries(places, st.booleans(), max_size=12)
laws = st.lists(st.builds(Law, days, cells), max_size=4, unique_by=lambda law: law.date)
zones = st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours)))
hours = st.sampled_from([0, 1, 12, 21, 22, 23])
instants = st.builds(
    lambda day, hour, second, zone: datetime(
        day.year, day.month, day.day, hour, second, second, second, tzinfo=UTC
    ).astimezone(zone),
    days,
    hours,
    st.sampled_from([0, 59]),
    zones,
)
requesters = st.builds(
    lambda key: replace(MEDECIN, profession=key[0], specialty=key[1]),
    st.sampled_from([("10", "SM26"), ("10", "SM54"), ("60", ""), ("60", "SI01"), ("21", "A"), ("70", ""), ("99", "")]),
)
kinds = st.sampled_from([*KINDS, "UNKNOWN"])


def tables_of(found: Sequence[Law]) -> Tables:
    return Tables((SHEETS,), tuple(matrice_of(law) for law in found))


def matrice_of(law: Law) -> Matrice:
    rows: dict[tuple[str, str], dict[str, MatriceRow]] = {}
    for (profession, specialite, kind), granted in law.cells.items():
        row = MatriceRow(profession, specialite, kind, granted, Statut.OFFICIEL, "", 0)
        rows.setdefault((profession, specialite), {})[kind] = row
    return Matrice("m.csv", law.date.isoformat(), law.date, Nature.PARTIELLE, "", rows)


def day_in_paris(instant: datetime) -> date:
    """By the rule of Directive 2000/84/EC: summer time from the last Sunday of March to that of October, 01:00 UTC."""

    def change(month: int) -> datetime:
        last = datetime(instant.astimezone(UTC).year, month, 31, 1, tzinfo=UTC)
        return last - timedelta(days=(last.weekday() + 1) % 7)

    summer = change(3) <= instant < change(10)
    return (instant.astimezone(UTC) + timedelta(hours=2 if summer else 1)).date()


def law_says(found: Sequence[Law], requester: Requester, kind: str, instant: datetime) -> bool:
    """The naive oracle: every law is looked at, and nothing is remembered."""
    today = day_in_paris(instant)
    past = [law for law in found if law.date <= today]
    if not past or today < FIRST_SHEET:
        return False
    law = max(past, key=lambda each: each.date)
    for specialty in (requester.specialty, ""):
        for named in (kind, EVERY_TYPE):
            said = law.cells.get((requester.profession, specialty, named))
            if said is not None:
                return said
    return False


@settings(max_examples=400)
@given(laws, requesters, kinds, instants)
def test_the_decision_is_that_of_the_naive_oracle(
    found: list[Law], requester: Requester, kind: str, instant: datetime
) -> None:
    assert reads(tables_of(found), requester, kind, instant) is law_says(found, requester, kind, instant)


@given(st.data(), laws, requesters, kinds, instants)
def test_removing_a_right_never_shows_more(
    data: st.DataObject, found: list[Law], requester: Requester, kind: str, instant: datetime
) -> None:
    rights = [(index, key) for index, law in enumerate(found) for key, said in law.cells.items() if said]
    if not rights:
        return
    index, key = data.draw(st.sampled_from(rights))
    rest = {other: said for other, said in found[index].cells.items() if other != key}
    fewer = data.draw(st.sampled_from([rest, {**rest, key: False}]))
    poorer = [*found[:index], Law(found[index].date, fewer), *found[index + 1 :]]
    if reads(tables_of(poorer), requester, kind, instant):
        assert reads(tables_of(found), requester, kind, instant)


@given(laws, days, cells, requesters, kinds, instants)
def test_a_version_to_come_changes_nothing_before_its_day(
    found: list[Law], day: date, later: Cells, requester: Requester, kind: str, instant: datetime
) -> None:
    if day_in_paris(instant) < day and all(law.date != day for law in found):
        more = tables_of([*found, Law(day, later)])
        assert reads(more, requester, kind, instant) is reads(tables_of(found), requester, kind, instant)


@given(cells, cells)
def test_what_changes_between_two_matrices_is_what_reads_differently(old: Cells, new: Cells) -> None:
    before, after = (matrice_of(Law(NOW.date(), each)) for each in (old, new))
    found = {(each.profession, each.specialite, each.type_document): each.opens for each in changes(before, after)}
    expected = {}
    for profession, specialite in {*before.rows, *after.rows}:
        for kind in (*document_types(), EVERY_TYPE):
            place = (profession, specialite, kind)
            requester = replace(MEDECIN, profession=profession, specialty=specialite)
            was, now = (law_says([Law(FIRST_SHEET, each)], requester, kind, NOW) for each in (old, new))
            if was is not now:
                expected[place] = now
    assert found == expected
