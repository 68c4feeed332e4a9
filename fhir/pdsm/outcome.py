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
from pdsm.errors import ContentError, ParameterError, TokenError, UnknownNodeError
from registry.errors import RegistryError
from schemas.strict_json import JsonError


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue: its code of FHIR, what is wrong, and where in what came."""

    code: str
    diagnostics: str
    expression: str = ""
    severity: str = "error"


# Source: HL7 FHIR R4, issue-type, against the status codes of RFC 9110.
_BY_STATUS = {
    400: "structure",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    408: "timeout",
    413: "too-long",
    415: "not-supported",
}
NOT_BELIEVED = "expected an access token that this server believes and that covers the request, got another or none"
NOT_SERVED = "expected a client certificate that this server lets in here, got another or none"


def operation_outcome(issues: Iterable[Issue]) -> dict[str, Any]:
    """The OperationOutcome of these issues."""
    written = []
    for each in issues:
        issue: dict[str, Any] = {"severity": each.severity, "code": each.code, "diagnostics": each.diagnostics}
        if each.expression:
            issue["expression"] = [each.expression]
        written.append(issue)
    return {"resourceType": "OperationOutcome", "issue": written}


def told(error: Exception) -> tuple[int, tuple[Issue, ...]] | None:
    """Status and issues of an error that somebody outside may be told; None of one that he may not."""
    match error:
        case ParameterError():
            return 400, (Issue("invalid", error.diagnostics()),)
        case JsonError():
            return 400, (Issue("structure", error.diagnostics()),)
        case ContentError():
            faults = tuple(Issue("structure", wrong, where) for where, wrong in error.faults)
            return 400, faults or (Issue("structure", error.diagnostics()),)
        case TokenError():
            return 401, (Issue("login", NOT_BELIEVED),)
        case UnknownNodeError():
            return 403, (Issue("forbidden", NOT_SERVED),)
        case AccessRefused():
            return 403, (Issue("forbidden", str(error)),)
        case AuditUnavailable() | ServiceUnavailable() | RegistryError():
            return 503, (Issue("transient", "the audit log cannot be reached now: try again"),)
        case HTTPException():
            status = error.code or 500
            return status, (Issue(_BY_STATUS.get(status, "processing"), error.name),)
    return None
