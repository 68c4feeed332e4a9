"""What one level-3 document says of a patient, entry by entry: problems, allergies, treatments, vaccinations, results.

Only what is said of the patient and to be true is taken: not what is negated, said of a relative, or was given during a
stay that is over. Entries are known by the templates of IHE PCC, which those of the CI-SIS build upon.

Source: IHE PCC TF-2 §6.3.4; CI-SIS, Modèles de contenus CDA (FR-Probleme, FR-Allergie-ou-hypersensibilite,
FR-Traitement, FR-Vaccination); IHE PaLM TF-3 §6.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import islice

from lxml import etree

from cda.rendering import laboratory
from cda.rendering.dates import time_of, timestamp
from cda.rendering.quantities import limits, quantity
from cda.rendering.reading import HL7, Source, attribute, child, children, has_template, name_of, read, text_of
from cda.rendering.values import STATUSES, code_text, original_text, referred_text, value_text
from registry.metadata import Code
from schemas import oids

MAX_FACTS = 500  # of one document
MAX_TEXT = 300  # characters of one text
_NOTHING_KNOWN = frozenset({"160245001", "716186003", "1234391006", "787481004"})  # SNOMED CT: none known, none taken


class Kind(Enum):
    """What a fact is of, with the code and title of its section."""

    PROBLEM = Code("11450-4", oids.LOINC, "Problèmes")
    ALLERGY = Code("48765-2", oids.LOINC, "Allergies et hypersensibilités")
    TREATMENT = Code("10160-0", oids.LOINC, "Traitements")
    VACCINATION = Code("11369-6", oids.LOINC, "Vaccinations")
    RESULT = Code("30954-2", oids.LOINC, "Derniers résultats de biologie")


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a document says. Facts of one `key` are the same thing, said again.

    `period` is for people; `since` is a timestamp to sort by, '' for none. `nothing` says that there is none to tell.
    """

    kind: Kind
    label: str
    key: tuple[str, ...]
    details: str = ""
    period: str = ""
    since: str = ""
    code: Code | None = None
    over: bool = False
    nothing: bool = False


def facts(chunks: Iterable[bytes]) -> tuple[Fact, ...]:
    """What the document of `chunks` says, in its order. Raises CdaError for what is none."""
    source = read(chunks)
    return tuple(islice(_facts(source), MAX_FACTS))


def _facts(source: Source) -> Iterator[Fact]:
    context = _Context()
    for element in source.root.iter(f"{HL7}act", f"{HL7}substanceAdministration"):
        if attribute(element, "negationInd") == "true" or not context.stands_for_the_patient(element):
            continue
        if name_of(element) == "act":
            yield from _of_concern(element, source)
        elif has_template(element, oids.TEMPLATE_PCC_IMMUNIZATION):
            yield from _vaccination(element, source)
        elif has_template(element, oids.TEMPLATE_PCC_MEDICATION):
            yield from _treatment(element, source)
    yield from map(_result, (each for each in laboratory.results(source) if not each.earlier))


class _Context:
    """What stands above the entries of one document; each element is looked at once.

    Source: HL7 CDA R2 §4.4 (subject, as it propagates).
    """

    def __init__(self) -> None:
        self._open: dict[etree._Element, bool] = {}

    def stands_for_the_patient(self, entry: etree._Element) -> bool:
        """Whether an entry stands for itself: no part of another, of no relative, of no stay that is over."""
        return child(entry, "subject") is None and all(map(self._lets, entry.iterancestors()))

    def _lets(self, above: etree._Element) -> bool:
        if above not in self._open:
            self._open[above] = (
                name_of(above) not in ("substanceAdministration", "observation", "supply", "procedure")
                and child(above, "subject") is None
                and not has_template(above, oids.TEMPLATE_PCC_MEDICATIONS_ADMINISTERED)
            )
        return self._open[above]


def _of_concern(act: etree._Element, source: Source) -> Iterator[Fact]:
    """The problems, or the allergies, of a concern."""
    is_problem = has_template(act, oids.TEMPLATE_PCC_PROBLEM_CONCERN)
    if not is_problem and not has_template(act, oids.TEMPLATE_PCC_ALLERGY_CONCERN):
        return
    over = attribute(act, "code", "statusCode") in ("completed", "aborted")
    for observation in children(act, "entryRelationship", "observation"):
        if attribute(observation, "negationInd") != "true":
            made = _problem(observation, source, over) if is_problem else _allergy(observation, source, over)
            yield from (made,) if made else ()


def _problem(observation: etree._Element, source: Source, over: bool) -> Fact | None:
    value = child(observation, "value")
    return _made(Kind.PROBLEM, _said(value, observation, source), value, observation, over=over)


