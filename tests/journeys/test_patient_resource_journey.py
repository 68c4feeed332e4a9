"""ITI-78 through a real server: patients whom an identity source fed, searched and read by FHIR; their documents."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from fed import registered
from patient_client import NOBODY, URN, clan, issue, patients, search, token, values

from audit.event import Outcome
from tests.connectathon import Node
from tests.hl7v3 import Patients, by_name, cx, new_authority
from tests.journeys.sharing_client import ask, find, patient_of

__all__ = ["clan", "patients"]  # fixtures
FORM = "application/x-www-form-urlencoded"


@pytest.mark.proves("transaction/ITI-78")
@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("given", "eleonore"),
        ("given", "ÉLÉO"),
        ("given", "ida"),
        ("given:exact", "Éléonore"),
        ("given:contains", "éono"),
        ("gender", "female"),
        ("gender:not", "male"),
        ("birthdate", "1970-06-15"),
        ("birthdate", "1970"),
        ("birthdate", "lt1971"),
        ("birthdate", "le1970-06-15,eq1812"),
        ("birthdate", "ne1971"),
        ("telecom", "+33123"),
        ("telecom", "phone|+33 1 23"),
        ("telecom", "email|e@EXAMPLE.org"),
        ("address", "12 rue"),
        ("address", "saint malo"),
        ("address:exact", "Saint-Malo"),
        ("address-city", "Saint"),
        ("address-country", "fra"),
        ("address-postalcode", "35400,99999"),
        ("address-state", "bretagne"),
        ("mothersMaidenName", "le goff"),
        ("mothersMaidenName:exact", "Le Goff"),
        ("name", "ida"),
        ("birthdate:missing", "false"),
        ("address:missing", "false"),
    ],
)
def test_each_parameter_finds_whom_it_is_said_of(node: Node, clan: dict[str, Any], parameter: str, value: str) -> None:
    reply = search(node, (parameter, value), family=clan["family"], active="true")
    found = values(reply)
    assert found == {"1", "1b"} if parameter != "birthdate:missing" else found == {"1", "1b", "2"}


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("given:exact", "éléonore"),
        ("birthdate", "1970-06-16"),
        ("birthdate", "gt1971"),
        ("gender", "other"),
        ("telecom", "phone|e@example.org"),
        ("address-city", "12 rue"),
        ("active", "false"),
        ("identifier", "1"),
    ],
)
def test_nobody_else_is_found(node: Node, clan: dict[str, Any], parameter: str, value: str) -> None:
    reply = search(node, (parameter, value), family=f"{clan['family']}", given="Éléonore")
    assert values(reply) == ({"1", "1b"} if parameter == "identifier" else set())
    assert reply.resource["total"] == len(reply.matches)


def test_parameters_are_and_their_values_or(node: Node, clan: dict[str, Any]) -> None:
    family = clan["family"]
    assert values(search(node, family=family)) == {"1", "1b", "2"}
    assert values(search(node, family=f"{family},O{family}")) == {"1", "1b", "2", "3"}
    assert values(search(node, family=family, gender="male")) == {"2"}
    assert values(search(node, family=family, birthdate="1971")) == {"2"}
    both = (("given", "Éléonore"), ("given", "Ida"))
    assert values(search(node, *both, family=family)) == {"1", "1b"}
    assert values(search(node, ("given", "Éléonore"), ("given", "Paul"), family=family)) == set()
    assert values(search(node, identifier=f"{token(clan['one'])},{token(clan['two'])}")) == {"1", "1b", "2"}
    assert values(search(node, ("identifier", token(clan["one"])), ("identifier", token(clan["two"])))) == set()
    assert values(search(node, ("identifier", token(clan["one"])), ("identifier", token(clan["same"])))) == {"1", "1b"}


def test_a_patient_is_told_as_the_source_said(node: Node, clan: dict[str, Any]) -> None:
    (found,) = search(node, identifier=token(clan["one"])).matches
    assert found["active"] is True
    assert found["name"] == [{"use": "official", "family": clan["family"], "given": ["Éléonore", "Ida"]}]
    assert (found["gender"], found["birthDate"]) == ("female", "1970-06-15")
    assert found["telecom"] == [
        {"system": "phone", "value": "+33 1-23", "use": "mobile"},
        {"system": "email", "value": "E@example.org"},
    ]
    line, rest = found["address"][0].pop("line"), found["address"][0]
    assert line == ["12 rue Basse"]
    assert rest == {"city": "Saint-Malo", "state": "Bretagne", "postalCode": "35400", "country": "FRA"}
    assert found["extension"][0]["valueString"] == "Le Goff"
    (bare,) = search(node, identifier=token(clan["other"])).matches
    assert bare.keys() == {"resourceType", "id", "identifier", "active", "name"}, "what is absent stays absent"


def test_the_domains_that_are_wanted(node: Node, clan: dict[str, Any]) -> None:
    family, blue, red = clan["family"], f"{URN}{clan['blue']}|", f"{URN}{clan['red']}|"
    assert values(search(node, family=family, identifier=blue)) == {"1b"}
    assert values(search(node, family=family, identifier=f"{blue},{red}")) == {"1", "1b", "2"}
    unknown = search(node, family=family, identifier=f"{URN}{new_authority()}|")
    assert issue(unknown) == (404, "warning", "not-found", "targetSystem not found")
    assert node.audit(1)[0].outcome == Outcome.MINOR_FAILURE


def test_both_doors_find_the_same(node: Node, clan: dict[str, Any]) -> None:
    answer = Patients(node).find(by_name(clan["family"], "eleonore"))
    by_soap = {value for identifiers in answer.identifiers for value, _ in identifiers}
    assert values(search(node, family=clan["family"], given="eleonore")) == by_soap == {"1", "1b"}


def test_a_search_by_post_and_its_pages(node: Node, clan: dict[str, Any]) -> None:
    form = urlencode({"family": clan["family"], "_count": "1", "_sort": "birthdate"}).encode()
    reply = ask(node, "Patient/_search", "POST", form, Content_Type=FORM)
    assert (reply.resource["total"], [each["birthDate"] for each in reply.matches]) == (2, ["1970-06-15"])
    (following,) = [each["url"] for each in reply.resource["link"] if each["relation"] == "next"]
    second = ask(node, following.partition(str(node.port))[2])
    assert [each["birthDate"] for each in second.matches] == ["1971"]
    assert all(each["relation"] != "next" for each in second.resource["link"])
    counted = search(node, family=clan["family"], _summary="count")
    assert (counted.resource["total"], counted.matches) == (2, [])
    (short,) = search(node, identifier=token(clan["one"]), _elements="gender").matches
    assert short.keys() == {"resourceType", "id", "meta", "gender"}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "_count=1",
        "birthdate=yesterday",
        "family:above=x",
        "telecom=%00",
        "_id=a,b",
        "_sort=shoe",
        "_count=x",
        "_cursor=AAAA&family=x",
    ],
)
def test_a_search_that_cannot_be_understood_is_told_so(node: Node, query: str) -> None:
    reply = ask(node, f"Patient?{query}")
    assert issue(reply)[::2][:2] == (400, "invalid")


def test_what_is_not_known_is_ignored_or_refused(node: Node, clan: dict[str, Any]) -> None:
    lenient = search(node, family=clan["family"], shoe="42")
    assert len(lenient.matches) == 2
    assert "shoe" not in lenient.resource["link"][0]["url"]
    asked = f"Patient?{urlencode({'family': clan['family'], 'shoe': '42'})}"
    assert ask(node, asked, Prefer="handling=strict").status == 400


def test_one_patient_by_id(node: Node, clan: dict[str, Any]) -> None:
    (found,) = search(node, identifier=token(clan["one"])).matches
    read = ask(node, f"Patient/{found['id']}")
    assert (read.status, read.resource) == (200, found)
    assert values(search(node, _id=found["id"])) == {"1", "1b"}
    assert values(search(node, _id=found["id"], family="nobody")) == set()
    absent = [ask(node, f"Patient/{each}") for each in (NOBODY, "x", found["id"].upper(), "%00")]
    assert {(each.status, each.content) for each in absent} == {(404, absent[0].content)}
    assert search(node, _id=NOBODY).resource["total"] == 0


def test_whoever_was_merged_is_nobody(node: Node, patients: Patients) -> None:
    authority = new_authority()
    patients.add([("old", authority)])
    patients.add([("new", authority)])
    (old,) = search(node, identifier=token(("old", authority))).matches
    patients.merge(("new", authority), ("old", authority))
    assert ask(node, f"Patient/{old['id']}").status == 404
    assert search(node, identifier=token(("old", authority))).resource["total"] == 0
    (new,) = search(node, identifier=token(("new", authority))).matches
    assert [each["value"] for each in new["identifier"]] == ["new"]


def test_the_event_of_a_search(node: Node, clan: dict[str, Any]) -> None:
    search(node, family=clan["family"], given="paul")
    record = node.audit(1)[0]
    assert (record.transaction, record.action, record.outcome) == ("ITI-78", "ITI-47", Outcome.SUCCESS)
    message = record.message.decode()
    assert cx(clan["two"]).replace("&", "&amp;") in message
    assert cx(clan["one"]).replace("&", "&amp;") not in message


# --- Documents of a Patient -------------------------------------------------------------------------------------------


def test_documents_by_a_reference_to_their_patient(node: Node, patients: Patients) -> None:
    patient = ("1", new_authority())
    patients.add([patient])
    entry = registered(node, patient)
    (known,) = search(node, identifier=token(patient)).matches
    by_identifier = find(node, "DocumentReference", patient__identifier=patient_of(cx(patient)))
    (document,) = by_identifier.matches
    assert document["masterIdentifier"]["value"] == f"{URN}{entry.unique_id}"
    assert document["subject"]["reference"] == f"Patient/{known['id']}"
    assert ask(node, document["subject"]["reference"]).resource == known
    here = f"http://127.0.0.1:{node.port}/fhir"
    for name_, value in (
        ("patient", f"Patient/{known['id']}"),
        ("patient", known["id"]),
        ("subject", f"{here}/Patient/{known['id']}"),
        ("subject:Patient", known["id"]),
    ):
        assert find(node, "DocumentReference", (name_, value)).matches == [document]
    sets = find(node, "List", ("patient", f"Patient/{known['id']}"), code="submissionset").matches
    assert [each["subject"]["reference"] for each in sets] == [f"Patient/{known['id']}"]
    for nobody in (f"Patient/{NOBODY}", f"https://example.org/fhir/Patient/{known['id']}"):
        assert find(node, "DocumentReference", ("patient", nobody)).resource["total"] == 0
    twice = find(node, "DocumentReference", ("patient", known["id"]), patient__identifier=patient_of(cx(patient)))
    assert twice.status == 400
