"""Documents that nobody meant: no crash, no hang, and of whatever is wrong the place."""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Callable, Iterator
from functools import cache

import pytest
from cda_vectors import FOLDER

from cda.validation.check import Report, validate
from cda.validation.finding import Source
from cda.validation.page import page
from cda.validation.report import json_value, svrl, text_lines
from tests.conftest import reference_folder

MOST_SECONDS = 2.0  # of this process, for one document
MOST_SECONDS_OF_LARGE = 10.0  # for one of a megabyte that somebody meant: no hang
MOST_MEGABYTES = 300  # beyond what the process had at its highest before
TOKENS = (
    *(b"<", b">", b"</", b"/>", b"&", b";", b'"', b"'", b"=", b"\0", b"\r", b"\xff\xfe", b"\xc3", b"]]>", b"<![CDATA["),
    *(
        b"<!--",
        b"-->",
        b"<?x ?>",
        b"<!DOCTYPE a>",
        b"&#0;",
        b"&#x10FFFF;",
        b"&x;",
        b"<a>",
        b"</a>",
        b' a="1"',
        b"xmlns=",
    ),
    *(b'xmlns=""', b'xsi:type="PQ"', b'xsi:nil="true"', b'nullFlavor="UNK"', b"urn:hl7-org:v3", "é".encode()),
    *(b"ClinicalDocument", b"</ClinicalDocument>", b"9" * 400, b" " * 400, b"\n" * 400, b'representation="B64"'),
)
Data = bytes
Fuzz = Callable[[bytearray, random.Random], None]


def flip(data: bytearray, chance: random.Random) -> None:
    data[chance.randrange(len(data))] = chance.randrange(256)


def cut(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data))
    del data[start : start + chance.choice((1, 2, 10, 100, 5000))]


def end(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data)) :]


def repeat(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data))
    piece = bytes(data[start : start + chance.choice((1, 10, 200, 3000))])
    data[start:start] = piece * chance.choice((1, 2, 50))


def move(data: bytearray, chance: random.Random) -> None:
    start, place = chance.randrange(len(data)), chance.randrange(len(data))
    data[place:place] = data[start : start + chance.choice((10, 200, 3000))]


def insert(data: bytearray, chance: random.Random) -> None:
    place = chance.randrange(len(data) + 1)
    data[place:place] = chance.choice(TOKENS)


def swap_tag(data: bytearray, chance: random.Random) -> None:
    """A name of an element or attribute in the place of another: what stays well-formed is worth more."""
    names = [b"id", b"code", b"value", b"text", b"section", b"entry", b"time", b"name", b"root", b"extension", b"title"]
    old, new = chance.choice(names), chance.choice(names)
    place = data.find(old, chance.randrange(len(data)))
    if place >= 0:
        data[place : place + len(old)] = new


FUZZ: tuple[Fuzz, ...] = (flip, cut, end, repeat, move, insert, insert, swap_tag, swap_tag)


@cache
def corpus() -> tuple[bytes, ...]:
    found = [path.read_bytes() for path in sorted(FOLDER.glob("*.xml"))]
    folder = reference_folder()
    if folder is not None:
        examples = sorted((folder / "fr" / "cda" / "examples").glob("*.xml"))
        found += [path.read_bytes() for path in examples if path.stat().st_size < 150_000]
    return tuple(found)


