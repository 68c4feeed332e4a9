"""When something last happened to the documents of a dossier, as far as somebody may see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Activity:
    """The last documents: when one was `added`, and when the metadata of one were `changed`; None for never."""

    added: datetime | None = None
    changed: datetime | None = None
