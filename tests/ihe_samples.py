"""The submissions among the reference samples, made into requests: what a test tool does with its templates.

A whole message goes as it stands. A message in a file that lost its HTTP head, or whose lines were numbered, gets that
back. A bare request gets an envelope. Metadata that the NIST toolkit keeps in ebRIM 2.1 is written anew in ebRIM 3.0,
and gets what the toolkit assigns: patients, uniqueIds, documents.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from lxml import etree

from schemas.xml import local_name, parse
from tests.connectathon import LCM, REGISTRY_PATH, REPOSITORY_PATH, RIM, SOAP_12, WSA, XDS, new_oid, new_patient

FOLDERS = (
    "epd-by-example",
    "gematik-epa",
    "ipf-xds",
    "nist-examples",
    "nist-http",
    "nist-messagevalidator",
    "nist-selftest",
    "nist-testdata-registry",
    "nist-testdata-repository",
    "nist-utilities",
    "openxds",
    "xcadocumentsource-iti",
    "xds-registry-to-fhir",
)
MARKS = (b"SubmitObjectsRequest", b"xop:Include", b"application/xop")  # a submission, or a message in MTOM/XOP
EBRIM_21 = "urn:oasis:names:tc:ebxml-regrep:rim:xsd:2.1"
PROVIDE = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"
REGISTER = "urn:ihe:iti:2007:RegisterDocumentSet-b"
UPDATE = "urn:ihe:iti:2010:UpdateDocumentSet"
PATIENT_IDS = frozenset(
    {
        "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427",
        "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446",
        "urn:uuid:f64ffdf0-4b97-4e06-b79f-a52b38ec2f8a",
    }
)
UNIQUE_IDS = frozenset(
    {
        "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab",
        "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8",
        "urn:uuid:75df8f67-9973-4fbe-a900-df66cefecc5a",
    }
)
SOURCE_ID = "urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832"


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent for one sample."""

    path: str
    content_type: str
    body: bytes


@dataclass(slots=True)
class Toolkit:
    """What the toolkit knows while it fills templates: the entryUUIDs that earlier submissions were given."""

    patient: str = field(default_factory=new_patient)
    assigned: dict[str, str] = field(default_factory=dict)  # variable -> value


def sample_files(samples: Path) -> list[str]:
    """The samples that are or contain a submission or an MTOM/XOP message, by path."""
    found = [file for folder in FOLDERS for file in sorted((samples / folder).rglob("*")) if file.is_file()]
    return [
        str(file.relative_to(samples))
        for file in found
        if file.suffix != ".md" and any(mark in file.read_bytes() for mark in MARKS)
    ]


def whole_message(text: bytes) -> Request:
    """A message with its HTTP head, or MIME without one, or a SOAP envelope: as it would go over the wire."""
    if re.match(rb"\s*1\s+DefaultHttpRequest", text):
        text = b"\n".join(re.sub(rb"^\s*\d+ ?", b"", line) for line in text.splitlines() if line.strip())
        text = text.partition(b"\n")[2]  # what the log says of the message
    if text.startswith((b"POST ", b"HTTP/")):
        head, _, body = text.partition(b"\n\n")
        content_type = next(line for line in head.splitlines() if line.lower().startswith(b"content-type:"))
        return _addressed(content_type.partition(b":")[2].strip().decode(), body)
    if re.match(rb"\s*--\S", text):
        boundary = text.split(maxsplit=1)[0].removeprefix(b"--").decode()
        start = re.search(rb"Content-ID: *(<[^>]*>)", text, re.IGNORECASE)
        root = start.group(1).decode() if start else ""
        content_type = (
            f'multipart/related; type="application/xop+xml"; start="{root}"; boundary="{boundary}"; '
            'start-info="application/soap+xml"'
        )
        return _addressed(content_type, text.lstrip())
    return _addressed("application/soap+xml; charset=UTF-8", text.strip())


def _addressed(content_type: str, body: bytes) -> Request:
    """MIME has lines that end with CRLF; version control made them LF."""
    if content_type.startswith("multipart/"):
        boundary = re.search(r'boundary="?([^";]+)', content_type)
        body = _mime_lines(body, (boundary.group(1) if boundary else "").encode())
    repository = b"ProvideAndRegisterDocumentSet" in body or b"RetrieveDocumentSet" in body
    return Request(REPOSITORY_PATH if repository else REGISTRY_PATH, content_type, body)


