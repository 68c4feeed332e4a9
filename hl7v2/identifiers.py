"""Patient identifiers in HL7 v2 (CX): read by whatever says their authority, written with all of it.

CX-4 (HD) names an authority by a namespace, by an OID, or by both; where both are there, the OID counts. Which OID a
namespace stands for, the affinity domain says.

Source: ITI TF-2 Appendix E (CX); HL7 v2.5 2.A.14 (CX), 2.A.33 (HD).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from hl7v2.er7 import Segment, Syntax
from hl7v2.errors import Condition, Hl7Error
from identities.requester import PatientId

ISO = "ISO"
MOST_VALUE, MOST_OID = 256, 64  # characters
_OID = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]*))+")
Namespaces = Mapping[str, str]  # name -> OID


def read_authority(segment: Segment, repetition: str, component: int, namespaces: Namespaces) -> str:
    """The OID of the authority that an HD names; '' for none, or for a namespace that nobody knows."""
    name, universal, kind = (segment.part(repetition, component, each) for each in (1, 2, 3))
    return universal if universal and kind == ISO else namespaces.get(name, "")


def read_identifiers(segment: Segment, field: int, namespaces: Namespaces) -> tuple[PatientId, ...]:
    """The identifiers of a field whose authority is known by an OID, each once. Raises Hl7Error for a wrong one."""
    found: dict[PatientId, None] = {}
    for number, text in enumerate(segment.repetitions(field), 1):
        value, authority = segment.part(text, 1), read_authority(segment, text, 4, namespaces)
        if not value or not authority:
            continue
        if len(value) > MOST_VALUE or len(authority) > MOST_OID or not _OID.fullmatch(authority):
            expected = f"at most {MOST_VALUE} characters, of an authority named by an OID"
            raise Hl7Error.single(Condition.DATA_TYPE, expected, "another", segment.at(field, repetition=number))
        found[PatientId(value, authority)] = None
    return tuple(found)


def write_identifiers(identifiers: Iterable[PatientId], syntax: Syntax, namespaces: Namespaces) -> str:
    """A field of CX, those of one authority together. Source: ITI TF-2 3.9.4.2.2.6, case 6."""
    names = {oid: name for name, oid in namespaces.items()}
    grouped: dict[str, list[str]] = {}
    for each in identifiers:
        authority = syntax.subcomponent.join(map(syntax.escaped, (names.get(each.authority, ""), each.authority, ISO)))
        written = syntax.component.join((syntax.escaped(each.value), "", "", authority))
        grouped.setdefault(each.authority, []).append(written)
    return syntax.repetition.join(each for together in grouped.values() for each in together)
