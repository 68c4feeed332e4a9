"""The published examples of MHD, PDSm and PDSm4DMP: put right where they cannot be provided, and compared."""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from pdsm.original import Element
from pdsm.submission_list import SUBMISSION_SET, kind_of, write_submission_set
from tests.connectathon import document, new_oid, submission
from tests.journeys.sharing_client import patient_of

# What may come back otherwise than it was sent: the path, and by what right. The table is docs/fhir_mapping.md.
_PEOPLE = r"(author|authenticator|custodian|source|source\.extension\.valueReference|source\.organization)"
_PATIENT = r"context\.sourcePatientInfo"
_INSIDE = rf"({_PEOPLE}|{_PATIENT}|extension\.valueReference)"
LOST = {
    r"id|meta\..*|content\.attachment\.(url|data)": "the server's own",
    r"text\..*|context\.encounter\.reference|code\.coding\.display": "XDS has no attribute",
    r"subject\..*|entry\.item\.reference|relatesTo\.target\.reference": "told by what this server knows it by",
    r"date": "of a folder: when it changed; of a document: when it was created, as the attachment says",
    r"(masterI|i)dentifier\.value": "a UUID is the OID below 2.25",
    r"(securityLabel\.coding|content\.format)\.system": "a TRE under a name that it no longer has",
    r"extension\.valueBoolean": "not archived is told by nothing",
    r"extension\.valueIdentifier\.(system|value)": "a sourceId is an OID, and no more",
    r"extension\.(url|valueReference\..*)": "sourcePatientId of a set; a recipient as XON, XCN and XTN",
    rf"{_INSIDE}\.(id|resourceType|language|active|meta\..*)": "of who stands inside: our own, or not kept",
    rf"{_PEOPLE}\.(type|qualification|extension|telecom\.extension)\..*|author\.telecom\.use": "of people: not kept",
    rf"{_PEOPLE}\.(identifier\..*|name\.text)": "XCN and XON have one identifier, and the parts of a name",
    r"authenticator\.(telecom\..*|name)": "an XCN has no address, and is no organization",
    r"(custodian|source)\.reference": "of another server, and nothing else is said of it",
    rf"{_PATIENT}\.(address\..*|identifier\.use|name\.(use|family|given|period\..*))": "PID-3, 5, 7, 8: an XPN",
}


@cache
def _guide(folder: Path) -> Mapping[str, Element]:
    """The resources that the examples of a guide refer to."""
    found = {}
    for path in folder.glob("*.json"):
        kind, _, name = path.stem.partition("-")
        found[f"{kind}/{name}"] = json.loads(_with_authorities(path.read_text("utf-8")))
    return found


def _with_authorities(text: str) -> str:
    """Authorities of identifiers as XDS has them: OIDs."""
    return re.sub(r'"https?://(example\.org/patients|[^"]*/patients)"', '"urn:oid:1.2.3.4"', text)


def mended(text: str, folder: Path, patient: str, registered: str) -> Any:
    """An example that can be provided: of a patient of ours, new OIDs and UUIDs, `registered` for what is to be there.

    Whom it refers to elsewhere in its guide stands inside it; who is nowhere is somebody who stands inside.
    """
    oids: dict[str, str] = {}
    of_documents = r"urn:oid:(1\.2\.840\.113556|1\.2\.250\.1\.213\.1\.4\.8\.99999)\.[0-9.]+"
    text = re.sub(
        of_documents, lambda found: f"urn:oid:{oids.setdefault(found[0], new_oid())}", _with_authorities(text)
    )
    uuids: dict[str, str] = {}
    text = re.sub("urn:uuid:[0-9a-f-]{36}", lambda found: uuids.setdefault(found[0], uuid.uuid4().urn), text)
    text = re.sub(r'"DocumentReference/[^"]*"|"List/[^"]*"', f'"{registered}"', text)
    resource = json.loads(text.replace('"size": 24', '"size": 23'))
    for each in [one["resource"] for one in resource.get("entry", []) if "resource" in one] or [resource]:
        _with_people(each, folder, patient)
    return resource


def _with_people(resource: Element, folder: Path, patient: str) -> None:
    if resource["resourceType"] not in ("DocumentReference", "List"):
        return
    system, value = patient_of(patient).split("|")
    resource["subject"] = {"identifier": {"system": system, "value": value}}
    inside = resource.setdefault("contained", [])
    for each in _references({name: value for name, value in resource.items() if name != "contained"}):
        known = _guide(folder).get(each["reference"])
        kind, _, name = each["reference"].partition("/")
        if known and kind in ("Organization", "Patient", "Practitioner", "PractitionerRole", "Device"):
            if all(one["id"] != name for one in inside):
                inside.append({**known, "id": name})
            each["reference"] = f"#{name}"
        elif kind in ("Practitioner", "PractitionerRole"):
            each["reference"] = (
                f"#{next(one['id'] for one in inside if one['resourceType'].startswith('Practitioner'))}"
            )
    if not inside:
        del resource["contained"]


def _references(value: Any) -> Iterator[Element]:
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        if isinstance(each, dict) and isinstance(each.get("reference"), str):
            yield each
        yield from _references(each)


def wrapped(resource: Element, patient: str) -> Element:
    """A DocumentReference or a List as ITI-65 carries it; it is the last entry."""
    urls = [f"urn:uuid:00000000-0000-4000-8000-00000000000{number}" for number in range(3)]
    own = write_submission_set(submission(document(patient)).submission_set, [urls[1]])
    parts = [{name: value for name, value in own.items() if name not in ("id", "meta")}, resource]
    if resource["resourceType"] == "List" and kind_of(resource) == SUBMISSION_SET:
        parts = [resource]
    elif resource["resourceType"] == "DocumentReference":
        attachment = resource["content"][0]["attachment"]
        for name in ("size", "hash", "data"):  # of a document that nobody published
            attachment.pop(name, None)
        attachment["url"] = urls[2]
        parts.insert(1, {"resourceType": "Binary", "contentType": attachment["contentType"], "data": "aGVsbG8="})
        urls[1:] = urls[:0:-1]
    entries = [
        {"fullUrl": url, "resource": each, "request": {"method": "POST", "url": each["resourceType"]}}
        for url, each in zip(urls, parts, strict=False)
    ]
    profile = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/IHE.MHD.Minimal.ProvideBundle"
    return {"resourceType": "Bundle", "meta": {"profile": [profile]}, "type": "transaction", "entry": entries}


def lost_by_no_right(sent: Element, told: Element) -> list[str]:
    """What did not come back, and that LOST does not foresee."""
    missing = Counter(_leaves(sent, sent)) - Counter(_leaves(told, told))
    return sorted(f"{path} = {value}" for path, value in missing if not any(re.fullmatch(one, path) for one in LOST))


def _leaves(value: Any, whole: Element, path: str = "") -> Iterator[tuple[str, str]]:
    """Each value with its path; who is contained stands where he is referred to, times are of UTC."""
    if isinstance(value, list):
        for each in value:
            yield from _leaves(each, whole, path)
    elif isinstance(value, dict):
        inside = [each for each in whole.get("contained", ()) if f"#{each['id']}" == value.get("reference")]
        for name, each in {**value, **(inside[0] if inside else {})}.items():
            if name != "contained" and not (name == "reference" and inside):
                below = f"{path}.{name}" if path else name
                place = path if name == "practitioner" else below  # a role, and who has it
                yield from _leaves(each, whole, place)
    else:
        yield path, _in_utc(str(value))


def _in_utc(text: str) -> str:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", text):
        return text
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
