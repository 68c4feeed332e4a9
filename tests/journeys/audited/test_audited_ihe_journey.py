"""Each transaction of an IHE affinity domain over the wire, and the whole of what it leaves in the audit log."""

from __future__ import annotations

import http.client
import ssl
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread

import pytest
from audited_ihe_table import ROWS
from audited_stage import Log, Names, log_of
from cryptography import x509
from lxml import etree

from conformance.pki import Credential, Pki, ec_key, reused
from conformance.signing import build_xua, security_header
from registry.metadata import AssociationType, DocumentEntry, ObjectType
from schemas.xml import parse
from tests.conftest import reference_folder
from tests.connectathon import (
    FOREIGN_REPOSITORY,
    REGISTRY_PATH,
    REPOSITORY,
    REPOSITORY_PATH,
    Answer,
    Node,
    connectathon,
    document,
    new_oid,
    new_patient,
    submission,
)
from tests.hl7v3 import HL7, PATIENTS_PATH, Patients, by_name, cx, name, new_authority
from tests.journeys.queries import FIND_DOCUMENTS, FIND_DOCUMENTS_OF_SEVERAL, GET_DOCUMENTS, listed
from tests.journeys.updates import registered, revision, successor
from tests.village import free_port

HOME = "urn:oid:1.3.6.1.4.1.21367.2026.8"


@dataclass
class Sender(Node):
    """A node that remembers what it sent last, and sends to a community when told so."""

    body: str = ""
    home_id: str = ""

    def soap(self, path: str, action: str, body: str | bytes) -> Answer:
        content = body.decode() if isinstance(body, bytes) else body
        if self.home_id:
            content = content.replace("<rim:AdhocQuery ", f'<rim:AdhocQuery home="{self.home_id}" ')
            content = content.replace(
                "<xds:DocumentRequest>",
                f"<xds:DocumentRequest><xds:HomeCommunityId>{self.home_id}</xds:HomeCommunityId>",
            )
        self.body = content
        return super().soap(path, action, content)


