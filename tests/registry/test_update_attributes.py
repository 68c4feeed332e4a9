"""What the DMP lets an update do: statuses of its own, and nothing else but one attribute.

Source: GIE SESAM-Vitale, DMP-Compatibilité, TD3.3; CI-SIS JDV_J52 (statuses).
"""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import RegistryError
from registry.metadata import Author, AvailabilityStatus, Code, DocumentEntry, ObjectType
from registry.store import RegistryStore
from registry.stored_query import GetDocuments, ReturnType
from registry.update_attributes import changed_attributes
from registry.update_operations import ATTRIBUTES, RESTRICTED, UPDATE
from tests.registry.samples import APPROVED, DEPRECATED, EVERYTHING, document, register, submission
from tests.registry.test_update_properties import in_memory
from tests.registry.update_samples import (
    DOCUMENT,
    OPERATION_ERROR,
    UPDATE_ERROR,
    carry_out,
    faults,
    holding,
    judge_update,
    new_document,
    status_change,
    update,
    version,
)

ARCHIVED, DELETED = AvailabilityStatus.ARCHIVED, AvailabilityStatus.DELETED
ALLOWED = {(APPROVED, ARCHIVED), (APPROVED, DELETED), (ARCHIVED, APPROVED), (ARCHIVED, DELETED)}
CODES = (Code("1", "s"), Code("2", "s"), Code("1", "t"))

# --- Statuses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("original", "new"), list(product(AvailabilityStatus, repeat=2)))
def test_each_change_of_status(original: AvailabilityStatus, new: AvailabilityStatus) -> None:
    there = holding(version(document(DOCUMENT), availability_status=original))
    sent = update(status_change(DOCUMENT, original, new))
    if (original, new) in ALLOWED:
        (changed,) = judge_update(sent, there, rules=ATTRIBUTES).statuses
        assert (changed.entry_uuid, changed.original, changed.new) == (DOCUMENT, original, new)
    else:
        assert faults(sent, there, rules=ATTRIBUTES) == {OPERATION_ERROR}


@pytest.mark.parametrize(
    ("original", "new"), [pair for pair in product(AvailabilityStatus, repeat=2) if pair[0] != pair[1]]
)
def test_a_status_that_is_not_there_is_not_changed(original: AvailabilityStatus, new: AvailabilityStatus) -> None:
    """Two who archive at once: the second is told."""
    for stands in set(AvailabilityStatus) - {original}:
        there = holding(version(document(DOCUMENT), availability_status=stands))
        told = faults(update(status_change(DOCUMENT, original, new)), there, rules=ATTRIBUTES)
        assert told == ({UPDATE_ERROR} if (original, new) in ALLOWED else {OPERATION_ERROR})


@pytest.mark.parametrize("rules", [UPDATE, RESTRICTED], ids=["ITI-57", "ITI-92"])
@pytest.mark.parametrize(("original", "new"), sorted(ALLOWED, key=str))
def test_in_an_ihe_domain_they_are_no_statuses(rules: Any, original: Any, new: Any) -> None:
    there = holding(version(document(DOCUMENT), availability_status=original))
    assert OPERATION_ERROR in faults(update(status_change(DOCUMENT, original, new)), there, rules=rules)


@pytest.mark.parametrize("status", AvailabilityStatus)
def test_a_new_version_keeps_the_status(status: AvailabilityStatus) -> None:
    there = holding(version(document(DOCUMENT), availability_status=status))
    if status in (APPROVED, ARCHIVED):
        (new,) = judge_update(update(new_document()), there, rules=ATTRIBUTES).versions
        assert (new.item.availability_status, new.item.version) == (status, 2)
    else:
        assert faults(update(new_document()), there, rules=ATTRIBUTES) == {UPDATE_ERROR}
    if status is not APPROVED:
        assert faults(update(new_document()), there) == {UPDATE_ERROR}, "ITI-57 updates Approved versions only"


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("version"), st.integers(1, 3)),
        st.tuples(st.just("status"), st.sampled_from(AvailabilityStatus), st.sampled_from(AvailabilityStatus)),
    ),
    max_size=9,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_whatever_is_asked_what_is_deleted_stays_so(steps: list[tuple[Any, ...]]) -> None:
    """Against a model: the status and the number of the newest version."""
    with in_memory() as connection:
        lid = uuid = register(connection, submission(document())).submission.entries[0].entry_uuid
        status, number = APPROVED, 1
        for count, (act, *more) in enumerate(steps):
            if act == "version":
                sent = update(document(logical_id=lid, version=more[0]), number=100 + count)
                does = more[0] == number and status in (APPROVED, ARCHIVED)
            else:
                sent = update(status_change(uuid, *more), number=100 + count)
                does = more[0] is status and tuple(more) in ALLOWED
            try:
                effects = carry_out(connection, sent, rules=ATTRIBUTES)
            except RegistryError:
                assert not does, (act, more, status, number)
                continue
            assert does, (act, more, status, number)
            if act == "version":
                uuid, number = effects.entries[0].entry_uuid, number + 1
            else:
                status = more[1]
        query = GetDocuments(return_type=ReturnType.LEAF_CLASS, logical_ids=(lid,), metadata_level=2)
        found = [each for each in RegistryStore(connection).find(query, EVERYTHING) if isinstance(each, DocumentEntry)]
        assert [each.version for each in found] == list(range(1, number + 1))
        assert [each.availability_status for each in found] == [DEPRECATED] * (number - 1) + [status]


