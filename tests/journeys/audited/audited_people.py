"""Who asks in the tables of the DMP: what cards, assertions and the directory say of them, and of the patient.

Source: CI-SIS, volet Transport synchrone (VIHF); TRE_G15, TRE_R38 (roles); ITI TF-2 3.40.4.2 (UserName).
"""

from __future__ import annotations

from dataclasses import replace

from audited_event import MODE_ACCES, Code, Person

from schemas import oids
from server.demo.people import inhabitant

NORMAL: tuple[Code, ...] = (("normal", MODE_ACCES, "normal"),)
LPS = "LPS de démonstration 0.1"


def _holder(name: str, *, lps: str, mode: str = "DIRECTE", signer: str = "") -> Person:
    """A professional: UserName has the certificate that vouches for them, `{subject of NAME}`."""
    known = inhabitant(name)
    roles: list[Code] = []
    if known.profession:
        system = oids.PROFESSION if known.profession.isdigit() else oids.ROLE_NON_PS
        roles.append((known.profession, system, known.profession))
    if known.specialty:
        system = oids.SPECIALITE_MEDECIN if known.specialty.startswith("SM") else oids.SECTION_PHARMACIEN
        roles.append((known.specialty, system, known.specialty))
    claims = [
        ("Authentification_mode", mode),
        ("Mode_Acces", "normal"),
        ("Identifiant_Structure", known.structure_id),
        ("Secteur_Activite", known.sector),
        ("LPS", lps),
    ]
    display = f"{known.family} {known.given}"
    user = f"<{known.id_nat}@{{subject of {signer or name}}}>"
    said = tuple((detail, value) for detail, value in claims if value)
    return Person(known.id_nat, user, display, tuple(roles), said, NORMAL)


def by_software(name: str) -> Person:
    """With a card and practice software."""
    return _holder(name, lps=LPS)


def in_air(name: str, structure: str) -> Person:
    """With the assertion of a structure that authenticated its user."""
    return _holder(name, lps=LPS, mode="INDIRECTE_RENFORCEE", signer=structure)


def by_card(name: str) -> Person:
    """With a card at a browser: nobody makes an assertion, and no card names a sector."""
    found = _holder(name, lps="")
    claims = tuple(each for each in found.claims if each[0] != "Secteur_Activite")
    return replace(found, assertion=found.user, claims=claims)


def named(name: str) -> Person:
    """By the operator, who stands for them: nobody vouches for it with a certificate."""
    found = by_card(name)
    return replace(found, name=found.display)


PATIENT = Person(
    user="{ins}",
    name="{patient_name}",
    display="{patient_name}",
    roles=(),
    claims=(("Authentification_mode", "PATIENT"), ("Mode_Acces", "normal")),
    purpose=NORMAL,
    assertion="{ins}",
)
