"""What the hall refuses, as the wire may hear it. The reasons in full are in the audit log only."""

from __future__ import annotations

from audit.event import Outcome
from registry.errors import Finding
from schemas.errors import UnexpectedError


class AccessRefused(Exception):
    """A decision, not a fault: the requester may not do this. `finding` is all that may be said on the wire."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.context)
        self.finding = finding


class AuthenticationRefused(Exception):
    """Somebody did not prove who they are. They are told `sentence`, in French; `rule` is for the audit log alone."""

    def __init__(self, rule: str, sentence: str, outcome: Outcome = Outcome.MINOR_FAILURE) -> None:
        super().__init__(rule)
        self.rule, self.sentence, self.outcome = rule, sentence, outcome


class GestionError(ValueError):
    """An act that the state of a dossier does not allow; the message is a French sentence for who acts, without health
    data."""


class ServiceUnavailable(UnexpectedError):
    """The house cannot work now: its database is full, gone or failing. Nothing may be answered but that."""


class PrintingError(Exception):
    """A paper that cannot be made; the message is a French sentence for who asked for it. `passing`: now, not ever."""

    def __init__(self, sentence: str, *, passing: bool) -> None:
        super().__init__(sentence)
        self.passing = passing
