"""What the server runs with, compared with what it last ran with: every change is in the audit log.

Compared are the settings, the affinity domain, the tables of rights, and the files of trust by their SHA-256. Never
compared, nor kept: private keys, passwords and tokens; nor revocation lists, which change every day.

Source: DICOM PS3.15 A.5.3.11 (Security Configuration, Network Configuration, Software Configuration).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path

import sqlalchemy as sa

from audit.event import AuditObject, ObjectKind
from audit.transactions import CONFIGURATION, MIGRATION, RESEAU
from habilitations.decision import Tables
from server.house import House
from server.settings import Settings

FILE = "configuration.json"  # in the home: what the server last ran with
TRUST = ("ca", "server_certificate")  # settings that are files whose content counts
NETWORK = ("https", "http", "unix", "mllp", "reply_to", "pix_consumers", "smtp", "sms_gateway", "portal_address")
_UNTOLD = frozenset({"server_key", "crl"})


def record_changes(house: House, operator: str) -> None:
    """Records what changed since the server last ran, then keeps what it runs with. Raises AuditUnavailable.

    The first time there is nothing to compare with.
    """
    file, now = house.settings.home / FILE, snapshot(house.settings, house.tables)
    before = _kept(file)
    if before == now:
        return
    changes = {name: (before.get(name, ""), now.get(name, "")) for name in sorted(before.keys() | now.keys())}
    changed = {name: pair for name, pair in changes.items() if pair[0] != pair[1]} if before else {}
    network = {name: pair for name, pair in changed.items() if name.partition(".")[0] in NETWORK}
    _record(house, operator, RESEAU, network)
    _record(house, operator, CONFIGURATION, {name: pair for name, pair in changed.items() if name not in network})
    _keep(file, now)


def record_migration(settings: Settings, operator: str, before: str | None, after: str) -> None:
    """Records that the database came to another revision. Raises AuditUnavailable, SettingsError."""
    if before == after:
        return
    house = House.build(settings, anchors=False)
    try:
        told = f"Base de données : révision {before or 'aucune'} -> {after}."
        house.record("operator", MIGRATION, operator, explanation=told)
    finally:
        house.database.dispose()


def snapshot(settings: Settings, tables: Tables) -> Mapping[str, str]:
    """What a server runs with, by name: nothing of it is secret."""
    told = dict(_told("", settings))
    told["database_url"] = sa.make_url(settings.database_url).render_as_string(hide_password=True)
    told |= {name: _fingerprint(getattr(settings, name)) for name in TRUST}
    told |= {f"matrice.{each.version}": _digest(_text(each).encode()) for each in tables.matrices}
    told |= {
        f"droits_fonctionnels.{', '.join(sorted(each.versions.values()))}": _digest(_text(each).encode())
        for each in tables.droits
    }
    return told


def _told(name: str, value: object) -> Iterator[tuple[str, str]]:
    """A setting as text, one that has parts by its parts."""
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            if field.name not in _UNTOLD:
                yield from _told(f"{name}.{field.name}" if name else field.name, getattr(value, field.name))
    elif value is not None:
        yield name, _text(value)


def _text(value: object) -> str:
    """The same text for the same value in every process: no set has an order of its own."""
    if is_dataclass(value) and not isinstance(value, type):
        return " ".join(_text(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, Mapping):
        return ", ".join(sorted(f"{_text(key)}: {_text(each)}" for key, each in value.items()))
    if isinstance(value, set | frozenset):
        return ", ".join(sorted(map(_text, value)))
    if isinstance(value, tuple | list):
        return ", ".join(map(_text, value))
    return str(value.value if isinstance(value, Enum) else value)


def _fingerprint(file: Path) -> str:
    return _digest(file.read_bytes()) if file.is_file() else ""


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _record(house: House, operator: str, act: str, changed: Mapping[str, tuple[str, str]]) -> None:
    if not changed:
        return
    objects = tuple(
        AuditObject(ObjectKind.CONFIGURATION, name, details=(("before", before), ("after", after)))
        for name, (before, after) in changed.items()
    )
    told = f"Configuration changée : {', '.join(changed)}."
    house.record("operator", act, operator, explanation=told, objects=objects)


def _kept(file: Path) -> Mapping[str, str]:
    """What was kept; nothing of a file that is not there, or that cannot be read."""
    try:
        kept = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(value) for name, value in kept.items()} if isinstance(kept, dict) else {}


def _keep(file: Path, told: Mapping[str, str]) -> None:
    """Writes whole or not at all, for the operator alone."""
    new = file.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as written:
        json.dump(dict(told), written, ensure_ascii=False, indent=1)
        written.flush()
        os.fsync(written.fileno())
    new.replace(file)
