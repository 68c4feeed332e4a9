"""What the practice software asks of the registry (TD3.1, ITI-18).

Sources: ITI TF-2 3.18; GIE SESAM-Vitale, DMP-Compatibilité, TD3.1.
"""

from __future__ import annotations

from collections.abc import Sequence

from conformance.lps import LpsNotFoundError, LpsUsageError
from conformance.lps.connection import REGISTRY, Connection, Request
from conformance.lps.metadata import Entry
from conformance.lps.people import Patient
from conformance.lps.query import (
    FIND_DOCUMENTS,
    GET_ASSOCIATIONS,
    GET_DOCUMENTS,
    GET_RELATED_DOCUMENTS,
    GET_SUBMISSION_SETS,
    Filters,
    Found,
    Parameter,
    find_documents,
    get_by_uuid,
    get_documents,
    get_related_documents,
    is_entry_uuid,
    read_response,
    recency,
    write_query,
)
from conformance.lps.soap import REGISTRY_STORED_QUERY, check
from conformance.lps.submission import SIGNATURE_FORMAT
from conformance.lps.vihf import Access


def not_found(identifier: str) -> LpsNotFoundError:
    """Nothing is known of a document, or nothing may be."""
    return LpsNotFoundError(f"no document {identifier} for this requester")


class Searches(Connection):
    """Every method raises LpsError when the server refuses."""

    def find(self, patient: Patient, filters: Filters | None = None, *, access: Access | None = None) -> list[Entry]:
        """The patient's documents (ITI-18 FindDocuments, TD3.1a): those Approved, unless `filters` say otherwise.

        Signature documents are evidence and nothing to read: they are left out.
        """
        parameters = find_documents(patient.cx, filters or Filters())
        found = self.query(FIND_DOCUMENTS, parameters, patient, access=access).entries
        return [entry for entry in found if entry.format_code.code != SIGNATURE_FORMAT.code]

    def find_references(
        self, patient: Patient, filters: Filters | None = None, *, access: Access | None = None
    ) -> list[str]:
        """As `find`, the technical ids only (ObjectRef, TD3.1b)."""
        parameters = find_documents(patient.cx, filters or Filters())
        return list(self.query(FIND_DOCUMENTS, parameters, patient, access=access, object_refs=True).references)

    def documents(self, identifiers: Sequence[str], patient: Patient, *, access: Access | None = None) -> list[Entry]:
        """The entries of these entryUUIDs, or of these uniqueIds (ITI-18 GetDocuments)."""
        return list(self.query(GET_DOCUMENTS, get_documents(identifiers), patient, access=access).entries)

    def associations(self, uuids: Sequence[str], patient: Patient, *, access: Access | None = None) -> Found:
        """The associations from or to these objects (ITI-18 GetAssociations)."""
        return self.query(GET_ASSOCIATIONS, get_by_uuid(uuids), patient, access=access)

    def submission_sets(self, uuids: Sequence[str], patient: Patient, *, access: Access | None = None) -> Found:
        """The submission sets of these entries, and the associations used (ITI-18 GetSubmissionSets)."""
        return self.query(GET_SUBMISSION_SETS, get_by_uuid(uuids), patient, access=access)

    def related_documents(
        self, identifier: str, association_types: Sequence[str], patient: Patient, *, access: Access | None = None
    ) -> Found:
        """The document, those one association away from it, and these associations (ITI-18 GetRelatedDocuments)."""
        parameters = get_related_documents(identifier, association_types)
        return self.query(GET_RELATED_DOCUMENTS, parameters, patient, access=access)

    def query(
        self,
        query_id: str,
        parameters: Sequence[Parameter],
        patient: Patient | None,
        *,
        access: Access | None = None,
        object_refs: bool = False,
    ) -> Found:
        """Any stored query (ITI-18)."""
        body = self.ask(self.prepare_query(query_id, parameters, patient, access=access, object_refs=object_refs))
        return read_response(body, check(body))

    def prepare_query(
        self,
        query_id: str,
        parameters: Sequence[Parameter],
        patient: Patient | None,
        *,
        access: Access | None = None,
        object_refs: bool = False,
    ) -> Request:
        """The request that `query` sends, nothing sent."""
        content = write_query(query_id, parameters, object_refs=object_refs)
        return self.message(REGISTRY, REGISTRY_STORED_QUERY, content, patient, access=access)

    def resolve(self, identifier: str, patient: Patient, *, access: Access | None = None) -> str:
        """The entryUUID of a document given by its entryUUID or uniqueId, the latter asked of the server (TD3.1b).

        Raises LpsNotFoundError when there is none, LpsUsageError when there are several.
        """
        if is_entry_uuid(identifier):
            return identifier
        parameters = get_documents([identifier])
        found = self.query(GET_DOCUMENTS, parameters, patient, access=access, object_refs=True).references
        if not found:
            raise not_found(identifier)
        if len(found) > 1:
            raise LpsUsageError(f"{identifier}: expected one entry, got {', '.join(found)}: name one of these")
        return found[0]

    def locate(self, identifier: str, patient: Patient, *, access: Access | None = None) -> Entry:
        """The entry of an entryUUID or uniqueId: the newest version when there are several. Raises LpsNotFoundError."""
        entries = self.documents([identifier], patient, access=access)
        if not entries:
            raise not_found(identifier)
        return max(entries, key=recency)
