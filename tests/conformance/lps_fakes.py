"""A demo folder, synthetic CDA documents and a scripted server, for the tests of the simulated LPS."""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO

from typer.testing import CliRunner, Result

from conformance.lps.commands import app
from conformance.pki import Pki, ec_key, reused

INS, INS_OID = "279035121518989", "1.2.250.1.213.1.4.10"
SET_ID = "2.25.333"

PEOPLE: list[dict[str, Any]] = [
    {
        "name": "dr-leblanc",
        "kind": "ps",
        "id_nat": "899900000011",
        "family": "LEBLANC",
        "given": "Hélène",
        "profession": "10",
        "specialty": "SM26",
        "structure_id": "499700000001",
        "sector": "SA07",
        "modes": ["DIRECTE"],
    },
    {
        "name": "dr-hospitalière",
        "kind": "ps",
        "id_nat": "899900000022",
        "family": "NOIR",
        "given": "Paul",
        "profession": "10",
        "specialty": "SM02",
        "structure_id": "1750000001",
        "sector": "SA01",
        "modes": ["INDIRECTE"],
    },
    {
        "name": "hopital",
        "kind": "structure",
        "id_nat": "1750000001",
        "family": "Hôpital de démonstration",
        "structure_id": "1750000001",
        "sector": "SA01",
        "modes": ["INDIRECTE", "INDIRECTE_RENFORCEE"],
    },
]
PATIENTS = [{"ins": INS, "ins_oid": INS_OID, "family": "PAT-TROIS", "given": "DOMINIQUE"}]

CDA = """<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
  <realmCode code="FR"/>
  <typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
  <templateId root="2.16.840.1.113883.2.8.2.1"/>
  <templateId root="1.2.250.1.213.1.1.1.1"/>
  <templateId root="1.3.6.1.4.1.19376.1.2.20"/>
  <id root="{id}"/>
  <code code="34112-3" codeSystem="2.16.840.1.113883.6.1" displayName="CR hospitalier (séjour)"/>
  <title>Lettre de
    sortie</title>
  <effectiveTime value="20240405123000+0200"/>
  <confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/>
  <languageCode code="fr-FR"/>
  <setId root="2.25.7"/>
  <versionNumber value="1"/>
  <recordTarget><patientRole>
    <id root="1.2.250.1.213.1.4.10" extension="279035121518989"/>
    <id root="1.2.3.4" extension="IPP&amp;1"/>
    <patient><name><family qualifier="BR">PAT-TROIS</family><given>DOMINIQUE MARIE</given>
      <given qualifier="BR">DOMINIQUE</given></name>
      <administrativeGenderCode code="F"/><birthTime value="19790328"/></patient>
  </patientRole></recordTarget>
  <author><functionCode displayName="Médecin hospitalier" code="X"/><assignedAuthor>
    <id root="1.2.250.1.71.4.2.1" extension="899900000022"/>
    <code code="G15_10/SM02" codeSystem="1.2.250.1.213.1.1.4.5" displayName="Médecin - Anesthésie"/>
    <assignedPerson><name><family>NOIR</family><given>Paul</given></name></assignedPerson>
    <representedOrganization><id root="1.2.250.1.71.4.2.2" extension="1750000001"/><name>Hôpital</name>
    </representedOrganization></assignedAuthor></author>
  <legalAuthenticator><assignedEntity><id root="1.2.250.1.71.4.2.1" extension="899900000022"/>
    <assignedPerson><name><family>NOIR</family><given>Paul</given></name></assignedPerson>
  </assignedEntity></legalAuthenticator>
  {extra}
  <documentationOf><serviceEvent>
    <code code="ACQH004" codeSystem="1.2.250.1.213.2.5" displayName="Scanner du crâne"/>
    <effectiveTime><low value="20240401080000+0200"/><high value="20240405120000+0200"/></effectiveTime>
    <performer><assignedEntity><representedOrganization>
      <standardIndustryClassCode code="ETABLISSEMENT" codeSystem="1.2.250.1.213.1.1.4.9" displayName="Etablissement"/>
    </representedOrganization></assignedEntity></performer></serviceEvent></documentationOf>
  <componentOf><encompassingEncounter><code code="IMP" codeSystem="2.16.840.1.113883.5.4"/>
    <location><healthCareFacility>
      <code code="SA01" codeSystem="1.2.250.1.71.4.2.4" displayName="Etablissement public"/>
    </healthCareFacility></location></encompassingEncounter></componentOf>
  <component><nonXMLBody><text mediaType="application/pdf" representation="B64">{body}</text></nonXMLBody></component>
</ClinicalDocument>
"""


def cda(path: Path, *, identifier: str = "2.25.1234", extra: str = "", body: str = "JVBERi0=") -> Path:
    """Writes a synthetic discharge letter."""
    path.write_text(CDA.format(id=identifier, extra=extra, body=body), encoding="utf-8")
    return path


