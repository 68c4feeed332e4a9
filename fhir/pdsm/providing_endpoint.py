"""The addresses where documents come in by FHIR: ITI-65 at the base, ITI-105 at DocumentReference.

A Bundle at the base is a transaction of a requester, or a batch of AuditEvents (ITI-20).

Source: MHD 4.2, 2:3.65 and 2:3.105; HL7 FHIR R4, http.html (transaction, create, Prefer).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask import Response, request

from audit.event import Call
from dmp.ports import Staged
from dmp.requests import Lot
from identities.requester import Requester
from pdsm.document_reference import write_document_reference
from pdsm.errors import ContentError, TokenError, UnauthorizedError
from pdsm.http import JSON_TYPES, body, call_of
from pdsm.identifiers import fhir_id
from pdsm.iti65 import Provided, Registered, decoded, read_bundle, read_published, write_response
from pdsm.original import Element
from pdsm.outcome import DONE, Issue, findings_told, operation_outcome
from pdsm.profiles import Departure
from pdsm.sharing_door import Sharing
from pdsm.sharing_endpoint import address, answer, known
from pdsm.structure import MAX_FAULTS
from registry.errors import Finding
from schemas import strict_json
from schemas.errors import UnexpectedError
from schemas.strict_json import JsonError


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
        try:
            content = body(JSON_TYPES, self._door.max_body_bytes)
            found = strict_json.read(content, max_bytes=self._door.max_body_bytes)
        except UnexpectedError as error:
            self._refuse("ITI-65", error.diagnostics())
            raise
        if isinstance(found, dict) and (found.get("type") == "batch" or found.get("resourceType") == "AuditEvent"):
            return self._batch(content)
        requester, call = known(self._door, "ITI-65")
        provided, warnings = self._provide(requester, call, lambda: read_bundle(found, self._registered(call)))
        return answer(write_response(provided, _outcome(warnings, provided.departures)))

    def publish(self) -> Response:
        """ITI-105: one document, created."""
        requester, call = known(self._door, "ITI-105")
        door = self._door
        try:
            content = body(JSON_TYPES, door.max_body_bytes)
        except UnexpectedError as error:
            door.refused(call, error.diagnostics(), requester)
            raise

        def read() -> Provided:
            found = strict_json.read(content, max_bytes=door.max_body_bytes)
            return read_published(found, self._registered(call), source_id=door.repository_unique_id, now=door.now())

        provided, warnings = self._provide(requester, call, read)
        (entry,) = provided.submission.entries
        where = f"{address()}/DocumentReference/{fhir_id(entry.entry_uuid)}"
        headers = {"Location": f"{where}/_history/1", "ETag": 'W/"1"'}
        prefer = request.headers.get("Prefer", "").replace(" ", "").lower()
        if "return=minimal" in prefer:
            return Response(status=201, headers=headers)
        if "return=operationoutcome" in prefer:
            told = _outcome(warnings, provided.departures) or operation_outcome([DONE])
            return answer(told, 201, headers)
        return answer(self._created(provided), 201, headers)

    def _created(self, provided: Provided) -> Element:
        """The document as it was registered: nothing is read for it."""
        (entry,) = provided.submission.entries
        content = decoded(provided.documents[entry.entry_uuid])
        registered = replace(
            entry,
            logical_id=entry.entry_uuid,
            hash=hashlib.sha1(content, usedforsecurity=False).hexdigest(),
            size=len(content),
            repository_unique_id=self._door.repository_unique_id,
        )
        return write_document_reference(registered, address(), provided.submission.associations)

    def _provide(
        self, requester: Requester, call: Call, read: Callable[[], Provided]
    ) -> tuple[Provided, Sequence[Finding]]:
        """What was provided, and the warnings. Raises ContentError, JsonError, AccessRefused, RegistryError."""
        staged: dict[str, Staged] = {}
        try:
            provided = read()
            self._check_profile(provided.departures)
            for entry_id, data in provided.documents.items():
                staged[entry_id] = self._door.stage()
                staged[entry_id].write(decoded(data))
        except (ContentError, JsonError) as error:
            _discard(staged)
            self._door.refused(call, error.diagnostics(), requester)
            raise
        except Exception as failure:
            _discard(staged)
            self._door.failed(call, type(failure).__name__, requester)
            raise
        try:
            return provided, self._door.provide(requester, call, Lot(provided.submission, staged))
        finally:
            _discard(staged)

    def _check_profile(self, departures: Sequence[Departure]) -> None:
        """Where the domain is strict of profiles, nothing departs from one. Raises ContentError."""
        if departures and self._door.strict_profiles:
            faults = tuple((each.path, str(each)) for each in departures[:MAX_FAULTS])
            raise ContentError("what the profile asks for", "departures from it", faults, status=422)

    def _registered(self, call: Call) -> Registered:
        def registered(uuids: Sequence[str]) -> Mapping[str, str]:
            return {uuid: found.entry_uuid for uuid, found in self._door.named(call, uuids).items()}

        return registered

    def _refuse(self, transaction: str, reason: str) -> None:
        requester, call = known(self._door, transaction)
        self._door.refused(call, reason, requester)


def _discard(staged: Mapping[str, Staged]) -> None:
    for each in staged.values():
        each.discard()


def _outcome(warnings: Sequence[Finding], departures: Sequence[Departure]) -> dict[str, Any] | None:
    issues = [*findings_told(warnings)[1]]
    issues += [Issue("business-rule", str(each), each.path, severity="warning") for each in departures[:MAX_FAULTS]]
    return operation_outcome(issues) if issues else None
