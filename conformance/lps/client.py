"""The practice software itself: provide, find and open documents as one sender.

Sources: ITI TF-2 3.18, 3.41, 3.43; GIE SESAM-Vitale, DMP-Compatibilité, TD2.1, TD3.1, TD3.2.
"""

from __future__ import annotations

import tempfile
import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lxml import etree

from conformance.lps import LpsNotFoundError, LpsUsageError, people
from conformance.lps.header import Document, read_document
from conformance.lps.metadata import Code, Entry, Visibility, new_oid
from conformance.lps.mtom import Attachment, Package, Received, receive
from conformance.lps.people import Demo, Patient, Sender
from conformance.lps.query import (
    FIND_DOCUMENTS,
    GET_ASSOCIATIONS,
    GET_DOCUMENTS,
    GET_RELATED_DOCUMENTS,
    GET_SUBMISSION_SETS,
    STATUSES,
    Filters,
    Found,
    Parameter,
    find_documents,
    get_by_uuid,
    get_documents,
    get_related_documents,
    is_entry_uuid,
    read_response,
    write_query,
)
from conformance.lps.soap import (
    PROVIDE_AND_REGISTER,
    REGISTRY_STORED_QUERY,
    RETRIEVE_DOCUMENT_SET,
    XDS,
    LpsError,
    check,
    envelope,
    read_body,
)
from conformance.lps.submission import (
    SIGNATURE_FORMAT,
    Signature,
    Submission,
    content_type,
    dtm,
    sender_author,
    signature_entry,
    write_request,
)
from conformance.lps.transport import Transport, client_context
from conformance.lps.vihf import Access, sign_submission, vihf
from schemas import oids
from schemas.value_sets import ValueSets

REGISTRY = "/ihe/registry"
REPOSITORY = "/ihe/repository"
ASSERTION_REUSED_FOR = timedelta(minutes=20)  # well inside the hour that a server accepts
TIMEOUT_SECONDS = 120.0

Progress = Callable[[int], None]


