"""What ITI-92, submissions of documents and other people may not; no database. Source: ITI TF-2 3.92.4.1.3."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from registry.errors import ErrorCode, RegistryError
from registry.metadata import (
    Association,
    ObjectType,
    Submission,
)
from registry.update_operations import RESTRICTED, UPDATE
from registry.versions import Versions
from tests.registry.samples import (
    DEPRECATED,
    DOSSIER,
    association,
    document,
    submission,
    uuid,
)
from tests.registry.test_lifecycle import judge
from tests.registry.update_samples import (
    ANOTHER,
    APND,
    BOTH,
    DOCUMENT,
    ELSEWHERE,
    LINK,
    OTHER,
    OTHER_PATIENT,
    PACKAGE,
    PATIENT_ERROR,
    REGISTERED,
    VERSION_ERROR,
    copies,
    faults,
    held,
    holding,
    judge_update,
    link,
    new_document,
    new_folder,
    status_change,
    submitted,
    told,
    update,
    version,
)

# --- Restricted Metadata Update ---------------------------------------------------------------------------------------


def restricted_faults(item: Submission, existing: Versions) -> set[ErrorCode]:
    return faults(item, existing, rules=RESTRICTED)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"repository_unique_id": "1.2.3"}, ErrorCode.UnmodifiableMetadataError),
        ({"object_type": ObjectType.ON_DEMAND}, ErrorCode.UnmodifiableMetadataError),
        ({"source_patient_id": "9^^^&1.2.3&ISO"}, ErrorCode.UnmodifiableMetadataError),
        (
            {"document_availability": "urn:ihe:iti:2010:DocumentAvailability:Offline"},
            ErrorCode.UnmodifiableMetadataError,
        ),
        ({"availability_status": DEPRECATED}, ErrorCode.UnmodifiableMetadataError),
        ({"home_community_id": "urn:oid:1.2.3"}, ErrorCode.UnmodifiableMetadataError),
        ({"unique_id": "1.2.3.4"}, ErrorCode.XDSMetadataIdentifierError),
        ({"patient_id": ELSEWHERE}, PATIENT_ERROR),
        ({"logical_id": ""}, ErrorCode.XDSInvalidRequestException),
        ({"logical_id": uuid(55)}, VERSION_ERROR),
    ],
)
def test_a_restricted_update_changes_no_such_attribute(changes: dict[str, Any], code: ErrorCode) -> None:
    """NIST 40001b, 40000b, 40000c."""
    assert restricted_faults(update(replace(new_document(), **changes)), holding(REGISTERED)) == {code}


def test_a_restricted_update_goes_to_no_other_patient() -> None:
    there = replace(REGISTERED, patient=OTHER_PATIENT)
    assert restricted_faults(update(new_document()), holding(there)) == {PATIENT_ERROR}


def test_a_home_that_is_not_sent_stays() -> None:
    there = version(document(DOCUMENT), home_community_id="urn:oid:1.2.3")
    for rules in (UPDATE, RESTRICTED):
        (new,) = judge_update(update(new_document()), holding(there), rules=rules).versions
        assert new.item.home_community_id == "urn:oid:1.2.3"


def test_online_is_what_is_meant_when_nothing_is_said() -> None:
    sent = new_document(document_availability="urn:ihe:iti:2010:DocumentAvailability:Online")
    assert judge_update(update(sent), holding(REGISTERED), rules=RESTRICTED).versions


def test_a_restricted_update_takes_a_deprecated_version_and_leaves_it_deprecated() -> None:
    """NIST 12319; CP-ITI-1190-2."""
    deprecated = version(document(DOCUMENT), availability_status=DEPRECATED)
    (new,) = judge_update(update(new_document(title="x")), holding(deprecated), rules=RESTRICTED).versions
    assert (new.item.version, new.item.availability_status, new.item.title) == (2, DEPRECATED, "x")


def test_a_restricted_update_is_of_one_document_and_nothing_else() -> None:
    more = (new_document(), document("Document02", 2, logical_id=OTHER))
    invalid = ErrorCode.XDSInvalidRequestException
    assert restricted_faults(update(*more), BOTH) == {invalid}
    assert restricted_faults(update(), BOTH) >= {invalid}
    assert restricted_faults(update(new_document(), new_folder()), BOTH) == {ErrorCode.XDSObjectTypeError}
    extra = submitted(association(APND, OTHER, uuid(6)))
    assert invalid in restricted_faults(update(new_document(), *extra), BOTH)
    codes = restricted_faults(update(new_document(), status_change("Document01")), BOTH)
    assert codes == {ErrorCode.UnmodifiableMetadataError}


def test_a_restricted_update_needs_its_slots() -> None:
    item = update(held("Document01", extra_slots=()), new_document())
    assert restricted_faults(item, holding(REGISTERED)) == {ErrorCode.XDSMetadataAnnotationError}


# --- What is no update ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("extra", [status_change(DOCUMENT), *submitted(association(APND, OTHER, DOCUMENT))[:1]])
def test_a_submission_of_documents_carries_no_operation(extra: Association) -> None:
    sent = submission(document("Document09", 9), relations=(extra,))
    with pytest.raises(RegistryError) as caught:
        judge(sent)
    assert {found.code for found in caught.value.findings} == {ErrorCode.XDSRegistryMetadataError}


def test_a_submission_of_documents_names_no_previous_version() -> None:
    """NIST 21000."""
    sent = submission(document())
    slots_ = (("PreviousVersion", ("1",)),)
    sent = replace(sent, associations=tuple(replace(item, extra_slots=slots_) for item in sent.associations))
    with pytest.raises(RegistryError) as caught:
        judge(sent)
    assert {found.code for found in caught.value.findings} == {ErrorCode.XDSRegistryMetadataError}


# --- Somebody for whom not everything is there ------------------------------------------------------------------------


def test_what_is_not_there_is_unknown() -> None:
    existing = holding(REGISTERED, ANOTHER).only({OTHER})
    assert told(update(new_document()), existing) == told(update(new_document()), Versions(DOSSIER))
    hidden = holding(REGISTERED, links=(link(APND, OTHER, DOCUMENT),), named_sets=frozenset({PACKAGE})).only(())
    for target in (DOCUMENT, LINK, PACKAGE):
        assert told(update(status_change(target)), hidden) == told(update(status_change(target)), Versions(DOSSIER))
    for end in (DOCUMENT, PACKAGE):
        sent = update(*submitted(association(APND, OTHER, end)))
        assert told(sent, hidden) == told(sent, Versions(DOSSIER))


def test_what_hangs_on_a_version_follows_it_unseen() -> None:
    existing = holding(REGISTERED, ANOTHER, links=(link(APND, OTHER, DOCUMENT),)).only({DOCUMENT})
    assert len(copies(judge_update(update(new_document()), existing))) == 1
