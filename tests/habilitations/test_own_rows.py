"""This house's own rows: the life of a dossier, what patients decide, and who asks in their name."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from habilitations.action import Action, Demand
from habilitations.column import SHEETS
from habilitations.decision import Tables, decide
from habilitations.statement import Statement
from identities.requester import Requester
from registry.scope import Reach
from tests.habilitations.people import (
    AUTHORISED,
    DOSSIER,
    ETABLISSEMENT,
    INFIRMIER,
    INVISIBLE,
    INVISIBLE_REPRESENTATIVES,
    MASKED,
    MEDECIN,
    MEDECIN_TRAITANT_OF,
    NOW,
    OTHERS,
    SECRETAIRE,
    by,
    in_column,
)

TABLES = Tables.load()
BARE, CLOSED, BLOCKED = Statement(DOSSIER), Statement(DOSSIER, open=False), Statement(DOSSIER, blocked=True)
PATIENT, _ = in_column("PATIENT", "patient:normal")
REPRESENTANT, REPRESENTED = in_column("PATIENT", "representant_legal:normal")
AUDITEUR, _ = in_column("PATIENT", "auditeur:normal")
VD = [action for action in Action if action.value.startswith("VD/") and action is not Action.VD_RECUEIL]
MANAGED = [action for action in Action if action.demand is Demand.MANAGED]
KNOWN = [action for action in Action if action.demand is Demand.KNOWN]


def rule(requester: Requester, action: Action, statement: Statement | None) -> str:
    """The rule that refuses; '' when nothing does."""
    decision = decide(TABLES, requester, action, statement, now=NOW)
    return "" if decision.granted else decision.rule


def ident(value: object) -> str:
    return value.value if isinstance(value, Action) else ""


@pytest.mark.parametrize("action", VD, ids=ident)
def test_what_a_patient_decides_takes_an_open_dossier_and_no_authorisation(action: Action) -> None:
    closed = "" if action in KNOWN else "dossier_ferme"
    for requester, statement in ((PATIENT, BARE), (REPRESENTANT, REPRESENTED)):
        assert rule(requester, action, statement) == ""
        assert rule(requester, action, replace(statement, open=False)) == closed
        assert rule(requester, action, None) == "dossier_inconnu"


@pytest.mark.parametrize("action", [each for each in Action if not each.foreign], ids=ident)
def test_who_represents_nobody_does_nothing(action: Action) -> None:
    assert rule(REPRESENTANT, action, BARE) in ("representation_terminee", "droit_fonctionnel")


@pytest.mark.parametrize("action", [each for each in Action if not each.foreign], ids=ident)
def test_an_auditor_reads_what_was_done_and_nothing_else(action: Action) -> None:
    reads = action in (Action.HA, Action.TD0_1)
    assert (rule(AUDITEUR, action, CLOSED) == "") is reads


def test_nobody_but_an_auditor_reads_the_audit_log() -> None:
    """About a patient or about none, of whom there is a dossier or not."""
    for action, statement in itertools.product((Action.ITI_81, Action.ITI_82), (None, BARE, CLOSED)):
        decision = decide(TABLES, AUDITEUR, action, statement, now=NOW)
        assert (decision.granted, decision.scope) == (True, None), "it opens no document"
    for sheet, heading in (
        ("PATIENT", "patient:normal"),
        ("PATIENT", "representant_legal:normal"),
        ("IHE", "noeud_ihe:normal"),
        ("IHE", "utilisateur_xua:normal"),
        *((each, "medecin_traitant_DMP:normal") for each in SHEETS),
    ):
        requester, statement = in_column(sheet, heading)
        for action in (Action.ITI_81, Action.ITI_82):
            assert rule(requester, action, statement) == "droit_fonctionnel"


@pytest.mark.parametrize("action", MANAGED, ids=ident)
def test_what_is_managed_in_mon_espace_sante_is_not_managed_here(action: Action) -> None:
    attached = Statement(DOSSIER, attached_to_mes=True)
    for requester in (MEDECIN, INFIRMIER, ETABLISSEMENT):
        assert rule(requester, action, BARE) == "", "no authorisation is asked for"
        assert rule(requester, action, attached) == "rattachement_mes"
        assert rule(requester, action, BLOCKED) == "blocage"
        assert rule(requester, action, CLOSED) == "dossier_ferme"
        assert rule(requester, action, None) == "dossier_inconnu"
    assert rule(PATIENT, action, attached) == ""


def test_a_cpe_manages_and_does_not_close() -> None:
    """PDT-INF-527 §2.2: creation and administrative data."""
    assert [action for action in MANAGED if rule(SECRETAIRE, action, BARE)] == [Action.TD1_4]
    assert rule(SECRETAIRE, Action.TD1_1, None) == ""


@pytest.mark.parametrize("action", KNOWN, ids=ident)
def test_a_closed_dossier_is_reopened_by_whom_its_patient_did_not_block(action: Action) -> None:
    treating = replace(MEDECIN_TRAITANT_OF, open=False)
    assert rule(MEDECIN, action, treating) == ""
    assert rule(MEDECIN, action, replace(treating, blocked=True)) == "", "who cannot be blocked"
    assert rule(MEDECIN, action, None) in ("dossier_inconnu", "droit_fonctionnel")
    if action is Action.TD1_2:
        assert rule(INFIRMIER, action, CLOSED) == ""
        assert rule(INFIRMIER, action, replace(CLOSED, blocked=True)) == "blocage"


def test_nobody_but_the_medecin_traitant_asks_for_destruction() -> None:
    for requester in (MEDECIN, INFIRMIER, SECRETAIRE, ETABLISSEMENT):
        assert rule(requester, Action.VD_DESTRUCTION, CLOSED) == "droit_fonctionnel"


@pytest.mark.parametrize("sheet", SHEETS)
def test_the_medecin_traitant_blocks_and_others_do_not(sheet: str) -> None:
    for heading, may in (("medecin_traitant_DMP:normal", True), ("medecin_non_MT:normal", False)):
        requester, statement = in_column(sheet, heading)
        for action in (Action.VD_BLOQUER, Action.VD_MEDECIN_TRAITANT):
            assert (rule(requester, action, statement) == "") is may
        assert rule(requester, Action.VD_AUTORISER, statement) == "droit_fonctionnel"


def test_nobody_but_an_establishment_collects_and_a_blocked_one_too() -> None:
    assert rule(ETABLISSEMENT, Action.VD_RECUEIL, BARE) == ""
    assert rule(ETABLISSEMENT, Action.VD_RECUEIL, BLOCKED) == "", "an opposition that it was told"
    assert rule(ETABLISSEMENT, Action.VD_RECUEIL, CLOSED) == "dossier_ferme"
    assert rule(ETABLISSEMENT, Action.VD_RECUEIL, None) == "dossier_inconnu"
    assert rule(replace(ETABLISSEMENT, structure_id=""), Action.VD_RECUEIL, BARE) == "structure_absente"
    for requester in (MEDECIN, INFIRMIER, SECRETAIRE, PATIENT, REPRESENTANT, AUDITEUR):
        assert rule(requester, Action.VD_RECUEIL, AUTHORISED) in ("droit_fonctionnel", "representation_terminee")


def test_emergency_access_is_set_by_professionals_who_are_authorised() -> None:
    for requester in (MEDECIN, INFIRMIER):
        assert rule(requester, Action.VD_URGENCE, AUTHORISED) == ""
        assert rule(requester, Action.VD_URGENCE, BARE) == "autorisation_absente"
    assert rule(SECRETAIRE, Action.VD_URGENCE, AUTHORISED) == "droit_fonctionnel"


def test_an_author_reads_what_was_asked_of_him_even_when_blocked() -> None:
    decision = decide(TABLES, MEDECIN, Action.VD_RECTIFICATION, BLOCKED, now=NOW)
    assert decision.granted and decision.scope is not None
    assert decision.scope.reach is Reach.OWN
    structure = decide(TABLES, ETABLISSEMENT, Action.VD_RECTIFICATION, BARE, now=NOW)
    assert structure.scope is not None and structure.scope.reach is Reach.STRUCTURE


@pytest.mark.parametrize("action", [Action.TD3_1, Action.TD3_2, Action.VD_COPIE, Action.VD_RECTIFICATION], ids=ident)
def test_patients_see_what_is_masked_and_not_what_must_be_announced(action: Action) -> None:
    """Notes (21): a minor sees what is kept from representatives, who do not."""
    for requester, statement, kept in ((PATIENT, BARE, True), (REPRESENTANT, REPRESENTED, False)):
        decision = decide(TABLES, requester, action, statement, now=NOW)
        assert decision.scope is not None
        assert decision.scope.permits(MASKED, OTHERS)
        assert not decision.scope.permits(INVISIBLE, by(requester))
        assert decision.scope.permits(INVISIBLE_REPRESENTATIVES, OTHERS) is kept


def test_patients_delete_what_is_theirs() -> None:
    for requester, statement in ((PATIENT, BARE), (REPRESENTANT, REPRESENTED)):
        scope = decide(TABLES, requester, Action.TD3_3C, statement, now=NOW).scope
        assert scope is not None
        assert scope.permits(MASKED, by(requester))
        assert not scope.permits(MASKED, OTHERS)
