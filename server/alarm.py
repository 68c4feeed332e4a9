"""The alarm of the audit log: a file in the home that says what was found, and makes the server unhealthy.

It stays until an operator has looked at it (`dmp audit resume`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from audit.findings import Finding, Kind
from server.durable import replace_file

FILE = "audit.alarm"


def raised(home: Path) -> bool:
    """Whether the audit log of that home was found tampered with."""
    return (home / FILE).exists()


def raise_alarm(home: Path, finding: Finding, instant: str) -> None:
    """Says what was found. The first finding stands."""
    if not raised(home):
        told = {"kind": finding.kind.value, "first": finding.first, "last": finding.last, "detail": finding.detail}
        replace_file(home / FILE, json.dumps({**told, "instant": instant}) + "\n")


def read_alarm(home: Path) -> tuple[Finding, str] | None:
    """What was found, and when; None while nothing was."""
    if not raised(home):
        return None
    told: dict[str, Any] = json.loads((home / FILE).read_text("utf-8"))
    return Finding(Kind(told["kind"]), told["first"], told["last"], told["detail"]), told["instant"]


def silence(home: Path) -> None:
    """Takes the alarm back."""
    (home / FILE).unlink(missing_ok=True)
