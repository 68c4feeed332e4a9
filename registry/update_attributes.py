"""Which attributes of a document an update would change, where it may change one alone.

Source: GIE SESAM-Vitale, DMP-Compatibilité, TD3.3a and TD3.3b; ITI TF-3 Table 4.2.3.2-1 (attributes).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from registry.metadata import AvailabilityStatus, DocumentEntry
from registry.update_restricted import ONLINE

# What names the version, and what is judged elsewhere: the patient by the dossier, the code by what it means.
_OF_THE_VERSION = frozenset({"entry_uuid", "logical_id", "version", "patient_id", "confidentiality_codes"})
# What the registry sets or supposes, as it reads when it was not sent.
_UNSAID = {"availability_status": AvailabilityStatus.APPROVED, "home_community_id": "", "document_availability": ""}
_PRINTED = {
    "authors": "author",
    "event_codes": "eventCodeList",
    "reference_ids": "referenceIdList",
    "uri": "URI",
    "extra_slots": "extra metadata",
}


def changed_attributes(item: DocumentEntry, registered: DocumentEntry) -> Iterator[str]:
    """The attributes as printed, but for patientId and confidentialityCode, in which `item` is not as `registered`.

    Values of a list may come in any order; what `_UNSAID` has need not come.
    """
    for name in (field.name for field in fields(DocumentEntry) if field.name not in _OF_THE_VERSION):
        sent, stands = getattr(item, name), getattr(registered, name)
        said = name not in _UNSAID or sent != _UNSAID[name]
        if said and _comparable(name, sent) != _comparable(name, stands):
            yield _PRINTED.get(name) or _camel(name)


def _comparable(name: str, value: Any) -> Any:
    if name == "hash":
        return value.lower()
    if name == "document_availability":
        return value or ONLINE
    return Counter(value) if isinstance(value, tuple) else value


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
