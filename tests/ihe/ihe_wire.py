"""Messages for the tests of the IHE door, put together by hand so that each can be wrong in one place."""

from __future__ import annotations

import base64
import io
from pathlib import Path

VECTORS = Path(__file__).parent.parent / "vectors" / "ihe"
SUBMIT_OBJECTS = (VECTORS / "submit_objects.xml").read_text("utf-8")

PROVIDE = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"
RETRIEVE = "urn:ihe:iti:2007:RetrieveDocumentSet"
QUERY = "urn:ihe:iti:2007:RegistryStoredQuery"
MESSAGE_ID = "urn:uuid:0fbfdced-6c01-4d09-a110-2201afedaa02"
BOUNDARY = "MIMEBoundary_7"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
SECURITY = (
    '<wsse:Security xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"/>'
)


def envelope(action: str, body: str, *, blocks: str = SECURITY, reply_to: str = "") -> bytes:
    """A SOAP 1.2 request; `blocks` are further header blocks."""
    reply = f"<wsa:ReplyTo><wsa:Address>{reply_to}</wsa:Address></wsa:ReplyTo>" if reply_to else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="{SOAP_12}" '
        'xmlns:wsa="http://www.w3.org/2005/08/addressing"><s:Header>'
        f'<wsa:Action s:mustUnderstand="1">{action}</wsa:Action><wsa:MessageID>{MESSAGE_ID}</wsa:MessageID>'
        f"{reply}{blocks}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def provide(*documents: str, submission: str = SUBMIT_OBJECTS, blocks: str = SECURITY) -> bytes:
    """An ITI-41 envelope; each document is a whole `Document` element (`xop`, `inline`)."""
    submit = submission.rpartition("?>")[2]
    body = (
        '<xds:ProvideAndRegisterDocumentSetRequest xmlns:xds="urn:ihe:iti:xds-b:2007">'
        f"{submit}{''.join(documents)}</xds:ProvideAndRegisterDocumentSetRequest>"
    )
    return envelope(PROVIDE, body, blocks=blocks)


def xop(name: str, href: str) -> str:
    include = f'<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="{href}"/>'
    return f'<xds:Document id="{name}">{include}</xds:Document>'


def inline(name: str, content: bytes | str) -> str:
    text = content if isinstance(content, str) else base64.b64encode(content).decode()
    return f'<xds:Document id="{name}">{text}</xds:Document>'


def retrieve(*unique_ids: str, home: str = "") -> bytes:
    """An ITI-43 envelope."""
    home = f"<x:HomeCommunityId>{home}</x:HomeCommunityId>" if home else ""
    requests = "".join(
        f"<x:DocumentRequest>{home}<x:RepositoryUniqueId>1.2.3</x:RepositoryUniqueId>"
        f"<x:DocumentUniqueId>{unique_id}</x:DocumentUniqueId></x:DocumentRequest>"
        for unique_id in unique_ids
    )
    body = f'<x:RetrieveDocumentSetRequest xmlns:x="urn:ihe:iti:xds-b:2007">{requests}</x:RetrieveDocumentSetRequest>'
    return envelope(RETRIEVE, body)


def stored_query(
    return_type: str = "LeafClass", query_id: str = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"
) -> bytes:
    """An ITI-18 envelope: GetDocuments by uniqueId."""
    body = (
        '<q:AdhocQueryRequest xmlns:q="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0" '
        'xmlns="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0">'
        f'<q:ResponseOption returnType="{return_type}" returnComposedObjects="true"/><AdhocQuery id="{query_id}">'
        '<Slot name="$XDSDocumentEntryUniqueId"><ValueList>'
        "<Value>('1.2.3')</Value></ValueList></Slot></AdhocQuery></q:AdhocQueryRequest>"
    )
    return envelope(QUERY, body)


def content_type(*, boundary: str = BOUNDARY, start: str | None = "<root@test>", extra: str = "") -> str:
    started = f' start="{start}";' if start else ""
    return (
        f'multipart/related; boundary="{boundary}"; type="application/xop+xml";{started} '
        f'start-info="application/soap+xml"{extra}'
    )


def part(content_id: str, content: bytes, *, headers: str = "Content-Type: application/octet-stream\r\n") -> bytes:
    """One part with its delimiter before it."""
    named = f"Content-ID: <{content_id}>\r\n" if content_id else ""
    return f"--{BOUNDARY}\r\n{headers}{named}\r\n".encode() + content + b"\r\n"


ROOT_HEADERS = (
    'Content-Type: application/xop+xml; charset=UTF-8; type="application/soap+xml"\r\n'
    "Content-Transfer-Encoding: binary\r\n"
)


def root(content: bytes, content_id: str = "root@test", headers: str = ROOT_HEADERS) -> bytes:
    return part(content_id, content, headers=headers)


def package(*parts: bytes) -> bytes:
    """A multipart body of parts, closed."""
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


class Sink(bytearray):
    """A sink that keeps what it got, to look at."""

    def write(self, chunk: bytes) -> None:
        self.extend(chunk)


class Trickle(io.RawIOBase):
    """A stream that gives as little at a time as it is told."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__()
        self._data, self._size = io.BytesIO(data), size

    def read(self, size: int = -1) -> bytes:
        return self._data.read(self._size)
