"""ZAM^Z01: what became of the documents of a message, as a message back to whoever asked to be told (ACK_RECEPTION).

OBX-5 is Y where the DMP has done what was asked, else N, and ERR says why. It names the message by its control id.

Source: CI-SIS, volet Transmission d'un document CDA-R2 en HL7v2 2.1, ZAM^Z01^ZAM_Z01 (v2.6: MSH EVN {OBX} [ERR]).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hl7v2.ack import Stamp, answer_header
from hl7v2.er7 import Syntax, write_er7
from hl7v2.errors import ANOTHER, Fault
from hl7v2.header import Header

VERSION, PROFILE = "2.6", ("2.1", "CISIS_CDA_HL7_V2")
_KIND = ("ZAM", "Z01", "ZAM_Z01")
_SYNTAX = Syntax()  # that of the volet, whatever the message had
_SET = "AckMetierZAM"


def write_zam(header: Header, syntax: Syntax, stamp: Stamp, faults: Sequence[Fault]) -> bytes:
    """The message that says what became of that of `header`; done, where there are no faults."""
    plain = replace(header, version=VERSION, accept_condition="", application_condition="", charset="UNICODE UTF-8")
    named = {
        field: _again(getattr(header, field), syntax)
        for field in ("sending_application", "sending_facility", "receiving_application", "receiving_facility")
    }
    when = f"{stamp.instant:%Y%m%d%H%M%S}"
    profile = _SYNTAX.component.join(PROFILE)
    msh = answer_header(replace(plain, **named), _SYNTAX, stamp, _KIND, profile)
    said = f"{'N' if faults else 'Y'}^^expandedYes-NoIndicator"
    what = f"ACK_RECEPTION_DMP^Accusé de réception DMP^{_SET}"
    obx = ["OBX", "1", "CWE", what, _SYNTAX.escaped(header.control_id), said, *[""] * 5, "F"]
    errors = [_error(faults[0])] if faults else []
    return write_er7([msh, ["EVN", "", when], obx, *errors], _SYNTAX)


def _error(fault: Fault) -> list[str]:
    coded = fault.application or ANOTHER
    condition = (fault.condition.code, fault.condition.text, "messageErrorCondition")
    return ["ERR", "", "", _components(condition), "E", _components((coded.code, coded.text, coded.table))]


def _components(texts: Sequence[str]) -> str:
    return _SYNTAX.component.join(map(_SYNTAX.escaped, texts))


def _again(field: str, syntax: Syntax) -> str:
    """A field as it came, in the delimiters of the volet."""
    components = (
        _SYNTAX.subcomponent.join(_SYNTAX.escaped(syntax.unescaped(each)) for each in part.split(syntax.subcomponent))
        for part in field.split(syntax.component)
    )
    return _SYNTAX.component.join(components)