def demo_folder(folder: Path, address: str = "http://127.0.0.1:9") -> Path:
    """A demo folder with keys for everybody in PEOPLE."""
    pki = Pki.create(folder, key_maker=reused(ec_key))
    for person in PEOPLE:
        if person["kind"] == "ps":
            texts = (person[key] for key in ("name", "id_nat", "family", "given", "profession", "specialty"))
            pki.person(*texts)
        else:
            pki.structure(person["name"], person["structure_id"], person["family"])
    (folder / "people.json").write_text(json.dumps(PEOPLE), encoding="utf-8")
    (folder / "patients.json").write_text(json.dumps(PATIENTS), encoding="utf-8")
    (folder / "server.json").write_text(json.dumps({"https": address}), encoding="utf-8")
    return folder


@dataclass
class Exchange:
    """What came in: path, headers, body (when the answer read it), and the client's connection and certificate."""

    path: str
    headers: dict[str, str]
    connection: tuple[str, int]
    stream: BinaryIO
    peer: Any
    body: bytes = b""
    method: str = "POST"

    @property
    def length(self) -> int:
        return int(self.headers.get("Content-Length", 0))

    @property
    def message_id(self) -> str:
        found = re.search(rb"<wsa:MessageID>([^<]+)<", self.body)
        assert found, "no MessageID"
        return found[1].decode()

    @property
    def action(self) -> str:
        found = re.search(rb"<wsa:Action[^>]*>([^<]+)<", self.body)
        assert found, "no Action"
        return found[1].decode()


Answer = tuple[int, str, Iterator[bytes] | bytes, int]
Script = Callable[[Exchange], Answer]


@dataclass
class Server:
    """A running scripted server: its address, what it was asked."""

    address: str
    exchanges: list[Exchange] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serving(
    script: Script, *, pki: Path | None = None, read_body: bool = True, hang_up: bool = False
) -> Iterator[Server]:
    """A server on loopback that answers what `script` says; mutual TLS when given a PKI folder.

    With `hang_up` it closes each connection after its answer, without having said so.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            peer = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
            exchange = Exchange(self.path, dict(self.headers.items()), self.client_address[:2], self.rfile, peer)
            exchange.method = self.command
            if read_body:
                exchange.body = self.rfile.read(exchange.length)
            server.exchanges.append(exchange)
            status, content_type, content, length = script(exchange)
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            for chunk in [content] if isinstance(content, bytes) else content:
                self.wfile.write(chunk)
            self.close_connection = self.close_connection or hang_up

        def do_GET(self) -> None:
            self.do_POST()

        def finish(self) -> None:
            super().finish()
            self.connection.close()
            server.closed.set()

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if pki is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pki / "server.pem", pki / "server.key")
        context.load_verify_locations(pki / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
    server = Server(f"{'https' if pki else 'http'}://127.0.0.1:{httpd.server_address[1]}")
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


def soap(message_id: str, content: str, *, namespaces: str = "") -> bytes:
    """An answer's envelope."""
    return (
        f'<soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope" '
        f'xmlns:wsa="http://www.w3.org/2005/08/addressing" xmlns:rs="urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0" '
        f'xmlns:rim="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0" xmlns:xds="urn:ihe:iti:xds-b:2007" '
        f'xmlns:query="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0" xmlns:xop="http://www.w3.org/2004/08/xop/include"'
        f"{namespaces}><soap:Header><wsa:RelatesTo>{message_id}</wsa:RelatesTo></soap:Header>"
        f"<soap:Body>{content}</soap:Body></soap:Envelope>"
    ).encode()


SUCCESS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"
FAILURE = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure"
SEVERITY = "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:"


def simple(content: bytes, status: int = 200) -> Answer:
    """A simple SOAP answer."""
    return status, "application/soap+xml; charset=UTF-8", content, len(content)


def registry_response(exchange: Exchange) -> Answer:
    """Success."""
    return simple(soap(exchange.message_id, f'<rs:RegistryResponse status="{SUCCESS}"/>'))


def registry_failure(exchange: Exchange) -> Answer:
    """Two errors and a warning."""
    errors = "".join(
        f'<rs:RegistryError errorCode="{code}" codeContext="{context}" severity="{SEVERITY}{severity}"/>'
        for code, context, severity in (
            ("XDSRegistryMetadataError", "typeCode: expected a code", "Error"),
            ("XDSExtraMetadataNotSaved", "slot", "Warning"),
            ("XDSPatientIdDoesNotMatch", "patientId", "Error"),
        )
    )
    content = f"<rs:RegistryErrorList>{errors}</rs:RegistryErrorList>"
    return simple(soap(exchange.message_id, f'<rs:RegistryResponse status="{FAILURE}">{content}</rs:RegistryResponse>'))


