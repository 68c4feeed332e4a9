"""Searching patients: terms, degrees of match, and SQL that finds exactly whom the query fits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identities.demographics import (
    Address,
    Demographics,
    Part,
    PersonName,
    Telecom,
    from_json,
    telecom_term,
    term,
    to_json,
)
from identities.dossier import Dossier, DossierStatus, Traits
from identities.patient_query import (
    Between,
    PatientQuery,
    Pattern,
    address_patterns,
    name_patterns,
    telecom_pattern,
)
from identities.requester import PatientId
from identities.store import METADATA, IdentitiesStore
from identities.store.searching import _conditions
from identities.store.tables import DOSSIERS, IDENTIFIERS, TERMS

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AUTHORITY = "1.2.3"

# A small world, so that things coincide.
TEXTS = st.sampled_from(
    ["Muster", "MUSTER", "Müster", "Must", "de la Cruz", "De-La Cruz", "Ça", "*", "Zoé", "Zoe", "日本"]
)
NAME_PARTS = st.builds(Part, st.sampled_from(["family", "given", "prefix", ""]), TEXTS, st.sampled_from(["", "BR"]))
NAMES = st.builds(PersonName, st.lists(NAME_PARTS, min_size=1, max_size=3).map(tuple))
ADDRESS_PARTS = st.builds(Part, st.sampled_from(["streetName", "houseNumber", "city"]), TEXTS, st.just(""))
ADDRESSES = st.builds(Address, st.lists(ADDRESS_PARTS, min_size=1, max_size=3).map(tuple))
TIMES = st.sampled_from(["", "1960", "196006", "19600618", "196006181530", "19600619", "19610101", "1959"])
TELECOMS = st.builds(Telecom, st.sampled_from(["tel:+33 1", "tel:+331", "mailto:A@b", "A@B"]))
SEXES = st.sampled_from(["M", "F", "U", ""])
DEMOGRAPHICS = st.builds(
    Demographics,
    st.lists(NAMES, max_size=2).map(tuple),
    st.lists(ADDRESSES, max_size=2).map(tuple),
    st.lists(TELECOMS, max_size=2).map(tuple),
    st.one_of(st.none(), NAMES),
)
TRAITS = st.builds(
    Traits,
    birth_family=st.just(""),
    birth_given=st.just(""),
    birth_date=st.none(),
    sex=SEXES,
    birth_time=TIMES,
    demographics=DEMOGRAPHICS,
)
QUERY_NAMES = st.builds(lambda name, search: name_patterns(name, search=search), NAMES, st.booleans())
QUERIES = st.builds(
    PatientQuery,
    names=st.lists(QUERY_NAMES, max_size=2).map(lambda them: tuple(them) if all(them) else ()),
    mothers=st.lists(QUERY_NAMES, max_size=1).map(lambda them: tuple(them) if all(them) else ()),
    sexes=st.lists(SEXES, max_size=1).map(tuple),
    births=st.lists(st.builds(Between, TIMES, TIMES), max_size=2).map(
        lambda them: tuple(each for each in them if any(each))
    ),
    addresses=st.lists(ADDRESSES.map(address_patterns), max_size=1).map(lambda them: tuple(them) if all(them) else ()),
    telecoms=st.lists(TELECOMS.map(lambda each: telecom_pattern(each.value)), max_size=1).map(tuple),
    identifiers=st.lists(st.sampled_from("012").map(lambda each: PatientId(each, AUTHORITY)), max_size=1).map(tuple),
)


@pytest.fixture
def connection(engine: sa.Engine) -> Iterator[sa.Connection]:
    METADATA.create_all(engine)
    with engine.begin() as opened:
        yield opened


def fits(query: PatientQuery, number: int, traits: Traits) -> bool:
    """The query by its words, on one patient: slow and plain."""
    said = traits.demographics

    def holds(alternatives: tuple[tuple[Pattern, ...], ...], items: list[list[tuple[str, str]]]) -> bool:
        return not alternatives or any(
            all(any(part == p.part and p.degree(text) for part, text in item) for p in patterns)
            for patterns in alternatives
            for item in items
        )

    names = [[(part.kind, part.text) for part in name.parts] for name in traits.names]
    mothers = [[(p.kind, p.text) for p in said.mothers_maiden_name.parts]] if said.mothers_maiden_name else []
    addresses = []
    for each in said.addresses:
        lines = [part.text for part in each.parts if part.kind != "city"]
        items = [("city" if part.kind == "city" else "streetAddressLine", part.text) for part in each.parts]
        addresses.append([*items, *([("streetAddressLine", " ".join(lines))] if lines else [])])
    return (
        holds(query.names, names)
        and holds(query.mothers, mothers)
        and holds(query.addresses, addresses)
        and (not query.sexes or traits.sex in query.sexes)
        and (not query.births or any(each.holds(traits.birth_text) for each in query.births))
        and (not query.telecoms or any(telecom_term(each.value) in query.telecoms for each in said.telecoms))
        and all(each.value == str(number) for each in query.identifiers)
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TRAITS, min_size=1, max_size=3), QUERIES)
def test_sql_finds_exactly_whom_the_query_fits(
    connection: sa.Connection, patients: list[Traits], query: PatientQuery
) -> None:
    store = IdentitiesStore(connection)
    for table in (TERMS, IDENTIFIERS, DOSSIERS):
        connection.execute(sa.delete(table))
    for number, traits in enumerate(patients):
        identifier = PatientId(str(number), AUTHORITY)
        store.open(Dossier(str(number), (identifier,), traits, DossierStatus.OPEN, NOW))
    found = {dossier.key for dossier in store.find_dossiers(query, 10)}
    assert found == {str(number) for number, traits in enumerate(patients) if fits(query, number, traits)}


def test_closed_dossiers_are_found_where_they_are_wanted(connection: sa.Connection) -> None:
    store, traits = IdentitiesStore(connection), Traits("MUSTER", "MAJA", None, "F")
    for table in (TERMS, IDENTIFIERS, DOSSIERS):
        connection.execute(sa.delete(table))
    for key in ("open", "closed"):
        store.open(Dossier(key, (PatientId(key, AUTHORITY),), traits, DossierStatus.OPEN, NOW))
    store.close("closed", instant=NOW, reason="")
    query = PatientQuery(sexes=("F",))
    assert {dossier.key for dossier in store.find_dossiers(query, 10)} == {"open", "closed"}
    assert [dossier.key for dossier in store.find_dossiers(query, 1, open_only=True)] == ["open"]


@given(TRAITS, QUERIES)
def test_whoever_fits_by_name_is_worth_something(traits: Traits, query: PatientQuery) -> None:
    degree = query.degree(traits)
    assert 0 <= degree <= 100
    if fits(query, 0, traits):
        assert degree > 0 or not (query.names or query.mothers or query.addresses)


@given(DEMOGRAPHICS)
def test_demographics_survive_their_json(demographics: Demographics) -> None:
    assert from_json(to_json(demographics)) == demographics


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Müller", "MULLER"),
        ("d'Artagnan", "D Artagnan"),
        ("Jean-Pierre", "jean  pierre"),
        ("ŒDIPE", "oedipe"),
        ("Straße", "STRASSE"),
        ("Łukasz", "lukasz"),
        ("Ｆｕｌｌ", "full"),
    ],
)
def test_two_spellings_of_one_name_are_one_term(one: str, other: str) -> None:
    assert term(one) == term(other) != ""


def test_terms_are_short_enough_for_an_index() -> None:
    assert len(term("x" * 10_000)) == len(telecom_term("tel:" + "1" * 10_000)) == 200


def test_a_search_of_a_large_register_uses_indexes(connection: sa.Connection) -> None:
    """No condition of a query scans the dossiers. On PostgreSQL the planner may still prefer to."""
    if connection.dialect.name != "sqlite":
        pytest.skip("plans are compared on SQLite")
    name = PersonName((Part("family", "Mus*"), Part("given", "Maja")))
    queries = (
        PatientQuery(names=(name_patterns(name, search=False),)),
        PatientQuery(births=(Between("1960", "1961"),)),
        PatientQuery(telecoms=("1",)),
        PatientQuery(identifiers=(PatientId("1", AUTHORITY),)),
    )
    for query in queries:
        statement = sa.select(DOSSIERS.c.key).where(*_conditions(query))
        text = statement.compile(connection.engine, compile_kwargs={"render_postcompile": True})
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", tuple(b"" for _ in text.positiontup or ()))
        steps = [row[3] for row in plan]
        assert steps and not [step for step in steps if step.startswith("SCAN dossiers")], steps
