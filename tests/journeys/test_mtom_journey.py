"""MTOM by raw bytes through HTTP: what a package may look like is stored and opened, what it may not is refused whole.

Source: RFC 2045, 2046, 2387, 2392; XOP 1.0; MTOM; ITI TF-2 V.8.
"""

from __future__ import annotations

import base64
import gzip
import http.client
import quopri
from dataclasses import dataclass, field

import pytest

from registry.metadata import DocumentEntry
from schemas.xml import parse
from tests.connectathon import (
    REPOSITORY_PATH,
    XDS,
    Answer,
    Node,
    document,
    new_patient,
    submission,
    submit_objects,
)

ACTION = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"
ROOT = 'Content-Type: application/xop+xml; charset=UTF-8; type="application/soap+xml"\r\n'
XOP = "http://www.w3.org/2004/08/xop/include"
FIRST, SECOND = b"<first/>\r\n--b", bytes(range(256)) * 3


def include(cid: str, more: str = "", inside: str = "") -> str:
    return f'<xop:Include xmlns:xop="{XOP}" href="{cid}"{more}>{inside}</xop:Include>'


@dataclass
class Case:
    """A package of two documents, each thing in it replaceable."""

    documents: tuple[str, str] = (include("cid:one@test"), include("cid:two@test"))
    root_headers: str = ROOT + "Content-ID: <root@test>\r\n"
    parts: list[tuple[str, bytes]] = field(
        default_factory=lambda: [
            ("Content-Type: text/plain\r\nContent-ID: <one@test>\r\n", FIRST),
            ("Content-ID: <two@test>\r\nContent-Transfer-Encoding: binary\r\n", SECOND),
        ]
    )
    order: tuple[int, ...] = (0, 1, 2)  # 0 is the root
    boundary: str = "MIME_boundary"
    boundary_parameter: str = ""
    parameters: str = 'type="application/xop+xml"; start="<root@test>"; start-info="application/soap+xml"'
    media_type: str = "multipart/related"
    preamble: bytes = b""
    epilogue: bytes = b"\r\n"
    line: bytes = b"\r\n"
    padding: bytes = b""

    def header(self) -> str:
        boundary = self.boundary_parameter or f'"{self.boundary}"'
        return f"{self.media_type}; boundary={boundary}; {self.parameters}"

    def body(self, envelope: bytes) -> bytes:
        everything = [(self.root_headers, envelope), *self.parts]
        dashes = b"--" + self.boundary.encode()
        written = [
            dashes + self.padding + b"\r\n" + everything[number][0].encode() + b"\r\n" + everything[number][1] + b"\r\n"
            for number in self.order
        ]
        whole = self.preamble + b"".join(written) + dashes + b"--" + self.epilogue
        return whole if self.line == b"\r\n" else whole.replace(b"\r\n", self.line)


@dataclass(frozen=True)
class Sent:
    """What came of a package."""

    status: int
    answer: Answer
    entries: tuple[DocumentEntry, DocumentEntry]
    patient: str


def request(node: Node, case: Case, entries: tuple[DocumentEntry, DocumentEntry]) -> bytes:
    inside = "".join(
        f'<xds:Document id="{entry.entry_uuid}">{text}</xds:Document>'
        for entry, text in zip(entries, case.documents, strict=True)
    )
    body = (
        f'<xds:ProvideAndRegisterDocumentSetRequest xmlns:xds="{XDS}">{submit_objects(submission(*entries))}{inside}'
        "</xds:ProvideAndRegisterDocumentSetRequest>"
    )
    return node.envelope(ACTION, body)


def send(node: Node, case: Case, **headers: str) -> Sent:
    patient = new_patient()
    unspoken = {"hash": "", "size": None, "repository_unique_id": ""}
    entries = (document(patient, "Document01", **unspoken), document(patient, "Document02", **unspoken))
    envelope = request(node, case, entries)
    body = case.body(envelope)
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=60)
    try:
        connection.request("POST", REPOSITORY_PATH, body, {"Content-Type": case.header(), **headers})
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    start, end = content.find(b"<?xml"), content.find(b"</env:Envelope>") + len(b"</env:Envelope>")
    return Sent(response.status, Answer(response.status, parse(content[start:end])), entries, patient)


