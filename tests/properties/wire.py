"""Between the model and the registry: messages made of the model's values, and answers told in its words."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from flask.testing import FlaskClient

from registry.metadata import (
    Association,
    AssociationType,
    Author,
    Code,
    DocumentEntry,
    Folder,
    RegistryObject,
    Submission,
)
from registry.metadata import SubmissionSet as RegisteredSet
from registry.scope import MASQUE_PS
from registry.store.tables import ASSOCIATION
from server.app import create_app
from server.house import House
from server.migrations import upgrade
from server.settings import Exposure, load
from tests.connectathon import CODE, Node, association, document, folder, submission
from tests.properties.model import HAS_MEMBER, SIGNS, Doc, Fold, Found, Link, Set, describe

MASKED = MASQUE_PS[0]
TYPES = {kind.name: kind for kind in AssociationType} | {
    SIGNS: AssociationType.SIGNS,
    HAS_MEMBER: AssociationType.HAS_MEMBER,
}
_NAMES = {kind: name for name, kind in TYPES.items()}


@dataclass
class Door(Node):
    """A node that talks to the application in this process: the same bytes, no socket."""

    client: FlaskClient | None = None

    def post(self, path: str, body: bytes, content_type: str) -> tuple[int, str, bytes]:
        assert self.client is not None
        response = self.client.post(path, data=body, content_type=content_type)
        return response.status_code, response.content_type, response.data


def uuid_urn() -> str:
    return f"urn:uuid:{uuid.uuid4()}"


@dataclass(frozen=True)
class Keeper:
    """What the registry keeps of links, by their ids."""

    house: House

    def described(self, objects: Sequence[RegistryObject]) -> tuple[list[str], ...]:
        """The objects of an answer, in the words of the model."""
        found = Found()
        links: list[str] = []
        for item in objects:
            match item:
                case DocumentEntry():
                    status = item.availability_status.name.capitalize()
                    found.docs.append(
                        Doc(item.entry_uuid, "", item.patient_id, "", "", status=status, version=item.version)
                    )
                case RegisteredSet():
                    found.sets.append(Set(item.entry_uuid, "", item.patient_id, "", ""))
                case Folder():
                    status = item.availability_status.name.capitalize()
                    found.folders.append(Fold(item.entry_uuid, "", item.patient_id, (), status))
                case Association():
                    links.append(describe(self._link(item.entry_uuid)))
        docs, sets, folders, _ = found.described()
        return docs, sets, folders, sorted(links)

    def ids(self, link: Link) -> list[str]:
        """The ids under which the registry keeps that link."""
        targets = self.ids(link.target) if isinstance(link.target, Link) else [link.target]
        found = ASSOCIATION.select().where(
            ASSOCIATION.c.type == TYPES[link.type],
            ASSOCIATION.c.source == link.source,
            ASSOCIATION.c.target.in_(targets),
        )
        with self.house.database.transaction() as connection:
            return [row.entry_uuid for row in connection.execute(found)]

    def _link(self, entry_uuid: str) -> Link:
        """The link that the registry keeps under that id."""
        with self.house.database.transaction() as connection:
            row = connection.execute(ASSOCIATION.select().where(ASSOCIATION.c.entry_uuid == entry_uuid)).one()
            of_link = connection.execute(ASSOCIATION.select().where(ASSOCIATION.c.entry_uuid == row.target)).first()
        return Link(_NAMES[row.type], row.source, self._link(row.target) if of_link else row.target)


def submitted(one: Set, docs: Sequence[Doc], folders: Sequence[Fold], links: Sequence[Link]) -> Submission:
    items = [
        *map(_entry, docs),
        *(
            folder(each.patient, each.uuid, unique_id=each.unique_id, codes=tuple(map(code_of, each.codes)))
            for each in folders
        ),
        *(association(TYPES[link.type], link.source, str(link.target)) for link in links),
    ]
    return in_set(one, *items)


def in_set(one: Set, *items: DocumentEntry | Folder | Association) -> Submission:
    return submission(
        *items,
        patient=one.patient,
        entry_uuid=one.uuid,
        unique_id=one.unique_id,
        submission_time=one.submission_time,
        content_type_code=code_of(one.content_type),
    )


def code_of(code: str) -> Code:
    return Code(code, CODE.scheme, code)


def _entry(doc: Doc) -> DocumentEntry:
    return document(
        doc.patient,
        doc.uuid,
        unique_id=doc.unique_id,
        type_code=code_of(doc.type_code),
        class_code=code_of(doc.class_code),
        confidentiality_codes=tuple(
            Code(*MASQUE_PS, "masked") if code == MASKED else Code(code, "2.16.840.1.113883.5.25", code)
            for code in doc.confidentiality
        ),
        event_codes=tuple(map(code_of, doc.event_codes)),
        authors=(Author(person=doc.author),),
        creation_time=doc.creation_time,
        service_start_time=doc.service_start,
        service_stop_time=doc.service_stop,
        reference_ids=doc.reference_ids,
    )


@contextmanager
def application(home: Path) -> Iterator[tuple[Door, House]]:
    """The application of an IHE domain in this process, and its house."""
    home.mkdir()
    loaded = load({"home": home, "domain": "ihe-connectathon", "http": "127.0.0.1:1"}, {})
    upgrade(loaded)
    house = House.build(loaded, anchors=False)
    door = Door(0, loaded.home, loaded)
    door.client = create_app(loaded, Exposure.LOOPBACK).test_client()
    try:
        yield door, house
    finally:
        house.database.dispose()


def updated(one: Set, new: Doc, previous: int, propagates: bool) -> Submission:
    """An ITI-57 request: the new version, held with the number of the version that it supersedes."""
    slots = (("PreviousVersion", (str(previous),)), ("AssociationPropagation", ("yes" if propagates else "no",)))
    entry = replace(_entry(new), logical_id=new.lid)
    made = in_set(one, entry)
    held = tuple(replace(each, extra_slots=slots) for each in made.associations)
    return replace(made, associations=held)