def query_response(exchange: Exchange, objects: str = "") -> Answer:
    """An AdhocQueryResponse with these objects."""
    content = f"<rim:RegistryObjectList>{objects}</rim:RegistryObjectList>"
    body = f'<query:AdhocQueryResponse status="{SUCCESS}">{content}</query:AdhocQueryResponse>'
    return simple(soap(exchange.message_id, body))


def fault(exchange: Exchange) -> Answer:
    """The refusal of an assertion."""
    body = (
        "<soap:Fault><soap:Code><soap:Value>soap:Sender</soap:Value><soap:Subcode><soap:Value>DMPInvalidCertificate"
        '</soap:Value></soap:Subcode></soap:Code><soap:Reason><soap:Text xml:lang="en">Not a valid signature '
        "certificate</soap:Text></soap:Reason></soap:Fault>"
    )
    return simple(soap(exchange.message_id, body), 500)


ENTRY = """<rim:ExtrinsicObject id="urn:uuid:11111111-1111-4111-8111-111111111111"
  lid="urn:uuid:22222222-2222-4222-8222-222222222222" mimeType="text/xml"
  objectType="urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1"
  status="urn:oasis:names:tc:ebxml-regrep:StatusType:Approved">
  <rim:Slot name="creationTime"><rim:ValueList><rim:Value>20240405103000</rim:Value></rim:ValueList></rim:Slot>
  <rim:Slot name="repositoryUniqueId"><rim:ValueList><rim:Value>1.2.250.99</rim:Value></rim:ValueList></rim:Slot>
  <rim:Slot name="size"><rim:ValueList><rim:Value>12</rim:Value></rim:ValueList></rim:Slot>
  <rim:Name><rim:LocalizedString value="Lettre de sortie"/></rim:Name>
  <rim:VersionInfo versionName="2"/>
  <rim:Classification id="c1" classificationScheme="urn:uuid:f0306f51-975f-434e-a61c-c59651d33983"
    classifiedObject="x" nodeRepresentation="34112-3"><rim:Slot name="codingScheme"><rim:ValueList>
    <rim:Value>2.16.840.1.113883.6.1</rim:Value></rim:ValueList></rim:Slot>
    <rim:Name><rim:LocalizedString value="CR hospitalier"/></rim:Name></rim:Classification>
  <rim:Classification id="c2" classificationScheme="urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d"
    classifiedObject="x" nodeRepresentation=""><rim:Slot name="authorPerson"><rim:ValueList>
    <rim:Value>899900000022^NOIR^Paul</rim:Value></rim:ValueList></rim:Slot></rim:Classification>
  <rim:ExternalIdentifier id="e1" identificationScheme="urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"
    registryObject="x" value="2.25.1234"/>
</rim:ExtrinsicObject>"""
ENTRY_UUID = "urn:uuid:11111111-1111-4111-8111-111111111111"


def retrieve_response(message_id: str, parts: int, inline: str = "") -> bytes:
    """A RetrieveDocumentSetResponse with that many documents."""
    documents = "".join(
        "<xds:DocumentResponse><xds:RepositoryUniqueId>1.2.250.99</xds:RepositoryUniqueId>"
        f"<xds:DocumentUniqueId>2.25.{number}</xds:DocumentUniqueId><xds:mimeType>text/xml</xds:mimeType><xds:Document>"
        + (inline or f'<xop:Include href="cid:part%2B{number}@x"/>')
        + "</xds:Document></xds:DocumentResponse>"
        for number in range(parts)
    )
    status = f'<rs:RegistryResponse status="{SUCCESS}"/>'
    return soap(message_id, f"<xds:RetrieveDocumentSetResponse>{status}{documents}</xds:RetrieveDocumentSetResponse>")


def mtom(root: bytes, documents: list[bytes]) -> tuple[str, bytes]:
    """A multipart/related answer: its Content-Type and its bytes."""
    head = b"Content-Type: %s\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <%s>\r\n\r\n"
    parts = [b"--b+1\r\n" + head % (b"application/xop+xml", b"root@x") + root]
    parts += [b"--b+1\r\n" + head % (b"text/xml", b"part+%d@x" % n) + data for n, data in enumerate(documents)]
    header = 'multipart/related; boundary="b+1"; type="application/xop+xml"; start="<root@x>"'
    return header, b"\r\n".join(parts) + b"\r\n--b+1--"


def run(folder: Path, script: Script | None, *arguments: str, who: str = "dr-leblanc") -> tuple[Result, list[Exchange]]:
    """Runs a command against a scripted server (none: nobody answers)."""
    common = ["--as", who, "--demo", str(folder)]
    if script is None:
        return CliRunner().invoke(app, [*arguments, *common]), []
    with serving(script) as server:
        return CliRunner().invoke(app, [*arguments, *common, "--server", server.address]), server.exchanges


def answer(result: Result) -> Any:
    """The JSON that a command printed."""
    return json.loads(result.stdout)