def opened(node: Node, sent: Sent) -> list[bytes]:
    answer = node.retrieve(*(entry.unique_id for entry in sent.entries))
    found = {
        each.findtext(f"{{{XDS}}}DocumentUniqueId"): base64.b64decode(each.findtext(f"{{{XDS}}}Document") or "")
        for each in answer.root.iter(f"{{{XDS}}}DocumentResponse")
    }
    return [found[entry.unique_id] for entry in sent.entries]


def quoted(cid: str) -> str:
    return f"Content-ID: <{cid}>\r\nContent-Transfer-Encoding: quoted-printable\r\n"


def coded(cid: str) -> str:
    return f"Content-ID: <{cid}>\r\nContent-Transfer-Encoding: BASE64\r\n"


FOLDED = (
    'Content-Type: application/xop+xml;\r\n\tcharset=UTF-8;\r\n  type="application/soap+xml"\r\n'
    "content-id:<root@test> \r\nX-Other: anything\r\n"
)
USUAL = Case().parts
EXTRA = [*USUAL, ("Content-ID: <x@test>\r\n", b"x")]
ACCEPTED: dict[str, Case] = {
    "as usual": Case(),
    "parts in another order": Case(order=(0, 2, 1)),
    "root last": Case(order=(2, 1, 0)),
    "root between": Case(order=(1, 0, 2)),
    "start missing, root first": Case(parameters='type="application/xop+xml"; start-info="application/soap+xml"'),
    "start-info missing": Case(parameters='type="application/xop+xml"; start="<root@test>"'),
    "start-info with action": Case(
        parameters='type="application/xop+xml"; start="<root@test>"; start-info="application/soap+xml; action=x"'
    ),
    "action that differs from wsa:Action": Case(
        parameters=f'{Case.parameters}; action="urn:ihe:iti:2007:RetrieveDocumentSet"'
    ),
    "media types in capitals": Case(
        media_type="Multipart/Related", root_headers=Case.root_headers.replace("xop", "XOP")
    ),
    "xop:Include with attributes and children of other namespaces": Case(
        documents=(
            include("cid:one@test", ' xmlns:y="urn:y" y:a="b"', '<z:c xmlns:z="urn:z">d</z:c>'),
            include("cid:two@test"),
        )
    ),
    "white space around xop:Include": Case(documents=(f"\n  {include('cid:one@test')}\n", include("cid:two@test"))),
    "percent-encoded cid": Case(documents=(include("cid:one%40test"), include("CID:%74wo@test"))),
    "cid with reserved characters": Case(
        documents=(include("cid:http%3A%2F%2Fx%2F1%2B2@test"), include("cid:two@test")),
        parts=[("Content-ID: <http://x/1+2@test>\r\n", FIRST), USUAL[1]],
    ),
    "inline and XOP mixed": Case(
        documents=(base64.b64encode(FIRST).decode(), include("cid:two@test")), parts=[USUAL[1]], order=(0, 1)
    ),
    "all inline": Case(
        documents=(base64.b64encode(FIRST).decode(), base64.b64encode(SECOND).decode()), parts=[], order=(0,)
    ),
    "base64 with white space": Case(
        documents=("\n\t" + " \r\n".join(base64.b64encode(FIRST).decode()), base64.encodebytes(SECOND).decode()),
        parts=[], order=(0,),
    ),
    "base64 as transfer encoding": Case(
        parts=[(coded("one@test"), base64.encodebytes(FIRST)), (coded("two@test"), base64.b64encode(SECOND))]
    ),
    "quoted-printable as transfer encoding": Case(
        parts=[(quoted("one@test"), b"<first/>=0D=0A--=\r\nb"), (quoted("two@test"), quopri.encodestring(SECOND))]
    ),
    "boundary of all its characters": Case(boundary="=_'()+_,-./:=? a1"),
    "boundary without quotes": Case(boundary="----=_Part_7", boundary_parameter="----=_Part_7"),
    "boundary of 70 characters": Case(boundary="b" * 70),
    "boundary that begins a line of a document": Case(boundary="--b", parts=[USUAL[0], USUAL[1]]),
    "padding after boundaries": Case(padding=b" \t "),
    "preamble": Case(preamble=b"This is a multi-part message in MIME format.\r\n--MIME\r\n\r\n"),
    "preamble that is an empty line": Case(preamble=b"\r\n"),
    "epilogue": Case(epilogue=b"\r\nNobody reads this.\r\n--MIME_boundary\r\n"),
    "nothing after the last boundary": Case(epilogue=b""),
    "folded headers": Case(root_headers=FOLDED),
}  # fmt: skip


