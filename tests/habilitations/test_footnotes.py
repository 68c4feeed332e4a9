"""The footnotes (1) to (9) and * of PDT-INF-526 and PDT-INF-606, one by one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from habilitations.action import Action
from habilitations.decision import Decision, Tables, decide
from habilitations.matrices import Note
from habilitations.statement import Statement, Switches
from identities.requester import Authentication, ModeAcces, Requester
from registry.metadata import AvailabilityStatus
from registry.scope import Reach, Scope
from tests.habilitations.people import (
    AUTHORISED,
    DOSSIER,
    ETABLISSEMENT,
    HOSPITAL,
    INFIRMIER,
    MASKED,
    MEDECIN,
    MEDECIN_TRAITANT_OF,
    NOW,
    OTHERS,
    PLAIN,
    PRACTICE,
    SECRETAIRE,
    by,
    by_structure,
    entry,
)

TABLES = Tables.load()
AIR_STAFF = replace(SECRETAIRE, authentication=Authentication.INDIRECTE_RENFORCEE)
BARE = Statement(DOSSIER)


def decided(requester: Requester, action: Action, statement: Statement | None = AUTHORISED) -> Decision:
    return decide(TABLES, requester, action, statement, now=NOW)


def scope(requester: Requester, action: Action, statement: Statement = AUTHORISED) -> Scope:
    decision = decided(requester, action, statement)
    assert decision.granted
    assert decision.scope is not None
    return decision.scope


@pytest.mark.parametrize(
    ("requester", "action", "note"),
    [
        (SECRETAIRE, Action.TD0_3_AJOUT, Note.AUTORISATION_DE_LA_STRUCTURE),
        (AIR_STAFF, Action.TD0_3_AJOUT, Note.AUTORISATION_DE_LA_STRUCTURE),
        (SECRETAIRE, Action.TD2_2, Note.IMPUTE_A_LA_STRUCTURE),
        (ETABLISSEMENT, Action.TD2_1, Note.IMPUTE_A_LA_STRUCTURE),
        (ETABLISSEMENT, Action.TD3_1_REFERENCE, Note.REFERENCE_A_SUPPRIMER),
        (SECRETAIRE, Action.TD3_3C, Note.DOCUMENTS_DE_LA_STRUCTURE),
    ],
)
def test_1_4_5_9_are_exercised_for_a_structure_and_need_one(requester: Requester, action: Action, note: Note) -> None:
    assert decided(requester, action).footnote is note
    alone = decided(replace(requester, structure_id=""), action)
    assert (alone.granted, alone.rule) == (False, "structure_absente")
    assert action.transaction in alone.sentence


def test_2_and_3_limit_what_is_listed_and_the_decision_says_so() -> None:
    assert decided(SECRETAIRE, Action.TD0_4, None).footnote is Note.MEME_STRUCTURE
    assert decided(ETABLISSEMENT, Action.TD0_4, None).footnote is Note.NOUVELLES_AUTORISATIONS
    assert decided(AIR_STAFF, Action.TD0_4, None).footnote is Note.NOUVELLES_AUTORISATIONS


@pytest.mark.parametrize("requester", [ETABLISSEMENT, SECRETAIRE, AIR_STAFF])
def test_5_finds_every_document_of_the_structure_and_no_other(requester: Requester) -> None:
    found = scope(requester, Action.TD3_1_REFERENCE, BARE)
    mine = by_structure(requester.structure_id)
    assert found.permits(PLAIN, mine)
    assert found.permits(MASKED, mine)
    assert found.permits(entry("ATTEST-RESID", status=AvailabilityStatus.DELETED), mine)
    assert not found.permits(PLAIN, OTHERS)
    assert not found.permits(PLAIN, by_structure("1990000026"))
    assert decided(requester, Action.TD3_1).rule == "droit_fonctionnel"


def test_5_needs_no_authorisation_but_no_blocking() -> None:
    assert decided(ETABLISSEMENT, Action.TD3_1_REFERENCE, BARE).granted
    assert decided(ETABLISSEMENT, Action.TD3_1_REFERENCE, replace(BARE, blocked=True)).rule == "blocage"


@pytest.mark.parametrize("requester", [INFIRMIER, MEDECIN])
@pytest.mark.parametrize("mode", [Authentication.DIRECTE, Authentication.INDIRECTE_RENFORCEE])
def test_6_a_masked_document_is_its_author_s_and_the_medecin_traitant_s(
    requester: Requester, mode: Authentication
) -> None:
    requester = replace(requester, authentication=mode)
    opened = scope(requester, Action.TD3_2)
    assert opened.permits(MASKED, by(requester))
    assert not opened.permits(MASKED, OTHERS)
    assert not opened.permits(MASKED, by_structure(PRACTICE))
    if requester.profession == "10":
        assert scope(requester, Action.TD3_2, MEDECIN_TRAITANT_OF).permits(MASKED, OTHERS)


@pytest.mark.parametrize("mode", [ModeAcces.CENTRE_15, ModeAcces.BRIS_DE_GLACE])
@pytest.mark.parametrize("statement", [BARE, AUTHORISED, MEDECIN_TRAITANT_OF])
@pytest.mark.parametrize("requester", [INFIRMIER, MEDECIN])
def test_7_in_an_emergency_masked_documents_are_open_where_the_patient_said_so(
    requester: Requester, statement: Statement, mode: ModeAcces
) -> None:
    requester = replace(requester, mode_acces=mode)
    closed = scope(requester, Action.TD3_2, replace(statement, switches=Switches(True, True, False)))
    assert closed.permits(PLAIN, OTHERS)
    assert not closed.permits(MASKED, OTHERS)
    opened = scope(requester, Action.TD3_2, replace(statement, switches=Switches(True, True, True)))
    assert opened.permits(MASKED, OTHERS)
    own = Switches(mode is not ModeAcces.CENTRE_15, mode is not ModeAcces.BRIS_DE_GLACE, True)
    assert decided(requester, Action.TD3_2, replace(statement, switches=own)).rule == f"opposition_{mode.value}"


@pytest.mark.parametrize(
    ("requester", "action"),
    [
        (INFIRMIER, Action.TD3_3A_DEMASQUER),
        (INFIRMIER, Action.TD3_3D_ARCHIVER),
        (MEDECIN, Action.TD3_3D_DESARCHIVER),
        (MEDECIN, Action.TD3_3C),
    ],
)
def test_8_acts_on_one_s_own_documents_only(requester: Requester, action: Action) -> None:
    found = scope(requester, action)
    assert found.reach is Reach.OWN
    assert found.permits(MASKED, by(requester))
    assert not found.permits(PLAIN, by_structure(PRACTICE))


def test_8_does_not_bind_the_medecin_traitant_but_in_deleting() -> None:
    assert scope(MEDECIN, Action.TD3_3A_DEMASQUER, MEDECIN_TRAITANT_OF).permits(MASKED, OTHERS)
    assert scope(MEDECIN, Action.TD3_3D_ARCHIVER, MEDECIN_TRAITANT_OF).permits(PLAIN, OTHERS)
    assert not scope(MEDECIN, Action.TD3_3C, MEDECIN_TRAITANT_OF).permits(PLAIN, OTHERS)


def test_9_deletes_documents_of_the_structure_only() -> None:
    found = scope(ETABLISSEMENT, Action.TD3_3C, BARE)
    assert found.permits(MASKED, by_structure(HOSPITAL))
    assert not found.permits(PLAIN, by_structure(PRACTICE))


@pytest.mark.parametrize("action", [Action.TD3_3C, Action.TD3_3D_ARCHIVER, Action.TD3_3D_DESARCHIVER])
def test_star_leaves_the_patient_s_own_documents_to_the_medecin_traitant(action: Action) -> None:
    assert not decided(MEDECIN, action).patient_documents
    assert not decided(INFIRMIER, action).patient_documents
    assert decided(MEDECIN, action, MEDECIN_TRAITANT_OF).patient_documents
    assert decided(MEDECIN, Action.TD3_2).patient_documents
