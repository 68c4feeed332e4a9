"""Asynchronous web services: the request is accepted, the answer comes by another connection, and is never lost.

Source: ITI TF-2 V.5 and V.9.2; Web Services Addressing 1.0, Core §3.4, SOAP Binding §5.1 and §6.4.
"""

from __future__ import annotations

import os
import signal
import ssl
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from audit.event import Outcome
from conformance.pki import Pki, ec_key, reused
from schemas.xml import parse
from server.demo import background
from server.settings import load
from tests.connectathon import (
    APPROVED,
    NAMESPACES,
    REGISTRY_PATH,
    REPOSITORY,
    REPOSITORY_PATH,
    WSA,
    XDS,
    Answer,
    Node,
    connectathon,
    document,
    document_requests,
    new_patient,
    submission,
    submit_objects,
)
from tests.ports import free_port
from tests.receiver import Posted, Receiver, receiving

ANONYMOUS, NONE = f"{WSA}/anonymous", f"{WSA}/none"
ALLOWED = "/replies"
REGISTER = "urn:ihe:iti:2007:RegisterDocumentSet-b"
PROVIDE = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"
QUERY = "urn:ihe:iti:2007:RegistryStoredQuery"
RETRIEVE = "urn:ihe:iti:2007:RetrieveDocumentSet"
MTOM = 'multipart/related; boundary="b"; type="application/xop+xml"; start="<r>"; start-info="application/soap+xml"'


@dataclass
class Place:
    """A server and the receiver that it may send to."""

    node: Node
    receiver: Receiver
    folder: Path

    @property
    def url(self) -> str:
        return f"{self.receiver.url}{ALLOWED}"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("async")
    with receiving() as receiver, connectathon(folder, reply_to=[f"{receiver.url}{ALLOWED}"]) as node:
        yield Place(node, receiver, folder)


@pytest.fixture
def place(shared: Place) -> Place:
    shared.receiver.clear()
    return shared


@dataclass(frozen=True)
class Back:
    """What came back on the connection."""

    status: int
    content_type: str
    body: bytes

    @property
    def accepted(self) -> bool:
        return (self.status, self.content_type, self.body) == (202, "", b"")

    @property
    def subcodes(self) -> list[str | None]:
        return [value.text for value in parse(self.body).iterfind(".//env:Subcode/env:Value", NAMESPACES)]


