"""Who sends: the structure that the TLS certificate proves, and the person or machine that the message names of it.

A message is an indirect authentication: the structure answers for whom it names, as in a VIHF. What the message says of
another structure is not believed.

Source: CI-SIS, volet Transport synchrone (authentification indirecte); volet Transmission d'un document CDA-R2 en
HL7v2, PRT of participation SB (SC.DMP/CONF.12); ITI TF-2 3.19.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from hl7v2.errors import ApplicationCode, Condition, Hl7Error, Location
from hl7v2.header import Header
from hl7v2.transmission import SentBy
from identities.professional import Professional
from identities.requester import Authentication, Requester
from schemas import oids

AUTOMATE = "AUTOMATE"  # TRE_A00
NOT_LINKED = ApplicationCode("DMPAccessDeniedByRightsService", "PS et Structure non liés", "DMPERRORCODE")
_INTERNAL = re.compile(r"[^0-9A-Za-z._-]")
_MOST_INTERNAL = 64


@dataclass(frozen=True, slots=True)
class Known:
    """The other end of a connection, as its certificate proves it: a structure, or in an IHE domain a node ('')."""

    structure_id: str
    subject: str  # RFC 4514

    def requester(self, header: Header) -> Requester:
        """The machine itself: the software of the structure, or the node."""
        software = header.sending_application.partition("^")[0]
        internal = _INTERNAL.sub("_", software)[:_MOST_INTERNAL] or AUTOMATE
        return Requester(
            id_nat=f"{self.structure_id}/{internal}" if self.structure_id else "",
            name=software if self.structure_id else self.subject,
            profession=AUTOMATE if self.structure_id else "",
            profession_system=oids.ROLE_NON_PS if self.structure_id else "",
            specialty="",
            structure_id=self.structure_id,
            sector="",
            authentication=Authentication.INDIRECTE if self.structure_id else Authentication.NOEUD_IHE,
            lps=software,
            certificate_subject=self.subject,
        )

    @property
    def key(self) -> str:
        """What stays the same when the certificate is renewed."""
        return self.structure_id or self.subject


def sender(
    known: Known, header: Header, sent_by: SentBy | None, directory: Professional | None, *, secret: bool
) -> Requester:
    """Who asks by a message that names `sent_by`, of whom `directory` is what the directory knows.

    Raises Hl7Error for a person of another structure than the certificate's.
    """
    machine = replace(known.requester(header), secret_connection=secret)
    if sent_by is None or not known.structure_id:
        return machine
    if sent_by.structure_id and sent_by.structure_id != known.structure_id:
        raise Hl7Error.single(
            Condition.APPLICATION,
            "the structure of the TLS certificate in PRT-8",
            "another",
            Location("PRT", 1, 8),
            NOT_LINKED,
        )
    if not sent_by.person_id:
        return machine
    return replace(
        machine,
        id_nat=sent_by.person_id,
        name=f"{sent_by.family} {sent_by.given}".strip() or sent_by.person_id,
        profession=directory.profession if directory else "",
        profession_system=directory.profession_system if directory else "",
    )
