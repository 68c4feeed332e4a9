"""Queries by parameter (QBP) and their answers (RSP): what those of all names have in common.

An answer says the query again (QPD, and its tag in QAK-1), also where it cannot be carried out. It is written in the
character set of the query, or in UTF-8 where that has not every character of it.

Source: HL7 v2.5 5.3 and 5.5 (QPD, RCP, QAK, QID), 2.15.4 (DSC); ITI TF-2 3.9.4 and 3.21.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from dmp.patient_search import Question
from hl7v2.ack import UTF_8, Stamp, answer_header, write_msa
from hl7v2.er7 import CHARSETS, LARGE, Message, Segment, Syntax, write_er7
from hl7v2.errors import Condition, Fault, Hl7Error
from hl7v2.header import Header
from hl7v2.identifiers import Namespaces, read_authority

IMMEDIATE = "I"  # HL7 table 0091, RCP-1; table 0398, DSC-2
RECORDS = "RD"  # HL7 table 0126, RCP-2.2
MOST_RECORDS = 1_000_000
FOUND, NOTHING, WRONG = "OK", "NF", "AE"  # HL7 table 0208, QAK-2


@dataclass(frozen=True, slots=True)
class Counted:
    """QAK-4 to QAK-6: how many there are, are here, and remain."""

    total: int
    here: int
    remaining: int


def read_question(message: Message, header: Header) -> Question:
    """The query as it came, which its tag names among those of one sender. Raises Hl7Error."""
    qpd = message.all("QPD")[0]
    tag = qpd.text(2)
    if not tag:
        raise Hl7Error.single(Condition.REQUIRED_FIELD, "a query tag", "none", qpd.at(2))
    if message.size > LARGE:
        raise Hl7Error.single(Condition.DATA_TYPE, f"a query of at most {LARGE} bytes", "a longer one", qpd.at())
    return Question(question_id(header, tag), written_again(message), header.control_id, "MSH-10")


def says_again(message: Message) -> bool:
    """Whether an answer can say the query again: there is one, and it is not too long."""
    return message.size <= LARGE and len(message.all("QPD")) == 1


def question_id(header: Header, tag: str) -> str:
    """What names a query: its tag, and who says it."""
    return "|".join((tag, header.sending_facility, header.sending_application))


def written_again(message: Message) -> bytes:
    """A message as it came, in UTF-8."""
    lines = ((each.name, *texts(each)) for each in message.segments)
    return write_er7(lines, replace(message.syntax, codec="utf-8"))


def texts(segment: Segment) -> tuple[str, ...]:
    """The fields of a segment as they came, from the first on; of MSH from MSH-2 on."""
    first = 2 if segment.name == "MSH" else 1
    return tuple(bytes(each).decode(segment.syntax.codec) for each in segment.fields[first:])


def read_domains(qpd: Segment, field: int, namespaces: Namespaces) -> tuple[str, ...]:
    """The domains of a field of CX of which component 4 is valued, in order; one that nobody knows stays as it is.

    Raises Hl7Error for one that is none.
    """
    domains = []
    for number, text in enumerate(qpd.repetitions(field), 1):
        found = named_authority(qpd, text, namespaces)
        if not found:
            where = qpd.at(field, 4, repetition=number)
            raise Hl7Error.single(Condition.REQUIRED_FIELD, "an assigning authority", "none", where)
        domains.append(found)
    return tuple(domains)


def named_authority(qpd: Segment, text: str, namespaces: Namespaces) -> str:
    """The OID of the authority in CX-4; of one that nobody knows what it is called, '' where nothing is said."""
    known = read_authority(qpd, text, 4, namespaces)
    return known or qpd.part(text, 4, 2) or qpd.part(text, 4, 1)


def read_quantity(message: Message) -> int | None:
    """RCP-2, how many records are wanted at once; None for all. Raises Hl7Error, also for another priority than I."""
    rcp = message.all("RCP")[0]
    if rcp.text(1) not in ("", IMMEDIATE):
        raise Hl7Error.single(Condition.TABLE_VALUE, f"{IMMEDIATE}, an immediate answer", "another", rcp.at(1))
    if not rcp.present(2):
        return None
    number, unit = rcp.text(2, 1), rcp.text(2, 2)
    if not (number.isascii() and number.isdigit() and len(number) < 8 and 0 < int(number) <= MOST_RECORDS):
        raise Hl7Error.single(Condition.DATA_TYPE, "a whole number from 1", "another value", rcp.at(2, 1))
    if unit not in ("", RECORDS):
        raise Hl7Error.single(Condition.TABLE_VALUE, f"{RECORDS}, records", "another unit", rcp.at(2, 2))
    return int(number)


def write_found(
    message: Message,
    header: Header,
    stamp: Stamp,
    kind: Sequence[str],
    found: Iterable[Sequence[str]],
    counted: Counted | None = None,
) -> bytes:
    """The answer to a query that was carried out: `found` is what comes after QPD; nothing is NF."""
    told = list(found)
    status = FOUND if told else NOTHING
    return _written(message, header, stamp, kind, "AA", (), status, told, counted)


def write_failed(
    message: Message, header: Header, stamp: Stamp, kind: Sequence[str], code: str, faults: Sequence[Fault]
) -> bytes:
    """The answer to a query that was not; `code` is MSA-1."""
    return _written(message, header, stamp, kind, code, faults, WRONG, [], None)


def _written(
    message: Message,
    header: Header,
    stamp: Stamp,
    kind: Sequence[str],
    code: str,
    faults: Sequence[Fault],
    status: str,
    told: Sequence[Sequence[str]],
    counted: Counted | None,
) -> bytes:
    syntax, qpd = message.syntax, message.all("QPD")[0]
    numbers = map(str, (counted.total, counted.here, counted.remaining)) if counted else ()
    qak = ["QAK", syntax.escaped(qpd.text(2)), status, *(("", *numbers) if counted else ())]
    segments = [*write_msa(header, syntax, code, faults), qak, ["QPD", *texts(qpd)], *told]
    header, syntax = _legible(header, syntax, segments)
    return write_er7([answer_header(header, syntax, stamp, kind), *segments], syntax)


def _legible(header: Header, syntax: Syntax, segments: Iterable[Iterable[str]]) -> tuple[Header, Syntax]:
    """A character set that has every character of `segments`: that of the message, else UTF-8."""
    try:
        for each in segments:
            "".join(each).encode(syntax.codec)
    except UnicodeEncodeError:
        return replace(header, charset=UTF_8), replace(syntax, codec=CHARSETS[UTF_8])
    return header, syntax
