"""TD2.1, the patient's way: a file that the patient, or a legal representative, adds to the DMP or puts in the place of
one they added.

What they upload is wrapped as a CDA document of level 1 of which the patient is the author; from there on it is a
submission as any other.

Source: public guides of the DMP (5 Mo; jpeg, jpg, txt, pdf, rtf, tif, tiff; title of 255 characters, comment of 1000);
GIE SESAM-Vitale, TD2.1a and TD2.1b; ANS, JDV_J66 (types of what patients deposit).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from audit.event import Call
from cda.deposit import EXP_PATIENT, Deposit, Version, write_deposit
from cda.document import read_document
from cda.header import read_header
from cda.hl7 import escape
from cda.metadata import document_entry
from dmp.alimentation import Alimentation
from dmp.requests import Lot
from dmp.submissions import UNKNOWN_PATIENT
from habilitations.action import Action
from identities.dossier import Dossier
from identities.representation import PARIS
from identities.requester import Authentication, PatientId, Requester
from registry.errors import RegistryError
from registry.metadata import (
    Association,
    AssociationType,
    Author,
    Code,
    DocumentEntry,
    Submission,
    SubmissionSet,
)
from registry.relationships import ORIGINAL
from registry.scope import MASQUE_PS
from schemas import oids
from schemas.value_sets import Concept, ValueSets

MAX_BYTES = 5 * 1024 * 1024
MAX_TITLE, MAX_COMMENT = 255, 1000  # characters
PDF, TEXT, RTF, JPEG, TIFF = "application/pdf", "text/plain", "text/rtf", "image/jpeg", "image/tiff"
FORMATS = {"pdf": PDF, "txt": TEXT, "rtf": RTF, "jpg": JPEG, "jpeg": JPEG, "tif": TIFF, "tiff": TIFF}
_BEGINNINGS = {PDF: (b"%PDF-",), RTF: (b"{\\rtf",), JPEG: (b"\xff\xd8\xff",), TIFF: (b"II*\x00", b"MM\x00*")}
_TYPES = frozenset({*(f"DOCPAT0{number}" for number in (1, 2, 3, 4, 5, 6, 7, 9)), "EXPPAT_1", "EXPPAT_2", "EXPPAT_3"})


class DepositError(ValueError):
    """A file, or what is said of it, that cannot be taken; the message is a French sentence for who uploads it."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file, and what its depositor says of it. `name` is the file's, `type_code` one of `types`."""

    name: str
    content: bytes
    title: str
    type_code: str
    day: date
    comments: str = ""
    masked: bool = False


def types() -> tuple[Concept, ...]:
    """The types that a patient may give to what they deposit."""
    return tuple(each for each in ValueSets.load().concepts("type_document") if each.code in _TYPES)


@dataclass(frozen=True, slots=True)
class Depot:
    """The use case, over that of every submission."""

    alimentation: Alimentation

    def add(self, requester: Requester, call: Call, upload: Upload, former: DocumentEntry | None = None) -> str:
        """Adds `upload`, in the place of `former` when there is one; its uniqueId.

        Raises DepositError, AccessRefused, RegistryError.
        """
        gate = self.alimentation.gate
        media_type, content = read_file(upload.name, upload.content)
        type_code = _check(upload, gate.now())
        with gate.preparation(requester, Action.TD2_1, call):
            dossier = self._dossier(requester, call)
        if former is not None and not wrote(dossier.identifiers, former):
            raise DepositError("Seul l'auteur d'un document le remplace.")
        with gate.preparation(requester, Action.TD2_1, call):
            deposit = Deposit(
                version=(Version.after(former.unique_id) if former else None) or Version(_new_oid()),
                type_code=type_code,
                title=upload.title,
                made=gate.now(),
                day=upload.day,
                patient=dossier.ins,
                traits=dossier.traits,
                media_type=media_type,
                content=content,
                replaces=former.unique_id if former else "",
            )
            data = write_deposit(deposit)
            entry = document_entry(
                read_header(read_document([data])),
                entry_uuid=new_uuid(),
                patient=dossier.ins,
                visibility=[Code(*MASQUE_PS)] if upload.masked else [],
                comments=upload.comments,
            )
            staged = gate.stage()
        try:
            staged.write(data)
            own = submission_set(requester, entry.patient_id, gate.now())
            lot = Lot(_submission(own, entry, former), {entry.entry_uuid: staged})
            self.alimentation.provide(requester, call, lot)
        finally:
            staged.discard()
        return entry.unique_id

    def _dossier(self, requester: Requester, call: Call) -> Dossier:
        """Whose document it will be. Raises RegistryError when there is nobody any more."""
        with self.alimentation.gate.identification(call, requester) as attempt:
            patient = requester.patient
            dossier = attempt.rooms.identities.dossier(patient) if patient else None
        if dossier is None:
            raise RegistryError([UNKNOWN_PATIENT])
        return dossier


