"""TD3: search and open.

Source: GIE SESAM-Vitale, DMP-Compatibilité, TD3.1 and TD3.2; ITI TF-2 3.18 and 3.43.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from audit.event import AuditObject, Call, ObjectKind
from dmp.gate import Gate, Passage
from dmp.ports import Files
from dmp.requests import DocumentRequest, Opened
from habilitations.action import Action
from identities.ins import InsError, read_cx
from identities.requester import PatientId, Requester
from registry.errors import ErrorCode, Finding, RegistryError, finding
from registry.metadata import DocumentEntry, RegistryObject
from registry.scope import Scope
from registry.stored_query import GetDocuments, ReturnType, StoredQuery
from repository.content import Content


def search(
    gate: Gate, requester: Requester, call: Call, query: StoredQuery, query_id: str, raw: bytes
) -> tuple[RegistryObject, ...]:
    """What `query` finds of what `requester` may read. `raw` is the request as received, for the audit log.

    ObjectRef answers are the search of a reference, which more requesters may do than the search of metadata.
    Raises AccessRefused, or RegistryError for a query that cannot be answered.
    """
    action = Action.TD3_1_REFERENCE if query.return_type is ReturnType.OBJECT_REF else Action.TD3_1
    patient, unreadable = _patient(query)
    with gate.passage(requester, action, patient, call) as passage:
        passage.objects.append(AuditObject(ObjectKind.QUERY, query_id, content=raw))
        if unreadable:
            raise RegistryError([unreadable])
        if passage.across:
            return _across(passage, query)
        if passage.decision.scope is None:
            return ()
        if isinstance(query, GetDocuments):
            _note_hidden(passage, unique_ids=query.unique_ids, entry_uuids=query.entry_uuids)
        return passage.registry.find(query, passage.scope)


def _across(passage: Passage, query: StoredQuery) -> tuple[RegistryObject, ...]:
    """What `query`, which names no patient, finds in each dossier that it comes upon and that lets it be found.

    Raises RegistryError XDSResultNotSinglePatient: metadata of two patients are not told in one answer.
    Source: ITI TF-2 3.18.4.1.2.3.8 (single patient rule).
    """
    scopes = (passage.scope_of(key) for key in passage.registry.dossiers_of(query))
    found = [answer for scope in scopes if scope and (answer := passage.registry.find(query, scope))]
    if len(found) > 1 and query.return_type is ReturnType.LEAF_CLASS:
        expected = "a result about one patient, or returnType ObjectRef"
        code = ErrorCode.XDSResultNotSinglePatient
        raise RegistryError.single(code, "query", expected=expected, got=f"{len(found)} patients")
    return tuple(item for answer in found for item in answer)


def _patient(query: StoredQuery) -> tuple[PatientId | None, Finding | None]:
    """The patient that the query names, if it names one, or what is wrong with the name."""
    if not query.patient:
        return None, None
    try:
        return read_cx(query.patient), None
    except InsError as error:
        code = ErrorCode.XDSRegistryError  # no code of its own: ITI TF-3 Table 4.2.4.1-2
        return None, finding(code, "patient id of the query", expected=error.expected, got=error.got)


def open_documents(
    gate: Gate, requester: Requester, call: Call, wanted: Sequence[DocumentRequest], repository_unique_id: str
) -> tuple[Opened | Finding, ...]:
    """One result for each document of `wanted`, in order: its bytes, or why there is none.

    Masked, forbidden and inexistent documents give the same XDSDocumentUniqueIdError. Nothing is disclosed before the
    audit event is durable: the bytes are read after the passage has closed. Raises AccessRefused.
    """
    with gate.passage(requester, Action.TD3_2, None, call) as passage:
        found = _readable(passage, [asked.document_unique_id for asked in wanted])
        results: list[tuple[DocumentEntry, Content] | Finding] = []
        for asked in wanted:
            if asked.repository_unique_id != repository_unique_id:
                results.append(_unknown_repository(asked))
            elif asked.document_unique_id not in found:
                results.append(_unavailable(asked))
            else:
                results.append(found[asked.document_unique_id])
                document = asked.document_unique_id
                passage.objects.append(AuditObject(ObjectKind.DOCUMENT, document, asked.repository_unique_id))
    return tuple(_opened(gate.files, asked, result) for asked, result in zip(wanted, results, strict=True))


def _opened(files: Files, asked: DocumentRequest, result: tuple[DocumentEntry, Content] | Finding) -> Opened | Finding:
    if isinstance(result, Finding):
        return result
    entry, content = result
    return Opened(asked, entry.mime_type, content.size, files.chunks(content))


def _readable(passage: Passage, unique_ids: Sequence[str]) -> dict[str, tuple[DocumentEntry, Content]]:
    """The documents in scope with their content; what stays hidden is noted with its rule."""
    found: dict[str, tuple[DocumentEntry, Content]] = {}
    for scope in _scopes(passage, unique_ids):
        for entry in passage.registry.entries(unique_ids, scope):
            content = passage.documents.content(scope.patient, entry.unique_id)
            if content is not None:
                found[entry.unique_id] = (entry, content)
    missing = [unique_id for unique_id in unique_ids if unique_id not in found]
    if missing and passage.decision.scope is not None:
        _note_hidden(passage, unique_ids=missing)
    return found


def _scopes(passage: Passage, unique_ids: Sequence[str]) -> Iterator[Scope]:
    """What may be read of the dossier that was named, or of each dossier that has one of these documents."""
    if not passage.across:
        yield passage.scope
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
