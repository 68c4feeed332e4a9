"""A CDA document as one page of HTML: head, contents, body, results of laboratories, and the rest of its header.

Source: HL7 CDA R2 §1.2.3 (what a recipient must render); WHATWG HTML; W3C Content Security Policy 3; WCAG 2.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lxml import etree

from cda.errors import CdaError
from cda.rendering import header, laboratory, trend
from cda.rendering.markup import note, tag, write
from cda.rendering.reading import Source, attribute, children, read
from cda.rendering.sections import Body, Part
from cda.rendering.style import POLICY, STYLE

LANGUAGE = "fr"
_ENOUGH = 3  # parts that are worth a table of contents


def render(chunks: Iterable[bytes], others: Sequence[Iterable[bytes]] = ()) -> bytes:
    """The page of a document, UTF-8. `others` are reports of the same patient: their results stand beside its own.

    Raises CdaError for what is no CDA document, or too large a tree.
    """
    source = read(chunks)
    compared, refused = _comparable(source, others)
    parts = [*Body(source).parts(), *_results(source, compared)]
    about = Part("contexte", "À propos de ce document", header.context(source))
    main = tag("main", [note(each) for each in refused], [each.shown for each in (*parts, about)], id="contenu")
    body = tag(
        "body",
        tag("a", "Aller au contenu", href="#contenu", class_="aller"),
        tag("div", header.banner(source), _contents([*parts, about]), main, _foot(), class_="page"),
    )
    return write(tag("html", _head(source), body, lang=LANGUAGE))


def _head(source: Source) -> etree._Element:
    policy = tag("meta", content=POLICY)
    policy.set("http-equiv", "Content-Security-Policy")
    prefetch = tag("meta", content="off")
    prefetch.set("http-equiv", "x-dns-prefetch-control")
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        policy,
        prefetch,
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", header.title_of(source)),
        tag("style", STYLE),
    )


def _contents(parts: Sequence[Part]) -> etree._Element | None:
    if len(parts) < _ENOUGH:
        return None
    links = [tag("li", tag("a", each.title, href=f"#{each.anchor}")) for each in parts]
    return tag("nav", tag("p", "Sommaire"), tag("ul", links), class_="sommaire", aria_label="Sommaire")


def _foot() -> etree._Element:
    said = "Affichage établi à partir du document CDA, sans ses feuilles de style ni ses scripts."
    return tag("footer", tag("p", said), class_="pied")


def _comparable(source: Source, others: Sequence[Iterable[bytes]]) -> tuple[list[Source], list[str]]:
    """The other reports of the same patient, and what is to be said of those that are left out."""
    kept, refused = [], []
    patient = _identifiers(source)
    for number, chunks in enumerate(others, 1):
        try:
            other = read(chunks)
        except CdaError:
            refused.append(f"Compte rendu de comparaison n° {number} illisible : laissé de côté.")
            continue
        if patient.isdisjoint(_identifiers(other)):
            refused.append(f"Compte rendu de comparaison n° {number} d'un autre patient : laissé de côté.")
        else:
            kept.append(other)
    return kept, refused


def _identifiers(source: Source) -> set[tuple[str, str]]:
    found = children(source.root, "recordTarget", "patientRole", "id")
    return {(attribute(each, "root"), attribute(each, "extension")) for each in found if attribute(each, "root")}


def _results(source: Source, others: Sequence[Source]) -> list[Part]:
    """The table of results, and the course of each that was measured several times."""
    own = laboratory.results(source)
    if not own:
        return []
    measured = {each.key for each in own}
    courses = laboratory.series([own, *map(laboratory.results, others)])
    drawn = [trend.figure(course, number) for number, course in enumerate(courses, 1) if course[-1].key in measured]
    table = laboratory.table(own, "Résultats de biologie")
    shown = [Part("resultats", "Tableau des résultats", tag("section", tag("h2", "Résultats"), table, id="resultats"))]
    if drawn:
        shown.append(Part("evolution", "Évolution", tag("section", tag("h2", "Évolution"), drawn, id="evolution")))
    return shown