def ask(
    node: Node,
    path: str,
    action: str,
    body: str,
    *,
    reply_to: str = ANONYMOUS,
    fault_to: str = "",
    message_id: str = "",
    parameters: str = "",
    mtom: bool = False,
) -> Back:
    """Sends a request whose answer goes to `reply_to`; `message_id` '-' leaves it out."""
    identifier = message_id or f"urn:uuid:{uuid.uuid4()}"
    named = "" if message_id == "-" else f"<wsa:MessageID>{identifier}</wsa:MessageID>"
    faults = f"<wsa:FaultTo><wsa:Address>{fault_to}</wsa:Address></wsa:FaultTo>" if fault_to else ""
    envelope = (
        f'<s:Envelope xmlns:s="{NAMESPACES["env"]}" xmlns:wsa="{WSA}"><s:Header>'
        f'<wsa:Action s:mustUnderstand="1">{action}</wsa:Action>{named}'
        f'<wsa:ReplyTo s:mustUnderstand="1"><wsa:Address>{reply_to}</wsa:Address>{parameters}</wsa:ReplyTo>{faults}'
        f"</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()
    if not mtom:
        return Back(*node.post(path, envelope, "application/soap+xml; charset=UTF-8"))
    head = b'--b\r\nContent-Type: application/xop+xml; type="application/soap+xml"\r\nContent-ID: <r>\r\n\r\n'
    return Back(*node.post(path, head + envelope + b"\r\n--b--\r\n", MTOM))


def query(patient: str) -> str:
    return (
        f'<query:AdhocQueryRequest xmlns:query="{NAMESPACES["query"]}" xmlns:rim="{NAMESPACES["rim"]}">'
        '<query:ResponseOption returnComposedObjects="true" returnType="LeafClass"/>'
        '<rim:AdhocQuery id="urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d">'
        f"<rim:Slot name=\"$XDSDocumentEntryPatientId\"><rim:ValueList><rim:Value>'{patient.replace('&', '&amp;')}'"
        "</rim:Value></rim:ValueList></rim:Slot>"
        f"<rim:Slot name=\"$XDSDocumentEntryStatus\"><rim:ValueList><rim:Value>('{APPROVED}')</rim:Value>"
        "</rim:ValueList></rim:Slot></rim:AdhocQuery></query:AdhocQueryRequest>"
    )


def retrieve(unique_id: str) -> str:
    requests = document_requests([unique_id], REPOSITORY)
    return f'<xds:RetrieveDocumentSetRequest xmlns:xds="{XDS}">{requests}</xds:RetrieveDocumentSetRequest>'


def provide(patient: str, **changes: Any) -> tuple[str, str]:
    """The body of an ITI-41 with the five bytes `hello` inline, and their uniqueId."""
    entry = document(patient, repository_unique_id="", **changes)
    body = (
        f'<xds:ProvideAndRegisterDocumentSetRequest xmlns:xds="{XDS}">{submit_objects(submission(entry))}'
        f'<xds:Document id="{entry.entry_uuid}">aGVsbG8=</xds:Document></xds:ProvideAndRegisterDocumentSetRequest>'
    )
    return body, entry.unique_id


def header(root: etree._Element, name: str) -> str:
    return root.findtext(f"env:Header/wsa:{name}", "", NAMESPACES)


def unpacked(posted: Posted) -> tuple[etree._Element, list[bytes]]:
    """The envelope of an MTOM answer, and the parts beside it, by the standard library's own reader."""
    mime = message_from_bytes(b"Content-Type: " + posted.content_type.encode() + b"\r\n\r\n" + posted.body)
    root, *parts = mime.get_payload()
    return parse(root.get_payload(decode=True)), [part.get_payload(decode=True) for part in parts]  # type: ignore[union-attr]


# --- Every transaction ------------------------------------------------------------------------------------------------


@pytest.mark.proves("wire/reply-to")
def test_iti_18_is_answered_elsewhere(place: Place) -> None:
    """ITI-18: Document Registry shall support a non-anonymous response EPR; V.9.2.4 for the header."""
    patient = new_patient()
    registered = document(patient)
    assert place.node.register(submission(registered)).success
    identifier = f"urn:uuid:{uuid.uuid4()}"
    target = f"{place.url}/of/consumer?n=1"
    assert ask(place.node, REGISTRY_PATH, QUERY, query(patient), reply_to=target, message_id=identifier).accepted
    (posted,) = place.receiver.wait()
    root = parse(posted.body)
    assert posted.path == "/replies/of/consumer?n=1"
    assert posted.content_type == "application/soap+xml; charset=UTF-8"
    assert (header(root, "Action"), header(root, "RelatesTo")) == (f"{QUERY}Response", identifier)
    assert header(root, "To") == target
    assert header(root, "MessageID").startswith("urn:uuid:")
    assert header(root, "MessageID") != identifier
    assert [entry.unique_id for entry in Answer(200, root).entries] == [registered.unique_id]


def test_iti_42_is_carried_out_before_it_is_accepted(place: Place) -> None:
    patient = new_patient()
    body = submit_objects(submission(document(patient)))
    assert ask(place.node, REGISTRY_PATH, REGISTER, body, reply_to=place.url).accepted
    assert len(place.node.find_documents(patient).entries) == 1
    _, registered = place.node.audit(2)
    assert (registered.transaction, registered.outcome) == ("ITI-42", Outcome.SUCCESS)
    assert Answer(200, parse(place.receiver.wait()[0].body)).success


@pytest.mark.proves("wire/reply-to", "wire/same-encoding")
@pytest.mark.parametrize("mtom", [True, False])
def test_iti_41_and_43_in_the_encoding_of_the_request(place: Place, mtom: bool) -> None:
    """V.8.1: both shall use the same encoding."""
    body, unique_id = provide(new_patient())
    assert ask(place.node, REPOSITORY_PATH, PROVIDE, body, reply_to=place.url, mtom=mtom).accepted
    assert ask(place.node, REPOSITORY_PATH, RETRIEVE, retrieve(unique_id), reply_to=place.url, mtom=mtom).accepted
    stored, opened = sorted(place.receiver.wait(2), key=lambda posted: b"RetrieveDocumentSetResponse" in posted.body)
    if mtom:
        assert opened.content_type.startswith("multipart/related; boundary=")
        (root, none), (found, parts) = unpacked(stored), unpacked(opened)
        assert (none, parts) == ([], [b"hello"])
    else:
        root, found = parse(stored.body), parse(opened.body)
        assert found.findtext(".//xds:Document", "", NAMESPACES) == "aGVsbG8="
    assert Answer(200, root).success
    assert Answer(200, found).success
    assert header(found, "To") == place.url


def test_a_failure_is_an_answer_as_well(place: Place) -> None:
    patient = new_patient()
    body = submit_objects(submission(document(patient, title="", class_code=None)))
    assert ask(place.node, REGISTRY_PATH, REGISTER, body, reply_to=place.url).accepted
    answer = Answer(200, parse(place.receiver.wait()[0].body))
    assert (answer.status, "XDSRegistryMetadataError" in answer.codes) == ("Failure", True)
    assert place.node.find_documents(patient).entries == ()


# --- Faults, and answers that nobody wants ----------------------------------------------------------------------------


@pytest.mark.parametrize("fault_to", ["", "/faults"])
def test_a_fault_goes_to_fault_to_or_else_where_answers_go(place: Place, fault_to: str) -> None:
    """Core §3.4."""
    target = f"{place.url}{fault_to}" if fault_to else ""
    assert ask(place.node, REGISTRY_PATH, QUERY, "<b/>", reply_to=place.url, fault_to=target).accepted
    (posted,) = place.receiver.wait()
    root = parse(posted.body)
    assert posted.path == f"{ALLOWED}{fault_to}"
    assert header(root, "Action") == f"{WSA}/soap/fault"
    assert root.find(".//env:Fault", NAMESPACES) is not None
    assert place.node.audit(1)[0].outcome is not Outcome.SUCCESS


def test_a_fault_may_come_back_at_once(place: Place) -> None:
    back = ask(place.node, REGISTRY_PATH, QUERY, "<b/>", reply_to=place.url, fault_to=ANONYMOUS)
    assert (back.status, b"Fault" in back.body) == (400, True)


def test_an_answer_may_come_back_at_once_and_a_fault_elsewhere(place: Place) -> None:
    back = ask(place.node, REGISTRY_PATH, QUERY, query(new_patient()), fault_to=place.url)
    assert (back.status, Answer(200, parse(back.body)).success) == (200, True)
    assert ask(place.node, REGISTRY_PATH, QUERY, "<b/>", fault_to=place.url).accepted
    assert b"Fault" in place.receiver.wait()[0].body


def test_an_answer_that_nobody_wants(place: Place) -> None:
    """Core §2.1: what is sent to `none` is dropped; the request is carried out."""
    patient = new_patient()
    body = submit_objects(submission(document(patient)))
    assert ask(place.node, REGISTRY_PATH, REGISTER, body, reply_to=NONE, message_id="-").accepted
    assert len(place.node.find_documents(patient).entries) == 1
    assert ask(place.node, REGISTRY_PATH, QUERY, "<b/>", reply_to=NONE).accepted
    body, unique_id = provide(patient)
    assert ask(place.node, REPOSITORY_PATH, PROVIDE, body, reply_to=NONE, mtom=True).accepted
    assert ask(place.node, REPOSITORY_PATH, RETRIEVE, retrieve(unique_id), reply_to=NONE, mtom=True).accepted
    assert place.receiver.posted == []


# --- What is refused --------------------------------------------------------------------------------------------------


@pytest.mark.proves("wire/reply-to-allow-list")
def test_no_address_outside_the_list(place: Place) -> None:
    """Not by a name, a number, a path, a redirect or a user name that leads there."""
    with receiving() as stranger:
        port = place.receiver.port
        for address in [
            stranger.url,
            f"{place.receiver.url}/other",
            f"{place.receiver.url}{ALLOWED}2",
            f"{place.url}/../other",
            f"{place.url}/%2e%2e/other",
            f"http://localhost:{port}{ALLOWED}",
            f"http://127.1:{port}{ALLOWED}",
            f"http://user@127.0.0.1:{port}{ALLOWED}",
            f"http://127.0.0.1:{port}@127.0.0.1:{stranger.port}{ALLOWED}",
            f"https://127.0.0.1:{port}{ALLOWED}",
            "file:///etc/passwd",
            "urn:uuid:0fbfdced-6c01-4d09-a110-2201afedaa02",
        ]:
            for where in ("reply_to", "fault_to"):
                patient = new_patient()
                body = submit_objects(submission(document(patient)))
                back = ask(place.node, REGISTRY_PATH, REGISTER, body, **{where: address})
                assert (back.status, back.subcodes[-1]) == (400, "wsa:InvalidAddress"), address
                assert place.node.find_documents(patient).entries == ()
        assert (stranger.posted, place.receiver.posted) == ([], [])


@pytest.mark.proves("wire/reply-to-allow-list")
def test_a_redirect_leads_nowhere(place: Place) -> None:
    with receiving() as stranger:
        place.receiver.location = stranger.url
        place.receiver.answers = [307, 301]
        ask(place.node, REGISTRY_PATH, QUERY, query(new_patient()), reply_to=place.url)
        place.receiver.wait(2)
        place.receiver.location = ""
        assert [posted.path for posted in place.receiver.wait(3)] == [ALLOWED] * 3
        assert stranger.posted == []


@pytest.mark.parametrize("where", ["reply_to", "fault_to"])
def test_where_nothing_is_listed_only_anonymous_is_supported(node: Node, where: str) -> None:
    with receiving() as stranger:
        back = ask(node, REGISTRY_PATH, QUERY, query(new_patient()), **{where: stranger.url})  # type: ignore[arg-type]
        assert (back.status, back.subcodes) == (
            400,
            ["wsa:InvalidAddressingHeader", "wsa:OnlyAnonymousAddressSupported"],
        )
        assert stranger.posted == []


def test_without_message_id_there_is_nothing_to_relate_to(place: Place) -> None:
    patient = new_patient()
    body = submit_objects(submission(document(patient)))
    back = ask(place.node, REGISTRY_PATH, REGISTER, body, reply_to=place.url, message_id="-")
    assert (back.status, back.subcodes) == (400, ["wsa:MessageAddressingHeaderRequired"])
    assert place.node.find_documents(patient).entries == ()


def test_one_message_is_carried_out_once(place: Place) -> None:
    """SOAP Binding §6.4.1.4; before and after its answer was delivered."""
    patient, identifier = new_patient(), f"urn:uuid:{uuid.uuid4()}"
    for attempt in range(3):
        body = submit_objects(submission(document(patient)))
        back = ask(place.node, REGISTRY_PATH, REGISTER, body, reply_to=place.url, message_id=identifier)
        assert back.accepted if attempt == 0 else back.subcodes[-1] == "wsa:DuplicateMessageID"
        place.receiver.wait(1 if attempt else 0)
    assert len(place.node.find_documents(patient).entries) == 1


def test_reference_parameters_come_back(place: Place) -> None:
    """Core §3.4: also on the connection."""
    parameters = '<wsa:ReferenceParameters><p:Session xmlns:p="urn:p" p:a="b">42</p:Session></wsa:ReferenceParameters>'
    for target in (place.url, ANONYMOUS):
        back = ask(place.node, REGISTRY_PATH, QUERY, query(new_patient()), reply_to=target, parameters=parameters)
        root = parse(back.body if target == ANONYMOUS else place.receiver.wait()[0].body)
        session = root.find("env:Header/{urn:p}Session", NAMESPACES)
        assert session is not None
        assert (session.text, session.get(f"{{{WSA}}}IsReferenceParameter")) == ("42", "true")


# --- Nothing is lost --------------------------------------------------------------------------------------------------


def test_a_receiver_that_is_busy_gets_it_later(place: Place) -> None:
    place.receiver.answers = [503, 500]
    assert ask(place.node, REGISTRY_PATH, QUERY, query(new_patient()), reply_to=place.url).accepted
    received = place.receiver.wait(3)
    assert len({posted.sha256 for posted in received}) == 1


def test_what_was_accepted_survives_a_crash(tmp_path: Path) -> None:
    """The whole tree is killed while the receiver is away: the answer comes after a restart."""
    port = free_port()
    url = f"http://127.0.0.1:{port}{ALLOWED}"
    with connectathon(tmp_path, reply_to=[url]) as node:
        body, unique_id = provide(new_patient())
        assert ask(node, REPOSITORY_PATH, PROVIDE, body, reply_to=NONE).accepted
        assert ask(node, REPOSITORY_PATH, RETRIEVE, retrieve(unique_id), reply_to=url, mtom=True).accepted
        pid = background.running(tmp_path)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        while background.running(tmp_path) is not None:
            pass
        with receiving(port) as receiver:
            background.start(tmp_path, load({"home": node.home}, {}))
            root, parts = unpacked(receiver.wait()[0])
            assert (Answer(200, root).success, parts) == (True, [b"hello"])


def test_over_tls_both_ends_show_who_they_are(tmp_path: Path) -> None:
    """ITI TF-2 3.19: the server is a client with the certificate that it serves with."""
    home = tmp_path / "home"
    home.mkdir()
    Pki.create(home, key_maker=reused(ec_key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(home / "server.pem", home / "server.key")
    context.load_verify_locations(home / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    stranger = Pki.create(tmp_path / "stranger", key_maker=reused(ec_key))
    unknown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    unknown.load_cert_chain(stranger.folder / "server.pem", stranger.folder / "server.key")
    with receiving(context=context) as receiver, receiving(context=unknown) as impostor:
        urls = [receiver.url, impostor.url]
        with connectathon(tmp_path, reply_to=urls) as node:
            for url in reversed(urls):
                assert ask(node, REGISTRY_PATH, QUERY, query(new_patient()), reply_to=url).accepted
            (posted,) = receiver.wait()
            assert posted.certificate is not None
            assert (("commonName", "localhost"),) in posted.certificate["subject"]
            assert impostor.posted == []
