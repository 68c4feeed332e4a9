"""What the sender signs: the VIHF of each request and the signature document of a submission.

Sources: CI-SIS, volet Transport synchrone (VIHF); GIE SESAM-Vitale, DMP-Compatibilité, TD0.1 and TD2.1.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree

from conformance.lps.people import Keys, Patient, Sender
from conformance.signing import DS, build_signature_document, build_vihf

NORMAL = "normal"
BRIS_DE_GLACE = "bris_de_glace"
CENTRE_15 = "centre_15"
ACCESS_MODES = (NORMAL, BRIS_DE_GLACE, CENTRE_15)  # TRE_R248-ModeAcces

LPS = ("LPS de démonstration", "0.1")  # LPS_Nom, LPS_Version


@dataclass(frozen=True, slots=True)
class Access:
    """The access mode claimed, the reason given for bris de glace, and the secret connection."""

    mode: str = NORMAL
    reason: str = ""
    secret: bool = False


def vihf(sender: Sender, patient: Patient | None, access: Access, version: str, now: datetime) -> bytes:
    """A signed assertion of who asks, for which patient, in which access mode."""
    certificate = sender.keys.sign_cert.read_bytes()
    elliptic = isinstance(x509.load_pem_x509_certificates(certificate)[0].public_key(), ec.EllipticCurvePublicKey)
    return build_vihf(
        certificate=certificate,
        key=sender.keys.sign_key.read_bytes(),
        name_id=sender.name_id,
        issued=now,
        mode=sender.mode,
        structure_id=sender.structure_id,
        sector=sender.sector,
        roles=[(role.code, role.system) for role in sender.roles],
        subject_name=sender.subject,
        patient=patient.cx if patient else "",
        purpose=access.mode,
        reason=access.reason,
        secret_connection=access.secret,
        version=version,
        lps=LPS,
        signature_algorithm="ecdsa-sha256" if elliptic else "rsa-sha256",
        whole_chain=True,
    )


def sign_submission(keys: Keys, submission_set_unique_id: str, digests: Mapping[str, bytes], now: datetime) -> bytes:
    """The XAdES signature document over a submission set; `digests` maps each uniqueId to the SHA-256 of its document.

    Documents are known by their digests, so that a long one need not be in memory.
    """

    def set_digests(parts: etree._Element) -> None:
        for reference in parts.iterfind(f"{{{DS}}}Manifest/{{{DS}}}Reference"):
            digest = digests.get(str(reference.get("URI")).removeprefix("urn:oid:"))
            value = reference.find(f"{{{DS}}}DigestValue")
            if digest is not None and value is not None:
                value.text = base64.b64encode(digest).decode()

    return build_signature_document(
        certificate=keys.sign_cert.read_bytes(),
        key=keys.sign_key.read_bytes(),
        submission_set_unique_id=submission_set_unique_id,
        documents=dict.fromkeys(digests, b""),
        signed_at=now,
        before_signing=set_digests,
    )
