"""The patient's documents: listed, opened, gathered, added, replaced.

Source: public guides of the DMP (documents, ajouter un document).
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date

from flask import Response, request
from werkzeug.exceptions import NotFound

from cda.body import read_file
from cda.errors import CdaError
from dmp.depot import FORMATS, MAX_COMMENT, MAX_TITLE, DepositError, Upload, types, wrote
from dmp.errors import GestionError
from dmp.rectification import MAX_REASON
from dmp.requests import Opened
from habilitations.action import Action
from identities.requester import PatientId
from portal import documents
from portal.documents import CLASSES, EVERYTHING, PAGE_LENGTH, TYPES, FilterError, Line
from portal.download import download, reading
from portal.errors import of_finding
from portal.patient_door import PatientDoor
from portal.patient_visit import Visit
from portal.reading import as_page
from portal.synthesis import chapters
from registry.errors import RegistryError
from registry.metadata import AvailabilityStatus, DocumentEntry
from registry.stored_query import GetDocuments, ReturnType
from schemas import oids

MASQUE_PS = ("MASQUE_PS", oids.CONFIDENTIALITE_CISIS)  # TRE_A07
LAST_DOCUMENTS = 5
IN_MEMORY = 1024 * 1024  # bytes of a file that is being taken out of its document
ENCLOSING = "urn:ihe:iti:xds-sd", "urn:ihe:iti-fr:xds-sd"  # formats of documents of level 1. Source: ANS, ASS_A11


_LIVING = (AvailabilityStatus.APPROVED, AvailabilityStatus.ARCHIVED)
GESTURES = {
    "masquage": Action.TD3_3A_MASQUER,
    "demasquage": Action.TD3_3A_DEMASQUER,
    "archivage": Action.TD3_3D_ARCHIVER,
    "desarchivage": Action.TD3_3D_DESARCHIVER,
}


@dataclass(frozen=True, slots=True)
class Document:
    """One document as its page shows it. `own` is whether the patient deposited it, `enclosed` whether it is a file."""

    entry: DocumentEntry
    line: Line
    own: bool

    @property
    def enclosed(self) -> bool:
        return self.entry.format_code.code.startswith(ENCLOSING)

    @property
    def current(self) -> bool:
        return self.entry.availability_status is AvailabilityStatus.APPROVED

    @property
    def gestures(self) -> tuple[str, ...]:
        """What may be done to it at once, by the names of GESTURES; what may be done indeed, the hall decides."""
        if self.entry.availability_status not in _LIVING:
            return ()
        masked = MASQUE_PS in {(code.code, code.scheme) for code in self.entry.confidentiality_codes}
        return "demasquage" if masked else "masquage", "archivage" if self.current else "desarchivage"


class DocumentPages:
    """The pages, bound to the ports of a door."""

    def __init__(self, door: PatientDoor) -> None:
        self._door = door

    def home(self, visit: Visit) -> Response:
        """The last documents."""
        query = documents.query(_patient(visit), EVERYTHING)
        told = self._door.search(visit.requester, visit.asks("TD3.1"), query)
        return visit.show("accueil.html", lines=documents.lines(told, EVERYTHING)[:LAST_DOCUMENTS])

    def list(self, visit: Visit) -> Response:
        """All documents, by what the form asks."""
        problem, filters, found = "", EVERYTHING, list[Line]()
        try:
            filters = replace(documents.read_filters(visit.given), masked=True)
            query = documents.query(_patient(visit), filters)
            found = documents.lines(self._door.search(visit.requester, visit.asks("TD3.1"), query), filters)
        except FilterError as wrong:
            problem = str(wrong)
        first = (filters.page - 1) * PAGE_LENGTH
        asked = {name: visit.given.get(name, "") for name in ("du", "au", "type", "classe", "auteur")}
        asked |= {"archives": "oui"} if "archives" in visit.given else {}
        return visit.show(
            "documents.html",
            400 if problem else 200,
            problem=problem,
            asked=asked,
            page=filters.page,
            lines=found[first : first + PAGE_LENGTH],
            total=len(found),
            more=len(found) > first + PAGE_LENGTH,
            types=documents.choices(TYPES),
            classes=documents.choices(CLASSES),
        )

    def synthesis(self, visit: Visit) -> Response:
        """What the documents say, gathered."""
        said = self._door.synthesis(visit.requester, visit.asks("TD3.2"), _patient(visit))
        return visit.show("synthese.html", chapters=chapters(said), unread=said.unread)

    def one(self, visit: Visit, unique_id: str) -> Response:
        """One document, and what can be done with it."""
        return visit.show("document.html", document=self._document(visit, unique_id))

    def read(self, visit: Visit, unique_id: str) -> Response:
        """The document as a page."""
        return as_page(self._opened(visit, unique_id), unique_id)

    def stored(self, visit: Visit, unique_id: str) -> Response:
        """The document as it is kept."""
        opened = self._opened(visit, unique_id)
        return download(opened.chunks, opened.size, opened.mime_type, unique_id)

    def file(self, visit: Visit, unique_id: str) -> Response:
        """The file inside a document of level 1."""
        opened = self._opened(visit, unique_id)
        with ExitStack() as stack:
            taken = stack.enter_context(tempfile.SpooledTemporaryFile(IN_MEMORY))
            try:
                media_type = read_file(opened.chunks, taken.write)
            except CdaError:
                media_type = ""
            if not media_type:
                raise NotFound
            size = taken.tell()
            taken.seek(0)
            stack.pop_all()
            return download(reading(taken), size, media_type, unique_id)

    def add(self, visit: Visit, unique_id: str = "") -> Response:
        """A document added, or with the uniqueId of one's own, put in its place."""
        former = self._document(visit, unique_id) if unique_id else None
        if not visit.posted:
            return self._form(visit, former, "")
        try:
            upload = _upload(visit)
            made = self._door.add(visit.requester, visit.asks("TD2.1"), upload, former.entry if former else None)
        except DepositError as error:
            return self._form(visit, former, str(error))
        except RegistryError as error:
            return self._form(visit, former, of_finding(error.findings[0]).sentence)
        return visit.go("documents", made)

    def gesture(self, visit: Visit, unique_id: str, name: str) -> Response:
        """A document masked or unmasked, archived or unarchived."""
        document, action = self._document(visit, unique_id), GESTURES[name]
        self._door.gesture(visit.requester, visit.asks("TD3.3"), document.entry, action)
        return visit.go("documents", unique_id)

    def delete(self, visit: Visit, unique_id: str) -> Response:
        """One's own document deleted, once that is confirmed."""
        document = self._document(visit, unique_id)
        if not visit.posted:
            return visit.show("suppression.html", document=document)
        self._door.gesture(visit.requester, visit.asks("TD3.3"), document.entry, Action.TD3_3C)
        return visit.go("documents")

    def rectify(self, visit: Visit, unique_id: str) -> Response:
        """The author of a document asked to put it right."""
        document, problem = self._document(visit, unique_id), ""
        if visit.posted:
            try:
                self._door.rectify(
                    visit.requester, visit.asks("VD/rectification"), unique_id, visit.given.get("motif", "")
                )
                return visit.go("documents", unique_id)
            except GestionError as error:
                problem = str(error)
        said = visit.given.get("motif", "")
        shown = {"document": document, "problem": problem, "said": said, "longest": MAX_REASON}
        return visit.show("rectification.html", 400 if problem else 200, **shown)

    def _form(self, visit: Visit, former: Document | None, problem: str) -> Response:
        said = {"titre": former.entry.title, "type": former.entry.type_code.code} if former else {}
        fields = ("titre", "type", "date", "commentaire")
        return visit.show(
            "ajout.html",
            400 if problem else 200,
            problem=problem,
            former=former,
            said={name: visit.given.get(name, said.get(name, "")) for name in fields},
            masked="masque" in visit.given,
            types=types(),
            formats=sorted(FORMATS),
            longest_title=MAX_TITLE,
            longest_comment=MAX_COMMENT,
        )

    def _document(self, visit: Visit, unique_id: str) -> Document:
        """One document that the requester finds. Raises NotFound for any other."""
        query = GetDocuments(return_type=ReturnType.LEAF_CLASS, unique_ids=(unique_id,))
        for entry in self._door.search(visit.requester, visit.asks("TD3.1"), query):
            if isinstance(entry, DocumentEntry):
                return Document(entry, documents.line(entry), wrote([_patient(visit)], entry))
        raise NotFound

    def _opened(self, visit: Visit, unique_id: str) -> Opened:
        opened = self._door.open(visit.requester, visit.asks("TD3.2"), unique_id)
        if not isinstance(opened, Opened):
            raise NotFound
        return opened


def _patient(visit: Visit) -> PatientId:
    """Whose DMP it is: whoever is connected is connected to one."""
    if visit.requester.patient is None:
        raise LookupError("expected a patient, got none")
    return visit.requester.patient


def _upload(visit: Visit) -> Upload:
    """What the form brings: a file, or a text that was written in it. Raises DepositError."""
    file, text = request.files.get("fichier"), visit.given.get("texte", "")
    try:
        day = date.fromisoformat(visit.given.get("date", ""))
    except ValueError:
        raise DepositError("Donnez la date du document, sous la forme AAAA-MM-JJ.") from None
    if file is not None and file.filename:
        name, content = file.filename, file.stream.read()
    elif text.strip():
        name, content = "texte.txt", text.encode()
    else:
        raise DepositError("Joignez un fichier ou rédigez un texte.")
    return Upload(
        name=name,
        content=content,
        title=" ".join(visit.given.get("titre", "").split()),
        type_code=visit.given.get("type", ""),
        day=day,
        comments=" ".join(visit.given.get("commentaire", "").split()),
        masked="masque" in visit.given,
    )
