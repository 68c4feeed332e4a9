"""ORU^R01 without a document: the results that its OBX segments say, as batteries of a laboratory report.

| field | what becomes of it |
|---|---|
| OBR-4, OBR-24 | the name of a battery, its chapter |
| OBX-2, OBX-5 | values: NM SN ST TX FT CE CWE DT TM TS DTM, each repetition one value |
| OBX-3, OBX-4 | what was examined; LOINC is the code, what is local a translation |
| OBX-6, OBX-7, OBX-8 | unit, what is normal, flags of table 0078 |
| OBX-11 | F and C final, P and S provisional, X impossible, I and O still to come, D gone |
| OBX-14, OBX-15, OBX-17, OBX-19, OBX-23 | time, other laboratory, method, time of the examination |
| SPM, OBR-15 | specimens |
| NTE | comments: of the patient on the report, of OBR on the battery, of OBX on the result |

What cannot be said so is refused with its place: results nobody validated (R), results that hang on others of the same
message (OBR-26, OBR-29), other types, flags and statuses.

Source: HL7 v2.5 7.3.1 (ORU), 7.4 (OBR, OBX), HL7 tables 0074, 0078, 0085, 0123; CI-SIS, volet CR d'examens de biologie
médicale 2024.01.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TypeVar

from cda.builders.result_values import Unit, Value, shown
from cda.builders.results import (
    ABORTED,
    ACTIVE,
    COMPLETED,
    Battery,
    Laboratory,
    Range,
    Report,
    Result,
    Specimen,
    status_of,
)
from hl7v2.er7 import NULL, Message, Segment
from hl7v2.errors import ANOTHER, Condition, Fault, Hl7Error, Location
from hl7v2.result_values import (
    TYPES,
    is_oid,
    read_concept,
    read_interval,
    read_text,
    read_time,
    read_unit,
    read_value,
    readable,
)
from hl7v2.transmission import Intention, is_flag
from registry.metadata import Code
from schemas import oids
from schemas.value_sets import ValueSets

T = TypeVar("T")
MOST_BYTES = 1024 * 1024  # of a message without a document
MOST_RESULTS = 2000  # of one report
_STATUSES = {"F": COMPLETED, "C": COMPLETED, "P": COMPLETED, "S": COMPLETED, "X": ABORTED, "I": ACTIVE, "O": ACTIVE}
_PROVISIONAL, _CORRECTED, _GONE = ("P", "S"), "C", "D"
# OBR-25, HL7 table 0123: what may still come, what is void.
_TO_COME, _VOID, _WHOLE = ("P", "A", "S", "I", "O"), "X", ("", "F", "C")
_CANCELS = ("CA", "OC", "CR")  # ORC-1, HL7 table 0119
_GENERAL = Code("26436-6", oids.LOINC, "Examens de biologie médicale")
# OBR-24 -> chapter. Source: HL7 table 0074; IHE PaLM TF-3, Laboratory Specialties.
_CHAPTERS = {
    "CH": Code("18719-5", oids.LOINC, "Biochimie"),
    "HM": Code("18723-7", oids.LOINC, "Hématologie"),
    **dict.fromkeys(("MB", "MCB", "MYC", "VR", "PAR"), Code("18725-2", oids.LOINC, "Microbiologie")),
    "SR": Code("18727-8", oids.LOINC, "Sérologie"),
    "TX": Code("18728-6", oids.LOINC, "Toxicologie"),
    "BG": Code("18767-4", oids.LOINC, "Gaz du sang"),
    "BLB": Code("18717-9", oids.LOINC, "Immuno-hématologie"),
    "GE": Code("26435-8", oids.LOINC, "Biologie moléculaire"),
}
# Sections of table 0074 that write no CR-BIO.
_NO_LABORATORY = frozenset(
    (
        *("AU", "CP", "CT", "CTH", "CUS", "EC", "EN", "NMR", "NMS", "NRS", "OT", "OUS", "PHR", "PHY", "PT", "RAD"),
        *("RC", "RT", "RUS", "RX", "SP", "VUS", "XRC"),
    )
)


@dataclass(frozen=True, slots=True)
class Results:
    """What a message says, and what becomes of the report of its order: `filler` is OBR-3, or ORC-4 of several orders.

    `order` is its number there, as `root^extension`; `placers` are those of whoever asked, and may be none. `start` is
    when specimens came or were taken, `stop` when the report was made, as TS of HL7 V3 ('' for none).
    """

    report: Report
    intention: Intention
    filler: str
    order: str
    placers: tuple[str, ...]
    start: str
    stop: str


@dataclass(slots=True)
class _Order:
    """OBR, with what stands around it."""

    obr: Segment
    orc: Segment | None
    notes: list[Segment] = field(default_factory=list)
    observations: list[tuple[Segment, list[Segment]]] = field(default_factory=list)
    specimens: list[Segment] = field(default_factory=list)

    @property
    def void(self) -> bool:
        """Whether nothing of it holds any more."""
        return self.obr.text(25) == _VOID or (self.orc is not None and self.orc.text(1) in _CANCELS)


def has_results(message: Message) -> bool:
    """Whether a message says results, and has no document that says them."""
    observations = [each for each in message.all("OBX") if not is_flag(each)]
    return bool(observations) and all(each.text(2) != "ED" for each in observations)


def read_results(message: Message, numbers: str) -> Results:
    """What an ORU^R01 says. Numbers that come without an authority are under the OID `numbers`.

    Raises Hl7Error with every fault.
    """
    orders = _orders(message)
    observations = [each for each in message.all("OBX") if not is_flag(each)]
    if message.size > MOST_BYTES:
        raise Hl7Error.single(Condition.CARDINALITY, f"at most {MOST_BYTES} bytes of results", "more")
    if len(observations) > MOST_RESULTS:
        raise Hl7Error.single(Condition.CARDINALITY, f"at most {MOST_RESULTS} results", "more", observations[-1].at())
    reader = _Reader(numbers)
    comments = [found for each in _before_orders(message) if (found := reader.attempt(_comment, each)) is not None]
    read = [reader.attempt(reader.battery, order) for order in orders]
    filler = reader.attempt(_filler, orders)
    start = [reader.attempt(_time, order.obr, each) for each in (14, 7) for order in orders]
    stop = [reader.attempt(_time, order.obr, 22) for order in orders]
    batteries = [battery for battery in read if battery is not None and battery.results]
    void = all(order.void for order in orders) or set(reader.statuses) == {_GONE}
    if not (void or batteries or reader.faults):
        expected = "a result of OBX-11 F, C, P, S or X"
        reader.faults.append(Fault(Condition.REQUIRED_FIELD, f"expected {expected}, got none", observations[0].at(5)))
    if reader.faults:
        raise Hl7Error(reader.faults)
    intention = Intention.REPLACEMENT if reader.corrected else Intention.INITIAL
    partial = reader.to_come or any(status_of(each.results) == ACTIVE for each in batteries)
    chapters = [each.discipline for each in batteries]
    return Results(
        report=Report(
            tuple(sorted(batteries, key=lambda each: chapters.index(each.discipline))), tuple(comments), partial
        ),
        intention=Intention.DELETION if void else intention,
        filler=filler or "",
        order=_entity(orders[0].obr, filler or "", numbers, orders[0].obr.at(3)),
        placers=tuple(
            dict.fromkeys(
                _entity(each.obr, each.obr.repetitions(2)[0], numbers, each.obr.at(2))
                for each in orders
                if each.obr.text(2)
            )
        ),
        start=next(filter(None, start), ""),
        stop=max(filter(None, stop), default=""),
    )


class _Reader:
    """Reads the parts of a message, and collects what is wrong with them and which statuses they have."""

    def __init__(self, numbers: str) -> None:
        self.faults, self.statuses, self._numbers = list[Fault](), list[str](), numbers
        self.corrected = self.to_come = False

    def attempt(self, read: Callable[..., T], *given: object) -> T | None:
        """What `read` makes of it; None when it is wrong."""
        try:
            return read(*given)
        except Hl7Error as error:
            self.faults += error.faults
            return None

    def battery(self, order: _Order) -> Battery:
        """An order with its results."""
        obr = order.obr
        self._status(order)
        section = obr.text(24).upper()
        if section in _NO_LABORATORY:
            raise Hl7Error.single(Condition.TABLE_VALUE, "the section of a laboratory", "another", obr.at(24))
        for number in (26, 29):
            if obr.present(number):
                expected = "results that stand by themselves"
                raise Hl7Error.single(Condition.APPLICATION, expected, "some of another one", obr.at(number), ANOTHER)
        results = [self.attempt(self.result, order, *each) for each in order.observations]
        return Battery(
            name=read_concept(obr, next(iter(obr.repetitions(4)), ""), obr.at(4)),
            discipline=_CHAPTERS.get(section, _GENERAL),
            results=tuple(each for each in results if each is not None),
            specimens=tuple(_specimens(order, self._numbers)),
            comments=tuple(map(_comment, order.notes)),
        )

    def _status(self, order: _Order) -> None:
        status = order.obr.text(25)
        if status not in (*_WHOLE, *_TO_COME, _VOID):
            expected = "a status of validated results (F, C, P, A, S, I, O, X)"
            raise Hl7Error.single(Condition.TABLE_VALUE, expected, "another", order.obr.at(25))
        if not order.observations and status in _WHOLE and not order.void:
            raise Hl7Error.single(Condition.SEGMENT_SEQUENCE, "OBX", "none", order.obr.at())
        self.corrected |= status == _CORRECTED
        self.to_come |= status in _TO_COME

    def result(self, order: _Order, obx: Segment, notes: Sequence[Segment]) -> Result | None:
        """One OBX; None for what is gone."""
        said = obx.text(11)
        self.statuses.append(said)
        self.corrected |= said == _CORRECTED
        if said == _GONE:
            return None
        status = _STATUSES.get(said)
        if status is None:
            expected = f"one of {', '.join((*_STATUSES, _GONE))}"
            raise Hl7Error.single(Condition.TABLE_VALUE, expected, "another", obx.at(11))
        unit, kind = read_unit(obx), obx.text(2)
        values = _values(obx, kind, unit)
        if status == COMPLETED and not values:
            raise Hl7Error.single(Condition.REQUIRED_FIELD, "a value", "none", obx.at(5))
        beside = () if status == COMPLETED else tuple(map(shown, values))
        time = obx.at(14) if obx.text(14) else order.obr.at(7)
        return Result(
            name=read_concept(obx, next(iter(obx.repetitions(3)), ""), obx.at(3)),
            values=values if status == COMPLETED else (),
            status=status,
            time=read_time(obx.text(14) or order.obr.text(7), time),
            flags=tuple(_flags(obx)),
            range=_range(obx, unit if kind in ("NM", "SN") else None, numeric=kind in ("NM", "SN")),
            methods=tuple(read_concept(obx, each, obx.at(17)) for each in obx.repetitions(17) if each != NULL),
            laboratory=_laboratory(obx),
            made=_time(obx, 19),
            comments=(*beside, *map(_comment, notes)),
            provisional=said in _PROVISIONAL,
            sub_id=readable(obx.text(4), obx.at(4)),
        )


def _orders(message: Message) -> list[_Order]:
    orders, orc = list[_Order](), None
    for segment in message.segments:
        match segment.name:
            case "ORC":
                orc = segment
            case "OBR":
                orders.append(_Order(segment, orc))
                orc = None
            case "NTE" if orders:
                observations = orders[-1].observations
                (observations[-1][1] if observations else orders[-1].notes).append(segment)
            case "OBX" if orders and not is_flag(segment):
                orders[-1].observations.append((segment, []))
            case "SPM" if orders:
                orders[-1].specimens.append(segment)
    return orders


def _before_orders(message: Message) -> Iterator[Segment]:
    """What is said of the patient, before any order."""
    before = takewhile(lambda each: each.name not in ("ORC", "OBR"), message.segments)
    return (segment for segment in before if segment.name == "NTE")


def _filler(orders: Sequence[_Order]) -> str:
    """The number of the order at the laboratory, as it came; that of the group where there are several."""
    fillers = {next(iter(order.obr.repetitions(3)), "") or _of_orc(order, 3) for order in orders}
    if len(fillers) > 1:
        fillers = {_of_orc(order, 4) for order in orders}
    if len(fillers) != 1 or "" in fillers:
        expected = "one filler order number (OBR-3), or one group (ORC-4)"
        got = "none" if "" in fillers else "several"
        raise Hl7Error.single(Condition.REQUIRED_FIELD, expected, got, orders[0].obr.at(3))
    return fillers.pop()


def _of_orc(order: _Order, number: int) -> str:
    return next(iter(order.orc.repetitions(number)), "") if order.orc else ""


def _values(obx: Segment, kind: str, unit: Unit | None) -> tuple[Value, ...]:
    if not obx.present(5):
        return ()
    if kind not in TYPES:
        expected = f"one of {', '.join(TYPES)}"
        raise Hl7Error.single(Condition.TABLE_VALUE, expected, "another type", obx.at(2))
    said = enumerate(obx.repetitions(5), 1)
    return tuple(read_value(obx, kind, each, number, unit) for number, each in said if each and each != NULL)


def _flags(obx: Segment) -> Iterator[str]:
    known = ValueSets.load()
    for number, said in enumerate(obx.repetitions(8), 1):
        flag = obx.part(said)
        if flag and not known.contains("observation_interpretation", flag, oids.HL7_INTERPRETATION):
            where = obx.at(8, 1, repetition=number)
            raise Hl7Error.single(Condition.TABLE_VALUE, "a flag of ObservationInterpretation", "another", where)
        if flag:
            yield flag


def _range(obx: Segment, unit: Unit | None, *, numeric: bool) -> Range | None:
    said = [read_text(obx, each, obx.at(7)) for each in obx.repetitions(7) if each != NULL]
    text = "\n".join(filter(None, said))
    return Range(text, read_interval(text, unit) if numeric else None) if text else None


def _laboratory(obx: Segment) -> Laboratory | None:
    """OBX-23, else OBX-15: who made the examination."""
    name = readable(obx.text(23), obx.at(23))
    if name:
        number = obx.text(23, 10) or obx.text(23, 3)
        authority = obx.text(23, 6, 2) if obx.text(23, 6, 3) == "ISO" else ""
        return Laboratory(name, f"{authority}^{readable(number, obx.at(23))}" if number and is_oid(authority) else "")
    if not obx.present(15) or obx.raw(15) == NULL.encode():
        return None
    return Laboratory(read_concept(obx, obx.repetitions(15)[0], obx.at(15)).label)


def _specimens(order: _Order, numbers: str) -> Iterator[Specimen]:
    for spm in order.specimens:
        kind = read_concept(spm, next(iter(spm.repetitions(4)), ""), spm.at(4))
        number = spm.text(2, 2) or spm.text(2, 1)
        identifier = f"{numbers}^{readable(number, spm.at(2))}" if number else ""
        yield Specimen(kind, identifier, read_time(spm.text(17), spm.at(17)))
    obr = order.obr
    if not order.specimens and obr.text(15):
        said = obr.repetitions(15)[0].split(obr.syntax.component)[0]
        as_coded = said.replace(obr.syntax.subcomponent, obr.syntax.component)
        yield Specimen(read_concept(obr, as_coded, obr.at(15)), "", _time(obr, 7))


def _comment(nte: Segment) -> str:
    return "\n".join(read_text(nte, each, nte.at(3), formatted=True) for each in nte.repetitions(3) if each != NULL)


def _time(segment: Segment, number: int) -> str:
    return read_time(segment.text(number), segment.at(number))


def _entity(segment: Segment, said: str, numbers: str, where: Location) -> str:
    """An EI as `root^extension`."""
    authority = segment.part(said, 3)
    return f"{authority if is_oid(authority) else numbers}^{readable(segment.part(said), where)}"
