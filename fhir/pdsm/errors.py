"""What the FHIR door refuses by itself, before anything is asked of the hall."""

from __future__ import annotations

from schemas.errors import UnexpectedError


class ParameterError(UnexpectedError):
    """A search parameter that cannot be understood. `parameter` is its name, as it came."""

    def __init__(self, parameter: str, expected: str, got: str) -> None:
        super().__init__(expected, got)
        self.parameter = parameter

    def diagnostics(self) -> str:
        """Which parameter, and both."""
        return f"{self.parameter}: {super().diagnostics()}"


class ContentError(UnexpectedError):
    """A body that is not what the transaction takes. `faults` are paths in it, each with what is wrong there.

    `status` tells what is no resource (400) from what no rule lets be done with one (422).
    """

    def __init__(self, expected: str, got: str, faults: tuple[tuple[str, str], ...] = (), *, status: int = 400) -> None:
        super().__init__(expected, got)
        self.faults, self.status = faults, status


class FormError(UnexpectedError):
    """A resource that cannot be told in the form that was asked for."""


class UnknownIdentifierError(Exception):
    """An identifier, or an authority, that is not known here: told as the guides print it.

    `code` and `severity` are those of the issue. Source: PIXm 3.1, 2:3.83.4.2.2.2 to 4; PDQm 3.2, 2:3.78.4.1.3, case 4.
    """

    def __init__(self, status: int, code: str, diagnostics: str, severity: str = "error") -> None:
        super().__init__(diagnostics)
        self.status, self.code, self.severity = status, code, severity


class UnauthorizedError(Exception):
    """Nobody who is known asks for documents. The message is technical, for the audit log."""


class UnknownNodeError(Exception):
    """Nobody whom this door serves. The message is technical, for the audit log.

    `subject` is that of the certificate that was shown and is believed, '' without one.
    """

    def __init__(self, reason: str, subject: str = "") -> None:
        super().__init__(reason)
        self.subject = subject


class TokenError(UnauthorizedError, UnknownNodeError):
    """An access token that lets nobody in, or none where one is needed. `code` is that of RFC 6750 §3.1, '' for none.

    `scope` is what a token needs that is good in all else.
    """

    def __init__(self, reason: str, code: str = "invalid_token", *, scope: str = "") -> None:
        super().__init__(reason)
        self.code, self.scope = code, scope
