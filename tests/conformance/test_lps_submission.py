"""What an ITI-41 carries."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lps_fakes import INS, INS_OID, cda, demo_folder
from lxml import etree

from conformance.lps import people
from conformance.lps.header import Document, read_document
from conformance.lps.metadata import Code
from conformance.lps.mtom import Attachment
from conformance.lps.people import Demo, Patient
from conformance.lps.submission import (
    Signature,
    Submission,
    content_type,
    sender_author,
    signature_entry,
    write_metadata,
    write_request,
)
from conformance.lps.vihf import sign_submission
from schemas import oids
from schemas.value_sets import ValueSets
from schemas.xml import parse

NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
PATIENT = Patient(INS, INS_OID)
VALUES = ValueSets.load()
NS = {
    "rim": "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
    "xds": "urn:ihe:iti:xds-b:2007",
}
AUTHOR_SCHEME = "urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return people.load(demo_folder(tmp_path_factory.mktemp("demo")))


@pytest.fixture
def document(tmp_path: Path) -> Document:
    return read_document(cda(tmp_path / "letter.xml"), PATIENT, VALUES)


def submission(demo: Demo, document: Document, *, signed: bool = True, replaces: str = "") -> Submission:
    sender = demo.sender("dr-leblanc")
    author = sender_author(sender, VALUES)
    signature = None
    if signed:
        content = sign_submission(sender.keys, "2.25.1", {document.entry.unique_id: document.sha256}, NOW)
        signature = Signature(signature_entry([document], PATIENT, author, NOW), content)
    return Submission(
        patient=PATIENT,
        documents=[document],
        author=author,
        content_type=content_type(document.encounter_code, VALUES),
        source_id="2.25.2",
        unique_id="2.25.1",
        submission_time="20240506070809",
        replaces={document.entry.entry_uuid: replaces} if replaces else {},
        signature=signature,
    )


def slot_values(element: etree._Element, name: str) -> list[str]:
    return [str(value) for value in element.xpath(f"rim:Slot[@name='{name}']//rim:Value/text()", namespaces=NS)]


def code_of(element: etree._Element, scheme: str) -> list[tuple[str, str, str]]:
    return [
        (
            str(item.get("nodeRepresentation")),
            str(item.xpath("string(rim:Slot[@name='codingScheme']//rim:Value)", namespaces=NS)),
            str(item.xpath("string(rim:Name/rim:LocalizedString/@value)", namespaces=NS)),
        )
        for item in element.xpath(f"rim:Classification[@classificationScheme='{scheme}']", namespaces=NS)
    ]


def test_the_document_entry_as_table_4_2_5_2_has_it(demo: Demo, document: Document) -> None:
    root = write_metadata(submission(demo, document))
    entry, signature = root.findall(".//rim:ExtrinsicObject", NS)
    assert entry.get("id") == document.entry.entry_uuid
    assert (entry.get("mimeType"), entry.get("objectType")) == (
        "text/xml",
        "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1",
    )
    assert slot_values(entry, "creationTime") == ["20240405103000"]
    assert slot_values(entry, "languageCode") == ["fr-FR"]
    assert slot_values(entry, "sourcePatientInfo") == list(document.entry.source_patient_info)
    assert slot_values(entry, "hash") == [document.entry.hash]
    assert slot_values(entry, "size") == [str(document.entry.size)]
    assert code_of(entry, "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983") == [
        ("34112-3", oids.LOINC, "CR hospitalier (séjour)")
    ]
    assert code_of(entry, "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f")[0][0] == "N"
    assert code_of(entry, "urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4")[0][0] == "ACQH004"
    (author,) = entry.xpath(f"rim:Classification[@classificationScheme='{AUTHOR_SCHEME}']", namespaces=NS)
    assert author.get("nodeRepresentation") == ""
    assert slot_values(author, "authorPerson") == [document.entry.authors[0].person]
    identifiers = {
        str(item.get("identificationScheme")): str(item.get("value"))
        for item in entry.findall("rim:ExternalIdentifier", NS)
    }
    assert identifiers == {
        "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427": PATIENT.cx,
        "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab": "2.25.1234",
    }
    assert signature.get("id") != entry.get("id")


def test_every_part_of_an_object_points_at_it(demo: Demo, document: Document) -> None:
    root = write_metadata(submission(demo, document))
    for element in root.iterfind(".//rim:RegistryObjectList/*", NS):
        assert {str(item.get("classifiedObject")) for item in element.findall("rim:Classification", NS)} <= {
            str(element.get("id"))
        }
        assert {str(item.get("registryObject")) for item in element.findall("rim:ExternalIdentifier", NS)} <= {
            str(element.get("id"))
        }
    identifiers = [str(value) for value in root.xpath("//@id")]
    assert len(identifiers) == len(set(identifiers))


def test_the_submission_set_and_its_associations(demo: Demo, document: Document) -> None:
    root = write_metadata(submission(demo, document, replaces="urn:uuid:old"))
    (package,) = root.findall(".//rim:RegistryPackage", NS)
    set_id = str(package.get("id"))
    assert slot_values(package, "submissionTime") == ["20240506070809"]
    assert code_of(package, "urn:uuid:aa543740-bdda-424e-8c96-df4873be8500")[0][:2] == ("03", oids.CONTENT_TYPE)
    (author,) = package.xpath("rim:Classification[rim:Slot/@name='authorPerson']", namespaces=NS)
    assert slot_values(author, "authorPerson") == ["899900000011^LEBLANC^Hélène^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"]
    assert slot_values(author, "authorSpecialty")[0].startswith("G15_10/SM26^")
    values = [str(item.get("value")) for item in package.findall("rim:ExternalIdentifier", NS)]
    assert values == [PATIENT.cx, "2.25.2", "2.25.1"]
    (node,) = root.xpath("//rim:RegistryObjectList/rim:Classification", namespaces=NS)
    assert (node.get("classifiedObject"), node.get("classificationNode")) == (
        set_id,
        "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd",
    )
    entry_id, signature_id = (str(item.get("id")) for item in root.findall(".//rim:ExtrinsicObject", NS))
    associations = [
        (
            str(item.get("associationType")).rpartition(":")[2],
            str(item.get("sourceObject")),
            str(item.get("targetObject")),
        )
        for item in root.findall(".//rim:Association", NS)
    ]
    assert associations == [
        ("HasMember", set_id, entry_id),
        ("HasMember", set_id, signature_id),
        ("RPLC", entry_id, "urn:uuid:old"),
        ("signs", signature_id, set_id),
    ]
    members = root.xpath("//rim:Association[contains(@associationType, 'HasMember')]", namespaces=NS)
    assert [slot_values(member, "SubmissionSetStatus") for member in members] == [["Original"], ["Original"]]


def test_the_signature_document_as_the_dmp_has_it(demo: Demo, document: Document) -> None:
    sent = submission(demo, document)
    assert sent.signature is not None
    entry = sent.signature.entry
    assert (entry.class_code.code, entry.class_code.scheme) == ("urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1", "URN")
    assert (entry.type_code.code, entry.type_code.scheme) == ("E1762", "ASTM")
    assert (entry.format_code.code, entry.format_code.scheme) == ("http://www.w3.org/2000/09/xmldsig#", "URN")
    assert [code.code for code in entry.confidentiality_codes] == ["N", "MASQUE_PS", "INVISIBLE_PATIENT"]
    assert (entry.language_code, entry.title) == ("art", "Source")
    assert [code.code for code in entry.event_codes] == ["1.2.840.10065.1.12.1.14"]
    for table, code in (
        ("classe_document", entry.class_code),
        ("type_document", entry.type_code),
        ("format_code", entry.format_code),
    ):
        assert VALUES.contains(table, code.code, code.scheme)
    references = parse(sent.signature.content).findall(".//ds:Manifest/ds:Reference", NS)
    digests = {str(item.get("URI")): item.findtext("ds:DigestValue", namespaces=NS) for item in references}
    digest = base64.b64encode(hashlib.sha256(document.path.read_bytes()).digest()).decode()
    assert digests == {"urn:oid:2.25.1": "AA==", "urn:oid:2.25.1234": digest}


def test_the_request_has_an_attachment_wherever_a_document_goes(demo: Demo, document: Document) -> None:
    pieces = write_request(submission(demo, document))
    attachments = [piece for piece in pieces if isinstance(piece, Attachment)]
    assert attachments[0].source == document.path
    root = parse(b"".join(b"#" if isinstance(piece, Attachment) else piece for piece in pieces))
    assert root.tag == "{urn:ihe:iti:xds-b:2007}ProvideAndRegisterDocumentSetRequest"
    assert [item.text for item in root.findall("xds:Document", NS)] == ["#", "#"]
    assert [item.get("id") for item in root.findall("xds:Document", NS)] == [
        item.get("id") for item in root.findall(".//rim:ExtrinsicObject", NS)
    ]


def test_without_signature_nothing_signs(demo: Demo, document: Document) -> None:
    root = write_metadata(submission(demo, document, signed=False))
    assert len(root.findall(".//rim:ExtrinsicObject", NS)) == 1
    assert not root.xpath("//rim:Association[contains(@associationType, 'signs')]", namespaces=NS)


def test_the_content_type_is_that_of_the_encounter() -> None:
    assert content_type("IMP", VALUES).code == "03"
    assert content_type("AMB", VALUES).code == "07"
    assert content_type("", VALUES).code == "07"
    assert content_type("IMP", VALUES, "04") == Code("04", oids.CONTENT_TYPE, "Hospitalisation de jour")


def test_an_automaton_signs_as_the_system_of_its_structure(demo: Demo) -> None:
    author = sender_author(demo.sender("hopital"), VALUES)
    assert author.person == ("1750000001/automate^Hôpital de démonstration^^^^^^^&1.2.250.1.71.4.2.1&ISO^U^^^RI")
    assert author.institutions == ("Hôpital de démonstration^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^1750000001",)


@pytest.mark.reference
def test_the_request_is_valid_against_the_schema_of_the_framework(
    demo: Demo, document: Document, reference: Path
) -> None:
    schema = etree.XMLSchema(file=str(reference / "ihe" / "schema" / "xds-nist-v3" / "XDS.b_DocumentRepository.xsd"))
    pieces = write_request(submission(demo, document, replaces="urn:uuid:11111111-1111-4111-8111-111111111111"))
    root = parse(b"".join(b"QQ==" if isinstance(piece, Attachment) else piece for piece in pieces))
    assert schema.validate(root), schema.error_log
