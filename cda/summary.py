"""Writing the summary of a dossier: a CDA R2 document that tells what documents say, and lists them, for people
(tables) and programs (entries).

What it says depends on its arguments alone: the same summary of the same date has the same bytes.

Source: HL7 CDA R2 §4.2 (header), §4.3 (narrative block and entries); texts in French, for who reads them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from lxml import etree
from lxml.builder import ElementMaker

from cda.document import HL7_V3
from cda.hl7 import unescape
from cda.synthesis.lines import Line
from cda.synthesis.sections import sections
from identities.dossier import Traits
from identities.requester import PatientId
from registry.hl7_types import is_oid
from registry.metadata import Author, Code, dtm_floor
from schemas import oids

MIME_TYPE = "text/xml"
LANGUAGE = "fr-FR"
PATIENT_SUMMARY = Code("60591-5", oids.LOINC, "Synthèse médicale")  # the document's type, where it has none of its own
SOFTWARE = "Open DMP"

_E = ElementMaker(namespace=HL7_V3, nsmap={None: HL7_V3})
_SEX = {"M": "Masculin", "F": "Féminin"}  # HL7 AdministrativeGender
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0 §2.2, Char
_OF_LINES = (
    "Problèmes, allergies, traitements, vaccinations et derniers résultats sont repris des documents structurés, sans "
    "avoir été vérifiés : chaque ligne renvoie aux documents qui la disent."
)
_DATE, _TIME = 8, 12  # digits of a DTM: to the day, to the minute


@dataclass(frozen=True, slots=True)
class Listed:
    """One document of the list. `created` is a UTC DTM, '' when nobody said."""

    unique_id: str
    class_code: Code
    type_code: Code
    title: str
    created: str
    authors: tuple[Author, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """What a summary says. `made` is a UTC DTM to the second, `device` the OID of the system that makes it.

    `lines` are what the documents say, `unread` how many structured ones could not be read for it.
    """

    unique_id: str
    title: str
    code: Code
    made: str
    confidentiality: Code
    patient: PatientId
    traits: Traits
    device: str
    documents: tuple[Listed, ...]
    lines: tuple[Line, ...] = ()
    unread: int = 0


def write_summary(summary: Summary) -> bytes:
    """The summary as a CDA document in UTF-8: what is known, then a section for each class of documents.

    Each line of what is known leads to the rows of its sources; documents stand the newest first.
    """
    listed = list(_by_class(summary.documents))
    numbers = {each.unique_id: number for found, first in listed for number, each in enumerate(found, first)}
    known = sections(summary.lines, numbers, _row_id, _printable, _instance)
    classes = [_class_section(tuple(found), first) for found, first in listed]
    root = _E.ClinicalDocument(
        _E.realmCode(code="FR"),
        _E.typeId(root=oids.CDA_TYPE_ID, extension="POCD_HD000040"),
        _instance("id", summary.unique_id),
        _coded("code", summary.code if _is_coded(summary.code) else PATIENT_SUMMARY),
        _E.title(_printable(summary.title)),
        _E.effectiveTime(value=_timestamp(summary.made)),
        _coded("confidentialityCode", summary.confidentiality),
        _E.languageCode(code=LANGUAGE),
        _record_target(summary.patient, summary.traits),
        _author(summary),
        _custodian(summary.device),
        _E.component(_E.structuredBody(*map(_E.component, (_introduction(summary), *known, *classes)))),
    )
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


# --- Header -----------------------------------------------------------------------------------------------------------


def _record_target(patient: PatientId, traits: Traits) -> etree._Element:
    """The identity as far as it is known: a dossier may have been opened by a document alone."""
    gender = {"code": traits.sex, "codeSystem": oids.HL7_GENDER, "displayName": _SEX.get(traits.sex, "")}
    birth = {"value": f"{traits.birth_date:%Y%m%d}"} if traits.birth_date else {"nullFlavor": "UNK"}
    return _E.recordTarget(
        _E.patientRole(
            _E.id(root=patient.authority, extension=_printable(patient.value)),
            _E.patient(
                _name(traits),
                _E.administrativeGenderCode(**(gender if traits.sex in _SEX else {"nullFlavor": "UNK"})),
                _E.birthTime(**birth),
            ),
        )
    )


def _name(traits: Traits) -> etree._Element:
    parts = [
        _E(part, _printable(value), qualifier=qualifier)
        for part, value, qualifier in (
            ("family", traits.birth_family, "BR"),
            ("given", traits.birth_given, "BR"),
            ("family", traits.used_family, "CL"),
            ("given", traits.used_given, "CL"),
        )
        if value
    ]
    return _E.name(*parts) if parts else _E.name(nullFlavor="UNK")


def _author(summary: Summary) -> etree._Element:
    """The server itself: nobody wrote this document."""
    return _E.author(
        _E.time(value=_timestamp(summary.made)),
        _E.assignedAuthor(
            _E.id(root=summary.device),
            _E.assignedAuthoringDevice(_E.manufacturerModelName(SOFTWARE), _E.softwareName(SOFTWARE)),
        ),
    )


def _custodian(device: str) -> etree._Element:
    organization = _E.representedCustodianOrganization(_E.id(root=device), _E.name(SOFTWARE))
    return _E.custodian(_E.assignedCustodian(organization))


# --- Body -------------------------------------------------------------------------------------------------------------


def _introduction(summary: Summary) -> etree._Element:
    count = len(summary.documents)
    listed = "aucun document" if count == 0 else "1 document" if count == 1 else f"{count} documents"
    said = (
        f"Document produit automatiquement le {_french(summary.made)} (UTC). Il liste ce que la personne ou le système "
        f"qui l'a demandé pouvait consulter à cette date : {listed}."
    )
    told = [said, *([_OF_LINES] if summary.lines else []), *([_unread(summary.unread)] if summary.unread else [])]
    return _E.section(_E.title("Présentation"), _E.text(*map(_E.paragraph, told)))


def _unread(count: int) -> str:
    several = count > 1
    return (
        f"{count} document{'s' if several else ''} structuré{'s' if several else ''} "
        f"n'{'ont' if several else 'a'} pas été lu{'s' if several else ''} pour cette synthèse."
    )


def _by_class(documents: Sequence[Listed]) -> Iterator[tuple[list[Listed], int]]:
    """The documents of each class, the newest first, and the number of the first of them in the whole list."""

    def heading(listed: Listed) -> tuple[str, str, str]:
        return _label(listed.class_code), listed.class_code.code, listed.class_code.scheme

    newest_first = sorted(documents, key=lambda each: (each.title, each.unique_id))
    newest_first.sort(key=lambda each: dtm_floor(each.created) if each.created else "", reverse=True)
    first = 1
    for _, found in groupby(sorted(newest_first, key=heading), heading):
        listed = list(found)
        yield listed, first
        first += len(listed)


def _class_section(documents: Sequence[Listed], first: int) -> etree._Element:
    headings = _E.tr(*map(_E.th, ("Date (UTC)", "Type", "Titre", "Auteur")))
    rows = [_row(listed, number) for number, listed in enumerate(documents, start=first)]
    return _E.section(
        _E.title(_label(documents[0].class_code)),
        _E.text(_E.table(_E.thead(headings), _E.tbody(*rows))),
        *(_entry(listed, number) for number, listed in enumerate(documents, start=first)),
    )


def _row(listed: Listed, number: int) -> etree._Element:
    authors = "; ".join(filter(None, map(_author_text, listed.authors)))
    cells = (_french(listed.created), _label(listed.type_code), listed.title, authors)
    return _E.tr(*(_E.td(_printable(cell)) for cell in cells), ID=_row_id(number))


def _entry(listed: Listed, number: int) -> etree._Element:
    """The document for a program: its identifier, type and date. Source: HL7 CDA R2 §4.3.8.16 (ExternalDocument)."""
    times = [_E.effectiveTime(value=_timestamp(listed.created))] if listed.created else []
    return _E.entry(
        _E.act(
            _coded("code", listed.type_code),
            _E.text(_E.reference(value=f"#{_row_id(number)}")),
            *times,
            _E.reference(
                _E.externalDocument(_instance("id", listed.unique_id), classCode="DOC", moodCode="EVN"),
                typeCode="REFR",
            ),
            classCode="ACT",
            moodCode="EVN",
        ),
        typeCode="DRIV",
    )


def _row_id(number: int) -> str:
    return f"document-{number}"


def _author_text(author: Author) -> str:
    """`Prénom NOM (structure)`, as far as the metadata say: XCN.2 and XCN.3, XON.1."""
    identifier, family, given, *_ = [*author.person.split("^"), "", "", ""]
    person = " ".join(filter(None, (unescape(given), unescape(family)))) or unescape(identifier)
    institutions = ", ".join(unescape(each.partition("^")[0]) for each in author.institutions)
    return f"{person} ({institutions})" if person and institutions else person or institutions


# --- Values -----------------------------------------------------------------------------------------------------------


def _coded(name: str, code: Code) -> etree._Element:
    """A code, or its label where its scheme is no OID. Source: HL7 V3 data types §2.17 (CD)."""
    if not _is_coded(code):
        return _E(name, _E.originalText(_label(code)), nullFlavor="OTH")
    display = {"displayName": _printable(code.display)} if code.display else {}
    return _E(name, code=code.code, codeSystem=code.scheme, **display)


def _is_coded(code: Code) -> bool:
    return (
        is_oid(code.scheme) and bool(code.code) and not re.search(r"\s", code.code) and not _NOT_XML.search(code.code)
    )


def _label(code: Code) -> str:
    return _printable(code.display or code.code) or "Sans classe"


def _instance(name: str, unique_id: str) -> etree._Element:
    """A uniqueId as an instance identifier; one that is no OID has no root."""
    root, _, extension = unique_id.partition("^")
    known = {"root": root} if is_oid(root) else {"nullFlavor": "UNK"}
    local = _printable(extension if is_oid(root) else unique_id)
    return _E(name, **known, **({"extension": local} if local else {}))


def _timestamp(dtm: str) -> str:
    """A UTC DTM as a TS: a time of the day has its offset."""
    return f"{dtm}+0000" if len(dtm) > _DATE else dtm


def _french(dtm: str) -> str:
    """A DTM as people read it, as precise as it is, to the minute at most: 02/01/2026 03:04."""
    year, month, day, time = dtm[:4], dtm[4:6], dtm[6:_DATE], dtm[_DATE:_TIME]
    date = "/".join(filter(None, (day, month, year)))
    return f"{date} {time[:2]}:{time[2:] or '00'}" if time else date


def _printable(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
