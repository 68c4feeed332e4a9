"""Any metadata, as the registry returns them: with a logical id and without values that XML cannot hold."""

from __future__ import annotations

from hypothesis import strategies as st

from registry.metadata import (
    Association,
    AssociationType,
    Author,
    AvailabilityStatus,
    Code,
    DocumentEntry,
    Folder,
    ObjectType,
    SubmissionSet,
)

CHARACTERS = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff") | st.sampled_from(
    "\t\n\r&<>\"'"
)
text = st.text(CHARACTERS, max_size=24)
full = st.text(CHARACTERS, min_size=1, max_size=24)
values = st.lists(text, min_size=1, max_size=3).map(tuple)
some = st.just(()) | values
ids = st.uuids().map(lambda found: f"urn:uuid:{found}") | st.text("abcXYZ0189_-.", min_size=1, max_size=12)
codes = st.builds(Code, full, full, text)
many_codes = st.lists(codes, max_size=3).map(tuple)
extra_slots = st.dictionaries(full.map(lambda name: f"urn:example:{name}"), some, max_size=3).map(
    lambda found: tuple(found.items())
)
authors = st.lists(
    st.builds(
        Author,
        person=text,
        institutions=some,
        roles=some,
        specialties=some,
        telecommunications=some,
        extra_slots=extra_slots,
    ),
    max_size=3,
).map(tuple)
statuses = st.sampled_from(AvailabilityStatus)

document_entries = st.builds(
    DocumentEntry,
    entry_uuid=ids,
    unique_id=text,
    patient_id=text,
    mime_type=text,
    class_code=codes,
    type_code=codes,
    format_code=codes,
    healthcare_facility_type_code=codes,
    practice_setting_code=codes,
    confidentiality_codes=many_codes,
    creation_time=text,
    language_code=text,
    source_patient_id=text,
    authors=authors,
    event_codes=many_codes,
    reference_ids=some,
    source_patient_info=some,
    title=text,
    comments=text,
    legal_authenticator=text,
    service_start_time=text,
    service_stop_time=text,
    hash=text,
    size=st.none() | st.integers(0, 10**15),
    uri=text | st.text("abc/|1", min_size=250, max_size=600),
    repository_unique_id=text,
    home_community_id=text,
    document_availability=text,
    object_type=st.sampled_from(ObjectType),
    availability_status=statuses,
    logical_id=full,
    version=st.integers(1, 999),
    extra_slots=extra_slots,
)
submission_sets = st.builds(
    SubmissionSet,
    entry_uuid=ids,
    unique_id=text,
    patient_id=text,
    source_id=text,
    submission_time=text,
    content_type_code=codes,
    authors=authors,
    intended_recipients=some,
    title=text,
    comments=text,
    home_community_id=text,
    availability_status=statuses,
    extra_slots=extra_slots,
)
folders = st.builds(
    Folder,
    entry_uuid=ids,
    unique_id=text,
    patient_id=text,
    codes=many_codes,
    title=text,
    comments=text,
    last_update_time=text,
    home_community_id=text,
    availability_status=statuses,
    logical_id=full,
    version=st.integers(1, 999),
    extra_slots=extra_slots,
)
associations = st.builds(
    Association,
    entry_uuid=ids,
    type=st.sampled_from(AssociationType),
    source=ids,
    target=ids,
    submission_set_status=text,
    documentation=st.none() | codes,
    availability_status=statuses,
    extra_slots=extra_slots,
)
registry_objects = st.lists(
    document_entries | submission_sets | folders | associations, max_size=4, unique_by=lambda found: found.entry_uuid
)