def _allergy(observation: etree._Element, source: Source, over: bool) -> Fact | None:
    agent = child(observation, "participant", "participantRole", "playingEntity")
    value, code = child(observation, "value"), child(agent, "code")
    named = code if attribute(code, "code") or agent is not None else value
    label = code_text(code, source) or text_of(agent, "name") or _said(value, observation, source)
    reactions = [
        code_text(child(each, "value"), source)
        for each in children(observation, "entryRelationship", "observation")
        if each.getparent().get("typeCode") == "MFST"  # type: ignore[union-attr] # it has one
    ]
    details = " ; ".join(filter(None, (code_text(child(observation, "code"), source), *reactions)))
    return _made(Kind.ALLERGY, label, named if label else value, observation, details, over=over)


def _treatment(administration: etree._Element, source: Source) -> Iterator[Fact]:
    first, *others = (*children(administration, "effectiveTime"), None)
    dose = child(administration, "doseQuantity")
    details = (
        limits(dose) or quantity(dose),
        *(time_of(each) for each in others),
        code_text(child(administration, "routeCode"), source),
    )
    material = child(administration, "consumable", "manufacturedProduct", "manufacturedMaterial")
    code = child(material, "code")
    label = code_text(code, source) or text_of(material, "name") or referred_text(child(administration, "text"), source)
    stated = child(administration, "code")
    absent = stated is not None and _says_nothing(stated)
    made = _made(
        Kind.TREATMENT,
        code_text(stated, source) if absent else label,
        stated if absent else code,
        administration,
        ", ".join(dict.fromkeys(filter(None, details))),
        time=first,
    )
    yield from (made,) if made else ()


def _vaccination(administration: etree._Element, source: Source) -> Iterator[Fact]:
    material = child(administration, "consumable", "manufacturedProduct", "manufacturedMaterial")
    code, stated = child(material, "code"), child(administration, "code")
    if attribute(administration, "moodCode") != "EVN":
        return
    lot = text_of(material, "lotNumberText")
    absent = stated is not None and _says_nothing(stated)
    label = code_text(code, source) or text_of(material, "name") or referred_text(child(administration, "text"), source)
    made = _made(
        Kind.VACCINATION,
        code_text(stated, source) if absent else label,
        stated if absent else code,
        administration,
        f"lot {lot}" if lot else "",
    )
    if made:  # each injection is a fact of its own
        yield made if made.nothing else _again(made)


def _again(fact: Fact) -> Fact:
    return Fact(fact.kind, fact.label, (*fact.key, fact.since[:8]), fact.details, fact.period, fact.since, fact.code)


def _result(found: laboratory.Result) -> Fact:
    flags = " ; ".join(words for _, words in found.flags) or ("hors des valeurs de référence" if found.abnormal else "")
    ranges = f"référence : {' ; '.join(found.ranges)}" if found.ranges else ""
    code, scheme, unit, specimen = found.key
    return Fact(
        Kind.RESULT,
        _short(found.name),
        (code, scheme, unit, specimen) if code else (found.name.casefold(), unit, specimen),
        _short(", ".join(filter(None, (found.text, flags, ranges)))),
        timestamp(found.time),
        found.time,
        Code(code, scheme, found.name) if code and scheme else None,
    )


def _made(
    kind: Kind,
    label: str,
    code: etree._Element | None,
    stated: etree._Element,
    details: str = "",
    *,
    time: etree._Element | None = None,
    over: bool = False,
) -> Fact | None:
    """A fact, or None for an entry that has no words."""
    if not label:
        return None
    time = child(stated, "effectiveTime") if time is None else time
    named = Code(attribute(code, "code"), attribute(code, "codeSystem"), _short(label))
    ended = attribute(time, "value", "high")
    period = time_of(time)
    return Fact(
        kind,
        _short(label),
        (named.code, named.scheme) if named.code and named.scheme else (label.casefold(),),
        _short(" ; ".join(filter(None, (details, STATUSES["completed"] if over and not ended else "")))),
        period,
        attribute(time, "value") or attribute(time, "value", "low"),
        named if named.code and named.scheme else None,
        over or bool(ended),
        nothing=code is not None and _says_nothing(code),
    )


def _said(value: etree._Element | None, observation: etree._Element, source: Source) -> str:
    """What a value says: its label, else what the narrative says for it or for its entry."""
    if value is not None and not attribute(value, "nullFlavor"):
        return value_text(value, source)
    return original_text(value, source) or referred_text(child(observation, "text"), source)


def _says_nothing(code: etree._Element) -> bool:
    """Whether a code says that there is none, or that none is known. Source: HL7 IPS, Absent and Unknown Data."""
    return attribute(code, "codeSystem") == oids.ABSENT_OR_UNKNOWN or (
        attribute(code, "codeSystem") == oids.SNOMED_CT and attribute(code, "code") in _NOTHING_KNOWN
    )


def _short(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"
