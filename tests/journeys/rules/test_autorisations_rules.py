"""Who enters: authorisations, blockings, care teams; and who may feed without any of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from conformance.lps.soap import LpsError
from conformance.lps.vihf import Access
from dmp.errors import AccessRefused, GestionError
from dmp.volontes import Authorise, Block, OpposeFeeding, Revoke, Unblock
from habilitations.action import Action
from habilitations.wishes import Consent
from server.demo.people import HOPITAL
from server.house import now
from tests.newcomers import move_in
from tests.somebody import CRH, Somebody, call, number

EMERGENCY = Access("bris_de_glace", "patient inconscient")
YEAR = timedelta(days=365)


def test_authorisation_lasts_one_year_and_is_renewable(somebody: Somebody) -> None:
    document = somebody.provide("medecin")
    somebody.says(Authorise(number("medecin")), at=now() - YEAR + timedelta(minutes=5))
    assert document in somebody.found_by("medecin")
    somebody.says(Authorise(number("medecin")), at=now() - YEAR)
    assert somebody.shut_to("medecin") == "autorisation_expiree"
    somebody.lets_in("medecin")
    assert document in somebody.found_by("medecin")


def test_nobody_consults_whom_the_patient_did_not_authorise(somebody: Somebody) -> None:
    assert somebody.shut_to("medecin") == "autorisation_absente"
    somebody.lets_in("medecin")
    assert somebody.found_by("medecin") == set()
    somebody.says(Revoke(number("medecin")))
    assert somebody.shut_to("medecin") == "autorisation_absente"


def test_feeding_needs_no_authorisation_only_non_opposition(somebody: Somebody) -> None:
    first = somebody.provide("dentiste")
    somebody.says(OpposeFeeding(True))
    with pytest.raises(LpsError, match="DMPAccessDeniedByRightsService"):
        somebody.provide("dentiste")
    assert somebody.trace().rule == "opposition_alimentation"
    somebody.says(OpposeFeeding(False))
    second = somebody.provide("dentiste")
    assert somebody.sees().keys() == {first, second}
    assert [(each.code, each.given) for each in consents(somebody)] == [
        ("OPPOSITION_ALIMENTATION", True),
        ("OPPOSITION_ALIMENTATION", False),
    ]


def test_blocked_professional_cannot_consult_but_can_deposit(somebody: Somebody) -> None:
    somebody.lets_in("medecin")
    somebody.says(Block(number("medecin")))
    assert somebody.shut_to("medecin") == "blocage"
    assert somebody.shut_to("medecin", EMERGENCY) == "blocage", "whatever he says the patient told him"
    with pytest.raises(LpsError, match="DMPAccessDeniedByRightsService"):
        somebody.village.lps("medecin").authorise(somebody.patient)
    deposited = somebody.provide("medecin")
    assert deposited in somebody.sees()
    assert not somebody.read_by("medecin", deposited)


def test_unblocking_brings_nothing_back(somebody: Somebody) -> None:
    somebody.lets_in("medecin")
    somebody.says(Block(number("medecin")))
    with pytest.raises(GestionError, match="bloqué"):
        somebody.lets_in("medecin")
    somebody.says(Unblock(number("medecin")))
    assert somebody.shut_to("medecin") == "autorisation_absente"
    somebody.lets_in("medecin")
    assert somebody.found_by("medecin") == set()


def test_who_is_blocked_in_one_dossier_is_not_in_another(somebody: Somebody, child: Somebody) -> None:
    for each in (somebody, child):
        each.lets_in("medecin")
    somebody.says(Block(number("medecin")))
    assert child.found_by("medecin") == set()


def test_establishment_is_a_care_team_of_health_professionals(somebody: Somebody) -> None:
    """Not of its administrative staff, and not of its software."""
    crh = somebody.provide("hopital", author="medecin-hospitalier", kind=CRH)
    assert somebody.shut_to("medecin-hospitalier") == "autorisation_absente"
    somebody.lets_in("hopital")
    assert somebody.found_by("medecin-hospitalier") == {crh}
    assert somebody.shut_to("medecin") == "autorisation_absente", "of another structure"
    assert somebody.shut_to("hopital") == "droit_fonctionnel"
    village = somebody.village
    move_in(village, f"infirmier-{somebody.patient.ins}", 7001, "60", structure_id=HOPITAL)
    move_in(village, f"accueil-{somebody.patient.ins}", 7002, "SECRETARIAT_MEDICAL", structure_id=HOPITAL)
    assert somebody.found_by(f"infirmier-{somebody.patient.ins}") <= {crh}
    assert somebody.shut_to(f"accueil-{somebody.patient.ins}") == "droit_fonctionnel"


def test_blocking_one_professional_does_not_shut_out_the_team(somebody: Somebody) -> None:
    somebody.lets_in("hopital")
    somebody.says(Block(number("medecin-hospitalier")))
    assert somebody.shut_to("medecin-hospitalier") == "blocage"
    somebody.says(Unblock(number("medecin-hospitalier")), Block(HOPITAL))
    assert somebody.shut_to("medecin-hospitalier") == "blocage", "the whole structure"


@pytest.mark.parametrize("holder", ["secretaire", "899999999999", "rien"])
def test_only_health_professionals_and_structures_of_the_directory_are_authorised(
    somebody: Somebody, holder: str
) -> None:
    with pytest.raises(GestionError):
        somebody.says(Authorise(number(holder) if holder == "secretaire" else holder))
    assert somebody.wishes.authorisations == ()


def test_who_came_with_a_card_that_the_directory_does_not_know_can_be_shut_out(somebody: Somebody) -> None:
    somebody.says(Block("899999999999"))
    assert somebody.wishes.blocked == ("899999999999",)
    with pytest.raises(GestionError, match="identifiant national"):
        somebody.says(Block("somebody"))


def test_a_patient_acts_in_their_own_dossier_only(somebody: Somebody, child: Somebody) -> None:
    of_nobody = replace(child.herself, patient=None)
    for requester in (child.herself, of_nobody):
        entering = (requester, Action.VD_AUTORISER, somebody.identifier, call("VD/autoriser"))
        with somebody.gate() as gate, pytest.raises(AccessRefused), gate.passage(*entering):
            pytest.fail("let in")
        assert somebody.trace().rule == "patient_de_l_assertion"


def consents(somebody: Somebody) -> tuple[Consent, ...]:
    dossier = somebody.dossier
    with somebody.village.house() as house, house.rooms() as rooms:
        return rooms.rights.consents(dossier.key)
