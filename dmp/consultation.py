"""TD3: search and open.

Source: GIE SESAM-Vitale, DMP-Compatibilité, TD3.1 and TD3.2; ITI TF-2 3.18 and 3.43.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from audit.event import AuditObject, Call, ObjectKind, Outcome
from cda.summary import MIME_TYPE
from dmp.gate import Gate, Passage
from dmp.on_demand import make
from dmp.ports import Files
from dmp.requests import DocumentRequest, Opened
from habilitations.action import Action
from identities.ins import InsError, read_cx
from identities.requester import PatientId, Requester
from registry.errors import ErrorCode, Finding, RegistryError, finding
from registry.metadata import DocumentEntry, ObjectType
from registry.scope import Scope
from registry.stored_query import (
    GetDocuments,
    GetDocumentsAndAssociations,
    GetFoldersForDocument,
    GetRelatedDocuments,
    MultiPatientQuery,
    ReturnType,
    StoredQuery,
    Told,
)
from repository.content import Content


def search(
    gate: Gate, requester: Requester, call: Call, query: StoredQuery, query_id: str, raw: bytes
) -> tuple[Told, ...]:
    """What `query` finds of what `requester` may read. `raw` is the request as received, for the audit log.

    ObjectRef answers are the search of a reference, which more requesters may do than the search of metadata; the
    search of several patients is a right of its own. Raises AccessRefused, or RegistryError for a query that cannot be
    answered.
    """
    patients, unreadable = patients_of(query)
    named = patients[0] if patients and not query.multi_patient else None
    asked = AuditObject(ObjectKind.QUERY, query_id, content=raw, home_community_id=call.home_community_id)
    with gate.passage(requester, _action(query), named, call, asked=[asked]) as passage:
        if unreadable:
            raise RegistryError(unreadable)
        if query.multi_patient:
            return _of_several(passage, query, patients)
        return found(passage, query)


def found(passage: Passage, query: StoredQuery) -> tuple[Told, ...]:
    """What `query`, about one patient or none, finds in a passage. Raises RegistryError."""
    if passage.across:
        return _across(passage, query)
    if passage.decision.scope is None:
        return ()
    _note_hidden_of(passage, query)
    return passage.registry.find(query, passage.scope)


def _action(query: StoredQuery) -> Action:
    if query.multi_patient:
        return Action.ITI_51
    return Action.TD3_1_REFERENCE if query.return_type is ReturnType.OBJECT_REF else Action.TD3_1


def _of_several(passage: Passage, query: StoredQuery, patients: Sequence[PatientId]) -> tuple[Told, ...]:
    """What `query` finds in the dossiers of `patients`, or in every dossier that it comes upon when it names none.

    An unknown patient has no documents. Raises RegistryError XDSTooManyResults.
    Source: ITI TF-2 3.51.4.1.2.1.
    """
    if patients:
        dossiers = [passage.rooms.identities.dossier(patient) for patient in patients]
        keys: Iterable[str] = dict.fromkeys(dossier.key for dossier in dossiers if dossier)
    else:
        keys = passage.registry.dossiers_of(query)
    if passage.dossier:
        keys = [key for key in keys if key == passage.dossier.key]  # the requester was let in for this one alone
    scopes = (passage.scope_of(key) for key in keys)
    return passage.registry.find_across(query, filter(None, scopes))


def _across(passage: Passage, query: StoredQuery) -> tuple[Told, ...]:
    """What `query`, which names no patient, finds in each dossier that it comes upon and that lets it be found.

    Raises RegistryError XDSResultNotSinglePatient: metadata of two patients are not told in one answer.
    Source: ITI TF-2 3.18.4.1.2.3.7.5 to 3.18.4.1.2.3.7.11 (same Patient ID).
    """
    scopes = (passage.scope_of(key) for key in passage.registry.dossiers_of(query))
    return passage.registry.find_across(query, filter(None, scopes))


def patients_of(query: StoredQuery) -> tuple[list[PatientId], list[Finding]]:
    """The patients that the query names, if it names some, and what is wrong with names."""
    named = query.patient_ids if isinstance(query, MultiPatientQuery) else [query.patient] if query.patient else []
    patients: list[PatientId] = []
    findings: list[Finding] = []
    for text in named:
        try:
            patients.append(read_cx(text))
        except InsError as error:
            code = ErrorCode.XDSRegistryError  # no code of its own: ITI TF-3 Table 4.2.4.1-2
            findings.append(finding(code, "patient id of the query", expected=error.expected, got=error.got))
    return patients, findings


def _note_hidden_of(passage: Passage, query: StoredQuery) -> None:
    match query:
        case GetDocuments() | GetDocumentsAndAssociations():
            _note_hidden(passage, unique_ids=query.unique_ids, entry_uuids=query.entry_uuids)
        case GetFoldersForDocument() | GetRelatedDocuments():
            _note_hidden(passage, unique_ids=[query.unique_id], entry_uuids=[query.entry_uuid])


def open_documents(
    gate: Gate, requester: Requester, call: Call, wanted: Sequence[DocumentRequest], repository_unique_id: str
) -> tuple[Opened | Finding, ...]:
    """One result for each document of `wanted`, in order: its bytes, or why there is none.

    Masked, forbidden and inexistent documents give the same XDSDocumentUniqueIdError. Nothing is disclosed before the
    audit event is durable: the bytes are read after the passage has closed. Raises AccessRefused.
    """
    with gate.passage(requester, Action.TD3_2, None, call, asked=[_object(each) for each in wanted]) as passage:
        passage.objects.clear()  # now those that are given
        readable = _readable(passage, [asked.document_unique_id for asked in wanted], repository_unique_id)
        results: list[_Ready | Finding] = []
        for asked in wanted:
            if asked.repository_unique_id != repository_unique_id:
                results.append(_unknown_repository(asked))
            elif asked.document_unique_id not in readable:
                results.append(_unavailable(asked))
            else:
                results.append(_ready(passage, gate, readable[asked.document_unique_id], repository_unique_id))
                passage.objects.append(_object(asked))
        _note_unavailable(passage, wanted, results)
        passage.about({each.scope.patient for each in readable.values()})
        if all(isinstance(result, Finding) for result in results):
            passage.outcome = Outcome.MINOR_FAILURE
    return tuple(_opened(gate.files, asked, result) for asked, result in zip(wanted, results, strict=True))


def _object(asked: DocumentRequest) -> AuditObject:
    document, where, home = asked.document_unique_id, asked.repository_unique_id, asked.home_community_id
    return AuditObject(ObjectKind.DOCUMENT, document, where, home_community_id=home)


def _note_unavailable(passage: Passage, wanted: Sequence[DocumentRequest], results: Sequence[_Ready | Finding]) -> None:
    """What was asked for and is not given, but for what is hidden: that is noted with its rule."""
    hidden = {document.id for document, _ in passage.refusals}
    for asked, result in zip(wanted, results, strict=True):
        if isinstance(result, Finding) and asked.document_unique_id not in hidden:
            passage.unavailable.append((_object(asked), result.code.value))


class _Found(NamedTuple):
    """A document in scope. An On-Demand entry has no content yet."""

    scope: Scope
    entry: DocumentEntry
    content: Content | None


class _Ready(NamedTuple):
    """A document to disclose: its bytes, or where they are."""

    mime_type: str
    content: Content | bytes
    new_repository_unique_id: str = ""
    new_document_unique_id: str = ""


def _ready(passage: Passage, gate: Gate, found: _Found, repository_unique_id: str) -> _Ready:
    if found.content is not None:
        return _Ready(found.entry.mime_type, found.content)
    made = make(passage, gate, found.scope, found.entry, repository_unique_id)
    return _Ready(MIME_TYPE, made.content, made.repository_unique_id, made.unique_id)


def _opened(files: Files, asked: DocumentRequest, result: _Ready | Finding) -> Opened | Finding:
    if isinstance(result, Finding):
        return result
    mime_type, content, *new = result
    if isinstance(content, bytes):
        return Opened(asked, mime_type, len(content), iter([content]), *new)
    return Opened(asked, mime_type, content.size, files.chunks(content), *new)


def _readable(passage: Passage, unique_ids: Sequence[str], repository_unique_id: str) -> dict[str, _Found]:
    """The documents in scope with their content; what stays hidden is noted with its rule."""
    found: dict[str, _Found] = {}
    for scope in _scopes(passage, unique_ids):
        for entry in passage.registry.entries(unique_ids, scope):
            content = passage.documents.content(scope.patient, entry.unique_id)
            made_here = entry.object_type is ObjectType.ON_DEMAND and entry.repository_unique_id == repository_unique_id
            if content is not None or made_here:
                found[entry.unique_id] = _Found(scope, entry, content)
    missing = [unique_id for unique_id in unique_ids if unique_id not in found]
    if missing and passage.decision.scope is not None:
        _note_hidden(passage, unique_ids=missing)
    return found


def _scopes(passage: Passage, unique_ids: Sequence[str]) -> Iterator[Scope]:
    """What may be read of the dossier that was named, or of each dossier that has one of these documents."""
    if not passage.across:
        if passage.decision.scope is not None:  # None: of a patient whom nobody knows
            yield passage.decision.scope
        return
    named = GetDocuments(return_type=ReturnType.LEAF_CLASS, unique_ids=tuple(unique_ids))
    for key in passage.registry.dossiers_of(named):
        if scope := passage.scope_of(key):
            yield scope


def _note_hidden(passage: Passage, *, unique_ids: Sequence[str] = (), entry_uuids: Sequence[str] = ()) -> None:
    """Documents asked for by name that stay hidden are refusals: each is recorded with its rule."""
    hidden = passage.registry.hidden(passage.scope, unique_ids=unique_ids, entry_uuids=entry_uuids)
    for entry, custody in hidden:
        document = AuditObject(ObjectKind.DOCUMENT, entry.unique_id, entry.repository_unique_id)
        passage.hide(document, entry, custody)


def _unavailable(asked: DocumentRequest) -> Finding:
    return Finding(
        ErrorCode.XDSDocumentUniqueIdError,
        "documentUniqueId: expected a document available to the requester, got none",
        location=asked.document_unique_id,
    )


def _unknown_repository(asked: DocumentRequest) -> Finding:
    return Finding(
        ErrorCode.XDSUnknownRepositoryId,
        f"repositoryUniqueId: expected the one of this repository, got {asked.repository_unique_id[:64]}",
        location=asked.document_unique_id,
    )
