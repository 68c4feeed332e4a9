"""Legal representatives: who acts for a minor until majority, for an adult under guardianship, for nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from zoneinfo import ZoneInfo

import pytest

from audit.event import Outcome
from conformance.lps.metadata import Visibility
from dmp.echeances import Ending, due, tell
from dmp.errors import AccessRefused, GestionError
from dmp.gate import Gate
from dmp.representation import end_representation, record_situation
from dmp.volontes import Authorise, Block, Close, SetSwitches
from habilitations.statement import Switches
from identities.demographics import Telecom
from identities.dossier import DossierStatus
from identities.representation import Capacity
from identities.requester import Requester
from server.channels import Security, Smtp
from server.house import House
from server.outbox import Outbox
from tests.somebody import CHILD, Somebody, number

PARIS = ZoneInfo("Europe/Paris")
MAJORITY = datetime(CHILD.year + 18, CHILD.month, CHILD.day, tzinfo=PARIS)
BEFORE = MAJORITY.replace(day=CHILD.day - 1, hour=23, minute=59)


def refused(somebody: Somebody, requester: Requester, at: datetime | None = None) -> str:
    """The rule, of the audit log, by which a requester of the hall finds nothing."""
    with pytest.raises(AccessRefused):
        somebody.sees(requester, at)
    return somebody.trace().rule


def test_minor_representative_until_majority(child: Somebody) -> None:
    """The day begins at midnight in Paris, which is another day in London."""
    document, parent = child.provide("medecin"), child.parent()
    assert set(child.sees(parent)) == {document}
    assert set(child.sees(parent, at=BEFORE)) == {document}
    assert refused(child, parent, at=MAJORITY) == "representation_terminee"
    assert set(child.sees(at=MAJORITY)) == {document}, "it is the patient's own now"


def test_representative_decides_as_the_patient_does(child: Somebody) -> None:
    parent = child.parent()
    child.says(Authorise(number("medecin")), Block(number("dentiste")), SetSwitches(Switches(False)), by=parent)
    assert (child.found_by("medecin"), child.shut_to("dentiste")) == (set(), "blocage")
    child.says(Close(), by=parent)
    assert child.dossier.status is DossierStatus.CLOSED
    assert child.trace().requester_name == "PARENT Camille"


def test_emancipated_minor_is_an_adult(child: Somebody) -> None:
    parent = child.parent()
    with child.gate() as gate:
        record_situation(gate, "test", child.identifier, emancipated=True, proof="jugement du 3 mars 2026")
    assert child.trace().explanation == "Justificatif : jugement du 3 mars 2026"
    assert refused(child, parent) == "representation_terminee"
    assert child.sees() == {}
    with pytest.raises(GestionError, match="émancipé"):
        child.parent()


def test_nobody_but_a_minor_is_emancipated(somebody: Somebody) -> None:
    with somebody.gate() as gate, pytest.raises(GestionError, match="mineur"):
        record_situation(gate, "test", somebody.identifier, emancipated=True, proof="jugement")
    assert not somebody.dossier.emancipated


@pytest.mark.parametrize("capacity", [Capacity.PARENT, Capacity.TUTEUR])
def test_adult_has_no_representative_of_minors(somebody: Somebody, capacity: Capacity) -> None:
    with pytest.raises(GestionError):
        somebody.parent(capacity=capacity)


def test_guardian_of_an_adult_acts_until_it_is_ended(somebody: Somebody) -> None:
    guardian = somebody.parent(capacity=Capacity.TUTELLE)
    assert somebody.sees(guardian) == {}
    with somebody.gate() as gate:
        end_representation(gate, "test", somebody.identifier, guardian.id_nat, proof="mainlevée")
    assert refused(somebody, guardian) == "representation_terminee"
    with somebody.gate() as gate, pytest.raises(GestionError, match="en exercice"):
        end_representation(gate, "test", somebody.identifier, guardian.id_nat, proof="mainlevée")


def test_guardianship_decided_before_majority_begins_then(child: Somebody) -> None:
    """Code civil, art. 429: judged in the last year of minority, in effect on the day of majority."""
    parent, guardian = child.parent(), child.parent(capacity=Capacity.TUTELLE)
    assert refused(child, guardian, at=BEFORE) == "representation_terminee"
    assert child.sees(guardian, at=MAJORITY) == {}
    assert refused(child, parent, at=MAJORITY) == "representation_terminee"


def test_nobody_represents_the_dead(child: Somebody) -> None:
    parent = child.parent()
    with child.gate() as gate:
        record_situation(gate, "test", child.identifier, deceased=True)
    assert refused(child, parent) == "representation_terminee"


def test_representative_of_one_child_is_nobody_to_another(child: Somebody, somebody: Somebody) -> None:
    parent = child.parent()
    assert refused(somebody, replace(parent, patient=somebody.identifier)) == "representation_terminee"


def test_minor_keeps_a_document_and_its_count_from_representatives(child: Somebody) -> None:
    parent = child.parent()
    child.provide("medecin", visibility=Visibility(hide_from_representatives=True))
    assert (len(child.sees()), len(child.sees(parent))) == (1, 0)


# --- One month before majority ----------------------------------------------------------------------------------------

NOTICE = MAJORITY.replace(month=CHILD.month - 1)
MOTHER = Telecom("mailto:mere@famille.example")


def test_representative_is_told_one_month_before_majority_and_once(child: Somebody) -> None:
    mother = child.parent(telecoms=(Telecom("mailto:nobody"), MOTHER))
    father = child.parent()
    with sending(child, NOTICE - timedelta(seconds=1)) as (gate, house):
        assert endings(gate, child) == []
    with sending(child, NOTICE) as (gate, house):
        untold = dict(endings(gate, child))
        assert untold.keys() == {mother.id_nat, father.id_nat}
        tell(gate, "test", untold[mother.id_nat])
        event = child.trace()
        assert (event.action, event.patient, event.outcome) == ("avis-majorite", child.identifier, Outcome.SUCCESS)
        for ending, why in ((untold[mother.id_nat], "plus à prévenir"), (untold[father.id_nat], "par courrier")):
            with pytest.raises(GestionError, match=why):
                tell(gate, "test", ending)
        assert [each for each, _ in endings(gate, child)] == [father.id_nat]
        text = mails(house)[MOTHER.value.removeprefix("mailto:")]
    assert "30/05/2032" in text
    assert not any(word in text for word in (child.patient.ins, "ESSAI", "Anne"))


@pytest.mark.parametrize("what", ["ended", "emancipated", "of age"])
def test_who_acts_no_longer_is_not_told(child: Somebody, what: str) -> None:
    parent = child.parent(telecoms=(MOTHER,))
    with child.gate() as gate:
        if what == "ended":
            end_representation(gate, "test", child.identifier, parent.id_nat, proof="jugement")
        elif what == "emancipated":
            record_situation(gate, "test", child.identifier, emancipated=True, proof="jugement")
    with sending(child, MAJORITY if what == "of age" else NOTICE) as (gate, _):
        assert endings(gate, child) == []


@contextmanager
def sending(child: Somebody, at: datetime) -> Iterator[tuple[Gate, House]]:
    """The village's hall at another instant, with a mail server that is never asked."""
    smtp = Smtp("127.0.0.1", 9, Security.NONE, "ne-pas-repondre@dmp.example")
    house = House.build(replace(child.village.settings, smtp=smtp), anchors=False)
    try:
        yield Gate(house.unit_of_work, house.files, house.tables, lambda: at), house
    finally:
        house.database.dispose()


def endings(gate: Gate, child: Somebody) -> list[tuple[str, Ending]]:
    """The representatives of this child who are to be told."""
    found = [each for each in due(gate, "test").endings if each.dossier.ins == child.identifier]
    return [(each.representative.id, each) for each in found]


def mails(house: House) -> dict[str, str]:
    """What waits to leave, by address."""
    letters, _ = Outbox.of(house.settings, house.database).due((), 100)
    read = {each.address: message_from_bytes(each.file.read_bytes(), policy=policy.default) for each in letters}
    return {address: message.get_content() for address, message in read.items()}
