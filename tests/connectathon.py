"""An IHE affinity domain around a real server: loopback HTTP, plain nodes, patients whom nobody fed.

answer = node.register(submission(document()))
assert answer.success
node.query(FIND_DOCUMENTS, {"$XDSDocumentEntryPatientId": ["'...'"], ...}).objects
"""

from __future__ import annotations

import base64
import http.client
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from audit.store import AuditRecord
from ihe.ebrim import read_objects, write_objects
from ihe.markup import attribute, text
from registry.metadata import (
    Association,
    AssociationType,
    Author,
    Code,
    DocumentEntry,
    Folder,
    ObjectType,
    RegistryObject,
    Submission,
    SubmissionSet,
)
from schemas.xml import parse
from server.demo import background
from server.house import House
from server.migrations import upgrade
from server.settings import Settings, load
from tests.newest import newest
from tests.official import validate_answer
from tests.ports import free_port

AUTHORITY = "1.3.6.1.4.1.21367.2005.13.20.1000"  # a patient domain of IHE Connectathons
REPOSITORY = "1.3.6.1.4.1.21367.2026.1.2.1"
FOREIGN_REPOSITORY = "1.3.6.1.4.1.21367.2026.9.9"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
WSA = "http://www.w3.org/2005/08/addressing"
RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
RS = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0"
LCM = "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"
QUERY = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"
XDS = "urn:ihe:iti:xds-b:2007"
RMD = "urn:ihe:iti:rmd:2017"
NAMESPACES = {"env": SOAP_12, "wsa": WSA, "rim": RIM, "rs": RS, "lcm": LCM, "query": QUERY, "xds": XDS}
APPROVED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
DEPRECATED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated"
REGISTRY_PATH, REPOSITORY_PATH = "/ihe/registry", "/ihe/repository"
SHA1_OF_HELLO = "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"  # of b"hello", 5 bytes
CODE = Code("code", "2.999.1", "A code of a domain that has no table here")


def new_oid() -> str:
    """A uniqueId that nobody has. Source: ISO/IEC 9834-8 (UUID-based OIDs)."""
    return f"2.25.{uuid.uuid4().int}"


def new_patient() -> str:
    """A patient whom no other test knows, as a CX."""
    return f"P{uuid.uuid4().hex[:16]}^^^&{AUTHORITY}&ISO"


def document(patient: str, name: str = "Document01", **changes: Any) -> DocumentEntry:
    """A DocumentEntry in order, of five bytes `hello` that another repository keeps."""
    entry = DocumentEntry(
        entry_uuid=name,
        unique_id=new_oid(),
        patient_id=patient,
        mime_type="text/plain",
        class_code=CODE,
        type_code=CODE,
        format_code=CODE,
        healthcare_facility_type_code=CODE,
        practice_setting_code=CODE,
        confidentiality_codes=(Code("N", "2.16.840.1.113883.5.25", "normal"),),
        creation_time="20260102030405",
        language_code="en-US",
        source_patient_id=patient,
        authors=(Author(person="^Smitty^Gerald^^^"),),
        title="A document",
        hash=SHA1_OF_HELLO,
        size=5,
        repository_unique_id=FOREIGN_REPOSITORY,
    )
    return replace(entry, **changes)


def folder(patient: str, name: str = "Folder01", **changes: Any) -> Folder:
    return replace(Folder(name, new_oid(), patient, (CODE,), title="A folder"), **changes)


def association(kind: AssociationType, source: str, target: str, **changes: Any) -> Association:
    return replace(Association(f"{kind.name}-{uuid.uuid4()}", kind, source, target), **changes)


