"""Whether a submission carries the signature document that its domain wants, and whether it holds.

Source: GIE SESAM-Vitale, DMP-Compatibilité, TD2.1 (signature du lot de soumission); IHE ITI Supplement DSG.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

from dmp.ports import Staged
from dmp.requests import Lot
from identities.requester import Authentication, Requester
from ihe.certificates import CertificateIdentity, TrustStore
from ihe.dsg import MAX_BYTES, Digester, SignatureDocumentError, verify_signature_document
from registry.errors import ErrorCode, Finding
from registry.metadata import AssociationType, DocumentEntry
from schemas import oids
from schemas.domain import SubmissionSignature


def signature_findings(
    lot: Lot, requester: Requester, *, policy: SubmissionSignature, trust: TrustStore, now: datetime
) -> tuple[Finding, ...]:
    """What is wrong with the signature document of `lot`; nothing when `policy` ignores signatures."""
    if policy is SubmissionSignature.IGNORED:
        return ()
    signatures = [entry for entry in lot.submission.entries if entry.format_code.code == oids.DSG_FORMAT_CODE]
    if not signatures and policy is SubmissionSignature.VERIFIED:
        return ()
    if len(signatures) != 1:
        return _wrong(f"signature document: expected one for the submission set, got {len(signatures)}")
    (signature,) = signatures
    if not _signs_the_set(lot, signature):
        return _wrong("signs association: expected one from the signature document to the submission set, got none")
    staged = lot.documents.get(signature.entry_uuid)
    if staged is None:
        return ()  # a missing document is a finding of its own
    return _verified(lot, signature, staged, requester, trust, now)


def _verified(
    lot: Lot, signature: DocumentEntry, staged: Staged, requester: Requester, trust: TrustStore, now: datetime
) -> tuple[Finding, ...]:
    digesters: Mapping[str, Digester] = {
        entry.unique_id: _digester(lot.documents[entry.entry_uuid])
        for entry in lot.submission.entries
        if entry is not signature and entry.entry_uuid in lot.documents
    }
    size = staged.finish().size
    if size > MAX_BYTES:
        return _wrong(f"signature document: expected at most {MAX_BYTES} bytes, got {size}")
    try:
        signer = verify_signature_document(
            b"".join(staged.chunks()),
            documents=digesters,
            submission_set_unique_id=lot.submission.submission_set.unique_id,
            trust=trust,
            now=now,
        )
    except SignatureDocumentError as error:
        return _wrong(*(f"signature document: {found}" for found in error.findings))
    if not _is_the_sender(signer.identity, requester):
        return _wrong("signature document: expected the sender's own signature or seal, got another's")
    return ()


def _signs_the_set(lot: Lot, signature: DocumentEntry) -> bool:
    return any(
        association.type is AssociationType.SIGNS
        and association.source == signature.entry_uuid
        and association.target == lot.submission.submission_set.entry_uuid
        for association in lot.submission.associations
    )


def _digester(staged: Staged) -> Digester:
    def digest(algorithm: str) -> bytes:
        content = staged.finish()
        if algorithm == "sha256":
            return bytes.fromhex(content.sha256)
        hashing = hashlib.new(algorithm)
        for chunk in staged.chunks():
            hashing.update(chunk)
        return hashing.digest()

    return digest


def _is_the_sender(signer: CertificateIdentity, requester: Requester) -> bool:
    """Who signs the assertion signs the lot: the person's own card, or the structure's seal."""
    if requester.authentication is Authentication.DIRECTE:
        return signer.id_nat == requester.id_nat
    return signer.structure_id == requester.structure_id


def _wrong(*contexts: str) -> tuple[Finding, ...]:
    return tuple(Finding(ErrorCode.XDSRepositoryMetadataError, context) for context in contexts)
