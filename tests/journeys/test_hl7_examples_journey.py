"""Every example of ANS over MLLP and TLS: accepted, or refused for a reason that the volet gives.

The examples share one control id, which another message of the same sender may not have: each is sent under a number of
its own. Their senders are structures of the village, their patients have a DMP.

Source: ansforge/hl7V2-exemples; CI-SIS, volet Transmission d'un document CDA-R2 en HL7v2 1.2, 2.0 and 2.1.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

from conformance.lps.people import Patient
from identities.professional import Structure
from identities.requester import Authentication, PatientId
from schemas import oids
from tests.journeys.audit_nodes import opened_by_fhir
from tests.mllp import Ack, sending
from tests.village import Village

pytestmark = pytest.mark.reference

INS = "279035121518989"
STRUCTURES = {"radiologie": "1300017985", "labo": "1120459876"}
PATIENTS = (
    Patient(INS, oids.INS_NIR_TEST),
    Patient("277076322082910", oids.INS_NIR),
    Patient("274075176079430", oids.INS_NIR),
)
# A name of a file ends so: MSA-1, the conditions of ERR-3, the codes of ERR-5, and why that is right. The first that
# fits counts.
NOT_OURS = ("AE", ("200",), ())  # an acknowledgement, or a message that a DMP sends
NO_DOCUMENT = ("AE", ("207",), ("906",))  # a sentence in the place of the document, for people to read
TO_AN_LPS = ("AE", ("101", "101"), ())  # another volet: neither DESTDMP nor CONNEXION_SECRETE, so nothing for a DMP
OUTCOMES: tuple[tuple[str, tuple[str, tuple[str, ...], tuple[str, ...]]], ...] = (
    ("V2.1/ORU/Transmission_initiale_ORU/message_ORU_CR_Bio_INIT_N3_SEGUR.hl7", ("AA", (), ())),
    # PID-3 is of one patient and the document of another
    ("V2.1/ORU/Suppression_ORU/message_ORU_CR_Bio_DEL_N3_SEGUR.hl7", ("AE", ("207",), ("904",))),
    ("message_ORU_CR_Bio_RPLC_N1_Base64_N3_Base64.er7", ("AE", ("207",), ("904",))),
    # no setId, which the structuration minimale wants
    ("V2.1/MDM/Transmission_initiale_MDM/message_MDM_CR_Radio_INIT_N1_Base64.er7", ("AE", ("207",), ("906",))),
    # the document to delete never came
    ("V2.1/MDM/Suppression_MDM/message_MDM_CR_Radio_DEL_N1.er7", ("AE", ("207",), ("901",))),
    # TXA-12 is not the number of the document
    ("V2.0/MDM/Transmission_initiale_MDM/message_MDM_CR_Radio_INIT_N1_Base64.er7", ("AE", ("199",), ())),
    # a tilde that is none in MSH-2
    ("V2.0/ORU/Transmission_initiale_ORU/message_ORU_CR_Bio_INIT_N1_N3.hl7", ("AE", ("102",), ())),
    ("V2.0/ORU/Remplacement_ORU/message_ORU_CR_Bio_RPLC_N1_N3.er7", ("AE", ("102",), ())),
    ("V2.0/ORU/Suppression_ORU/message_ORU_CR_Bio_DEL_N1_N3.er7", ("AE", ("102",), ())),
    ("V2.1/ORU/Transmission_initiale_ORU/message_ORU_CR_Bio_INIT_N1_N3.hl7", NO_DOCUMENT),
    ("V2.1/ORU/Remplacement_ORU/message_ORU_CR_Bio_RPLC_N1_N3.er7", NO_DOCUMENT),
    ("Transmission_initiale_MDM/message_MDM_CR_Radio_INIT_N1.er7", NO_DOCUMENT),
    ("Remplacement_MDM/message_MDM_CR_Radio_RPLC_N1.er7", NO_DOCUMENT),
    ("Suppression_MDM/message_MDM_CR_Radio_DEL_N1.er7", NO_DOCUMENT),
    ("V1.2/ORU/message.hl7", NO_DOCUMENT),
    ("V1.2/MDM/message.hl7", NO_DOCUMENT),
    *((name, TO_AN_LPS) for name in ("INIT_N1.er7", "INIT_N1_Base64.er7", "DEL_N1.er7", "RPLC_N1.er7")),
    *((f"V1.0/MDM/{name}.hl7", TO_AN_LPS) for name in ("message", "messageDocB64")),
    *((name, NOT_OURS) for name in ("ack.hl7", "ack.er7", "reception_DMP", "reception_MSS", "lecture_MSS")),
    *((name, ("AA", (), ())) for name in ("Alimentation.er7", "admission.er7")),  # what was collected, in ZFA
    ("sortie.er7", ("AE", ("201",), ())),  # a discharge feeds no identity
)


@pytest.fixture(scope="module")
def platform(hospital: Village) -> Village:
    """A village with the structures and patients of the examples."""
    with hospital.house() as house:
        for name, number in STRUCTURES.items():
            hospital.pki.structure(name, number, name)
            modes = frozenset({Authentication.INDIRECTE})
            with house.rooms() as rooms:
                rooms.identities.save_structure(Structure(number, name, "SA01", modes=modes))
    for patient in PATIENTS:
        hospital.open_dossier(patient, medecin_traitant="medecin-traitant")
    return hospital


def sent(platform: Village, data: bytes, number: int) -> Ack:
    """The answer to an example, as the sender of its documents sends it, under a number of its own."""
    data = re.sub(rb"\A(MSH(?:\|[^|\r]*){8}\|)[^|\r]*", rb"\g<1>N%d" % number, data)
    with sending(platform, "radiologie" if STRUCTURES["radiologie"][1:].encode() in data else "labo") as sender:
        return sender.send(data)


def test_every_example_is_accepted_or_refused_for_its_reason(
    platform: Village, reference: Path, tmp_path: Path
) -> None:
    files = sorted(
        (
            file
            for file in (reference / "fr" / "hl7v2").rglob("*")
            if file.suffix in (".er7", ".hl7") or file.name.startswith("Message_metier")
        ),
        key=lambda file: ("Consentement" in str(file), file),  # these last: one of them opposes feeding
    )
    assert len(files) > 50
    for number, file in enumerate(files):
        data = re.sub(rb"\r?\n", b"\r", file.read_bytes()).strip() + b"\r"
        ack = sent(platform, data, number)
        expected = next(outcome for name, outcome in OUTCOMES if str(file).endswith(name))
        assert (ack.code, ack.conditions, ack.applications) == expected, (str(file), ack.raw)
        if b"|ORU^R01" in data and ack.accepted:
            document = base64.b64decode(data.partition(b"^Base64^")[2].partition(b"|")[0])
            reader = platform.lps("medecin-traitant")
            reader.open("1.2.250.1.213.1.1.9", tmp_path / "opened", PATIENTS[0])
            assert (tmp_path / "opened").read_bytes() == document
            assert opened_by_fhir(platform, INS, "1.2.250.1.213.1.1.9") == document
    with platform.house() as house, house.rooms() as rooms:
        dossier = rooms.identities.dossier(PatientId(INS, oids.INS_NIR_TEST))
        assert dossier is not None
        wishes, kept = rooms.rights.wishes(dossier.key), rooms.rights.consents(dossier.key)
    assert (wishes.opposed_to_feeding, wishes.authorisations) == (True, ())
    assert [(each.code.partition("_")[0], each.given, each.instant.day) for each in kept[-6:]] == [
        ("OPPOSITION", False, 6),
        ("CONSENTEMENT", True, 6),
        ("OPPOSITION", False, 7),
        ("CONSENTEMENT", False, 7),
        ("OPPOSITION", True, 9),
        ("CONSENTEMENT", False, 9),
    ]
