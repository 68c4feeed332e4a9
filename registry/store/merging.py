"""Two dossiers become one: every row of the one goes to the other, and metadata name the patient who survives.

Which tables there are is read from their declaration: what has a column `patient` belongs to a dossier, and what has a
`body` beside it may name the patient. sourcePatientId and sourcePatientInfo stay as the source said them.

Source: ITI TF-2 3.44.4.2.4 (expected actions of the Document Registry), 3.18.4.1.2.3.9 (patient identity merge).
"""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from registry.store.tables import CUSTODY, METADATA, PERSON
from schemas.store import FROM, INTO, uniting

PATIENT_ID = "patient_id"  # the attribute, in every body


def unite(connection: sa.Connection, merged: str, into: str) -> None:
    """Gives every row of the dossier `merged` to `into`.

    Of two claims to what a dossier can have only once, such as a version of a document, that of `into` stands.
    """
    for statement in _UNITE:
        connection.execute(statement, {FROM.key: merged, INTO.key: into})


def rename(connection: sa.Connection, dossier: str, before: str, after: str) -> None:
    """Writes the patient `after` where objects of the dossier name `before`, both as `id^^^&OID&ISO`."""
    written = json.dumps(before)[1:-1]  # as it stands in a body
    for table in _BODIES:
        keys = tuple(table.primary_key)
        wanted = sa.select(*keys, table.c.body).where(
            table.c.patient == dossier, table.c.body.contains(written, autoescape=True)
        )
        for row in connection.execute(wanted).all():
            if renamed := _renamed(row.body, before, after):
                same = (key == value for key, value in zip(keys, row, strict=False))
                connection.execute(sa.update(table).where(*same).values(body=renamed))


def hand_over(connection: sa.Connection, dossier: str, before: str, after: str) -> None:
    """Has the person `after` stand where `before` stood behind a document of the dossier, and `before` nowhere."""
    parameters = {FROM.key: before, INTO.key: after, "of_dossier": dossier}
    connection.execute(_BEHIND_BOTH, parameters)
    connection.execute(_HAND_OVER, parameters)


def _renamed(body: str, before: str, after: str) -> str | None:
    """`body` about the patient `after`; None when it is not about `before`. What follows the identifier stays."""
    said: dict[str, Any] = json.loads(body)
    patient = said.get(PATIENT_ID, "")
    if patient != before and not patient.startswith(f"{before}^"):
        return None
    said[PATIENT_ID] = after + patient[len(before) :]
    return json.dumps(said, separators=(",", ":"))


_BODIES = [table for table in METADATA.sorted_tables if {"patient", "body"} <= set(table.c.keys())]
_UNITE = uniting(METADATA, "patient")
_STANDS = (CUSTODY.c.patient == sa.bindparam("of_dossier"), CUSTODY.c.kind == PERSON, CUSTODY.c.identifier == FROM)
_ALREADY = CUSTODY.alias()
_BEHIND_BOTH = CUSTODY.delete().where(
    *_STANDS,
    sa.exists().where(
        _ALREADY.c.patient == CUSTODY.c.patient,
        _ALREADY.c.kind == PERSON,
        _ALREADY.c.identifier == INTO,
        _ALREADY.c.entry == CUSTODY.c.entry,
    ),
)
_HAND_OVER = CUSTODY.update().where(*_STANDS).values(identifier=INTO)
