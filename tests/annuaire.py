"""Files of an extraction of the Annuaire Santé, written from the titles that ANS publishes; all people are invented."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

ACTIVITIES = (
    "Type d'identifiant PP|Identifiant PP|Identification nationale PP|Code civilité d'exercice|Libellé civilité "
    "d'exercice|Code civilité|Libellé civilité|Nom d'exercice|Prénom d'exercice|Code profession|Libellé profession|"
    "Code catégorie professionnelle|Libellé catégorie professionnelle|Code type savoir-faire|Libellé type savoir-faire|"
    "Code savoir-faire|Libellé savoir-faire|Code mode exercice|Libellé mode exercice|Numéro SIRET site|"
    "Numéro SIREN site|Numéro FINESS site|Numéro FINESS établissement juridique|"
    "Identifiant technique de la structure|Raison sociale site|Enseigne commerciale site|"
    "Complément destinataire (coord. structure)|Complément point géographique (coord. structure)|"
    "Numéro Voie (coord. structure)|Indice répétition voie (coord. structure)|Code type de voie (coord. structure)|"
    "Libellé type de voie (coord. structure)|Libellé Voie (coord. structure)|Mention distribution (coord. structure)|"
    "Bureau cedex (coord. structure)|Code postal (coord. structure)|Code commune (coord. structure)|"
    "Libellé commune (coord. structure)|Code pays (coord. structure)|Libellé pays (coord. structure)|"
    "Téléphone (coord. structure)|Téléphone 2 (coord. structure)|Télécopie (coord. structure)|"
    "Adresse e-mail (coord. structure)|Code Département (structure)|Libellé Département (structure)|"
    "Ancien identifiant de la structure|Autorité d'enregistrement|Code secteur d'activité|Libellé secteur d'activité|"
    "Code section tableau pharmaciens|Libellé section tableau pharmaciens|Code rôle|Libellé rôle|"
    "Code genre activité|Libellé genre activité"
)
OLD_ACTIVITIES = ACTIVITIES.partition("|Code rôle")[0] + "|"  # as in 2021, with a bar at the end
SKILLS = (
    "Type d'identifiant PP|Identifiant PP|Identification nationale PP|Nom d'exercice|Prénom d'exercice|"
    "Code profession|Libellé profession|Code catégorie professionnelle|Libellé catégorie professionnelle|"
    "Code type savoir-faire|Libellé type savoir-faire|Code savoir-faire|Libellé savoir-faire"
)
DIPLOMAS = (
    "Type d'identifiant PP|Identifiant PP|Identification nationale PP|Nom d'exercice|Prénom d'exercice|"
    "Code type diplôme obtenu|Libellé type diplôme obtenu|Code diplôme obtenu|Libellé diplôme obtenu|"
    "Code type autorisation|Libellé type autorisation|Code discipline autorisation|Libellé discipline autorisation"
)


def line(titles: str = ACTIVITIES, **fields: str) -> str:
    """One line. `id_nat` fills the three first columns; other names are the beginnings of titles, _ for a space."""
    names = titles.split("|")
    values = dict.fromkeys(range(len(names)), "")
    id_nat = fields.pop("id_nat", "899900000017")
    values.update(enumerate((id_nat[:1], id_nat[1:], id_nat)))
    for start, value in fields.items():
        (at,) = [at for at, name in enumerate(names) if name.startswith(start.replace("_", " "))]
        values[at] = value
    return "|".join(values[at] for at in range(len(names)))


def activity(id_nat: str = "899900000017", finess: str = "", siret: str = "", **fields: str) -> str:
    """A line of the activity file: a médecin, MARTIN Claire, unless said otherwise."""
    numbers = {"Numéro_FINESS_site": finess, "Numéro_SIRET_site": siret}
    usual = {"Nom_d'exercice": "MARTIN", "Prénom_d'exercice": "Claire", "Code_profession": "10"}
    return line(id_nat=id_nat, **{**usual, **numbers, **fields})


def folder(
    where: Path,
    activities: Iterable[str],
    skills: Iterable[str] | None = None,
    diplomas: Iterable[str] | None = None,
) -> Path:
    """A folder with the files of one extraction."""
    where.mkdir(parents=True, exist_ok=True)
    for name, titles, lines in (
        ("Personne_activite", ACTIVITIES, activities),
        ("SavoirFaire", SKILLS, skills),
        ("Dipl_AutExerc", DIPLOMAS, diplomas),
    ):
        if lines is not None:
            file = where / f"PS_LibreAcces_{name}_202611220807.txt"
            file.write_text("\n".join([titles, *lines]) + "\n", "utf-8")
    return where
