"""Stored queries: parameters as coded, objects as read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lps_fakes import ENTRY, ENTRY_UUID, SUCCESS, soap

from conformance.lps.metadata import Code
from conformance.lps.query import (
    FIND_DOCUMENTS,
    GET_DOCUMENTS,
    Filters,
    find_documents,
    get_by_uuid,
    get_documents,
    get_related_documents,
    lists,
    read_response,
    text,
    write_query,
)
from conformance.lps.soap import read_body
from schemas.xml import parse

RIM = {"rim": "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0", "query": "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"}


def test_find_documents_as_the_framework_codes_it() -> None:
    filters = Filters(
        type_codes=[Code("34112-3", "2.16.840.1.113883.6.1"), Code("SYNTH", "1.2")],
        confidentiality_codes=[[Code("N", "1")], [Code("R", "1"), Code("V", "1")]],
        author_persons=["%O'NEILL%"],
        creation_time_from="2024",
        service_stop_time_to="20250101",
    )
    assert find_documents("1^^^&2&ISO^NH", filters) == [
        ("$XDSDocumentEntryPatientId", ["'1^^^&2&ISO^NH'"]),
        ("$XDSDocumentEntryStatus", ["('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')"]),
        ("$XDSDocumentEntryTypeCode", ["('34112-3^^2.16.840.1.113883.6.1','SYNTH^^1.2')"]),
        ("$XDSDocumentEntryAuthorPerson", ["('%O''NEILL%')"]),
        ("$XDSDocumentEntryCreationTimeFrom", ["2024"]),
        ("$XDSDocumentEntryServiceStopTimeTo", ["20250101"]),
        ("$XDSDocumentEntryConfidentialityCode", ["('N^^1')"]),
        ("$XDSDocumentEntryConfidentialityCode", ["('R^^1','V^^1')"]),
    ]


def test_every_parameter_of_find_documents_has_its_slot() -> None:
    code = [Code("c", "s")]
    filters = Filters(
        statuses=["s"],
        class_codes=code,
        type_codes=code,
        practice_setting_codes=code,
        healthcare_facility_type_codes=code,
        format_codes=code,
        event_codes=[code],
        confidentiality_codes=[code],
        author_persons=["a"],
        object_types=["t"],
        **{
            f"{name}_time_{edge}": "2024"
            for name in ("creation", "service_start", "service_stop")
            for edge in ("from", "to")
        },
    )
    names = {name.removeprefix("$XDSDocumentEntry") for name, _ in find_documents("p", filters)}
    # ITI TF-2 3.18.4.1.2.3.7.1
    assert names == {
        *("PatientId", "ClassCode", "TypeCode", "PracticeSettingCode", "CreationTimeFrom", "CreationTimeTo"),
        *("ServiceStartTimeFrom", "ServiceStartTimeTo", "ServiceStopTimeFrom", "ServiceStopTimeTo", "AuthorPerson"),
        *("HealthcareFacilityTypeCode", "EventCodeList", "ConfidentialityCode", "FormatCode", "Status", "Type"),
    }


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=100), min_size=1, max_size=12))
def test_lists_keep_every_value_whole_within_256_characters(values: list[str]) -> None:
    packed = lists(values)
    found = [item for value in packed for item in re.findall(r"'(?:[^']|'')*'", value[1:-1])]
    assert found == [text(value) for value in values]
    assert all(len(value) <= 256 for value in packed if value.count(",'"))


def test_queries_by_identifier() -> None:
    assert get_documents([ENTRY_UUID]) == [("$XDSDocumentEntryEntryUUID", [f"('{ENTRY_UUID}')"])]
    assert get_documents(["2.25.1", "2.25.2"]) == [("$XDSDocumentEntryUniqueId", ["('2.25.1','2.25.2')"])]
    assert get_by_uuid(["urn:uuid:1"]) == [("$uuid", ["('urn:uuid:1')"])]
    assert get_related_documents("2.25.1", ["urn:x"]) == [
        ("$XDSDocumentEntryUniqueId", ["'2.25.1'"]),
        ("$AssociationTypes", ["('urn:x')"]),
    ]


def test_the_request_names_the_query_and_the_return_type() -> None:
    root = parse(write_query(FIND_DOCUMENTS, find_documents("1^^^&2&ISO", Filters())))
    option = root.find("query:ResponseOption", RIM)
    assert option is not None
    assert (option.get("returnType"), option.get("returnComposedObjects")) == ("LeafClass", "true")
    assert root.xpath("string(rim:AdhocQuery/@id)", namespaces=RIM) == FIND_DOCUMENTS
    assert root.xpath("string(//rim:Slot[1]//rim:Value)", namespaces=RIM) == "'1^^^&2&ISO'"
    references = parse(write_query(GET_DOCUMENTS, get_documents(["1"]), object_refs=True))
    assert references.xpath("string(query:ResponseOption/@returnType)", namespaces=RIM) == "ObjectRef"


def test_objects_are_read_back() -> None:
    objects = (
        ENTRY
        + '<rim:RegistryPackage id="s"><rim:ExternalIdentifier id="i" registryObject="s" value="2.25.9" '
        + 'identificationScheme="urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8"/></rim:RegistryPackage>'
        + '<rim:Association id="a" associationType="t" sourceObject="s" targetObject="d"><rim:Slot name='
        + '"SubmissionSetStatus"><rim:ValueList><rim:Value>Original</rim:Value></rim:ValueList></rim:Slot>'
        + '</rim:Association><rim:ObjectRef id="r"/>'
    )
    listed = f"<rim:RegistryObjectList>{objects}</rim:RegistryObjectList>"
    answer = f'<query:AdhocQueryResponse status="{SUCCESS}">{listed}</query:AdhocQueryResponse>'
    found = read_response(read_body(soap("1", answer), 200, "1"), ["w"])
    (entry,) = found.entries
    assert (entry.entry_uuid, entry.unique_id, entry.version, entry.size) == (ENTRY_UUID, "2.25.1234", 2, 12)
    assert entry.logical_id == "urn:uuid:22222222-2222-4222-8222-222222222222"
    assert entry.type_code == Code("34112-3", "2.16.840.1.113883.6.1", "CR hospitalier")
    assert (entry.title, entry.repository_unique_id) == ("Lettre de sortie", "1.2.250.99")
    assert entry.authors[0].person == "899900000022^NOIR^Paul"
    assert entry.class_code == Code("", "")
    assert found.submission_sets[0].unique_id == "2.25.9"
    assert (found.associations[0].source, found.associations[0].submission_set_status) == ("s", "Original")
    assert (found.references, found.warnings) == (("r",), ("w",))


def test_an_answer_without_a_list_is_empty() -> None:
    answer = f'<query:AdhocQueryResponse status="{SUCCESS}"/>'
    assert read_response(read_body(soap("1", answer), 200, "1")).entries == ()


@pytest.mark.reference
def test_a_leaf_class_answer_of_the_nist_toolkit(reference: Path) -> None:
    path = reference / "ihe" / "samples" / "nist-messagevalidator" / "sq-resp-lc.xml"
    found = read_response(parse(path.read_bytes()))
    assert found.entries[0].hash == "e543712c0e10501972de13a5bfcbe826c49feb75"
    assert (found.entries[0].size, found.entries[0].title) == (36, "DocA")
    assert found.entries[0].confidentiality_codes
