"""The two files of an XDM medium that people read: INDEX.HTM, about this medium, and README.TXT, about all of them.

INDEX.HTM is XHTML Basic, without script or style, whole without anything from elsewhere; whatever metadata say is
escaped. Both are for patients and their professionals, and so in French.

Source: ITI TF-2 3.32.4.1.2.2; W3C XHTML Basic 1.0 (19 December 2000).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from dmp.media_sets import LeftOut
from dmp.medias import Maker, Medium
from ihe.markup import attribute, text
from ihe.xdm import README
from registry.metadata import Author, AvailabilityStatus, DocumentEntry

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML Basic 1.0//EN" "http://www.w3.org/TR/xhtml-basic/xhtml-basic10.dtd">\n'
    '<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="fr">\n'
    '<head><meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />\n'
)
_STATUSES = {
    AvailabilityStatus.APPROVED: "à jour",
    AvailabilityStatus.DEPRECATED: "obsolète",
    AvailabilityStatus.ARCHIVED: "archivé",
    AvailabilityStatus.DELETED: "supprimé",
}
_SEXES = {"M": "masculin", "F": "féminin"}
_COLUMNS = ("Document", "Type", "Date", "Auteur", "Format", "Taille", "État", "Lot")
_KIBI = 1024


@dataclass(frozen=True, slots=True)
class Listed:
    """A document of the index: its file from the root of the medium, and the directory of its submission set."""

    path: str
    directory: str
    entry: DocumentEntry


def write_index(medium: Medium, listed: Sequence[Listed], maker: Maker, made: datetime) -> bytes:
    """INDEX.HTM: whose documents, who made the medium and when, each document with a link, and what is not on it."""
    title = f"Documents de santé : {_name(medium)}"
    rows = "".join(_row(each) for each in listed)
    body = (
        f"<h1>{text(title)}</h1>\n<p>{_patient(medium)}</p>\n"
        f"<p>Support produit par {text(maker.institution)} le {made:%d/%m/%Y à %H:%M} UTC : {len(listed)} documents. "
        f'<a href="{README}">À propos de ce support</a></p>\n'
        "<p><strong>Ces documents sont des données de santé, couvertes par le secret médical : "
        "conservez ce support en lieu sûr.</strong></p>\n"
        f"<table>\n<tr>{''.join(f'<th>{text(column)}</th>' for column in _COLUMNS)}</tr>\n{rows}</table>\n"
        f"{_left_out(medium.left_out)}"
    )
    return f"{_HEAD}<title>{text(title)}</title></head>\n<body>\n{body}</body>\n</html>\n".encode()


def write_readme(maker: Maker, software: str) -> bytes:
    """README.TXT: who made the medium, with what software, and how it is arranged. It says nothing of any patient."""
    lines = (
        "SUPPORT DE DOCUMENTS DE SANTÉ (IHE XDM)",
        "",
        f"Établissement qui a produit ce support : {_line(maker.institution)}",
        f"Contact : {_line(maker.contact)}",
        "",
        f"Logiciel : {_line(software)}",
        "Éditeur du logiciel : projet open-dmp (logiciel libre, licence Apache 2.0) ;",
        "  pour toute question, s'adresser au contact ci-dessus.",
        "Ce support ne contient aucun logiciel de visualisation.",
        "",
        "ORGANISATION",
        "",
        "INDEX.HTM              liste des documents, à ouvrir avec un navigateur",
        "README.TXT             ce fichier",
        "IHE_XDM\\SUBSETnn\\      un dossier par lot de documents (SUBnnnnn au-delà de 99)",
        "  METADATA.XML         description des documents du lot, pour les logiciels",
        "  DOCnnnnn.xxx         un fichier par document",
        "",
        "Norme : IHE IT Infrastructure Technical Framework, profil XDM, transaction ITI-32.",
        "",
    )
    return "\r\n".join(lines).encode("utf-8-sig")


def _name(medium: Medium) -> str:
    traits = medium.dossier.traits
    name = " ".join(filter(None, (traits.used_family or traits.birth_family, traits.used_given or traits.birth_given)))
    return name or medium.dossier.ins.value


def _patient(medium: Medium) -> str:
    """Identifier and demographics. Source: ITI TF-2 3.32.4.1.2.2 (Patient ID and demographics)."""
    traits, said = medium.dossier.traits, [f"Identifiant : {medium.dossier.ins}"]
    if traits.birth_family or traits.birth_given:
        said.append(f"Nom et prénom de naissance : {traits.birth_family} {traits.birth_given}")
    if traits.birth_date is not None:
        said.append(f"Né(e) le : {traits.birth_date:%d/%m/%Y}")
    if traits.sex in _SEXES:
        said.append(f"Sexe : {_SEXES[traits.sex]}")
    return "<br />\n".join(map(text, said))


def _row(each: Listed) -> str:
    entry = each.entry
    link = f'<a href="{attribute(each.path)}">{text(entry.title or each.path)}</a>'
    comments = f"<br />{text(entry.comments)}" if entry.comments else ""
    cells = (
        entry.type_code.display or entry.type_code.code,
        _date(entry.service_start_time or entry.creation_time),
        ", ".join(filter(None, map(_author, entry.authors))),
        entry.mime_type,
        _size(entry.size or 0),
        _STATUSES[entry.availability_status],
        each.directory,
    )
    return f"<tr><td>{link}{comments}</td>{''.join(f'<td>{text(cell)}</td>' for cell in cells)}</tr>\n"


def _left_out(left_out: Iterable[LeftOut]) -> str:
    items = "".join(
        f"<li>{text(each.entry.title or each.entry.unique_id)} : {text(each.reason.value)}</li>\n" for each in left_out
    )
    return f"<h2>Documents absents de ce support</h2>\n<ul>\n{items}</ul>\n" if items else ""


def _author(author: Author) -> str:
    """Family and given name of an XCN, else the name of the institution. Source: ITI TF-3 4.2.3.1.4."""
    parts = author.person.split("^")
    name = " ".join(filter(None, parts[1:3]))
    return name or (author.institutions[0].partition("^")[0] if author.institutions else parts[0])


def _date(dtm: str) -> str:
    """A DTM as far as it goes: 20260102 gives 02/01/2026."""
    return "/".join(filter(None, (dtm[6:8], dtm[4:6], dtm[:4])))


def _size(size: int) -> str:
    if size < _KIBI:
        return f"{size} o"
    return f"{size / _KIBI:.0f} Kio" if size < _KIBI * _KIBI else f"{size / _KIBI / _KIBI:.1f} Mio"


def _line(value: str) -> str:
    """`value` as the rest of one line."""
    return " ".join(value.split())