@pytest.mark.proves("wire/mtom-mixed", "wire/start-info")
@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(node: Node, name: str) -> None:
    sent = send(node, ACCEPTED[name])
    assert (sent.status, sent.answer.errors) == (200, [])
    assert opened(node, sent) == [FIRST, SECOND]


def test_an_envelope_in_utf_16(node: Node) -> None:
    class Utf16(Case):
        def body(self, envelope: bytes) -> bytes:
            return super().body(('<?xml version="1.0" encoding="UTF-16"?>' + envelope.decode()).encode("utf-16"))

    sent = send(node, Utf16(root_headers=Case.root_headers.replace("UTF-8", "UTF-16")))
    assert (sent.status, sent.answer.errors) == (200, [])
    assert opened(node, sent) == [FIRST, SECOND]


def test_documents_without_bytes(node: Node) -> None:
    """RFC 2046 §5.1.1: the empty line of such a part may be the line break of the delimiter."""
    case = Case(parts=[("Content-ID: <one@test>\r\n", b""), USUAL[1]])
    whole = case.body

    class Shorter(Case):
        def body(self, envelope: bytes) -> bytes:
            return whole(envelope).replace(b"<one@test>\r\n\r\n\r\n--", b"<one@test>\r\n\r\n--")

    for each in (case, Shorter(parts=case.parts)):
        sent = send(node, each)
        assert (sent.status, sent.answer.errors) == (200, [])
        assert opened(node, sent) == [b"", SECOND]


TWICE = [("Content-ID: <one@test>\r\n", FIRST), ("Content-ID: <one@test>\r\n", SECOND)]
REFUSED: dict[str, tuple[Case, int]] = {
    "start that names no part": (Case(parameters=Case.parameters.replace("root@", "other@")), 400),
    "start missing, root last": (Case(order=(1, 2, 0), parameters='type="application/xop+xml"'), 400),
    "start-info of SOAP 1.1": (Case(parameters=Case.parameters.replace("soap+xml", "xml")), 415),
    "type missing": (Case(parameters='start="<root@test>"; start-info="application/soap+xml"'), 415),
    "type of SOAP with attachments": (Case(parameters='type="text/xml"'), 415),
    "form data": (Case(media_type="multipart/form-data"), 415),
    "multipart/mixed": (Case(media_type="multipart/mixed"), 415),
    "a part that is missing": (Case(parts=USUAL[:1], order=(0, 1)), 400),
    "one part referenced twice": (
        Case(documents=(include("cid:one@test"), include("cid:one@test")), parts=USUAL[:1], order=(0, 1)), 400,
    ),
    "two parts with one Content-ID": (Case(parts=TWICE), 400),
    "a part without Content-ID": (Case(parts=[USUAL[0], ("Content-Type: text/plain\r\n", SECOND)]), 400),
    "a part that nothing refers to": (Case(parts=EXTRA, order=(0, 1, 2, 3)), 400),
    "such a part before the root": (Case(parts=EXTRA, order=(3, 0, 1, 2)), 400),
    "an href that is no cid": (Case(documents=(include("http://127.0.0.1/one"), include("cid:two@test"))), 400),
    "xop:Include without href": (
        Case(documents=(include("cid:one@test").replace("href", "ref"), include("cid:two@test"))), 400,
    ),
    "two xop:Include in a document": (
        Case(documents=(include("cid:one@test") + include("cid:two@test"), "QQ==")), 400,
    ),
    "text beside xop:Include": (Case(documents=("QQ==" + include("cid:one@test"), include("cid:two@test"))), 400),
    "xop:Include in xop:Include": (
        Case(documents=(include("cid:one@test", inside=include("cid:x@test")), include("cid:two@test"))), 400,
    ),
    "base64 that is none": (Case(documents=("QQ=", include("cid:two@test")), parts=USUAL[1:], order=(0, 1)), 400),
    "base64 as transfer encoding that is none": (Case(parts=[(coded("one@test"), b"QQ="), USUAL[1]]), 400),
    "an unknown transfer encoding": (
        Case(parts=[("Content-ID: <one@test>\r\nContent-Transfer-Encoding: x-uue\r\n", FIRST), USUAL[1]]), 400,
    ),
    "a root of SOAP 1.1": (
        Case(root_headers='Content-Type: application/xop+xml; type="text/xml"\r\nContent-ID: <root@test>\r\n'), 400,
    ),
    "a root that is no XOP": (Case(root_headers="Content-Type: text/xml\r\nContent-ID: <root@test>\r\n"), 400),
    "a root in another charset": (
        Case(root_headers=ROOT.replace("UTF-8", "ISO-8859-1") + "Content-ID: <root@test>\r\n"), 415,
    ),
    "boundary that ends in a space": (Case(boundary="b "), 400),
    "boundary of 71 characters": (Case(boundary="b" * 71), 400),
    "boundary of characters that it may not have": (Case(boundary="b;c*d"), 400),
    "boundary missing": (Case(boundary_parameter='""'), 400),
    "another boundary": (Case(boundary_parameter='"other"'), 400),
    "a preamble without end": (Case(preamble=b"x" * 5000 + b"\r\n"), 400),
    "carriage returns only": (Case(line=b"\r"), 400),
}  # fmt: skip


