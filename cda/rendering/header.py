"""The header of a document for people: above the body whose it is, of when and by whom; below it everything else.

Source: HL7 CDA R2 §4.2; CI-SIS, volet Structuration minimale de documents de santé.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from lxml import etree

from cda.rendering import parties
from cda.rendering.dates import instant, interval, time_of, timestamp
from cda.rendering.markup import Content, listed, tag
from cda.rendering.reading import Source, attribute, child, children, text_of
from cda.rendering.values import code_text

_SEX = {"M": "Masculin", "F": "Féminin", "U": "Inconnu", "UN": "Indéterminé"}  # HL7 AdministrativeGender
_CONFIDENTIALITY = {"N": "Normal", "R": "Restreint", "V": "Très restreint"}  # HL7 Confidentiality
_RELATIONS = {"RPLC": "Remplace", "APND": "Complète", "XFRM": "Transformation de"}  # HL7 x_ActRelationshipDocument
_PARTICIPANTS = {  # HL7 ParticipationType
    "INF": "Informateur",
    "IND": "Participant",
    "REF": "Adressé par",
    "CON": "Consultant",
    "ATND": "Médecin responsable",
    "DIS": "Responsable de la sortie",
    "ADM": "Responsable de l'admission",
    "PRF": "Exécutant",
    "SPRF": "Exécutant associé",
    "PPRF": "Exécutant principal",
}
_FACILITY = ("healthCareFacility", "code")


def banner(source: Source) -> etree._Element:
    """The head of the page."""
    root = source.root
    kind, title = code_text(child(root, "code"), source), text_of(root, "title")
    return tag(
        "header",
        tag("p", kind, class_="type") if kind and kind != title else None,
        tag("h1", title or kind or "Document sans titre"),
        tag(
            "div",
            [_patient(each, source) for each in children(root, "recordTarget", "patientRole")],
            tag("div", tag("p", "Document", class_="sur"), listed(_facts(source)), class_="bloc"),
            class_="bandeau",
        ),
        class_="entete",
    )


def title_of(source: Source) -> str:
    """What the page is called: the document and its patient."""
    title = text_of(source.root, "title") or code_text(child(source.root, "code"), source) or "Document"
    person = child(source.root, "recordTarget", "patientRole", "patient", "name")
    return " - ".join(filter(None, (title, parties.person_name(person))))


def context(source: Source) -> etree._Element:
    """All that the header says, each participant in full."""
    shown: list[Content] = []
    for title, cards in _groups(source):
        made: list[Content] = list(cards)
        if made:
            heading = tag("h3", title)
            shown.append(tag("section", heading, made))
    heading = tag("h2", "À propos de ce document")
    groups = tag("div", shown, class_="groupes")
    return tag("section", heading, groups, id="contexte", class_="contexte")


def _patient(role: etree._Element, source: Source) -> etree._Element:
    person = child(role, "patient")
    name = child(person, "name")
    national = [each for each in children(role, "id") if attribute(each, "root") in parties.INS]
    identifiers = [said for each in national or children(role, "id")[:1] if (said := parties.identifier(each))]
    return tag(
        "div",
        tag("p", "Patient", class_="sur"),
        tag("p", parties.person_name(name) or "Nom non précisé", class_="identite"),
        listed(
            (
                ("Nom de naissance", _birth_name(name)),
                ("Naissance", _birth(person, source)),
                ("Sexe", _sex(person, source)),
                ("Identité", [tag("div", each) for each in identifiers]),
            )
        ),
        class_="bloc patient",
    )


def _birth_name(name: etree._Element | None) -> str:
    """The name of birth where another is in use."""
    if name is None:
        return ""
    born = " ".join(text_of(each) for each in children(name, "family") if each.get("qualifier") == "BR")
    return born.upper() if born and born.upper() != parties.name_part(name, "family").upper() else ""


def _birth(person: etree._Element | None, source: Source) -> str:
    """The date, how old that was when the document was made, and the place."""
    written = attribute(person, "value", "birthTime")
    place = child(person, "birthplace", "place", "addr")
    where = " ".join(filter(None, (text_of(place, "city"), text_of(place, "country"))))
    if not where and text_of(place, "county"):
        where = f"commune {text_of(place, 'county')}"
    age = _age(instant(written), instant(attribute(source.root, "value", "effectiveTime"))) if len(written) >= 8 else ""
    said = f"{timestamp(written)} ({age})" if written and age else timestamp(written)
    return ", ".join(filter(None, (said, where)))


def _age(birth: datetime | None, then: datetime | None) -> str:
    """In years; in months below two years, in days below two months."""
    if birth is None or then is None or then < birth:
        return ""
    months = (then.year - birth.year) * 12 + then.month - birth.month - (then.day < birth.day)
    if months >= 24:
        return f"{months // 12} ans"
    days = (then - birth).days
    return f"{months} mois" if months >= 2 else f"{days} jour{'s' if days > 1 else ''}"


def _sex(person: etree._Element | None, source: Source) -> str:
    code = child(person, "administrativeGenderCode")
    return _SEX.get(attribute(code, "code")) or code_text(code, source)


def _facts(source: Source) -> list[tuple[str, Content]]:
    """Of when, by whom and about what."""
    root = source.root
    authors = [parties.who_and_where(each, source) for each in children(root, "author", "assignedAuthor")]
    signers = [parties.who_and_where(each, source) for each in children(root, "legalAuthenticator", "assignedEntity")]
    said = list(dict.fromkeys(filter(None, authors)))
    version = attribute(root, "value", "versionNumber")
    confidentiality = attribute(root, "code", "confidentialityCode")
    return [
        ("Date", timestamp(attribute(root, "value", "effectiveTime"))),
        ("Auteur" if len(said) < 2 else "Auteurs", [tag("div", each) for each in said]),
        ("Responsable", [tag("div", each) for each in signers if each and each not in said]),
        ("Prise en charge", list(_events(source))),
        ("Version", version if version not in ("", "1") else ""),
        ("Confidentialité", _CONFIDENTIALITY.get(confidentiality, "") if confidentiality != "N" else ""),
    ]


def _events(source: Source) -> Iterator[etree._Element]:
    """The acts that the document is about, each with its time; at most three."""
    for event in children(source.root, "documentationOf", "serviceEvent")[:3]:
        label, time = code_text(child(event, "code"), source), time_of(child(event, "effectiveTime"))
        if said := ", ".join(filter(None, (label, time))):
            yield tag("div", said)


def _groups(source: Source) -> Iterator[tuple[str, Iterator[Content]]]:
    """The parts of the header, each with its cards."""
    root = source.root
    yield "Patient", (_patient_card(each, source) for each in children(root, "recordTarget", "patientRole"))
    yield "Auteurs", _cards(source, "author", "assignedAuthor")
    yield "Responsable légal", _cards(source, "legalAuthenticator", "assignedEntity")
    yield "Validation", _cards(source, "authenticator", "assignedEntity")
    yield "Saisie", _cards(source, "dataEnterer", "assignedEntity")
    yield "Destinataires", _cards(source, "informationRecipient", "intendedRecipient")
    yield "Informateurs et personnes à contacter", _cards(source, "informant", "*")
    yield "Autres participants", _cards(source, "participant", "associatedEntity")
    yield "Actes et événements documentés", _performed(source)
    yield (
        "Prise en charge",
        (_encounter(each, source) for each in children(root, "componentOf", "encompassingEncounter")),
    )
    yield "Demandes", (_orders(each) for each in children(root, "inFulfillmentOf", "order"))
    yield "Consentements", (_consent(each, source) for each in children(root, "authorization", "consent"))
    yield "Conservation", _cards(source, "custodian", "assignedCustodian", "representedCustodianOrganization")
    yield "Documents liés", (_related(each) for each in children(root, "relatedDocument"))
    yield "Identification", iter([_identification(source)])


def _cards(source: Source, participation: str, *path: str) -> Iterator[Content]:
    """A card for each participant of a kind."""
    for each in children(source.root, participation):
        role = child(each, *path)
        if role is None:
            continue
        kind = _PARTICIPANTS.get(each.get("typeCode", ""), "") if participation == "participant" else ""
        function = code_text(child(each, "functionCode"), source)
        time = time_of(child(each, "time"))
        yield parties.card(role, source, ("Rôle", function or kind), ("Date", time))


def _patient_card(role: etree._Element, source: Source) -> etree._Element:
    person = child(role, "patient")
    names = [said for each in children(person, "name") for said in _parts(each)]
    guardians = [parties.who(each, source) for each in children(person, "guardian")]
    return tag(
        "div",
        tag("p", parties.person_name(child(person, "name")) or "Nom non précisé", class_="nom"),
        listed(
            (
                ("Noms", [tag("div", each) for each in names]),
                ("Naissance", _birth(person, source)),
                ("Sexe", _sex(person, source)),
                (
                    "Identifiants",
                    [tag("div", said) for each in children(role, "id") if (said := parties.identifier(each))],
                ),
                ("Adresse", [tag("div", said) for each in children(role, "addr") if (said := parties.address(each))]),
                (
                    "Contact",
                    [tag("div", said) for each in children(role, "telecom") if (said := parties.telecom(each))],
                ),
                ("Représentant", [tag("div", each) for each in guardians if each]),
            )
        ),
        class_="fiche",
    )


def _parts(name: etree._Element) -> Iterator[str]:
    qualified = {"BR": "(naissance)", "CL": "(usage)"}
    for part in ("family", "given"):
        for each in children(name, part):
            if said := text_of(each):
                yield f"{said} {qualified.get(each.get('qualifier', ''), '')}".strip()


def _performed(source: Source) -> Iterator[Content]:
    """Each act with who performed it."""
    for event in children(source.root, "documentationOf", "serviceEvent"):
        doers = [parties.who_and_where(each, source) for each in children(event, "performer", "assignedEntity")]
        others = [code_text(each, source) for each in children(event, "code", "translation")]
        yield tag(
            "div",
            tag("p", code_text(child(event, "code"), source) or "Acte", class_="nom"),
            listed(
                (
                    ("Date", time_of(child(event, "effectiveTime"))),
                    ("Exécutant", [tag("div", each) for each in doers if each]),
                    ("Précisions", [tag("div", each) for each in others if each]),
                    ("Identifiant", [tag("div", parties.identifier(each)) for each in children(event, "id")]),
                )
            ),
            class_="fiche",
        )


def _encounter(encounter: etree._Element, source: Source) -> etree._Element:
    place = child(encounter, "location")
    people = [
        parties.who_and_where(each, source)
        for path in (("responsibleParty", "assignedEntity"), ("encounterParticipant", "assignedEntity"))
        for each in children(encounter, *path)
    ]
    facility = child(place, "healthCareFacility")
    where = [text_of(facility, "location", "name"), text_of(facility, "serviceProviderOrganization", "name")]
    return tag(
        "div",
        tag("p", code_text(child(encounter, "code"), source) or "Prise en charge", class_="nom"),
        listed(
            (
                ("Période", interval(child(encounter, "effectiveTime")) or time_of(child(encounter, "effectiveTime"))),
                ("Lieu", [tag("div", each) for each in (code_text(child(place, *_FACILITY), source), *where) if each]),
                ("Sortie", code_text(child(encounter, "dischargeDispositionCode"), source)),
                ("Participants", [tag("div", each) for each in people if each]),
            )
        ),
        class_="fiche",
    )


def _orders(order: etree._Element) -> etree._Element:
    found = [parties.identifier(each) for each in children(order, "id")]
    return tag("div", tag("p", "Demande", class_="nom"), listed([("Identifiant", ", ".join(found))]), class_="fiche")


def _consent(consent: etree._Element, source: Source) -> etree._Element:
    said = code_text(child(consent, "code"), source) or "Consentement"
    return tag("div", tag("p", said, class_="nom"), class_="fiche")


def _related(related: etree._Element) -> etree._Element:
    found = [parties.identifier(each) for each in children(related, "parentDocument", "id")]
    kind = _RELATIONS.get(related.get("typeCode", ""), "Document lié")
    version = attribute(related, "value", "parentDocument", "versionNumber")
    terms = [("Identifiant", ", ".join(filter(None, found))), ("Version", version)]
    return tag("div", tag("p", kind, class_="nom"), listed(terms), class_="fiche")


def _identification(source: Source) -> etree._Element:
    root = source.root
    confidentiality = attribute(root, "code", "confidentialityCode")
    terms: list[tuple[str, Content]] = [
        ("Type", code_text(child(root, "code"), source)),
        ("Identifiant", ", ".join(filter(None, map(parties.identifier, children(root, "id"))))),
        ("Lot de versions", ", ".join(filter(None, map(parties.identifier, children(root, "setId"))))),
        ("Version", attribute(root, "value", "versionNumber")),
        ("Langue", attribute(root, "code", "languageCode")),
        ("Confidentialité", _CONFIDENTIALITY.get(confidentiality, confidentiality)),
    ]
    return tag("div", tag("p", "Document", class_="nom"), listed(terms), class_="fiche")
