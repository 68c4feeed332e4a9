"""ITI-43 Retrieve Document Set: the request read, the answer written, document by document.

Source: ITI TF-2 3.43.4.1.2, 3.43.4.2.2 and 3.43.5; schema XDS.b_DocumentRepository for the order of elements.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from lxml import etree

from dmp.requests import DocumentRequest, Opened
from ihe.identifiers import FAILURE, PARTIAL_SUCCESS, SUCCESS, XDS, XOP
from ihe.markup import text
from ihe.mime import Outgoing, OutgoingPart
from ihe.mtom import write_package
from ihe.registry_response import NAMESPACES, error_list
from ihe.soap import SOAP_CONTENT_TYPE, SoapError
from registry.errors import Finding
from schemas.base64_stream import encode, encoded_length
from schemas.xml import local_name

REQUEST = f"{{{XDS}}}RetrieveDocumentSetRequest"
MAX_REQUESTS = 1000

_DOCUMENT_REQUEST = f"{{{XDS}}}DocumentRequest"
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}\Z")  # RFC 6838 §4.2


def read_retrieve(body: etree._Element) -> tuple[DocumentRequest, ...]:
    """The documents asked for, in the order of the request. Raises SoapError."""
    return read_document_requests(body, REQUEST)


def read_document_requests(body: etree._Element, request: str) -> tuple[DocumentRequest, ...]:
    """The documents that a request of that tag names, in its order. Raises SoapError."""
    asked = body.findall(_DOCUMENT_REQUEST) if body.tag == request else []
    if not 1 <= len(asked) <= MAX_REQUESTS:
        got = local_name(body.tag)[:64] if body.tag != request else f"{len(asked)}"
        raise SoapError(f"{local_name(request)} with 1 to {MAX_REQUESTS} xds:DocumentRequest", got)
    return tuple(map(_document_request, asked))


def _document_request(element: etree._Element) -> DocumentRequest:
    repository, document, home = (
        (element.findtext(f"{{{XDS}}}{name}") or "").strip()
        for name in ("RepositoryUniqueId", "DocumentUniqueId", "HomeCommunityId")
    )
    if not repository or not document:
        raise SoapError("RepositoryUniqueId and DocumentUniqueId in every DocumentRequest", "an empty one or none")
    return DocumentRequest(repository, document, home)


def write_opened(results: Sequence[Opened | Finding], frame: tuple[bytes, bytes], boundary: str) -> Outgoing:
    """The MTOM answer, each document a part of its own; `frame` is the envelope around the body."""
    opened, findings = _separated(results)
    documents = [
        OutgoingPart(f"document-{number}@open-dmp", _media_type(found), found.size, found.chunks)
        for number, found in enumerate(opened, start=1)
    ]
    responses = [
        f'{_described(found)}<xds:Document><xop:Include xmlns:xop="{XOP}" href="cid:{part.content_id}"/>'
        "</xds:Document></xds:DocumentResponse>"
        for found, part in zip(opened, documents, strict=True)
    ]
    head, tail = _around(opened, findings, frame)
    return write_package(boundary, head + "".join(responses).encode() + tail, documents)


def write_opened_inline(results: Sequence[Opened | Finding], frame: tuple[bytes, bytes]) -> Outgoing:
    """The simple SOAP answer, documents as base64 in it, still chunk by chunk."""
    opened, findings = _separated(results)
    head, tail = _around(opened, findings, frame)
    before = [f"{_described(found)}<xds:Document>".encode() for found in opened]
    after = b"</xds:Document></xds:DocumentResponse>"

    def chunks() -> Iterator[bytes]:
        yield head
        for start, found in zip(before, opened, strict=True):
            yield start
            yield from encode(found.chunks)
            yield after
        yield tail

    length = len(head) + len(tail) + sum(len(start) + len(after) for start in before)
    return Outgoing(SOAP_CONTENT_TYPE, length + sum(encoded_length(found.size) for found in opened), chunks())


def write_failure(findings: Sequence[Finding], wanted: Sequence[DocumentRequest]) -> bytes:
    """The answer when nothing can be opened: every finding without a location is said of every document asked for."""
    told = [
        replace(found, location=location)
        for found in findings
        for location in ([found.location] if found.location else [asked.document_unique_id for asked in wanted])
    ]
    head, tail = _around((), told or findings, (b"", b""))
    return head + tail


def _separated(results: Sequence[Opened | Finding]) -> tuple[list[Opened], list[Finding]]:
    opened = [result for result in results if isinstance(result, Opened)]
    return opened, [result for result in results if isinstance(result, Finding)]


def _around(opened: Sequence[Opened], findings: Sequence[Finding], frame: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """What stands before and after the DocumentResponse elements. Source: ITI TF-2 3.43.5 (status)."""
    status = SUCCESS if not findings else PARTIAL_SUCCESS if opened else FAILURE
    head = (
        f'<xds:RetrieveDocumentSetResponse {NAMESPACES}><rs:RegistryResponse status="{status}">'
        f"{error_list(findings)}</rs:RegistryResponse>"
    )
    return frame[0] + head.encode(), b"</xds:RetrieveDocumentSetResponse>" + frame[1]


def _described(found: Opened) -> str:
    home = found.request.home_community_id
    repository, document = found.new_repository_unique_id, found.new_document_unique_id
    return (
        "<xds:DocumentResponse>"
        + (f"<xds:HomeCommunityId>{text(home)}</xds:HomeCommunityId>" if home else "")
        + f"<xds:RepositoryUniqueId>{text(found.request.repository_unique_id)}</xds:RepositoryUniqueId>"
        f"<xds:DocumentUniqueId>{text(found.request.document_unique_id)}</xds:DocumentUniqueId>"
        + (f"<xds:NewRepositoryUniqueId>{text(repository)}</xds:NewRepositoryUniqueId>" if repository else "")
        + (f"<xds:NewDocumentUniqueId>{text(document)}</xds:NewDocumentUniqueId>" if document else "")
        + f"<xds:mimeType>{text(found.mime_type)}</xds:mimeType>"
    )


def _media_type(found: Opened) -> str:
    """The Content-Type of a part: metadata come from outside and must not add headers."""
    return found.mime_type if _MEDIA_TYPE.match(found.mime_type) else "application/octet-stream"