def _silent(_bytes: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Provided:
    """What one submission gave; identifiers in the order of the files. `submission_set` is its uniqueId."""

    submission_set: str
    unique_ids: tuple[str, ...]
    entry_uuids: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Opened:
    """A document received. `size` is in bytes, `sha1` hexadecimal."""

    path: Path
    size: int
    sha1: str
    mime_type: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request with all its signatures, ready to be posted: `body` gives its `length` bytes, as often as asked."""

    path: str
    content_type: str
    length: int
    body: Iterable[bytes]
    message_id: str


def _now() -> datetime:
    return datetime.now(UTC)


class Lps:
    """Practice software connected as one sender. One instance serves several threads, each with its own connection.

    An assertion is made for one patient and one access mode, and used again for `ASSERTION_REUSED_FOR`.
    """

    def __init__(
        self,
        address: str,
        sender: Sender,
        *,
        ca: Path | None = None,
        vihf_version: str = "4.0",
        clock: Callable[[], datetime] = _now,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        context = client_context(sender.keys, str(ca) if ca else None) if address.startswith("https:") else None
        self._address, self._transport = address.rstrip("/"), Transport(address, context, timeout)
        self._sender, self._version, self._clock = sender, vihf_version, clock
        self._values = ValueSets.load()
        self._assertions: dict[tuple[Patient | None, Access], tuple[datetime, bytes]] = {}
        self._lock = threading.Lock()

    @classmethod
    def from_demo(
        cls,
        demo: Demo | Path,
        name: str,
        *,
        mode: str | None = None,
        user: str | None = None,
        server: str | None = None,
    ) -> Lps:
        """The software as `name` of a demo folder uses it. Raises LpsUsageError when the folder cannot say how."""
        demo = people.load(demo) if isinstance(demo, Path) else demo
        return cls(demo.address(server), demo.sender(name, mode=mode, user=user), ca=demo.ca)

    def close(self) -> None:
        """Closes the idle connections."""
        self._transport.close()

    def provide(
        self,
        files: Sequence[Path],
        patient: Patient,
        *,
        replace: str | None = None,
        visibility: Visibility | None = None,
        access: Access | None = None,
        inline: bool = False,
        signature: bool = True,
        content_type_code: str | None = None,
        format_code: Code | None = None,
        progress: Progress = _silent,
    ) -> Provided:
        """Sends files as one submission set (ITI-41, TD2.1). `replace` is an entryUUID or a uniqueId, for one file.

        `inline` writes the documents as base64 in the envelope instead of parts of their own. Raises LpsError when the
        server refuses, LpsNotFoundError when what is to be replaced is unknown, LpsUsageError for an unusable file.
        """
        if not files or (replace and len(files) != 1):
            wanted = "one file with --replace" if replace else "at least one"
            raise LpsUsageError(f"files: expected {wanted}, got {len(files)}")
        documents = [
            read_document(file, patient, self._values, visibility=visibility, format_code=format_code) for file in files
        ]
        access = access or Access()
        replaces = {documents[0].entry.entry_uuid: self.resolve(replace, patient, access=access)} if replace else {}
        warnings = [
            f"{document.path.name}: its header says that it replaces {document.replaces}; sent as a new document"
            for document in documents
            if document.replaces and not replace
        ]
        code = content_type(documents[0].encounter_code, self._values, content_type_code)
        submission = self._submission(documents, patient, code, replaces, signature)
        request = self._package(PROVIDE_AND_REGISTER, write_request(submission), patient, access, inline)
        with tempfile.TemporaryDirectory(prefix="lps-") as folder:
            body, _ = self._exchange(request, Path(folder), sent=progress)
        warnings += check(body)
        return Provided(
            submission_set=submission.unique_id,
            unique_ids=tuple(document.entry.unique_id for document in documents),
            entry_uuids=tuple(document.entry.entry_uuid for document in documents),
            warnings=tuple(warnings),
        )

    def prepare(self, files: Sequence[Path], patient: Patient) -> tuple[Request, tuple[str, ...]]:
        """The ITI-41 request that `provide` would send for new documents, and their uniqueIds, nothing sent.

        Raises LpsUsageError for an unusable file.
        """
        documents = [read_document(file, patient, self._values) for file in files]
        code = content_type(documents[0].encounter_code, self._values, None)
        submission = self._submission(documents, patient, code, {}, True)
        request = self._package(PROVIDE_AND_REGISTER, write_request(submission), patient, Access(), False)
        return request, tuple(document.entry.unique_id for document in documents)

    def _submission(
        self, documents: Sequence[Document], patient: Patient, code: Code, replaces: dict[str, str], signature: bool
    ) -> Submission:
        now, author, unique_id = self._clock(), sender_author(self._sender, self._values), new_oid()
        signed = None
        if signature:
            digests = {document.entry.unique_id: document.sha256 for document in documents}
            content = sign_submission(self._sender.keys, unique_id, digests, now)
            signed = Signature(signature_entry(documents, patient, author, now), content)
        # One source for each structure: its own arc under 2.25, always the same. Source: ITI TF-3 4.2.3.3.9.
        source_id = f"{oids.UUID_ARC}.{uuid.uuid5(uuid.NAMESPACE_OID, self._sender.structure_id).int}"
        return Submission(patient, documents, author, code, source_id, unique_id, dtm(now), replaces, signed)

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
        """Any stored query (ITI-18). Raises LpsError when the server refuses."""
        request = self.prepare_query(query_id, parameters, patient, access=access, object_refs=object_refs)
        with tempfile.TemporaryDirectory(prefix="lps-") as folder:
            body, _ = self._exchange(request, Path(folder))
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
        assertion = self.assertion(patient, access or Access())
        message_id, start, end = envelope(REGISTRY_STORED_QUERY, self._address + REGISTRY, assertion)
        data = start + write_query(query_id, parameters, object_refs=object_refs) + end
        header = f'application/soap+xml; charset=UTF-8; action="{REGISTRY_STORED_QUERY}"'
        return Request(REGISTRY, header, len(data), [data], message_id)

    def resolve(self, identifier: str, patient: Patient, *, access: Access | None = None) -> str:
        """The entryUUID of a document given by its entryUUID or uniqueId, the latter asked of the server (TD3.1b).

        Raises LpsNotFoundError when there is none, LpsUsageError when there are several.
        """
        if is_entry_uuid(identifier):
            return identifier
        parameters = get_documents([identifier])
        found = self.query(GET_DOCUMENTS, parameters, patient, access=access, object_refs=True).references
        if not found:
            raise LpsNotFoundError(f"no document {identifier} for this requester")
        if len(found) > 1:
            raise LpsUsageError(f"{identifier}: expected one entry, got {', '.join(found)}: name one of these")
        return found[0]

    def locate(self, identifier: str, patient: Patient, *, access: Access | None = None) -> Entry:
        """The entry of an entryUUID or uniqueId: the Approved one when there are several. Raises LpsNotFoundError."""
        entries = self.documents([identifier], patient, access=access)
        if not entries:
            raise LpsNotFoundError(f"no document {identifier} for this requester")
        return min(entries, key=lambda entry: entry.availability_status != STATUSES["approved"])

    def open(
        self,
        identifier: str,
        destination: Path,
        patient: Patient,
        *,
        repository: str | None = None,
        access: Access | None = None,
        progress: Progress = _silent,
    ) -> Opened:
        """Retrieves a document to a file (ITI-43, TD3.2), streamed; the file appears only when it is complete.

        `identifier` is an entryUUID or a uniqueId; with `repository` (its OID) it is a uniqueId, asked for without
        searching first. Raises LpsNotFoundError when the search finds nothing, LpsError when the server refuses.
        """
        if not destination.parent.is_dir():
            raise LpsUsageError(f"output: expected a file in an existing folder, got {destination}")
        access = access or Access()
        if repository is None:
            entry = self.locate(identifier, patient, access=access)
            identifier, repository = entry.unique_id, entry.repository_unique_id
        request = self.prepare_open(repository, identifier, patient, access=access)
        with tempfile.TemporaryDirectory(prefix=".lps-", dir=destination.parent) as name:
            folder = Path(name)
            body, received = self._exchange(request, folder, received=progress)
            check(body)
            stored = next(iter(received.documents(body, folder)), None)
            if stored is None:
                raise LpsError("Transport", "expected a Document, got none", "RetrieveDocumentSetResponse")
            stored.path.replace(destination)
        mime_type = (body.findtext(f"{{{XDS}}}DocumentResponse/{{{XDS}}}mimeType") or "").strip()
        return Opened(destination, stored.size, stored.sha1, mime_type)

    def prepare_open(
        self, repository: str, unique_id: str, patient: Patient, *, access: Access | None = None
    ) -> Request:
        """The ITI-43 request that `open` sends, nothing sent."""
        request = _retrieve_request(repository, unique_id)
        return self._package(RETRIEVE_DOCUMENT_SET, [request], patient, access or Access(), False)

    def _package(
        self, action: str, request: Sequence[bytes | Attachment], patient: Patient, access: Access, inline: bool
    ) -> Request:
        assertion = self.assertion(patient, access)
        message_id, start, end = envelope(action, self._address + REPOSITORY, assertion)
        package = Package([start, *request, end], action, inline=inline)
        return Request(REPOSITORY, package.content_type, len(package), package, message_id)

    def _exchange(
        self, request: Request, folder: Path, *, sent: Progress = _silent, received: Progress = _silent
    ) -> tuple[etree._Element, Received]:
        """Sends a request; the body of the answer, and its documents as files of `folder`."""
        with self._transport.post(request.path, request.content_type, request.length, request.body, sent) as response:
            answer = receive(response, response.headers.get("Content-Type", ""), folder, progress=received)
            return read_body(answer.envelope, response.status, request.message_id), answer

    def assertion(self, patient: Patient | None, access: Access) -> bytes:
        """The VIHF for a patient and an access mode: the same one while it is young, then a new one."""
        now = self._clock()
        with self._lock:
            made, assertion = self._assertions.get((patient, access), (now, b""))
            if not assertion or now - made > ASSERTION_REUSED_FOR:
                assertion = vihf(self._sender, patient, access, self._version, now)
                self._assertions[patient, access] = (now, assertion)
            return assertion


def _retrieve_request(repository: str, unique_id: str) -> bytes:
    """Source: ITI TF-2 3.43.4.1.2."""
    root = etree.Element(f"{{{XDS}}}RetrieveDocumentSetRequest", nsmap={None: XDS})
    request = etree.SubElement(root, f"{{{XDS}}}DocumentRequest")
    etree.SubElement(request, f"{{{XDS}}}RepositoryUniqueId").text = repository
    etree.SubElement(request, f"{{{XDS}}}DocumentUniqueId").text = unique_id
    return etree.tostring(root, encoding="UTF-8", xml_declaration=False)