def wrote(patients: Iterable[PatientId], entry: DocumentEntry) -> bool:
    """Whether the patient, under any of these identifiers, is an author of a document."""
    return not {each.value for each in patients}.isdisjoint(author.person_id for author in entry.authors)


def read_file(name: str, content: bytes) -> tuple[str, bytes]:
    """The media type of a file, which its content must bear out, and the bytes to keep. Raises DepositError."""
    media_type = FORMATS.get(name.rpartition(".")[2].lower())
    if media_type is None:
        raise DepositError(f"Formats acceptés : {', '.join(sorted(FORMATS))}.")
    if not content:
        raise DepositError("Le fichier est vide.")
    if len(content) > MAX_BYTES:
        raise DepositError("Le fichier dépasse 5 Mo.")
    if media_type == TEXT:
        return TEXT, _text(content)
    if not content.startswith(_BEGINNINGS[media_type]):
        raise DepositError("Le contenu du fichier n'est pas dans le format que son nom annonce.")
    return media_type, content


def _text(content: bytes) -> bytes:
    """A text in UTF-8, whichever of two encodings it came in."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    if any(not character.isprintable() and character not in "\t\r\n\f" for character in text):
        raise DepositError("Le contenu du fichier n'est pas du texte.")
    return text.encode()


def _check(upload: Upload, now: datetime) -> Code:
    """The type, once what is said of the file can be taken. Raises DepositError."""
    for name, text, most in (("titre", upload.title, MAX_TITLE), ("commentaire", upload.comments, MAX_COMMENT)):
        if len(text) > most:
            raise DepositError(f"Le {name} a {most} caractères au plus.")
        if not text.isprintable():
            raise DepositError(f"Le {name} contient un caractère qui ne s'imprime pas.")
    if not upload.title.strip():
        raise DepositError("Donnez un titre au document.")
    if upload.day > now.astimezone(PARIS).date():
        raise DepositError("La date du document est dans l'avenir.")
    found = next((each for each in types() if each.code == upload.type_code), None)
    if found is None:
        raise DepositError("Choisissez le type du document.")
    return Code(found.code, found.scheme, found.label)


def submission_set(requester: Requester, patient_id: str, now: datetime) -> SubmissionSet:
    """What a patient, or a representative, asks of the registry, as a submission set of theirs."""
    patient, name = requester.patient, escape(requester.name)
    person = f"^{name}"
    if requester.authentication is Authentication.PATIENT and patient is not None:
        person = f"{escape(patient.value)}^{name}^^^^^^^&{patient.authority}&ISO^D^^^NH"
    return SubmissionSet(
        entry_uuid=new_uuid(),
        unique_id=_new_oid(),
        patient_id=patient_id,
        source_id=oids.DMP_DEVICE,
        submission_time=f"{now:%Y%m%d%H%M%S}",
        content_type_code=EXP_PATIENT,
        authors=(Author(person),),
    )


def new_uuid() -> str:
    """A new entryUUID."""
    return uuid.uuid4().urn


def _submission(own: SubmissionSet, entry: DocumentEntry, former: DocumentEntry | None) -> Submission:
    member = Association(new_uuid(), AssociationType.HAS_MEMBER, own.entry_uuid, entry.entry_uuid, ORIGINAL)
    associations = [member]
    if former is not None:
        associations.append(Association(new_uuid(), AssociationType.RPLC, entry.entry_uuid, former.entry_uuid))
    return Submission(own, (entry,), associations=tuple(associations))


def _new_oid() -> str:
    return f"{oids.UUID_ARC}.{uuid.uuid4().int}"
