"""Results without a document become a laboratory report (CR-BIO, level 3): one for each order, in versions.

The report says that this server wrote it. Responsible is the biologist whom the message names and the directory knows,
in the structure of the certificate. Its numbers follow from the order of the laboratory: the same order is the same
setId, and version n of it has the uniqueId setId.n.

| the message | the report that stands | what is done |
|---|---|---|
| results | none, or withdrawn | the next version is provided |
| results | partial | replaced |
| results | complete | refused (205): to change it is a correction |
| corrected results (C) | any | replaced; without one, refused (901) |
| nothing that holds (D, X of the order) | any | deleted |

Source: HL7 v2.5 7.3.1 (ORU, snapshot mode); CI-SIS, volet CR d'examens de biologie médicale 2024.01; Structuration
minimale (author, legalAuthenticator, setId, versionNumber).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime

from cda.builders.document import Address, Author, Context, Device, Identification, Patient
from cda.builders.document import Structure as CdaStructure
from cda.builders.results import HEADINGS, TITLE, notes_of, results_report, row
from cda.document import read_document
from cda.header import read_header
from dmp.ports import Staged
from dmp.transmission import PARTIAL, Versions
from hl7v2.adt import is_qualified
from hl7v2.door import Paper, PaperTable, Reporting
from hl7v2.er7 import Message, Segment
from hl7v2.errors import INCOMPLETE_INS, NO_INS, Condition, Hl7Error, Location
from hl7v2.exchange import Exchange
from hl7v2.pid import read_traits
from hl7v2.result_values import read_instant, readable
from hl7v2.results import Results, read_results
from hl7v2.sender import NOT_LINKED, sender
from hl7v2.submission import Received, check_patient, lot_of, submission_set
from hl7v2.transmission import (
    CONNEXION_SECRETE,
    MODIF_CONF_CODE,
    Intention,
    Transmission,
    is_flag,
    not_for_the_dmp,
    read_flags,
    read_patients,
    read_sent_by,
)
from identities.id_nat import IdNatError, check_ps_id_nat, internal_id_nat
from identities.ins import AUTHORITIES, write_cx
from identities.requester import PatientId
from registry.metadata import Code
from schemas import oids
from schemas.value_sets import ValueSets

UPDATE = "ITI-57"
MOST_VERSIONS = 50  # of one report
SOFTWARE, MODEL = "open-dmp", "Passerelle HL7 v2 (ORU^R01)"
MADE = "Compte rendu mis en forme par la passerelle HL7 v2 à partir des résultats transmis par le laboratoire."
_HOSPITALS = frozenset({"SA01", "SA02", "SA03", "SA04"})  # TRE_R02: établissements de santé
_PERSONAL = (3, 5, 7, 8, 11)  # fields of PID that a report says


def serve_results(exchange: Exchange, reporting: Reporting) -> None:
    """Writes, replaces or withdraws the report of an order. Raises Hl7Error."""
    door, message = exchange.door, exchange.whole
    numbers = _oid(exchange.sender)
    results = read_results(message, numbers)
    asked = _asked(message, results)
    exchange.heed(asked.flags)
    pid = message.all("PID")[0]
    patient = _patient(pid, asked)
    responsible = _responsible(exchange, message)
    person = asked.sent_by.person_id if asked.sent_by else ""
    requester = exchange.requester = sender(
        exchange.known,
        exchange.header,
        asked.sent_by,
        door.professional(person) if person else None,
        secret=CONNEXION_SECRETE in asked.flags,
    )
    series = _oid(f"{exchange.sender}|{results.filler}")
    names = tuple(f"{series}.{number}" for number in range(1, MOST_VERSIONS + 1))
    if results.intention is Intention.DELETION:
        exchange.call = replace(exchange.call, transaction=UPDATE)
    exchange.reached_hall = True  # which records what fails there
    known = reporting.versions(requester, exchange.call, patient.identifier, names)
    if results.intention is Intention.DELETION:
        own = submission_set(asked, requester, write_cx(patient.identifier, "NH"), door.now())
        gone = names[max(known.last, 1) - 1]
        door.delete(exchange.kept, requester, exchange.call, own, patient.identifier, [gone])
        return
    exchange.reached_hall = False
    correction = results.intention is Intention.REPLACEMENT
    _check_follows(known, message.all("OBR")[0], correction=correction)
    number = known.last + 1
    former = names[known.last - 1] if known.last and (known.stands or correction) else ""
    created = read_instant(message.msh.text(7), message.msh.at(7))
    context = Context(
        patient=patient,
        author=responsible,
        structure=_structure(exchange, reporting),
        identification=Identification(names[number - 1], series, created, number, former),
        start=read_instant(results.start, Location("OBR", 1, 7)),
        stop=read_instant(results.stop, Location("OBR", 1, 22)) if results.stop else None,
        inpatient=asked.patient_class == "I",
        device=Device(internal_id_nat(exchange.known.structure_id, SOFTWARE), MODEL, SOFTWARE),
        act_id=results.order,
        orders=results.placers,
    )
    about = tuple(_about(context, results.report.comments))
    paper = Paper(TITLE, about, _tables(results), created.date())
    document = results_report(context, results.report, reporting.copy(paper))
    with ExitStack() as stack:
        staged = door.stage()
        stack.callback(staged.discard)
        received = _received(document, staged)
        check_patient(received, asked)
        lot = lot_of(asked, [received], requester, door.now())
        (entry,) = lot.submission.entries
        if results.report.partial:
            entries = (replace(entry, comments=PARTIAL),)
            lot = replace(lot, submission=replace(lot.submission, entries=entries))
        exchange.reached_hall = True
        if correction or former:
            replaced, marks = {entry.entry_uuid: former}, MODIF_CONF_CODE in asked.flags
            door.replace(exchange.kept, requester, exchange.call, lot, patient.identifier, replaced, marks_change=marks)
        else:
            door.provide(exchange.kept, requester, exchange.call, lot)


def _check_follows(known: Versions, obr: Segment, *, correction: bool) -> None:
    """Raises Hl7Error for results of an order whose report is complete: nothing of it is changed in passing."""
    if known.stands and not known.partial and not correction:
        expected = "a correction (OBX-11 C, OBR-25 C) of an order whose report is complete"
        raise Hl7Error.single(Condition.DUPLICATE_KEY, expected, "results", obr.at(3))
    if known.last == MOST_VERSIONS:
        raise Hl7Error.single(Condition.CARDINALITY, f"at most {MOST_VERSIONS} versions of a report", "more", obr.at(3))


def _asked(message: Message, results: Results) -> Transmission:
    """What the volet lets a sender wish. A message that wishes nothing is for the DMP, for everybody to see there."""
    pids = message.all("PID")
    if len(pids) != 1:
        raise Hl7Error.single(Condition.CARDINALITY, "one PID", str(len(pids)), Location("PID"))
    flags = frozenset[str]()
    if any(is_flag(each) for each in message.all("OBX")):
        flags = read_flags(message)
        not_for_the_dmp(flags)
    visit = message.first("PV1")
    return Transmission(
        intention=results.intention,
        documents=(),
        flags=flags,
        sent_by=read_sent_by(message),
        patients=read_patients(pids[0]),
        patient_class=visit.text(2) if visit else "",
    )


def _patient(pid: Segment, asked: Transmission) -> Patient:
    """The patient with a qualified INS and all of its traits. Source: Référentiel INS v2; the volet, 903 and 905."""
    for number in _PERSONAL:
        for text in pid.repetitions(number):
            readable(pid.syntax.unescaped(text), pid.at(number))
    ins = next((each for each in asked.patients if each.authority in AUTHORITIES), None)
    if ins is None or not is_qualified(pid):
        raise Hl7Error.single(Condition.APPLICATION, "an INS in PID-3, VALI in PID-32", "another", pid.at(3), NO_INS)
    traits = read_traits(pid)
    said = (traits.birth_family, traits.birth_given, traits.birth_date, traits.sex, traits.birth_place)
    if not all(said):
        expected = "name, given name, day and place of birth, sex (PID-5, PID-7, PID-8, PID-11 BDL)"
        raise Hl7Error.single(Condition.APPLICATION, expected, "some", pid.at(5), INCOMPLETE_INS)
    birth = next((each for each in pid.repetitions(5) if pid.part(each, 7) in ("L", "")), "")
    own = next((each for each in asked.patients if each.authority not in AUTHORITIES), PatientId("", ""))
    return Patient(ins, traits, _address(pid), own.value, own.authority, pid.part(birth, 3))


def _address(pid: Segment) -> Address | None:
    for said in pid.repetitions(11):
        street, city, postal_code = pid.part(said, 1), pid.part(said, 3), pid.part(said, 5)
        if pid.part(said, 7) in ("", "H", "L") and (street or city):
            return Address("", street, postal_code, city)
    return None


def _responsible(exchange: Exchange, message: Message) -> Author:
    """The biologist: OBR-32, else OBX-16, else who sends. Raises Hl7Error for one who is not of the structure."""
    named = next(filter(None, _named(message)), "")
    if not named:
        raise Hl7Error.single(
            Condition.REQUIRED_FIELD,
            "the PS_IdNat of the biologist in OBR-32 or OBX-16",
            "none",
            Location("OBX", 1, 16),
        )
    known = exchange.door.professional(named)
    if known is None or not known.active or exchange.known.structure_id not in known.structures:
        expected = "a biologist of the structure of the TLS certificate"
        raise Hl7Error.single(Condition.APPLICATION, expected, "another", Location("OBX", 1, 16), NOT_LINKED)
    code = f"G15_{known.profession}" + (f"/{known.specialty}" if known.specialty else "")
    label = ValueSets.load().label("author_specialty", code, oids.AUTHOR_SPECIALTY) or code
    return Author(known.id_nat, known.family, known.given, Code(code, oids.AUTHOR_SPECIALTY, label), "", "")


def _named(message: Message) -> Iterator[str]:
    """The PS_IdNat values of whoever may be responsible, the first of them first."""
    for obr in message.all("OBR"):
        yield _id_nat(obr.text(32, 1, 1))
    for obx in message.all("OBX"):
        for said in obx.repetitions(16):
            yield _id_nat(obx.part(said))
    sent_by = read_sent_by(message)
    yield _id_nat(sent_by.person_id) if sent_by else ""


def _id_nat(text: str) -> str:
    """A PS_IdNat, '' for another number."""
    try:
        check_ps_id_nat(text)
    except IdNatError:
        return ""
    return text


def _structure(exchange: Exchange, reporting: Reporting) -> CdaStructure:
    """The structure of the certificate, as the directory knows it."""
    found = reporting.structure(exchange.known.structure_id)
    if found is None or not found.active:
        expected = "a TLS certificate of a structure that the directory knows"
        raise Hl7Error.single(Condition.APPLICATION, expected, "another", None, NOT_LINKED)
    tables = ValueSets.load()
    setting = "ETABLISSEMENT" if found.sector in _HOSPITALS else "AMBULATOIRE"
    return CdaStructure(
        structure_id=found.structure_id,
        name=found.name,
        facility=_labelled(tables, "healthcare_facility_type", found.sector, oids.SECTEUR_ACTIVITE),
        setting=_labelled(tables, "practice_setting", setting, oids.PRACTICE_SETTING),
        address=None,
    )


def _labelled(tables: ValueSets, table: str, code: str, scheme: str) -> Code:
    return Code(code, scheme, tables.label(table, code, scheme) or code)


def _received(document: bytes, staged: Staged) -> Received:
    staged.write(document)
    staged.finish()
    return Received(staged, read_header(read_document(staged.chunks())), Location("PID"))


def _about(context: Context, comments: Sequence[str]) -> Iterator[str]:
    """What stands above the tables on paper."""
    traits, author = context.patient.traits, context.author
    yield context.structure.name
    yield f"Patient : {traits.birth_family} {traits.birth_given}, né(e) le {traits.born:%d/%m/%Y}"
    yield f"INS : {context.patient.identifier.value}"
    yield f"Biologiste responsable : {author.given} {author.family}"
    yield f"Édité le {_shown(context.identification.created)}, version {context.identification.version}"
    yield MADE
    yield from comments


def _tables(results: Results) -> tuple[PaperTable, ...]:
    """The results on paper."""
    return tuple(
        PaperTable(
            f"{battery.discipline.display} - {battery.name.label}",
            HEADINGS,
            tuple(row(each) for each in battery.results),
            tuple(notes_of(battery)),
        )
        for battery in results.report.batteries
    )


def _shown(instant: datetime) -> str:
    return f"{instant:%d/%m/%Y %H:%M}"


def _oid(name: str) -> str:
    """The OID that a name always has. Source: ITU-T X.667, RFC 4122 4.3."""
    return f"{oids.UUID_ARC}.{uuid.uuid5(uuid.NAMESPACE_OID, name).int}"
