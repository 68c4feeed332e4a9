"""What stands in an affinity-domain file: every key, and what its value is. A key that nobody knows is a mistake.

A misspelt key would not be missed: `signerz` would let anybody sign whom the anchors let.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+\Z")
_NAMED_OID = re.compile(r"[^=]+=[0-2](\.(0|[1-9][0-9]*))+\Z")
_SHA256 = re.compile(r"[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){31}\Z")


class Kind(NamedTuple):
    """What a value must be, and how that is said."""

    holds: Callable[[Any], bool]
    expected: str


def _count(least: int) -> Kind:
    return Kind(
        lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= least,
        f"a number from {least}",
    )


def _list(each: Callable[[str], object], of: str) -> Kind:
    return Kind(
        lambda value: isinstance(value, list) and all(isinstance(item, str) and each(item) for item in value),
        f"a list of {of}",
    )


TEXT = Kind(lambda value: isinstance(value, str) and bool(value), "a text")
OID = Kind(lambda value: isinstance(value, str) and bool(_OID.match(value)), "an OID")
FLAG = Kind(lambda value: isinstance(value, bool), "true or false")
TEXTS, OIDS = _list(bool, "texts"), _list(_OID.match, "OIDs")
NAMED_OIDS = _list(_NAMED_OID.match, "NAME=OID")
FINGERPRINTS = _list(_SHA256.match, "SHA-256 of certificates")

Keys = Mapping[str, Kind]

_ROOT: Keys = {"name": TEXT, "repository_unique_id": OID}
_SECTIONS: Mapping[str, Keys] = {
    "patients": {"authorities": OIDS, "strict_key": OIDS, "unknown": TEXT},
    "codes": {"mime_types": TEXTS, "languages": TEXTS, "open_schemes": FLAG},
    "documents": {
        "max_bytes": _count(1),
        "same_unique_id": TEXT,
        "cda_agreement": FLAG,
        "submission_signature": TEXT,
    },
    "metadata": {
        "required": TEXTS,
        "limited": FLAG,
        "unique_id": TEXT,
        "extra_components": FLAG,
        "leading_zeros": FLAG,
        "references_across": FLAG,
        "max_confidentiality_codes": _count(0),
    },
    "fhir": {"profiles": TEXT},
    "queries": {"most_objects": _count(1), "most_references": _count(1)},
    "assertion": {
        "profile": TEXT,
        "versions": TEXTS,
        "validity_seconds": _count(1),
        "skew_seconds": _count(0),
        "replay": TEXT,
    },
    "habilitations": {"matrice": TEXT},
}
_OPTIONAL: Mapping[str, Keys] = {
    "patients": {"namespaces": NAMED_OIDS},
    "codes": dict.fromkeys(
        (
            "class_code",
            "type_code",
            "format_code",
            "healthcare_facility_type_code",
            "practice_setting_code",
            "content_type_code",
            "folder_codes",
            "confidentiality_codes",
            "event_codes",
            "documentation",
        ),
        TEXTS,
    ),
    "documents": {"reports_of_results": FLAG},
    "assertion": {"audiences": TEXTS, "required": FLAG, "signers": FINGERPRINTS, "authn_contexts": TEXTS},
}


def check(data: Mapping[str, Any]) -> None:
    """Raises ValueError for a key that is missing, unknown, or has another value than it may."""
    _table("", {name: value for name, value in data.items() if name not in _SECTIONS}, _ROOT, {})
    for name, keys in _SECTIONS.items():
        table = data.get(name)
        if not isinstance(table, dict):
            raise ValueError(f"[{name}]: expected a table, got {'none' if table is None else 'something else'}")
        _table(f"{name}.", table, keys, _OPTIONAL.get(name, {}))


def _table(place: str, table: Mapping[str, Any], keys: Keys, optional: Keys) -> None:
    known = {**keys, **optional}
    for name in table:
        if name not in known:
            raise ValueError(f"{place}{name}: expected one of {', '.join(sorted(known))}")
    for name in keys:
        if name not in table:
            raise ValueError(f"{place}{name}: expected {keys[name].expected}, got none")
    for name, value in table.items():
        if not known[name].holds(value):
            raise ValueError(f"{place}{name}: expected {known[name].expected}, got {value!r}"[:300])
