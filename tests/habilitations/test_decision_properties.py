"""What holds of every decision: nothing is granted by default, and nobody sees more by losing something."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from habilitations.action import Action, Demand
from habilitations.decision import Tables, decide
from habilitations.matrices import Matrice, MatriceRow
from habilitations.statement import Statement, Switches
from identities.requester import Authentication, ModeAcces, Requester
from registry.metadata import AvailabilityStatus, DocumentEntry
from registry.scope import INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX, MASQUE_PS, Custody
from schemas import oids
from schemas.value_sets import ValueSets
from tests.habilitations.people import DOSSIER, HOSPITAL, MEDECIN, NOW, OTHERS, by_structure, entry

TABLES = Tables.load("matrice_synthetique.csv")
PUBLIC = Tables.load()
(KNOWN,) = PUBLIC.matrices
TYPES = sorted(kind.code for kind in ValueSets.load().concepts("type_document"))
PROFESSIONS = sorted(role.code for role in ValueSets.load().concepts("subject_role") if role.scheme == oids.PROFESSION)
ROLES = ["AUTOMATE", "SECRETARIAT_MEDICAL"]


def people(
    roles: Sequence[str] = ("10", *PROFESSIONS, *ROLES, "999", ""),
    specialties: Sequence[str] = ("", "SM26", "SM25", "A"),
    authentications: Iterable[Authentication] = [each for each in Authentication if each.french],
    modes: Iterable[ModeAcces] = ModeAcces,
) -> st.SearchStrategy[Requester]:
    return st.builds(
        lambda role, specialty, structure, authentication, mode: replace(
            MEDECIN,
            profession=role,
            profession_system=oids.ROLE_NON_PS if role in ROLES else oids.PROFESSION,
            specialty=specialty,
            structure_id=structure,
            authentication=authentication,
            mode_acces=mode,
        ),
        st.sampled_from(roles),
        st.sampled_from(specialties),
        st.sampled_from(["", HOSPITAL]),
        st.sampled_from(list(authentications)),
        st.sampled_from(list(modes)),
    )


requesters = people()
said = st.builds(
    Statement,
    dossier=st.just(DOSSIER),
    open=st.booleans(),
    authorised=st.booleans(),
    expired=st.booleans(),
    blocked=st.booleans(),
    medecin_traitant=st.booleans(),
    opposed_to_feeding=st.booleans(),
    switches=st.builds(Switches, st.booleans(), st.booleans(), st.booleans()),
)
statements = st.none() | said
actions = st.sampled_from(Action)
marks = st.lists(st.sampled_from([MASQUE_PS, INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX]), unique=True)
entries = st.builds(
    lambda kind, codes, status: entry(kind, marks=tuple(codes), status=status),
    st.sampled_from(TYPES),
    marks,
    st.sampled_from(AvailabilityStatus),
)
custodies = st.sampled_from([OTHERS, Custody(), Custody(frozenset({MEDECIN.id_nat})), by_structure(HOSPITAL)])


def sees(
    tables: Tables,
    requester: Requester,
    action: Action,
    statement: Statement | None,
    document: DocumentEntry,
    custody: Custody,
) -> bool:
    decision = decide(tables, requester, action, statement, now=NOW)
    return decision.granted and decision.scope is not None and decision.scope.permits(document, custody)


@given(requesters, actions, statements)
def test_a_refusal_gives_nothing_and_every_decision_explains_itself(
    requester: Requester, action: Action, statement: Statement | None
) -> None:
    decision = decide(TABLES, requester, action, statement, now=NOW)
    assert decision.granted or decision.scope is None
    assert decision.rule
    assert decision.table
    assert decision.version
    assert decision.row == action.value
    assert decision.sentence.endswith(".")
    for secret in (requester.id_nat, requester.name):
        assert secret not in decision.sentence


@given(people(["10", "60", *ROLES], ["SM26", "SM25"]), actions, said)
def test_a_refusal_by_the_dossier_is_never_told_apart_from_no_dossier(
    requester: Requester, action: Action, statement: Statement
) -> None:
    decision = decide(TABLES, requester, action, statement, now=NOW)
    without = decide(TABLES, requester, action, None, now=NOW)
    if not decision.granted and not decision.concerns_requester_only and action.demand is not Demand.FEEDING:
        assert not without.granted
        assert not without.concerns_requester_only


@given(st.sampled_from(["999", "", "1", "100"]), actions, statements, entries, custodies)
def test_an_unknown_profession_sees_nothing(
    profession: str, action: Action, statement: Statement | None, document: DocumentEntry, custody: Custody
) -> None:
    requester = replace(MEDECIN, profession=profession)
    assert not sees(TABLES, requester, action, statement, document, custody)


@given(people(ROLES), st.sampled_from([Action.TD3_1, Action.TD3_2]), statements, entries, custodies)
def test_without_a_health_profession_nothing_is_read(
    requester: Requester, action: Action, statement: Statement | None, document: DocumentEntry, custody: Custody
) -> None:
    assert not sees(TABLES, requester, action, statement, document, custody)


@given(
    people(authentications=[Authentication.INDIRECTE]),
    st.sampled_from(sorted(set(Action) - {Action.TD3_1_REFERENCE, Action.TD3_3C}, key=str)),
    statements,
    entries,
    custodies,
)
def test_a_plain_structure_certificate_never_consults(
    requester: Requester, action: Action, statement: Statement | None, document: DocumentEntry, custody: Custody
) -> None:
    assert not sees(TABLES, requester, action, statement, document, custody)


@given(requesters, actions, said, entries, custodies)
def test_losing_an_authorisation_never_shows_more(
    requester: Requester, action: Action, statement: Statement, document: DocumentEntry, custody: Custody
) -> None:
    for less in (
        replace(statement, authorised=False),
        replace(statement, authorised=False, medecin_traitant=False),
        replace(statement, medecin_traitant=False, blocked=True),
        replace(statement, open=False),
        replace(statement, switches=Switches(False, False, False)),
    ):
        if sees(TABLES, requester, action, less, document, custody):
            assert sees(TABLES, requester, action, statement, document, custody)


@given(
    people(
        specialties=["SM26"],  # an access mode means nothing for an occupational physician
        authentications=[Authentication.DIRECTE, Authentication.INDIRECTE_RENFORCEE],
        modes=[ModeAcces.CENTRE_15, ModeAcces.BRIS_DE_GLACE],
    ),
    actions,
    said,
    custodies,
)
def test_an_emergency_shows_masked_documents_only_where_the_patient_switched_it_on(
    requester: Requester, action: Action, statement: Statement, custody: Custody
) -> None:
    masked = entry(marks=(MASQUE_PS,))
    if sees(TABLES, requester, action, statement, masked, custody):
        assert statement.switches.masques_en_urgence
        own = "centre_15" if requester.mode_acces is ModeAcces.CENTRE_15 else "bris_de_glace"
        assert getattr(statement.switches, own)


@given(st.data(), requesters, statements, entries, custodies)
def test_taking_a_granting_row_out_of_the_matrix_never_shows_more(
    data: st.DataObject, requester: Requester, statement: Statement | None, document: DocumentEntry, custody: Custody
) -> None:
    rows = [row for row in _rows(KNOWN) if row.granted]
    gone = data.draw(st.sampled_from(rows))
    poorer = Tables(PUBLIC.droits, (_without(KNOWN, gone),))
    for action in (Action.TD3_1, Action.TD3_2):
        if sees(poorer, requester, action, statement, document, custody):
            assert sees(PUBLIC, requester, action, statement, document, custody)


def _rows(matrice: Matrice) -> list[MatriceRow]:
    return [row for by_type in matrice.rows.values() for row in by_type.values()]


def _without(matrice: Matrice, gone: MatriceRow) -> Matrice:
    rows: Mapping[tuple[str, str], Mapping[str, MatriceRow]] = {
        key: {kind: row for kind, row in by_type.items() if row is not gone} for key, by_type in matrice.rows.items()
    }
    return replace(matrice, rows=rows)


def test_a_profession_without_a_row_reads_no_type_at_all() -> None:
    known = {profession for profession, _ in KNOWN.rows}
    statement = Statement(DOSSIER, authorised=True)
    for profession, kind in product(sorted(set(PROFESSIONS) - known), TYPES):
        requester = replace(MEDECIN, profession=profession, specialty="")
        assert not sees(PUBLIC, requester, Action.TD3_1, statement, entry(kind), OTHERS)
