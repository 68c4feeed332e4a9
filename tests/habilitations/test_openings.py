"""Which dossiers are open to whom, and what was said in many of them at once: as in each by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from habilitations.statement import Switches
from habilitations.store import METADATA, HabilitationsStore
from habilitations.wishes import PERSON, STRUCTURE, Opening
from identities.dossier import Dossier, DossierStatus
from identities.requester import Requester
from tests.databases import sqlite_engine
from tests.habilitations.people import ETABLISSEMENT, HOSPITAL, INFIRMIER, MEDECIN, NOW, PRACTICE, SECRETAIRE
from tests.habilitations.test_habilitations_store import DOSSIER

DAY = timedelta(days=1)
ALL = 1000
KEYS = ("d1", "d2", "d3")
DOSSIERS = tuple(replace(DOSSIER, key=key) for key in KEYS)
PEOPLE: tuple[Requester, ...] = (MEDECIN, INFIRMIER, SECRETAIRE, ETABLISSEMENT, replace(MEDECIN, structure_id=HOSPITAL))
HOLDERS = (MEDECIN.id_nat, INFIRMIER.id_nat, PRACTICE, HOSPITAL)


class Act(NamedTuple):
    """One thing that a patient says."""

    kind: str
    dossier: str
    holder: str
    start: int = 0
    length: int = 1


acts = st.lists(
    st.builds(
        Act,
        st.sampled_from(("authorise", "treat", "block", "switches", "oppose")),
        st.sampled_from(KEYS[:2]),
        st.sampled_from(HOLDERS),
        st.integers(-3, 3),
        st.integers(1, 5),
    ),
    max_size=12,
)


def said(store: HabilitationsStore, told: list[Act]) -> None:
    """Says it all, but for what the rules do not allow."""
    for act in told:
        wishes = store.wishes(act.dossier)
        blocked, treating = act.holder in wishes.blocked, act.holder in wishes.medecins_traitants
        start = NOW + act.start * DAY
        match act.kind:
            case "authorise" if not blocked:
                kind = STRUCTURE if act.holder in (PRACTICE, HOSPITAL) else PERSON
                store.authorise(act.dossier, act.holder, kind=kind, start=start, end=start + act.length * DAY)
            case "treat" if not blocked:
                store.set_medecin_traitant(act.dossier, act.holder, True)
            case "block" if not treating:
                store.block(act.dossier, act.holder, start=NOW)
            case "switches":
                store.set_switches(act.dossier, Switches(act.start > 0, True, act.length > 2))
            case "oppose":
                store.oppose_feeding(act.dossier, act.start > 0)


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Engine]:
    with sqlite_engine(tmp_path_factory.mktemp("openings") / "test.sqlite") as engine:
        METADATA.create_all(engine)
        yield engine


@pytest.fixture
def store(engine: sa.Engine) -> Iterator[HabilitationsStore]:
    METADATA.create_all(engine)
    with engine.begin() as connection:
        yield HabilitationsStore(connection)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts)
def test_many_dossiers_are_judged_as_each_by_itself(memory: sa.Engine, told: list[Act]) -> None:
    with memory.connect() as connection:  # rolled back in the end
        store = HabilitationsStore(connection)
        said(store, told)
        for requester in PEOPLE:
            expected = tuple(store.statement(dossier, requester, NOW) for dossier in DOSSIERS)
            assert store.statements(DOSSIERS, requester, NOW) == expected


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts, st.sets(st.sampled_from(HOLDERS), min_size=1), st.none() | st.integers(-3, 1))
def test_what_is_open_to_somebody_is_what_the_wishes_say(
    memory: sa.Engine, told: list[Act], holders: set[str], since: int | None
) -> None:
    begun = None if since is None else NOW + since * DAY
    with memory.connect() as connection:
        store = HabilitationsStore(connection)
        said(store, told)
        expected = {}
        for key in KEYS:
            wishes = store.wishes(key)
            starts = [
                each.start
                for each in wishes.authorisations
                if each.holder in holders and each.holder not in wishes.blocked and each.start <= NOW < each.end
            ]
            treating = bool(holders & set(wishes.medecins_traitants))
            last = max(starts, default=None)
            if (starts or treating) if begun is None else (last is not None and last >= begun):
                expected[key] = Opening(key, last, treating)
        found = store.opened_to(sorted(holders), NOW, since=begun, limit=ALL)
        assert {each.dossier: each for each in found} == expected
        assert [each.dossier for each in found] == sorted(expected)


def test_the_list_stops_where_it_is_told_to(store: HabilitationsStore) -> None:
    for number in range(5):
        store.authorise(f"d{number}", MEDECIN.id_nat, kind=PERSON, start=NOW, end=NOW + DAY)
        store.set_medecin_traitant(f"d{number}", MEDECIN.id_nat, True)
    found = store.opened_to([MEDECIN.id_nat], NOW, limit=3)
    assert found == tuple(Opening(f"d{number}", NOW, True) for number in range(3))
    assert len(store.opened_to([MEDECIN.id_nat], NOW, since=NOW, limit=ALL)) == 5
    assert store.opened_to([MEDECIN.id_nat], NOW, since=NOW + timedelta(seconds=1), limit=ALL) == ()
    assert store.opened_to([], NOW, limit=ALL) == ()


def test_many_holders_and_many_dossiers(store: HabilitationsStore) -> None:
    """More than one statement is given at once."""
    holders = [f"8{number:011d}" for number in range(1200)]
    for number, holder in enumerate(holders):
        store.authorise(f"d{number:04d}", holder, kind=PERSON, start=NOW, end=NOW + DAY)
    found = store.opened_to(holders, NOW, limit=ALL * 2)
    assert [each.dossier for each in found] == [f"d{number:04d}" for number in range(1200)]
    dossiers: list[Dossier] = [replace(DOSSIER, key=each.dossier, status=DossierStatus.CLOSED) for each in found]
    said = store.statements(dossiers, replace(MEDECIN, id_nat=holders[1100]), NOW)
    assert [each.dossier for each in said if each.authorised] == ["d1100"]
    assert not any(each.open for each in said)


def test_no_table_is_read_from_end_to_end(memory: sa.Engine) -> None:
    plans: list[str] = []
    with memory.connect() as connection:
        store = HabilitationsStore(connection)

        def explain(raw: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            rows = raw.connection.dbapi_connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in rows)

        sa.event.listen(connection, "before_cursor_execute", explain)
        store.statements(DOSSIERS, MEDECIN, NOW)
        store.opened_to(HOLDERS, NOW, limit=ALL)
        store.opened_to(HOLDERS, NOW, since=NOW, limit=ALL)
    tables = tuple(METADATA.tables)
    assert any("ix_authorisations_holder" in plan for plan in plans)
    assert [plan for plan in plans if plan.startswith("SCAN") and plan.split()[1] in tables] == []
