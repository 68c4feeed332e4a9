"""A document held to our XSD of CDA R2: what each violation expects and found, with its place.

Source: HL7 CDA R2 (ISO/HL7 27932); XML Schema 1.0 Part 1 appendix C.1 (the names of its rules, cvc-...).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from lxml import etree

import schemas
from cda.validation.finding import Finding, Severity, Source, quoted
from cda.whole import Whole
from schemas import xml

CDA = Path(schemas.__file__).parent / "cda" / "cda.xsd"
MAX_TOLD = 500  # violations of one document

_threads = threading.local()
_ABOUT = re.compile(r"^Element '(?:\{[^}]*\})?([^']*)'(?:, attribute '([^']*)')?: (.*)$", re.DOTALL)
_ONE_OF = re.compile(r"Expected is (?:one of )?\( (.*) \)\.$", re.DOTALL)
_VALUE = re.compile(r"[Tt]he (?:QName )?value '(.*?)' (?:of the|is not|has|does)", re.DOTALL)
_VALUE_FIRST = re.compile(r"^'(.*)' is not a valid value of", re.DOTALL)
_SPACE = re.compile(r"\{([^}]*)\}")
_PREFIXES = {
    "urn:hl7-org:v3": "",
    "urn:hl7-org:sdtc": "sdtc:",
    "urn:ihe:pharm:medication": "pharm:",
    "urn:oid:1.3.6.1.4.1.19376.1.3.2": "lab:",
    "urn:dicom-org:ps3-20": "ps3-20:",
    "http://www.w3.org/2001/XMLSchema-instance": "xsi:",
}
_TYPES = {
    "bl": "bl (true ou false)",
    "uid": "uid (un OID, un UUID ou un nom réservé)",
    "ts": "ts (AAAAMMJJ[hhmm[ss]][+zzzz])",
    "real": "real (un nombre décimal)",
    "cs": "cs (un code sans espace)",
}
_STEP = re.compile(r"(?:([^:\[]+):)?([^:\[]+)(?:\[([0-9]+)\])?")
_FACET = re.compile(r"^\[facet '([a-zA-Z]+)'\]")


def schema() -> etree.XMLSchema:
    """Our XSD, one for each thread: what a validation found stands in the schema object."""
    own: etree.XMLSchema | None = getattr(_threads, "schema", None)
    if own is None:
        own = _threads.schema = etree.XMLSchema(file=str(CDA))
    return own


def schema_findings(whole: Whole) -> tuple[Finding, ...]:
    """Every violation of our XSD, in the order of the document."""
    return violations(schema(), whole, Source.SCHEMA)


def violations(own: etree.XMLSchema, whole: Whole, source: Source) -> tuple[Finding, ...]:
    """Every violation of an XSD; of a document that is too wide for places, the place is the document."""
    if whole.is_wide():
        log = xml.violations(etree.tostring(whole.clinical_document, with_tail=False), own)
    else:
        log = None if own.validate(whole.clinical_document) else own.error_log
    return () if log is None else tuple(islice(findings_of(log, whole, source), MAX_TOLD))


def findings_of(log: etree._ListErrorLog, whole: Whole, source: Source) -> Iterator[Finding]:
    """What a validation by libxml2 noted, each violation once: a facet and the type that it is of are one."""
    told = ""
    for error in log:
        about = f"{error.path} {error.message.partition(':')[0]}"
        if about == told and "DATATYPE_VALID" in error.type_name:
            continue
        told = about if _FACET.search(error.message.partition(": ")[2]) else ""
        yield _finding(error, whole, source)


def _finding(error: etree._LogEntry, whole: Whole, source: Source) -> Finding:
    found = _ABOUT.match(error.message)
    name, attribute, said = found.groups() if found else ("", None, error.message)
    attribute = _shown(attribute) if attribute else None
    element = _element(error.path or "", whole.clinical_document)
    rule = _rule(error.type_name)
    expected, got, remedy = _told(said, name, attribute)
    return Finding(
        source=source,
        rule=f"XSD {rule}",
        clause="CDA R2, schéma XML",
        path=whole.path(element) + (f"/@{attribute}" if attribute else ""),
        line=whole.line(element),
        expected=expected,
        found=quoted(got),
        severity=Severity.ERROR,
        remedy=remedy,
    )


def _rule(type_name: str) -> str:
    """`cvc-complex-type.2.4` for what libxml2 calls SCHEMAV_ELEMENT_CONTENT or SCHEMAV_CVC_COMPLEX_TYPE_2_4."""
    if type_name == "SCHEMAV_ELEMENT_CONTENT":
        return "cvc-complex-type.2.4"
    words = type_name.removeprefix("SCHEMAV_").lower().split("_")
    numbers = [word for word in words if word.isdigit()]
    return ".".join(("-".join(word for word in words if not word.isdigit()), *numbers))


def _element(path: str, document: etree._Element) -> etree._Element:
    """The element that a path of libxml2 leads to; the last one that can be followed."""
    element = document
    for step in path.split("/")[2:]:
        parsed = _STEP.fullmatch(step)
        if parsed is None:
            break
        prefix, name, number = parsed.groups()
        children = (each for each in element.iterchildren(etree.Element) if _is_named(each, prefix, name))
        child = next(islice(children, int(number or 1) - 1, None), None)
        if child is None:
            break
        element = child
    return element


def _is_named(element: etree._Element, prefix: str | None, name: str) -> bool:
    return name == "*" or (element.prefix == prefix and etree.QName(element).localname == name)


def _told(said: str, name: str, attribute: str | None) -> tuple[str, str, str]:
    """What was expected, what came, how to mend it: in French, of what libxml2 says in English."""
    facet = _FACET.match(said)
    value = _VALUE.search(said) or _VALUE_FIRST.match(said)
    got = (value[1] or "une valeur vide") if value else "une autre valeur"
    if "This element is not expected" in said:
        return _names(said, "aucun élément ici"), f"élément {name}", "Retirer l'élément, ou le mettre à sa place."
    if "Missing child element" in said:
        return _names(said, "un élément de plus"), "aucun", f"Ajouter dans {name} l'élément qui manque."
    if attribute and "is not allowed" in said:
        return "pas cet attribut", f"attribut {attribute}", f"Retirer l'attribut {attribute}."
    if "is required but missing" in said:
        missing = re.search(r"attribute '(?:\{[^}]*\})?([^']*)'", said)
        return f"l'attribut {missing[1] if missing else ''}", "aucun", f"Ajouter l'attribut à {name}."
    if "Character content" in said:
        return "aucun texte", "du texte", f"Retirer le texte qui se trouve directement dans {name}."
    if "lement content is not allowed" in said:
        return "aucun élément", "des éléments", f"Retirer les éléments qui se trouvent dans {name}."
    if "fixed value constraint" in said:
        fixed = re.search(r"constraint '(.*)'", said, re.DOTALL)
        return f"la valeur {fixed[1] if fixed else ''}", got, "Écrire cette valeur, ou retirer l'attribut."
    if facet:
        return _facet(facet[1], said), got, "Corriger la valeur."
    if "'xs:ID'" in said:
        return "un identifiant que rien d'autre ne porte", got, "Donner à chaque élément un ID différent."
    if value or "is not a valid value" in said:
        return f"une valeur du type {_type(said)}", got, "Corriger la valeur."
    if "abstract" in said:
        return "un type concret en xsi:type", "aucun", 'Ajouter xsi:type, par exemple xsi:type="CD".'
    if "xsi:type" in said or "type definition" in said:
        return "un type qui convient à cet élément", _type_given(said), "Corriger xsi:type."
    return "un document conforme au schéma", _shown(said), "Voir le schéma de CDA R2."


def _names(said: str, none: str) -> str:
    names = _ONE_OF.search(said)
    if names is None:
        return none
    listed = _shown(names[1]).replace(" ", "").split(",")
    return f"un des éléments {', '.join(listed)}" if len(listed) > 1 else f"l'élément {listed[0]}"


def _facet(facet: str, said: str) -> str:
    if facet == "enumeration":
        codes = re.search(r"\{(.*)\}", said, re.DOTALL)
        listed = codes[1].replace("'", "") if codes else ""
        return f"un code parmi {listed if len(listed) < 400 else listed[:400] + '…'}"
    if facet == "pattern":
        pattern = re.search(r"pattern '(.*)'", said, re.DOTALL)
        return f"une valeur de la forme {pattern[1]}" if pattern else "une valeur d'une autre forme"
    return {"minLength": "un texte qui n'est pas vide"}.get(facet, "une valeur dans les limites du type")


def _type(said: str) -> str:
    of = re.search(r"type '([^']*)'", said)
    name = _shown(of[1]) if of else ""
    return _TYPES.get(name, name) or "de l'attribut"


def _type_given(said: str) -> str:
    given = re.search(r"definition '([^']*)', specified", said) or re.search(r"QName value '([^']*)'", said)
    return _shown(given[1] if given else said)


def _shown(text: str) -> str:
    """Names of a message with the usual prefix instead of their namespace."""
    return _SPACE.sub(lambda found: _PREFIXES.get(found[1], ""), text)
