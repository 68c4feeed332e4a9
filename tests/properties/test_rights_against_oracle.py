"""What a search lists is what opening allows is what the text allows; and nothing tells what is hidden.

For random dossiers, people and matrices, through the hall's own use cases on real rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.properties import rights_oracle
from tests.properties.rights_house import RightsHouse, rights_house
from tests.properties.rights_oracle import Document, Matrix, Said, Who

KINDS = ("34112-3", "11502-2", "11488-4")
MODES = ("normal", "centre_15", "bris_de_glace")
PEOPLE = (
    Who("medecin", "10", "SM26"),
    Who("medecin", "10", "SM04"),
    Who("medecin_du_travail", "10", "SM25"),
    Who("autre_ps", "60"),
    Who("autre_ps", "21", "A"),
    Who("autre_ps", "80"),
    Who("secretaire", "SECRETARIAT_MEDICAL"),
)

everybody = st.one_of(
    st.builds(
        lambda who, by, mode, reason: replace(who, by=by, mode=mode, reason=reason),
        st.sampled_from(PEOPLE),
        st.sampled_from(["carte", "air"]),
        st.sampled_from(MODES),
        st.sampled_from(["patient inconscient", "patient inconscient", ""]),
    ),
    st.builds(
        lambda mode: Who("structure", "AUTOMATE", by="certificat", mode=mode), st.sampled_from(["normal", "centre_15"])
    ),
    st.sampled_from([Who("patient", by="compte"), Who("representant", by="compte")]),
)
authorisations = st.sampled_from(["no", "yes", "yes", "expired"])
wishes = st.builds(
    Said,
    person_authorised=authorisations,
    structure_authorised=authorisations,
    blocked=st.sampled_from([False, False, True]),
    medecin_traitant=st.booleans(),
    centre_15=st.booleans(),
    bris_de_glace=st.booleans(),
    masked_in_emergency=st.booleans(),
    closed=st.sampled_from([False] * 5 + [True]),
).filter(lambda said: not said.masked_in_emergency or said.centre_15 or said.bris_de_glace)
documents = st.lists(
    st.builds(
        Document,
        kind=st.sampled_from(KINDS),
        of=st.sampled_from(["me", "my_structure", "others"]),
        masked=st.booleans(),
        hidden_from_patient=st.booleans(),
        hidden_from_representatives=st.booleans(),
        status=st.sampled_from(["Approved", "Approved", "Deprecated", "Archived", "Deleted"]),
    ),
    min_size=1,
    max_size=5,
)
matrices = st.dictionaries(
    st.tuples(st.sampled_from(["10", "60", "21", "80", "10/SM26", "10/SM25", "21/A"]), st.sampled_from(KINDS)),
    st.sampled_from([True, True, False]),
    min_size=8,
)


@pytest.fixture(scope="module")
def rights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RightsHouse]:
    with rights_house(tmp_path_factory.mktemp("rights") / "home") as house:
        yield house


def blocked_said(said: Said) -> Said:
    """A blocking of the structure ends its authorisation, as the rooms have it."""
    return replace(said, structure_authorised="no") if said.blocked else said


def compare(rights: RightsHouse, who: Who, said: Said, drawn: list[Document], matrix: Matrix) -> None:
    said = blocked_said(replace(said, medecin_traitant=said.medecin_traitant and who.kind == "medecin"))
    case = rights.dossier(said, who, drawn)
    seen = case.seen(matrix)

    def by_the_text(rule: str) -> frozenset[int]:
        allows = getattr(rights_oracle, rule)
        return frozenset(number for number, each in enumerate(drawn) if allows(who, said, each, matrix))

    assert seen.opened == by_the_text("opens")
    assert seen.listed == by_the_text("lists")
    assert seen.referred == by_the_text("refers_to")
    if who.kind not in ("medecin_du_travail", "secretaire", "structure"):
        assert seen.listed == seen.referred == seen.opened
    assert seen.told <= case.nothing_there(matrix), "what is hidden is told apart from what does not exist"


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(everybody, wishes, documents, matrices)
def test_lists_what_it_opens_what_the_text_allows(
    rights: RightsHouse, who: Who, said: Said, drawn: list[Document], matrix: Matrix
) -> None:
    compare(rights, who, said, drawn, matrix)


@pytest.mark.long
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(everybody, wishes, documents, matrices)
def test_the_same_ten_thousand_times(
    rights: RightsHouse, who: Who, said: Said, drawn: list[Document], matrix: Matrix
) -> None:
    compare(rights, who, said, drawn, matrix)


def poorer(said: Said) -> list[Said]:
    """Each right taken away by itself; the third switch goes with the last of the others."""
    return [
        replace(said, person_authorised="no"),
        replace(said, structure_authorised="no"),
        replace(said, medecin_traitant=False),
        replace(said, blocked=True, structure_authorised="no"),
        replace(said, centre_15=False, masked_in_emergency=said.masked_in_emergency and said.bris_de_glace),
        replace(said, bris_de_glace=False, masked_in_emergency=said.masked_in_emergency and said.centre_15),
        replace(said, masked_in_emergency=False),
        replace(said, closed=True),
    ]


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), everybody, wishes, documents, matrices)
def test_taking_a_right_away_never_shows_more(
    rights: RightsHouse, data: st.DataObject, who: Who, said: Said, drawn: list[Document], matrix: Matrix
) -> None:
    said = blocked_said(replace(said, medecin_traitant=said.medecin_traitant and who.kind == "medecin"))
    case = rights.dossier(said, who, drawn)
    before = case.seen(matrix)
    cell = data.draw(st.sampled_from(sorted(matrix)))
    less = case.seen({**matrix, cell: False})
    case.say(data.draw(st.sampled_from(poorer(said))))
    for after in (less, case.seen(matrix)):
        assert after.listed <= before.listed
        assert after.referred <= before.referred
        assert after.opened <= before.opened
