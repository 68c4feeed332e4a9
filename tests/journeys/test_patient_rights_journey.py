"""What the patient decides through real HTTPS: who enters, in which emergencies, and whether the DMP is open."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from patients import OWN, Someone, posted

from conformance.lps.client import LpsError
from server.demo.people import PATIENTS, inhabitant
from tests.mailbox import Mailbox
from tests.village import Village

LAETITIA, IRENE, MAMADOU = PATIENTS[2].ins, PATIENTS[5].ins, PATIENTS[6].ins
NURSE, DOCTOR, TREATING = (inhabitant(name).id_nat for name in ("infirmier", "medecin", "medecin-traitant"))


@pytest.fixture(scope="module")
def open_village(new_village: Callable[[], Village]) -> Iterator[tuple[Village, Mailbox]]:
    settled = new_village()
    with posted(settled) as box:
        settled.start()
        yield settled, box
        settled.stop()


def at_home(open_village: tuple[Village, Mailbox], ins: str) -> Someone:
    someone = Someone.of(*open_village, ins)
    someone.settle_in()
    return someone


def decide(someone: Someone, act: str, who: str) -> str:
    return someone.send("/autorisations", {"acte": act, "qui": who}).text


def searches(someone: Someone, name: str) -> bool:
    """Whether somebody still finds documents in the DMP."""
    try:
        someone.village.lps(name).find(someone.village.patient(someone.patient.value))
    except LpsError:
        return False
    return True


def test_the_first_connection_ends_with_emergencies(open_village: tuple[Village, Mailbox]) -> None:
    irene = Someone.of(*open_village, IRENE)
    irene.log_in()
    irene.send("/premiere-connexion", {"ancien": irene.password, "nouveau": OWN, "encore": OWN})
    page = irene.send("/premiere-connexion/coordonnees", {"sms": "0612345678"})
    assert page.title == "Accès en urgence – DMP" and "checked" not in page.source
    page = irene.send("/premiere-connexion/urgence", {"centre_15": "oui"})
    assert page.title == "Mon DMP – DMP"
    assert [each.action for each in irene.village.audit(2)] == ["TD3.1", "VD/urgence"]
    assert irene.ask("/urgence").source.count("checked") == 1


def test_masked_documents_in_emergency_need_an_emergency(open_village: tuple[Village, Mailbox]) -> None:
    irene = at_home(open_village, IRENE)
    page = irene.send("/urgence", {"masques_en_urgence": "oui"})
    assert page.status == 400 and "en urgence que si" in page.text


def test_a_professional_is_blocked_and_unblocked(open_village: tuple[Village, Mailbox]) -> None:
    laetitia = at_home(open_village, LAETITIA)
    assert searches(laetitia, "infirmier")
    assert "ROCHE" in decide(laetitia, "bloquer", NURSE)
    assert not searches(laetitia, "infirmier")
    decide(laetitia, "debloquer", NURSE)
    assert not searches(laetitia, "infirmier")
    decide(laetitia, "autoriser", NURSE)
    assert searches(laetitia, "infirmier")


def test_a_medecin_traitant_is_named_and_cannot_be_blocked(open_village: tuple[Village, Mailbox]) -> None:
    mamadou = at_home(open_village, MAMADOU)
    assert "ne peut pas être bloqué" in decide(mamadou, "bloquer", TREATING)
    assert decide(mamadou, "medecin-traitant", DOCTOR).count("Médecin traitant DMP") >= 2
    decide(mamadou, "fin-medecin-traitant", DOCTOR)
    decide(mamadou, "bloquer", DOCTOR)
    assert not searches(mamadou, "medecin")


@pytest.mark.parametrize(("act", "who"), [("autoriser", "n'importe qui"), ("autoriser", "899999999999")])
def test_who_is_nobody_is_not_let_in(open_village: tuple[Village, Mailbox], act: str, who: str) -> None:
    someone = at_home(open_village, LAETITIA)
    page = someone.send("/autorisations", {"acte": act, "qui": who})
    assert page.status == 400


def test_what_is_no_decision_is_not_understood(open_village: tuple[Village, Mailbox]) -> None:
    someone = at_home(open_village, LAETITIA)
    assert someone.send("/autorisations", {"acte": "adopter", "qui": NURSE}).status == 400
    assert someone.send("/etat", {"acte": "fermer"}).status == 400


def test_the_dmp_is_closed_and_opened_again(open_village: tuple[Village, Mailbox]) -> None:
    laetitia = at_home(open_village, LAETITIA)
    page = laetitia.send("/etat", {"acte": "fermer", "confirme": "oui"})
    assert page.status == 403 and "Votre DMP est fermé" in page.text
    assert not searches(laetitia, "medecin-traitant")
    assert "Demander la destruction" in laetitia.ask("/etat").text
    laetitia.send("/etat", {"acte": "detruire", "confirme": "oui"})
    page = laetitia.send("/etat", {"acte": "rouvrir", "confirme": "oui"})
    assert page.title == "Mon DMP – DMP"
    assert searches(laetitia, "medecin-traitant")
