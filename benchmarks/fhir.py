"""`python -m benchmarks.fhir`: documents found, opened and provided by FHIR in a second, beside the same by SOAP.

One server of its own on SQLite, in the domain ihe-connectathon, one worker, plain HTTP on this machine, on one and on
eight connections: the doors are measured, without TLS, assertions or tokens. Each pair does the same: 20 documents
found (ITI-67, ITI-18), 200 kB opened (ITI-68, ITI-43), 50 kB provided, as base64 in the message (ITI-65, ITI-41).
Beside it, the processor time of a searchset of 20, from what the registry gives to bytes, and a page of a patient with
many documents.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import orjson

from audit.event import Call
from benchmarks.growth import AUTHORITY, BEST_OF, LOT, Address, find_documents, query_request, registry, submission
from benchmarks.load import LoadError
from benchmarks.machine import facts
from dmp.fiches import Choose, Fiches
from ihe.ebrim import write_objects
from ihe.identifiers import (
    LCM,
    PROVIDE_AND_REGISTER,
    REGISTRY_STORED_QUERY,
    RETRIEVE_DOCUMENT_SET,
    RIM,
    SOAP_12,
    WSA,
    XDS,
)
from ihe.soap import SOAP_CONTENT_TYPE
from pdsm.asked import read_asked
from pdsm.document_reference import write_document_reference
from pdsm.iti67 import DOCUMENT_REFERENCE
from pdsm.patient_id import PatientIds
from pdsm.sharing import Request, search
from pdsm.submission_list import write_submission_set
from registry.metadata import Submission
from registry.stored_query import ReturnType

SECONDS, CONNECTIONS = 5.0, (1, 8)
HITS, OPENED_BYTES, PROVIDED_BYTES, MANY = 20, 200_000, 50_000, 5000
_REGISTRY, _REPOSITORY = "/ihe/registry", "/ihe/repository"
_FHIR = {"Content-Type": "application/fhir+json", "Accept": "*/*"}


@dataclass(frozen=True, slots=True)
class Job:
    """One transaction: `make` gives a new request each time; an answer in order contains `expected`."""

    name: str
    make: Callable[[], tuple[str, str, bytes | None, dict[str, str]]]
    expected: bytes


@dataclass(frozen=True, slots=True)
class Pair:
    """Answers per second of the same job by both doors, by number of connections."""

    fhir: str
    soap: str
    by_fhir: dict[int, float]
    by_soap: dict[int, float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fhir", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"for each figure (default {SECONDS:g})")
    parser.add_argument("--many", type=int, default=MANY, help=f"documents of the patient with many (default {MANY})")
    parser.add_argument("--folder", help="where to put the temporary folder: its disk is measured")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    with TemporaryDirectory(prefix="dmp-benchmark-", dir=options.folder) as name:
        with registry(Path(name) / "server") as address:
            pairs = [measure(address.port, *pair, options.seconds) for pair in jobs(address)]
            page = page_of_many(address, options.many)
        machine = facts(Path(name))
    told = {"searchset_cpu_ms": searchset_cpu(), "page_of_many_ms": page, "many": options.many}
    if options.json:
        print(json.dumps({"machine": machine, "pairs": [asdict(each) for each in pairs], **told}, ensure_ascii=False))
        return 0
    for each in pairs:
        for number, rate in each.by_fhir.items():
            other = each.by_soap[number]
            print(f"{each.fhir} {rate:.0f}/s, {each.soap} {other:.0f}/s on {number}: × {rate / other:.2f}")
    print(f"a searchset of {HITS}: {told['searchset_cpu_ms']:.2f} ms of CPU; a page of {options.many}: {page:.0f} ms")
    return 0


# --- The jobs ---------------------------------------------------------------------------------------------------------


def jobs(address: Address) -> list[tuple[Job, Job]]:
    """Each job by FHIR and by SOAP, of documents that are provided here."""
    searched, opened, filled = (f"{name}^^^&{AUTHORITY}&ISO" for name in ("SEARCHED", "OPENED", "FILLED"))
    address.register(submission(searched, HITS))
    large = _new(opened)
    _answer(_connect(address.port), Job("", lambda: _provide(large, OPENED_BYTES), b'"transaction-response"'))
    opened_id = address.references(find_documents(opened, ReturnType.OBJECT_REF))[0].removeprefix("urn:uuid:")
    binary = ("GET", f"/fhir/Binary/{opened_id}", None, _FHIR)
    retrieve = (
        f'<x:RetrieveDocumentSetRequest xmlns:x="{XDS}"><x:DocumentRequest><x:RepositoryUniqueId>'
        f"{_repository(address.port, opened_id)}</x:RepositoryUniqueId><x:DocumentUniqueId>"
        f"{large.entries[0].unique_id}</x:DocumentUniqueId></x:DocumentRequest></x:RetrieveDocumentSetRequest>"
    )
    found = query_request(find_documents(searched, ReturnType.LEAF_CLASS))
    success = b"ResponseStatusType:Success"
    return [
        (
            Job("ITI-67", lambda: ("GET", _search(searched, HITS), None, _FHIR), b'"total":%d' % HITS),
            Job("ITI-18", lambda: _soap(_REGISTRY, REGISTRY_STORED_QUERY, found), success),
        ),
        (
            Job("ITI-68", lambda: binary, b"\0" * OPENED_BYTES),
            Job("ITI-43", lambda: _soap(_REPOSITORY, RETRIEVE_DOCUMENT_SET, retrieve), success),
        ),
        (
            Job("ITI-65", lambda: _provide(_new(filled), PROVIDED_BYTES), b'"transaction-response"'),
            Job("ITI-41", lambda: _provide_by_soap(_new(filled), PROVIDED_BYTES), success),
        ),
    ]


def _new(patient: str) -> Submission:
    """One document that the repository here will keep."""
    made = submission(patient, 1)
    (entry,) = made.entries
    return replace(made, entries=(replace(entry, hash="", size=None, repository_unique_id=""),))


def _search(patient: str, count: int) -> str:
    token = f"urn:oid:{AUTHORITY}|{patient.partition('^')[0]}"
    return f"/fhir/DocumentReference?{urlencode({'patient.identifier': token, 'status': 'current', '_count': count})}"


def _provide(made: Submission, size: int) -> tuple[str, str, bytes, dict[str, str]]:
    (entry,) = made.entries
    reference, binary, own = (uuid.uuid4().urn for _ in range(3))
    described = write_document_reference(replace(entry, entry_uuid=""), "")
    described["content"][0]["attachment"]["url"] = binary
    listed = write_submission_set(replace(made.submission_set, entry_uuid=""), [reference])
    data = {"resourceType": "Binary", "contentType": entry.mime_type, "data": _base64(size)}
    parts = ((own, "List", listed), (reference, "DocumentReference", described), (binary, "Binary", data))
    entries = [
        {"fullUrl": full, "resource": each, "request": {"method": "POST", "url": kind}} for full, kind, each in parts
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    return "POST", "/fhir", json.dumps(bundle).encode(), _FHIR


def _provide_by_soap(made: Submission, size: int) -> tuple[str, str, bytes, dict[str, str]]:
    objects = write_objects((made.submission_set, *made.entries, *made.associations)).decode()
    body = (
        f'<x:ProvideAndRegisterDocumentSetRequest xmlns:x="{XDS}"><lcm:SubmitObjectsRequest xmlns:lcm="{LCM}" '
        f'xmlns:rim="{RIM}"><rim:RegistryObjectList>{objects}</rim:RegistryObjectList></lcm:SubmitObjectsRequest>'
        f'<x:Document id="{made.entries[0].entry_uuid}">{_base64(size)}</x:Document>'
        "</x:ProvideAndRegisterDocumentSetRequest>"
    )
    return _soap(_REPOSITORY, PROVIDE_AND_REGISTER, body)


def _soap(path: str, action: str, body: str) -> tuple[str, str, bytes, dict[str, str]]:
    envelope = (
        f'<s:Envelope xmlns:s="{SOAP_12}" xmlns:a="{WSA}"><s:Header>'
        f'<a:Action s:mustUnderstand="1">{action}</a:Action>'
        f"<a:MessageID>{uuid.uuid4().urn}</a:MessageID></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )
    return "POST", path, envelope.encode(), {"Content-Type": SOAP_CONTENT_TYPE}


def _base64(size: int) -> str:
    return base64.b64encode(b"\0" * size).decode()


def _repository(port: int, opened: str) -> str:
    """The repositoryUniqueId of the document of that id."""
    connection = _connect(port)
    connection.request("GET", f"/fhir/DocumentReference/{opened}", headers=_FHIR)
    told = json.loads(connection.getresponse().read())
    named = (each["valueString"] for each in told["extension"] if each["url"].endswith("repositoryUniqueId"))
    return str(next(named))


# --- Measuring --------------------------------------------------------------------------------------------------------


def measure(port: int, fhir: Job, soap: Job, seconds: float) -> Pair:
    """Answers per second by both doors. Raises LoadError."""
    by_fhir = {number: _rate(port, fhir, number, seconds) for number in CONNECTIONS}
    return Pair(fhir.name, soap.name, by_fhir, {each: _rate(port, soap, each, seconds) for each in CONNECTIONS})


def _rate(port: int, job: Job, connections: int, seconds: float) -> float:
    end = time.perf_counter() + seconds

    def one(_: int) -> int:
        connection, count = _connect(port), 0
        while count == 0 or time.perf_counter() < end:
            _answer(connection, job)
            count += 1
        connection.close()
        return count

    began = time.perf_counter()
    with ThreadPoolExecutor(connections) as pool:
        count = sum(pool.map(one, range(connections)))
    return count / (time.perf_counter() - began)


def _connect(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=120)


def _answer(connection: http.client.HTTPConnection, job: Job) -> None:
    method, path, body, headers = job.make()
    connection.request(method, path, body, headers)
    answer = connection.getresponse().read()
    if job.expected not in answer:
        raise LoadError(f"{job.name}: expected another answer, got {answer[:500].decode(errors='replace')}")


def page_of_many(address: Address, documents: int) -> float:
    """Milliseconds of the first page of a patient with so many documents, the best of several."""
    patient = f"MANY^^^&{AUTHORITY}&ISO"
    for number in range(0, documents, LOT):
        address.register(submission(patient, min(LOT, documents - number)))
    job = Job("ITI-67", lambda: ("GET", _search(patient, HITS), None, _FHIR), b'"total":%d' % documents)
    connection, times = _connect(address.port), []
    for _ in range(BEST_OF):
        begun = time.perf_counter()
        _answer(connection, job)
        times.append(time.perf_counter() - begun)
    return min(times) * 1000


def searchset_cpu(times: int = 200) -> float:
    """Milliseconds of processor time for a searchset, each document asked for before: from the registry's to bytes."""
    named = (uuid.uuid4().urn for _ in range(HITS))
    entries = submission(f"P^^^&{AUTHORITY}&ISO", HITS).entries
    items = tuple(replace(each, entry_uuid=name, logical_id=name) for each, name in zip(entries, named, strict=True))
    every = Fiches(
        items, dossier=uuid.uuid4().hex, received=dict.fromkeys((each.entry_uuid for each in items), datetime.now(UTC))
    )

    def find(_who: Any, _call: Any, _query: Any, _raw: bytes, choose: Choose, **_more: bool) -> Fiches:
        return replace(every, items=tuple(choose(every)))

    asked = read_asked(DOCUMENT_REFERENCE, [("patient.identifier", f"urn:oid:{AUTHORITY}|P")], strict=True)
    patients = SimpleNamespace(ids=PatientIds(os.urandom(16)))
    door: Any = SimpleNamespace(find=find, about=lambda _call, requester, _named: requester, patients=patients)
    somebody: Any = None
    asking = Request(somebody, Call(transaction="ITI-67", request_id=""), "https://dmp.example/fhir", b"")

    def once() -> bytes:
        return orjson.dumps(search(door, asking, asked))

    once()
    began = time.process_time()
    for _ in range(times):
        once()
    return (time.process_time() - began) / times * 1000


if __name__ == "__main__":
    raise SystemExit(main())
