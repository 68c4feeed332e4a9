"""Plain laboratory results, as ORU^R01 messages of a laboratory of the demonstration, and a hall that takes reports.

Source: HL7 v2.5 7.3.1 (ORU), 7.4 (OBR, OBX).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from audit.event import Call
from dmp.requests import Lot
from dmp.transmission import Versions
from hl7v2.answering import answer
from hl7v2.door import Door, Paper, Receipt, Reporting
from hl7v2.sender import Known
from identities.professional import Professional, Structure
from identities.requester import Requester
from registry.errors import Finding
from schemas import oids
from server.demo.people import LABORATOIRE, PATIENTS, DemoPatient, inhabitant
from tests.cda.test_pdf_a import PDF_A
from tests.mllp import Ack, read_ack

BIOLOGIST = inhabitant("biologiste")
SENDER = Known(LABORATOIRE, "CN=Laboratoire")


def segment(name: str, fields: Mapping[int, str]) -> str:
    """A segment of the fields of those numbers."""
    return "|".join([name, *(fields.get(number, "") for number in range(1, max(fields) + 1))])


IONOGRAM = segment(
    "OBR",
    {
        1: "1",
        2: "P-77",
        3: "1001-E1^LABO",
        4: "24326-1^Ionogramme^LN",
        7: "20260301080000",
        14: "20260301082000",
        22: "20260301093000",
        24: "CH",
        25: "F",
    },
)
SODIUM = segment(
    "OBX",
    {
        1: "1",
        2: "NM",
        3: "2951-2^Sodium^LN^NA^Na plasma^99LAB",
        4: "1",
        5: "139.0",
        6: "mmol/L^mmol/l^UCUM",
        7: "136-145",
        8: "N",
        11: "F",
        14: "20260301081500",
    },
)
POTASSIUM = "OBX|2|NM|2823-3^Potassium^LN|1|5.9|mmol/l|3.5 - 5.1|H|||F"
CODECS = {"8859/15": "iso8859-15", "8859/1": "iso8859-1"}


def pid(patient: DemoPatient = PATIENTS[0], *, reliability: str = "VALI") -> str:
    traits = patient.traits
    cx = f"{patient.ins}^^^ASIP-SANTE-INS-NIR&{oids.INS_NIR_TEST}&ISO^INS"
    name = f"{traits.birth_family}^{traits.birth_given}^{traits.birth_given}^^^^L"
    places = f"12 rue des Essais^^Lille^^59000^FRA^H~^^^^^^BDL^^{traits.birth_place}"
    return f"PID|||{cx}||{name}||{traits.born:%Y%m%d}|{traits.sex}|||{places}" + "|" * 21 + reliability


def oru(
    *lines: str,
    control_id: str = "",
    filler: str = "1001-E1",
    before: Sequence[str] = (),
    biologist: str = BIOLOGIST.id_nat,
    version: str = "2.5",
    charset: str = "UNICODE UTF-8",
    flags: Mapping[str, str] = {},
    identity: str = "",
) -> bytes:
    """A message of OBR, OBX, NTE and SPM `lines`; each OBX without an OBX-16 has the biologist there."""
    number = control_id or uuid.uuid4().hex[:20]
    header = f"MSH|^~\\&|SIL|LABO|PFI|DMP|20260301094500+0100||ORU^R01^ORU_R01|{number}|P|{version}"
    signed = []
    for line in lines:
        fields = line.split("|")
        if fields[0] == "OBX":
            fields += [""] * (17 - len(fields))
            fields[16] = fields[16] or (f"{biologist}^GIRAUD^Hugo" if biologist else "")
        signed.append("|".join(fields).replace("1001-E1", filler))
    wishes = (f"OBX|9|CE|{name}^I^MetaDMPMSS||{said}^^expandedYes-NoIndicator||||||F" for name, said in flags.items())
    whole = [f"{header}||||||{charset}", identity or pid(), *before, *signed, *wishes, ""]
    return "\r".join(whole).encode(CODECS.get(charset, "utf-8"))


@dataclass
class Reports:
    """A door whose hall has `known` versions of every report, and notes what it is given."""

    door: Door
    known: Versions = field(default_factory=Versions)
    documents: list[bytes] = field(default_factory=list)
    lots: list[Lot] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    papers: list[Paper] = field(default_factory=list)

    def provide(self, _receipt: Receipt, _requester: Requester, _call: Call, lot: Lot) -> tuple[Finding, ...]:
        self.documents += [b"".join(staged.chunks()) for staged in lot.documents.values()]
        self.lots.append(lot)
        return ()

    def replace(
        self,
        receipt: Receipt,
        requester: Requester,
        call: Call,
        lot: Lot,
        _patient: object,
        former: Mapping[str, str],
        **_: object,
    ) -> tuple[Finding, ...]:
        self.replaced += former.values()
        return self.provide(receipt, requester, call, lot)

    def delete(self, *given: object) -> tuple[Finding, ...]:
        self.deleted += given[-1]  # type: ignore[misc] # uniqueIds
        return ()

    def copy(self, paper: Paper) -> bytes:
        self.papers.append(paper)
        return PDF_A

    def send(self, message: bytes) -> Ack:
        def biologist(id_nat: str) -> Professional | None:
            structures = frozenset({LABORATOIRE})
            known = Professional(BIOLOGIST.id_nat, "GIRAUD", "Hugo", "10", oids.PROFESSION, "SM03", structures)
            return known if id_nat == known.id_nat else None

        reporting = Reporting(
            lambda number: Structure(number, "Laboratoire des Quais", "SA25"), lambda *_: self.known, self.copy
        )
        door = replace(
            self.door,
            known=lambda _: SENDER,
            professional=biologist,
            provide=self.provide,
            replace=self.replace,
            delete=self.delete,
            reporting=reporting,
        )
        return read_ack(answer(door, SENDER, Call("", "1"), message).strip(b"\x0b\x1c\r") + b"\r")