def fuzzed(seed: int, number: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    for _ in range(number):
        data = bytearray(chance.choice(corpus()))
        for _ in range(chance.choice((1, 1, 1, 2, 5, 20))):
            if data:
                chance.choice(FUZZ)(data, chance)
        yield bytes(data)


def judge(data: bytes, most_seconds: float | None = None) -> Report:
    """Validates, and holds what every report must."""
    started = time.process_time()
    report = validate(data[place : place + 65536] for place in range(0, len(data), 65536))
    assert time.process_time() - started < (most_seconds or MOST_SECONDS)
    for finding in report.findings:
        assert finding.line >= 1 and finding.path.startswith("/")
        assert finding.rule and finding.expected and finding.found and finding.remedy and finding.clause
        assert (finding.path == "/") <= (finding.source is Source.READING)
    return report


def compare(seed: int, number: int) -> tuple[int, int]:
    unreadable = conform = 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for turn, data in enumerate(fuzzed(seed, number)):
        report = judge(data)
        unreadable += any(finding.source is Source.READING for finding in report.findings)
        conform += report.conforms
        if turn % 20 == 0:
            assert svrl("d", report) and page([("d", report)]) and json_value("d", report)
            assert list(text_lines("d", report))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss <= before + MOST_MEGABYTES * 1024  # KiB: getrusage(2)
    return unreadable, conform


def test_fuzzed_documents() -> None:
    unreadable, conform = compare(1, 300)
    assert unreadable > 50 and conform < 250


@pytest.mark.long
def test_very_many_fuzzed_documents() -> None:
    unreadable, conform = compare(2, 10_000)
    assert unreadable > 2000 and conform < 8000


# --- Documents that somebody meant ------------------------------------------------------------------------------------

LETTER, LAB = ((FOLDER / f"{name}.xml").read_bytes() for name in ("discharge_letter", "lab_report"))


def before_id(inserted: bytes) -> bytes:
    return LETTER.replace(b"<id root", inserted + b"<id root", 1)


def in_body(inserted: bytes) -> bytes:
    return LAB.replace(b"</structuredBody>", inserted + b"</structuredBody>", 1)


def in_text(inserted: bytes) -> bytes:
    return in_body(b"<component><section><text>" + inserted + b"</text></section></component>")


ATTACKS = {
    "violations side by side": before_id(b'<templateId root="x y"/>' * 60_000),
    "violations in sections": in_body(b"<component><section><x/></section></component>" * 20_000),
    "references that lead nowhere": in_body(
        b"<component><section>"
        + b'<entry><act classCode="ACT" moodCode="EVN"><code nullFlavor="UNK"><originalText><reference value="#x"/>'
        b"</originalText></code></act></entry>" * 15_000
        + b"</section></component>"
    ),
    "people without names": LETTER.replace(
        b"<author>", b"<author><time/><assignedAuthor/></author>" * 20_000 + b"<author>", 1
    ),
    "absent telecoms": LETTER.replace(b"<telecom", b'<telecom nullFlavor="UNK"/>' * 20_000 + b"<telecom", 1),
    "telecoms that are absent, all": LETTER.replace(
        b'<telecom nullFlavor="UNK"/>', b'<telecom nullFlavor="UNK"/>' * 20_000
    ),
    "a very long attribute": LETTER.replace(b'code="FR"', b'code="' + b"F" * 3_000_000 + b'"', 1),
    "a list of very many codes": LETTER.replace(b'use="WP"', b'use="' + b"H " * 400_000 + b'"', 1),
    "very many attributes": LETTER.replace(b'code="FR"', b" ".join(b'a%d="1"' % n for n in range(190)), 1),
    "very many names": before_id(b"".join(b"<a%d/>" % number for number in range(9_000))),
    "too many names": before_id(b"".join(b"<a%d/>" % number for number in range(20_000))),
    "very many identifiers": in_text(b"".join(b'<content ID="i%d"/>' % number for number in range(60_000))),
    "very many lines": in_text(b"a<br/>\n" * 100_000),
    "a deep narrative": in_text(b"<content>" * 150 + b"</content>" * 150),
    "too deep a narrative": in_text(b"<content>" * 400 + b"</content>" * 400),
    "a digit without end": LETTER.replace(b"20260302003015", b"1" * 90_000),
    "an OID without end": LETTER.replace(b'root="1.2.250.1.999.77.2.1"', b'root="1' + b".1" * 45_000 + b'"', 1),
    "base64 that is none": LETTER.replace(b'B64">', b'B64">' + b"!" * 3_000_000, 1),
    "instructions": LETTER.replace(b"<realmCode", b"<?a b?><!-- c -->" * 50_000 + b"<realmCode", 1),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks(attack: str) -> None:
    judge(ATTACKS[attack], MOST_SECONDS_OF_LARGE)


def test_a_wide_document_that_is_sound_is_accepted() -> None:
    assert judge(ATTACKS["very many lines"], MOST_SECONDS_OF_LARGE).conforms
    assert not judge(ATTACKS["violations side by side"], MOST_SECONDS_OF_LARGE).conforms
