"""From a CDA header to a DocumentEntry, as practice software derives it without the server's help.

Sources: CI-SIS, volet Partage de documents de santé (DocumentEntry from the CDA header) and volet Structuration
minimale; ITI TF-3 4.2.3.2.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from conformance.lps import LpsUsageError
from conformance.lps.metadata import Author, Code, Entry, Visibility, hl7, unique_id_of, utc_dtm, xcn, xon
from conformance.lps.people import Patient, is_ins
from schemas import oids
from schemas.value_sets import ValueSets
from schemas.xml import TextSink, XmlError, condense, drop, parse

CHUNK = 1 << 16
_CONFIDENTIALITY_LABELS = {"N": "Normal", "R": "Restreint", "V": "Très restreint"}
# Acts, diagnoses and modalities of serviceEvent that become eventCodeList; anatomy is told by its qualifier.
# Source: CI-SIS, volet Partage de documents de santé, eventCodeList.
EVENT_SYSTEMS = frozenset(
    {
        "1.2.250.1.213.2.5",  # CCAM
        "1.2.250.1.215.300.1",  # CCAM, in the imaging models
        "2.16.840.1.113883.6.3",  # CIM-10
        "1.2.840.10008.2.16.4",  # DICOM
    }
)
_ANATOMY = "h:qualifier/h:name/@code = '39111-0'"  # LOINC, localisation anatomique

REFERENCE_ORDER = "urn:ihe:iti:xds:2013:order"  # ITI TF-3 4.2.3.2.28
REFERENCE_ACCESSION = "urn:ihe:iti:xds:2013:accession"  # ITI TF-3 4.2.3.2.28
_XSLT = "http://www.w3.org/1999/XSL/Transform"
_NS = {"h": "urn:hl7-org:v3", "ps3-20": "urn:dicom-org:ps3-20"}


@dataclass(frozen=True, slots=True)
class Document:
    """A file to send with what its header says. `replaces` is the id its header says it replaces ('' when none)."""

    path: Path
    entry: Entry
    encounter_code: str
    sha256: bytes
    replaces: str = ""


def read_document(
    path: Path,
    patient: Patient,
    values: ValueSets,
    *,
    visibility: Visibility | None = None,
    format_code: Code | None = None,
) -> Document:
    """The file's digests and the DocumentEntry its CDA header gives, for this patient's DMP; read once, streamed.

    Raises LpsUsageError when the file is no CDA document or its header lacks what an entry needs.
    """
    sha1, sha256, size = hashlib.sha1(usedforsecurity=False), hashlib.sha256(), 0

    def chunks() -> Iterator[bytes]:
        nonlocal size
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                sha1.update(chunk)
                sha256.update(chunk)
                size += len(chunk)
                yield chunk

    try:
        root = parse(condense(chunks(), keep=_is_header, text_sink=_body_sink))
    except OSError as error:
        raise LpsUsageError(f"{path}: expected a readable file, got {error.strerror}") from None
    except XmlError as error:
        raise LpsUsageError(f"{path}: expected a CDA document, got {error.got}") from None
    header = _Header(path, root, values)
    entry = header.entry(patient, visibility or Visibility(), format_code, sha1.hexdigest(), size)
    return Document(path, entry, header.encounter_code, sha256.digest(), header.replaces)


def _is_header(path: tuple[str, ...]) -> bool:
    """The wrapper of a signed or self-presenting document, the header, and no body but the mark of a nonXMLBody."""
    if "ClinicalDocument" not in path:
        return len(path) <= 3
    rest = path[path.index("ClinicalDocument") + 1 :]
    return rest[:1] != ("component",) or rest == ("component", "nonXMLBody", "text")[: len(rest)]


def _body_sink(path: tuple[str, ...], _attributes: dict[str, str]) -> TextSink | None:
    return drop if path[-2:] == ("nonXMLBody", "text") else None


class _Header:
    """The header of one document; every accessor names the attribute when the header lacks it."""

    def __init__(self, path: Path, root: etree._Element, values: ValueSets) -> None:
        self._path, self._root, self._values = path, root, values
        documents = list(root.iter(f"{{{_NS['h']}}}ClinicalDocument"))
        if len(documents) != 1:
            raise LpsUsageError(f"{path}: expected one ClinicalDocument, got {len(documents)}")
        self._cda = documents[0]

    @property
    def encounter_code(self) -> str:
        """ActCode of the encounter: IMP, AMB, EMER ... ('' when not said)."""
        return self._text("h:componentOf/h:encompassingEncounter/h:code/@code")

    @property
    def replaces(self) -> str:
        """The uniqueId of the document that the header says this one replaces."""
        root = self._text("h:relatedDocument[@typeCode='RPLC']/h:parentDocument/h:id[1]/@root")
        extension = self._text("h:relatedDocument[@typeCode='RPLC']/h:parentDocument/h:id[1]/@extension")
        return unique_id_of(root, extension) if root else ""

    def entry(self, patient: Patient, visibility: Visibility, format_code: Code | None, sha1: str, size: int) -> Entry:
        type_code = self._code("h:code", "ClinicalDocument/code")
        event = "(h:documentationOf/h:serviceEvent[h:performer//h:standardIndustryClassCode])[1]"
        stop = self._text(f"({event}/h:effectiveTime/h:high/@value)[1]")
        return Entry(
            entry_uuid=uuid.uuid4().urn,
            unique_id=unique_id_of(self._needed("h:id/@root", "ClinicalDocument/id"), self._text("h:id/@extension")),
            patient_id=patient.cx,
            mime_type=self._mime_type(),
            class_code=self._class_code(type_code),
            type_code=type_code,
            format_code=format_code or self._format_code(),
            healthcare_facility_type_code=self._code(
                "h:componentOf/h:encompassingEncounter/h:location/h:healthCareFacility/h:code",
                "componentOf/encompassingEncounter/location/healthCareFacility/code",
            ),
            practice_setting_code=self._code(
                "(h:documentationOf/h:serviceEvent/h:performer//h:standardIndustryClassCode)[1]",
                "documentationOf/serviceEvent/performer//standardIndustryClassCode",
            ),
            confidentiality_codes=(self._confidentiality(), *visibility.codes()),
            creation_time=utc_dtm(self._needed("h:effectiveTime/@value", "ClinicalDocument/effectiveTime")),
            language_code=self._needed("h:languageCode/@code", "ClinicalDocument/languageCode"),
            source_patient_id=self._source_patient_id(patient),
            authors=tuple(self._authors()),
            event_codes=self._event_codes(),
            reference_ids=tuple(self._reference_ids()),
            source_patient_info=self._source_patient_info(),
            title=" ".join(self._text("string(h:title)").split()) or self._missing("ClinicalDocument/title"),
            legal_authenticator=self._legal_authenticator(),
            service_start_time=utc_dtm(
                self._text(f"({event}/h:effectiveTime/@value | {event}/h:effectiveTime/h:low/@value)[1]")
                or self._missing("documentationOf/serviceEvent/effectiveTime/low")
            ),
            service_stop_time=utc_dtm(stop) if stop else "",
            hash=sha1,
            size=size,
        )

    def _missing(self, what: str) -> str:
        raise LpsUsageError(f"{self._path}: expected {what} in the CDA header, got none")

    def _needed(self, xpath: str, what: str) -> str:
        return self._text(xpath) or self._missing(what)

    def _text(self, xpath: str, element: etree._Element | None = None) -> str:
        base = self._cda if element is None else element
        found = base.xpath(xpath, namespaces=_NS)
        if isinstance(found, list):
            found = found[0] if found else ""
        return str(found).strip()

    def _all(self, xpath: str, element: etree._Element | None = None) -> list[etree._Element]:
        base = self._cda if element is None else element
        found = base.xpath(xpath, namespaces=_NS)
        return [item for item in found if isinstance(item, etree._Element)] if isinstance(found, list) else []

    def _code(self, xpath: str, what: str) -> Code:
        for element in self._all(xpath):
            if element.get("code"):
                return Code(str(element.get("code")), str(element.get("codeSystem") or ""), self._display(element))
        return Code(self._missing(what), "")

    @staticmethod
    def _display(element: etree._Element) -> str:
        return str(element.get("displayName") or element.get("code") or "")

    def _mime_type(self) -> str:
        return "application/xslt+xml" if etree.QName(self._root).namespace == _XSLT else "text/xml"

    def _class_code(self, type_code: Code) -> Code:
        found = self._values.class_for_type(type_code.code, type_code.scheme)
        if found is None:
            raise LpsUsageError(f"{self._path}: expected a document type of the DMP, got {type_code.code}")
        return Code(found.code, found.scheme, found.label)

    def _format_code(self) -> Code:
        templates = [str(element.get("root")) for element in self._all("h:templateId") if element.get("root")]
        media_type = self._text("h:component/h:nonXMLBody/h:text/@mediaType")
        found = self._values.format_for_templates(templates, media_type)
        if found is None:
            got = ", ".join([*templates, media_type] if media_type else templates) or "none"
            raise LpsUsageError(f"{self._path}: expected templates with a formatCode (or --format-code), got {got}")
        return Code(found.code, found.scheme, found.label)

    def _confidentiality(self) -> Code:
        code = self._text("h:confidentialityCode/@code") or "N"
        return Code(code, oids.HL7_CONFIDENTIALITY, _CONFIDENTIALITY_LABELS.get(code, code))

    def _source_patient_id(self, patient: Patient) -> str:
        for element in self._all("h:recordTarget/h:patientRole/h:id"):
            root, extension = str(element.get("root") or ""), str(element.get("extension") or "")
            if root and extension and not is_ins(root):
                return f"{hl7(extension)}^^^&{root}&ISO^PI"
        return patient.cx

    def _source_patient_info(self) -> tuple[str, ...]:
        person = "h:recordTarget/h:patientRole/h:patient"
        family = self._text(f"({person}/h:name/h:family[@qualifier='BR'] | {person}/h:name/h:family)[1]/text()")
        given = self._text(f"{person}/h:name/h:given[@qualifier='BR']/text()") or self._text(
            f"{person}/h:name/h:given/text()"
        )
        birth, sex = (
            self._text(f"{person}/h:birthTime/@value"),
            self._text(f"{person}/h:administrativeGenderCode/@code"),
        )
        info = [f"PID-5|{hl7(family)}^{hl7(given)}^^^^^L"] if family else []
        return (*info, *([f"PID-7|{birth}"] if birth else []), *([f"PID-8|{sex}"] if sex else []))

    def _authors(self) -> Iterator[Author]:
        for author in self._all("h:author"):
            structure = self._text("h:assignedAuthor/h:representedOrganization/h:id/@extension", author)
            name = self._text("h:assignedAuthor/h:representedOrganization/h:name/text()", author)
            code = next(iter(self._all("h:assignedAuthor/h:code[@code]", author)), None)
            role = self._text("h:functionCode/@displayName", author)
            specialty = ""
            if code is not None:
                specialty = f"{code.get('code')}^{hl7(self._display(code))}^{code.get('codeSystem') or ''}"
            yield Author(
                person=self._xcn(author, "h:assignedAuthor"),
                institutions=(xon(name or structure, structure),) if structure else (),
                roles=(role,) if role else (),
                specialties=(specialty,) if specialty else (),
            )

    def _xcn(self, element: etree._Element, assigned: str) -> str:
        identifier = self._text(f"{assigned}/h:id/@extension", element)
        authority = self._text(f"{assigned}/h:id/@root", element) or oids.PS_ID_NAT
        device = f"{assigned}/h:assignedAuthoringDevice"
        if self._all(device, element):
            software = self._text(f"{device}/h:softwareName/text()", element)
            model = self._text(f"{device}/h:manufacturerModelName/text()", element)
            return xcn(identifier, software, model, authority, system=True)
        name = f"{assigned}/h:assignedPerson/h:name"
        family = self._text(f"{name}/h:family/text()", element)
        return xcn(identifier, family, self._text(f"{name}/h:given/text()", element), authority)

    def _legal_authenticator(self) -> str:
        for element in self._all("h:legalAuthenticator"):
            return self._xcn(element, "h:assignedEntity")
        return self._missing("ClinicalDocument/legalAuthenticator")

    def _event_codes(self) -> tuple[Code, ...]:
        event = "h:documentationOf/h:serviceEvent/h:code"
        wanted = " or ".join(f"@codeSystem = '{system}'" for system in sorted(EVENT_SYSTEMS))
        found = self._all(f"({event} | {event}/h:translation)[@code and ({wanted} or {_ANATOMY})]")
        codes = (Code(str(item.get("code")), str(item.get("codeSystem")), self._display(item)) for item in found)
        return tuple({(code.code, code.scheme): code for code in codes}.values())

    def _reference_ids(self) -> Iterator[str]:
        for name, kind in (("h:id", REFERENCE_ORDER), ("ps3-20:accessionNumber", REFERENCE_ACCESSION)):
            for element in self._all(f"h:inFulfillmentOf/h:order/{name}"):
                if element.get("root") and element.get("extension"):
                    yield f"{hl7(str(element.get('extension')))}^^^&{element.get('root')}&ISO^{kind}"
