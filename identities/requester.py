"""Who asks: the one description of a requester, whichever door authenticated it.

Source: CI-SIS, volet Transport synchrone (VIHF); GIE SESAM-Vitale, DMP-Compatibilité.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Authentication(Enum):
    """How the person or system was authenticated.

    Source: VIHF, attribute Authentification_mode; ITI TF-2 3.19 (secure node), 3.40 (XUA); CSP R.1111-26 to R.1111-40
    (the patient's own access).
    """

    DIRECTE = "DIRECTE"
    INDIRECTE = "INDIRECTE"
    INDIRECTE_RENFORCEE = "INDIRECTE_RENFORCEE"
    NOEUD_IHE = "NOEUD_IHE"  # a node known by its TLS certificate, or on this machine; nobody is named
    XUA = "XUA"  # a user named by an IHE assertion
    PATIENT = "PATIENT"  # the patient, by the account of the DMP
    REPRESENTANT = "REPRESENTANT"  # a legal representative, by an account of their own
    AUDITEUR = "AUDITEUR"  # whom the operator lets read what was done, and nothing else

    @property
    def french(self) -> bool:
        """Whether a VIHF says it: one of the DMP's modes for professionals, whose holders stand in the directory."""
        return self in (Authentication.DIRECTE, Authentication.INDIRECTE, Authentication.INDIRECTE_RENFORCEE)

    @property
    def ihe(self) -> bool:
        """Whether it is one of an IHE affinity domain."""
        return self in (Authentication.NOEUD_IHE, Authentication.XUA)


class ModeAcces(Enum):
    """The access mode claimed. Source: TRE_R248-ModeAcces."""

    NORMAL = "normal"
    BRIS_DE_GLACE = "bris_de_glace"
    CENTRE_15 = "centre_15"


@dataclass(frozen=True, slots=True)
class PatientId:
    """A patient identifier with its issuing authority (an OID). `str()` is the CX `id^^^&OID&ISO` of XDS."""

    value: str
    authority: str

    def __str__(self) -> str:
        return f"{self.value}^^^&{self.authority}&ISO"


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks, as authenticated at a door. Every field was covered by a verified signature or by TLS.

    `id_nat` is a PS_IdNat for a professional, `structure_id/internal_id` for an indirect user, the INS of a patient,
    the identifier of a legal representative. `profession` is the code of TRE_G15 for a health professional, or of
    TRE_A00 (AUTOMATE, SECRETARIAT_MEDICAL ...) for others; `specialty` the code of TRE_R38 (SMxx), TRE_G04
    (pharmacists) or TRE_R85.
    """

    id_nat: str
    name: str
    profession: str
    profession_system: str
    specialty: str
    structure_id: str
    sector: str
    authentication: Authentication
    mode_acces: ModeAcces = ModeAcces.NORMAL
    motif: str = ""  # reason given for bris de glace
    patient: PatientId | None = None  # the patient the assertion was made for
    secret_connection: bool = False
    assertion_id: str = ""
    lps: str = ""  # name and version of the software
    certificate_subject: str = ""  # RFC 4514 name of the signing certificate
    # Of a user whom XUA names. Source: ITI TF-2 3.40.4.1.2 and 3.40.4.2.
    alias: str = ""  # SPProvidedID
    issuer: str = ""  # entity ID of the X-Assertion Provider
    purpose: str = ""  # code of PurposeOfUse, of the OID purpose_system
    purpose_system: str = ""
    # Of whoever comes with an access token, whose jti is assertion_id. Source: RFC 9068 §2.2.
    client_id: str = ""
