"""Alerts in the hall: who is told of what, where to, and never of what they may not know. Over a real database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from audit.event import Outcome
from dmp.alertes import DOCUMENT, URGENCE
from dmp.compte import create_access
from dmp.errors import AccessRefused
from dmp.gate import Gate
from habilitations.action import Action
from habilitations.decision import Tables
from identities.account import PATIENT, Channel
from identities.alerts import Alerts, Party
from identities.demographics import Demographics, Telecom
from identities.requester import ModeAcces
from registry.errors import RegistryError
from tests.dmp.accounts import ANNE, DOCTOR, LEA, MOTHER, Desk, desk
from tests.dmp.life import (
    ANNOUNCED,
    DOCTORS,
    KEPT,
    LAB,
    MAIL,
    MASKED,
    MOTHERS,
    NUMBER,
    OF_ANNE,
    OF_MOTHER,
    OF_OTHER,
    OTHER,
    Life,
    calling,
    told,
    urgent,
)
from tests.registry.samples import LETTER

AT_HOME = "anne@ailleurs.example"
TELECOMS = (Telecom("mailto:anne@ailleurs.example"), Telecom("tel:01 42 00 00 00"), Telecom("tel:06 98 76 54 32"))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


@pytest.fixture
def anne(house: Desk) -> Life:
    return Life(house)


@pytest.fixture
def lea(house: Desk) -> Life:
    return Life(house, LEA)


def known_at(life: Life, *telecoms: Telecom) -> None:
    """The traits of the patient say where they are reached."""
    traits = replace(life.dossier.traits, demographics=Demographics(telecoms=telecoms))
    with life.desk.rooms() as rooms:
        rooms.identities.set_traits(life.dossier_in(rooms).key, traits)


# --- A document -------------------------------------------------------------------------------------------------------


def test_a_patient_who_asked_is_told_of_a_new_document_once_for_a_lot(house: Desk, anne: Life) -> None:
    anne.deposit()
    assert told(house) == []
    anne.wants(OF_ANNE)
    documents = anne.deposit((), (), (ANNOUNCED,))
    ((address, text),) = house.post.told
    assert address == MAIL
    assert text == "Un document a été ajouté à votre DMP le 01/03/2026 à 13:00 par un professionnel de santé."
    event, deposit = house.records(2)
    assert (event.transaction, event.action, event.outcome) == ("alerte", DOCUMENT, Outcome.SUCCESS)
    assert (event.requester_id, event.authentication, event.dossier) == (ANNE.value, "PATIENT", anne.dossier.key)
    assert event.documents == tuple(documents[:2]), "what must still be announced is not in it"
    assert event.rule_row.startswith("TD3.1"), "the decision that let them know"
    assert MAIL.encode() not in event.message
    assert deposit.action == "TD2.1"


def test_nothing_of_a_document_stands_in_a_message(house: Desk, anne: Life) -> None:
    anne.wants(replace(OF_ANNE, sms=NUMBER))
    anne.deposit()
    assert {address for address, _ in house.post.told} == {MAIL, NUMBER}
    for _, text in house.post.told:
        for word in ("oncologie", "CORBEAU", "ESSAI", "MARTIN", "34112-3", "hospitalisation", ANNE.value):
            assert word.casefold() not in text.casefold()


@pytest.mark.parametrize("marks", [(ANNOUNCED,), (ANNOUNCED, KEPT), (ANNOUNCED, MASKED)])
def test_a_patient_is_not_told_of_what_must_still_be_announced(house: Desk, anne: Life, marks: tuple[object]) -> None:
    anne.wants(OF_ANNE)
    anne.deposit(marks)  # type: ignore[arg-type]
    assert told(house) == []
    assert house.records(1)[0].action == "TD2.1"


def test_a_patient_s_masked_document_is_theirs(house: Desk, anne: Life) -> None:
    anne.wants(OF_ANNE)
    anne.deposit((MASKED,))
    assert told(house) == [MAIL]


def test_nobody_is_told_of_their_own_act(house: Desk, anne: Life) -> None:
    anne.wants(OF_ANNE)
    anne.wants(OF_OTHER)
    anne.deposit(by=anne.herself)
    assert told(house) == [DOCTORS]
    anne.deposit(by=OTHER)
    assert told(house) == [MAIL]


@pytest.mark.parametrize("marks", [(KEPT,), (KEPT, MASKED), (KEPT, ANNOUNCED)])
def test_a_representative_is_not_told_of_what_is_kept_from_them(house: Desk, lea: Life, marks: tuple[object]) -> None:
    lea.wants(OF_MOTHER)
    lea.deposit(marks)  # type: ignore[arg-type]
    assert told(house) == []
    lea.deposit(marks, ())  # type: ignore[arg-type]
    assert told(house) == [MOTHERS]


def test_a_representative_is_not_told_of_a_secret_connection(house: Desk, lea: Life) -> None:
    lea.wants(OF_MOTHER)
    secret = replace(DOCTOR, secret_connection=True)
    lea.deposit(by=secret)
    lea.acts(urgent(secret), Action.TD3_1)
    assert told(house) == []
    lea.deposit()
    assert told(house) == [MOTHERS]


def test_a_representative_is_told_while_in_office(house: Desk, lea: Life) -> None:
    lea.wants(OF_MOTHER)
    with house.rooms() as rooms:
        rooms.identities.end_representation(lea.dossier_in(rooms).key, MOTHER.id, instant=house.now)
    lea.deposit()
    assert told(house) == []


def test_a_minor_is_told_by_nobody_s_telecoms_but_their_own_wish(house: Desk, lea: Life) -> None:
    """What traits say of a minor is where the parents are reached."""
    known_at(lea, *TELECOMS)
    lea.wants(replace(OF_ANNE, email=""))
    lea.deposit((KEPT,))
    assert told(house) == []
    lea.wants(OF_ANNE)
    lea.deposit((KEPT,))
    assert told(house) == [MAIL]


def test_a_professional_is_told_of_the_types_they_asked_for(house: Desk, anne: Life) -> None:
    anne.wants(replace(OF_OTHER, types=frozenset({LAB.code})))
    anne.deposit(type_code=LETTER)
    assert told(house) == []
    anne.deposit(type_code=LAB)
    ((address, text),) = house.post.told
    assert address == DOCTORS
    assert "pour lequel vous avez demandé à être averti" in text
    assert house.records(1)[0].requester_id == OTHER.id_nat


def test_a_professional_is_told_of_what_they_may_read_then(house: Desk, anne: Life) -> None:
    anne.wants(OF_OTHER)
    anne.deposit((MASKED,))
    assert told(house) == [], "masked documents are the author's and the médecin traitant's"
    anne.deposit((ANNOUNCED,))
    assert told(house) == [DOCTORS], "what the patient must still learn, professionals see"
    key = anne.dossier.key
    with house.rooms() as rooms:
        rooms.rights.revoke(key, OTHER.id_nat)
    anne.deposit()
    assert told(house) == []
    with house.rooms() as rooms:
        rooms.rights.set_medecin_traitant(key, OTHER.id_nat, True)
    anne.deposit((MASKED,))
    assert told(house) == [DOCTORS]
    with house.rooms() as rooms:
        known = rooms.identities.professional(OTHER.id_nat)
        assert known is not None
        rooms.identities.save_professional(replace(known, active=False))
    anne.deposit()
    assert told(house) == [], "whom the directory does not let in, it does not let know"


def test_the_matrix_binds_alerts(house: Desk, anne: Life) -> None:
    """A pédicure-podologue reads no type of the matrix that is known."""
    podologue = replace(OTHER, id_nat="899900000033", profession="80", specialty="")
    Life(house, doctors=[podologue])
    anne.wants(replace(OF_OTHER, holder=podologue.id_nat))
    anne.deposit()
    assert told(house) == []


def test_what_is_undone_is_told_to_nobody(house: Desk, anne: Life) -> None:
    anne.wants(OF_ANNE)
    with pytest.raises(ZeroDivisionError), house.gate.passage(DOCTOR, Action.TD2_1, ANNE, calling()) as passage:
        passage.added.append(None)  # type: ignore[arg-type]
        _ = 1 / 0
    assert told(house) == []


def test_the_portal_s_address_goes_with_a_message(house: Desk, anne: Life) -> None:
    anne.wants(OF_ANNE)
    gate = Gate(house._unit_of_work, house.house.files, Tables.load(), lambda: house.now, "https://dmp.example/")
    with gate.passage(urgent(DOCTOR), Action.TD3_1, ANNE, calling()):
        pass
    assert house.post.told[-1][1].endswith("\nhttps://dmp.example/")


# --- An emergency -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "how"), [(ModeAcces.BRIS_DE_GLACE, "bris de glace"), (ModeAcces.CENTRE_15, "centre 15")]
)
def test_a_patient_is_told_of_an_emergency_access_without_having_asked(
    house: Desk, anne: Life, mode: ModeAcces, how: str
) -> None:
    known_at(anne, *TELECOMS)
    anne.opens(urgent(DOCTOR, mode), "2.25.1")
    assert [address for address, _ in house.post.told] == [AT_HOME, "+33698765432"], "no text goes to a landline"
    text = house.post.told[0][1]
    assert how in text
    assert "Votre DMP a été consulté le 01/03/2026 à 13:00 en urgence" in text
    assert "inconscient" not in text
    event, access = house.records(2)
    assert (event.action, event.requester_id) == (URGENCE, ANNE.value)
    assert access.mode_acces == mode.value


def test_the_account_is_where_a_patient_is_reached_unless_they_say_otherwise(house: Desk, anne: Life) -> None:
    known_at(anne, *TELECOMS)
    create_access(house.gate, DOCTOR, calling(), Channel.SMS, NUMBER)
    anne.acts(urgent(DOCTOR), Action.TD3_1)
    assert told(house) == [NUMBER]
    anne.wants(Alerts(PATIENT, Party.PATIENT, documents=False, email=MAIL))
    anne.acts(urgent(OTHER), Action.TD3_1)
    assert told(house) == [MAIL]
    anne.wants(Alerts(PATIENT, Party.PATIENT))
    house.later(days=1)
    anne.acts(urgent(OTHER), Action.TD3_1)
    assert told(house) == [NUMBER], "it cannot be switched off"


def test_of_one_requester_and_mode_once_a_day(house: Desk, anne: Life) -> None:
    anne.wants(OF_ANNE)
    for _ in range(3):
        anne.acts(urgent(DOCTOR), Action.TD3_1)
        anne.acts(urgent(DOCTOR), Action.TD3_2)
    assert told(house) == [MAIL]
    anne.acts(urgent(DOCTOR, ModeAcces.CENTRE_15), Action.TD3_1)
    anne.acts(urgent(OTHER), Action.TD3_1)
    assert told(house) == [MAIL, MAIL]
    house.later(hours=10, minutes=59)  # 23:59 in Paris
    anne.acts(urgent(DOCTOR), Action.TD3_1)
    assert told(house) == []
    house.later(minutes=1)
    anne.acts(urgent(DOCTOR), Action.TD3_1)
    assert told(house) == [MAIL]


def test_who_could_not_be_told_in_the_morning_is_told_in_the_evening(house: Desk, anne: Life) -> None:
    anne.acts(urgent(DOCTOR), Action.TD3_1)
    anne.wants(OF_ANNE)
    anne.acts(urgent(DOCTOR), Action.TD3_1)
    assert told(house) == [MAIL]


def test_an_emergency_that_opened_nothing_is_told_to_nobody(house: Desk, anne: Life) -> None:
    anne.wants(OF_ANNE)
    anne.acts(urgent(DOCTOR), Action.TD0_2)
    anne.deposit(by=replace(DOCTOR, mode_acces=ModeAcces.CENTRE_15))
    assert told(house) == [MAIL], "of the document"
    with pytest.raises(AccessRefused):
        anne.acts(replace(urgent(DOCTOR), motif=""), Action.TD3_1)
    with (
        pytest.raises(RegistryError),
        house.gate.passage(urgent(DOCTOR), Action.TD3_1, ANNE, calling()),
    ):
        raise RegistryError([])
    assert told(house) == []


def test_the_representatives_of_a_minor_are_told_of_an_emergency(house: Desk, lea: Life) -> None:
    with house.rooms() as rooms:
        mother = replace(MOTHER, telecoms=(Telecom(f"mailto:{MOTHERS}"),))
        rooms.identities.save_representative(lea.dossier_in(rooms).key, mother)
    lea.acts(urgent(DOCTOR), Action.TD3_1)
    ((address, text),) = house.post.told
    assert address == MOTHERS
    assert text.startswith("Le DMP d'une personne que vous représentez a été consulté")
    assert house.records(1)[0].authentication == "REPRESENTANT"


def test_nothing_is_sent_to_the_dead(house: Desk, anne: Life) -> None:
    anne.wants(OF_ANNE)
    with house.rooms() as rooms:
        rooms.identities.set_situation(anne.dossier_in(rooms).key, deceased=True)
    anne.deposit()
    anne.acts(urgent(DOCTOR), Action.TD3_1)
    assert told(house) == []


def test_professionals_are_not_told_of_emergencies(house: Desk, anne: Life) -> None:
    anne.wants(OF_OTHER)
    anne.acts(urgent(DOCTOR), Action.TD3_1)
    assert told(house) == []


def test_where_nothing_leaves_nobody_is_believed_to_have_been_told(house: Desk, anne: Life) -> None:
    anne.wants(replace(OF_ANNE, sms=NUMBER))
    house.post.mails = False
    anne.acts(urgent(DOCTOR), Action.TD3_1)
    assert told(house) == [NUMBER]
    house.post.texts = False
    anne.acts(urgent(OTHER), Action.TD3_1)
    anne.deposit()
    assert told(house) == []
    assert [each.action for each in house.records(2)] == ["TD2.1", "TD3.1"]
