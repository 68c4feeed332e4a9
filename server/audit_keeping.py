"""What the settings say of how the audit log is kept: who witnesses it, and how long its records stay.

Source: CSP L.1142-28 (ten years to claim for damage); C2SP tlog-checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ihe.reply import Address
from server.channels import receiver_url

WITNESS, RETENTION_YEARS = "audit_witness", "audit_retention_years"
KEEPING_KEYS = frozenset({WITNESS, RETENTION_YEARS})
YEARS = 10


@dataclass(frozen=True, slots=True)
class Keeping:
    """Files and addresses that get every signed head; after how many years `dmp audit prune` seals records away."""

    witness_files: tuple[Path, ...] = ()
    witness_urls: tuple[Address, ...] = ()
    retention_years: int = YEARS


DEFAULT = Keeping()


def read_keeping(given: Mapping[str, object], home: Path, problems: list[str]) -> Keeping:
    """The settings of that kind among those `given`. What is wrong is added to `problems`.

    A witness is an https URL, or an http one of this machine, or else the path of a file; a relative one is in home.
    """
    files, urls = list[Path](), list[Address]()
    value = given.get(WITNESS, ())
    for text in value if isinstance(value, list | tuple) else str(value).split(","):
        witness = str(text).strip()
        try:
            if "://" in witness:
                urls.append(receiver_url(witness))
            elif witness:
                files.append(home / Path(witness).expanduser())
        except ValueError as error:
            problems.append(f"{WITNESS}: expected {error}, got {value}")
    years = str(given.get(RETENTION_YEARS, YEARS))
    if not years.isdecimal() or not 1 <= int(years) <= 1000:
        problems.append(f"{RETENTION_YEARS}: expected a whole number from 1, got {years}")
        return DEFAULT
    return Keeping(tuple(files), tuple(urls), int(years))
