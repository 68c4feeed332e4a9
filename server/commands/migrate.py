"""`dmp migrate`: creates the database, or brings it up to date."""

from __future__ import annotations

import os

from server.commands import Json, ServerHome, answering, operator, show
from server.configuration import record_migration
from server.home_key import audit_key, home_key
from server.migrations import upgrade
from server.settings import load


def migrate(home: ServerHome = None, as_json: Json = False) -> None:
    """Create the database, or bring it to the revision of this version. Creates the home folder where it is missing."""
    with answering(as_json):
        settings = load({"home": home}, os.environ)
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        before, after = upgrade(settings)
        record_migration(settings, operator(), before, after)
        home_key(settings.home)
        audit_key(settings.home)
        show(as_json, {"before": before, "after": after}, lambda: print_revisions(before, after))


def print_revisions(before: str | None, after: str) -> None:
    """Says what was done."""
    if before == after:
        print(f"Base de données à jour (révision {after}).")  # noqa: T201
    else:
        print(f"Base de données : révision {before or 'aucune'} -> {after}.")  # noqa: T201
