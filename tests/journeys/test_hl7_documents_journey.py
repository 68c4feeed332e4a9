"""Documents sent, replaced and deleted by HL7 v2, over MLLP and TLS, as practice software finds them.

Source: CI-SIS, volet Transmission d'un document CDA-R2 en HL7v2 2.1; GIE SESAM-Vitale, TD2.1, TD3.3c.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from audit.event import Outcome
from conformance.lps.metadata import Entry
from conformance.lps.query import STATUSES, Filters
from server.cli import build
from server.demo.people import PATIENTS
from tests.journeys.audit_nodes import opened_by_fhir
from tests.mllp import message, new_oid, read_ack, sending, written
from tests.village import Village

PATIENT = PATIENTS[0]
RPLC = "urn:ihe:iti:2007:AssociationType:RPLC"


def found(village: Village, *unique_ids: str) -> dict[str, Entry]:
    """Those documents as the médecin traitant sees them, by uniqueId, whatever their status."""
    filters = Filters(statuses=tuple(STATUSES.values()))
    listed = village.lps("medecin-traitant").find(village.patient(PATIENT.ins), filters)
    return {entry.unique_id: entry for entry in listed if entry.unique_id in unique_ids}


def related(village: Village, *unique_ids: str) -> list[tuple[str, str, str, str]]:
    """Every association of those documents: its type, which of them it joins, or a lot, and its status in the lot."""
    entries, patient = found(village, *unique_ids), village.patient(PATIENT.ins)
    numbers = {entries[each].entry_uuid: str(number) for number, each in enumerate(unique_ids)}
    told = village.lps("medecin-traitant").associations(list(numbers), patient).associations
    return sorted(
        (each.type, numbers.get(each.source, "lot"), numbers.get(each.target, ""), each.submission_set_status)
        for each in told
    )


def status_of(entry: Entry) -> str:
    return next(name for name, value in STATUSES.items() if value == entry.availability_status)


def marks(entry: Entry) -> set[str]:
    return {code.code for code in entry.confidentiality_codes} - {"N"}


@pytest.mark.parametrize("kind", ["ORU", "MDM"])
def test_a_document_is_sent_and_found_byte_by_byte(hospital: Village, tmp_path: Path, kind: str) -> None:
    oid = new_oid()
    document = written(oid=oid)
    with sending(hospital) as sender:
        ack = sender.send(message([document], kind=kind, document_id=oid, control_id=f"sent-{kind}"))
    assert (ack.code, ack.control_id, ack.conditions) == ("AA", f"sent-{kind}", ())
    (event,) = hospital.audit(1)
    assert (event.transaction, event.action, event.outcome) == ("ITI-41", "TD2.1", Outcome.SUCCESS)
    entry = found(hospital, oid)[oid]
    assert (status_of(entry), marks(entry)) == ("approved", set())
    reader = hospital.lps("medecin-traitant")
    reader.open(oid, tmp_path / "opened", hospital.patient(PATIENT.ins))
    assert (tmp_path / "opened").read_bytes() == document
    assert opened_by_fhir(hospital, PATIENT.ins, oid) == document


def test_two_renditions_are_one_submission_set(hospital: Village) -> None:
    oids = [new_oid(), new_oid()]
    with sending(hospital) as sender:
        assert sender.send(message([written(oid=each) for each in oids])).accepted
    entries = found(hospital, *oids)
    sets = hospital.lps("medecin-traitant").submission_sets(
        [each.entry_uuid for each in entries.values()], hospital.patient(PATIENT.ins)
    )
    assert len(sets.submission_sets) == 1


def test_the_wishes_of_the_sender_are_marks_of_the_document(hospital: Village) -> None:
    oid = new_oid()
    flags = ("DESTDMP", "INVISIBLE_PATIENT", "INVISIBLE_REP_LEGAUX", "MASQUE_PS")
    with sending(hospital) as sender:
        assert sender.send(message([written(oid=oid)], flags=flags)).accepted
    assert marks(found(hospital, oid)[oid]) == {"MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"}


def test_a_secret_connection_is_recorded_as_such(hospital: Village) -> None:
    with sending(hospital) as sender:
        assert sender.send(message([written()], flags=("DESTDMP", "CONNEXION_SECRETE"))).accepted
    (event,) = hospital.audit(1)
    assert event.secret_connection


# --- Chains: the same state as by ITI-41 and ITI-57 -------------------------------------------------------------------


def alike(entry: Entry) -> Entry:
    """An entry without what no two documents share."""
    return replace(entry, entry_uuid="", logical_id="", unique_id="", hash="", size=0)


@pytest.mark.parametrize("kind", ["ORU", "MDM"])
def test_a_chain_of_messages_leaves_what_a_chain_of_transactions_leaves(
    hospital: Village, tmp_path: Path, kind: str
) -> None:
    first, second, others = new_oid(), new_oid(), (new_oid(), new_oid())
    with sending(hospital) as sender:
        chain = new_oid()
        sent = message([written(oid=first, set_oid=chain)], kind=kind, document_id=first)
        assert sender.send(sent).accepted
        document = written(oid=second, set_oid=chain, version=2, replaces=first)
        sent = message([document], status="C", kind=kind, document_id=second, replaced=first if kind == "MDM" else "")
        assert sender.send(sent).accepted
        seen = found(hospital, first, second)
        assert [status_of(seen[each]) for each in (first, second)] == ["deprecated", "approved"]
        assert (RPLC, "1", "0", "") in related(hospital, first, second)
        assert sender.send(message([document], status="D", kind=kind, document_id=second)).accepted
        (event,) = hospital.audit(1)
        assert (event.transaction, event.action, event.outcome) == ("ITI-57", "TD3.3c", Outcome.SUCCESS)
    lps, patient, chain = hospital.lps("hopital", user="medecin-hospitalier"), hospital.patient(PATIENT.ins), new_oid()
    files = [tmp_path / "first.xml", tmp_path / "second.xml"]
    files[0].write_bytes(written(oid=others[0], set_oid=chain))
    files[1].write_bytes(written(oid=others[1], set_oid=chain, version=2, replaces=others[0]))
    lps.provide(files[:1], patient)
    lps.provide(files[1:], patient, replace=others[0])
    lps.delete(others[1], patient)
    assert related(hospital, first, second) == related(hospital, *others)
    by_messages, by_transactions = found(hospital, first, second), found(hospital, *others)
    assert [status_of(by_messages[each]) for each in (first, second)] == ["deprecated", "deleted"]
    for one, other in zip((first, second), others, strict=True):
        assert alike(by_messages[one]) == alike(by_transactions[other])


def test_a_document_is_cancelled_by_its_number(hospital: Village) -> None:
    oid = new_oid()
    with sending(hospital) as sender:
        assert sender.send(message([written(oid=oid)])).accepted
        whole = message([], status="D", kind="MDM", document_id=oid).decode()
        kept = [line for line in whole.split("\r") if line[:3] in ("MSH", "EVN", "PID", "PV1", "TXA")]
        lines = [line.replace("MDM^T04^MDM_T02", "MDM^T11^MDM_T01") for line in kept]
        assert sender.send("\r".join([*lines, ""]).encode()).accepted
    assert status_of(found(hospital, oid)[oid]) == "deleted"


def test_marks_that_stand_stay_unless_the_message_changes_them(hospital: Village) -> None:
    oids, chain = [new_oid() for _ in range(3)], new_oid()
    with sending(hospital) as sender:
        first = message([written(oid=oids[0], set_oid=chain)], flags=("DESTDMP", "INVISIBLE_PATIENT"))
        assert sender.send(first).accepted
        second = message([written(oid=oids[1], set_oid=chain, version=2, replaces=oids[0])], status="C")
        assert sender.send(second).accepted
        assert marks(found(hospital, oids[1])[oids[1]]) == {"INVISIBLE_PATIENT"}
        document = written(oid=oids[2], set_oid=chain, version=3, replaces=oids[1])
        assert sender.send(message([document], status="C", flags=("DESTDMP", "MODIF_CONF_CODE"))).accepted
    assert marks(found(hospital, oids[2])[oids[2]]) == set()


# --- Refused ----------------------------------------------------------------------------------------------------------


def test_what_is_not_the_newest_version_is_neither_replaced_nor_deleted(hospital: Village) -> None:
    first, second, chain = new_oid(), new_oid(), new_oid()
    old = written(oid=first, set_oid=chain)
    with sending(hospital) as sender:
        assert sender.send(message([old])).accepted
        assert sender.send(
            message([written(oid=second, set_oid=chain, version=2, replaces=first)], status="C")
        ).accepted
        again = written(set_oid=chain, version=3, replaces=first)
        assert sender.send(message([again], status="C")).applications == ("900",)
        assert sender.send(message([old], status="D")).applications == ("900",)


def test_who_is_not_the_author_cannot_tell_a_document_from_none(hospital: Village) -> None:
    theirs, nobodys = new_oid(), new_oid()
    with sending(hospital) as sender:
        assert sender.send(message([written(oid=theirs)])).accepted
    refusals = []
    with sending(hospital, "laboratoire") as sender:
        for oid in (theirs, nobodys):
            new = written("lab_report", "biologiste", replaces=oid)
            by = {"author": "biologiste", "type_code": "11502-2"}
            refusals.append(sender.send(message([new], status="C", **by)))
            refusals.append(sender.send(message([written("lab_report", "biologiste", oid=oid)], status="D", **by)))
    assert [(each.code, each.conditions, each.applications) for each in refusals] == [("AE", ("207",), ("901",))] * 4
    assert status_of(found(hospital, theirs)[theirs]) == "approved"


@pytest.mark.parametrize(
    ("changes", "condition", "application"),
    [
        ({"order": "CA"}, "199", ""),
        ({"order": "SC"}, "199", ""),
        ({"flags": ()}, "207", "906"),
        ({"patient": PATIENTS[1]}, "207", "904"),
        ({"author": "biologiste"}, "207", "DMPAccessDeniedByRightsService"),
        ({"msh": {9: "ORU^R30^ORU_R30"}}, "201", ""),
        ({"msh": {9: "SIU^S12^SIU_S12"}}, "200", ""),
        ({"msh": {11: "X"}}, "202", ""),
        ({"msh": {12: "2.9"}}, "203", ""),
        ({"msh": {18: "UNICODE UTF-16"}}, "103", ""),
        ({"msh": {10: ""}}, "101", ""),
    ],
)
def test_a_message_that_is_wrong_is_refused_with_its_code(
    hospital: Village, changes: dict[str, Any], condition: str, application: str
) -> None:
    control_id = uuid.uuid4().hex[:12]
    with sending(hospital) as sender:
        changes = {"control_id": control_id, **changes}
        ack = sender.send(message([written()], **changes))
    assert (ack.code, ack.conditions) == ("AE", (condition,)), ack.raw
    assert ack.applications == ((application,) if application else ())
    (event,) = hospital.audit(1)
    assert event.outcome is not Outcome.SUCCESS


def test_a_patient_without_dmp_and_a_closed_one_are_told(hospital: Village) -> None:
    unknown = replace(PATIENTS[0], ins="2510375056999" + "83")
    closed = PATIENTS[3]
    with sending(hospital) as sender:
        told = [sender.send(message([written(patient=each)], patient=each)).applications for each in (unknown, closed)]
    assert told == [("902",), ("DMPClosed",)]


# --- Numbers, modes, certificates -------------------------------------------------------------------------------------


def test_a_repeat_gets_the_same_answer_and_other_content_is_refused(hospital: Village) -> None:
    sent = message([written()], control_id="repeated")
    with sending(hospital) as sender:
        first = sender.send(sent)
        assert first.accepted
        before = hospital.audit(1)[0].id
        assert sender.send(sent).raw == first.raw
        assert hospital.audit(1)[0].id == before
        assert sender.send(message([written()], control_id="repeated")).conditions == ("205",)
    with sending(hospital, "laboratoire") as other:
        by = {"author": "biologiste", "type_code": "11502-2"}
        document = written("lab_report", "biologiste")
        assert other.send(message([document], control_id="repeated", **by)).accepted


def test_what_was_refused_may_come_again_under_its_number(hospital: Village) -> None:
    document = written()
    with sending(hospital) as sender:
        assert not sender.send(message([document], control_id="corrected", order="CA")).accepted
        assert sender.send(message([document], control_id="corrected")).accepted


@pytest.mark.parametrize(
    ("accept", "application", "codes"),
    [
        ("AL", "NE", ["CA"]),
        ("AL", "AL", ["CA", "AA"]),
        ("NE", "AL", ["AA"]),
        ("ER", "SU", ["AA"]),
        ("SU", "ER", ["CA"]),
    ],
)
def test_the_enhanced_mode_says_what_is_wanted(
    hospital: Village, accept: str, application: str, codes: list[str]
) -> None:
    with sending(hospital) as sender:
        sender.write(b"\x0b" + message([written()], msh={15: accept, 16: application}) + b"\x1c\r")
        assert [read_ack(sender.frame()).code for _ in codes] == codes
        wrong = message([written()], msh={15: accept, 16: application}, order="CA")
        sender.write(b"\x0b" + wrong + b"\x1c\r")
        if "ER" in (accept, application) or "AL" in (accept, application):
            expected = "CE" if accept in ("AL", "ER") else "AE"
            assert read_ack(sender.frame()).code == expected


def test_messages_that_come_at_once_are_answered_in_order(hospital: Village) -> None:
    numbers = [f"at-once-{number}" for number in range(6)]
    with sending(hospital) as sender:
        sender.write(b"".join(b"\x0b" + message([written()], control_id=each) + b"\x1c\r" for each in numbers))
        answers = [read_ack(sender.frame()) for _ in numbers]
    assert [(each.code, each.control_id) for each in answers] == [("AA", each) for each in numbers]


def test_a_card_sends_no_messages(hospital: Village) -> None:
    with sending(hospital, "medecin-hospitalier") as sender:
        assert sender.frame() == b""
    (event,) = hospital.audit(1)
    assert event.outcome is Outcome.SERIOUS_FAILURE


# --- The command line -------------------------------------------------------------------------------------------------


def run(*arguments: str | Path) -> tuple[int, str]:
    command = [str(each) for each in arguments]
    told = CliRunner().invoke(build(command[0]), command)
    return told.exit_code, told.output


def test_files_are_sent_from_the_command_line(hospital: Village, tmp_path: Path) -> None:
    good, wrong = tmp_path / "good.hl7", tmp_path / "wrong.hl7"
    good.write_bytes(message([written()]).replace(b"\r", b"\n"))
    wrong.write_bytes(message([written()], order="CA"))
    how = ("--as", "hopital", "--demo", hospital.folder)
    assert run("lps", "hl7", "send", good, *how)[0] == 0
    status, told = run("lps", "hl7", "send", good, wrong, *how, "--json")
    assert status == 1
    assert [each["code"] for each in json.loads(told)] == ["AA", "AE"]
    assert run("lps", "hl7", "send", tmp_path / "none", *how)[0] == 2


def test_a_folder_is_sent_and_sorted(hospital: Village, tmp_path: Path) -> None:
    for name, order in (("good.hl7", None), ("wrong.er7", "CA")):
        (tmp_path / name).write_bytes(message([written()], order=order))
    (tmp_path / "other.txt").write_text("none")
    status, _ = run("hl7", "watch", tmp_path, "--once", "--as", "hopital", "--demo", hospital.folder)
    assert status == 0
    found = sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file())
    assert found == ["other.txt", "processed/good.hl7", "rejected/wrong.er7", "rejected/wrong.er7.reason.txt"]
    reason = (tmp_path / "rejected" / "wrong.er7.reason.txt").read_text("utf-8")
    assert reason.startswith("AE ")
    assert "199^Other HL7 Error" in reason
