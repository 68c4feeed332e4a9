"""Spoiled messages on the raw wire: an answer or a fault that XML can read, nothing stored, no worker lost."""

from __future__ import annotations

import random
import re

import pytest
from lxml import etree

from conformance.lps.client import Lps
from conformance.lps.connection import REGISTRY, REPOSITORY
from conformance.lps.people import Patient
from conformance.lps.query import FIND_DOCUMENTS, GET_DOCUMENTS, Filters, Parameter, find_documents, write_query
from schemas import xml
from server.demo import background
from server.demo.people import PATIENTS
from tests.journeys.attacks import SIMPLE, XOP, Answer, ask, package, post, question, request, wire
from tests.journeys.attacks import Provide as Message
from tests.village import Village

DOCTOR = "medecin-traitant"
Sample = tuple[str, str, bytes]  # path, Content-Type, body

_ELEMENT = re.compile(rb"<([\w:]+)[^<>]*>[^<]*</\1>|<[\w:]+[^<>]*/>")
_ATTRIBUTE = re.compile(rb' [\w:]+="[^"]*"')
_TEXT = re.compile(rb">([^<>]{1,200})<")
_HEADER = re.compile(rb"\r\nContent-[\w-]+: ([^\r\n]*)")
_JUNK = (b"\0", b"\x01", b"\xff", b"<", b"&", b'"', b"<!--", b"<![CDATA[", b"\r\n--", b"<!DOCTYPE a>", b"&#xD800;")
_VALUES = (b"", b"-1", b"9" * 300, b"''", b"('", "٣".encode(), b"urn:uuid:x", b"../../etc/passwd", b"a" * 70_000)
_HEADERS = (b"", b"\x01\x02", b"base64", b"<other>", b"text/xml", b"\xff\xfe", b"a" * 5000, b'x; y="')


@pytest.fixture(scope="module")
def patient(village: Village) -> Patient:
    return village.patient(PATIENTS[11].ins)


@pytest.fixture(scope="module")
def lps(village: Village) -> Lps:
    return village.lps(DOCTOR)


@pytest.fixture(scope="module")
def address(village: Village) -> str:
    return f"https://{village.settings.https}"


def samples(lps: Lps, patient: Patient) -> list[Sample]:
    """Genuine messages of every shape."""
    message = Message(lps, DOCTOR, patient)
    search = question(lps, patient, write_query(FIND_DOCUMENTS, _find(patient), object_refs=False))
    part = b'--b\r\nContent-Type: application/xop+xml; charset=UTF-8; type="application/soap+xml"\r\n'
    return [
        (REPOSITORY, *package(lps, DOCTOR, patient)),
        (REPOSITORY, *package(lps, DOCTOR, patient, inline=True)),
        (REPOSITORY, SIMPLE, etree.tostring(message.root)),
        (REGISTRY, SIMPLE, search),
        (REGISTRY, XOP, part + b"Content-ID: <root>\r\n\r\n" + search + b"\r\n--b--\r\n"),
    ]


def spoiled(chance: random.Random, body: bytes) -> bytes:
    """`body` with one thing wrong."""

    def instead(pattern: re.Pattern[bytes], replacements: tuple[bytes, ...], group: int = 0) -> bytes:
        found = list(pattern.finditer(body))
        if not found:
            return body[:-1]
        hit = chance.choice(found)
        return body[: hit.start(group)] + chance.choice(replacements) + body[hit.end(group) :]

    start = chance.randrange(len(body))
    stop = min(len(body), start + chance.randint(1, 200))
    match chance.randrange(10):
        case 0:
            return body[:start] + bytes([chance.randrange(256)]) + body[start + 1 :]
        case 1:
            return body[:start] + body[stop:]
        case 2:
            return body[:stop] + body[start:]
        case 3:
            return body[:start]
        case 4:
            return body[:start] + chance.choice(_JUNK) + body[start:]
        case 5:
            return instead(_ELEMENT, (b"",))
        case 6:
            return instead(_ATTRIBUTE, (b"", b' x="y"', b' xmlns:x=""'))
        case 7:
            return instead(_TEXT, _VALUES, group=1)
        case 8:
            return instead(_HEADER, _HEADERS, group=1)
        case _:
            parts = body.split(b"\r\n--")
            chance.shuffle(parts)
            return b"\r\n--".join(parts)


def sent(chance: random.Random, sample: Sample) -> tuple[list[bytes], bool]:
    """The pieces to send, and whether an answer must come."""
    path, kind, body = sample
    kind = (
        kind if chance.random() < 0.9 else kind[: chance.randrange(len(kind))] + chance.choice(("", "\x01", '"', "é"))
    )
    whole = request(path, kind, body)
    match chance.randrange(6):
        case 0:
            size = chance.choice((7, 1000, 70_000))
            cut = [body[start : start + size] for start in range(0, len(body), size)]
            chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in cut)
            return [request(path, kind, body, chunks=chunks + chance.choice((b"0\r\n\r\n", b"zz\r\n\r\n")))], True
        case 1:
            return [whole[: chance.randrange(len(whole))]], False
        case 2:
            step = len(whole) // 20 + 1
            return [whole[start : start + step] for start in range(0, len(whole), step)], True
        case _:
            return [whole], True


