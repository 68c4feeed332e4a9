"""The metadata of a document derived a second time, from the text of the CI-SIS and the tables of ANS alone.

Nothing of `cda` is used: one misreading must not sit on both sides. It walks the tree of the whole document and reads
the published CSV files of associations, where `cda` has paths and tables of its own.

Source: CI-SIS, volet Partage de documents de santé, correspondance CDA - XDS; ITI TF-3 Table 4.2.3.1.7-2.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from lxml import etree

V3 = "{urn:hl7-org:v3}"
PS3 = "{urn:dicom-org:ps3-20}"
INS = ("1.2.250.1.213.1.4.8", "1.2.250.1.213.1.4.9", "1.2.250.1.213.1.4.10", "1.2.250.1.213.1.4.11")
OLD_INS = ("1.2.250.1.213.1.4.1", "1.2.250.1.213.1.4.2")
PERSON, STRUCTURE = "1.2.250.1.71.4.2.1", "1.2.250.1.71.4.2.2"
ACTS = ("1.2.250.1.215.300.1", "1.2.250.1.213.2.5", "2.16.840.1.113883.6.3", "1.2.840.10008.2.16.4")
SNOMED = "2.16.840.1.113883.6.96"
IMAGING = "1.2.840.10008.9.1"
XDS_SD = "1.3.6.1.4.1.19376.1.2.20"


def derive(root: etree._Element, terminology: Path) -> dict[str, object]:
    """Every attribute by its printed name; codes as `code@system`, authors as dictionaries."""
    document = next(root.iter(f"{V3}ClinicalDocument"))
    templates = [each.get("root", "") for each in document.findall(f"{V3}templateId")]
    imaging = IMAGING in templates
    role = one(document, "recordTarget", "patientRole")
    event = principal(document)
    times = one(event, "effectiveTime")
    return {
        "uniqueId": name_of(one(document, "id")),
        "typeCode": coded(one(document, "code")),
        "classCode": class_of(terminology, one(document, "code")),
        "formatCode": format_of(terminology, document, templates),
        "mimeType": "application/xslt+xml" if root.tag.endswith("Transform}stylesheet") else "text/xml",
        "title": said(one(document, "title")),
        "languageCode": value(one(document, "languageCode"), "code"),
        "confidentialityCode": coded(one(document, "confidentialityCode")),
        "creationTime": utc(value(one(document, "effectiveTime"), "value")),
        "serviceStartTime": utc(value(one(times, "low"), "value") or value(times, "value")),
        "serviceStopTime": utc(value(one(times, "high"), "value")),
        "practiceSettingCode": coded(
            one(event, "performer", "assignedEntity", "representedOrganization", "standardIndustryClassCode")
        ),
        "healthcareFacilityTypeCode": coded(
            one(document, "componentOf", "encompassingEncounter", "location", "healthCareFacility", "code")
        ),
        "patientId": next(cx(each, "NH") for each in role.findall(f"{V3}id") if each.get("root") in INS),
        "sourcePatientId": source_patient(role),
        "sourcePatientInfo": traits(one(role, "patient")),
        "author": [author(each) for each in document.findall(f"{V3}author") if one(each, "assignedAuthor") is not None],
        "legalAuthenticator": authenticator(document),
        "eventCodeList": sorted(set(events(document, imaging))),
        "referenceIdList": sorted(set(references(document, imaging))),
    }


def one(element: etree._Element | None, *names: str) -> etree._Element | None:
    """The first descendant that a chain of names leads to, whichever way is open."""
    if element is None or not names:
        return element
    for child in element.findall(f"{V3}{names[0]}"):
        if (found := one(child, *names[1:])) is not None:
            return found
    return None


def value(element: etree._Element | None, attribute: str) -> str:
    return "" if element is None else element.get(attribute, "").strip()


def said(element: etree._Element | None) -> str:
    return "" if element is None else " ".join("".join(element.itertext()).split())


def coded(element: etree._Element | None) -> str:
    return f"{value(element, 'code')}@{value(element, 'codeSystem')}"


def arc(root: str) -> str:
    """An OID; of a UUID, its arc. Source: ITU-T X.667 §7."""
    return f"2.25.{int(root.replace('-', ''), 16)}" if "-" in root else root


def name_of(element: etree._Element | None) -> str:
    extension = value(element, "extension")
    return arc(value(element, "root")) + (f"^{extension}" if extension else "")


def utc(text: str) -> str:
    """A timestamp in UTC, as precise as it is written."""
    body, _, offset = (text.partition("+") if "+" in text else text.partition("-")) if text else ("", "", "")
    body = body.partition(".")[0]
    if not offset or len(body) < 12:
        return body
    pattern = "%Y%m%d%H%M%S"[: 12 if len(body) == 14 else 10]
    moved = datetime.strptime(f"{body}{text[len(text) - 5 :]}", f"{pattern}%z").astimezone(UTC)
    return moved.strftime(pattern)


def principal(document: etree._Element) -> etree._Element | None:
    """The act that has a cadre d'exercice, else the first."""
    acts = document.findall(f"{V3}documentationOf/{V3}serviceEvent")
    with_setting = [each for each in acts if next(each.iter(f"{V3}standardIndustryClassCode"), None) is not None]
    return next(iter(with_setting or acts), None)


