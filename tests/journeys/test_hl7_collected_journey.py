"""What an establishment collects at its counter and sends by ADT (PAM.fr, ZFA), and what it does to a DMP.

Source: IHE France, PAM national extension 2.11.2, 6.14; CSP L.1111-14 to L.1111-17, R.1111-46 and R.1111-47.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from audit.event import Outcome
from conformance.lps.people import Patient
from conformance.lps.soap import LpsError
from dmp.volontes import Block, OpposeFeeding, Revoke, Unblock
from identities.representation import PARIS
from schemas import oids
from server.demo.people import HOPITAL, PATIENTS
from server.house import now
from tests.mllp import Ack, adt, message, sending, written
from tests.somebody import Somebody, move, number
from tests.village import Village

DOCTOR = "medecin-hospitalier"
DAY = timedelta(days=1)


@pytest.fixture
def somebody(hospital: Village, tmp_path: Path) -> Somebody:
    """An adult whose DMP is open to nobody yet."""
    return move(hospital, tmp_path)


def told(
    somebody: Somebody,
    opposition: str = "NA",
    consent: str = "NA",
    at: datetime | None = None,
    *,
    sender: str = "hopital",
    event: str = "A01",
    structure: str = "ADT_A01",
    reliability: str = "VALI",
) -> Ack:
    """The answer to an admission that says what was collected."""
    when = f"{(at or now()).astimezone(PARIS):%Y%m%d%H%M%S}"
    cx = f"{somebody.patient.ins}^^^ASIP-SANTE-INS-NIR&{somebody.patient.ins_oid}&ISO^INS"
    sent = adt(event, ["1^^^CHU&000897406&N^PI", cx], structure=structure, reliability=reliability)
    zfa = f"ZBE|1\rZFA|ACTIF|{when}|||||||{opposition}|{when}|{consent}|{when}\r"
    with sending(somebody.village, sender) as open_to:
        return open_to.send(sent + zfa.encode())


def feeds(somebody: Somebody) -> bool:
    """Whether a document may be put into the DMP."""
    try:
        somebody.provide(DOCTOR)
    except LpsError as error:
        assert error.code == "DMPAccessDeniedByRightsService", error
        return False
    return True


@pytest.mark.proves("transaction/VD-recueil")
def test_consent_lets_the_establishment_in_for_a_year(somebody: Somebody) -> None:
    assert somebody.shut_to(DOCTOR) == "autorisation_absente"
    collected = now() - 30 * DAY
    assert told(somebody, "INO", "IC", collected).accepted
    event = somebody.trace()
    assert (event.transaction, event.action, event.outcome) == ("VD/recueil", "VD/recueil", Outcome.SUCCESS)
    assert somebody.found_by(DOCTOR) == set()
    (given,) = somebody.wishes.authorisations
    assert (given.kind, given.holder) == ("structure", HOPITAL)
    assert abs(given.end - collected - 365 * DAY) < timedelta(seconds=2)
    assert told(somebody, "NA", "INC").accepted
    assert somebody.shut_to(DOCTOR) == "autorisation_absente"


def test_consent_of_last_year_lets_nobody_in(somebody: Somebody) -> None:
    assert told(somebody, "NA", "IC", now() - 400 * DAY).accepted
    assert somebody.wishes.authorisations == ()


def test_opposition_shuts_the_dmp_and_its_establishment_ends_it(somebody: Somebody) -> None:
    assert told(somebody, "IO", at=now() - DAY).accepted
    assert not feeds(somebody)
    assert told(somebody, "INO", sender="laboratoire", at=now() - DAY / 2).accepted, "noted: others do not end it"
    assert not feeds(somebody)
    assert told(somebody, "INO").accepted
    assert feeds(somebody)


def test_what_the_patient_opposes_no_establishment_ends(somebody: Somebody) -> None:
    assert told(somebody, "IO", at=now() - DAY).accepted
    somebody.says(OpposeFeeding(True))
    assert told(somebody, "INO").accepted
    assert not feeds(somebody)
    somebody.says(OpposeFeeding(False))
    assert feeds(somebody)


def test_what_is_repeated_with_each_admission_does_nothing_again(somebody: Somebody) -> None:
    collected = now() - DAY
    assert told(somebody, "IO", "IC", collected).accepted
    somebody.says(OpposeFeeding(False), Revoke(HOPITAL))
    for event, structure in (("A04", "ADT_A01"), ("A31", "ADT_A05"), ("A14", "ADT_A05"), ("Z99", "ADT_A01")):
        assert told(somebody, "IO", "IC", collected, event=event, structure=structure).accepted
    wishes = somebody.wishes
    assert (wishes.opposed_to_feeding, wishes.authorisations) == (False, ())


def test_what_nobody_asked_changes_nothing(somebody: Somebody) -> None:
    before = somebody.wishes
    assert told(somebody).accepted
    assert somebody.wishes == before


def test_a_blocked_establishment_claims_no_consent_and_is_told_as_of_a_dmp_that_is_none(somebody: Somebody) -> None:
    somebody.says(Block(HOPITAL))
    refused = told(somebody, "IO", "IC")
    nobody = Somebody(somebody.village, somebody.folder, Patient("2510375056999" + "83", oids.INS_NIR_TEST))
    closed = Somebody(somebody.village, somebody.folder, Patient(PATIENTS[3].ins, oids.INS_NIR_TEST))
    answers = [refused, told(nobody, "IO", "IC"), told(closed, "IO", "IC")]
    assert {(each.code, each.conditions, each.applications) for each in answers} == {
        ("AE", ("207",), ("DMPAccessDeniedByRightsService",))
    }
    assert len({each.raw.partition(b"\rERR|")[2] for each in answers}) == 1
    assert not somebody.wishes.opposed_to_feeding, "all of a message, or none of it"
    assert told(somebody, "IO").accepted, "an opposition is heard from whomever was told it"
    assert somebody.wishes.opposed_to_feeding
    somebody.says(Unblock(HOPITAL))


@pytest.mark.parametrize(
    ("opposition", "consent", "reliability", "condition"),
    [("OUI", "NA", "VALI", "103"), ("NA", "IO", "VALI", "103"), ("IO", "IC", "PROV", "204"), ("IO", "IC", "", "204")],
)
def test_what_cannot_be_kept_is_refused_with_its_code(
    somebody: Somebody, opposition: str, consent: str, reliability: str, condition: str
) -> None:
    ack = told(somebody, opposition, consent, reliability=reliability)
    assert (ack.code, ack.conditions) == ("AE", (condition,))
    assert not somebody.wishes.opposed_to_feeding


def test_an_adt_that_says_nothing_of_the_dmp_feeds_no_identity_of_it(somebody: Somebody) -> None:
    cx = f"{somebody.patient.ins}^^^INS&{somebody.patient.ins_oid}&ISO^INS"
    with sending(somebody.village) as open_to:
        ack = open_to.send(adt("A31", [cx], structure="ADT_A05", family="AUTRE"))
    assert (ack.code, ack.applications) == ("AE", ("DMPAccessDeniedByRightsService",))
    assert somebody.dossier.traits.birth_family == "ESSAI"


def test_a_repeat_of_the_message_gets_the_answer_of_then(somebody: Somebody) -> None:
    cx = f"{somebody.patient.ins}^^^INS&{somebody.patient.ins_oid}&ISO^INS"
    sent = adt("A01", [cx], control_id=uuid.uuid4().hex) + b"ZFA|ACTIF||||||||IO\r"
    with sending(somebody.village) as open_to:
        first = open_to.send(sent)
        assert first.accepted
        somebody.says(OpposeFeeding(False))
        assert open_to.send(sent).raw == first.raw
    assert not somebody.wishes.opposed_to_feeding


def test_documents_by_hl7_v2_heed_what_was_collected(somebody: Somebody) -> None:
    assert told(somebody, "IO").accepted
    assert number("hopital") == HOPITAL
    document = written(patient=PATIENTS[0]).replace(PATIENTS[0].ins.encode(), somebody.patient.ins.encode())
    sent = message([document]).replace(PATIENTS[0].ins.encode(), somebody.patient.ins.encode())
    with sending(somebody.village) as open_to:
        assert open_to.send(sent).applications == ("DMPAccessDeniedByRightsService",)
