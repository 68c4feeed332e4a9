"""Emergencies: two oppositions, a third switch that needs one of them off, and a reason."""

from __future__ import annotations

import pytest

from conformance.lps.metadata import Visibility
from conformance.lps.soap import LpsError
from conformance.lps.vihf import BRIS_DE_GLACE, CENTRE_15, Access
from dmp.errors import GestionError
from dmp.volontes import SetSwitches
from habilitations.statement import Switches
from tests.somebody import Somebody

REASON = "patient inconscient"
MODES = {CENTRE_15: Access(CENTRE_15), BRIS_DE_GLACE: Access(BRIS_DE_GLACE, REASON)}


@pytest.mark.parametrize("centre_15", [True, False])
@pytest.mark.parametrize("bris_de_glace", [True, False])
def test_emergency_oppositions_are_independent(somebody: Somebody, centre_15: bool, bris_de_glace: bool) -> None:
    document = somebody.provide("dentiste")
    somebody.says(SetSwitches(Switches(centre_15, bris_de_glace)))
    for mode, lets_in in ((CENTRE_15, centre_15), (BRIS_DE_GLACE, bris_de_glace)):
        if lets_in:
            assert somebody.found_by("medecin", MODES[mode]) == {document}
        else:
            assert somebody.shut_to("medecin", MODES[mode]) == f"opposition_{mode}"


def test_emergencies_are_let_in_until_the_patient_says_otherwise(somebody: Somebody) -> None:
    document = somebody.provide("dentiste")
    assert all(somebody.found_by("medecin", access) == {document} for access in MODES.values())
    assert somebody.shut_to("medecin") == "autorisation_absente"


@pytest.mark.parametrize("reason", ["", "  "])
def test_bris_de_glace_needs_a_reason(somebody: Somebody, reason: str) -> None:
    with pytest.raises(LpsError, match="Mode_Acces_Raison"):
        somebody.found_by("medecin", Access(BRIS_DE_GLACE, reason))
    assert somebody.found_by("medecin", MODES[BRIS_DE_GLACE]) == set()
    assert somebody.trace().motif == REASON


def test_third_switch_needs_one_of_the_others(somebody: Somebody) -> None:
    with pytest.raises(GestionError, match="accès en urgence"):
        somebody.says(SetSwitches(Switches(False, False, True)))
    assert somebody.wishes.switches == Switches()
    for switches in (Switches(True, False, True), Switches(False, True, True), Switches(True, True, True)):
        somebody.says(SetSwitches(switches))
        assert somebody.wishes.switches == switches


@pytest.mark.parametrize("mode", MODES)
def test_masked_documents_in_an_emergency_only_where_the_patient_allowed_it(somebody: Somebody, mode: str) -> None:
    masked = somebody.provide("dentiste", visibility=Visibility(mask=True))
    plain = somebody.provide("dentiste")
    assert somebody.found_by("medecin", MODES[mode]) == {plain}
    somebody.says(SetSwitches(Switches(mode == CENTRE_15, mode == BRIS_DE_GLACE, True)))
    assert somebody.found_by("medecin", MODES[mode]) == {plain, masked}
    assert somebody.read_by("medecin", masked, MODES[mode])


def test_what_the_patient_answered_is_kept_as_it_was_said(somebody: Somebody) -> None:
    somebody.says(SetSwitches(Switches(False, True, True)))
    dossier = somebody.dossier
    with somebody.village.house() as house, house.rooms() as rooms:
        answers = {each.code: each.given for each in rooms.rights.consents(dossier.key)}
    assert answers == {
        "OPPOSITION_ACCES_URGENCE": True,
        "OPPOSITION_BRIS_DE_GLACE": False,
        "ACCES_MASQUES_EN_URGENCE": True,
    }