def test_the_statuses_of_ihe_are_its_own() -> None:
    assert UPDATE.original == UPDATE.new == RESTRICTED.original == RESTRICTED.new == (APPROVED, DEPRECATED)
    assert UPDATE.updated == (APPROVED,)


# --- Attributes -------------------------------------------------------------------------------------------------------

ANOTHER: dict[str, tuple[Any, str]] = {
    "unique_id": ("1.2.3", "uniqueId"),
    "mime_type": ("text/plain", "mimeType"),
    "class_code": (CODES[0], "classCode"),
    "type_code": (CODES[0], "typeCode"),
    "format_code": (CODES[0], "formatCode"),
    "healthcare_facility_type_code": (CODES[0], "healthcareFacilityTypeCode"),
    "practice_setting_code": (CODES[0], "practiceSettingCode"),
    "creation_time": ("2020", "creationTime"),
    "language_code": ("art", "languageCode"),
    "source_patient_id": ("x", "sourcePatientId"),
    "authors": ((Author(person="x"),), "author"),
    "event_codes": (CODES[:1], "eventCodeList"),
    "reference_ids": (("x",), "referenceIdList"),
    "source_patient_info": (("PID-8|F",), "sourcePatientInfo"),
    "title": ("x", "title"),
    "comments": ("x", "comments"),
    "legal_authenticator": ("x", "legalAuthenticator"),
    "service_start_time": ("2020", "serviceStartTime"),
    "service_stop_time": ("2020", "serviceStopTime"),
    "hash": ("0" * 40, "hash"),
    "size": (2, "size"),
    "uri": ("x", "URI"),
    "repository_unique_id": ("1.2.3", "repositoryUniqueId"),
    "home_community_id": ("urn:oid:1.2.3", "homeCommunityId"),
    "document_availability": ("urn:ihe:iti:2010:DocumentAvailability:Offline", "documentAvailability"),
    "object_type": (ObjectType.ON_DEMAND, "objectType"),
    "availability_status": (DEPRECATED, "availabilityStatus"),
    "extra_slots": ((("urn:x:y", ("z",)),), "extra metadata"),
}
OF_THE_VERSION = {"entry_uuid", "logical_id", "version", "patient_id", "confidentiality_codes"}


def test_every_attribute_is_compared_or_of_the_version() -> None:
    assert {field.name for field in fields(DocumentEntry)} == ANOTHER.keys() | OF_THE_VERSION


@given(st.sets(st.sampled_from(sorted(ANOTHER))))
def test_whatever_differs_is_named_and_nothing_else(changed: set[str]) -> None:
    sent = replace(document(), **{name: ANOTHER[name][0] for name in changed})
    assert set(changed_attributes(sent, document())) == {ANOTHER[name][1] for name in changed}


@pytest.mark.parametrize("name", sorted(OF_THE_VERSION))
def test_what_is_of_the_version_is_no_change(name: str) -> None:
    changed: Any = {"version": 7, "confidentiality_codes": CODES}.get(name, "another")
    assert list(changed_attributes(replace(document(), **{name: changed}), document())) == []


@given(st.permutations(CODES), st.permutations(("a", "b", "c")))
def test_another_order_is_no_change(codes: list[Code], ids: list[str]) -> None:
    stands = document(event_codes=CODES, reference_ids=("a", "b", "c"), hash="ab" * 20)
    sent = replace(stands, event_codes=tuple(codes), reference_ids=tuple(ids), hash="AB" * 20)
    assert list(changed_attributes(sent, stands)) == []
    assert list(changed_attributes(replace(sent, event_codes=(*codes, codes[0])), stands)) == ["eventCodeList"]


def test_what_the_registry_says_by_itself_need_not_be_said() -> None:
    stands = document(
        availability_status=ARCHIVED,
        home_community_id="urn:oid:1.2.3",
        document_availability="urn:ihe:iti:2010:DocumentAvailability:Offline",
    )
    assert list(changed_attributes(document(), stands)) == []
    assert list(changed_attributes(stands, stands)) == []
    online = replace(document(), document_availability="urn:ihe:iti:2010:DocumentAvailability:Online")
    assert list(changed_attributes(online, document())) == []
    assert list(changed_attributes(online, stands)) == ["documentAvailability"]
