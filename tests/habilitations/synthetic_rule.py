"""The rule by which habilitations/matrice_synthetique.csv is made; run as a script, it writes the file.

Public cells win. Beside them: médecins, midwives, nurses and dentists read all but a few types; every other profession
reads what any carer needs in an emergency and what its own acts produce or ask for.
"""

from __future__ import annotations

import csv
import io

from habilitations.matrices import FOLDER, load_matrice
from schemas import oids
from schemas.value_sets import ValueSets

HEADER = """\
# TABLE SYNTHÉTIQUE : inventée pour la démonstration et les essais. Ce n'est PAS la matrice d'habilitation en vigueur.
# version: synthetique-1
# date: 2026-01-01
# nature: synthetique
# professions: {professions}
# types: {types}
# source: règle déterministe de ce projet ; les statuts complet, partiel et ancien marquent les cellules publiques
"""
COLUMNS = ("profession", "specialite", "type_document", "consultation", "statut", "source")

ALL_BUT = {
    "40": {"ATTEST-RESID", "68817-6", "34842-5"},  # chirurgien-dentiste, beside the public exclusions
    "50": {"ATTEST-RESID", "68599-0", "34842-5"},  # sage-femme
    "69": {"75496-0", "68817-6", "89601-9", "ATTEST-RESID"},  # infirmier psychiatrique
}
COMMON = {
    "11369-6",  # historique des vaccinations
    "60591-5",  # synthèse médicale
    "74207-2",  # document de liaison d'urgence
    "87273-9",  # note de vaccination
    "96349-6",  # lettre d'adressage
    "DOCPAT08",  # profil médical
    "EXPPAT_1",  # volontés et droits du patient
    "SYNTH",
}
BIOLOGY = {"11502-2", "PRESC-BIO"}
IMAGING = {"18748-4", "55115-0", "IMG-KOS", "52040-3"}
MEDICINES = {"57833-6", "60593-1", "80565-5", "56445-0", "80820-4", "DISP_AUT"}
REHABILITATION = {"47420-5", "11506-3", "18776-5", "BIL_AUTO"}
DEVICES = {"57828-6", "47420-5", "101881-1"}
ONLY = {
    "26": DEVICES,  # audioprothésiste
    "28": DEVICES | {"78513-9"},  # opticien-lunetier
    "31": {"83836-7", "28617-9"},  # assistant dentaire
    "32": IMAGING | {"77604-7"},  # physicien médical
    "35": {"11506-3", "29274-8", "18776-5"},  # aide-soignant
    "36": {"18761-7", "78341-5", "60280-5"},  # ambulancier
    "37": {"11506-3", "29274-8", "59283-2"},  # auxiliaire de puériculture
    "38": MEDICINES | BIOLOGY,  # préparateur en pharmacie hospitalière
    "70": REHABILITATION | IMAGING | {"34112-3", "34874-8", "PRESC-KINE"},  # masseur-kinésithérapeute
    "80": REHABILITATION | BIOLOGY | {"18748-4", "PRESC-PEDI"},  # pédicure-podologue
    "81": DEVICES | {"34874-8"},  # orthoprothésiste
    "82": DEVICES,  # podo-orthésiste
    "83": DEVICES,  # orthopédiste-orthésiste
    "84": DEVICES | {"78513-9"},  # oculariste
    "85": DEVICES,  # épithésiste
    "86": BIOLOGY | {"60568-3"},  # technicien de laboratoire médical
    "91": REHABILITATION | {"34112-3", "PRESC-ORTHOPHO"},  # orthophoniste
    "92": REHABILITATION | {"78513-9", "PRESC-ORTHOPTIE"},  # orthoptiste
    "94": REHABILITATION | {"34112-3", "57832-8"},  # ergothérapeute
    "95": REHABILITATION | BIOLOGY | {"34112-3", "57832-8"},  # diététicien
    "96": REHABILITATION | {"83901-9", "57832-8"},  # psychomotricien
    "98": IMAGING,  # manipulateur ERM
}


def synthetic_table() -> str:
    """The text of the file."""
    value_sets = ValueSets.load()
    professions = [role.code for role in value_sets.concepts("subject_role") if role.scheme == oids.PROFESSION]
    types = sorted(kind.code for kind in value_sets.concepts("type_document"))
    known = load_matrice(FOLDER / "matrice_habilitation.csv")
    out = io.StringIO()
    out.write(HEADER.format(professions=len(professions), types=len(types)))
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for profession in professions:
        for kind in types:
            public = known.row(profession, "", kind)
            if public is not None:
                granted, statut = public.granted, public.statut.value
            else:
                granted, statut = _granted(profession, kind), "synthetique"
            writer.writerow([profession, "", kind, "oui" if granted else "non", statut, ""])
    return out.getvalue()


def _granted(profession: str, kind: str) -> bool:
    if profession in ALL_BUT:
        return kind not in ALL_BUT[profession]
    return kind in COMMON | ONLY.get(profession, set())


if __name__ == "__main__":
    (FOLDER / "matrice_synthetique.csv").write_text(synthetic_table(), "utf-8")
