"""The RegistryResponse every XDS.b answer is or holds: a status, and everything found wrong.

Source: ITI TF-3 4.2.4 (success and error reporting), Tables 4.2.4.1-2 and 4.2.4.2-1; ebRS 3.0 §2.1.
"""

from __future__ import annotations

from collections.abc import Iterable

from ihe.identifiers import FAILURE, QUERY, RIM, RS, SUCCESS, XDS
from ihe.markup import attribute
from registry.errors import Finding, Severity

NAMESPACES = f'xmlns:rs="{RS}" xmlns:rim="{RIM}" xmlns:query="{QUERY}" xmlns:xds="{XDS}"'


def write_registry_response(findings: Iterable[Finding] = ()) -> bytes:
    """An rs:RegistryResponse with its namespaces: Failure when a finding is an error, Success otherwise."""
    found = tuple(findings)
    status = FAILURE if any(one.severity is Severity.ERROR for one in found) else SUCCESS
    return f'<rs:RegistryResponse xmlns:rs="{RS}" status="{status}">{error_list(found)}</rs:RegistryResponse>'.encode()


def error_list(findings: Iterable[Finding]) -> str:
    """An rs:RegistryErrorList, or nothing when nothing was found; the prefix `rs` must be bound.

    highestSeverity is the most severe of the list, and the bodies of RegistryError are empty.
    """
    found = tuple(findings)
    if not found:
        return ""
    severities = {one.severity for one in found}
    highest = Severity.ERROR if Severity.ERROR in severities else Severity.WARNING
    errors = "".join(map(_error, found))
    return f'<rs:RegistryErrorList highestSeverity="{highest.value}">{errors}</rs:RegistryErrorList>'


def _error(found: Finding) -> str:
    location = f' location="{attribute(found.location)}"' if found.location else ""
    return (
        f'<rs:RegistryError codeContext="{attribute(found.context)}" errorCode="{found.code.value}" '
        f'severity="{found.severity.value}"{location}/>'
    )
