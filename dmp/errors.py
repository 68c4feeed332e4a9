"""What the hall refuses, as the wire may hear it. The reasons in full are in the audit log only."""

from __future__ import annotations

from registry.errors import Finding


class AccessRefused(Exception):
    """A decision, not a fault: the requester may not do this. `finding` is all that may be said on the wire."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.context)
        self.finding = finding
