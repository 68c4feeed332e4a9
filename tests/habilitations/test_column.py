"""Which column judges whom, and who has none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from habilitations.action import Action
from habilitations.column import column_of
from habilitations.decision import Tables, decide
from habilitations.statement import Statement
from identities.requester import Authentication, ModeAcces, Requester
from schemas import oids
from tests.habilitations.people import (
    AUTHORISED,
    DOSSIER,
    ETABLISSEMENT,
    INFIRMIER,
    MEDECIN,
    MEDECIN_DU_TRAVAIL_SM25,
    MEDECIN_TRAITANT_OF,
    NOW,
    SECRETAIRE,
)

TABLES = Tables.load()
AIR = Authentication.INDIRECTE_RENFORCEE
NORMAL, CENTRE_15, BRIS_DE_GLACE = ModeAcces.NORMAL, ModeAcces.CENTRE_15, ModeAcces.BRIS_DE_GLACE


@pytest.mark.parametrize(
    ("requester", "statement", "column"),
    [
        (INFIRMIER, None, "CPS_CPE_ES/PS_non_medecin:normal"),
        (INFIRMIER, MEDECIN_TRAITANT_OF, "CPS_CPE_ES/PS_non_medecin:normal"),
        (replace(INFIRMIER, mode_acces=BRIS_DE_GLACE), None, "CPS_CPE_ES/PS_non_medecin:bris_de_glace"),
        (MEDECIN, None, "CPS_CPE_ES/medecin_non_MT:normal"),
        (MEDECIN, AUTHORISED, "CPS_CPE_ES/medecin_non_MT:normal"),
        (MEDECIN, MEDECIN_TRAITANT_OF, "CPS_CPE_ES/medecin_traitant_DMP:normal"),
        (
            replace(MEDECIN, mode_acces=BRIS_DE_GLACE),
            MEDECIN_TRAITANT_OF,
            "CPS_CPE_ES/medecin_traitant_DMP:bris_de_glace",
        ),
        (replace(MEDECIN, mode_acces=CENTRE_15), MEDECIN_TRAITANT_OF, "CPS_CPE_ES/medecin_non_MT:centre_15"),
        (MEDECIN_DU_TRAVAIL_SM25, MEDECIN_TRAITANT_OF, "CPS_CPE_ES/medecin_du_travail:sans_objet"),
        (
            replace(MEDECIN_DU_TRAVAIL_SM25, mode_acces=BRIS_DE_GLACE),
            None,
            "CPS_CPE_ES/medecin_du_travail:sans_objet",
        ),
        (replace(MEDECIN, specialty="C41"), None, "CPS_CPE_ES/medecin_du_travail:sans_objet"),
        (SECRETAIRE, None, "CPS_CPE_ES/CPE_non_PS:normal"),
        (ETABLISSEMENT, None, "CPS_CPE_ES/ES_indirect:normal"),
        (replace(ETABLISSEMENT, mode_acces=CENTRE_15), None, "CPS_CPE_ES/ES_indirect:centre_15"),
        (
            replace(MEDECIN, authentication=Authentication.INDIRECTE),
            MEDECIN_TRAITANT_OF,
            "CPS_CPE_ES/ES_indirect:normal",
        ),
        (replace(INFIRMIER, authentication=AIR), None, "AIR/PS_non_medecin:normal"),
        (replace(MEDECIN, authentication=AIR), None, "AIR/medecin_non_MT:normal"),
        (replace(MEDECIN, authentication=AIR), MEDECIN_TRAITANT_OF, "AIR/medecin_traitant_DMP:normal"),
        (
            replace(MEDECIN, authentication=AIR, mode_acces=CENTRE_15),
            MEDECIN_TRAITANT_OF,
            "AIR/medecin_non_MT:centre_15",
        ),
        (replace(SECRETAIRE, authentication=AIR), None, "AIR/PE_non_PS:normal"),
    ],
)
def test_column(requester: Requester, statement: Statement | None, column: str) -> None:
    assert str(column_of(requester, statement)) == column


@pytest.mark.parametrize(
    "requester",
    [
        pytest.param(replace(SECRETAIRE, mode_acces=CENTRE_15), id="CPE in centre_15"),
        pytest.param(replace(SECRETAIRE, authentication=AIR, mode_acces=BRIS_DE_GLACE), id="staff in AIR, emergency"),
        pytest.param(replace(ETABLISSEMENT, mode_acces=BRIS_DE_GLACE), id="structure breaking the glass"),
        pytest.param(replace(MEDECIN_DU_TRAVAIL_SM25, authentication=AIR), id="occupational physician in AIR"),
        pytest.param(replace(MEDECIN, specialty=""), id="médecin without specialty"),
        pytest.param(replace(INFIRMIER, profession="999"), id="unknown profession"),
        pytest.param(replace(INFIRMIER, profession="", profession_system=""), id="no profession"),
        pytest.param(replace(MEDECIN, profession_system="1.2.250.1.71.1.2.8"), id="médecin en formation"),
        pytest.param(replace(SECRETAIRE, profession="JARDINIER"), id="unknown role"),
        pytest.param(replace(INFIRMIER, profession_system=oids.ROLE_PRISE_CHARGE), id="role of care"),
    ],
)
@pytest.mark.parametrize("action", Action, ids=lambda action: action.value)
def test_whoever_has_no_column_is_refused_everything_and_told_why(requester: Requester, action: Action) -> None:
    decision = decide(TABLES, requester, action, Statement(DOSSIER, authorised=True, medecin_traitant=True), now=NOW)
    assert not decision.granted
    assert decision.rule == "sans_colonne"
    assert decision.concerns_requester_only
    assert decision.scope is None
    assert "aucune colonne" in decision.sentence
    assert requester.authentication.value in decision.sentence
