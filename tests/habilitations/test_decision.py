"""What the patient said, what may be read, and why: the rules beside the cells."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from habilitations.action import Action
from habilitations.column import COLUMNS, MEDECIN_DU_TRAVAIL, Column
from habilitations.decision import Decision, Tables, decide, explain_entry, explain_type, own_documents
from habilitations.statement import Statement, Switches
from identities.requester import ModeAcces, Requester
from registry.metadata import AvailabilityStatus
from registry.scope import Reach, Scope
from tests.habilitations.people import (
    AUTHORISED,
    CRH,
    DOSSIER,
    ETABLISSEMENT,
    INFIRMIER,
    INVISIBLE,
    INVISIBLE_REPRESENTATIVES,
    MASKED,
    MEDECIN,
    MEDECIN_DU_TRAVAIL_SM25,
    MEDECIN_TRAITANT_OF,
    NOW,
    OTHERS,
    PHARMACIEN,
    PLAIN,
    PODOLOGUE,
    PRACTICE,
    SECRETAIRE,
    by,
    by_structure,
    entry,
    in_column,
)

TABLES = Tables.load()
SYNTHETIC = Tables.load("matrice_synthetique.csv")
READING = [Action.TD3_1, Action.TD3_2, Action.TD3_2_MASQUE, Action.TD3_3A_MASQUER, Action.TD1_6]
BARE = Statement(DOSSIER)


def decided(requester: Requester, action: Action, statement: Statement | None, tables: Tables = TABLES) -> Decision:
    return decide(tables, requester, action, statement, now=NOW)


def scope(requester: Requester, action: Action, statement: Statement, tables: Tables = TABLES) -> Scope:
    decision = decided(requester, action, statement, tables)
    assert decision.granted, decision.sentence
    assert decision.scope is not None
    assert decision.scope.patient == statement.dossier
    return decision.scope


@pytest.mark.parametrize("action", READING, ids=lambda action: action.value)
@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        (None, "dossier_inconnu"),
        (Statement(DOSSIER, open=False, authorised=True, medecin_traitant=True), "dossier_ferme"),
        (BARE, "autorisation_absente"),
        (replace(BARE, expired=True), "autorisation_expiree"),
        (replace(AUTHORISED, blocked=True), "blocage"),
    ],
)
def test_reading_needs_an_open_dossier_and_an_authorisation(
    action: Action, statement: Statement | None, rule: str
) -> None:
    decision = decided(MEDECIN, action, statement)
    assert (decision.granted, decision.rule, decision.table) == (False, rule, "regles_du_patient")
    assert not decision.concerns_requester_only  # the wire must not tell these apart
    assert decision.scope is None
    assert decision.sentence.endswith(".")
    assert decision.expected != decision.got


def test_a_medecin_traitant_needs_no_other_authorisation_and_cannot_be_blocked() -> None:
    assert decided(MEDECIN, Action.TD3_2, replace(MEDECIN_TRAITANT_OF, blocked=True)).granted
    assert decided(INFIRMIER, Action.TD3_2, replace(MEDECIN_TRAITANT_OF, blocked=True)).rule == "blocage"
    assert decided(INFIRMIER, Action.TD3_2, MEDECIN_TRAITANT_OF).rule == "autorisation_absente"


@pytest.mark.parametrize("requester", [MEDECIN, INFIRMIER, MEDECIN_DU_TRAVAIL_SM25, ETABLISSEMENT])
@pytest.mark.parametrize("statement", [None, BARE, replace(BARE, blocked=True), replace(BARE, open=False)])
def test_feeding_needs_no_authorisation(requester: Requester, statement: Statement | None) -> None:
    assert decided(requester, Action.TD2_1, statement).granted


@pytest.mark.parametrize(("requester", "action"), [(MEDECIN, Action.TD2_1), (SECRETAIRE, Action.TD2_2)])
def test_feeding_is_refused_when_the_patient_is_opposed(requester: Requester, action: Action) -> None:
    decision = decided(requester, action, replace(AUTHORISED, medecin_traitant=True, opposed_to_feeding=True))
    assert (decision.granted, decision.rule) == (False, "opposition_alimentation")


@pytest.mark.parametrize("mode", [ModeAcces.CENTRE_15, ModeAcces.BRIS_DE_GLACE])
def test_an_emergency_needs_no_authorisation_but_the_patient_s_switch(mode: ModeAcces) -> None:
    requester = replace(INFIRMIER, mode_acces=mode)
    assert decided(requester, Action.TD3_2, BARE).granted
    assert decided(requester, Action.TD3_2, replace(AUTHORISED, blocked=True)).rule == "blocage"
    off = Switches(centre_15=mode is not ModeAcces.CENTRE_15, bris_de_glace=mode is not ModeAcces.BRIS_DE_GLACE)
    assert decided(requester, Action.TD3_2, replace(AUTHORISED, switches=off)).rule == f"opposition_{mode.value}"
    assert decided(requester, Action.TD3_2, None).rule == "dossier_inconnu"


def test_breaking_the_glass_needs_a_reason_and_regulation_does_not() -> None:
    silent = replace(INFIRMIER, mode_acces=ModeAcces.BRIS_DE_GLACE, motif="  ")
    decision = decided(silent, Action.TD3_2, BARE)
    assert (decision.granted, decision.rule, decision.concerns_requester_only) == (False, "motif_absent", True)
    assert decided(replace(silent, mode_acces=ModeAcces.CENTRE_15), Action.TD3_2, BARE).granted


def test_an_access_mode_gives_an_occupational_physician_nothing() -> None:
    requester = replace(MEDECIN_DU_TRAVAIL_SM25, mode_acces=ModeAcces.BRIS_DE_GLACE)
    assert decided(requester, Action.TD3_1, BARE).rule == "autorisation_absente"


@pytest.mark.parametrize("action", [Action.TD0_1, Action.TD0_2, Action.TD0_4, Action.TD0_9])
def test_some_actions_ask_nothing_of_a_dossier(action: Action) -> None:
    decision = decided(MEDECIN, action, None)
    assert decision.granted
    assert decision.scope is None


def test_a_blocked_professional_may_withdraw_but_not_declare_himself_authorised() -> None:
    blocked = replace(BARE, blocked=True)
    assert decided(MEDECIN, Action.TD0_3_AJOUT, BARE).granted
    assert decided(MEDECIN, Action.TD0_3_AJOUT, blocked).rule == "blocage"
    assert decided(MEDECIN, Action.TD0_3_SUPPRESSION, blocked).granted
    assert decided(MEDECIN, Action.TD1_3A, blocked).rule == "blocage"
    assert decided(MEDECIN, Action.TD0_3_AJOUT, None).rule == "dossier_inconnu"


def test_deleting_one_s_own_needs_no_authorisation() -> None:
    assert decided(INFIRMIER, Action.TD3_3C, BARE).granted
    assert decided(INFIRMIER, Action.TD3_3C, replace(BARE, blocked=True)).rule == "blocage"


def test_what_a_professional_reads() -> None:
    opened = scope(INFIRMIER, Action.TD3_2, AUTHORISED)
    assert (opened.person, opened.structure) == (INFIRMIER.id_nat, PRACTICE)
    assert (opened.reach, opened.masked) == (Reach.ALL, Reach.OWN)
    assert opened.permits(INVISIBLE, OTHERS)
    assert opened.permits(INVISIBLE_REPRESENTATIVES, OTHERS)
    for status in AvailabilityStatus:
        assert opened.permits(entry(status=status), OTHERS)


@pytest.mark.parametrize("column", COLUMNS.values(), ids=str)
def test_what_is_found_is_what_may_be_opened(column: Column) -> None:
    requester, statement = in_column(column.sheet, column.heading)
    searching = decided(requester, Action.TD3_1, statement, SYNTHETIC)
    opening = decided(requester, Action.TD3_2, statement, SYNTHETIC)
    if column.actor == MEDECIN_DU_TRAVAIL:
        assert (searching.granted, opening.granted) == (True, False)
    else:
        assert searching.granted is opening.granted
        assert searching.scope == opening.scope
    if searching.granted:
        assert decided(requester, Action.TD3_1_REFERENCE, statement, SYNTHETIC).scope == searching.scope


def test_an_occupational_physician_finds_what_he_may_act_upon_and_opens_nothing() -> None:
    found = scope(MEDECIN_DU_TRAVAIL_SM25, Action.TD3_1, AUTHORISED)
    assert found.permits(PLAIN, OTHERS)
    assert found.permits(MASKED, by(MEDECIN_DU_TRAVAIL_SM25))
    assert not found.permits(MASKED, OTHERS)
    assert not found.permits(entry("ATTEST-RESID"), OTHERS)
    assert not found.permits(entry(status=AvailabilityStatus.DELETED), OTHERS)
    for action in (action for action in Action if action.transaction == "TD3.2"):
        assert not decided(MEDECIN_DU_TRAVAIL_SM25, action, replace(AUTHORISED, medecin_traitant=True)).granted


def test_the_matrix_binds_the_author_too() -> None:
    assert not scope(PODOLOGUE, Action.TD3_2, AUTHORISED, SYNTHETIC).permits(CRH, by(PODOLOGUE))
    assert not scope(PODOLOGUE, Action.TD3_1, AUTHORISED).permits(CRH, OTHERS)
    assert not scope(PHARMACIEN, Action.TD3_1, AUTHORISED).permits(entry("EXPPAT_3"), OTHERS)
    assert scope(PHARMACIEN, Action.TD3_1, AUTHORISED).permits(CRH, OTHERS)


def test_own_documents_are_those_of_the_person_or_of_the_structure() -> None:
    own = own_documents(INFIRMIER, DOSSIER)
    assert own.permits(MASKED, by(INFIRMIER))
    assert own.permits(entry("ATTEST-RESID", status=AvailabilityStatus.ARCHIVED), by_structure(PRACTICE))
    assert not own.permits(PLAIN, OTHERS)
    assert not own_documents(replace(INFIRMIER, id_nat="", structure_id=""), DOSSIER).permits(PLAIN, by_structure(""))


def test_explained_by_the_matrix() -> None:
    refusal = explain_entry(decided(PODOLOGUE, Action.TD3_2, AUTHORISED), CRH, OTHERS)
    assert (refusal.rule, refusal.table, refusal.version) == ("matrice", "matrice_habilitation.csv", "connue-2023-10")
    assert refusal.row.startswith("80 × 34112-3 (ligne ")
    assert (refusal.expected, refusal.got) == ("oui", "non")
    assert "34112-3" not in refusal.sentence
    unnamed = explain_entry(decided(PODOLOGUE, Action.TD3_2, AUTHORISED), PLAIN, OTHERS)
    assert unnamed.got == "aucune ligne : refus par défaut"


def test_explained_by_the_functional_rights() -> None:
    refusal = explain_entry(decided(INFIRMIER, Action.TD3_2, AUTHORISED), MASKED, OTHERS)
    assert (refusal.rule, refusal.table) == ("document_masque", "droits_fonctionnels/CPS_CPE_ES")
    assert (refusal.row, refusal.got) == ("TD3.2/masque × PS_non_medecin:normal", "oui(6)")
    urgent = replace(INFIRMIER, mode_acces=ModeAcces.CENTRE_15)
    refusal = explain_entry(decided(urgent, Action.TD3_1, AUTHORISED), MASKED, OTHERS)
    assert (refusal.rule, refusal.got) == ("document_masque_en_urgence", "oui(7)")
    refusal = explain_entry(decided(ETABLISSEMENT, Action.TD3_1_REFERENCE, BARE), PLAIN, OTHERS)
    assert (refusal.rule, refusal.row) == ("document_d_autrui", "TD3.1/reference × ES_indirect:normal")
    deleted = entry(status=AvailabilityStatus.DELETED)
    refusal = explain_entry(decided(MEDECIN_DU_TRAVAIL_SM25, Action.TD3_1, AUTHORISED), deleted, OTHERS)
    assert (refusal.rule, refusal.got) == ("statut_du_document", "non")
    assert refusal.row == "TD3.2/supprime × medecin_du_travail:sans_objet"


def test_explaining_what_is_not_hidden_is_an_error() -> None:
    with pytest.raises(ValueError, match="outside the scope"):
        explain_entry(decided(MEDECIN, Action.TD3_2, AUTHORISED), PLAIN, OTHERS)
    with pytest.raises(ValueError, match="no scope"):
        explain_entry(decided(MEDECIN, Action.TD3_2, None), PLAIN, OTHERS)


def test_a_type_is_explained_for_whoever_asks_about_the_table() -> None:
    granted, why = explain_type(TABLES, MEDECIN, "34112-3", now=NOW)
    assert granted
    assert (why.got, why.row) == ("oui", "10 × * (ligne 11, complet)")
    granted, why = explain_type(TABLES, SECRETAIRE, "34112-3", now=NOW)
    assert not granted
    assert "n'ouvre pas" in why.sentence


def test_the_instant_must_be_aware() -> None:
    with pytest.raises(ValueError, match="aware"):
        decide(TABLES, MEDECIN, Action.TD3_2, AUTHORISED, now=datetime(2026, 3, 1))
