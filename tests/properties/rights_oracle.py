"""Who may see what in a DMP, written down from the public texts by somebody who never read the code.

Plain values, plain conditions, one after the other; no table, no Scope. Slow, long-winded, and independent: it knows
nothing of `habilitations`.

Source: GIE SESAM-Vitale, PDT-INF-526 v1.8 and PDT-INF-606 v1.3 with their notes; CSP L.1110-4, L.1111-14 to L.1111-19,
R.1111-46; public guides of the DMP (masked documents, emergency access, médecin traitant, legal representatives).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Who:
    """Somebody who asks. `kind` is one of KINDS, `by` how they were authenticated."""

    kind: str  # medecin, medecin_du_travail, autre_ps, secretaire, structure, patient, representant
    profession: str = ""
    specialty: str = ""
    by: str = "carte"  # carte, certificat, air, compte
    mode: str = "normal"
    reason: str = "patient inconscient"


@dataclass(frozen=True)
class Said:
    """What the patient said, as far as this person and their structure are concerned."""

    person_authorised: str = "no"  # no, yes, expired
    structure_authorised: str = "no"
    blocked: bool = False
    medecin_traitant: bool = False
    centre_15: bool = True
    bris_de_glace: bool = True
    masked_in_emergency: bool = False
    closed: bool = False


@dataclass(frozen=True)
class Document:
    """A document. `of` says whose it is: mine (I am an author, or deposited it), my structure's, or somebody else's."""

    kind: str
    of: str = "others"  # me, my_structure, others
    masked: bool = False
    hidden_from_patient: bool = False
    hidden_from_representatives: bool = False
    status: str = "Approved"


Matrix = Mapping[tuple[str, str], bool]  # (profession, type) and (profession/specialty, type)


def opens(who: Who, said: Said, document: Document, matrix: Matrix) -> bool:
    """Whether this person may read this document."""
    if said.closed:
        return False
    if who.kind == "patient":
        return document.status != "Deleted" and not document.hidden_from_patient
    if who.kind == "representant":
        hidden = document.hidden_from_patient or document.hidden_from_representatives
        return document.status != "Deleted" and not hidden
    if who.kind in ("secretaire", "structure", "medecin_du_travail"):
        return False
    if not _let_in(who, said):
        return False
    if not _type_is_open(who, document, matrix):
        return False
    if not document.masked:
        return True
    if who.mode != "normal":
        return said.masked_in_emergency  # the switch of the mode itself was needed to get in
    if _treats(who, said):
        return True
    return document.of == "me"


def lists(who: Who, said: Said, document: Document, matrix: Matrix) -> bool:
    """Whether a search of metadata shows it: what may be read, and for the occupational physician, who reads nothing,
    what he may act upon."""
    if who.kind != "medecin_du_travail":
        return opens(who, said, document, matrix)
    if said.closed or who.by == "air" or not _let_in(who, said) or not _type_is_open(who, document, matrix):
        return False
    if document.status not in ("Approved", "Archived"):
        return False
    return not document.masked or document.of == "me"


def refers_to(who: Who, said: Said, document: Document, matrix: Matrix) -> bool:
    """Whether a search of references shows it: besides, a structure or its secretary finds the documents of the
    structure, to delete them, unless the patient shut them out."""
    if who.kind in ("secretaire", "structure"):
        wrong_mode = who.mode != "normal" and not (who.kind == "structure" and who.mode == "centre_15")
        return not (said.closed or said.blocked or wrong_mode) and document.of in ("me", "my_structure")
    return lists(who, said, document, matrix)


def _treats(who: Who, said: Said) -> bool:
    return who.kind == "medecin" and said.medecin_traitant


def _let_in(who: Who, said: Said) -> bool:
    if said.blocked and not (who.kind in ("medecin", "medecin_du_travail") and said.medecin_traitant):
        return False
    if who.kind != "medecin_du_travail":  # whose column has no access mode
        if who.mode == "centre_15":
            return said.centre_15
        if who.mode == "bris_de_glace":
            return said.bris_de_glace and who.reason != ""
    if said.medecin_traitant and who.kind in ("medecin", "medecin_du_travail"):
        return True
    return "yes" in (said.person_authorised, said.structure_authorised)


def _type_is_open(who: Who, document: Document, matrix: Matrix) -> bool:
    own = f"{who.profession}/{who.specialty}"
    if (own, document.kind) in matrix:
        return matrix[own, document.kind]
    return matrix.get((who.profession, document.kind), False)
