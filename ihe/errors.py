"""What goes wrong at the IHE door, and the one table that says how it sounds on the wire.

A request that cannot be understood or believed gets a SOAP Fault; one that is understood and cannot be carried out
gets a RegistryResponse with every finding.

Source: ITI TF-2 Appendix V.3.2; ITI TF-3 4.2.4; OASIS WSS SOAP Message Security 1.1 §12.
"""

from __future__ import annotations

from audit.errors import AuditError
from dmp.errors import AccessRefused, ServiceUnavailable
from ihe.mime import PackageError
from ihe.soap import Fault, FaultCode, SoapError
from registry.errors import ErrorCode, Finding, RegistryError
from repository.errors import ContentTooLarge, RepositoryFull, RepositoryUnavailable
from schemas.base64_stream import Base64Error
from schemas.xml import XmlError

UNAVAILABLE = "service unavailable: nothing is disclosed, what was asked for may not have been done; try again later"


class AuthenticationError(Exception):
    """A requester who is not believed. `reason` may be said on the wire; `subcode` is `wsse:X` or a bare DMP code."""

    def __init__(self, reason: str, subcode: str = "wsse:FailedAuthentication") -> None:
        super().__init__(reason)
        self.reason, self.subcode = reason, subcode


OURS = (RepositoryUnavailable, AuditError, ServiceUnavailable)
"""Those that are our own fault: the log has them."""

TOLD = (
    AuthenticationError,
    SoapError,
    PackageError,
    ContentTooLarge,
    Base64Error,
    XmlError,
    RegistryError,
    AccessRefused,
    *OURS,
)
"""Every error that `fault_of` or `findings_of` knows; anything else is an internal fault."""


def is_ours(error: Exception) -> bool:
    """Whether it is this server that failed, and not the request."""
    return isinstance(error, RepositoryUnavailable) or not isinstance(error, TOLD)


def fault_of(error: Exception) -> Fault | None:
    """The SOAP Fault that tells `error`, or None for one that is not the door's to tell."""
    match error:
        case SoapError():
            return error.fault
        case AuthenticationError():
            return Fault(FaultCode.SENDER, error.reason, (error.subcode,))
        case PackageError():
            return Fault(FaultCode.SENDER, error.diagnostics(), http_status=error.http_status)
        case ContentTooLarge():
            return Fault(FaultCode.SENDER, error.diagnostics(), http_status=413)
        case Base64Error() | XmlError():
            return Fault(FaultCode.SENDER, str(error))
        case AuditError() | ServiceUnavailable():
            return Fault(FaultCode.RECEIVER, UNAVAILABLE, http_status=503)
        case _:
            return None


def findings_of(error: Exception) -> tuple[Finding, ...] | None:
    """The findings of the RegistryResponse that tells `error`, or None for one that is no answer to the request."""
    match error:
        case RegistryError():
            return error.findings
        case AccessRefused():
            return (error.finding,)
        case RepositoryFull():
            return (Finding(ErrorCode.XDSRepositoryOutOfResources, f"repository: {error.diagnostics()}"),)
        case RepositoryUnavailable():
            return (Finding(ErrorCode.XDSRepositoryError, f"repository: {error.diagnostics()}"),)
        case _:
            return None


def internal_fault(request_id: str) -> Fault:
    """The fault for what nobody expected: it tells the request's number and nothing else."""
    return Fault(FaultCode.RECEIVER, "internal error", detail=f"request {request_id}")


def reason_of(error: Exception) -> str:
    """`error` for the audit log: technical, without anything a document or its metadata say."""
    match error:
        case AuthenticationError():
            return f"{error.subcode}: {error.reason}"
        case RegistryError() | AccessRefused():
            return ", ".join(sorted({found.code.value for found in findings_of(error) or ()}))
        case _:
            fault = fault_of(error)
            return fault.reason if fault else type(error).__name__
