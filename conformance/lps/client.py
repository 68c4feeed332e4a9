"""The practice software itself: what one sender asks of a DMP; here the documents, in and out.

Sources: ITI TF-2 3.41, 3.43; GIE SESAM-Vitale, DMP-Compatibilité, TD2.1, TD2.2, TD3.2.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from conformance.lps import LpsUsageError
from conformance.lps.attributes import Attributes
from conformance.lps.connection import REPOSITORY, Progress, Request, silent
from conformance.lps.dossiers import Dossiers
from conformance.lps.header import Document, read_document
from conformance.lps.metadata import Code, Visibility, new_oid
from conformance.lps.people import Patient
from conformance.lps.services import Services
from conformance.lps.soap import PROVIDE_AND_REGISTER, RETRIEVE_DOCUMENT_SET, XDS, LpsError, check
from conformance.lps.submission import (
    Signature,
    Submission,
    content_type,
    dtm,
    sender_author,
    signature_entry,
    source_oid,
    write_request,
)
from conformance.lps.vihf import Access, sign_submission
from conformance.lps.web import Web


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


class Lps(Attributes, Dossiers, Services, Web):
    """Practice software that knows every transaction of the DMP; those of documents' bytes are here."""

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
        progress: Progress = silent,
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
        replaces = {documents[0].entry.entry_uuid: self.resolve(replace, patient, access=access)} if replace else {}
        warnings = [
            f"{document.path.name}: its header says that it replaces {document.replaces}; sent as a new document"
            for document in documents
            if document.replaces and not replace
        ]
        code = content_type(documents[0].encounter_code, self._values, content_type_code)
        submission = self._submission(documents, patient, code, replaces, signature)
        content = write_request(submission)
        request = self.package(REPOSITORY, PROVIDE_AND_REGISTER, content, patient, access=access, inline=inline)
        with tempfile.TemporaryDirectory(prefix="lps-") as folder:
            body, _ = self.exchange(request, Path(folder), sent=progress)
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
        request = self.package(REPOSITORY, PROVIDE_AND_REGISTER, write_request(submission), patient)
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
        source = source_oid(self._sender)
        return Submission(patient, documents, author, code, source, unique_id, dtm(now), replaces, signed)

    def open(
        self,
        identifier: str,
        destination: Path,
        patient: Patient,
        *,
        repository: str | None = None,
        access: Access | None = None,
        progress: Progress = silent,
    ) -> Opened:
        """Retrieves a document to a file (ITI-43, TD3.2), streamed; the file appears only when it is complete.

        `identifier` is an entryUUID or a uniqueId; with `repository` (its OID) it is a uniqueId, asked for without
        searching first. Raises LpsNotFoundError when the search finds nothing, LpsError when the server refuses.
        """
        if not destination.parent.is_dir():
            raise LpsUsageError(f"output: expected a file in an existing folder, got {destination}")
        if repository is None:
            entry = self.locate(identifier, patient, access=access)
            identifier, repository = entry.unique_id, entry.repository_unique_id
        request = self.prepare_open(repository, identifier, patient, access=access)
        with tempfile.TemporaryDirectory(prefix=".lps-", dir=destination.parent) as name:
            folder = Path(name)
            body, received = self.exchange(request, folder, received=progress)
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
        return self.package(REPOSITORY, RETRIEVE_DOCUMENT_SET, [request], patient, access=access)


def _retrieve_request(repository: str, unique_id: str) -> bytes:
    """Source: ITI TF-2 3.43.4.1.2."""
    root = etree.Element(f"{{{XDS}}}RetrieveDocumentSetRequest", nsmap={None: XDS})
    request = etree.SubElement(root, f"{{{XDS}}}DocumentRequest")
    etree.SubElement(request, f"{{{XDS}}}RepositoryUniqueId").text = repository
    etree.SubElement(request, f"{{{XDS}}}DocumentUniqueId").text = unique_id
    return etree.tostring(root, encoding="UTF-8", xml_declaration=False)
