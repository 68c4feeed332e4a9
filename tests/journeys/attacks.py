"""Genuine messages to spoil, and the raw wire to send them on."""

from __future__ import annotations

import itertools
import socket
import tempfile
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from lxml import etree

from conformance.lps.client import Lps
from conformance.lps.connection import REGISTRY, REPOSITORY
from conformance.lps.header import read_document
from conformance.lps.metadata import new_oid
from conformance.lps.mtom import Package
from conformance.lps.people import Patient
from conformance.lps.query import write_query
from conformance.lps.soap import PROVIDE_AND_REGISTER, REGISTRY_STORED_QUERY, RIM, envelope
from conformance.lps.submission import content_type, write_request
from conformance.lps.vihf import Access
from schemas import xml
from server.demo.paper import Paper, write
from server.demo.people import PATIENTS

SIMPLE = "application/soap+xml; charset=UTF-8"
XOP = 'multipart/related; type="application/xop+xml"; start="<root>"; start-info="application/soap+xml"; boundary=b'
HAS_MEMBER = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"
RELATION = "urn:ihe:iti:2007:AssociationType:"
UNIQUE_ID = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"

_numbers = itertools.count(50_000)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: 0 and b"" when nothing did."""

    status: int
    body: bytes

    @property
    def succeeded(self) -> bool:
        return b"ResponseStatusType:Success" in self.body

    @property
    def errors(self) -> dict[str, str]:
        """Context by code, the last one of each."""
        found = xml.parse(self.body).iter("{*}RegistryError")
        return {each.get("errorCode", ""): each.get("codeContext", "") for each in found}


def post(lps: Lps, path: str, content_type: str, body: bytes) -> Answer:
    with lps._transport.post(path, content_type, len(body), [body]) as response:
        return Answer(response.status, response.read())


def ask(lps: Lps, patient: Patient, query_id: str, parameters: list[tuple[str, list[str]]], *, refs: bool) -> Answer:
    """A stored query, answered."""
    return post(lps, REGISTRY, SIMPLE, question(lps, patient, write_query(query_id, parameters, object_refs=refs)))


def question(lps: Lps, patient: Patient, request: bytes) -> bytes:
    _, start, end = envelope(REGISTRY_STORED_QUERY, "https://127.0.0.1/ihe/registry", lps.assertion(patient, Access()))
    return start + request + end


def package(
    lps: Lps, name: str, patient: Patient, *, inline: bool = False, kind: str = "consultation_report"
) -> tuple[str, bytes]:
    """Content-Type and bytes of a genuine ITI-41 of one document."""
    index = [each.ins for each in PATIENTS].index(patient.ins)
    with tempfile.TemporaryDirectory() as folder:
        paper = Paper(kind, name, name, index, 1)
        file = write(paper, Path(folder), next(_numbers), datetime.now(UTC))
        document = read_document(file, patient, lps._values)
        code = content_type(document.encounter_code, lps._values, None)
        submission = lps._submission([document], patient, code, {}, False)
        _, start, end = envelope(PROVIDE_AND_REGISTER, "https://x/ihe/repository", lps.assertion(patient, Access()))
        built = Package([start, *write_request(submission), end], PROVIDE_AND_REGISTER, inline=inline)
        return built.content_type, b"".join(built)


class Provide:
    """A genuine ITI-41 as a tree, its document as base64 inside, to be spoiled before it is sent."""

    def __init__(self, lps: Lps, name: str, patient: Patient, kind: str = "consultation_report") -> None:
        _, body = package(lps, name, patient, inline=True, kind=kind)
        self.root = xml.parse(body[body.index(b"\r\n\r\n") + 4 : body.rindex(b"\r\n--")])
        self._lps = lps
        self.objects = self._one("RegistryObjectList")
        self.entry = self._one("ExtrinsicObject")
        self.submission_set = self._one("RegistryPackage")

    def _one(self, name: str) -> etree._Element:
        found = self.root.find(f".//{{{RIM}}}{name}")
        assert found is not None
        return found

    @property
    def entry_uuid(self) -> str:
        return str(self.entry.get("id"))

    @property
    def set_uuid(self) -> str:
        return str(self.submission_set.get("id"))

    @property
    def unique_id(self) -> str:
        return next(str(each.get("value")) for each in self.entry if each.get("identificationScheme") == UNIQUE_ID)

    def set_unique_id(self, value: str) -> None:
        for each in self.entry:
            if each.get("identificationScheme") == UNIQUE_ID:
                each.set("value", value)

    def associate(self, kind: str, source: str, target: str, status: str = "") -> etree._Element:
        ends = {"associationType": kind, "sourceObject": source, "targetObject": target}
        item = _child(self.objects, "Association", {"id": uuid.uuid4().urn, **ends})
        if status:
            add_slot(item, "SubmissionSetStatus", status)
        return item

    def add_folder(self, patient: Patient) -> etree._Element:
        """A folder that holds the document."""
        folder = etree.SubElement(self.objects, f"{{{RIM}}}RegistryPackage", id=uuid.uuid4().urn)
        identifier = str(folder.get("id"))
        name = etree.SubElement(folder, f"{{{RIM}}}Name")
        etree.SubElement(name, f"{{{RIM}}}LocalizedString", value="Dossier")
        node = {"classifiedObject": identifier, "classificationNode": "urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2"}
        _child(folder, "Classification", {"id": uuid.uuid4().urn, **node})
        scheme = {"classificationScheme": "urn:uuid:1ba97051-7806-41a8-a48b-8fce7af683c5", "nodeRepresentation": "x"}
        code = _child(folder, "Classification", {"classifiedObject": identifier, **scheme})
        add_slot(code, "codingScheme", "1.2.3")
        for scheme_id, value in (
            ("urn:uuid:f64ffdf0-4b97-4e06-b79f-a52b38ec2f8a", patient.cx),
            ("urn:uuid:75df8f67-9973-4fbe-a900-df66cefecc5a", new_oid()),
        ):
            named = {"registryObject": identifier, "identificationScheme": scheme_id, "value": value}
            _child(folder, "ExternalIdentifier", {"id": uuid.uuid4().urn, **named})
        self.associate(HAS_MEMBER, self.set_uuid, identifier)
        held = self.associate(HAS_MEMBER, identifier, self.entry_uuid)
        self.associate(HAS_MEMBER, self.set_uuid, str(held.get("id")))
        return folder

    def send(self) -> Answer:
        return post(self._lps, REPOSITORY, SIMPLE, etree.tostring(self.root))


def _child(parent: etree._Element, name: str, attributes: dict[str, str]) -> etree._Element:
    element = etree.SubElement(parent, f"{{{RIM}}}{name}")
    for key, value in attributes.items():
        element.set(key, value)
    return element


def add_slot(parent: etree._Element, name: str, *values: str) -> None:
    """A slot, first in `parent`."""
    slot = etree.Element(f"{{{RIM}}}Slot", name=name)
    held = etree.SubElement(slot, f"{{{RIM}}}ValueList")
    for value in values:
        etree.SubElement(held, f"{{{RIM}}}Value").text = value
    parent.insert(0, slot)


def request(path: str, content_type: str, body: bytes, *, chunks: bytes | None = None) -> bytes:
    """A whole HTTP request; `chunks` is the body already in chunked transfer coding."""
    length = f"Content-Length: {len(body)}" if chunks is None else "Transfer-Encoding: chunked"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {content_type}\r\n{length}\r\n\r\n"
    return head.encode("latin-1") + (body if chunks is None else chunks)


def wire(lps: Lps, address: str, *sent: bytes, listen: bool = True) -> Answer:
    """Sends raw bytes over TLS and reads until the server closes; with `listen=False` leaves without waiting."""
    parts, context = urlsplit(address), lps._transport._context
    assert context is not None
    raw = socket.create_connection((parts.hostname, parts.port), timeout=60)
    with context.wrap_socket(raw, server_hostname=parts.hostname) as connection:
        received = bytearray()
        try:
            for piece in sent:
                connection.sendall(piece)
            while listen and (piece := connection.recv(65536)):
                received += piece
        except (ConnectionError, OSError) as error:
            assert not isinstance(error, TimeoutError), "a worker that hangs"
    head, _, body = bytes(received).partition(b"\r\n\r\n")
    return Answer(int(head.split(b" ")[1]) if head else 0, body)
