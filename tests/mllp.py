"""Senders of HL7 v2 messages: MLLP over TLS on loopback, messages of the volet written, answers read.

The sender reads and writes frames by itself, so that no misreading of ours sits on both sides.
"""

from __future__ import annotations

import base64
import socket
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from cda.builders import document as cda
from registry.metadata import Code
from schemas import oids
from schemas.value_sets import ValueSets
from server.demo.documents import BUILDERS
from server.demo.people import HOPITAL, PATIENTS, DemoPatient, inhabitant
from server.settings import load
from tests.audit_peers import client_context
from tests.ports import free_port
from tests.village import Village

FLAGS = ("MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REP_LEGAUX", "CONNEXION_SECRETE", "MODIF_CONF_CODE", "DESTDMP")
ADDRESS = cda.Address("12", "Rue des Tilleuls", "59000", "Lille")
ORDERS = {"F": "NW", "C": "RO", "D": "CA"}
EVENTS = {"F": "T02", "C": "T10", "D": "T04"}


@dataclass(frozen=True)
class Ack:
    """An acknowledgement: MSA-1, MSA-2, the codes of ERR-3 and ERR-5, and the whole message."""

    code: str
    control_id: str
    conditions: tuple[str, ...]
    applications: tuple[str, ...]
    raw: bytes

    @property
    def accepted(self) -> bool:
        return self.code in ("AA", "CA")


def read_ack(raw: bytes) -> Ack:
    lines = [line.split("|") for line in raw.decode("utf-8", "replace").split("\r") if line]
    msa = next(line for line in lines if line[0] == "MSA")
    errors = [[*line, *[""] * 9] for line in lines if line[0] == "ERR"]
    conditions = tuple(line[3].partition("^")[0] for line in errors)
    applications = tuple(code for line in errors if (code := line[5].partition("^")[0]))
    return Ack(msa[1], msa[2] if len(msa) > 2 else "", conditions, applications, raw)


class Sender:
    """One connection. `name` is a structure of the demo, whose certificate it shows.

    `heard` is every frame that any sender of this process got.
    """

    heard: ClassVar[list[bytes]] = []

    def __init__(self, folder: Path, port: int, name: str = "hopital") -> None:
        plain = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket = client_context(folder, name).wrap_socket(plain, server_hostname="localhost")
        self._read = b""

    def write(self, data: bytes) -> None:
        self.socket.sendall(data)

    def frame(self) -> bytes:
        """The next message that comes; b"" at the end."""
        while b"\x1c\r" not in self._read:
            data = self.socket.recv(65536)
            if not data:
                return b""
            self._read += data
        found, _, self._read = self._read.partition(b"\x1c\r")
        self.heard.append(found.removeprefix(b"\x0b"))
        return self.heard[-1]

    def send(self, message: bytes) -> Ack:
        self.write(b"\x0b" + message + b"\x1c\r")
        return read_ack(self.frame())

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_to_hl7(village: Village) -> int:
    """Has the village's server listen to HL7 v2 once it starts; the port."""
    port = free_port()
    with (village.settings.home / "settings.toml").open("a", encoding="utf-8") as file:
        file.write(f'mllp = "127.0.0.1:{port}"\n')
        file.write(f'hl7_acknowledged = ["{HOPITAL} mllps://localhost:{free_port()}"]\n')
    village.settings = load({"home": village.settings.home}, {})
    return port


@contextmanager
def sending(village: Village, name: str = "hopital") -> Iterator[Sender]:
    address = village.settings.mllp
    assert address is not None
    with Sender(village.folder, address.port, name) as sender:
        yield sender


def new_oid() -> str:
    return f"{oids.UUID_ARC}.{uuid.uuid4().int}"


def adt(
    event: str,
    identifiers: Sequence[str],
    *,
    structure: str = "ADT_A01",
    family: str = "ZIMMER",
    gone: str = "",
    reliability: str = "VALI",
    control_id: str = "",
    version: str = "2.5",
) -> bytes:
    """An ADT of PAM: `identifiers` and `gone` (MRG-1) are CX."""
    header = f"MSH|^~\\&|GAM|CHU|PIX|DMP|20260301093000||ADT^{event}^{structure}|{control_id or uuid.uuid4().urn}"
    lines = [f"{header}|P|{version}|||||FRA|UNICODE UTF-8", "EVN||20260301093000"]
    pid = f"PID|||{'~'.join(identifiers)}||{family}^MAJA^^^^^L||19790328|F|||1 Rue^^Lille^^59000^FRA^H~^^^^^^BDL^^59350"
    lines.append(pid + "|" * 21 + reliability)
    lines += [f"MRG|{gone}"] if gone else ["PV1||N"]
    return ("\r".join(lines) + "\r").encode()


