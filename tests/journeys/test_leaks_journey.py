"""What is hidden is not there: whoever may not find a document learns nothing of it by any query, nor by naming it.

Whatever stands around a hidden document is hidden too: its submission set, its folder, its associations. For each
requester, what is told of one of these must be, to the byte, what is told of ids that nobody has.

Source: docs/habilitations.md; ITI TF-2 3.18.4.1.2.3.7 (queries); ITI TF-3 Table 4.2.4.1-2 (error codes).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from conformance.lps.client import Lps
from conformance.lps.people import Patient
from conformance.lps.query import STATUSES, Parameter, write_query
from conformance.lps.soap import RIM, envelope
from conformance.lps.vihf import Access
from schemas import xml
from server.demo.people import PATIENTS
from tests.connectathon import LCM, RMD, XDS, document, document_requests, submission, submit_objects
from tests.journeys import queries
from tests.journeys.attacks import HAS_MEMBER, RELATION, SIMPLE, Provide, ask, post
from tests.journeys.hidden import into_folder, provide_pair
from tests.journeys.queries import listed
from tests.village import Village

AUTHOR = "medecin"
# Nobody of them wrote what the author hides, nor works where he does.
BLIND = ("pharmacien", "medecin-hospitalier", "secretaire", "hopital")
WRITERS = ("dentiste", "hopital")
NOBODY = ("urn:uuid:01234567-89ab-4def-8123-456789abcdef", "2.25.123456789")
SNAPSHOT = "urn:ihe:iti:2010:AssociationType:IsSnapshotOf"
KINDS = listed(HAS_MEMBER, *(RELATION + kind for kind in ("RPLC", "APND", "XFRM", "XFRM_RPLC", "signs")), SNAPSHOT)
ANY = listed(*STATUSES.values())
_VARYING = re.compile(rb"uuid-[0-9a-f-]{36}|<wsa:RelatesTo>[^<]*</wsa:RelatesTo>")


def by_id(entry_uuid: str, other: str) -> Iterator[tuple[str, list[Parameter]]]:
    """Every query that can name an object."""
    for kind, identifier in (("EntryUUID", entry_uuid), ("UniqueId", other)):
        if identifier:
            several, one = [listed(identifier)], [f"'{identifier}'"]
            yield queries.GET_DOCUMENTS, [(f"$XDSDocumentEntry{kind}", several)]
            yield queries.GET_DOCUMENTS_AND_ASSOCIATIONS, [(f"$XDSDocumentEntry{kind}", several)]
            yield queries.GET_FOLDERS, [(f"$XDSFolder{kind}", several)]
            yield queries.GET_FOLDER_AND_CONTENTS, [(f"$XDSFolder{kind}", one)]
            yield queries.GET_SUBMISSION_SET_AND_CONTENTS, [(f"$XDSSubmissionSet{kind}", one)]
            yield queries.GET_FOLDERS_FOR_DOCUMENT, [(f"$XDSDocumentEntry{kind}", one)]
            yield queries.GET_RELATED_DOCUMENTS, [(f"$XDSDocumentEntry{kind}", one), ("$AssociationTypes", [KINDS])]
    yield queries.GET_ASSOCIATIONS, [("$uuid", [listed(entry_uuid)])]
    yield queries.GET_SUBMISSION_SETS, [("$uuid", [listed(entry_uuid)])]
    yield queries.GET_DOCUMENTS, [("$XDSDocumentEntryLogicalID", [listed(entry_uuid)]), ("$MetadataLevel", ["2"])]


def by_patient(patient: Patient) -> Iterator[tuple[str, list[Parameter]]]:
    """Every query of a whole dossier."""
    who, persons = [f"'{patient.cx}'"], ["'%'"]
    found: list[Parameter] = [("$XDSDocumentEntryPatientId", who), ("$XDSDocumentEntryStatus", [ANY])]
    sets: list[Parameter] = [("$XDSSubmissionSetPatientId", who), ("$XDSSubmissionSetStatus", [ANY])]
    statuses: list[Parameter] = [(f"$XDS{kind}Status", [ANY]) for kind in ("DocumentEntry", "SubmissionSet", "Folder")]
    yield queries.FIND_DOCUMENTS, found
    yield queries.FIND_DOCUMENTS, [*found, ("$MetadataLevel", ["2"])]
    yield queries.FIND_EXCLUDE, [*found, ("$XDSDocumentEntryFormatCodeExclude", ["('x^^1.2')"])]
    yield queries.FIND_BY_REFERENCE_ID, [*found, ("$XDSDocumentEntryReferenceIdList", ["('%')"])]
    yield queries.FIND_SUBMISSION_SETS, [*sets, ("$XDSSubmissionSetAuthorPerson", persons)]
    yield queries.FIND_FOLDERS, [("$XDSFolderPatientId", who), ("$XDSFolderStatus", [ANY])]
    yield queries.GET_ALL, [("$patientId", who), *statuses, ("$MetadataLevel", ["2"])]


def told(lps: Lps, patient: Patient, questions: Iterator[tuple[str, list[Parameter]]], *ids: str) -> list[bytes]:
    """The answers, without what varies from one answer to the next, and without the ids that were asked for."""
    answers = []
    for query_id, parameters in questions:
        for refs in (False, True):
            body = _VARYING.sub(b"", ask(lps, patient, query_id, parameters, refs=refs).body)
            for number, each in enumerate(filter(None, ids)):
                body = body.replace(each.encode(), b"ID%d" % number)
            answers.append(body)
    return answers


@pytest.fixture(scope="module")
def patient(village: Village) -> Patient:
    return village.patient(PATIENTS[2].ins)


def test_what_is_hidden_changes_no_answer(village: Village, patient: Patient) -> None:
    """Neither what a dossier has, nor what an id stands for: objects, references, counts and errors are the same."""
    readers = {name: village.lps(name) for name in BLIND}
    before = {name: told(lps, patient, by_patient(patient)) for name, lps in readers.items()}
    hidden = provide_pair(village.lps(AUTHOR), AUTHOR, patient)
    for name, lps in readers.items():
        assert told(lps, patient, by_patient(patient)) == before[name], name
        nothing = {other: told(lps, patient, by_id(NOBODY[0], other), *NOBODY) for other in ("", NOBODY[1])}
        for entry_uuid, other in hidden.named:
            expected = nothing[NOBODY[1] if other else ""]
            assert told(lps, patient, by_id(entry_uuid, other), entry_uuid, other) == expected, name
    for entry_uuid, other in hidden.named:
        asked = told(village.lps(AUTHOR), patient, by_id(entry_uuid, other), entry_uuid, other)
        assert asked != nothing[NOBODY[1] if other else ""], "its author is told"


NAMING: dict[str, Callable[[Provide, str], object]] = {
    "replaced": lambda m, each: m.associate(RELATION + "RPLC", m.entry_uuid, each),
    "appended": lambda m, each: m.associate(RELATION + "APND", m.entry_uuid, each),
    "a snapshot": lambda m, each: m.associate(SNAPSHOT, m.entry_uuid, each),
    "held": lambda m, each: m.associate(HAS_MEMBER, m.set_uuid, each, "Reference"),
    "held as original": lambda m, each: m.associate(HAS_MEMBER, m.set_uuid, each, "Original"),
    "holding": lambda m, each: m.associate(HAS_MEMBER, each, m.entry_uuid),
    "filled": into_folder,
}


@pytest.mark.parametrize("name", WRITERS)
def test_naming_what_is_hidden_is_naming_nothing(village: Village, patient: Patient, name: str) -> None:
    """A submission that names a hidden object of this patient, or of another one, is refused as if it were not there.

    A folder is no exception: a document that entered it would have shown its title.
    """
    lps, author = village.lps(name), village.lps(AUTHOR)
    nothing = {how: refusal(lps, name, patient, spoil, NOBODY[0]) for how, spoil in NAMING.items()}
    for hidden in (provide_pair(author, AUTHOR, each) for each in (patient, village.patient(PATIENTS[1].ins))):
        for entry_uuid, _ in hidden.named:
            for how, spoil in NAMING.items():
                assert refusal(lps, name, patient, spoil, entry_uuid) == nothing[how], how


def refusal(
    lps: Lps, name: str, patient: Patient, spoil: Callable[[Provide, str], object], named: str
) -> list[tuple[str, str]]:
    message = Provide(lps, name, patient)
    spoil(message, named)
    answer = message.send()
    assert not answer.succeeded
    found = xml.parse(answer.body).iter("{*}RegistryError")
    return [(str(error.get("errorCode")), str(error.get("codeContext")).replace(named, "ID")) for error in found]


@pytest.mark.parametrize("name", ["medecin-traitant", "hopital"])
def test_the_french_domain_has_no_transaction_that_goes_round_the_rules(
    village: Village, patient: Patient, name: str
) -> None:
    """Removal and updates of metadata are refused to everybody, and say the same of what is there and what is not."""
    lps, hidden = village.lps(name), provide_pair(village.lps(AUTHOR), AUTHOR, patient)
    answers: dict[str, set[bytes]] = {}
    for entry_uuid, other in (hidden.documents[0], NOBODY):
        remove = (
            f'<lcm:RemoveObjectsRequest xmlns:lcm="{LCM}" xmlns:rim="{RIM}"><rim:ObjectRefList>'
            f'<rim:ObjectRef id="{entry_uuid}"/></rim:ObjectRefList></lcm:RemoveObjectsRequest>'
        )
        documents = document_requests([other], village.settings.domain.repository_unique_id)
        destroy = (
            f'<rmd:RemoveDocumentsRequest xmlns:rmd="{RMD}" xmlns:xds="{XDS}">{documents}</rmd:RemoveDocumentsRequest>'
        )
        for action, path, body in (
            ("urn:ihe:iti:2010:DeleteDocumentSet", "/ihe/registry", remove),
            ("urn:ihe:iti:2017:RemoveDocuments", "/ihe/repository", destroy),
        ):
            answer = post(lps, path, SIMPLE, addressed(lps, patient, action, body))
            assert set(answer.errors) == {"DMPAccessDeniedByRightsService"}
            answers.setdefault(action, set()).add(_VARYING.sub(b"", answer.body))
    assert all(len(each) == 1 for each in answers.values())


def addressed(lps: Lps, patient: Patient, action: str, body: str) -> bytes:
    _, start, end = envelope(action, "https://127.0.0.1/ihe/registry", lps.assertion(patient, Access()))
    return start + body.encode() + end


@pytest.mark.parametrize("name", ["medecin-traitant", "hopital"])
def test_the_french_domain_takes_metadata_by_iti_41_alone(village: Village, patient: Patient, name: str) -> None:
    """A registration, an on-demand document, ITI-92, a question about several patients: nobody has these rights."""
    lps, (entry_uuid, other) = village.lps(name), provide_pair(village.lps(AUTHOR), AUTHOR, patient).documents[0]
    update = document(patient.cx, unique_id=other, logical_id=entry_uuid)
    body = submit_objects(submission(update))
    several = write_query(
        queries.FIND_DOCUMENTS_OF_SEVERAL,
        [("$XDSDocumentEntryPatientId", [listed(patient.cx)]), ("$XDSDocumentEntryStatus", [ANY])],
        object_refs=True,
    ).decode()
    for action, request in (
        ("urn:ihe:iti:2007:RegisterDocumentSet-b", body),
        ("urn:ihe:iti:2010:RegisterOnDemandDocumentEntry", body),
        ("urn:ihe:iti:2018:RestrictedUpdateDocumentSet", body),
        ("urn:ihe:iti:2009:MultiPatientStoredQuery", several),
    ):
        answer = post(lps, "/ihe/registry", SIMPLE, addressed(lps, patient, action, request))
        assert set(answer.errors) == {"DMPAccessDeniedByRightsService"}, action
        assert entry_uuid.encode() not in answer.body
