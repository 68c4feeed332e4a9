"""The médecin traitant DMP: who may be one, and what the patient can and cannot do about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance.lps.metadata import Visibility
from dmp.errors import AccessRefused, GestionError
from dmp.volontes import Authorise, Block, EndMedecinTraitant, NameMedecinTraitant, SetSwitches, Unblock
from habilitations.statement import Switches
from identities.requester import ModeAcces, Requester
from server.commands.names import requester_of
from tests.somebody import Somebody, number


def professional(somebody: Somebody, name: str) -> Requester:
    """One of the people, as a door of theirs would hand them to the hall, for this patient."""
    with somebody.village.house() as house:
        found = requester_of(house, None, name, mode=None, access=ModeAcces.NORMAL, motif="")
    return replace(found, patient=somebody.identifier)


def test_mt_cannot_be_blocked(somebody: Somebody) -> None:
    somebody.names("medecin")
    with pytest.raises(GestionError, match="médecin traitant"):
        somebody.says(Block(number("medecin")))
    assert (
        somebody.trace().explanation
        == "Un médecin traitant DMP ne peut pas être bloqué : retirez-lui d'abord ce statut."
    )
    assert somebody.found_by("medecin") == set()
    somebody.says(EndMedecinTraitant(number("medecin")), Block(number("medecin")))
    assert somebody.shut_to("medecin") == "blocage"


def test_mt_is_let_in_though_the_structure_is_blocked(somebody: Somebody) -> None:
    somebody.names("medecin-hospitalier")
    somebody.says(Block(number("hopital")))
    assert somebody.found_by("medecin-hospitalier") == set()


def test_several_mt_possible_and_each_sees_masked_documents(somebody: Somebody) -> None:
    masked = somebody.provide("dentiste", visibility=Visibility(mask=True))
    somebody.lets_in("infirmier")
    for doctor in ("medecin", "medecin-traitant"):
        somebody.names(doctor)
    assert all(somebody.read_by(doctor, masked) for doctor in ("medecin", "medecin-traitant"))
    assert masked not in somebody.found_by("infirmier")


def test_who_is_no_longer_mt_keeps_his_access(somebody: Somebody) -> None:
    masked = somebody.provide("dentiste", visibility=Visibility(mask=True))
    plain = somebody.provide("dentiste")
    somebody.names("medecin")
    somebody.says(EndMedecinTraitant(number("medecin")))
    assert somebody.found_by("medecin") & {masked, plain} == {plain}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ([Authorise(number("infirmier")), NameMedecinTraitant(number("infirmier"))], "Seul un médecin"),
        ([NameMedecinTraitant(number("hopital"))], "Seul un médecin"),
        ([NameMedecinTraitant("899999999999")], "Seul un médecin"),
        ([NameMedecinTraitant(number("medecin"))], "pas autorisé"),
        ([Block(number("medecin")), NameMedecinTraitant(number("medecin"))], "pas autorisé"),
    ],
    ids=["an infirmier", "a structure", "nobody known", "not authorised", "blocked"],
)
def test_mt_is_an_authorised_doctor(somebody: Somebody, said: list[Authorise], why: str) -> None:
    with pytest.raises(GestionError, match=why):
        somebody.says(*said)
    assert somebody.wishes.medecins_traitants == ()


def test_a_doctor_of_an_authorised_establishment_may_be_mt(somebody: Somebody) -> None:
    somebody.lets_in("hopital")
    somebody.says(NameMedecinTraitant(number("medecin-hospitalier")))
    assert somebody.wishes.medecins_traitants == (number("medecin-hospitalier"),)


def test_mt_blocks_a_professional_and_gives_the_status_at_the_patient_s_request(somebody: Somebody) -> None:
    somebody.names("medecin-traitant")
    somebody.lets_in("medecin", "infirmier")
    mt = professional(somebody, "medecin-traitant")
    somebody.says(Block(number("infirmier")), NameMedecinTraitant(number("medecin")), by=mt)
    assert somebody.shut_to("infirmier") == "blocage"
    assert set(somebody.wishes.medecins_traitants) == {number("medecin"), number("medecin-traitant")}
    somebody.says(Unblock(number("infirmier")), by=mt)
    assert somebody.shut_to("infirmier") == "autorisation_absente"


def test_mt_takes_the_status_from_nobody_else(somebody: Somebody) -> None:
    for doctor in ("medecin", "medecin-traitant"):
        somebody.names(doctor)
    with pytest.raises(GestionError, match="patient"):
        somebody.says(EndMedecinTraitant(number("medecin")), by=professional(somebody, "medecin-traitant"))
    assert len(somebody.wishes.medecins_traitants) == 2


@pytest.mark.parametrize("name", ["medecin", "infirmier", "secretaire", "medecin-du-travail"])
def test_other_professionals_block_nobody(somebody: Somebody, name: str) -> None:
    somebody.lets_in("medecin", "infirmier")
    for wish in (Block(number("dentiste")), NameMedecinTraitant(number("medecin")), Authorise(number("dentiste"))):
        with pytest.raises(AccessRefused):
            somebody.says(wish, by=professional(somebody, name))
    assert (somebody.wishes.blocked, somebody.wishes.medecins_traitants) == ((), ())


def test_emergency_access_is_set_with_a_professional_who_is_authorised(somebody: Somebody) -> None:
    """Public guide of the DMP: by the patient, or with a professional who may enter."""
    wish = SetSwitches(Switches(centre_15=False))
    with pytest.raises(AccessRefused):
        somebody.says(wish, by=professional(somebody, "infirmier"))
    somebody.lets_in("infirmier")
    somebody.says(wish, by=professional(somebody, "infirmier"))
    assert not somebody.wishes.switches.centre_15
