"""The entries of a section: what programs read, told to people.

Each statement is a line: what it is, its value, when, and what belongs to it below. A section without narrative is
shown this way; behind the others it is there to be unfolded, with the codes.

Source: HL7 CDA R2 §4.3.6 (clinical statements), §4.3.8 (relations between them).
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from cda.rendering import parties
from cda.rendering.dates import time_of
from cda.rendering.markup import Content, tag
from cda.rendering.media import Media
from cda.rendering.narrative import Narrative
from cda.rendering.quantities import limits, quantity
from cda.rendering.reading import Source, attribute, child, children, name_of, text_of
from cda.rendering.values import (
    STATUSES,
    code_text,
    interpretation_text,
    reference,
    referred_text,
    value_text,
)

_KINDS = {
    "act": "Acte",
    "encounter": "Rencontre",
    "observation": "Observation",
    "observationMedia": "Fichier joint",
    "organizer": "Ensemble",
    "procedure": "Acte",
    "regionOfInterest": "Zone d'intérêt",
    "substanceAdministration": "Traitement",
    "supply": "Fourniture",
    "externalAct": "Acte extérieur",
    "externalDocument": "Document lié",
    "externalObservation": "Observation extérieure",
    "externalProcedure": "Acte extérieur",
}
_MOODS = {  # HL7 ActMood
    "INT": "prévu",
    "RQO": "demandé",
    "PRMS": "promis",
    "PRP": "proposé",
    "APT": "rendez-vous",
    "ARQ": "rendez-vous demandé",
    "GOL": "objectif",
    "DEF": "définition",
}
_ROLES = {  # HL7 ParticipationType
    "AUT": "Auteur",
    "AUTHEN": "Validé par",
    "BEN": "Bénéficiaire",
    "CSM": "Produit",
    "CST": "Conservé par",
    "DEV": "Dispositif",
    "ENT": "Saisi par",
    "INF": "Informateur",
    "LOC": "Lieu",
    "PPRF": "Exécutant principal",
    "PRD": "Produit",
    "PRF": "Exécutant",
    "RESP": "Responsable",
    "SBJ": "Sujet",
    "SPC": "Échantillon",
    "VRF": "Vérifié par",
}
_RELATIONS = {"RSON": "Motif", "MFST": "Manifestation", "CAUS": "Cause", "GEVL": "Évalue", "XCRPT": "Extrait"}
_INSIDE = ("entryRelationship", "component", "reference", "precondition")


class Entries:
    """The entries of one document."""

    def __init__(self, source: Source, media: Media, narrative: Narrative) -> None:
        self._source, self._media, self._narrative = source, media, narrative

    def listed(self, section: etree._Element, *, coded: bool) -> etree._Element | None:
        """The entries of a section, with their codes or without; None where there are none."""
        lines = [
            self._line(each, "", coded) for entry in children(section, "entry") for each in self._statements(entry)
        ]
        return tag("ul", lines, class_="donnees") if lines else None

    def _statements(self, relation: etree._Element) -> Iterator[etree._Element]:
        yield from (each for each in relation if name_of(each) in _KINDS)

    def _line(self, statement: etree._Element, relation: str, coded: bool) -> etree._Element:
        """One statement, and those inside."""
        inside = [
            self._line(each, _RELATIONS.get(link.get("typeCode", ""), ""), coded)
            for name in _INSIDE
            for link in children(statement, name)
            for each in self._statements(link)
        ]
        return tag("li", self._said(statement, relation, coded), tag("ul", inside) if inside else None)

    def _said(self, statement: etree._Element, relation: str, coded: bool) -> Content:
        label, detail = self._label(statement)
        said: list[Content] = [f"{relation} : " if relation else None]
        if statement.get("negationInd") == "true":
            said.append([tag("strong", "Non"), " : "])
        said.append(tag("strong", label))
        values = self._values(statement) or detail
        if values:
            said.append([" : ", values])
        if details := [each for each in self._details(statement) if each]:
            said.append(f" ({' ; '.join(details)})")
        if coded:
            said += self._codes(statement)
        if name_of(statement) == "observationMedia" and not self._media.is_shown(statement):
            said.append(self._media.observed(statement))
        return said

    def _label(self, statement: etree._Element) -> tuple[str, str]:
        """What a statement is called, and the text of its own where that says more."""
        product = self._product(statement)
        text = child(statement, "text")
        free = text_of(text) or referred_text(text, self._source)
        label = product or code_text(child(statement, "code"), self._source)
        if not label:
            return free or _KINDS[name_of(statement)], ""
        return label, free if free != label else ""

    def _product(self, statement: etree._Element) -> str:
        """The medicine, vaccine or device of a treatment or supply."""
        for path in (("consumable",), ("product",)):
            made = child(statement, *path, "manufacturedProduct", "*")
            if made is not None:
                lot = text_of(made, "lotNumberText")
                name = code_text(child(made, "code"), self._source) or text_of(made, "name")
                return f"{name}, lot {lot}" if name and lot else name
        return ""

    def _values(self, statement: etree._Element) -> str:
        said = [value_text(each, self._source) for each in children(statement, "value")]
        if name_of(statement) in ("observationMedia", "regionOfInterest"):
            return ""
        return ", ".join(filter(None, said))

    def _details(self, statement: etree._Element) -> Iterator[str]:
        """What else is said of it, in an order of use to readers."""
        source = self._source
        dose = child(statement, "doseQuantity")
        yield _named("dose", quantity(dose) or limits(dose))
        yield _named("débit", quantity(child(statement, "rateQuantity")) or limits(child(statement, "rateQuantity")))
        yield _named("quantité", quantity(child(statement, "quantity")))
        yield _named("voie", code_text(child(statement, "routeCode"), source))
        yield from (time_of(each) for each in children(statement, "effectiveTime"))
        yield from (interpretation_text(each, source) for each in children(statement, "interpretationCode"))
        for each in children(statement, "referenceRange", "observationRange"):
            value = child(each, "value")
            yield _named("référence", limits(value) or value_text(value, source) or text_of(each, "text"))
        yield _named("méthode", code_text(child(statement, "methodCode"), source))
        yield from (_named("localisation", code_text(each, source)) for each in children(statement, "targetSiteCode"))
        yield _MOODS.get(statement.get("moodCode", ""), "")
        status = attribute(statement, "code", "statusCode")
        yield STATUSES.get(status, status) if status not in ("", "completed", "normal") else ""
        yield from self._people(statement)

    def _people(self, statement: etree._Element) -> Iterator[str]:
        """Who and what takes part."""
        for name, role, label in (
            ("performer", "assignedEntity", "Exécutant"),
            ("author", "assignedAuthor", "Auteur"),
            ("specimen", "specimenRole", "Échantillon"),
        ):
            for found in children(statement, name, role):
                yield _named(label.lower(), self._who(found))
        for participant in children(statement, "participant"):
            label = _ROLES.get(participant.get("typeCode", ""), "Participant").lower()
            yield from (_named(label, self._who(each)) for each in children(participant, "participantRole"))

    def _who(self, role: etree._Element) -> str:
        for name in ("playingEntity", "playingDevice", "specimenPlayingEntity"):
            if said := code_text(child(role, name, "code"), self._source):
                return said
        return parties.who_and_where(role, self._source)

    def _codes(self, statement: etree._Element) -> list[Content]:
        """The codes of a statement, and the way to the narrative that says the same."""
        said: list[Content] = []
        for element in (child(statement, "code"), *children(statement, "value")):
            code = attribute(element, "code")
            if code:
                system = attribute(element, "codeSystemName") or attribute(element, "codeSystem")
                said.append([" ", tag("code", f"{code} {system}".strip())])
        targets = (reference(child(statement, "text")), reference(child(statement, "code", "originalText")))
        for target in dict.fromkeys(filter(None, targets)):
            if (address := self._narrative.anchor(target)) is not None:
                said.append([" ", tag("a", "voir dans le texte", href=address)])
        return said


def _named(label: str, said: str) -> str:
    return f"{label} : {said}" if said else ""
