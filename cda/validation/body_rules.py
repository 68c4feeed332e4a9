"""What the body of a document must be for people to read it: its files, and the links within its narrative.

A schema says nothing of these, and the official rules neither: they warn, and reject no document.

Source: CI-SIS, volet Structuration minimale (nonXMLBody, document PDF en copie); HL7 CDA R2 §4.3.5 (narrative block:
references, renderMultiMedia) and §4.3.6.
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from cda.document import HL7_V3
from cda.validation.finding import Finding, Severity
from cda.validation.rule import Rule, broken, finding
from cda.whole import Whole

NON_XML_MEDIA = ("application/pdf", "text/plain", "text/rtf", "image/jpeg", "image/tiff")
_MEDIA = " or ".join(f"@mediaType = '{media}'" for media in NON_XML_MEDIA)

RULES = (
    Rule(
        "CORPS-mediaType",
        "Structuration minimale, nonXMLBody/text",
        "c:component/c:nonXMLBody/c:text",
        _MEDIA,
        f"un mediaType parmi {', '.join(NON_XML_MEDIA)}",
        "Convertir le fichier dans un de ces formats.",
        "string(@mediaType)",
        Severity.WARNING,
    ),
    Rule(
        "CORPS-representation",
        "Structuration minimale, nonXMLBody/text",
        "c:component/c:nonXMLBody/c:text[not(@mediaType = 'text/plain')]",
        "@representation = 'B64'",
        "representation B64",
        "Coder le fichier en base64.",
        "string(@representation)",
        Severity.WARNING,
    ),
)
_BASE64 = Rule(
    "FICHIER-base64",
    "HL7 V3, type ED ; RFC 4648 §4",
    ".",
    "true()",
    "du base64",
    "Coder de nouveau le fichier, entier.",
    severity=Severity.WARNING,
)
_EMPTY = Rule(
    "FICHIER-vide",
    "HL7 V3, type ED",
    ".",
    "true()",
    "un fichier",
    "Joindre le fichier, ou retirer l'élément.",
    severity=Severity.WARNING,
)
_FORMAT = Rule(
    "FICHIER-format",
    "HL7 V3, type ED, mediaType",
    ".",
    "true()",
    "un fichier du format annoncé par mediaType",
    "Corriger mediaType, ou joindre le bon fichier.",
    severity=Severity.WARNING,
)
_REFERENCE = Rule(
    "TEXTE-reference",
    "CDA R2 §4.3.5, référence d'une entrée au texte",
    ".",
    "true()",
    "un ID du texte d'une section",
    "Corriger la référence, ou donner cet ID au passage du texte.",
    severity=Severity.WARNING,
)
_MULTIMEDIA = Rule(
    "TEXTE-renderMultiMedia",
    "CDA R2 §4.3.5, renderMultiMedia",
    ".",
    "true()",
    "l'ID d'un observationMedia ou d'un regionOfInterest",
    "Corriger referencedObject, ou donner cet ID à l'image.",
    severity=Severity.WARNING,
)


def body_findings(whole: Whole) -> Iterator[Finding]:
    """Everything of the body that people would miss."""
    yield from broken(RULES, whole)
    yield from _files(whole)
    yield from _links(whole)


def _files(whole: Whole) -> Iterator[Finding]:
    for element, file in whole.files.items():
        if not file.is_base64:
            yield finding(_BASE64, whole, element, "autre chose")
        elif file.size == 0 and element.find(f"{{{HL7_V3}}}reference") is None:
            yield finding(_EMPTY, whole, element, "")
        elif file.size and not file.is_what_it_says:
            yield finding(_FORMAT, whole, element, f"{file.media_type}, dont le contenu n'est pas")


def _links(whole: Whole) -> Iterator[Finding]:
    """References of entries into the narrative, and of the narrative to images."""
    narrative, media = set[str](), set[str]()
    for element in whole.clinical_document.iter(etree.Element):
        identifier = element.get("ID")
        if identifier is not None:
            kind = etree.QName(element).localname
            (media if kind in ("observationMedia", "regionOfInterest") else narrative).add(identifier)
    for element in whole.clinical_document.iter(f"{{{HL7_V3}}}reference"):
        value = element.get("value", "")
        if value.startswith("#") and value[1:] not in narrative and value[1:] not in media:
            yield finding(_REFERENCE, whole, element, value)
    for element in whole.clinical_document.iter(f"{{{HL7_V3}}}renderMultiMedia"):
        for name in element.get("referencedObject", "").split():
            if name not in media:
                yield finding(_MULTIMEDIA, whole, element, name)