CID = ("a part that is missing", "one part referenced twice", "two parts with one Content-ID")
START = (
    "start that names no part",
    "start missing, root last",
    "start-info of SOAP 1.1",
    "a root of SOAP 1.1",
    "a root that is no XOP",
)


def proving(name: str) -> list[pytest.MarkDecorator]:
    rows = {**dict.fromkeys(CID, "wire/mtom-cid"), **dict.fromkeys(START, "wire/start-info")}
    return [pytest.mark.proves(rows[name])] if name in rows else []


@pytest.mark.parametrize("name", [pytest.param(name, marks=proving(name)) for name in REFUSED])
def test_refused(node: Node, name: str) -> None:
    case, status = REFUSED[name]
    sent = send(node, case)
    assert (sent.status, sent.answer.status) == (status, "")
    assert sent.answer.fault
    assert node.find_documents(sent.patient).entries == ()


def test_a_package_without_its_last_boundary_is_refused(node: Node) -> None:
    class Cut(Case):
        def body(self, envelope: bytes) -> bytes:
            return super().body(envelope)[:-4]

    sent = send(node, Cut())
    assert (sent.status, "a closing boundary" in sent.answer.fault) == (400, True)
    assert node.find_documents(sent.patient).entries == ()


def test_compressed_bodies_are_refused(node: Node) -> None:
    class Compressed(Case):
        def body(self, envelope: bytes) -> bytes:
            return gzip.compress(super().body(envelope))

    sent = send(node, Compressed(), **{"Content-Encoding": "gzip"})
    assert (sent.status, "Content-Encoding" in sent.answer.fault) == (415, True)
    assert send(node, Case(), **{"Content-Encoding": "identity"}).status == 200


@pytest.mark.parametrize("content_type", ["text/xml", "application/xml", "text/plain", "application/json"])
def test_simple_soap_has_its_own_media_type(node: Node, content_type: str) -> None:
    status, _, content = node.post(REPOSITORY_PATH, node.envelope(ACTION, "<b/>"), content_type)
    assert (status, b"Content-Type" in content) == (415, True)


@pytest.mark.parametrize(
    ("content_type", "encoding", "declared"),
    [
        ('application/soap+xml; charset="utf-8"', "utf-8", "UTF-8"),
        ("application/soap+xml; charset=UTF-16", "utf-16", "UTF-16"),
        ("application/soap+xml", "utf-16", "UTF-16"),
        ("application/soap+xml; charset=utf-8", "utf-16", "UTF-16"),  # RFC 7303 §3: the mark comes first
        ("application/soap+xml; action=urn:other", "utf-8", "UTF-8"),
        ('Application/SOAP+XML;charset=utf-8;action="urn:other"', "utf-8", "UTF-8"),
    ],
)
def test_encodings_of_simple_soap(node: Node, content_type: str, encoding: str, declared: str) -> None:
    query = "<b/>"
    message = f'<?xml version="1.0" encoding="{declared}"?>{node.envelope("urn:none", query).decode()}'.encode(encoding)
    status, _, content = node.post(REPOSITORY_PATH, message, content_type)
    assert (status, b"wsa:ActionNotSupported" in content) == (400, True)


def test_a_foreign_charset_of_simple_soap(node: Node) -> None:
    header = "application/soap+xml; charset=ISO-8859-1"
    assert node.post(REPOSITORY_PATH, node.envelope(ACTION, "<b/>"), header)[0] == 415