def storm(village: Village, lps: Lps, address: str, patient: Patient, *, seed: int, count: int) -> None:
    chance = random.Random(seed)
    genuine = samples(lps, patient)
    entries = {entry.entry_uuid for entry in lps.find(patient)}
    accepted = 0
    for number in range(count):
        path, kind, body = chance.choice(genuine)
        pieces, answered = sent(chance, (path, kind, spoiled(chance, body)))
        answer = wire(lps, address, *pieces, listen=answered)
        if not answered:
            continue
        assert (
            answer.status in (200, 400, 408, 413, 415)
            or b"VersionMismatch" in answer.body
            or (b"MustUnderstand" in answer.body)
        ), (seed, number, answer)
        assert b"Traceback" not in answer.body
        if answer.status != 200:
            if b"Envelope" in answer.body:
                xml.parse(answer.body)
        elif path == REPOSITORY and answer.succeeded:
            accepted += 1
    stored = {entry.entry_uuid for entry in lps.find(patient)} - entries
    assert len(stored) <= accepted, "what was not acknowledged was not stored"
    assert background.running(village.folder) == village.pid, "one process tree survives it all"
    assert village.settings.http is not None
    assert background.healthy(village.settings.http)


def test_spoiled_messages_do_no_harm(village: Village, lps: Lps, address: str, patient: Patient) -> None:
    storm(village, lps, address, patient, seed=1, count=300)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 12))
def test_many_spoiled_messages_do_no_harm(
    village: Village, lps: Lps, address: str, patient: Patient, seed: int
) -> None:
    storm(village, lps, address, patient, seed=seed, count=1000)


# --- What broke once --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [b"zz\r\n\r\n", b"-1\r\n\r\n", b"5\r\nabc", b"2\r\nabc\r\n0\r\n\r\n"])
def test_chunks_that_are_none_are_the_sender_s_fault(lps: Lps, address: str, ending: bytes) -> None:
    if ending == b"5\r\nabc":
        wire(lps, address, request(REGISTRY, SIMPLE, b"", chunks=ending), listen=False)
        return
    answer = wire(lps, address, request(REGISTRY, SIMPLE, b"", chunks=b"4\r\n<a/>\r\n" + ending))
    assert answer.status == 400


@pytest.mark.parametrize("header", ["Content-Type", "Content-Transfer-Encoding"])
def test_a_control_character_in_a_mime_header_leaves_the_fault_well_formed(lps: Lps, header: str) -> None:
    part = f"--b\r\nContent-ID: <root>\r\n{header}: \x01\x02\r\n\r\n<a/>\r\n--b--\r\n".encode()
    answer = post(lps, REGISTRY, XOP, part)
    assert answer.status == 400
    assert xml.local_name(xml.parse(answer.body).tag) == "Envelope"


def _find(patient: Patient, *more: Parameter) -> list[Parameter]:
    return [*find_documents(patient.cx, Filters()), *more]


def test_a_query_of_more_values_than_a_statement_holds_is_refused(lps: Lps, patient: Patient) -> None:
    codes = ("$XDSDocumentEntryTypeCode", [f"('{number}^^1.2')" for number in range(40_000)])
    answer = ask(lps, patient, FIND_DOCUMENTS, _find(patient, codes), refs=False)
    assert (answer.status, list(answer.errors)) == (200, ["XDSStoredQueryParamNumber"])
    uuids = (
        "$XDSDocumentEntryEntryUUID",
        [f"('urn:uuid:{number:08x}-0000-4000-8000-000000000000')" for number in range(20_000)],
    )
    assert (
        "expected at most 10000 values"
        in ask(lps, patient, GET_DOCUMENTS, [uuids], refs=True).errors["XDSStoredQueryParamNumber"]
    )


def test_a_query_of_more_conditions_than_a_statement_holds_is_refused(lps: Lps, patient: Patient) -> None:
    events: list[Parameter] = [("$XDSDocumentEntryEventCodeList", [f"('{number}^^1.2')"]) for number in range(2000)]
    answer = ask(lps, patient, FIND_DOCUMENTS, _find(patient, *events), refs=False)
    assert (answer.status, list(answer.errors)) == (200, ["XDSStoredQueryParamNumber"])


def test_digits_of_other_scripts_are_no_time(lps: Lps, patient: Patient) -> None:
    since: Parameter = ("$XDSDocumentEntryCreationTimeFrom", ["'٢٠٢٤'"])
    assert "XDSRegistryError" in ask(lps, patient, FIND_DOCUMENTS, _find(patient, since), refs=False).errors


def test_an_answer_without_a_body_is_not_waited_for(lps: Lps, address: str) -> None:
    """Whoever leaves at once costs nobody else an answer."""
    for _ in range(20):
        assert wire(lps, address, b"POST ", listen=False) == Answer(0, b"")
    assert post(lps, REGISTRY, SIMPLE, b"<a/>").status in (400, 500)
