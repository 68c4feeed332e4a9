"""Errors as FHIR tells them: the one table of how they sound on this wire.

Source: HL7 FHIR R4, OperationOutcome and RESTful API (http.html, 3.1.0.1.5 to 3.1.0.12); ITI TF-2 3.81.4.2.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from werkzeug.exceptions import HTTPException

from audit.errors import AuditUnavailable
from dmp.errors import AccessRefused, ServiceUnavailable
from pdsm.errors import (
    ContentError,
    FormError,
    ParameterError,
    TokenError,
    UnauthorizedError,
    UnknownIdentifierError,
    UnknownNodeError,
)
from registry.errors import ErrorCode, Finding, RegistryError, Severity
from repository.errors import ContentTooLarge, RepositoryUnavailable
from schemas.strict_json import JsonError
from schemas.xml import XmlError


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue: its code of FHIR, what is wrong, and where in what came."""

    code: str
    diagnostics: str
    expression: str = ""
    severity: str = "error"
    details: str = ""  # the error code of XDS, where there is one


DONE = Issue("informational", "done as asked", severity="information")  # an OperationOutcome is never empty

# Source: HL7 FHIR R4, issue-type, against the status codes of RFC 9110.
_BY_STATUS = {
    400: "structure",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    408: "timeout",
    412: "conflict",
    413: "too-long",
    415: "not-supported",
}
NOT_BELIEVED = "expected an access token that this server believes and that covers the request, got another or none"
NOT_SERVED = "expected a client certificate that this server lets in here, got another or none"
NOT_KNOWN = "expected a client certificate of somebody whom this server knows, got another or none"


def operation_outcome(issues: Iterable[Issue]) -> dict[str, Any]:
    """The OperationOutcome of these issues."""
    written = []
    for each in issues:
        issue: dict[str, Any] = {"severity": each.severity, "code": each.code, "diagnostics": each.diagnostics}
        if each.details:
            issue["details"] = {"coding": [{"code": each.details}]}
        if each.expression:
            issue["expression"] = [each.expression]
        written.append(issue)
    return {"resourceType": "OperationOutcome", "issue": written}


DONE = Issue("informational", "done", severity="information")


# Source: HL7 FHIR R4, issue-type; ITI TF-3 Table 4.2.4.1-2. MHD maps no codes: the first error decides the status.
_BY_CODE = {
    ErrorCode.XDSRegistryBusy: (503, "transient"),
    ErrorCode.XDSRepositoryOutOfResources: (503, "transient"),
    ErrorCode.XDSTooManyResults: (400, "too-costly"),
    ErrorCode.XDSStoredQueryMissingParam: (400, "required"),
    ErrorCode.XDSDuplicateUniqueIdInRegistry: (409, "duplicate"),
    ErrorCode.XDSNonIdenticalHash: (409, "conflict"),
    ErrorCode.XDSMetadataVersionError: (409, "conflict"),
    ErrorCode.DMPAccessDeniedByRightsService: (403, "forbidden"),
}


def findings_told(findings: Iterable[Finding]) -> tuple[int, tuple[Issue, ...]]:
    """Status and issues of what is wrong with a submission or a query."""
    issues, statuses = [], []
    for each in findings:
        status, code = _BY_CODE.get(each.code, (422, "business-rule"))
        severity = "error" if each.severity is Severity.ERROR else "warning"
        if each.severity is Severity.ERROR:
            statuses.append(status)
        issues.append(Issue(code, each.context, severity=severity, details=each.code.value))
    return max(statuses, default=422) if 503 in statuses else next(iter(statuses), 422), tuple(issues)


def told(error: Exception) -> tuple[int, tuple[Issue, ...]] | None:
    """Status and issues of an error that somebody outside may be told; None of one that he may not."""
    match error:
        case ParameterError():
            return 400, (Issue("invalid", error.diagnostics()),)
        case FormError():
            return 406, (Issue("not-supported", error.diagnostics()),)
        case JsonError() | XmlError():
            return 400, (Issue("structure", error.diagnostics()),)
        case ContentError():
            code = _BY_STATUS.get(error.status, "business-rule")
            faults = tuple(Issue(code, wrong, where) for where, wrong in error.faults)
            return error.status, faults or (Issue(code, error.diagnostics()),)
        case UnknownIdentifierError():
            return error.status, (Issue(error.code, str(error), severity=error.severity),)
        case TokenError():
            return 401, (Issue("login", NOT_BELIEVED),)
        case UnknownNodeError():
            return 403, (Issue("forbidden", NOT_SERVED),)
        case UnauthorizedError():
            return 401, (Issue("login", NOT_KNOWN),)
        case AccessRefused():
            return 403, (Issue("forbidden", str(error)),)
        case RegistryError():
            return findings_told(error.findings)
        case ContentTooLarge():
            return 413, (Issue("too-long", error.diagnostics()),)
        case RepositoryUnavailable():
            return 503, (Issue("transient", "documents cannot be stored now: try again"),)
        case AuditUnavailable() | ServiceUnavailable():
            return 503, (Issue("transient", "the audit log cannot be reached now: try again"),)
        case HTTPException():
            status = error.code or 500
            return status, (Issue(_BY_STATUS.get(status, "processing"), error.name),)
    return None
