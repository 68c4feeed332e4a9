"""The addresses where documents come in by FHIR: ITI-65 at the base, ITI-105 at DocumentReference, ITI-106.

A Bundle at the base is a transaction of a requester, or a batch of AuditEvents (ITI-20).

Source: MHD 4.2, 2:3.65, 2:3.105 and 2:3.106; HL7 FHIR R4, http.html (transaction, create, Prefer).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from flask import Response, request

from audit.event import Call
from dmp.ports import Staged
from dmp.requests import Lot
from identities.requester import Requester
from pdsm.arrival import Arrived, read_arriving
from pdsm.document_reference import write_document_reference
from pdsm.errors import ContentError, TokenError, UnauthorizedError
from pdsm.http import JSON_TYPES, call_of, chunks, drain, preferred
from pdsm.identifiers import fhir_id
from pdsm.iti65 import Provided, Registered, read_bundle, read_published, write_response
from pdsm.iti106 import read_generated, read_request, write_generated
from pdsm.original import Element
from pdsm.outcome import DONE, Issue, findings_told, operation_outcome
from pdsm.profiles import Departure
from pdsm.sharing_door import Sharing
from pdsm.sharing_endpoint import address, answer, known
from pdsm.structure import MAX_FAULTS
from pdsm.submission_list import members_of, write_submission_set
from registry.errors import Finding
from registry.metadata import DocumentEntry
from repository.errors import RepositoryError
from schemas.errors import UnexpectedError


class Providing:
    """Documents provided, by the use case of ITI-41. `batch` takes Bundles of another kind."""

    def __init__(self, door: Sharing, batch: Callable[[bytes | None], Response]) -> None:
        self._door, self._batch = door, batch

    def bundle(self) -> Response:
        """ITI-65, of who may be a requester; a batch, or an AuditEvent, is for the log."""
        call = call_of("ITI-65")
        try:
            self._door.requester(request.environ, call)
        except TokenError as error:
            self._door.refused(call, str(error), None)
            raise
        except UnauthorizedError:
            return self._batch(None)
        except Exception as failure:
            self._door.failed(call, type(failure).__name__, None)
            raise
        with self._arriving("ITI-65") as arrived:
            found = arrived.resource
            if isinstance(found, dict) and (found.get("type") == "batch" or found.get("resourceType") == "AuditEvent"):
                return self._batch(arrived.content)
            requester, call = known(self._door, "ITI-65")
            provided, warnings = self._provide(
                requester, call, arrived, lambda: read_bundle(found, self._registered(call))
            )
            told = self._told(provided, arrived) if preferred() == "representation" else {}
            done = operation_outcome([DONE]) if preferred() == "operationoutcome" else None
            return answer(write_response(provided, _outcome(warnings, provided.departures), told, done))

    def publish(self) -> Response:
        """ITI-105: one document, created."""
        requester, call = known(self._door, "ITI-105")
        door = self._door

        def read() -> Provided:
            return read_published(
                arrived.resource, self._registered(call), source_id=door.repository_unique_id, now=door.now()
            )

        with self._arriving("ITI-105") as arrived:
            provided, warnings = self._provide(requester, call, arrived, read)
            (entry,) = provided.submission.entries
            where = f"{address()}/DocumentReference/{fhir_id(entry.entry_uuid)}"
            headers = {"Location": f"{where}/_history/1", "ETag": 'W/"1"'}
            if preferred() == "minimal":
                return Response(status=201, headers=headers)
            if preferred() == "operationoutcome":
                return answer(_outcome(warnings, provided.departures) or operation_outcome([DONE]), 201, headers)
            return answer(self._registered_as(entry, provided, arrived), 201, headers)

    def generate(self) -> Response:
        """ITI-106: one CDA document, whose metadata are derived of it."""
        requester, call = known(self._door, "ITI-106")
        door = self._door

        def read() -> Provided:
            number = read_request(arrived.resource)
            content = arrived.documents[number].chunks()
            return read_generated(
                number,
                content,
                source_id=door.repository_unique_id,
                now=door.now(),
                extra_components=door.extra_components,
            )

        with self._arriving("ITI-106") as arrived:
            provided, warnings = self._provide(requester, call, arrived, read)
            (entry,) = provided.submission.entries
            where = f"{address()}/DocumentReference/{fhir_id(entry.entry_uuid)}"
            headers = {"Location": f"{where}/_history/1"}
            if preferred() == "minimal":
                return Response(status=200, headers=headers)
            if preferred() == "operationoutcome":
                return answer(_outcome(warnings, provided.departures) or operation_outcome([DONE]), headers=headers)
            return answer(write_generated(where), headers=headers)

    def _told(self, provided: Provided, arrived: Arrived) -> dict[str, Element]:
        """The submission set and its documents as they were registered, by their location."""
        own, entries = provided.submission.submission_set, provided.submission.entries
        resources = [write_submission_set(own, members_of(own, provided.submission.associations, frozenset()))]
        resources += [self._registered_as(each, provided, arrived) for each in entries]
        return {f"{each['resourceType']}/{each['id']}": each for each in resources}

    def _registered_as(self, entry: DocumentEntry, provided: Provided, arrived: Arrived) -> Element:
        """A document as it was registered: nothing is read for it."""
        number = provided.documents[entry.entry_uuid]
        content = arrived.documents[number].finish() if number else None
        registered = replace(
            entry,
            logical_id=entry.entry_uuid,
            hash=content.sha1 if content else entry.hash,
            size=content.size if content else 0,
            repository_unique_id=self._door.repository_unique_id,
        )
        return write_document_reference(registered, address(), provided.submission.associations)

    @contextmanager
    def _arriving(self, transaction: str) -> Iterator[Arrived]:
        """What came, its documents staged until the block is left."""
        staged: dict[str, Staged] = {}
        coming = chunks(JSON_TYPES, self._door.max_body_bytes)
        try:
            try:
                arrived = read_arriving(coming, self._door.stage, staged)
            except RepositoryError as failure:
                self._door.failed(*self._whose(transaction, type(failure).__name__))
                drain(coming)
                raise
            except UnexpectedError as error:
                self._door.refused(*self._whose(transaction, error.diagnostics()))
                drain(coming)
                raise
            yield arrived
        finally:
            for each in staged.values():
                each.discard()

    def _provide(
        self, requester: Requester, call: Call, arrived: Arrived, read: Callable[[], Provided]
    ) -> tuple[Provided, Sequence[Finding]]:
        """What was provided, and the warnings. Raises ContentError, AccessRefused, RegistryError."""
        staged: dict[str, Staged] = {}
        try:
            provided = read()
            self._check_profile(provided.departures)
            for entry_id, number in provided.documents.items():
                staged[entry_id] = arrived.documents[number] if number else self._door.stage()
        except ContentError as error:
            self._door.refused(call, error.diagnostics(), requester)
            raise
        except Exception as failure:
            self._door.failed(call, type(failure).__name__, requester)
            raise
        try:
            return provided, self._door.provide(requester, call, Lot(provided.submission, staged))
        finally:
            for each in staged.values():
                each.discard()

    def _check_profile(self, departures: Sequence[Departure]) -> None:
        """Where the domain is strict of profiles, nothing departs from one. Raises ContentError."""
        if departures and self._door.strict_profiles:
            faults = tuple((each.path, str(each)) for each in departures[:MAX_FAULTS])
            raise ContentError("what the profile asks for", "departures from it", faults, status=422)

    def _registered(self, call: Call) -> Registered:
        def registered(uuids: Sequence[str]) -> Mapping[str, str]:
            return {uuid: found.entry_uuid for uuid, found in self._door.named(call, uuids).items()}

        return registered

    def _whose(self, transaction: str, reason: str) -> tuple[Call, str, Requester]:
        requester, call = known(self._door, transaction)
        return call, reason, requester


def _outcome(warnings: Sequence[Finding], departures: Sequence[Departure]) -> dict[str, Any] | None:
    issues = [*findings_told(warnings)[1]]
    issues += [Issue("business-rule", str(each), each.path, severity="warning") for each in departures[:MAX_FAULTS]]
    return operation_outcome(issues) if issues else None