def _mime_lines(body: bytes, boundary: bytes) -> bytes:
    """The head of each part and the lines around boundaries with CRLF; what the parts hold as it stands."""
    pieces = body.split(b"--" + boundary)
    whole = [pieces[0]]
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            whole.append(b"--\r\n")
            break
        head, _, content = piece.partition(b"\n\n")
        lines = [line.strip() for line in head.strip().splitlines()]
        content = content.removesuffix(b"\n")
        whole.append(b"\r\n" + b"\r\n".join(lines) + b"\r\n\r\n" + content + b"\r\n")
    return (b"--" + boundary).join(whole)


def enveloped(action: str, body: bytes) -> Request:
    """A bare request in an envelope."""
    body = re.sub(rb"^\s*<\?xml[^>]*\?>", b"", body)
    envelope = (
        f'<s:Envelope xmlns:s="{SOAP_12}" xmlns:wsa="{WSA}"><s:Header><wsa:Action s:mustUnderstand="1">{action}'
        f"</wsa:Action><wsa:MessageID>urn:uuid:{uuid4()}</wsa:MessageID></s:Header><s:Body>"
    ).encode()
    path = REPOSITORY_PATH if action == PROVIDE else REGISTRY_PATH
    return Request(path, "application/soap+xml; charset=UTF-8", envelope + body + b"</s:Body></s:Envelope>")


def from_template(text: bytes, toolkit: Toolkit, documents: dict[str, bytes] | None = None) -> Request:
    """Toolkit metadata as the toolkit sends it: by ITI-41 when there are `documents`, by ITI-42 otherwise."""
    for variable, value in {"$patientid$": toolkit.patient.replace("&", "&amp;"), **toolkit.assigned}.items():
        text = text.replace(variable.encode(), value.encode())
    root = parse(text.strip())
    submit = root.find(f"{{{LCM}}}SubmitObjectsRequest")
    metadata = in_ebrim_3(root if submit is None else submit)
    _assign(metadata, toolkit)
    if documents is None:
        return enveloped(REGISTER, etree.tostring(metadata))
    request = etree.Element(f"{{{XDS}}}ProvideAndRegisterDocumentSetRequest")
    request.append(metadata)
    for name, content in documents.items():
        document = etree.SubElement(request, f"{{{XDS}}}Document", id=name)
        document.text = base64.b64encode(content).decode()
    return enveloped(PROVIDE, etree.tostring(request))


def _assign(metadata: etree._Element, toolkit: Toolkit) -> None:
    for identifier in metadata.iter(f"{{{RIM}}}ExternalIdentifier"):
        scheme = identifier.get("identificationScheme", "")
        if scheme in PATIENT_IDS:
            identifier.set("value", toolkit.patient)
        elif scheme in UNIQUE_IDS:
            identifier.set("value", new_oid())
        elif scheme == SOURCE_ID:
            identifier.set("value", "1.3.6.1.4.1.21367.4")


def in_ebrim_3(root: etree._Element) -> etree._Element:
    """An ebRIM 2.1 request in ebRIM 3.0, one of 3.0 unchanged: names, full association types, required attributes."""
    if RIM in {etree.QName(element).namespace for element in root.iter(etree.Element)}:
        return root
    request = etree.Element(f"{{{LCM}}}SubmitObjectsRequest", nsmap={"lcm": LCM, "rim": RIM})
    objects = etree.SubElement(request, f"{{{RIM}}}RegistryObjectList")
    for element in root.iter(etree.Element):
        if local_name(element.tag) == "LeafRegistryObjectList":
            for child in element.iterchildren(etree.Element):
                if local_name(child.tag) != "ObjectRef":
                    objects.append(_in_ebrim_3(child, ""))
    return request


def _in_ebrim_3(element: etree._Element, owner: str) -> etree._Element:
    name, attributes = local_name(element.tag), {str(key): str(value) for key, value in element.attrib.items()}
    attributes.pop("{http://www.w3.org/XML/1998/namespace}lang", None)
    if name in ("RegistryPackage", "Association", "Classification"):
        attributes.pop("objectType", None)
    if name in ("Association", "Classification", "ExternalIdentifier"):
        attributes.setdefault("id", f"id_{uuid4().hex}")
    if name == "ExternalIdentifier":
        attributes["registryObject"] = owner
    if name == "Association":
        oasis = attributes["associationType"] == "HasMember"
        prefix = "urn:oasis:names:tc:ebxml-regrep" if oasis else "urn:ihe:iti:2007"
        attributes["associationType"] = f"{prefix}:AssociationType:{attributes['associationType']}"
    written = etree.Element(f"{{{RIM}}}{name}", attributes)
    written.text = element.text if name == "Value" else None
    owner = attributes.get("id", "") if name in ("ExtrinsicObject", "RegistryPackage") else owner
    written.extend([_in_ebrim_3(child, owner) for child in element.iterchildren(etree.Element)])
    return written
