"""The DMP's document-literal services, asked with XML that is written here, by nobody's client."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from attacks import SIMPLE, post
from lxml import etree

import schemas
from conformance.lps.client import Lps
from conformance.lps.people import Patient
from conformance.lps.soap import LpsError, envelope
from conformance.lps.vihf import Access
from dmp.gestion import Consents, open_dossier, record_consents
from habilitations.wishes import PERSON, Kind, Wishes
from identities.dossier import Dossier, Traits
from identities.requester import PatientId
from schemas import oids
from schemas.xml import local_name, parse
from server.demo.people import invented_nir
from server.house import now
from tests.village import Village

PATH = "/ihe/habilitations"
HABILITATIONS, PATIENTS = "urn:si-dmp-habilitations", "urn:si-dmp-patients"
ACTIONS = {HABILITATIONS: "HabilitationsEndPoint", PATIENTS: "PatientSpecificEndPoint"}
SOAP, WSA = "http://www.w3.org/2003/05/soap-envelope", "http://www.w3.org/2005/08/addressing"
NS = {"s": SOAP, "a": WSA}
XSD = {
    namespace: etree.XMLSchema(file=str(Path(schemas.__file__).parent / "dmp" / name))
    for namespace, name in ((HABILITATIONS, "habilitations.xsd"), (PATIENTS, "patients.xsd"))
}
YEAR, DAY = timedelta(days=365), timedelta(days=1)

_orders = itertools.count(1)
_clients: dict[tuple[Path, str, str | None], Lps] = {}


@dataclass(frozen=True)
class Told:
    """What an answer says: `data` are the elements beside status and context."""

    status: str
    context: str
    data: tuple[etree._Element, ...]

    def texts(self, name: str) -> list[list[str]]:
        """Of each element of the data, the texts of that child."""
        return [[str(child.text) for child in each if local_name(child.tag) == name] for each in self.data]


def message(namespace: str, operation: str, content: str, assertion: bytes) -> bytes:
    """A request, whole."""
    action = f"{namespace}:{ACTIONS[namespace]}:{operation}"
    _, start, end = envelope(action, f"https://x{PATH}", assertion)
    return start + f'<{operation} xmlns="{namespace}">{content}</{operation}>'.encode() + end


def lps_of(village: Village, who: str, mode: str | None = None) -> Lps:
    """Their practice software, the same each time."""
    key = (village.folder, who, mode)
    if key not in _clients:
        _clients[key] = village.lps(who, mode=mode)
    return _clients[key]


def ask(
    lps: Lps,
    patient: Patient | None,
    namespace: str,
    operation: str,
    texts: Mapping[str, str] | None = None,
    *,
    access: Access | None = None,
) -> Told:
    """The answer to a request with these texts, held to the schema. Raises LpsError for a fault."""
    content = "".join(f"<{name}>{text}</{name}>" for name, text in (texts or {}).items())
    request = message(namespace, operation, content, lps.assertion(patient, access or Access()))
    answer = post(lps, PATH, SIMPLE, request)
    root = parse(answer.body)
    (body,) = root.findall("s:Body/*", NS)
    if body.tag == f"{{{SOAP}}}Fault":
        code = body.findtext("s:Code/s:Value", "", NS).rpartition(":")[2]
        raise LpsError(code, body.findtext("s:Reason/s:Text", "", NS), f"HTTP {answer.status}")
    sent = parse(request)
    assert answer.status == 200
    assert root.findtext("s:Header/a:RelatesTo", "", NS) == sent.findtext("s:Header/a:MessageID", "", NS)
    assert root.findtext("s:Header/a:Action", "", NS) == f"{namespace}:{ACTIONS[namespace]}:{operation}Response"
    assert body.tag == f"{{{namespace}}}{operation}Response"
    XSD[namespace].assertValid(body)
    (output,) = body
    *data, told = output if output[-1].tag.endswith("}status") else (*output[:-2], output[-2])
    context = output.findtext(f"{{{namespace}}}context", "")
    return Told(str(told.text), context, tuple(data))


def newborn(village: Village, said: Consents | None = None, *, family: str = "ESSAI") -> Patient:
    """A patient with a DMP that nobody knew before, of whom only what was `said` is known."""
    born = date(1980, 1, 1)
    patient = Patient(invented_nir("F", born, "75056", next(_orders)), oids.INS_NIR_TEST)
    with village.house() as house:
        identifier = PatientId(patient.ins, patient.ins_oid)
        open_dossier(house.gate, "test", (identifier,), Traits(family, "ANNE", born, "F"), domain=house.domain)
        if said is not None:
            record_consents(house.gate, "test", identifier, said)
    return patient


def dossier_of(village: Village, patient: Patient) -> Dossier:
    with village.house() as house, house.rooms() as rooms:
        dossier = rooms.identities.dossier(PatientId(patient.ins, patient.ins_oid))
    assert dossier is not None
    return dossier


def wishes(village: Village, patient: Patient) -> Wishes:
    """All that the patient said, as the rooms have it."""
    key = dossier_of(village, patient).key
    with village.house() as house, house.rooms() as rooms:
        return rooms.rights.wishes(key)


def authorise(
    village: Village,
    patient: Patient,
    holder: str,
    *,
    start: timedelta,
    end: timedelta,
    kind: Kind = PERSON,
) -> tuple[datetime, datetime]:
    """An authorisation from `start` to `end`, both from now; its instants."""
    key, instant = dossier_of(village, patient).key, now()
    with village.house() as house, house.rooms() as rooms:
        rooms.rights.authorise(key, holder, kind=kind, start=instant + start, end=instant + end)
    return instant + start, instant + end


def id_of(village: Village, name: str) -> str:
    return village.demo.person(name).id_nat
