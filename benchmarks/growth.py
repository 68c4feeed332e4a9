"""How queries grow with a patient's documents: FindDocuments both ways and GetDocuments, over 50 to 5,000 of them.

A server of its own in the domain ihe-connectathon, plain HTTP on this machine: the registry is measured, without TLS or
assertions. Each time is the best of several, from the request sent to the last byte read.
"""

from __future__ import annotations

import http.client
import socket
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import LoadError
from ihe.ebrim import write_objects
from ihe.identifiers import LCM, QUERY, REGISTER_DOCUMENT_SET, REGISTRY_STORED_QUERY, RIM, SOAP_12, SUCCESS, WSA
from ihe.soap import SOAP_CONTENT_TYPE
from registry.metadata import (
    Association,
    AssociationType,
    Author,
    AvailabilityStatus,
    Code,
    DocumentEntry,
    RegistryObject,
    Submission,
    SubmissionSet,
)
from registry.stored_query import FindDocuments, GetDocuments, ReturnType, StoredQuery
from registry.stored_query_coding import write_stored_query
from schemas.xml import parse
from server.demo import background
from server.migrations import upgrade
from server.settings import Settings, load

SIZES = (50, 500, 5000)
NAMED = 1000  # ids of one GetDocuments
LOT = 100  # documents of one submission while loading
BEST_OF = 5

AUTHORITY = "2.999.2026.1"
_CODE = Code("code", "2.999.1", "A code of a domain that has no table here")
_PATH = "/ihe/registry"


@dataclass(frozen=True, slots=True)
class Growth:
    """One query over one number of documents: milliseconds, and bytes of the answer."""

    query: str
    documents: int
    milliseconds: float
    size: int


def measure_growth(folder: Path, sizes: Sequence[int] = SIZES) -> tuple[Growth, ...]:
    """The times of each query over each of `sizes`, smallest first. Raises LoadError when a request fails."""
    measured: list[Growth] = []
    with registry(folder) as address:
        for size in sorted(sizes):
            patient = f"P{size}^^^&{AUTHORITY}&ISO"
            for number in range(0, size, LOT):
                address.register(submission(patient, min(LOT, size - number)))
            uuids = address.references(find_documents(patient, ReturnType.OBJECT_REF))
            if len(uuids) != size:
                raise LoadError(f"growth: expected {size} documents, got {len(uuids)}")
            named = GetDocuments(return_type=ReturnType.LEAF_CLASS, entry_uuids=tuple(uuids[:NAMED]))
            for name, query in (
                ("FindDocuments, ObjectRef", find_documents(patient, ReturnType.OBJECT_REF)),
                ("FindDocuments, LeafClass", find_documents(patient, ReturnType.LEAF_CLASS)),
                (f"GetDocuments of up to {NAMED}", named),
            ):
                measured.append(Growth(name, size, *address.best(query)))
    return tuple(measured)


