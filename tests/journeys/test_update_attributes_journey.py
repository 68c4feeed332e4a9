"""Each attribute updated by itself, through HTTP. Source: NIST XDS Toolkit, tests 15801, 40001 and 20000."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from registry.metadata import (
    Author,
    AvailabilityStatus,
    Code,
)
from tests.connectathon import (
    CODE,
    Node,
    document,
    new_patient,
)
from tests.journeys.updates import (
    GET_FOLDERS,
    MODES,
    every_version,
    folders,
    registered,
    registered_folder,
    revision,
    successor,
    updated,
)

SECOND = Code("another", "2.999.2", "Another code")
CHANGES: dict[str, Any] = {
    "authors": (Author(person="^Doe^Jane^^^", roles=("nurse",)), Author(institutions=("Some hospital",))),
    "extra_slots": (("urn:example:extra", ("one", "two")),),
    "class_code": SECOND,
    "comments": "A comment & <more>",
    "confidentiality_codes": (
        Code("R", "2.16.840.1.113883.5.25", "restricted"),
        Code("V", "2.16.840.1.113883.5.25", "very restricted"),
    ),
    "creation_time": "20250203040506",
    "event_codes": (SECOND, CODE),
    "format_code": SECOND,
    "hash": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "healthcare_facility_type_code": SECOND,
    "language_code": "fr-FR",
    "legal_authenticator": "^Doe^Jane^^^",
    "mime_type": "text/html",
    "practice_setting_code": SECOND,
    "reference_ids": ("2013001^^^&1.2.3.4.5.6&ISO^urn:ihe:iti:xds:2013:accession",),
    "service_start_time": "20250101",
    "service_stop_time": "20250102",
    "size": 12345,
    "source_patient_info": ("PID-3|pid1^^^&1.2.3&ISO", "PID-5|Smith^John^^^"),
    "title": "Un autre titre, avec accents",
    "type_code": SECOND,
    "uri": "http://www.ihe.net/" + "x" * 300,
}
SINGLE = pytest.mark.parametrize("attribute", sorted(CHANGES))


@pytest.mark.proves("update/attributes")
@MODES
@SINGLE
def test_each_attribute_is_updated_by_itself(node: Node, attribute: str, restricted: bool) -> None:
    """NIST 15801, 40001: the new version has the new value and all else as it was, the old one the old value."""
    first = registered(node, new_patient())
    assert getattr(first, attribute) != CHANGES[attribute]
    updated(node, revision(successor(first, **{attribute: CHANGES[attribute]})), restricted=restricted)
    old, new = every_version(node, first.unique_id).entries
    assert old == replace(first, availability_status=AvailabilityStatus.DEPRECATED)
    expected = replace(first, entry_uuid=new.entry_uuid, version=2, **{attribute: CHANGES[attribute]})
    assert displayed(new) == displayed(expected)


@pytest.mark.proves("update/attributes")
@SINGLE
def test_each_attribute_that_was_updated_is_updated_back(node: Node, attribute: str) -> None:
    first = registered(node, new_patient(), **{attribute: CHANGES[attribute]})
    plain = getattr(document("x"), attribute)
    updated(node, revision(successor(first, **{attribute: plain})))
    old, new = every_version(node, first.unique_id).entries
    assert displayed(getattr(old, attribute)) == displayed(CHANGES[attribute])
    assert displayed(getattr(new, attribute)) == displayed(plain)


def displayed(value: Any) -> str:
    """With display names, which do not count when codes are compared."""
    return repr(value)


@pytest.mark.proves("update/attributes", "update/folder")
@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("title", "Corrected"),
        ("comments", "A comment"),
        ("codes", (CODE, SECOND)),
        ("extra_slots", (("urn:example:extra", ("one",)),)),
    ],
)
def test_each_attribute_of_a_folder_is_updated_by_itself(node: Node, attribute: str, value: Any) -> None:
    """NIST 20000."""
    first = registered_folder(node, new_patient())
    updated(node, revision(replace(first, entry_uuid="Folder01", **{attribute: value})))
    old, new = folders(every_version(node, first.unique_id, GET_FOLDERS, "Folder"))
    assert old == replace(first, availability_status=AvailabilityStatus.DEPRECATED)
    expected = replace(first, entry_uuid=new.entry_uuid, version=2, **{attribute: value})
    assert displayed(new) == displayed(expected)
