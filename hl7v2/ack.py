"""Acknowledgements, in original and enhanced mode: MSH, MSA, and an ERR for each fault.

An accept acknowledgement (CA) leaves when what the message asked for is durable, as an application acknowledgement (AA)
does: both are then true. A message that cannot be carried out has CE or CR where an accept acknowledgement is wanted,
else AE or AR.

Before v2.5 an ERR segment has no fields for texts: they go to MSA-3.

Source: HL7 v2.5 2.9 (processing rules), 2.14.1 (ACK), 2.15.5 (ERR), 2.15.8 (MSA), HL7 tables 0008 and 0155; CI-SIS,
volet Transmission d'un document CDA-R2 en HL7v2, ACK.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from hl7v2.er7 import CHARSETS, Syntax, write_er7
from hl7v2.errors import Fault
from hl7v2.header import Header

FRANCE = "FRA"
MOST_ERRORS = 50  # ERR segments in one answer
_WITH_TEXTS = "2.5"  # the first version whose ERR has them
UTF_8 = "UNICODE UTF-8"  # HL7 table 0211
_ON_SUCCESS, _ON_ERROR = ("AL", "SU"), ("AL", "ER")  # HL7 table 0155
# What answers a message that no header could be read of.
UNREADABLE = Header("", "", "", "", "", "", "", "", "P", "2.5", "", "", FRANCE, UTF_8, "")


@dataclass(frozen=True, slots=True)
class Stamp:
    """What is new in an answer: its control id, and when it was written."""

    control_id: str
    instant: datetime


def write_accepted(header: Header, syntax: Syntax, stamp: Stamp) -> tuple[bytes, ...]:
    """The acknowledgements of a message that was carried out: one, two where both are wanted, or none."""
    if not header.enhanced:
        return (_acknowledgement(header, syntax, stamp, "AA", ()),)
    wanted = [
        code
        for code, condition in (("CA", header.accept_condition), ("AA", header.application_condition))
        if condition in _ON_SUCCESS
    ]
    return tuple(
        _acknowledgement(header, syntax, replace(stamp, control_id=f"{stamp.control_id}{number or ''}"), code, ())
        for number, code in enumerate(wanted)
    )


def write_refused(header: Header, syntax: Syntax, stamp: Stamp, faults: Sequence[Fault]) -> tuple[bytes, ...]:
    """The acknowledgement of a message that cannot be carried out: one, or none where none is wanted."""
    code = refusal(faults)
    if header.enhanced and header.accept_condition in _ON_ERROR:
        kind = "C"
    elif not header.enhanced or header.application_condition in _ON_ERROR:
        kind = "A"
    else:
        return ()
    return (_acknowledgement(header, syntax, stamp, f"{kind}{code}", faults),)


def refusal(faults: Sequence[Fault]) -> str:
    """R for what may be sent again as it is, E for what may not. Source: HL7 table 0008."""
    return "R" if any(each.passing for each in faults) else "E"


def answer_header(header: Header, syntax: Syntax, stamp: Stamp, kind: Sequence[str], profile: str = "") -> list[str]:
    """The MSH of an answer, or of a message back: sender and receiver change places.

    It is written in the syntax of the message, of its version, and expects no acknowledgement.
    """
    charset = header.charset if header.charset.upper() in CHARSETS else UTF_8
    escaped = syntax.escaped
    return [
        "MSH",
        syntax.encoding_characters,
        header.receiving_application,
        header.receiving_facility,
        header.sending_application,
        header.sending_facility,
        f"{stamp.instant:%Y%m%d%H%M%S%z}",
        "",
        syntax.component.join(kind),
        stamp.control_id,
        escaped(header.processing_id or "P"),
        escaped(header.version),
        *("", ""),
        *(("NE", "NE") if header.enhanced else ("", "")),
        FRANCE,
        escaped(charset),
        *("", "", profile),
    ]


def _acknowledgement(header: Header, syntax: Syntax, stamp: Stamp, code: str, faults: Sequence[Fault]) -> bytes:
    kind = ["ACK", *(syntax.escaped(each) for each in (header.event,) if each)]
    if header.event and header.version not in ("2.1", "2.2", "2.3"):
        kind.append("ACK")
    told = write_msa(header, syntax, code, faults)
    return write_er7([answer_header(header, syntax, stamp, kind), *told], syntax)


def write_msa(header: Header, syntax: Syntax, code: str, faults: Sequence[Fault]) -> list[list[str]]:
    """MSA, and an ERR for each fault, as segments."""
    told = faults[:MOST_ERRORS]
    texts = header.version >= _WITH_TEXTS
    msa = ["MSA", code, syntax.escaped(header.control_id)]
    if told and not texts:
        msa += [syntax.escaped(told[0].diagnostics[:80])]
    return [msa, *((_error if texts else _old_error)(fault, syntax) for fault in told)]


def _error(fault: Fault, syntax: Syntax) -> list[str]:
    """Source: HL7 v2.5 2.15.5."""
    application = fault.application
    coded = (application.code, application.text, application.table) if application else ()
    return [
        "ERR",
        "",
        _components(fault.location.erl if fault.location else (), syntax),
        _components((fault.condition.code, fault.condition.text, "HL70357"), syntax),
        "E",
        _components(coded, syntax),
        "",
        syntax.escaped(fault.diagnostics),
        syntax.escaped(fault.sentence),
    ]


def _old_error(fault: Fault, syntax: Syntax) -> list[str]:
    """ERR-1, of type ELD. Source: HL7 v2.3.1 2.24.2."""
    where = fault.location
    place = (where.segment, str(where.sequence), str(where.field or "")) if where else ("", "", "")
    coded = (fault.condition.code, fault.condition.text, "HL70357")
    return ["ERR", syntax.component.join((*place, syntax.subcomponent.join(map(syntax.escaped, coded))))]


def _components(texts: Sequence[str], syntax: Syntax) -> str:
    return syntax.component.join(map(syntax.escaped, texts))
