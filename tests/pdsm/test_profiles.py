"""The profiles of MHD and PDSm as rules: as published, and what becomes of who departs from one."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from identities.requester import Authentication, Requester
from pdsm import profiles
from pdsm.door import Door
from pdsm.endpoint import blueprint
from pdsm.http import BASE
from pdsm.profiles import MHD, PDSM, Rule, departures, departures_of_bundle
from pdsm.sharing_door import Sharing
from schemas.domain import DomainError, Profiles, load
from tests.conftest import ROOT
from tests.connectathon import new_patient
from tests.journeys.test_document_providing_journey import bundle_of, described, entry

# Each profile, as this house has it.
RULES = {
    "IHE.MHD.Minimal.DocumentReference": profiles.MINIMAL_DOCUMENT,
    "IHE.MHD.UnContained.Comprehensive.DocumentReference": profiles.UNCONTAINED_DOCUMENT,
    "IHE.MHD.Comprehensive.DocumentReference": profiles.COMPREHENSIVE_DOCUMENT,
    "IHE.MHD.SimplifiedPublish.DocumentReference": profiles.SIMPLIFIED,
    "IHE.MHD.Minimal.SubmissionSet": profiles.MINIMAL_SET,
    "IHE.MHD.UnContained.Comprehensive.SubmissionSet": profiles.UNCONTAINED_SET,
    "IHE.MHD.Comprehensive.SubmissionSet": profiles.COMPREHENSIVE_SET,
    "IHE.MHD.Minimal.Folder": profiles.MINIMAL_FOLDER,
    "IHE.MHD.Comprehensive.Folder": profiles.COMPREHENSIVE_FOLDER,
    "pdsm-comprehensive-document-reference": profiles.PDSM_DOCUMENT,
    "pdsm-simplified-publish": profiles.PDSM_SIMPLIFIED,
    "pdsm-submissionset-comprehensive": profiles.PDSM_SET,
    "pdsm-folder-comprehensive": profiles.PDSM_FOLDER,
}
# What the definitions say again of elements that another rule holds, or that FHIR R4 itself has.
SAID_ELSEWHERE = {"extension", "extension:intendedRecipient", "extension:PDSmintendedRecipient"}


def published(reference: Path, name: str) -> Iterator[tuple[str, int, int]]:
    """The elements whose number a profile and those that it is based on limit."""
    (path,) = (reference / "fhir").glob(f"*/conformance/StructureDefinition-{name}.json")
    definition = json.loads(path.read_text("utf-8"))
    base = definition["baseDefinition"].rpartition("/")[2]
    if base.startswith(("IHE.MHD.", "pdsm-")):
        yield from published(reference, base)
    for element in definition["differential"]["element"]:
        path_ = element["id"].partition(".")[2]
        if path_ and ("min" in element or "max" in element):
            most = element.get("max", "*")
            yield path_, element.get("min", 0), profiles.MANY if most == "*" else int(most)


@pytest.mark.parametrize("name", RULES)
def test_each_number_of_the_published_profile_is_a_rule(name: str, reference: Path) -> None:
    for path, least, most in published(reference, name):
        if path in SAID_ELSEWHERE or (path.startswith("context.related") or (least, most) == (0, profiles.MANY)):
            continue
        plain, _, slice_ = path.partition(":")
        known = [
            each
            for each in RULES[name]
            if each.path == plain and (not slice_ or slice_ == each.type or each.url.lower().endswith(_dashed(slice_)))
        ]
        assert max((each.least for each in known), default=0) >= least, path
        assert min((each.most for each in known), default=profiles.MANY) <= most, path


def _dashed(name: str) -> str:
    """The end of the address of an extension: `is-archived` of isArchived."""
    return "is-archived" if name == "isArchived" else name.lower()


def test_examples_depart_as_is_known(reference: Path) -> None:
    """Those of MHD nowhere. Those of PDSm4DMP have no custodian and no type of their masterIdentifier."""
    judged = set()
    for path in (reference / "fhir").glob("*/examples/*.json"):
        resource = json.loads(path.read_text("utf-8"))
        for claimed in profiles.profiles(resource):
            rules = RULES.get(claimed.rpartition("/")[2])
            if rules is None or path.stem == "DocumentReference-exemple-pdsm-documentreference":
                continue
            judged.add(path.stem)
            found = {each.path.split("(")[0] for each in departures(resource, rules, "")}
            allowed = {".custodian", ".masterIdentifier.where"} if "pdsm4dmp" in path.parts else set()
            assert found <= allowed, path.stem
    assert len(judged) > 15


def bundle(profile: str = f"{MHD}IHE.MHD.Comprehensive.ProvideBundle") -> dict[str, Any]:
    found = bundle_of(entry(new_patient()), b"hello")
    return copy.deepcopy(found) | {"meta": {"profile": [profile]}}


Change = Callable[[dict[str, Any], dict[str, Any]], Any]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda listed, one: one.pop("type"), "Bundle.entry[1].resource.type"),
        (lambda listed, one: one["context"].pop("facilityType"), "Bundle.entry[1].resource.context.facilityType"),
        (lambda listed, one: one["content"][0].pop("format"), "Bundle.entry[1].resource.content.format"),
        (lambda listed, one: one.update(docStatus="final"), "Bundle.entry[1].resource.docStatus"),
        (lambda listed, one: one["category"].append(one["type"]), "Bundle.entry[1].resource.category"),
        (
            lambda listed, one: one["masterIdentifier"].pop("type"),
            "Bundle.entry[1].resource.masterIdentifier.where(type.coding.code = 'uniqueId')",
        ),
        (
            lambda listed, one: one["context"].update(sourcePatientInfo={"reference": "Patient/x"}),
            "Bundle.entry[1].resource.context.sourcePatientInfo",
        ),
        (lambda listed, one: listed.update(mode="snapshot"), "Bundle.entry[0].resource.mode"),
        (lambda listed, one: listed.pop("date"), "Bundle.entry[0].resource.date"),
        (lambda listed, one: listed.update(note=[{"text": "a"}, {"text": "b"}]), "Bundle.entry[0].resource.note"),
        (lambda listed, one: listed["entry"][0].update(deleted=True), "Bundle.entry[0].resource.entry.deleted"),
    ],
)
def test_a_departure_is_told_by_its_place(change: Change, path: str) -> None:
    sound = bundle()
    assert departures_of_bundle(sound) == ()
    listed, one = (each["resource"] for each in sound["entry"][:2])
    change(listed, one)
    assert [each.path for each in departures_of_bundle(sound)] == [path]


def test_the_profile_that_is_claimed_is_the_one_that_is_asked_for() -> None:
    pdsm = departures_of_bundle(bundle(f"{PDSM}StructureDefinition/pdsm-comprehensive-provide-document-bundle|3.1.1"))
    assert "Bundle.entry[1].resource.custodian" in {each.path for each in pdsm}
    none = departures_of_bundle(bundle("http://example.org/profile"))
    assert [each.path for each in none] == ["Bundle.meta.profile"]
    assert departures_of_bundle(bundle(f"{MHD}IHE.MHD.Minimal.ProvideBundle")) == ()


def test_a_primitive_that_only_has_an_extension_is_there() -> None:
    resource = {"_date": {"extension": [{"url": "http://example.org/absent", "valueCode": "unknown"}]}}
    assert list(departures(resource, [Rule("date", 1)], "List")) == []


# --- Strict and lenient -----------------------------------------------------------------------------------------------

NODE = Requester(
    id_nat="node",
    name="node",
    profession="",
    profession_system="",
    specialty="",
    structure_id="",
    sector="",
    authentication=Authentication.AUDITEUR,
)


class _Staged:
    def write(self, _content: bytes) -> None:
        return None

    def finish(self) -> None:
        return None

    def discard(self) -> None:
        return None


def post(path: str, resource: Any, *, strict: bool, **headers: str) -> tuple[Any, list[str]]:
    """The answer of a door whose hall takes all, and what the door refused."""
    refused: list[str] = []
    ports: dict[str, Any] = {each.name: (lambda *_: None) for each in fields(Sharing)}
    ports |= {
        "requester": lambda *_: NODE,
        "named": lambda *_: {},
        "stage": _Staged,
        "provide": lambda *_: (),
        "refused": lambda _call, reason, _requester: refused.append(reason),
        "repository_unique_id": "1.2.3",
        "max_body_bytes": 10**6,
        "now": lambda: datetime(2026, 11, 29, tzinfo=UTC),
        "strict_profiles": strict,
    }
    app = Flask(__name__)
    app.register_blueprint(blueprint(Door(*[None] * len(fields(Door))), Sharing(**ports)))  # type: ignore[arg-type]
    return app.test_client().post(path, json=resource, headers=headers), refused


def published_document(**changes: Any) -> dict[str, Any]:
    resource = described(entry(new_patient()))
    resource["content"][0]["attachment"]["data"] = "aGVsbG8="
    return resource | changes


def test_a_lenient_domain_takes_it_and_says_so() -> None:
    found = bundle()
    found["entry"][1]["resource"]["docStatus"] = "final"
    answer, refused = post(BASE, found, strict=False)
    assert (answer.status_code, refused) == (200, [])
    (issue,) = answer.get_json(force=True)["entry"][0]["response"]["outcome"]["issue"]
    assert (issue["severity"], issue["code"]) == ("warning", "business-rule")
    assert issue["expression"] == ["Bundle.entry[1].resource.docStatus"]
    answer, _ = post(f"{BASE}/DocumentReference", published_document(docStatus="final"), strict=False)
    assert answer.status_code == 201
    prefer = {"Prefer": "return=OperationOutcome"}
    answer, _ = post(f"{BASE}/DocumentReference", published_document(docStatus="final"), strict=False, **prefer)
    assert [each["severity"] for each in answer.get_json(force=True)["issue"]] == ["warning"]
    answer, _ = post(f"{BASE}/DocumentReference", published_document(), strict=False, **prefer)
    assert [each["severity"] for each in answer.get_json(force=True)["issue"]] == ["information"]


@pytest.mark.parametrize("path", [BASE, f"{BASE}/DocumentReference"])
def test_a_strict_domain_refuses_it(path: str) -> None:
    found = published_document(docStatus="final")
    if path == BASE:
        found = bundle()
        found["entry"][1]["resource"]["docStatus"] = "final"
    answer, refused = post(path, found, strict=True)
    assert answer.status_code == 422
    (issue,) = answer.get_json(force=True)["issue"]
    assert (issue["severity"], issue["code"], issue["expression"][0][-9:]) == ("error", "business-rule", "docStatus")
    assert len(refused) == 1
    sound = bundle() if path == BASE else published_document()
    assert post(path, sound, strict=True)[0].status_code in (200, 201)


def test_a_domain_says_which(tmp_path: Path) -> None:
    text = (ROOT / "schemas" / "domains" / "fr-dmp.toml").read_text("utf-8")
    assert load("fr-dmp").profiles is Profiles.LENIENT
    for word, profiles_ in (("strict", Profiles.STRICT), ("severe", None)):
        file = tmp_path / "domain.toml"
        file.write_text(text.replace('profiles = "lenient"', f'profiles = "{word}"'), "utf-8")
        if profiles_:
            assert load(str(file)).profiles is profiles_
            continue
        with pytest.raises(DomainError):
            load(str(file))
