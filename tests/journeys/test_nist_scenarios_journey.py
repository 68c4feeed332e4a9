"""What the test plans of NIST's XDS Toolkit found amiss here, told again in our own words.

The plans were run against a server by a throw-away interpreter of their `testplan.xml`; numbers are theirs.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from registry.metadata import AssociationType, DocumentEntry
from tests.connectathon import (
    REPOSITORY_PATH,
    XDS,
    Answer,
    Node,
    association,
    document,
    new_patient,
    submission,
    submit_objects,
)
from tests.journeys.queries import FIND_DOCUMENTS, GET_SUBMISSION_SETS
from tests.journeys.updates import MODES, every_version, registered, revision, successor

PROVIDE = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"
CONTENT = b"one line\nand another\r\n"


def accepted(answer: Answer) -> None:
    assert answer.success, answer.fault or answer.errors


def following(node: Node, kind: AssociationType, target: DocumentEntry) -> DocumentEntry:
    """A new document, registered with this relation to `target`."""
    entry = document(target.patient_id)
    accepted(node.register(submission(entry, association(kind, entry.entry_uuid, target.entry_uuid))))
    return next(each for each in node.find_documents(target.patient_id).entries if each.unique_id == entry.unique_id)


def whole(node: Node, *entries: DocumentEntry) -> list[str]:
    """These entries, the sets that hold them, and what holds them there."""
    listed = ",".join(f"'{entry.entry_uuid}'" for entry in entries)
    held = node.query(GET_SUBMISSION_SETS, {"$uuid": [f"({listed})"]}).objects
    return [*(entry.entry_uuid for entry in entries), *(item.entry_uuid for item in held)]


def relation(node: Node, kind: AssociationType, source: DocumentEntry) -> str:
    (found,) = [item for item in node.everything(source.patient_id).associations if item.type is kind]
    assert found.source == source.entry_uuid
    return found.entry_uuid


def line_of_documents(node: Node) -> tuple[DocumentEntry, DocumentEntry, DocumentEntry, Sequence[str]]:
    """An original, what transforms and replaces it, an addendum to that; and the two relations."""
    original = registered(node, new_patient())
    replacement = following(node, AssociationType.XFRM_RPLC, original)
    addendum = following(node, AssociationType.APND, replacement)
    made = (
        relation(node, AssociationType.XFRM_RPLC, replacement),
        relation(node, AssociationType.APND, addendum),
    )
    return original, replacement, addendum, made


def test_from_the_original_to_the_addendum_of_its_replacement_each_goes_when_nothing_names_it(node: Node) -> None:
    """NIST 30006."""
    original, replacement, addendum, (replaces, appends) = line_of_documents(node)
    first, second, third = (whole(node, each) for each in (original, replacement, addendum))
    assert node.remove_metadata(*first).codes == {"ReferencesExistException"}
    accepted(node.remove_metadata(*first, replaces))
    assert node.remove_metadata(*second).codes == {"ReferencesExistException"}
    accepted(node.remove_metadata(*third, appends))
    accepted(node.remove_metadata(*second))
    assert node.everything(original.patient_id).objects == ()


def test_from_the_original_to_the_addendum_of_its_replacement_all_goes_at_once(node: Node) -> None:
    """NIST 30007."""
    original, replacement, addendum, relations = line_of_documents(node)
    accepted(node.remove_metadata(*whole(node, original, replacement, addendum), *relations))
    assert node.everything(original.patient_id).objects == ()


@MODES
def test_an_update_adds_extra_metadata_under_a_urn_that_is_a_namespace_only(node: Node, restricted: bool) -> None:
    """NIST 15801, 40001, extra_metadata."""
    first = registered(node, new_patient())
    sent = revision(successor(first, extra_slots=(("urn:att", ("5",)),)))
    accepted(node.update(sent, restricted=restricted))
    versions = sorted(every_version(node, first.unique_id).entries, key=lambda entry: entry.version)
    assert [entry.extra_slots for entry in versions] == [(), (("urn:att", ("5",)),)]


def test_the_scheme_slot_of_xds_a_neither_hinders_nor_helps(node: Node) -> None:
    """NIST 11897, practicesetting_scheme and old_scheme."""
    entry = registered(node, new_patient())
    named = "$XDSDocumentEntryPracticeSettingCode"
    slots = {
        "$XDSDocumentEntryPatientId": [f"'{entry.patient_id}'"],
        "$XDSDocumentEntryStatus": ["('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')"],
        f"{named}Scheme": ["('another scheme')"],
    }
    code = entry.practice_setting_code
    assert code is not None
    whole_code = {named: [f"('{code.code}^^{code.scheme}')"]}
    assert node.query(FIND_DOCUMENTS, {**slots, **whole_code}, references=True).references == [entry.entry_uuid]
    assert node.query(FIND_DOCUMENTS, {**slots, named: [f"('{code.code}')"]}).codes == {"XDSRegistryError"}


@pytest.mark.parametrize("newline", ["\r\n", "\n"], ids=["CRLF", "LF"])
def test_a_package_is_read_by_the_line_breaks_that_it_has(node: Node, newline: str) -> None:
    """NIST PnrXop and PnrNoXop are files whose lines end in LF; the document keeps its own."""
    patient = new_patient()
    entry = document(patient, hash="", size=None)
    include = '<x:Include xmlns:x="http://www.w3.org/2004/08/xop/include" href="cid:one%40test"/>'
    envelope = node.envelope(
        PROVIDE,
        f'<xds:ProvideAndRegisterDocumentSetRequest xmlns:xds="{XDS}">{submit_objects(submission(entry))}'
        f'<xds:Document id="{entry.entry_uuid}">{include}</xds:Document></xds:ProvideAndRegisterDocumentSetRequest>',
    )
    head = (
        'Content-Type: application/xop+xml; charset=UTF-8; type="application/soap+xml"\r\n'
        "Content-ID: <root@test>\r\n\r\n"
    )
    body = (
        f"--b\r\n{head}".replace("\r\n", newline).encode()
        + envelope
        + "\r\n--b\r\nContent-ID: <one@test>\r\n\r\n".replace("\r\n", newline).encode()
        + CONTENT
        + "\r\n--b--\r\n".replace("\r\n", newline).encode()
    )
    kind = 'multipart/related; boundary="b"; type="application/xop+xml"; start-info="application/soap+xml"'
    status, _, answer = node.post(REPOSITORY_PATH, body, kind)
    assert (status, b"ResponseStatusType:Success" in answer) == (200, True)
    assert node.find_documents(patient).entries[0].size == len(CONTENT)