@dataclass
class Consumer:
    """A PIX consumer that keeps what it is told."""

    server: ThreadingHTTPServer
    told: Queue[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/pix"

    def wait(self) -> bytes:
        """The next notice."""
        return self.told.get(timeout=30)


@dataclass
class Stage:
    node: Sender
    patients: Patients
    pki: Pki
    sts: Credential
    hospital: Credential
    https: int
    consumer: Consumer
    log: Log

    def watch(self) -> None:
        self.log.watch()

    def there(self, path: str) -> str:
        return f"http://127.0.0.1:{self.node.port}{path}"

    def provided(self, patient: str) -> DocumentEntry:
        entry = document(patient, hash="", size=None)
        answer = self.node.provide(submission(entry), {entry.entry_uuid: b"hello"})
        assert answer.success, answer.errors
        return entry

    def fed(self, *others: tuple[str, str]) -> tuple[str, str]:
        patient = (f"P{uuid.uuid4().hex[:12]}", new_authority())
        assert self.patients.add([patient, *others], name(f"Z{uuid.uuid4().hex}", "Maja")).acknowledged == "CA"
        return patient

    @property
    def message(self) -> str:
        """The id of the HL7 message that was sent last."""
        found = parse(self.patients.sent[-1].encode()).find(f"{{{HL7}}}id")
        assert found is not None
        return found.get("root", "")


Case = Callable[[Stage], Names]
CASES: dict[str, Case] = {}


def case(title: str) -> Callable[[Case], Case]:
    def note(perform: Case) -> Case:
        CASES[title] = perform
        return perform

    return note


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder, port, consumer = tmp_path_factory.mktemp("audited"), free_port(), _consumer()
    pki = Pki.create(folder / "home", key_maker=reused(ec_key))
    sts, hospital = pki.structure("sts", "10B0011797", "STS"), pki.structure("hospital", "10B0022222", "Hospital")
    more = {"https": f"127.0.0.1:{port}", "pix_consumers": f"{consumer.url} 1.2.3.4.5"}
    with connectathon(folder, **more) as node:
        sender = Sender(node.port, node.home, node.settings)
        with log_of(node.settings, reference_folder()) as log:
            log.names = {"repository": REPOSITORY, "elsewhere": FOREIGN_REPOSITORY, "home": HOME}
            yield Stage(sender, Patients(sender), pki, sts, hospital, port, consumer, log)
    consumer.server.shutdown()


def _consumer() -> Consumer:
    told: Queue[bytes] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.put(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    return Consumer(server, told)


@pytest.mark.parametrize("title", ROWS)
def test_each_row_is_what_its_request_leaves(stage: Stage, title: str) -> None:
    stage.node.home_id = ""
    stage.watch()
    names = CASES[title](stage)
    stage.log.holds(ROWS[title], names)


def test_each_case_has_its_row() -> None:
    assert CASES.keys() == ROWS.keys()


# --- Submissions ------------------------------------------------------------------------------------------------------


def _submitted(
    stage: Stage, send: Callable[..., Answer], entry: DocumentEntry, path: str, *, fails: bool = False
) -> Names:
    sent = submission(entry)
    stage.watch()
    answer = send(sent)
    assert answer.success is not fails, answer.errors or answer.fault
    return {
        "patient": entry.patient_id,
        "set": sent.submission_set.unique_id,
        "document": entry.unique_id,
        "endpoint": stage.there(path),
    }


@case("ITI-41")
def _(stage: Stage) -> Names:
    entry = document(new_patient(), hash="", size=None)
    return _submitted(stage, lambda sent: stage.node.provide(sent, {"Document01": b"hello"}), entry, REPOSITORY_PATH)


@case("ITI-41, wrong hash")
def _(stage: Stage) -> Names:
    entry = document(new_patient())
    send = lambda sent: stage.node.provide(sent, {"Document01": b"other"})  # noqa: E731
    return _submitted(stage, send, entry, REPOSITORY_PATH, fails=True)


@case("ITI-41, no room for documents")
def _(stage: Stage) -> Names:
    incoming = stage.node.home / "documents"
    aside = incoming.rename(incoming.with_name("aside"))
    incoming.write_bytes(b"")
    try:
        entry = document(new_patient(), hash="", size=None)
        send = lambda sent: stage.node.provide(sent, {"Document01": b"hello"})  # noqa: E731
        return _submitted(stage, send, entry, REPOSITORY_PATH, fails=True)
    finally:
        incoming.unlink()
        aside.rename(incoming)


@case("ITI-41, not understood")
def _(stage: Stage) -> Names:
    stage.node.soap(REPOSITORY_PATH, "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b", "<x/>")
    return {"endpoint": stage.there(REPOSITORY_PATH)}


@case("ITI-42")
def _(stage: Stage) -> Names:
    return _submitted(stage, stage.node.register, document(new_patient()), REGISTRY_PATH)


@case("ITI-42, wrong")
def _(stage: Stage) -> Names:
    wrong = document(new_patient(), mime_type="")
    return _submitted(stage, stage.node.register, wrong, REGISTRY_PATH, fails=True)


@case("ITI-61")
def _(stage: Stage) -> Names:
    made = {"hash": "", "size": None, "creation_time": "", "object_type": ObjectType.ON_DEMAND}
    entry = document(new_patient(), mime_type="text/xml", repository_unique_id=REPOSITORY, **made)
    return _submitted(stage, stage.node.register_on_demand, entry, REGISTRY_PATH)


def _updated(stage: Stage, *, restricted: bool = False, version: int = 0) -> Names:
    entry = registered(stage.node, new_patient())
    after = successor(entry, title="Another title")
    sent = revision(replace(after, version=version) if version else after)
    stage.watch()
    answer = stage.node.update(sent, restricted=restricted)
    assert answer.success is not bool(version), answer.errors
    return {
        "patient": entry.patient_id,
        "set": sent.submission_set.unique_id,
        "document": entry.unique_id,
        "endpoint": stage.there(REGISTRY_PATH),
    }


@case("ITI-57")
def _(stage: Stage) -> Names:
    return _updated(stage)


@case("ITI-57, wrong")
def _(stage: Stage) -> Names:
    return _updated(stage, version=7)


@case("ITI-92")
def _(stage: Stage) -> Names:
    return _updated(stage, restricted=True)


# --- Queries ----------------------------------------------------------------------------------------------------------


def _asked(stage: Stage, patient: str, query_id: str, path: str = REGISTRY_PATH) -> Names:
    return {"patient": patient, "query_id": query_id, "query": stage.node.body, "endpoint": stage.there(path)}


@case("ITI-18")
def _(stage: Stage) -> Names:
    patient = new_patient()
    assert stage.node.find_documents(patient).success
    return _asked(stage, patient, FIND_DOCUMENTS)


@case("ITI-18 of a community")
def _(stage: Stage) -> Names:
    patient, stage.node.home_id = new_patient(), HOME
    assert stage.node.find_documents(patient).success
    return _asked(stage, patient, FIND_DOCUMENTS)


@case("ITI-18, references")
def _(stage: Stage) -> Names:
    patient = new_patient()
    assert stage.node.find_documents(patient, references=True).success
    return _asked(stage, patient, FIND_DOCUMENTS)


@case("ITI-18, wrong")
def _(stage: Stage) -> Names:
    assert stage.node.query(FIND_DOCUMENTS, {}).codes
    return _asked(stage, "", FIND_DOCUMENTS)


@case("ITI-18 across")
def _(stage: Stage) -> Names:
    assert stage.node.query(GET_DOCUMENTS, {"$XDSDocumentEntryUniqueId": [listed(new_oid())]}).success
    return _asked(stage, "", GET_DOCUMENTS)


@case("ITI-51")
def _(stage: Stage) -> Names:
    slots = {"$XDSDocumentEntryPatientId": [listed(new_patient(), new_patient())]}
    slots["$XDSDocumentEntryStatus"] = ["('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')"]
    slots["$XDSDocumentEntryClassCode"] = ["('code^^2.999.1')"]
    answer = stage.node.query(FIND_DOCUMENTS_OF_SEVERAL, slots, multi_patient=True)
    assert answer.success, answer.errors
    return _asked(stage, "", FIND_DOCUMENTS_OF_SEVERAL)


@case("a user of XUA")
def _(stage: Stage) -> Names:
    patient, sts = new_patient(), stage.sts
    assertion = build_xua(certificate=sts.sign_pem, key=sts.sign_key, issued=datetime.now(UTC), alias="doe")
    stage.node.security = security_header(assertion).decode()
    try:
        assert stage.node.find_documents(patient).success
    finally:
        stage.node.security = ""
    return _asked(stage, patient, FIND_DOCUMENTS)


@case("a node by TLS")
def _(stage: Stage) -> Names:
    patient = new_patient()
    stage.node.find_documents(patient)
    body, action = stage.node.body, "urn:ihe:iti:2007:RegistryStoredQuery"
    context = ssl.create_default_context(cafile=str(stage.pki.folder / "ca.pem"))
    context.load_cert_chain(stage.hospital.folder / "auth.pem", stage.hospital.folder / "auth.key")
    connection = http.client.HTTPSConnection("127.0.0.1", stage.https, timeout=30, context=context)
    stage.watch()
    headers = {"Content-Type": "application/soap+xml"}
    connection.request("POST", REGISTRY_PATH, stage.node.envelope(action, body), headers)
    response = connection.getresponse()
    assert response.status == 200, response.read()
    connection.close()
    endpoint = f"https://127.0.0.1:{stage.https}{REGISTRY_PATH}"
    return {**_asked(stage, patient, FIND_DOCUMENTS), "endpoint": endpoint, "certificate": _subject(stage.hospital)}


@case("nobody known")
def _(stage: Stage) -> Names:
    stage.node.security = (
        '<wsse:Security xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" '
        's:mustUnderstand="1"><wsse:UsernameToken/></wsse:Security>'
    )
    try:
        assert stage.node.find_documents(new_patient()).fault
    finally:
        stage.node.security = ""
    return {"endpoint": stage.there(REGISTRY_PATH)}


@case("an action that nobody serves")
def _(stage: Stage) -> Names:
    assert stage.node.soap(REGISTRY_PATH, "urn:example:DoSomething", "<x/>").fault
    return {"endpoint": stage.there(REGISTRY_PATH)}


# --- Documents out, and removed ---------------------------------------------------------------------------------------


def _retrieved(stage: Stage, *extra: str, home: str = "") -> Names:
    entry = stage.provided(new_patient())
    stage.watch()
    stage.node.home_id = home
    stage.node.retrieve(entry.unique_id, *extra)
    names = {"patient": entry.patient_id, "document": entry.unique_id, "endpoint": stage.there(REPOSITORY_PATH)}
    return {**names, "absent": "".join(extra)}


@case("ITI-43")
def _(stage: Stage) -> Names:
    return _retrieved(stage)


@case("ITI-43 of a community")
def _(stage: Stage) -> Names:
    return _retrieved(stage, home=HOME)


@case("ITI-43, one of two")
def _(stage: Stage) -> Names:
    return _retrieved(stage, new_oid())


@case("ITI-43, none")
def _(stage: Stage) -> Names:
    absent = new_oid()
    assert not stage.node.retrieve(absent).success
    return {"absent": absent, "endpoint": stage.there(REPOSITORY_PATH)}


@case("ITI-43, another repository")
def _(stage: Stage) -> Names:
    absent = new_oid()
    assert not stage.node.retrieve(absent, repository=FOREIGN_REPOSITORY).success
    return {"absent": absent, "endpoint": stage.there(REPOSITORY_PATH)}


@case("ITI-43, not understood")
def _(stage: Stage) -> Names:
    stage.node.soap(REPOSITORY_PATH, "urn:ihe:iti:2007:RetrieveDocumentSet", "<x/>")
    return {"endpoint": stage.there(REPOSITORY_PATH)}


@case("ITI-62")
def _(stage: Stage) -> Names:
    patient = new_patient()
    entry = registered(stage.node, patient)
    everything = stage.node.everything(patient).objects
    uuids = [each.entry_uuid for each in everything]
    (own,) = [each.source for each in everything if getattr(each, "type", None) is AssociationType.HAS_MEMBER]
    (member,) = set(uuids) - {entry.entry_uuid, own}
    stage.watch()
    assert stage.node.remove_metadata(*uuids).success
    names = {"patient": patient, "entry": entry.entry_uuid, "set_uuid": own, "member": member}
    return {**names, "endpoint": stage.there(REGISTRY_PATH)}


@case("ITI-62, wrong")
def _(stage: Stage) -> Names:
    patient = new_patient()
    entry = registered(stage.node, patient)
    stage.watch()
    assert not stage.node.remove_metadata(entry.entry_uuid).success
    return {"patient": patient, "entry": entry.entry_uuid, "endpoint": stage.there(REGISTRY_PATH)}


@case("ITI-86")
def _(stage: Stage) -> Names:
    entry = stage.provided(new_patient())
    stage.watch()
    assert stage.node.remove_documents(entry.unique_id).success
    return {"patient": entry.patient_id, "document": entry.unique_id, "endpoint": stage.there(REPOSITORY_PATH)}


@case("ITI-86, wrong")
def _(stage: Stage) -> Names:
    absent = new_oid()
    assert not stage.node.remove_documents(absent).success
    return {"absent": absent, "endpoint": stage.there(REPOSITORY_PATH)}


# --- Patients ---------------------------------------------------------------------------------------------------------


def _fed(stage: Stage, patient: tuple[str, str], **more: str) -> Names:
    return {"patient": cx(patient), "message": stage.message, "endpoint": stage.there(PATIENTS_PATH), **more}


@case("ITI-44, added")
def _(stage: Stage) -> Names:
    return _fed(stage, stage.fed())


@case("ITI-44, revised, and told")
def _(stage: Stage) -> Names:
    known, new = (uuid.uuid4().hex[:12], "1.2.3.4.5"), (uuid.uuid4().hex[:12], "1.2.3.4.5")
    patient = stage.fed(known)
    stage.consumer.wait()
    stage.watch()
    assert stage.patients.revise([patient, known, new]).acknowledged == "CA"
    notice = parse(stage.consumer.wait()).find(f".//{{{HL7}}}id")
    assert notice is not None
    more = {"receiver": stage.consumer.url, "notice": notice.get("root", "")}
    return _fed(stage, patient, told=cx(known), also_told=cx(new), **more)


@case("ITI-44, merged")
def _(stage: Stage) -> Names:
    surviving = stage.fed()
    subsumed = (uuid.uuid4().hex[:12], surviving[1])
    assert stage.patients.add([subsumed]).acknowledged == "CA"
    stage.watch()
    assert stage.patients.merge(surviving, subsumed).acknowledged == "CA"
    return _fed(stage, surviving, subsumed=cx(subsumed))


@case("ITI-44, wrong")
def _(stage: Stage) -> Names:
    authority = stage.fed()[1]
    unknown = ("nobody", authority)
    stage.watch()
    assert stage.patients.merge(unknown, ("nobody either", authority)).acknowledged == "CE"
    return _fed(stage, unknown)


def _pix(stage: Stage, patient: tuple[str, str], **more: str) -> Names:
    sent = parse(stage.patients.sent[-1].encode())
    (query,) = [each for tag in ("queryByParameter", "queryContinuation") for each in sent.iter(f"{{{HL7}}}{tag}")]
    query_id = query.find(f"{{{HL7}}}queryId")
    assert query_id is not None
    text = etree.tostring(query, with_tail=False).decode()
    named = f"{query_id.get('extension')}@{query_id.get('root')}"
    return {**_fed(stage, patient, **more), "query": text, "query_id": named}


@case("ITI-45")
def _(stage: Stage) -> Names:
    alias = (uuid.uuid4().hex[:12], new_authority())
    patient = stage.fed(alias)
    stage.watch()
    assert stage.patients.identifiers_of(patient).answered == "OK"
    return _pix(stage, patient, alias=cx(alias))


@case("ITI-45, unknown")
def _(stage: Stage) -> Names:
    unknown = ("nobody", stage.fed()[1])
    stage.watch()
    assert stage.patients.identifiers_of(unknown).answered == "AE"
    return _pix(stage, unknown)


def _two_of(stage: Stage, family: str) -> list[tuple[str, str]]:
    pair = [(uuid.uuid4().hex[:12], new_authority()) for _ in range(2)]
    for each in pair:
        assert stage.patients.add([each], name(family, "Maja")).acknowledged == "CA"
    return pair


@case("ITI-47")
def _(stage: Stage) -> Names:
    family, patient = f"Z{uuid.uuid4().hex}", (uuid.uuid4().hex[:12], new_authority())
    assert stage.patients.add([patient], name(family, "Maja")).acknowledged == "CA"
    stage.watch()
    assert len(stage.patients.find(by_name(family)).patients) == 1
    return _pix(stage, patient, found=cx(patient))


@case("ITI-47, continued")
def _(stage: Stage) -> Names:
    family, query_id = f"Z{uuid.uuid4().hex}", uuid.uuid4().hex
    pair = _two_of(stage, family)
    first = stage.patients.find(by_name(family), quantity=1, query_id=query_id).identifiers[0][0]
    stage.watch()
    assert len(stage.patients.proceed(query_id, quantity=1).patients) == 1
    (second,) = [each for each in pair if each != first]
    return _pix(stage, second, found=cx(second))


@case("ITI-47, cancelled")
def _(stage: Stage) -> Names:
    family, query_id = f"Z{uuid.uuid4().hex}", uuid.uuid4().hex
    pair = _two_of(stage, family)
    stage.patients.find(by_name(family), quantity=1, query_id=query_id)
    stage.watch()
    assert stage.patients.proceed(query_id, cancel=True).acknowledged == "CA"
    return _pix(stage, pair[0])


@case("ITI-47, wrong")
def _(stage: Stage) -> Names:
    assert stage.patients.find("<livingSubjectName><value/></livingSubjectName>").answered == "AE"
    return _pix(stage, ("", ""))


def _subject(holder: Credential) -> str:
    return x509.load_pem_x509_certificate((holder.folder / "auth.pem").read_bytes()).subject.rfc4514_string()