def submission(
    *items: DocumentEntry | Folder | Association, patient: str = "", references: Sequence[str] = (), **changes: Any
) -> Submission:
    """A submission in order: each document held as Original, each folder and folder membership held, `references`
    (entryUUIDs of registered documents) held by reference. Other associations stand as they are."""
    entries = tuple(item for item in items if isinstance(item, DocumentEntry))
    folders = tuple(item for item in items if isinstance(item, Folder))
    relations = tuple(item for item in items if isinstance(item, Association))
    own = SubmissionSet(
        entry_uuid="SubmissionSet01",
        unique_id=new_oid(),
        patient_id=patient or next(item.patient_id for item in (*entries, *folders)),
        source_id="1.3.6.1.4.1.21367.2026.1.1",
        submission_time="20260102030405",
        content_type_code=CODE,
        authors=(Author(person="^Smitty^Gerald^^^"),),
    )
    own = replace(own, **changes)
    member = AssociationType.HAS_MEMBER
    held = [association(member, own.entry_uuid, each.entry_uuid, submission_set_status="Original") for each in entries]
    held += [association(member, own.entry_uuid, each.entry_uuid) for each in folders]
    held += [association(member, own.entry_uuid, each.entry_uuid) for each in relations if each.type is member]
    held += [association(member, own.entry_uuid, each, submission_set_status="Reference") for each in references]
    return Submission(own, entries, folders, (*held, *relations))


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer over HTTP: its envelope; `errors` are (errorCode, severity, location, codeContext)."""

    http_status: int
    root: etree._Element

    @property
    def fault(self) -> str:
        """The reason of a SOAP Fault, '' when there is none."""
        return str(self.root.findtext(f".//{{{SOAP_12}}}Fault/{{{SOAP_12}}}Reason/{{{SOAP_12}}}Text") or "")

    @property
    def status(self) -> str:
        """The last part of the response status: Success, PartialSuccess, Failure; '' for a fault."""
        found = [
            element.get("status", "") for element in self.root.iter() if element.get("status") and _is_response(element)
        ]
        return found[0].rpartition(":")[2] if found else ""

    @property
    def success(self) -> bool:
        return self.status == "Success"

    @property
    def errors(self) -> list[tuple[str, str, str, str]]:
        return [
            (
                error.get("errorCode", ""),
                error.get("severity", "").rpartition(":")[2],
                error.get("location", ""),
                error.get("codeContext", ""),
            )
            for error in self.root.iter(f"{{{RS}}}RegistryError")
        ]

    @property
    def codes(self) -> set[str]:
        """The error codes, each once."""
        return {code for code, _, _, _ in self.errors}

    @property
    def objects(self) -> tuple[RegistryObject, ...]:
        """The objects of a LeafClass answer."""
        found, findings = read_objects(self._list())
        assert not findings, findings
        return found

    @property
    def entries(self) -> tuple[DocumentEntry, ...]:
        return tuple(item for item in self.objects if isinstance(item, DocumentEntry))

    @property
    def folders(self) -> tuple[Folder, ...]:
        return tuple(item for item in self.objects if isinstance(item, Folder))

    @property
    def associations(self) -> tuple[Association, ...]:
        return tuple(item for item in self.objects if isinstance(item, Association))

    @property
    def references(self) -> list[str]:
        """The ids of an ObjectRef answer."""
        return [item.get("id", "") for item in self._list().iter(f"{{{RIM}}}ObjectRef")]

    def _list(self) -> etree._Element:
        found = self.root.find(f".//{{{RIM}}}RegistryObjectList")
        assert found is not None, etree.tostring(self.root).decode()
        return found


def _is_response(element: etree._Element) -> bool:
    return element.tag in (f"{{{RS}}}RegistryResponse", f"{{{QUERY}}}AdhocQueryResponse")


@dataclass
class Node:
    """A document source and consumer, on this machine, without certificate."""

    port: int
    home: Path
    settings: Settings
    security: str = field(default="")  # what stands in the SOAP header beside WS-Addressing
    validating: bool = True  # whether answers are held to the official schema, where the reference data is at hand

    def post(self, path: str, body: bytes, content_type: str) -> tuple[int, str, bytes]:
        """Status, content type and bytes of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", path, body=body, headers={"Content-Type": content_type})
            response = connection.getresponse()
            status, answer_type, answer = response.status, response.headers.get("Content-Type", ""), response.read()
            if self.validating:
                validate_answer(answer_type, answer)
            return status, answer_type, answer
        finally:
            connection.close()

    def soap(self, path: str, action: str, body: str | bytes) -> Answer:
        """The answer to a request whose Body has `body`, in simple SOAP."""
        content = body.decode() if isinstance(body, bytes) else body
        status, _, answer = self.post(path, self.envelope(action, content), "application/soap+xml; charset=UTF-8")
        return Answer(status, parse(answer))

    def envelope(self, action: str, body: str) -> bytes:
        return (
            f'<s:Envelope xmlns:s="{SOAP_12}" xmlns:wsa="{WSA}"><s:Header>'
            f'<wsa:Action s:mustUnderstand="1">{action}</wsa:Action>'
            f"<wsa:MessageID>urn:uuid:{uuid.uuid4()}</wsa:MessageID>"
            f"<wsa:ReplyTo><wsa:Address>{WSA}/anonymous</wsa:Address></wsa:ReplyTo>{self.security}</s:Header>"
            f"<s:Body>{body}</s:Body></s:Envelope>"
        ).encode()

    # --- Submitting ---------------------------------------------------------------------------------------------------

    def register(self, submitted: Submission) -> Answer:
        """ITI-42."""
        return self.soap(REGISTRY_PATH, "urn:ihe:iti:2007:RegisterDocumentSet-b", submit_objects(submitted))

    def register_on_demand(self, submitted: Submission) -> Answer:
        """ITI-61."""
        return self.soap(REGISTRY_PATH, "urn:ihe:iti:2010:RegisterOnDemandDocumentEntry", submit_objects(submitted))

    def update(self, submitted: Submission, *, restricted: bool = False) -> Answer:
        """ITI-57, or ITI-92."""
        action = "urn:ihe:iti:2018:RestrictedUpdateDocumentSet" if restricted else "urn:ihe:iti:2010:UpdateDocumentSet"
        return self.soap(REGISTRY_PATH, action, submit_objects(submitted))

    def provide(self, submitted: Submission, documents: Mapping[str, bytes]) -> Answer:
        """ITI-41, documents inline, by entry id."""
        inline = "".join(
            f'<xds:Document id="{attribute(name)}">{base64.b64encode(content).decode()}</xds:Document>'
            for name, content in documents.items()
        )
        body = (
            f'<xds:ProvideAndRegisterDocumentSetRequest xmlns:xds="{XDS}">{submit_objects(submitted)}{inline}'
            "</xds:ProvideAndRegisterDocumentSetRequest>"
        )
        return self.soap(REPOSITORY_PATH, "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b", body)

    # --- Asking -------------------------------------------------------------------------------------------------------

    def query(
        self,
        query_id: str,
        slots: Mapping[str, Sequence[str]] | Sequence[tuple[str, Sequence[str]]],
        *,
        references: bool = False,
        multi_patient: bool = False,
    ) -> Answer:
        """ITI-18, or ITI-51; the values of `slots` are coded already: `"'x'"`, `"('a','b')"`."""
        pairs = slots.items() if isinstance(slots, Mapping) else slots
        coded = "".join(
            f'<rim:Slot name="{attribute(name)}"><rim:ValueList>'
            f"{''.join(f'<rim:Value>{text(value)}</rim:Value>' for value in values)}</rim:ValueList></rim:Slot>"
            for name, values in pairs
        )
        body = (
            f'<query:AdhocQueryRequest xmlns:query="{QUERY}" xmlns:rim="{RIM}"><query:ResponseOption '
            f'returnComposedObjects="true" returnType="{"ObjectRef" if references else "LeafClass"}"/>'
            f'<rim:AdhocQuery id="{query_id}">{coded}</rim:AdhocQuery></query:AdhocQueryRequest>'
        )
        action = "urn:ihe:iti:2009:MultiPatientStoredQuery" if multi_patient else "urn:ihe:iti:2007:RegistryStoredQuery"
        return self.soap(REGISTRY_PATH, action, body)

    def find_documents(self, patient: str, *statuses: str, references: bool = False) -> Answer:
        """FindDocuments by patient and status (Approved unless said otherwise)."""
        listed = ",".join(f"'{status}'" for status in statuses or (APPROVED,))
        slots = {"$XDSDocumentEntryPatientId": [f"'{patient}'"], "$XDSDocumentEntryStatus": [f"({listed})"]}
        return self.query("urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d", slots, references=references)

    def everything(self, patient: str) -> Answer:
        """GetAll, whatever the status and the type."""
        statuses = [f"('{APPROVED}','{DEPRECATED}')"]
        named = ("$XDSDocumentEntryStatus", "$XDSSubmissionSetStatus", "$XDSFolderStatus")
        types = ",".join(f"'{kind.value}'" for kind in ObjectType)
        slots = {"$patientId": [f"'{patient}'"], **dict.fromkeys(named, statuses)}
        slots["$XDSDocumentEntryType"] = [f"({types})"]
        return self.query("urn:uuid:10b545ea-725c-446d-9b95-8aeb444eddf3", slots)

    def retrieve(self, *unique_ids: str, repository: str = REPOSITORY) -> Answer:
        """ITI-43 in simple SOAP; documents come inline."""
        return self.soap(
            REPOSITORY_PATH,
            "urn:ihe:iti:2007:RetrieveDocumentSet",
            f'<xds:RetrieveDocumentSetRequest xmlns:xds="{XDS}">{document_requests(unique_ids, repository)}'
            "</xds:RetrieveDocumentSetRequest>",
        )

    # --- Removing -----------------------------------------------------------------------------------------------------

    def remove_metadata(self, *uuids: str) -> Answer:
        """ITI-62."""
        listed = "".join(f'<rim:ObjectRef id="{attribute(each)}"/>' for each in uuids)
        body = (
            f'<lcm:RemoveObjectsRequest xmlns:lcm="{LCM}" xmlns:rim="{RIM}">'
            f"<rim:ObjectRefList>{listed}</rim:ObjectRefList></lcm:RemoveObjectsRequest>"
        )
        return self.soap(REGISTRY_PATH, "urn:ihe:iti:2010:DeleteDocumentSet", body)

    def remove_documents(self, *unique_ids: str, repository: str = REPOSITORY) -> Answer:
        """ITI-86."""
        body = (
            f'<rmd:RemoveDocumentsRequest xmlns:rmd="{RMD}" xmlns:xds="{XDS}">'
            f"{document_requests(unique_ids, repository)}</rmd:RemoveDocumentsRequest>"
        )
        return self.soap(REPOSITORY_PATH, "urn:ihe:iti:2017:RemoveDocuments", body)

    # --- Behind the wire ----------------------------------------------------------------------------------------------

    def audit(self, limit: int = 20) -> tuple[AuditRecord, ...]:
        """The newest records of the audit log, newest first, without failed handshakes."""
        house = House.build(self.settings, anchors=False)
        try:
            return newest(house, limit)
        finally:
            house.database.dispose()


