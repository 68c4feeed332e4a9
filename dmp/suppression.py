"""Removal for good, in domains that allow it: metadata (ITI-62) and the bytes of documents (ITI-86).

The two do not know of each other, as registry and repository do not: metadata go and the document stays, for ITI-86 to
remove; a document goes and its metadata stay, and say of it that it cannot be had. A request is carried out whole or
not at all, and every fault found is told.

Source: ITI TF-2 3.62 and 3.86 (Remove Metadata and Documents).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from audit.event import AuditObject, Call, ObjectKind
from dmp.gate import Gate, Passage
from dmp.requests import DocumentRequest
from habilitations.action import Action
from identities.requester import Requester
from registry.errors import ErrorCode, Finding, RegistryError, finding
from registry.existing import canonical_id
from registry.removal import removal_faults
from registry.scope import Reach, Scope


def remove_metadata(gate: Gate, requester: Requester, call: Call, uuids: Sequence[str]) -> tuple[Finding, ...]:
    """Removes the objects of these ids, all or none; returns the warnings. Raises AccessRefused, RegistryError.

    What the requester cannot find is not there to be removed.
    """
    named = tuple(dict.fromkeys(map(canonical_id, uuids)))
    asked = [AuditObject(ObjectKind.REGISTRY_OBJECT, uuid) for uuid in named]
    with gate.passage(requester, Action.ITI_62, None, call, asked=asked) as passage:
        scopes = _scopes(passage, passage.registry.dossiers_holding(named))
        around = passage.registry.around(named, tuple(scopes.values()))
        patients = set(around.patients.values())
        passage.about(patients)
        if faults := removal_faults(named, around):
            raise RegistryError(faults)
        for patient in patients:
            passage.registry.remove(named, patient)
    return ()


def remove_documents(
    gate: Gate, requester: Requester, call: Call, wanted: Sequence[DocumentRequest], repository_unique_id: str
) -> tuple[Finding, ...]:
    """Removes the bytes of these documents, all or none; their metadata stay. Raises AccessRefused, RegistryError.

    A document is there for whoever finds it in the registry; one that no metadata tell of any more, for whoever
    reaches everything in its dossier.
    """
    named = tuple(dict.fromkeys((each.repository_unique_id, each.document_unique_id) for each in wanted))
    asked = [AuditObject(ObjectKind.DOCUMENT, document, where) for where, document in named]
    with gate.passage(requester, Action.ITI_86, None, call, asked=asked) as passage:
        there = _removable(passage, [document for where, document in named if where == repository_unique_id])
        faults = [
            _not_ours(where, document) if where != repository_unique_id else _not_there(document)
            for where, document in named
            if where != repository_unique_id or document not in there
        ]
        passage.about({key for keys in there.values() for key in keys})
        if faults:
            raise RegistryError(faults)
        gone = [passage.documents.remove(key, document) for document, keys in there.items() for key in keys]
    gate.destroy([content for content in gone if content is not None])
    return ()


def _removable(passage: Passage, unique_ids: Sequence[str]) -> dict[str, list[str]]:
    """The documents that the requester may remove, each with the dossiers where he may."""
    kept: dict[str, list[str]] = {}
    for unique_id, key in passage.documents.dossiers_of(unique_ids):
        kept.setdefault(key, []).append(unique_id)
    there: dict[str, list[str]] = {}
    for key, scope in _scopes(passage, tuple(kept)).items():
        found = {entry.unique_id for entry in passage.registry.entries(kept[key], scope)}
        hidden = {entry.unique_id for entry, _ in passage.registry.hidden(scope, unique_ids=kept[key])}
        for unique_id in kept[key]:
            if unique_id not in hidden and (unique_id in found or scope.reach is Reach.ALL):
                there.setdefault(unique_id, []).append(key)
    return there


def _scopes(passage: Passage, keys: Sequence[str]) -> Mapping[str, Scope]:
    """Of these dossiers those where the requester may do this, each decided by itself, with what he finds there."""
    if not passage.across:
        scope = passage.decision.scope
        return {scope.patient: scope} if scope and scope.patient in keys else {}
    return {key: scope for key in keys if (scope := passage.scope_of(key))}


def _not_ours(repository: str, document: str) -> Finding:
    code, expected = ErrorCode.XDSUnknownRepositoryId, "the one of this repository"
    return finding(code, "repositoryUniqueId", expected=expected, got=repository[:64], location=document)


def _not_there(document: str) -> Finding:
    """Source: ITI TF-3 Table 4.2.4.1-2, XDSRemoveDocumentsError (codeContext has the DocumentUniqueId)."""
    code, expected = ErrorCode.XDSRemoveDocumentsError, "a document of this repository"
    return finding(code, "documentUniqueId", expected=expected, got=document[:128], location=document)
