"""Plain laboratory results over MLLP and TLS: found, opened, replaced and withdrawn as the laboratory's reports.

Source: HL7 v2.5 7.3.1 (ORU); CI-SIS, volet CR d'examens de biologie médicale 2024.01; GIE SESAM-Vitale, TD2.1, TD3.3c.
"""

from __future__ import annotations

import base64
import urllib.request
from pathlib import Path

from audit.event import Outcome
from cda import pdf_a
from cda.validation.check import validate
from conformance.lps.metadata import Entry
from conformance.lps.query import STATUSES, Filters
from dmp.transmission import PARTIAL
from schemas import xml
from server.demo.people import PATIENTS
from tests.hl7v2.lab_vectors import IONOGRAM, POTASSIUM, SODIUM, oru
from tests.journeys.test_hl7_documents_journey import status_of
from tests.mllp import sending
from tests.village import Village

PATIENT = PATIENTS[0]
V3 = {"c": "urn:hl7-org:v3"}


def reports(village: Village, placer: str) -> list[Entry]:
    """The reports of an order as the médecin traitant sees them, the oldest first."""
    filters = Filters(statuses=tuple(STATUSES.values()))
    listed = village.lps("medecin-traitant").find(village.patient(PATIENT.ins), filters)
    of_order = [each for each in listed if any(number.startswith(f"{placer}^") for number in each.reference_ids)]
    return sorted(of_order, key=lambda each: int(each.unique_id.rpartition(".")[2]))


def order(placer: str, status: str = "F") -> str:
    return IONOGRAM.replace("P-77", placer).removesuffix("F") + status


def test_results_become_a_report_that_is_found_and_opened(hospital: Village, tmp_path: Path) -> None:
    sent = oru(order("P-OPEN"), SODIUM, POTASSIUM, filler="OPEN", control_id="results-1")
    with sending(hospital, "laboratoire") as sender:
        ack = sender.send(sent)
        assert ack.accepted, ack.raw
        (event,) = hospital.audit(1)
        assert (event.transaction, event.action, event.outcome) == ("ITI-41", "TD2.1", Outcome.SUCCESS)
        assert sender.send(sent).raw == ack.raw
        assert hospital.audit(1)[0].id == event.id
    (entry,) = reports(hospital, "P-OPEN")
    assert (entry.type_code.code, entry.format_code.code) == ("11502-2", "urn:ihe:lab:xd-lab:2008")
    assert "/open-dmp^open-dmp^Passerelle HL7 v2" in entry.authors[0].person
    opened = tmp_path / "report.xml"
    hospital.lps("medecin-traitant").open(entry.unique_id, opened, hospital.patient(PATIENT.ins))
    document = opened.read_bytes()
    assert validate([document]).findings == ()
    root = xml.parse(document)
    values = root.xpath("//c:organizer/c:component/c:observation/c:value/@value", namespaces=V3)
    assert values == ["139.0", "5.9"]
    (copy,) = root.xpath("//c:observationMedia/c:value/text()", namespaces=V3)
    assert pdf_a.departures(base64.b64decode(str(copy))) == ()


def test_messages_are_counted_by_kind_and_acknowledgement(hospital: Village) -> None:
    with sending(hospital, "laboratoire") as sender:
        assert sender.send(oru(order("P-COUNT"), SODIUM, filler="COUNT")).accepted
    with urllib.request.urlopen(f"http://{hospital.settings.http}/metrics") as answer:
        counted = answer.read().decode()
    assert 'dmp_hl7_messages_total{kind="ORU^R01",result="AA"}' in counted


def test_an_order_goes_its_way_from_partial_to_withdrawn(hospital: Village) -> None:
    def statuses() -> list[str]:
        return [status_of(each) for each in reports(hospital, "P-WAY")]

    with sending(hospital, "laboratoire") as sender:
        assert sender.send(oru(order("P-WAY", "P"), SODIUM, filler="WAY")).accepted
        assert [each.comments for each in reports(hospital, "P-WAY")] == [PARTIAL]
        assert sender.send(oru(order("P-WAY"), SODIUM, POTASSIUM, filler="WAY")).accepted
        assert statuses() == ["deprecated", "approved"]
        again = sender.send(oru(order("P-WAY"), SODIUM, filler="WAY"))
        assert (again.code, again.conditions) == ("AE", ("205",)), again.raw
        assert sender.send(oru(order("P-WAY", "C"), SODIUM, POTASSIUM, filler="WAY")).accepted
        assert statuses() == ["deprecated", "deprecated", "approved"]
        gone = oru(order("P-WAY", "X"), SODIUM.replace("|F|", "|D|"), filler="WAY")
        assert sender.send(gone).accepted
        (event,) = hospital.audit(1)
        assert (event.transaction, event.action, event.outcome) == ("ITI-57", "TD3.3c", Outcome.SUCCESS)
        assert statuses() == ["deprecated", "deprecated", "deleted"]
        assert sender.send(oru(order("P-WAY"), SODIUM, filler="WAY")).accepted
    assert statuses() == ["deprecated", "deprecated", "deleted", "approved"]


def test_nothing_is_corrected_or_withdrawn_that_the_sender_did_not_send(hospital: Village) -> None:
    with sending(hospital, "laboratoire") as sender:
        corrected = sender.send(oru(order("P-NONE", "C"), SODIUM, filler="NONE"))
        assert hospital.audit(1)[0].outcome is not Outcome.SUCCESS
        withdrawn = sender.send(oru(order("P-NONE", "X"), SODIUM.replace("|F|", "|D|"), filler="NONE"))
        assert hospital.audit(1)[0].outcome is not Outcome.SUCCESS
    for ack in (corrected, withdrawn):
        assert (ack.code, ack.conditions, ack.applications) == ("AE", ("207",), ("901",)), ack.raw
    assert reports(hospital, "P-NONE") == []


def test_a_biologist_of_another_structure_is_not_believed(hospital: Village) -> None:
    with sending(hospital, "hopital") as sender:
        ack = sender.send(oru(order("P-OTHER"), SODIUM, filler="OTHER"))
    assert ack.applications == ("DMPAccessDeniedByRightsService",), ack.raw
    assert hospital.audit(1)[0].outcome is not Outcome.SUCCESS
