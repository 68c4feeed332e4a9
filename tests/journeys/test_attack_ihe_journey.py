"""An IHE node that means no good: whatever it sends is answered, soon, and stands in the audit log once.

Source: ITI TF-2 Appendix V.3.2 (faults); ITI TF-3 4.2.4 (error codes); ITI TF-2 3.18.4.1.2.3.5 (LIKE).
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from ihe.markup import attribute, text
from registry.metadata import AssociationType, Author, Code, ObjectType, Submission
from tests.connectathon import (
    APPROVED,
    AUTHORITY,
    DEPRECATED,
    QUERY,
    REGISTRY_PATH,
    REPOSITORY_PATH,
    RIM,
    XDS,
    Node,
    association,
    document,
    folder,
    new_patient,
    submission,
    submit_objects,
)
from tests.journeys.queries import ANY_STATUS, FIND_DOCUMENTS, FIND_SUBMISSION_SETS, coded, listed
from tests.journeys.updates import registered, revision, status_change, successor

SOAP = "application/soap+xml; charset=UTF-8"
REGISTER = "urn:ihe:iti:2007:RegisterDocumentSet-b"
UPDATE = "urn:ihe:iti:2010:UpdateDocumentSet"
SECONDS = 5.0
HAS_MEMBER = AssociationType.HAS_MEMBER

Sample = tuple[str, str, str]  # path, action, body

_ATTRIBUTE = re.compile(r'(?<= )([\w:]+)="([^"]*)"')
_TEXT = re.compile(r">([^<>]+)<")
_ELEMENT = re.compile(r"<(rim:\w+)[^<>]*>(?:[^<]|<(?!/\1))*</\1>|<[\w:]+[^<>]*/>")
_EVIL = (
    "", "'", "''", "(", "%" * 256, "_%" * 128, "-1", "9" * 400, "99999999", "20260230", "urn:uuid:",
    "urn:uuid:" + "0" * 500,
    "URN:UUID:01234567-89AB-4DEF-8123-456789ABCDEF", "\U0001f4a9" * 300, "a^b^c&d&e^^^", "\u202e", "&amp;" * 50,
    "../../../etc/passwd", "'; DROP TABLE registry_entry;--", "1." * 500 + "1", "2.25." + "9" * 120, " ", "\t\n",
    "SubmissionSet01", "Folder01", "Document01", "urn:oasis:names:tc:ebxml-regrep:StatusType:approved",
    *(kind.value for kind in AssociationType),
)  # fmt: skip


def samples(node: Node) -> Iterator[Sample]:
    """Requests in order, one of each transaction that carries or asks for metadata."""
    patient = new_patient()
    there = registered(node, patient)
    held = (document(patient), folder(patient), association(HAS_MEMBER, "Folder01", "Document01"))
    on_demand = document(patient, object_type=ObjectType.ON_DEMAND, creation_time="", hash="", size=None)
    replacing = submission(document(patient), association(AssociationType.RPLC, "Document01", there.entry_uuid))
    inline = '<xds:Document id="Document01">aGVsbG8=</xds:Document>'
    yield REGISTRY_PATH, REGISTER, submit_objects(submission(*held))
    yield REGISTRY_PATH, REGISTER, submit_objects(replacing)
    yield REGISTRY_PATH, UPDATE, submit_objects(revision(successor(there), status_change(there.entry_uuid)))
    yield REGISTRY_PATH, UPDATE, submit_objects(revision(successor(there)))
    yield REGISTRY_PATH, "urn:ihe:iti:2018:RestrictedUpdateDocumentSet", submit_objects(revision(successor(there)))
    yield REGISTRY_PATH, "urn:ihe:iti:2010:RegisterOnDemandDocumentEntry", submit_objects(submission(on_demand))
    yield (
        REPOSITORY_PATH,
        "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b",
        f'<xds:ProvideAndRegisterDocumentSetRequest xmlns:xds="{XDS}">{submit_objects(submission(*held))}{inline}'
        "</xds:ProvideAndRegisterDocumentSetRequest>",
    )
    slots = {"PatientId": f"'{patient}'", "Status": ANY_STATUS, "AuthorPerson": "('%a%')", "CreationTimeFrom": "2001"}
    asked = "".join(
        f'<rim:Slot name="$XDSDocumentEntry{name}"><rim:ValueList><rim:Value>{text(value)}</rim:Value></rim:ValueList>'
        "</rim:Slot>"
        for name, value in slots.items()
    )
    yield (
        REGISTRY_PATH,
        "urn:ihe:iti:2007:RegistryStoredQuery",
        f'<query:AdhocQueryRequest xmlns:query="{QUERY}" xmlns:rim="{RIM}"><query:ResponseOption returnType="LeafClass"'
        f' returnComposedObjects="true"/><rim:AdhocQuery id="{FIND_DOCUMENTS}">{asked}</rim:AdhocQuery>'
        "</query:AdhocQueryRequest>",
    )


def spoiled(chance: random.Random, body: str) -> str:
    """`body` with one thing wrong: a value, an attribute or an element that is another, away, or there twice."""

    def instead(pattern: re.Pattern[str], group: int, text_: str) -> str:
        hits = list(pattern.finditer(body))
        if not hits:
            return body
        hit = chance.choice(hits)
        return body[: hit.start(group)] + text_ + body[hit.end(group) :]

    match chance.randrange(7):
        case 0 | 1:
            return instead(_ATTRIBUTE, 2, attribute(chance.choice(_EVIL)))
        case 2:
            return instead(_TEXT, 1, text(chance.choice(_EVIL)))
        case 3:
            return instead(_ELEMENT, 0, "")
        case 4:
            return instead(_ATTRIBUTE, 0, "")
        case 5:
            values = [hit[2] for hit in _ATTRIBUTE.finditer(body)]
            return instead(_ATTRIBUTE, 2, chance.choice(values))
        case _:
            elements = list(_ELEMENT.finditer(body))
            return instead(_ELEMENT, 0, 2 * chance.choice(elements)[0]) if elements else body


def events(node: Node) -> int:
    return node.audit(1)[0].sequence


def test_spoiled_metadata_are_answered_and_recorded_once(node: Node) -> None:
    chance, wrong = random.Random(7), []
    for _ in range(40):
        sent = list(samples(node))
        before = events(node)
        for path, action, body in sent:
            for _ in range(chance.choice((1, 1, 2, 3))):
                body = spoiled(chance, body)  # noqa: PLW2901
            start = time.perf_counter()
            status, _, answer = node.post(path, node.envelope(action, body), SOAP)
            if status not in (200, 400) or b"env:Receiver" in answer or time.perf_counter() - start > SECONDS:
                wrong.append((status, action, body))
        assert events(node) - before == len(sent)
    assert not wrong
    log = (node.home.parent / "server.log").read_text("utf-8")
    assert not [each for each in ("Smitty", AUTHORITY, "A document", " failed: ") if each in log]


ENVELOPES: dict[str, Callable[[bytes], bytes]] = {
    "a document type": lambda body: b'<!DOCTYPE x [<!ENTITY a "b">]>' + body,
    "an external entity": lambda body: b'<!DOCTYPE x SYSTEM "file:///etc/passwd">' + body,
    "bytes that are no UTF-8": lambda body: body.replace(b"A document", b"\xff\xfe"),
    "a NUL": lambda body: body.replace(b"A document", b"\0"),
    "a control character": lambda body: body.replace(b"A document", b"&#1;"),
    "half a character": lambda body: body.replace(b"A document", b"&#xD800;"),
    "five thousand levels": lambda body: body.replace(b"<rim:Name>", b"<rim:Name>" + b"<a>" * 5000 + b"</a>" * 5000),
    "a hundred thousand attributes": lambda body: body.replace(
        b"ObjectList>", b"ObjectList " + b" ".join(b'a%d=""' % n for n in range(100_000)) + b">", 1
    ),
    "nothing": lambda _: b"",
}  # fmt: skip


@pytest.mark.parametrize("name", ENVELOPES)
def test_what_is_no_xml_of_ours_is_the_sender_s_fault(node: Node, name: str) -> None:
    patient = new_patient()
    body = node.envelope(REGISTER, submit_objects(submission(document(patient))))
    before = events(node)
    status, _, answer = node.post(REGISTRY_PATH, ENVELOPES[name](body), SOAP)
    assert (status, b"env:Sender" in answer) == (400, True)
    assert events(node) - before == 1
    assert node.find_documents(patient).entries == ()


def test_ends_of_any_kind_never_break_a_rule(node: Node) -> None:
    """Of every association between any two objects, registered or not, only those the standard has are accepted."""
    patient = new_patient()
    whole = submission(document(patient), folder(patient), association(HAS_MEMBER, "Folder01", "Document01"))
    assert node.register(whole).success
    there = node.everything(patient)
    (entry,), (held,) = there.entries, there.folders
    inner = next(each for each in there.associations if each.source == held.entry_uuid)
    (outer,) = {each.source for each in there.associations} - {held.entry_uuid}
    ends = {"document": entry.entry_uuid, "folder": held.entry_uuid, "set": outer, "association": inner.entry_uuid}
    ends |= {
        "own": "Document01",
        "own set": "SubmissionSet01",
        "itself": "Association01",
        "none": "",
        "no UUID": "urn:uuid:z",
    }
    accepted = set()
    for kind in AssociationType:
        for source in ends:
            for target in ends:
                item = replace(association(kind, ends[source], ends[target]), entry_uuid="Association01")
                answer = node.register(submission(document(patient), item))
                assert answer.http_status == 200
                if answer.success:
                    accepted.add((kind.name, source, target))
    assert accepted == {
        ("HAS_MEMBER", "folder", "own"),
        ("HAS_MEMBER", "folder", "document"),
        ("RPLC", "own", "document"),
        ("SIGNS", "own", "own set"),
    }


BOMBS = {
    "one that goes back": "%" + "a%" * 100 + "b",
    "one for each character": "%_" * 120 + "b",
    "a long stretch": "%" + "a" * 120 + "_a" * 50 + "b%",
    "longer than anything": "%_" * 5000,
}


@pytest.fixture(scope="module")
def crowd(node: Node) -> str:
    """A patient whose document has two thousand authors with long names."""
    patient = new_patient()
    authors = tuple(Author(person=f"^{'a' * 240}{number:04d}^B") for number in range(2000))
    assert node.register(submission(document(patient, authors=authors))).success
    return patient


@pytest.mark.parametrize("name", BOMBS)
def test_no_pattern_takes_long(node: Node, crowd: str, name: str) -> None:
    """While one is matched, a small server does nothing else."""
    start = time.perf_counter()
    patterns = [BOMBS[name] + str(number) for number in range(10)]
    documents = {"PatientId": f"'{crowd}'", "Status": ANY_STATUS, "AuthorPerson": listed(*patterns)}
    answer = node.query(FIND_DOCUMENTS, {f"$XDSDocumentEntry{each}": [value] for each, value in documents.items()})
    assert answer.success, answer.errors
    sets = {"PatientId": f"'{crowd}'", "Status": ANY_STATUS, "AuthorPerson": f"'{patterns[0]}'"}
    answer = node.query(FIND_SUBMISSION_SETS, {f"$XDSSubmissionSet{each}": [value] for each, value in sets.items()})
    assert answer.success, answer.errors
    assert time.perf_counter() - start < SECONDS


def test_too_many_patterns_are_too_many_results(node: Node, crowd: str) -> None:
    patterns = [f"%{number}" for number in range(2000)]
    documents = {"PatientId": f"'{crowd}'", "Status": ANY_STATUS, "AuthorPerson": listed(*patterns)}
    slots = {f"$XDSDocumentEntry{each}": [value] for each, value in documents.items()}
    assert node.query(FIND_DOCUMENTS, slots).codes == {"XDSTooManyResults"}
    slots["$XDSDocumentEntryAuthorPerson"] = [listed(*(f"^{'a' * 240}{number:04d}^B" for number in range(2000)))]
    assert len(node.query(FIND_DOCUMENTS, slots).entries) == 1, "what is no pattern is only looked up"


def test_conditions_by_the_thousand_are_answered(node: Node, crowd: str) -> None:
    found = [("$XDSDocumentEntryPatientId", [f"'{crowd}'"]), ("$XDSDocumentEntryStatus", [ANY_STATUS])]
    group = [coded(*(Code(f"c{number}", "1.2") for number in range(300)))]
    start = time.perf_counter()
    assert node.query(FIND_DOCUMENTS, [*found, *[("$XDSDocumentEntryEventCodeList", group)] * 32]).success
    answer = node.query(FIND_DOCUMENTS, [*found, *[("$XDSDocumentEntryEventCodeList", group)] * 33])
    assert answer.codes == {"XDSStoredQueryParamNumber"}
    assert time.perf_counter() - start < SECONDS


def test_an_old_version_is_not_replaced_and_what_moved_is_opened(node: Node) -> None:
    """Update, replacement of the old version, change of patient, removal, and the same uniqueId again."""
    patient, other = new_patient(), new_patient()
    sent = document(patient, hash="", size=None)
    assert node.provide(submission(sent), {"Document01": b"first"}).success
    (first,) = node.find_documents(patient).entries
    assert node.update(revision(successor(first, title="Another"))).success
    replacing = association(AssociationType.RPLC, "Document01", first.entry_uuid)
    assert node.register(submission(document(patient), replacing)).codes == {"XDSRegistryDeprecatedDocumentError"}
    (second,) = node.find_documents(patient).entries
    moved: Submission = revision(successor(second, patient_id=other), propagation="no", patient=other)
    assert node.update(moved).success
    assert node.find_documents(patient, APPROVED, DEPRECATED).entries == ()
    assert [each.title for each in node.find_documents(other).entries] == ["Another"]
    assert node.retrieve(sent.unique_id).success
    assert node.remove_documents(sent.unique_id).success
    assert node.retrieve(sent.unique_id).codes == {"XDSDocumentUniqueIdError"}
