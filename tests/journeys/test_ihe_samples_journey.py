"""Real messages of other houses, sent as they stand: each gets the answer that the standard wants.

A message is sent unchanged. A template is filled as its tool fills it (`tests.ihe_samples`). The table says of every
file what comes back, and of every refusal which clause wants it; a sample that the table does not name fails.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from registry.metadata import AssociationType, SubmissionSet
from schemas.xml import parse
from tests.connectathon import Answer, Node, association, document, folder, submission
from tests.ihe_samples import PROVIDE, REGISTER, Request, Toolkit, enveloped, from_template, sample_files, whole_message

pytestmark = pytest.mark.reference

METADATA, MISSING = "XDSRegistryMetadataError", "XDSMissingDocument"
UNRESOLVED, UNKNOWN = "UnresolvedReferenceException", "XDSUnknownPatientId"
REPOSITORY, DUPLICATE = "XDSUnknownRepositoryId", "XDSDuplicateUniqueIdInRegistry"


@dataclass(frozen=True, slots=True)
class Expected:
    """`codes` are those of errors; `documents` come along when the tool sends the template by ITI-41."""

    status: str
    codes: frozenset[str] = frozenset()
    why: str = ""
    documents: tuple[tuple[str, str], ...] = ()


def success(**documents: str) -> Expected:
    return Expected("Success", documents=tuple(documents.items()))


def failure(why: str, *codes: str, **documents: str) -> Expected:
    return Expected("Failure", frozenset(codes), why, tuple(documents.items()))


def fault(why: str) -> Expected:
    return Expected("Fault", why=why)


SOURCE_PATIENT = "TF-3 4.2.3.2.22: sourcePatientId is a CX, so CX.4 has an OID; here a mere name"
BROKEN = "TF-3 4.2.5: a line break within the UUIDs of schemes, so that patientId, uniqueId and others are wanting"
CODE_LIST = "TF-3 Table 4.3.1-3: Folder.codeList is required"
UPDATE = "TF-3 4.2.2 and XDS Metadata Update 3.57: what only an update may ask, asked by ITI-42"
NO_REQUEST = "WS-Addressing SOAP Binding §5: an answer, not a request"
ELSEWHERE = "TF-2 3.43.4.1.3: documents of other repositories"
NO_DOCUMENT = "TF-2 3.41.4.1.3: a document for each entry; the sample is metadata alone"
NOT_SERVED = "TF-2 Appendix V.3: a message of a transaction that is not served here"
KONNEKTOR, SELF, XCA = "gematik-epa/ePA_1_Beispielnachrichten_PS_-_Konnektor", "nist-selftest", "xcadocumentsource-iti"
DATA = "nist-testdata-repository"
MORE = f"{DATA}/Test Data - Repository"
TEXT = "my_document.txt"

TABLE: dict[str, Expected] = {
    "epd-by-example/ITI-41_request.xml": fault("RFC 2046 §5.1: a log whose head names another boundary than its body"),
    "epd-by-example/ITI-43_response.xml": fault(NO_REQUEST),
    f"{KONNEKTOR}/Requests/provideandregister.xml": fault("XOP 1.0 §3.2: an xop:Include without its package"),
    f"{KONNEKTOR}/Requests/provideandregister.xop": failure(
        "TF-3 Table 4.3.1-3: sourceId and sourcePatientId are required; TF-2 Appendix B: an OID has 64 characters",
        METADATA,
    ),
    f"{KONNEKTOR}/Requests/removedocument.xop": fault("TF-2 3.43.4.1.2: the action of ITI-43 on another request"),
    f"{KONNEKTOR}/Requests/retrievedocument-resp.xop": failure(ELSEWHERE, REPOSITORY),
    f"{KONNEKTOR}/Requests/retrievedocument.xop": failure(ELSEWHERE, REPOSITORY),
    f"{KONNEKTOR}/Responses/provideandregister-resp.xop": fault(NO_REQUEST),
    f"{KONNEKTOR}/Responses/removedocument-resp.xop": fault(NO_REQUEST),
    f"{KONNEKTOR}/Responses/retrievedocument-resp.xml": fault(NO_REQUEST),
    "ipf-xds/SubmitObjectsRequest_ebrs30.xml": failure(BROKEN, METADATA, UNRESOLVED),
    "ipf-xds/SubmitObjectsRequest_ebrs30_2.xml": failure(BROKEN, METADATA, UNRESOLVED),
    "ipf-xds/SubmitObjectsRequest_ebrs30_update.xml": failure(UPDATE, METADATA),
    "ipf-xds/SubmitObjectsRequest_ebrs30_update_nonstandard_association.xml": failure(UPDATE, METADATA),
    "ipf-xds/SubmitObjectsRequest_ebrs30_update_sameLid.xml": failure(UPDATE, METADATA),
    "ipf-xds/SubmitObjectsRequest_ebrs3_extra_metadata.xml": failure(BROKEN, METADATA, UNRESOLVED),
    "ipf-xds/submission-set.xml": success(),
    "nist-examples/11730/metadata.xml": failure(
        "TF-3 4.2.2.1.3: a membership in a folder is held by the submission set", METADATA, Document01="cda.xml"
    ),
    "nist-examples/11737/metadata.xml": failure(
        "TF-3 4.2.1.2: no association from a submission set that is registered", UNRESOLVED, Document01="cda.xml"
    ),
    "nist-examples/11742/metadata.xml": failure("TF-3 4.2.1.5: one SubmissionSet; here none", METADATA),
    "nist-examples/XDS-SD/metadata.xml": failure(
        "TF-3 Table 4.2.3.1.7-2: an XCN has an identifier or a name, an XON no third component",
        METADATA,
        Document="ScanSample.xml",
    ),
    "nist-http/http-mtom-pnr.txt": success(),
    "nist-http/http-simple.txt": fault("TF-2 Appendix V.3.2: application/xml is no media type of SOAP 1.2"),
    "nist-messagevalidator/http-mtom-pnr.txt": failure(
        "TF-3 4.2.3.1.5 and TF-2 3.42.4.1.3.3.7: the message of nist-http again", METADATA, DUPLICATE
    ),
    "nist-messagevalidator/pnr-limited.xml": failure(
        f"{NO_DOCUMENT}; TF-2 3.41.4.1.3.1: nor a patient", MISSING, UNKNOWN
    ),
    "nist-messagevalidator/pnr.xml": failure(NO_DOCUMENT, MISSING),
    "nist-messagevalidator/soap-pnr.xml": failure(NO_DOCUMENT, MISSING),
    f"{SELF}/assoc_version/repositoryB/single_doc.xml": failure(
        "TF-3 4.2.2: association types are URNs; what the tool wants, too", METADATA
    ),
    f"{SELF}/assoc_version/repositoryBonedoc/single_doc.xml": success(Document01=TEXT),
    f"{SELF}/dsub/publish/single_doc.xml": fault(NOT_SERVED),
    f"{SELF}/finddocs/two_doc.xml": failure(SOURCE_PATIENT, METADATA),
    f"{SELF}/findfol/single_doc_w_fol.xml": failure(f"{SOURCE_PATIENT}; {CODE_LIST}", METADATA),
    f"{SELF}/findss/sub1.xml": failure(SOURCE_PATIENT, METADATA),
    f"{SELF}/findss/sub2.xml": failure(SOURCE_PATIENT, METADATA),
    f"{SELF}/pnrb/single_doc.xml": failure(SOURCE_PATIENT, METADATA, Document01=TEXT),
    f"{SELF}/related/rplc.xml": failure(SOURCE_PATIENT, METADATA),
    f"{SELF}/related/single_doc_for_rplc.xml": failure(SOURCE_PATIENT, METADATA),
    f"{SELF}/soapheader/single_doc.xml": success(Document01=TEXT),
    f"{SELF}/socket/request.txt": success(),
    "nist-testdata-registry/DSUB_IHERED-1014/submit/metadata.xml": success(),
    f"{DATA}/DocumentInFolder/submit_doc_w_fol/metadata.xml": success(Document01=TEXT),
    f"{DATA}/SingleDocument-PDF/submit_doc/metadata.xml": success(Document01="doc.pdf"),
    f"{DATA}/SingleDocument-Repository/submit_doc/metadata.xml": success(Document01="readme.txt"),
    f"{DATA}/XCA_IHEBLUE-1039/submit_doc/metadata.xml": success(Document01="readme.txt"),
    f"{MORE}/metadata.xml": failure(CODE_LIST, METADATA, Document09=TEXT),
    f"{MORE}/rplc.xml": success(Document01=TEXT),
    f"{MORE}/single_doc.xml": success(Document01=TEXT),
    f"{MORE}/single_doc_for_rplc.xml": success(Document01=TEXT),
    f"{MORE}/single_doc_w_fol.xml": success(Document01=TEXT),
    f"{MORE}/two_doc_w_fol.xml": success(Document01=TEXT, Document02="my_document2.txt"),
    "nist-utilities/ProvideAndRetrieve/pdf/metadata.xml": success(Document01="my_document.pdf"),
    "nist-utilities/ProvideAndRetrieve/text/metadata.xml": success(Document01="doc.txt"),
    "nist-utilities/ProvideAndRetrieve/xml/metadata.xml": success(Document01="doc.xml"),
    "nist-utilities/RegisterAndQuery/metadata.xml": success(),
    "openxds/submit_document.xml": Expected(
        "Failure",
        frozenset({METADATA}),
        "TF-3 Table 4.2.3.1.7-2: XCN.9 has no namespace ID",
        (("$doc1", "referral_summary.xml"),),
    ),
    f"{XCA}/IT_iti-39_request-multipart.txt": fault(NOT_SERVED),
    f"{XCA}/IT_iti-41_request.xml": failure("TF-3 4.2.1.5: one SubmissionSet; here nothing", METADATA),
    f"{XCA}/IT_iti-42_request.xml": fault("TF-2 3.42.4.1.2: the body has an lcm:SubmitObjectsRequest, unwrapped"),
    "xds-registry-to-fhir/iti-42-invalid-token.xml": fault(
        "TF-2 3.40.4.1.3: an expired assertion of an unknown issuer"
    ),
    "xds-registry-to-fhir/iti-42.xml": success(),
}


TEMPLATES = ("nist-examples", SELF, "nist-testdata-", "nist-utilities", "openxds")


def request_of(samples: Path, name: str, toolkit: Toolkit, documents: Mapping[str, str]) -> Request:
    """What is sent for a sample."""
    file = samples / name
    text = file.read_bytes()
    if b"Envelope" in text:
        return whole_message(text)
    if name.startswith(TEMPLATES):
        contents = {entry: (file.parent / path).read_bytes() for entry, path in documents.items()}
        return from_template(text, toolkit, contents or None)
    return enveloped(PROVIDE if b"ProvideAndRegister" in text else REGISTER, text)


def toolkit_for(node: Node) -> Toolkit:
    """A toolkit that has registered what templates refer to."""
    toolkit = Toolkit()
    old, box = document(toolkit.patient), folder(toolkit.patient)
    earlier = submission(old, box, association(AssociationType.HAS_MEMBER, box.entry_uuid, old.entry_uuid))
    assert node.register(earlier).success
    everything = node.everything(toolkit.patient)
    toolkit.assigned |= {
        "$rplc_doc_uuid$": everything.entries[0].entry_uuid,
        "$Folder01": everything.folders[0].entry_uuid,
        "$SubmissionSet01": next(each.entry_uuid for each in everything.objects if isinstance(each, SubmissionSet)),
    }
    return toolkit


def answer_to(node: Node, request: Request) -> Answer:
    status, _, body = node.post(request.path, request.body, request.content_type)
    envelope = re.search(rb"<(\w+:)?Envelope.*</(\w+:)?Envelope>", body, re.DOTALL)
    assert envelope, body
    return Answer(status, parse(envelope.group()))


@pytest.fixture(scope="module")
def answers(node: Node, reference: Path) -> dict[str, Answer]:
    """The answer to each sample, sent in the order of their names."""
    samples = reference / "ihe" / "samples"
    found = {}
    for name in sample_files(samples):
        documents = dict(TABLE[name].documents) if name in TABLE else {}
        found[name] = answer_to(node, request_of(samples, name, toolkit_for(node), documents))
    return found


def test_no_sample_is_left_out(reference: Path) -> None:
    assert sample_files(reference / "ihe" / "samples") == sorted(TABLE)
    assert all(row.why for row in TABLE.values() if row.status != "Success")


@pytest.mark.parametrize("name", TABLE)
def test_a_sample_gets_the_answer_that_the_standard_wants(answers: dict[str, Answer], name: str) -> None:
    answer, expected = answers[name], TABLE[name]
    assert (answer.status or "Fault") == expected.status, (answer.fault, answer.errors)
    errors = {code for code, severity, _, _ in answer.errors if severity == "Error"}
    assert errors == expected.codes, answer.errors
    assert bool(answer.fault) is (expected.status == "Fault")