def class_of(terminology: Path, code: etree._Element | None) -> str:
    rows = published(terminology / "ASS_X16_typeCode_classCode_DMP.csv")
    return next(
        (f"{row['classCode']}@1.2.250.1.213.1.1.4.1" for row in rows if row["typeCode"] == value(code, "code")), ""
    )


def format_of(terminology: Path, document: etree._Element, templates: list[str]) -> str:
    """That of the last template that has one; '' where the published extract has none of them."""
    rows = {
        row["templateId"]: row["formatCode"] for row in published(terminology / "ASS_A11_templateId_formatCode.csv")
    }
    body = one(document, "component", "nonXMLBody", "text")
    if body is not None:
        return rows.get(f"{XDS_SD} + {value(body, 'mediaType')}", "")
    return next((rows[each] for each in reversed(templates) if each in rows), "")


@cache
def published(path: Path) -> tuple[dict[str, str], ...]:
    with path.open(encoding="utf-8", newline="") as lines:
        return tuple(csv.DictReader(lines))


def escaped(text: str) -> str:
    """Source: HL7 v2.5 §2.7.1."""
    return "".join(
        {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"}.get(each, each) for each in text
    )


def cx(element: etree._Element, kind: str) -> str:
    return f"{escaped(value(element, 'extension'))}^^^&{arc(value(element, 'root'))}&ISO^{kind}"


def source_patient(role: etree._Element | None) -> str:
    ids = [] if role is None else [each for each in role.findall(f"{V3}id") if each.get("nullFlavor") is None]
    own = [each for each in ids if each.get("root") not in INS + OLD_INS and each.get("extension")]
    return cx(own[0], "PI") if own else cx(ids[0], "NH")


def traits(patient: etree._Element | None) -> list[str]:
    names = [] if patient is None else patient.findall(f"{V3}name/*")

    def part(name: str) -> str:
        found = [each for each in names if each.tag == V3 + name]
        best = [each for qualifier in ("BR", None, "CL") for each in found if each.get("qualifier") == qualifier]
        return escaped(said(best[0])) if best else ""

    birth, sex = value(one(patient, "birthTime"), "value")[:8], value(one(patient, "administrativeGenderCode"), "code")
    lines = [f"PID-5|{part('family')}^{part('given')}^^^^^L", f"PID-7|{birth}", f"PID-8|{sex}"]
    return [line for line in lines if not line.endswith("|")]


def author(element: etree._Element) -> dict[str, object]:
    entity = one(element, "assignedAuthor")
    organization = one(entity, "representedOrganization")
    specialty = one(entity, "code")
    has_specialty = bool(value(specialty, "code") and value(specialty, "codeSystem"))
    return {
        "person": xcn(entity, device=one(entity, "assignedAuthoringDevice") is not None),
        "institution": [] if organization is None else [xon(organization)],
        "role": list(filter(None, [escaped(value(one(element, "functionCode"), "displayName"))])),
        "specialty": [coded(specialty)] if has_specialty else [],
    }


def xcn(entity: etree._Element | None, *, device: bool) -> str:
    """PS_IdNat^Nom^Prénom^^^^^^&OID&ISO^D^^^IDNPS."""
    ids = [] if entity is None else [each for each in entity.findall(f"{V3}id") if each.get("nullFlavor") is None]
    ranked = [each for root in ((PERSON,), INS) for each in ids if each.get("root") in root]
    chosen = (ranked or ids)[0]
    person, system = one(entity, "assignedPerson", "name"), one(entity, "assignedAuthoringDevice")
    family, given = said(one(person, "family")), said(one(person, "given"))
    if system is not None:
        family, given = said(one(system, "softwareName")), said(one(system, "manufacturerModelName"))
    number = value(chosen, "extension")
    if device:
        kind = "U^^^RI"
    elif chosen.get("root") in INS:
        kind = "D^^^NH"
    else:
        national = chosen.get("root") == PERSON and number[:1] in ("0", "8") and "/" not in number
        kind = f"D^^^{'IDNPS' if national else 'EI'}"
    root = arc(value(chosen, "root"))
    return f"{escaped(number or root)}^{escaped(family)}^{escaped(given)}^^^^^^&{root}&ISO^{kind}"


def xon(organization: etree._Element) -> str:
    """Nom^^^^^&OID&ISO^IDNST^^^Struct_IdNat."""
    ids = [each for each in organization.findall(f"{V3}id") if each.get("extension")]
    ids = [each for each in ids if each.get("root") == STRUCTURE] + ids
    name = said(one(organization, "name"))
    if not ids:
        return escaped(name)
    number, kind = value(ids[0], "extension"), "IDNST" if ids[0].get("root") == STRUCTURE else "EI"
    return f"{escaped(name or number)}^^^^^&{arc(value(ids[0], 'root'))}&ISO^{kind}^^^{escaped(number)}"


def authenticator(document: etree._Element) -> str:
    entity = one(document, "legalAuthenticator", "assignedEntity")
    devices = {
        (each.get("root"), each.get("extension"))
        for written in document.findall(f"{V3}author/{V3}assignedAuthor")
        if one(written, "assignedAuthoringDevice") is not None
        for each in written.findall(f"{V3}id")
    }
    ids = () if entity is None else [(each.get("root"), each.get("extension")) for each in entity.findall(f"{V3}id")]
    return "" if entity is None else xcn(entity, device=not devices.isdisjoint(ids))


def events(document: etree._Element, imaging: bool) -> Iterator[str]:
    systems = (*ACTS, SNOMED) if imaging else ACTS
    for act in document.findall(f"{V3}documentationOf/{V3}serviceEvent"):
        for code in (*act.findall(f"{V3}code"), *act.findall(f"{V3}code/{V3}translation")):
            if code.get("codeSystem") in systems and code.get("code"):
                yield coded(code)


def references(document: etree._Element, imaging: bool) -> Iterator[str]:
    for order in document.findall(f"{V3}inFulfillmentOf/{V3}order"):
        for tag, kind in ((f"{V3}id", "2013:order"), (f"{PS3}accessionNumber", "2013:accession")):
            yield from (reference(each, kind) for each in order.findall(tag) if each.get("nullFlavor") is None)
    for act in document.findall(f"{V3}documentationOf/{V3}serviceEvent/{V3}id") if imaging else ():
        if not act.get("extension") and act.get("nullFlavor") is None:
            yield reference(act, "2016:studyInstanceUID")


def reference(element: etree._Element, kind: str) -> str:
    name = f"urn:ihe:iti:xds:{kind}"
    if element.get("extension"):
        return cx(element, name)
    return f"{arc(value(element, 'root'))}^^^^{name}"
