"""ITI-43, document by document. Source: ITI TF-2 3.43.4.2 and 3.43.5; 3.41.4.1.3 (retrievable once registered)."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor

import pytest
from lxml import etree

from audit.event import Outcome
from registry.metadata import DocumentEntry
from tests.connectathon import (
    FOREIGN_REPOSITORY,
    REPOSITORY,
    REPOSITORY_PATH,
    XDS,
    Answer,
    Node,
    document,
    document_requests,
    new_oid,
    new_patient,
    submission,
)

RETRIEVE = "urn:ihe:iti:2007:RetrieveDocumentSet"
LONG = bytes(range(256)) * 12_000  # so long that a registration could overtake it


def test_the_audit_event_names_the_patient_and_whether_anything_was_disclosed(node: Node) -> None:
    patient = new_patient()
    provided = document(patient)
    assert node.provide(submission(provided), {provided.entry_uuid: b"hello"}).success
    assert node.retrieve(provided.unique_id).success
    absent = new_oid()
    assert node.retrieve(absent).status == "Failure"
    nothing, disclosed = node.audit(2)
    assert (disclosed.transaction, disclosed.outcome, str(disclosed.patient)) == ("ITI-43", Outcome.SUCCESS, patient)
    assert (nothing.transaction, nothing.outcome, nothing.documents) == ("ITI-43", Outcome.MINOR_FAILURE, (absent,))


def provided(node: Node, content: bytes = b"hello", patient: str = "") -> DocumentEntry:
    entry = document(patient or new_patient(), hash="", size=None)
    answer = node.provide(submission(entry), {entry.entry_uuid: content})
    assert answer.success, answer.errors
    return entry


def opened(answer: Answer) -> dict[str, bytes]:
    """Bytes by uniqueId."""
    return {
        each.findtext(f"{{{XDS}}}DocumentUniqueId", ""): base64.b64decode(each.findtext(f"{{{XDS}}}Document") or "")
        for each in answer.root.iter(f"{{{XDS}}}DocumentResponse")
    }


@pytest.mark.proves("retrieve/partial", "retrieve/location")
def test_what_can_be_opened_comes_with_what_cannot(node: Node) -> None:
    one, two, unknown = provided(node, b"one"), provided(node, b"two"), new_oid()
    answer = node.retrieve(one.unique_id, unknown, two.unique_id)
    assert (answer.http_status, answer.status) == (200, "PartialSuccess")
    assert opened(answer) == {one.unique_id: b"one", two.unique_id: b"two"}
    assert [error[:3] for error in answer.errors] == [("XDSDocumentUniqueIdError", "Error", unknown)]
    whole = node.retrieve(one.unique_id, two.unique_id)
    assert (whole.status, len(opened(whole))) == ("Success", 2)


@pytest.mark.proves("retrieve/location")
def test_each_error_says_which_document(node: Node) -> None:
    there, unknown = provided(node), [new_oid(), new_oid()]
    answer = node.retrieve(*unknown)
    assert (answer.status, opened(answer)) == ("Failure", {})
    assert [error[:3] for error in answer.errors] == [("XDSDocumentUniqueIdError", "Error", each) for each in unknown]
    answer = node.retrieve(there.unique_id, repository=FOREIGN_REPOSITORY)
    assert [error[:3] for error in answer.errors] == [("XDSUnknownRepositoryId", "Error", there.unique_id)]


@pytest.mark.proves("retrieve/home", "retrieve/order")
@pytest.mark.parametrize("home", ["urn:oid:1.2.3", ""])
def test_the_home_of_a_request_comes_back(node: Node, home: str) -> None:
    """First, in the order of the schema; where none was sent there is none."""
    entry = provided(node)
    sent = f"<xds:HomeCommunityId>{home}</xds:HomeCommunityId>" if home else ""
    asked = document_requests([entry.unique_id], REPOSITORY).replace(
        "<xds:DocumentRequest>", f"<xds:DocumentRequest>{sent}"
    )
    body = f'<xds:RetrieveDocumentSetRequest xmlns:xds="{XDS}">{asked}</xds:RetrieveDocumentSetRequest>'
    answer = node.soap(REPOSITORY_PATH, RETRIEVE, body)
    assert answer.success, answer.errors
    (response,) = answer.root.iter(f"{{{XDS}}}DocumentResponse")
    told = {etree.QName(child).localname: child.text for child in response}
    assert list(told) == [
        *(["HomeCommunityId"] if home else []),
        *("RepositoryUniqueId", "DocumentUniqueId", "mimeType", "Document"),
    ]
    assert told.get("HomeCommunityId", "") == home


@pytest.mark.proves("submission/retrievable-first")
def test_a_document_can_be_opened_as_soon_as_it_is_found(node: Node) -> None:
    """While it is provided another node asks again and again, and opens what it finds at once."""
    patient = new_patient()

    def found_and_opened() -> dict[str, bytes]:
        for _ in range(2_000):
            if entries := node.find_documents(patient).entries:
                answer = node.retrieve(entries[0].unique_id)
                assert answer.success, answer.errors
                return opened(answer)
        return {}

    with ThreadPoolExecutor(1) as pool:
        consumer = pool.submit(found_and_opened)
        entry = provided(node, LONG, patient)
        assert consumer.result() == {entry.unique_id: LONG}


@pytest.mark.proves("submission/retrievable-first")
def test_of_a_refused_submission_nothing_can_be_opened(node: Node) -> None:
    entry = document(new_patient(), hash="", size=None, language_code="")
    assert node.provide(submission(entry), {entry.entry_uuid: b"hello"}).codes == {"XDSRegistryMetadataError"}
    assert node.retrieve(entry.unique_id).codes == {"XDSDocumentUniqueIdError"}
