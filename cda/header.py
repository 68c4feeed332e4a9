"""The header of a CDA document, as values: everything that XDS metadata are derived from.

Source: CI-SIS, volet Structuration minimale de documents de santé; HL7 CDA R2 §4.2 (header). Elements that are not
named there are left aside: an unknown element is never an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import cache

from lxml import etree

from cda.document import HL7_V3, Body, CdaDocument, Wrapper
from cda.errors import CdaError
from registry.metadata import Code
from schemas import oids

_NS = {"cda": HL7_V3, "ps3": "urn:dicom-org:ps3-20"}
_TS = re.compile(r"([0-9]{4}(?:[0-9]{2}){0,5})(?:\.[0-9]+)?(?:([+-])([0-9]{2})([0-9]{2}))?\Z")
_TO_THE_HOUR = 10  # digits of YYYYMMDDhh: below, an offset says nothing
_TO_THE_MINUTE = 12
_ONCE = ("code", "title", "effectiveTime", "confidentialityCode", "languageCode", "setId", "versionNumber")
_BEGINNING = "00000101000000"  # what completes a timestamp of partial precision


@dataclass(frozen=True, slots=True)
class InstanceId:
    """An instance identifier (II): a root, and an extension or ''. Source: HL7 V3 data types §2.14."""

    root: str
    extension: str = ""


@dataclass(frozen=True, slots=True)
class Name:
    """A name of a person, in parts ('' where there is none)."""

    family: str
    given: str = ""
    prefix: str = ""
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Device:
    """An authoring device: a system that wrote the document by itself."""

    software: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Organization:
    """An organisation and its identifiers."""

    ids: tuple[InstanceId, ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Participant:
    """An author or the legal authenticator. `function` is the label of functionCode, `specialty` the profession."""

    ids: tuple[InstanceId, ...]
    name: Name | None = None
    device: Device | None = None
    specialty: Code | None = None
    function: str = ""
    organization: Organization | None = None


@dataclass(frozen=True, slots=True)
class Patient:
    """recordTarget. `ids` in their order (the INS first when the document is shared); `birth_date` is YYYYMMDD,
    `birth_place` a COG code."""

    ids: tuple[InstanceId, ...]
    birth_name: Name
    used_name: Name
    birth_date: str = ""
    sex: str = ""
    birth_place: str = ""


@dataclass(frozen=True, slots=True)
class ServiceEvent:
    """documentationOf/serviceEvent. `start` and `stop` are UTC DTM; `codes` the code and its translations."""

    ids: tuple[InstanceId, ...]
    codes: tuple[Code, ...]
    start: str = ""
    stop: str = ""
    practice_setting: Code | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """inFulfillmentOf/order: the request that the document answers."""

    ids: tuple[InstanceId, ...]
    accession_numbers: tuple[InstanceId, ...] = ()


@dataclass(frozen=True, slots=True)
class RelatedDocument:
    """relatedDocument: RPLC, APND or XFRM, and the documents it points at."""

    type_code: str
    ids: tuple[InstanceId, ...]
    set_id: InstanceId | None = None
    version: str = ""


@dataclass(frozen=True, slots=True)
class Header:
    """The header of one document. Times are UTC DTM of the precision written; absent values are None, '' or ()."""

    id: InstanceId
    code: Code
    title: str
    effective_time: str
    confidentiality: Code
    language: str
    set_id: InstanceId | None
    version_number: int | None
    template_ids: tuple[str, ...]
    patient: Patient
    authors: tuple[Participant, ...]
    legal_authenticator: Participant | None
    custodian: Organization | None
    service_events: tuple[ServiceEvent, ...]
    healthcare_facility: Code | None
    related_documents: tuple[RelatedDocument, ...]
    orders: tuple[Order, ...]
    wrapper: Wrapper
    body: Body

    @property
    def principal_event(self) -> ServiceEvent | None:
        """The act that the document is about: the first one with a practice setting, else the first."""
        events = (event for event in self.service_events if event.practice_setting)
        return next(events, self.service_events[0] if self.service_events else None)


def read_header(document: CdaDocument) -> Header:
    """The header of a document.

    Raises CdaError when id, code, effectiveTime, the patient's identifier or the author is missing, or when a value
    is out of its form. What the CI-SIS also requires but XDS can do without is left to the checks of agreement.
    """
    root = document.clinical_document
    _check_single(root)
    return Header(
        id=_one_id(root, "id"),
        code=_required_code(root),
        title=_text(root, "cda:title"),
        effective_time=dtm_utc(_required(root, "cda:effectiveTime/@value", "effectiveTime"), "effectiveTime"),
        confidentiality=_code(root, "cda:confidentialityCode") or Code("N", oids.HL7_CONFIDENTIALITY, "Normal"),
        language=_first(root, "cda:languageCode/@code"),
        set_id=next(iter(_ids(root, "cda:setId")), None),
        version_number=_version_number(root),
        template_ids=tuple(_all(root, "cda:templateId/@root")),
        patient=_patient(root),
        authors=_authors(root),
        legal_authenticator=next(
            (_participant(entity) for entity in _elements(root, "cda:legalAuthenticator/cda:assignedEntity")), None
        ),
        custodian=next(
            map(_organization, _elements(root, "cda:custodian/*/cda:representedCustodianOrganization")), None
        ),
        service_events=tuple(map(_service_event, _elements(root, "cda:documentationOf/cda:serviceEvent"))),
        healthcare_facility=_code(
            root, "cda:componentOf/cda:encompassingEncounter/cda:location/cda:healthCareFacility/cda:code"
        ),
        related_documents=tuple(map(_related, _elements(root, "cda:relatedDocument"))),
        orders=tuple(
            Order(_ids(order, "cda:id"), _ids(order, "ps3:accessionNumber"))
            for order in _elements(root, "cda:inFulfillmentOf/cda:order")
        ),
        wrapper=document.wrapper,
        body=document.body,
    )


def _check_single(root: etree._Element) -> None:
    """What a document has once. Of two, each reader could believe another. Source: HL7 CDA R2 §4.2.1."""
    for name in _ONCE:
        if (count := len(_elements(root, f"cda:{name}"))) > 1:
            raise CdaError("one", str(count), name)


def dtm_utc(text: str, place: str) -> str:
    """An HL7 timestamp as a UTC DTM of the same precision, without fraction of a second.

    A date, or a time without an offset, stays as written: nothing says what to convert. Raises CdaError for what is
    no timestamp. Source: HL7 V3 data types §2.25 (TS); ITI TF-3 Table 4.2.3.1.7-2 (DTM).
    """
    found = _TS.match(text)
    if not found:
        raise CdaError("YYYY[MM[DD[hh[mm[ss]]]]][+-zzzz]", "another form", place)
    digits, sign, hours, minutes = found.groups()
    try:
        instant = datetime.strptime(digits + _BEGINNING[len(digits) :], "%Y%m%d%H%M%S")
    except ValueError:
        raise CdaError("a date and time of the calendar", "none", place) from None
    if sign is None or len(digits) < _TO_THE_HOUR:
        return digits
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    try:
        zone = timezone(-offset if sign == "-" else offset)
        moved = instant.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise CdaError("an offset of less than a day, and a year from 1 to 9999 in UTC", "another", place) from None
    # An offset of a fraction of an hour gives minutes to a time that had none.
    precision = max(len(digits), _TO_THE_MINUTE) if moved.minute else len(digits)
    return "".join(filter(str.isdigit, moved.isoformat()[:19]))[:precision]


def _version_number(root: etree._Element) -> int | None:
    text = _first(root, "cda:versionNumber/@value")
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < 1:
        raise CdaError("a positive whole number", "another value", "versionNumber")
    return int(text)


def _patient(root: etree._Element) -> Patient:
    roles = _elements(root, "cda:recordTarget/cda:patientRole")
    if len(roles) != 1:
        raise CdaError("one recordTarget/patientRole", str(len(roles)), "recordTarget")
    ids = _ids(roles[0], "cda:id")
    if not ids:
        raise CdaError("an identifier of the patient", "none", "recordTarget/patientRole/id")
    person = next(iter(_elements(roles[0], "cda:patient")), None)
    if person is None:
        return Patient(ids, Name(""), Name(""))
    return Patient(
        ids,
        birth_name=_qualified_name(person, "BR"),
        used_name=_qualified_name(person, "CL"),
        birth_date=_first(person, "cda:birthTime/@value")[:8],
        sex=_first(person, "cda:administrativeGenderCode/@code"),
        birth_place=_text(person, "cda:birthplace/cda:place/cda:addr/cda:county"),
    )


def _qualified_name(person: etree._Element, qualifier: str) -> Name:
    """The birth name (BR) or the name used (CL); given names without qualifier are those of the birth act."""
    parts = {part: _text(person, f"cda:name/cda:{part}[@qualifier='{qualifier}']") for part in ("family", "given")}
    if qualifier == "BR":
        parts["family"] = parts["family"] or _text(person, "cda:name/cda:family[not(@qualifier)]")
        parts["given"] = parts["given"] or _text(person, "cda:name/cda:given[not(@qualifier)]")
    return Name(parts["family"], parts["given"])


def _authors(root: etree._Element) -> tuple[Participant, ...]:
    authors = tuple(
        _participant(entity, function=_first(author, "cda:functionCode/@displayName"))
        for author in _elements(root, "cda:author")
        for entity in _elements(author, "cda:assignedAuthor")
    )
    if not authors:
        raise CdaError("an author with an assignedAuthor", "none", "author")
    return authors


def _participant(entity: etree._Element, function: str = "") -> Participant:
    name = next(iter(_elements(entity, "cda:assignedPerson/cda:name")), None)
    device = next(iter(_elements(entity, "cda:assignedAuthoringDevice")), None)
    organization = next(map(_organization, _elements(entity, "cda:representedOrganization")), None)
    return Participant(
        ids=_ids(entity, "cda:id"),
        name=None if name is None else Name(*(_text(name, f"cda:{part}") for part in Name.__slots__)),
        device=(
            None
            if device is None
            else Device(_text(device, "cda:softwareName"), _text(device, "cda:manufacturerModelName"))
        ),
        specialty=_code(entity, "cda:code"),
        function=function,
        organization=organization,
    )


def _organization(element: etree._Element) -> Organization:
    return Organization(_ids(element, "cda:id"), _text(element, "cda:name"))


def _service_event(event: etree._Element) -> ServiceEvent:
    place = "documentationOf/serviceEvent/effectiveTime"
    start = _first(event, "cda:effectiveTime/cda:low/@value") or _first(event, "cda:effectiveTime/@value")
    stop = _first(event, "cda:effectiveTime/cda:high/@value")
    codes = [*_elements(event, "cda:code"), *_elements(event, "cda:code/cda:translation")]
    return ServiceEvent(
        ids=_ids(event, "cda:id"),
        codes=tuple(code for element in codes if (code := _code(element, ".")) is not None),
        start=dtm_utc(start, place) if start else "",
        stop=dtm_utc(stop, place) if stop else "",
        practice_setting=_code(
            event, "cda:performer/cda:assignedEntity/cda:representedOrganization/cda:standardIndustryClassCode"
        ),
    )


def _related(related: etree._Element) -> RelatedDocument:
    return RelatedDocument(
        type_code=related.get("typeCode", ""),
        ids=_ids(related, "cda:parentDocument/cda:id"),
        set_id=next(iter(_ids(related, "cda:parentDocument/cda:setId")), None),
        version=_first(related, "cda:parentDocument/cda:versionNumber/@value"),
    )


def _required_code(root: etree._Element) -> Code:
    code = _code(root, "cda:code")
    if code is None:
        raise CdaError("a code with its codeSystem", "none", "code")
    return code


def _one_id(root: etree._Element, name: str) -> InstanceId:
    ids = _ids(root, f"cda:{name}")
    if len(ids) != 1:
        raise CdaError("one identifier with a root", str(len(ids)), name)
    return ids[0]


def _ids(element: etree._Element, path: str) -> tuple[InstanceId, ...]:
    """The identifiers at `path` that have a value: those with a nullFlavor are left out."""
    return tuple(
        InstanceId(found.get("root", "").strip(), found.get("extension", "").strip())
        for found in _elements(element, path)
        if found.get("nullFlavor") is None and found.get("root", "").strip()
    )


def _code(element: etree._Element, path: str) -> Code | None:
    """The first code at `path`, None when it has no value or no code system."""
    for found in _elements(element, path):
        code, scheme = found.get("code", "").strip(), found.get("codeSystem", "").strip()
        return Code(code, scheme, found.get("displayName", "").strip()) if code and scheme else None
    return None


def _required(element: etree._Element, path: str, place: str) -> str:
    value = _first(element, path)
    if not value:
        raise CdaError("a value", "none", place)
    return value


@cache
def _xpath(path: str) -> etree.XPath:
    return etree.XPath(path, namespaces=_NS)


def _elements(element: etree._Element, path: str) -> list[etree._Element]:
    found = _xpath(path)(element)
    return [item for item in found if isinstance(item, etree._Element)] if isinstance(found, list) else []


def _all(element: etree._Element, path: str) -> list[str]:
    found = _xpath(path)(element)
    return [str(item) for item in found] if isinstance(found, list) else []


def _first(element: etree._Element, path: str) -> str:
    return next(iter(_all(element, path)), "").strip()


def _text(element: etree._Element, path: str) -> str:
    """The text of the first element at `path`, white space made single."""
    return next((" ".join("".join(map(str, found.itertext())).split()) for found in _elements(element, path)), "")