def written(
    kind: str = "discharge_letter",
    author: str = "medecin-hospitalier",
    patient: DemoPatient = PATIENTS[0],
    *,
    oid: str = "",
    set_oid: str = "",
    version: int = 1,
    replaces: str = "",
) -> bytes:
    """A document of the demo's: `replaces` is the uniqueId of the version before."""
    person, tables = inhabitant(author), ValueSets.load()

    def coded(table: str, code: str, scheme: str) -> Code:
        return Code(code, scheme, tables.label(table, code, scheme) or code)

    instant = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
    context = cda.Context(
        patient=cda.Patient(patient.identifier, patient.traits, ADDRESS),
        author=cda.Author(
            person.id_nat,
            person.family,
            person.given,
            coded("author_specialty", f"G15_{person.profession}/{person.specialty}", oids.AUTHOR_SPECIALTY),
        ),
        structure=cda.Structure(
            structure_id=person.structure_id,
            name="Hôpital Saint-André",
            facility=coded("healthcare_facility_type", person.sector, oids.SECTEUR_ACTIVITE),
            setting=coded("practice_setting", "ETABLISSEMENT", oids.PRACTICE_SETTING),
            address=ADDRESS,
            phone="+33320000000",
        ),
        identification=cda.Identification(oid or new_oid(), set_oid or new_oid(), instant, version, replaces),
        start=instant,
        stop=instant,
        inpatient=True,
    )
    return BUILDERS[kind](context)


def pid(patient: DemoPatient, reliability: str = "VALI") -> str:
    cx = f"{patient.ins}^^^ASIP-SANTE-INS-NIR&{oids.INS_NIR_TEST}&ISO^INS"
    traits = patient.traits
    name = f"{traits.birth_family}^{traits.birth_given}^{traits.birth_given}^^^^L"
    return f"PID|||{cx}||{name}||{traits.born:%Y%m%d}|{traits.sex}" + "|" * 24 + reliability


def message(
    documents: Sequence[bytes],
    *,
    status: str = "F",
    kind: str = "ORU",
    flags: Iterable[str] = ("DESTDMP",),
    patient: DemoPatient = PATIENTS[0],
    control_id: str = "",
    author: str = "medecin-hospitalier",
    type_code: str = "11490-0",
    order: str | None = None,
    document_id: str = "",
    replaced: str = "",
    msh: Mapping[int, str] = {},
) -> bytes:
    """A message of the volet 2.1 as a hospital sends it. `msh` has fields of MSH by number."""
    person = inhabitant(author)
    event = "R01" if kind == "ORU" else EVENTS[status]
    structure = f"ORU^{event}^ORU_R01" if kind == "ORU" else f"MDM^{event}^MDM_T02"
    header = ["MSH", "^~\\&", "DPI", "HOPITAL", "PFI", "DMP", "20260301093000", "", structure]
    header += [control_id or uuid.uuid4().hex[:20], "P", "2.5" if kind == "ORU" else "2.6", "", "", "", "", "FRA"]
    header += ["UNICODE UTF-8", "", "", "2.1^CISIS_CDA_HL7_V2"]
    for number, value in msh.items():
        header[number - 1] = value
    chosen = frozenset(flags)
    coded, text = ("CE", "TEXT") if kind == "ORU" else ("CWE", "text")
    lines = ["|".join(header)]
    lines += [] if kind == "ORU" else ["EVN||20260301093000"]
    lines += [pid(patient), "PV1|1|I|UF" + "|" * 16 + "000897406", f"ORC|{ORDERS[status] if order is None else order}"]
    lines += [f"OBR|1|||{type_code}^Document^LN"]
    if kind == "MDM":
        lines += [f"TXA|1|{type_code}|TEXT|20260301" + "|" * 8 + f"{document_id}|{replaced}||||AU"]
    sent_by = f"{person.id_nat}^{person.family}^{person.given}^^^^^^PS&{oids.PS_ID_NAT}&ISO^D^^^IDNPS"
    structure_xon = f"Hôpital Saint-André^^^^^ST&{oids.STRUCT_ID_NAT}&ISO^FINEG^^^{person.structure_id}"
    for number, document in enumerate(documents, 1):
        data = base64.b64encode(document).decode()
        lines.append(f"OBX|{number}|ED|{type_code}^Document^LN||^{text}^XML^Base64^{data}||||||{status}")
        lines.append(f"PRT||UC||SB^^participation|{sent_by}|||{structure_xon}")
    for number, flag in enumerate(FLAGS, len(documents) + 1):
        value = "Y" if flag in chosen else "N"
        lines.append(f"OBX|{number}|{coded}|{flag}^Indicateur^MetaDMPMSS||{value}^^expandedYes-NoIndicator||||||F")
    return ("\r".join(lines) + "\r").encode()