@contextmanager
def registry(folder: Path) -> Iterator[Address]:
    """A server of its own in that folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    settings: Settings = load(
        {"home": folder / "home", "domain": "ihe-connectathon", "http": f"127.0.0.1:{port}", "workers": 1}, {}
    )
    settings.home.mkdir()
    lines = [f'domain = "{settings.domain.name}"', f'http = "127.0.0.1:{port}"', "workers = 1"]
    (settings.home / "settings.toml").write_text("\n".join(lines) + "\n", "utf-8")
    upgrade(settings)
    background.start(folder, settings)
    try:
        yield Address(port)
    finally:
        background.stop(folder)


@dataclass(frozen=True, slots=True)
class Address:
    """The registry, one connection for each request."""

    port: int

    def register(self, submitted: Submission) -> None:
        """ITI-42."""
        items: tuple[RegistryObject, ...] = (
            submitted.submission_set,
            *submitted.entries,
            *submitted.associations,
        )
        body = (
            f'<lcm:SubmitObjectsRequest xmlns:lcm="{LCM}" xmlns:rim="{RIM}"><rim:RegistryObjectList>'
            f"{write_objects(items).decode()}</rim:RegistryObjectList></lcm:SubmitObjectsRequest>"
        )
        self._post(REGISTER_DOCUMENT_SET, body)

    def references(self, query: StoredQuery) -> list[str]:
        """The entryUUIDs that are found."""
        found = parse(self._post(REGISTRY_STORED_QUERY, query_request(query)))
        return [item.get("id", "") for item in found.iter(f"{{{RIM}}}ObjectRef")]

    def best(self, query: StoredQuery) -> tuple[float, int]:
        """Milliseconds and bytes."""
        times, size, asked = [], 0, query_request(query)
        for _ in range(BEST_OF):
            begun = time.perf_counter()
            size = len(self._post(REGISTRY_STORED_QUERY, asked))
            times.append(time.perf_counter() - begun)
        return min(times) * 1000, size

    def _post(self, action: str, body: str) -> bytes:
        envelope = (
            f'<s:Envelope xmlns:s="{SOAP_12}" xmlns:a="{WSA}"><s:Header>'
            f'<a:Action s:mustUnderstand="1">{action}</a:Action>'
            f"<a:MessageID>urn:uuid:{uuid.uuid4()}</a:MessageID></s:Header><s:Body>{body}</s:Body></s:Envelope>"
        )
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request("POST", _PATH, body=envelope.encode(), headers={"Content-Type": SOAP_CONTENT_TYPE})
            answer = connection.getresponse().read()
        finally:
            connection.close()
        if SUCCESS.encode() not in answer[:2000]:
            raise LoadError(f"growth: expected Success, got {answer[:500].decode(errors='replace')}")
        return answer


def find_documents(patient: str, return_type: ReturnType) -> StoredQuery:
    """Approved documents of a patient."""
    return FindDocuments(return_type=return_type, patient_id=patient, statuses=(AvailabilityStatus.APPROVED,))


def query_request(query: StoredQuery) -> str:
    """The body of ITI-18."""
    query_id, slots = write_stored_query(query)
    coded = "".join(
        f'<rim:Slot name="{name}"><rim:ValueList>'
        + "".join(f"<rim:Value>{value.replace('&', '&amp;')}</rim:Value>" for value in values)
        + "</rim:ValueList></rim:Slot>"
        for name, values in slots
    )
    return (
        f'<q:AdhocQueryRequest xmlns:q="{QUERY}" xmlns:rim="{RIM}"><q:ResponseOption returnComposedObjects="true" '
        f'returnType="{query.return_type.value}"/><rim:AdhocQuery id="{query_id}">{coded}</rim:AdhocQuery>'
        "</q:AdhocQueryRequest>"
    )


def submission(patient: str, documents: int) -> Submission:
    """One submission set with so many documents, which another repository keeps."""
    author = Author(person="^Smitty^Gerald^^^", institutions=("Some Hospital",))
    entries = tuple(_entry(patient, number, author) for number in range(documents))
    own = SubmissionSet(
        entry_uuid="SubmissionSet",
        unique_id=_oid(),
        patient_id=patient,
        source_id="2.999.2026.2",
        submission_time="20260102030405",
        content_type_code=_CODE,
        authors=(author,),
    )
    member = AssociationType.HAS_MEMBER
    held = tuple(
        Association(f"As{number}", member, own.entry_uuid, entry.entry_uuid, submission_set_status="Original")
        for number, entry in enumerate(entries)
    )
    return Submission(own, entries, (), held)


def _entry(patient: str, number: int, author: Author) -> DocumentEntry:
    return DocumentEntry(
        entry_uuid=f"Document{number}",
        unique_id=_oid(),
        patient_id=patient,
        mime_type="text/xml",
        class_code=_CODE,
        type_code=_CODE,
        format_code=_CODE,
        healthcare_facility_type_code=_CODE,
        practice_setting_code=_CODE,
        confidentiality_codes=(Code("N", "2.16.840.1.113883.5.25", "normal"),),
        creation_time=f"2026010203{number % 60:02d}",
        language_code="en-US",
        source_patient_id=patient,
        authors=(author,),
        title="A document among many",
        hash="aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d",
        size=5,
        repository_unique_id="2.999.2026.3",
    )


def _oid() -> str:
    return f"2.25.{uuid.uuid4().int}"
