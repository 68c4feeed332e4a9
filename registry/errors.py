"""The registry's error vocabulary: the standard's codes, each with what was expected and what came.

Source: ITI TF-3 Tables 4.2.4.1-2 and 4.2.4.2-1 to 4.2.4.2-4.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class ErrorCode(Enum):
    """The codes of ITI TF-3 Table 4.2.4.1-2 that this house emits, and the DMP's own below them."""

    ReferencesExistException = "ReferencesExistException"
    UnresolvedReferenceException = "UnresolvedReferenceException"
    UnmodifiableMetadataError = "UnmodifiableMetadataError"
    LocalPolicyRestrictionError = "LocalPolicyRestrictionError"
    InvalidDocumentContent = "InvalidDocumentContent"
    XDSDocumentUniqueIdError = "XDSDocumentUniqueIdError"
    XDSDuplicateUniqueIdInRegistry = "XDSDuplicateUniqueIdInRegistry"
    XDSExtraMetadataNotSaved = "XDSExtraMetadataNotSaved"
    XDSInvalidRequestException = "XDSInvalidRequestException"
    XDSMetadataAnnotationError = "XDSMetadataAnnotationError"
    XDSMetadataIdentifierError = "XDSMetadataIdentifierError"
    XDSMetadataUpdateError = "XDSMetadataUpdateError"
    XDSMetadataUpdateOperationError = "XDSMetadataUpdateOperationError"
    XDSMetadataVersionError = "XDSMetadataVersionError"
    XDSMissingDocument = "XDSMissingDocument"
    XDSMissingDocumentMetadata = "XDSMissingDocumentMetadata"
    XDSNonIdenticalHash = "XDSNonIdenticalHash"
    XDSNonIdenticalSize = "XDSNonIdenticalSize"
    XDSObjectTypeError = "XDSObjectTypeError"
    XDSPatientIDReconciliationError = "XDSPatientIDReconciliationError"
    XDSPatientIdDoesNotMatch = "XDSPatientIdDoesNotMatch"
    XDSRegistryBusy = "XDSRegistryBusy"
    XDSRegistryDeprecatedDocumentError = "XDSRegistryDeprecatedDocumentError"
    XDSRegistryDuplicateUniqueIdInMessage = "XDSRegistryDuplicateUniqueIdInMessage"
    XDSRegistryError = "XDSRegistryError"
    XDSRegistryMetadataError = "XDSRegistryMetadataError"
    XDSRemoveDocumentsError = "XDSRemoveDocumentsError"
    XDSRepositoryDuplicateUniqueIdInMessage = "XDSRepositoryDuplicateUniqueIdInMessage"
    XDSRepositoryError = "XDSRepositoryError"
    XDSRepositoryMetadataError = "XDSRepositoryMetadataError"
    XDSRepositoryOutOfResources = "XDSRepositoryOutOfResources"
    XDSResultNotSinglePatient = "XDSResultNotSinglePatient"
    XDSStoredQueryMissingParam = "XDSStoredQueryMissingParam"
    XDSStoredQueryParamNumber = "XDSStoredQueryParamNumber"
    XDSTooManyResults = "XDSTooManyResults"
    XDSUnknownPatientId = "XDSUnknownPatientId"
    XDSUnknownRepositoryId = "XDSUnknownRepositoryId"
    XDSUnknownStoredQuery = "XDSUnknownStoredQuery"
    XDSUnreferencedObjectException = "XDSUnreferencedObjectException"
    # DMP. Source: GIE SESAM-Vitale DMP message examples v02.05; CI-SIS HL7v2 volet (DMPERRORCODE).
    DMPClosed = "DMPClosed"
    DMPFound = "DMPFound"  # DMP-Compatibilité, TD1.1 and TD1.2: there is a DMP, or it is open
    DMPAccessDeniedByRightsService = "DMPAccessDeniedByRightsService"
    DMPPatientAccessAlreadyExists = "DMPPatientAccessAlreadyExists"
    DMPPatientAccessOTPAlreadyExists = "DMPPatientAccessOTPAlreadyExists"
    # This house's own, where the list of the DMP is not public: docs/divergences.md.
    DMPPatientAccessNotFound = "DMPPatientAccessNotFound"
    DMPPatientAccessNotPossible = "DMPPatientAccessNotPossible"
    DMPPatientAccessOTPNotFound = "DMPPatientAccessOTPNotFound"
    DMPPatientAccessOTPInvalid = "DMPPatientAccessOTPInvalid"
    DMPPatientAccessOTPRequired = "DMPPatientAccessOTPRequired"


class Severity(Enum):
    """Source: ITI TF-3 4.2.4.1."""

    ERROR = "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error"
    WARNING = "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong. `context` is what a person reads: the attribute, what was expected, what came."""

    code: ErrorCode
    context: str
    severity: Severity = Severity.ERROR
    location: str = ""


def finding(code: ErrorCode, attribute: str, *, expected: str, got: str, location: str = "") -> Finding:
    """A Finding worded as every other: `attribute: expected X, got Y`."""
    return Finding(code, f"{attribute}: expected {expected}, got {got}", location=location)


class RegistryError(Exception):
    """A request that cannot be carried out, with every finding there is (at least one, errors and warnings)."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(f"{found.code.value}: {found.context}" for found in self.findings))

    @classmethod
    def single(cls, code: ErrorCode, attribute: str, *, expected: str, got: str, location: str = "") -> RegistryError:
        """A RegistryError with one finding."""
        return cls([finding(code, attribute, expected=expected, got=got, location=location)])
