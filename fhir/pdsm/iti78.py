"""ITI-78 Mobile Patient Demographics Query: Patients by the parameters of PDQm.

A search becomes the narrowest query that comes upon all that is asked for; names are compared as the store does,
without case, accents and punctuation.

Source: PDQm 3.2, 2:3.78.4.1.2 (search parameters, domains to be returned); HL7 FHIR R4, patient.html (search).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from identities.demographics import FAMILY, GIVEN, PREFIX, STREET, telecom_term, term
from identities.ins import InsError, read_cx
from identities.patient_query import Between, PatientQuery, Pattern, Patterns
from identities.requester import PatientId
from pdsm.asked import Asked, Kind, dates, tokens
from pdsm.coding import OID_URI
from pdsm.demographics import ELEMENTS, GENDERS, LINES
from pdsm.errors import ParameterError
from pdsm.matching import Parameter, Type
from pdsm.search import Test, Token, plain, read_period, read_token, values_of

IDENTIFIER = "identifier"
_ADDRESS = ("line", "city", "district", "state", "postalCode", "country")


def _beginning(value: str) -> Test:
    """Whether a text begins so, whatever its case, accents and punctuation."""
    start = term(plain(value))
    return lambda element: isinstance(element, str) and term(element).startswith(start)


def _telecom(value: str) -> Test:
    """Whether a ContactPoint is that one, however it is written."""
    asked = read_token(value)
    wanted = telecom_term(asked.code or "")

    def holds(element: Any) -> bool:
        system_fits = asked.system is None or element.get("system") == asked.system
        return system_fits and (asked.code is None or telecom_term(element.get("value", "")) == wanted)

    return holds


def _texts(*paths: str) -> Parameter:
    return Parameter(Type.STRING, paths, _beginning)


PATIENT = Kind(
    name="Patient",
    parameters={
        "_id": tokens("id"),
        "active": tokens("active"),
        "address": _texts(*(f"address.{each}" for each in _ADDRESS)),
        "address-city": _texts("address.city"),
        "address-country": _texts("address.country"),
        "address-postalcode": _texts("address.postalCode"),
        "address-state": _texts("address.state"),
        "birthdate": dates("birthDate"),
        "family": _texts("name.family"),
        "gender": tokens("gender"),
        "given": _texts("name.given"),
        IDENTIFIER: tokens("identifier"),
        "mothersMaidenName": _texts("extension.valueString"),
        "name": _texts("name.family", "name.given", "name.prefix", "name.suffix", "name.text"),
        "telecom": Parameter(Type.TOKEN, ("telecom",), _telecom),
    },
    sorting={"_id": "id", "birthdate": "birthDate", "family": "name.family", "given": "name.given", "gender": "gender"},
    usual_sorting=(("name.family", False), ("name.given", False)),
    includes=frozenset(),
    summary=frozenset(["identifier", "active", "name", "telecom", "gender", "birthDate", "address"]),
    of_patients=False,
)


def identifiers_of(asked: Asked) -> Iterator[list[Token]]:
    """The tokens of each `identifier`."""
    for value in asked.given.get(IDENTIFIER, ()):
        yield [read_token(each) for each in values_of(value)]


def authorities_of(asked: Asked) -> tuple[str, ...]:
    """Those whose identifiers are wanted: of an `identifier` that names authorities and no value."""
    listed = [tokens_ for tokens_ in identifiers_of(asked) if all(each.system and not each.code for each in tokens_)]
    return tuple(dict.fromkeys((each.system or "").removeprefix(OID_URI) for tokens_ in listed for each in tokens_))


def named_by(asked: Asked) -> PatientId | None:
    """The one patient whom an identifier with its authority names; None where none does. Raises ParameterError."""
    for tokens_ in identifiers_of(asked):
        if len(tokens_) == 1 and tokens_[0].code and (tokens_[0].system or "").startswith(OID_URI):
            return read_patient_id(IDENTIFIER, tokens_[0])
    return None


def read_patient_id(parameter: str, token: Token) -> PatientId:
    """The identifier that a token of an OID stands for. Raises ParameterError."""
    authority = (token.system or "").removeprefix(OID_URI)
    try:
        return read_cx(f"{token.code}^^^&{authority}&ISO")
    except InsError:
        raise ParameterError(parameter, "urn:oid:...|value", "something else") from None


def query_of(asked: Asked) -> PatientQuery:
    """The query that comes upon all that is asked for. Raises ParameterError."""
    parts = []
    for name, value in asked.used:
        base, _, modifier = name.partition(":")
        if "\0" in value:
            raise ParameterError(name, "a text", "one with a character that no text has")
        narrow = _NARROWING.get(base)
        if narrow is not None and modifier in ("", "exact"):
            parts.append(narrow(values_of(value)))
    return PatientQuery(all_of=tuple(each for each in parts if not each.empty))


# --- Queries of single parameters: an empty one where the store cannot tell -------------------------------------------

Narrow = Callable[[Sequence[str]], PatientQuery]


def beginnings(values: Sequence[str], kinds: Sequence[str]) -> tuple[Patterns, ...]:
    """What begins with the first word of one of `values`, in parts of these kinds; none where one has no word."""
    words = [term(plain(each)).partition(" ")[0] for each in values]
    if not all(words):
        return ()
    return tuple((Pattern(kind, word, prefix=True),) for word in words for kind in kinds)


def _names(*kinds: str) -> Narrow:
    return lambda values: PatientQuery(names=beginnings(values, kinds))


def _addresses(*kinds: str) -> Narrow:
    return lambda values: PatientQuery(addresses=beginnings(values, kinds))


def _mothers(values: Sequence[str]) -> PatientQuery:
    return PatientQuery(mothers=beginnings(values, (FAMILY, GIVEN, "")))


def _telecoms(values: Sequence[str]) -> PatientQuery:
    terms = tuple(telecom_term(read_token(each).code or "") for each in values)
    return PatientQuery(telecoms=terms) if all(terms) else PatientQuery()


def _births(values: Sequence[str]) -> PatientQuery:
    periods = [read_period("birthdate", each) for each in values]
    if any(each.outside for each in periods):
        return PatientQuery()
    days = [[f"{each.year:04}{each:%m%d}" if each else "" for each in (one.since, one.until)] for one in periods]
    return PatientQuery(births=tuple(Between(low, high) for low, high in days))


def _sexes(values: Sequence[str]) -> PatientQuery:
    codes = {read_token(each).code for each in values}
    return PatientQuery(sexes=tuple(sex for sex, code in GENDERS.items() if code in codes) or ("-",))


def _identifiers(values: Sequence[str]) -> PatientQuery:
    asked = [read_token(each) for each in values]
    if not all(each.code for each in asked):
        return PatientQuery()
    return PatientQuery(
        one_of=tuple(PatientId(each.code or "", (each.system or "").removeprefix(OID_URI)) for each in asked)
    )


_NARROWING: dict[str, Narrow] = {
    "address": _addresses(STREET, *ELEMENTS, *LINES),
    "address-city": _addresses("city"),
    "address-country": _addresses("country"),
    "address-postalcode": _addresses("postalCode"),
    "address-state": _addresses("state"),
    "birthdate": _births,
    "family": _names(FAMILY),
    "gender": _sexes,
    "given": _names(GIVEN),
    IDENTIFIER: _identifiers,
    "mothersMaidenName": _mothers,
    "name": _names(FAMILY, GIVEN, PREFIX, "suffix", ""),
    "telecom": _telecoms,
}