def submit_objects(submitted: Submission) -> str:
    """An lcm:SubmitObjectsRequest."""
    items: tuple[RegistryObject, ...] = (
        submitted.submission_set,
        *submitted.entries,
        *submitted.folders,
        *submitted.associations,
    )
    return (
        f'<lcm:SubmitObjectsRequest xmlns:lcm="{LCM}" xmlns:rim="{RIM}"><rim:RegistryObjectList>'
        f"{write_objects(items).decode()}</rim:RegistryObjectList></lcm:SubmitObjectsRequest>"
    )


def document_requests(unique_ids: Sequence[str], repository: str) -> str:
    return "".join(
        f"<xds:DocumentRequest><xds:RepositoryUniqueId>{text(repository)}</xds:RepositoryUniqueId>"
        f"<xds:DocumentUniqueId>{text(each)}</xds:DocumentUniqueId></xds:DocumentRequest>"
        for each in unique_ids
    )


@contextmanager
def connectathon(folder_: Path, *, domain: str = "ihe-connectathon", **settings: Any) -> Iterator[Node]:
    """A server of the domain ihe-connectathon in `folder_`, and a node that talks to it; `settings` as in the file."""
    home, port = folder_ / "home", free_port()
    home.mkdir(parents=True, exist_ok=True)
    lines = [
        f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value}" for name, value in settings.items()
    ]
    written = [f'domain = "{domain}"', f'http = "127.0.0.1:{port}"', "workers = 1", *lines]
    (home / "settings.toml").write_text("\n".join(written) + "\n", "utf-8")
    loaded = load({"home": home}, {})
    upgrade(loaded)
    background.start(folder_, loaded)
    try:
        yield Node(port, home, loaded)
    finally:
        background.stop(folder_)


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A running server of the domain ihe-connectathon, shared: tests of it use patients of their own."""
    with connectathon(tmp_path_factory.mktemp("connectathon")) as shared:
        yield shared
