"""Who acts for whom, and until when: civil days of Paris, whatever the zone of the instant."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from identities.dossier import Dossier, DossierStatus, Traits
from identities.representation import (
    PARIS,
    Capacity,
    Representative,
    in_office,
    is_minor,
    majority,
    notice_day,
    represents,
)
from identities.requester import PatientId
from schemas import oids

BIRTHS = st.dates(date(1900, 1, 1), date(2060, 12, 31))
ZONES = st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))
MOMENTS = st.datetimes(datetime(1960, 1, 1), datetime(2080, 1, 1), timezones=ZONES)
CAPACITIES = st.sampled_from(Capacity)


def someone(capacity: Capacity = Capacity.PARENT, **said: datetime | None) -> Representative:
    return Representative("r1", "PARENT", "Camille", "MTH", capacity, **said)  # type: ignore[arg-type]


def midnight(day: date) -> datetime:
    """The first instant of a day in Paris."""
    return datetime(day.year, day.month, day.day, tzinfo=PARIS)


@pytest.mark.parametrize(
    ("birth", "day", "told"),
    [
        (date(2008, 5, 30), date(2026, 5, 30), date(2026, 4, 30)),
        (date(2008, 2, 29), date(2026, 3, 1), date(2026, 2, 1)),
        (date(2008, 3, 31), date(2026, 3, 31), date(2026, 2, 28)),
        (date(2010, 3, 31), date(2028, 3, 31), date(2028, 2, 29)),
        (date(2008, 1, 15), date(2026, 1, 15), date(2025, 12, 15)),
    ],
    ids=["a day", "29 February", "31 March", "31 March of a leap year", "January"],
)
def test_majority_and_the_month_before(birth: date, day: date, told: date) -> None:
    assert (majority(birth), notice_day(birth)) == (day, told)


@given(BIRTHS)
@example(date(2008, 2, 29))
def test_majority_is_eighteen_years_on_and_notice_a_month_before(birth: date) -> None:
    day = majority(birth)
    assert day.year == birth.year + 18
    assert (day.month, day.day) in ((birth.month, birth.day), (3, 1))
    assert timedelta(28) <= day - notice_day(birth) <= timedelta(31)


@given(BIRTHS, ZONES, st.integers(0, 86_399))
@example(date(2008, 3, 29), UTC, 0)  # the night of summer time
@example(date(2008, 2, 29), UTC, 0)
def test_a_parent_acts_until_midnight_in_paris_wherever_it_is_said(birth: date, zone: timezone, seconds: int) -> None:
    end, within = midnight(majority(birth)), timedelta(seconds=seconds)
    before, after = (end.astimezone(UTC) - timedelta(microseconds=1) - within, end.astimezone(UTC) + within)
    assert represents(someone(), birth, False, before.astimezone(zone))
    assert not represents(someone(), birth, False, after.astimezone(zone))


@given(BIRTHS, MOMENTS, st.booleans())
def test_who_is_over_minors_acts_for_minors_and_a_guardian_of_adults_for_the_others(
    birth: date, moment: datetime, emancipated: bool
) -> None:
    minor = is_minor(birth, emancipated, moment)
    acting = {capacity for capacity in Capacity if represents(someone(capacity), birth, emancipated, moment)}
    assert acting == ({Capacity.PARENT, Capacity.TUTEUR} if minor else {Capacity.TUTELLE})
    assert not (minor and emancipated)


@given(CAPACITIES, BIRTHS, MOMENTS, MOMENTS, MOMENTS, st.booleans())
def test_nobody_acts_before_they_begin_or_after_they_end(
    capacity: Capacity, birth: date, since: datetime, ended: datetime, moment: datetime, emancipated: bool
) -> None:
    one = someone(capacity, since=since, ended=ended)
    if represents(one, birth, emancipated, moment):
        assert since <= moment < ended
        assert represents(someone(capacity), birth, emancipated, moment)


@given(CAPACITIES, MOMENTS)
def test_who_has_no_known_birth_date_has_guardians_only(capacity: Capacity, moment: datetime) -> None:
    assert represents(someone(capacity), None, False, moment) is (capacity is Capacity.TUTELLE)


@given(CAPACITIES, BIRTHS, MOMENTS, st.booleans(), st.booleans())
def test_in_office_are_those_who_represent_the_living(
    capacity: Capacity, birth: date, moment: datetime, emancipated: bool, deceased: bool
) -> None:
    dossier = Dossier(
        "d1",
        (PatientId("208055700000123", oids.INS_NIR_TEST),),
        Traits("A", "B", birth, "F"),
        DossierStatus.OPEN,
        moment,
        deceased=deceased,
        emancipated=emancipated,
    )
    one = someone(capacity)
    expected = [one] if represents(one, birth, emancipated, moment) and not deceased else []
    assert in_office([one], dossier, moment) == expected
