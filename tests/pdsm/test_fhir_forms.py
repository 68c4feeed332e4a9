"""Which form of a resource a client asks for."""

from __future__ import annotations

import pytest
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from pdsm.forms import Form, named, named_first, wanted

JSON, XML = Form.JSON, Form.XML


def accepted(header: str) -> MIMEAccept:
    return parse_accept_header(header, MIMEAccept)


@pytest.mark.parametrize(
    ("format_", "accept", "form"),
    [
        ("", "", JSON),
        ("", "*/*", JSON),
        ("", "application/*", JSON),
        ("", "application/fhir+json", JSON),
        ("", "application/json", JSON),
        ("", "application/fhir+json, */*; q=0.1", JSON),
        ("", "application/fhir+json;charset=utf-8", JSON),
        ("", "application/fhir+xml;q=0.5,application/*", JSON),
        ("", "application/fhir+xml,application/fhir+json", JSON),
        ("", "application/fhir+xml", XML),
        ("", "application/xml", XML),
        ("", "text/xml", XML),
        ("", "application/fhir+xml; fhirVersion=4.0", XML),
        ("", "Application/FHIR+XML", XML),
        ("", "application/fhir+json;q=0.2,application/fhir+xml;q=0.8", XML),
        ("", "*/*,application/fhir+json;q=0", XML),
        ("", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", XML),
        ("", "text/html", None),
        ("", "application/fhir+json;q=0", None),
        ("", "application/fhir+json; fhirVersion=5.0", None),
        ("", "application/fhir+json; fhirVersion=3.0, application/fhir+xml", XML),
        ("xml", "application/fhir+json", XML),
        ("json", "application/fhir+xml", JSON),
        ("application/fhir+xml", "", XML),
        ("application/fhir xml", "", XML),
        ("text/xml", "text/html", XML),
        ("application/fhir+xml; fhirVersion=4.0", "", XML),
        ("html", "application/fhir+json", None),
        ("turtle", "*/*", None),
    ],
)
def test_the_form_that_is_asked_for(format_: str, accept: str, form: Form | None) -> None:
    assert wanted(format_, accepted(accept), JSON) is form


def test_who_takes_both_gets_the_usual_one() -> None:
    assert wanted("", accepted("*/*"), XML) is XML
    assert wanted("", accepted(""), XML) is XML
    assert wanted("", accepted("application/fhir+json"), XML) is JSON


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("application/fhir+xml", XML),
        ("application/fhir+json, */*; q=0.1", JSON),
        ("application/xml", None),
        ("text/xml, application/fhir+xml;q=0.5", None),
        ("*/*", None),
        ("", None),
    ],
)
def test_a_document_is_told_as_a_resource_to_who_asks_for_fhir_by_name(accept: str, form: Form | None) -> None:
    assert named_first(accepted(accept)) is form


def test_a_form_by_its_names() -> None:
    found = [named(each) for each in ("xml", "XML", "json", "text/json", "ttl", "")]
    assert found == [XML, XML, JSON, JSON, None, None]
