"""Alerts by a real mail server and a real SMS gateway: of a new document, of an emergency access."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from conformance.lps.metadata import Visibility
from conformance.lps.vihf import Access
from dmp.preferences import change_alerts, read_change
from identities.requester import Requester
from server.outbox import OUTBOX
from server.settings import load
from tests.mailbox import Mailbox, mailbox
from tests.receiver import Receiver, receiving
from tests.somebody import CHILD, CONSULTATION, CRH, Somebody, call, move
from tests.village import Village

ANNE, NUMBER, DOCTOR, PARENT = "anne@patient.example", "+33612345678", "paul@cabinet.example", "parent@famille.example"
PORTAL = "https://portail.dmp.example/"
EMERGENCY = Access("bris_de_glace", "patient inconscient")
SECRET = Access(secret=True)
CRH_TYPE, CONSULTATION_TYPE = "34112-3", "11488-4"  # LOINC


@dataclass
class Told:
    """A running village, and where people are told."""

    village: Village
    box: Mailbox
    gateway: Receiver
    mails: int = 0  # how many of each were asked for already
    texts: int = 0

    def messages(self) -> list[tuple[str, str]]:
        """Whom the courier told what since this was last asked, once nothing waits any more."""
        give_up = time.monotonic() + 30
        while self._waiting():
            assert time.monotonic() < give_up
            time.sleep(0.05)
        mails, texts = self.box.mails[self.mails :], self.gateway.posted[self.texts :]
        self.mails, self.texts = len(self.box.mails), len(self.gateway.posted)
        told = [(mail.recipients[0], mail.text.strip()) for mail in mails]
        return told + [(said["to"], said["text"]) for said in (json.loads(each.body) for each in texts)]

    def _waiting(self) -> bool:
        with self.village.house() as house, house.database.transaction() as connection:
            return connection.execute(OUTBOX.select()).first() is not None


@pytest.fixture(scope="module")
def told(new_village: Callable[[], Village]) -> Iterator[Told]:
    village = new_village()
    with mailbox() as box, receiving() as gateway:
        lines = {
            "smtp": f"localhost:{box.port}",
            "smtp_security": "none",
            "mail_from": "dmp@dmp.example",
            "sms_gateway": f"{gateway.url}/sms",
            "portal_address": PORTAL,
        }
        with (village.settings.home / "settings.toml").open("a", encoding="utf-8") as file:
            file.writelines(f"{name} = {json.dumps(value)}\n" for name, value in lines.items())
        village.settings = load({"home": village.settings.home}, {})
        village.start()
        yield Told(village, box, gateway)
        village.stop()


@pytest.fixture
def somebody(told: Told, tmp_path: Path) -> Somebody:
    return move(told.village, tmp_path)


@pytest.fixture
def child(told: Told, tmp_path: Path) -> Somebody:
    return move(told.village, tmp_path, CHILD)


def wants(of: Somebody, requester: Requester, **said: object) -> None:
    with of.gate() as gate:
        change_alerts(gate, requester, call("VD/alertes"), read_change(**said))  # type: ignore[arg-type]


def test_alert_on_new_document_for_patient_and_professional_by_type(told: Told, somebody: Somebody) -> None:
    somebody.lets_in("medecin", "medecin-traitant")
    wants(somebody, somebody.herself, documents=True, email=ANNE, sms=NUMBER)
    wants(somebody, somebody.card("medecin"), documents=True, types=[CRH_TYPE], email=DOCTOR)
    somebody.provide("medecin-traitant", kind=CONSULTATION)
    messages = told.messages()
    assert [address for address, _ in messages] == [ANNE, NUMBER], "the professional asked for another type"
    for _, text in messages:
        assert text.startswith("Un document a été ajouté à votre DMP le ")
        assert text.endswith(f" par un professionnel de santé.\n{PORTAL}")
        for word in ("ESSAI", "MARCHAND", "consultation", CONSULTATION_TYPE, somebody.patient.ins):
            assert word not in text
    somebody.provide("hopital", author="medecin-hospitalier", kind=CRH)
    assert sorted(address for address, _ in told.messages()) == [NUMBER, ANNE, DOCTOR]
    somebody.provide("medecin", kind=CRH)
    assert DOCTOR not in {address for address, _ in told.messages()}, "nobody is told of their own act"


def test_alert_never_tells_of_what_its_reader_may_not_see(told: Told, somebody: Somebody) -> None:
    somebody.lets_in("medecin", "medecin-traitant")
    wants(somebody, somebody.herself, documents=True, email=ANNE)
    wants(somebody, somebody.card("medecin"), documents=True, email=DOCTOR)
    somebody.provide("medecin-traitant", visibility=Visibility(hide_from_patient=True))
    assert [address for address, _ in told.messages()] == [DOCTOR]
    somebody.provide("medecin-traitant", visibility=Visibility(mask=True))
    assert [address for address, _ in told.messages()] == [ANNE]
    somebody.provide("medecin-traitant", visibility=Visibility(mask=True, hide_from_patient=True))
    assert told.messages() == []


def test_alert_to_representatives_says_nothing_of_what_a_minor_keeps_from_them(told: Told, child: Somebody) -> None:
    parent = child.parent()
    child.lets_in("medecin")
    wants(child, parent, documents=True, email=PARENT)
    child.provide("medecin", visibility=Visibility(hide_from_representatives=True))
    child.provide("medecin", access=SECRET)
    child.found_by("medecin", Access("bris_de_glace", "urgence", secret=True))
    assert told.messages() == []
    child.provide("medecin")
    ((address, text),) = told.messages()
    assert address == PARENT
    assert "au DMP d'une personne que vous représentez" in text


def test_emergency_access_tells_the_patient(told: Told, somebody: Somebody) -> None:
    wants(somebody, somebody.herself, sms=NUMBER)
    hospital, regulator = "medecin-hospitalier", "medecin"
    for _ in range(2):
        somebody.found_by(hospital, EMERGENCY)
    ((address, text),) = told.messages()
    assert address == NUMBER
    assert text.startswith("Votre DMP a été consulté le ")
    assert "en urgence (bris de glace)" in text
    assert "inconscient" not in text
    somebody.found_by(regulator, Access("centre_15"))
    ((_, text),) = told.messages()
    assert "centre 15" in text
    somebody.lets_in(regulator)
    somebody.found_by(regulator)
    assert told.messages() == [], "an authorised access is no emergency"
    acts = [line.action for line in told.village.audit(30) if line.transaction == "alerte"]
    assert acts[:2] == ["alerte/urgence", "alerte/urgence"]


def test_emergency_access_tells_the_representatives_of_a_minor(told: Told, child: Somebody) -> None:
    wants(child, child.parent(), email=PARENT)
    child.found_by("medecin-hospitalier", EMERGENCY)
    ((address, text),) = told.messages()
    assert (address, text.startswith("Le DMP d'une personne que vous représentez a été consulté")) == (PARENT, True)
