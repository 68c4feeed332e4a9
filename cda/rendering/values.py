"""Values of HL7 V3 in words: codes by their labels, quantities, times, yes and no, and why something is not known.

Source: HL7 V3 data types; HL7 NullFlavor, ActStatus, ObservationInterpretation.
"""

from __future__ import annotations

from lxml import etree

from cda.rendering.dates import time_of
from cda.rendering.quantities import limits, quantity
from cda.rendering.reading import XSI_TYPE, Source, attribute, child, children, text_of

NULL_FLAVORS = {
    "ASKU": "demandé, non connu",
    "MSK": "masqué",
    "NA": "sans objet",
    "NASK": "non demandé",
    "NAV": "temporairement non disponible",
    "NI": "sans information",
    "NINF": "moins l'infini",
    "NP": "non présent",
    "OTH": "autre",
    "PINF": "plus l'infini",
    "QS": "quantité suffisante",
    "TRC": "traces",
    "UNK": "inconnu",
}
STATUSES = {
    "aborted": "interrompu",
    "active": "en cours",
    "cancelled": "annulé",
    "completed": "terminé",
    "held": "en attente",
    "new": "nouveau",
    "normal": "normal",
    "nullified": "annulé",
    "obsolete": "obsolète",
    "suspended": "suspendu",
}
INTERPRETATIONS = {
    "<": "sous le seuil de mesure",
    ">": "au-dessus du seuil de mesure",
    "A": "anormal",
    "AA": "très anormal",
    "B": "mieux",
    "D": "en baisse significative",
    "DET": "détecté",
    "H": "haut",
    "HH": "très haut",
    "HU": "très haut",
    "HX": "au-dessus du seuil haut",
    "I": "intermédiaire",
    "IND": "indéterminé",
    "L": "bas",
    "LL": "très bas",
    "LU": "très bas",
    "LX": "sous le seuil bas",
    "MS": "modérément sensible",
    "N": "normal",
    "ND": "non détecté",
    "NEG": "négatif",
    "NR": "non réactif",
    "POS": "positif",
    "R": "résistant",
    "RR": "réactif",
    "S": "sensible",
    "U": "en hausse significative",
    "VS": "très sensible",
    "W": "moins bien",
}


def value_text(element: etree._Element | None, source: Source) -> str:
    """A value of any type; '' where it says nothing."""
    if element is None:
        return ""
    kind = element.get(XSI_TYPE, "").rpartition(":")[2]
    if kind in ("TS", "IVL_TS", "PIVL_TS", "EIVL_TS", "SXPR_TS"):
        said = time_of(element)
    elif kind == "BL":
        said = {"true": "oui", "false": "non"}.get(attribute(element, "value"), "")
    elif kind.startswith("RTO"):
        said = " / ".join(filter(None, (quantity(child(element, part)) for part in ("numerator", "denominator"))))
    elif kind == "II":
        said = attribute(element, "extension") or attribute(element, "root")
    elif element.get("value") is not None:
        said = quantity(element)
    else:
        said = limits(element) or code_text(element, source)
    return said or NULL_FLAVORS.get(attribute(element, "nullFlavor"), "")


def code_text(element: etree._Element | None, source: Source) -> str:
    """The label of a code: its own, what its author wrote, that of a translation, at last the code itself."""
    if element is None:
        return ""
    said = attribute(element, "displayName") or original_text(element, source)
    if not said:
        said = next((label for each in children(element, "translation") if (label := code_text(each, source))), "")
    if not said and not attribute(element, "code") and not len(element):
        said = text_of(element)
    said = said or attribute(element, "code")
    details = [
        " : ".join(filter(None, (code_text(child(each, "name"), source), value_text(child(each, "value"), source))))
        for each in children(element, "qualifier")
    ]
    return " ; ".join(filter(None, (said, *details)))


def original_text(element: etree._Element | None, source: Source) -> str:
    """What the author wrote for a code: there, or in the narrative that it refers to."""
    original = child(element, "originalText")
    return text_of(original) or referred_text(original, source)


def referred_text(element: etree._Element | None, source: Source) -> str:
    """The narrative that an element refers to."""
    target = source.identified.get(reference(element))
    return "" if target is None else text_of(target)


def reference(element: etree._Element | None) -> str:
    """The ID that `reference` points at, '' where it leads elsewhere."""
    value = attribute(element, "value", "reference")
    return value[1:] if value.startswith("#") else ""


def interpretation_text(element: etree._Element, source: Source) -> str:
    """What a flag of a result means."""
    code = attribute(element, "code")
    return INTERPRETATIONS.get(code) or value_text(element, source).lower()
