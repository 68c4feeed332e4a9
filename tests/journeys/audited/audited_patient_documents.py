"""Patients' documents, listed, opened, added and changed, performed."""

from __future__ import annotations

from urllib.parse import urlencode

from audited_patient_cases import CASES, GET, SAID, ask_page, connected, names_of, submit
from audited_stage import Names
from audited_village import Audited

from audit.listing import AuditListings
from audit.selection import Selection
from audit.trace import About
from tests.journeys.patients import Someone

# --- Documents --------------------------------------------------------------------------------------------------------


@CASES("accueil")
def _(audited: Audited) -> Names:
    return ask_page(audited, "/")


@CASES("documents")
def _(audited: Audited) -> Names:
    return ask_page(audited, "/documents")


@CASES("synthese")
def _(audited: Audited) -> Names:
    return ask_page(audited, "/synthese")


def _theirs(audited: Audited) -> tuple[Someone, str]:
    """Somebody, and a document of their médecin traitant."""
    somebody, someone = connected(audited)
    file = somebody.paper("medecin-traitant")
    return someone, audited.lps("medecin-traitant").provide([file], somebody.patient).unique_ids[0]


def _own(audited: Audited) -> tuple[Someone, str]:
    """Somebody, and a document that they added."""
    _, someone = connected(audited)
    someone.upload("/documents/ajout", "a.pdf", b"%PDF-1.4 essai", SAID)
    with audited.log.house.database.transaction() as connection:
        events = AuditListings(connection).newest(Selection(about=About((), (someone.patient,))), limit=10)
    return someone, next(each.documents[0] for each in events if each.action == "TD2.1")


def _named(document: str) -> dict[str, str]:
    """The query by which a page finds one document."""
    slots = {"$XDSDocumentEntryUniqueId": [f"('{document}')"]}
    return {"query_id": GET, "query": urlencode(slots, doseq=True), "document": document}


@CASES("documents/one")
def _(audited: Audited) -> Names:
    someone, document = _theirs(audited)
    return ask_page(audited, f"/documents/{document}", someone, **_named(document))


@CASES("documents/one/fichier")
def _(audited: Audited) -> Names:
    someone, document = _theirs(audited)
    return ask_page(audited, f"/documents/{document}/fichier", someone, document=document)


@CASES("documents/one/cda")
def _(audited: Audited) -> Names:
    someone, document = _theirs(audited)
    return ask_page(audited, f"/documents/{document}/cda", someone, document=document)


@CASES("documents/one/cda, none")
def _(audited: Audited) -> Names:
    return ask_page(audited, "/documents/2.25.999/cda", None, 404, absent="2.25.999")


def _new(audited: Audited, names: Names) -> Names:
    """The same, with the set and the document that the newest event names."""
    event = audited.log.new()[-1]
    return {**names, "set": event.submission_sets[0], "document": event.documents[0]}


@CASES("documents/ajout")
def _(audited: Audited) -> Names:
    _, someone = connected(audited)
    submit(audited, someone, "/documents/ajout", {**SAID, "texte": "Pollen"})
    return _new(audited, names_of(audited, someone, "/documents/ajout"))


@CASES("documents/one/remplacement")
def _(audited: Audited) -> Names:
    someone, document = _own(audited)
    path = f"/documents/{document}/remplacement"
    submit(audited, someone, path, {**SAID, "texte": "Pollen"})
    return _new(audited, {**names_of(audited, someone, path), **_named(document)})


def _gesture(audited: Audited, name: str, *before: str, own: bool = False) -> Names:
    someone, document = _own(audited) if own else _theirs(audited)
    for each in before:
        submit(audited, someone, f"/documents/{document}/{each}", {}, form=f"/documents/{document}")
    path = f"/documents/{document}/{name}"
    submit(audited, someone, path, {}, form=f"/documents/{document}")
    return _new(audited, names_of(audited, someone, path, **_named(document)))


@CASES("documents/one/masquage")
def _(audited: Audited) -> Names:
    return _gesture(audited, "masquage")


@CASES("documents/one/demasquage")
def _(audited: Audited) -> Names:
    return _gesture(audited, "demasquage", "masquage")


@CASES("documents/one/archivage")
def _(audited: Audited) -> Names:
    return _gesture(audited, "archivage")


@CASES("documents/one/desarchivage")
def _(audited: Audited) -> Names:
    return _gesture(audited, "desarchivage", "archivage")


@CASES("documents/one/suppression")
def _(audited: Audited) -> Names:
    return _gesture(audited, "suppression", own=True)


def _rectified(audited: Audited, reason: str, status: int) -> Names:
    someone, document = _theirs(audited)
    path = f"/documents/{document}/rectification"
    submit(audited, someone, path, {"motif": reason}, status=status)
    return names_of(audited, someone, path, **_named(document))


@CASES("documents/one/rectification")
def _(audited: Audited) -> Names:
    return _rectified(audited, "Ce n'est pas moi.", 303)


@CASES("documents/one/rectification, without a reason")
def _(audited: Audited) -> Names:
    return _rectified(audited, "", 400)
