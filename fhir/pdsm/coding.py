"""Codes: a Code of XDS as Coding and CodeableConcept of FHIR, and back.

The scheme of a code is an OID or a name, the system of a Coding an address. Those of SYSTEMS have one that everybody
uses; another OID is `urn:oid:...`, another address stays what it is.

Source: ITI TF-3 Table 4.2.3.1.7-2 (CE); HL7 FHIR R4, terminologies-systems.html; ANS, MOS-NOS (addresses of the TRE).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from pdsm.original import Element, faithful, original, texts
from registry.metadata import Code
from schemas import oids

OID_URI = "urn:oid:"
_OID = re.compile(r"[0-2](\.(0|[1-9]\d*))+", re.ASCII)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+", re.ASCII)
_CODE = re.compile(r"\S+( \S+)*")


def _nos(name: str) -> str:
    return f"https://mos.esante.gouv.fr/NOS/{name}/FHIR/{name.replace('_', '-', 1)}"


SYSTEMS = {
    oids.LOINC: "http://loinc.org",
    oids.SNOMED_CT: "http://snomed.info/sct",
    oids.HL7_CONFIDENTIALITY: "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
    oids.HL7_ACT_CODE: "http://terminology.hl7.org/CodeSystem/v3-ActCode",
    oids.DICOM_DCM: "http://dicom.nema.org/resources/ontology/DCM",
    oids.IHE_FORMAT_CODE: "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode",
    oids.CLASSE_DOCUMENT: _nos("TRE_A03-ClasseDocument"),
    oids.TYPE_DOCUMENT: _nos("TRE_A05-TypeDocComplementaire"),
    oids.FORMAT_CODE_CISIS: _nos("TRE_A06-FormatCodeComplementaire"),
    oids.CONFIDENTIALITE_CISIS: _nos("TRE_A07-StatutVisibiliteDocument"),
    oids.PRACTICE_SETTING: _nos("TRE_A01-CadreExercice"),
    oids.ROLE_NON_PS: _nos("TRE_A00-ProducteurDocNonPS"),
    oids.SECTEUR_ACTIVITE: _nos("TRE_R02-SecteurActivite"),
    oids.CONTENT_TYPE: _nos("TRE_R209-TypeActivite"),
    oids.PROFESSION: _nos("TRE_G15-ProfessionSante"),
}
_SCHEMES = {system: scheme for scheme, system in SYSTEMS.items()} | {
    _nos("TRE_A11-IheFormatCode"): oids.IHE_FORMAT_CODE,
    _nos("TRE_A04-LoincTypeDocument"): oids.LOINC,
    _nos("TRE_A07-StatusVisibiliteDocument"): oids.CONFIDENTIALITE_CISIS,  # as the examples of ANS have it
}


def write_coding(code: Code) -> Element:
    """A Code as Coding; one without code and scheme has nothing to say."""
    coding: Element = {}
    if system := system_of(code.scheme):
        coding["system"] = system
    if _CODE.fullmatch(code.code):
        coding["code"] = code.code
    if code.display.strip():
        coding["display"] = code.display
    return faithful(coding, [code.code, code.scheme, code.display], _printed)


def read_coding(coding: Element) -> Code:
    """A Coding as Code. Raises ContentError."""
    kept = original(coding, texts)
    return Code(*(kept if kept is not None and len(kept) == 3 else _printed(coding)))


def _printed(coding: Element) -> list[str]:
    return [coding.get("code", ""), scheme_of(coding.get("system", "")), coding.get("display", "")]


def system_of(scheme: str) -> str:
    """The system of a scheme, '' where no address can say it."""
    if _OID.fullmatch(scheme):
        return SYSTEMS.get(scheme, f"{OID_URI}{scheme}")
    return scheme if _URI.fullmatch(scheme) else ""


def scheme_of(system: str) -> str:
    """The scheme that a system stands for."""
    oid = system.removeprefix(OID_URI)
    return oid if oid != system and _OID.fullmatch(oid) else _SCHEMES.get(system, system)


def is_said(code: Code) -> bool:
    """Whether there is a code: metadata that are limited may have none."""
    return bool(code.code or code.scheme or code.display)


def write_concept(code: Code) -> Element:
    """A Code as CodeableConcept, made once; nobody changes it."""
    return _concept(code.code, code.scheme, code.display)


@lru_cache(maxsize=2000)
def _concept(code: str, scheme: str, display: str) -> Element:
    """By its texts: codes that differ in their label are equal."""
    return {"coding": [write_coding(Code(code, scheme, display))]}


def read_concept(concept: Element) -> Code:
    """The first Coding of a CodeableConcept; its text where it has none. Raises ContentError."""
    codings = concept.get("coding")
    return read_coding(codings[0]) if codings else Code("", "", concept.get("text", ""))


def write_concepts(codes: Iterable[Code]) -> list[Element]:
    return [write_concept(code) for code in codes]


def read_concepts(concepts: Iterable[Element]) -> tuple[Code, ...]:
    return tuple(map(read_concept, concepts))


def put(element: Element, name: str, value: Any) -> None:
    """Gives `element` a value that is not empty: what is absent stays absent."""
    if value:
        element[name] = value


def codings(concepts: Iterable[Element]) -> Iterator[Element]:
    """Every Coding of several CodeableConcepts."""
    for concept in concepts:
        yield from concept.get("coding", ())
