"""Who lives in the demo: professionals, structures and patients. All invented; the patients' INS are test NIR.

Sources: Référentiel INS v2 (test identifiers, key); CI-SIS, PS_IdNat and Struct_IdNat; TRE_G15, TRE_R38, TRE_R02.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from habilitations.statement import Switches
from identities.dossier import Traits
from identities.ins import key_of
from identities.professional import Professional, Structure
from identities.requester import Authentication, PatientId
from schemas import oids

DIRECTE, INDIRECTE, AIR = (mode.value for mode in Authentication if mode.french)

HOPITAL, LABORATOIRE, CLINIQUE = "1990000018", "1990000026", "1990000034"  # 1 + FINESS
CABINET_DU_PARC, CABINET_DES_LILAS = "399000000100018", "399000000200016"  # 3 + SIRET
PHARMACIE, SANTE_AU_TRAVAIL = "1990000042", "399000000300014"


@dataclass(frozen=True, slots=True)
class Inhabitant:
    """One line of people.json: a professional (`ps`) or a structure. `modes`: how it may be authenticated."""

    name: str
    kind: str
    id_nat: str
    family: str
    given: str = ""
    profession: str = ""
    specialty: str = ""
    structure_id: str = ""
    sector: str = ""
    modes: tuple[str, ...] = (DIRECTE,)

    @property
    def cpe(self) -> bool:
        """Whether the card is a CPE: its holder has no health profession."""
        return self.kind == "ps" and not self.profession.isdigit()

    def line(self) -> dict[str, Any]:
        """As people.json has it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Parent:
    """A legal representative of a minor; `relationship` is a code of PersonalRelationshipRoleType."""

    family: str
    given: str
    relationship: str

    @property
    def mail(self) -> str:
        """Where they are reached. Source: RFC 2606 (a name that nobody has)."""
        return f"{self.given}.{self.family}@example.org".lower()


@dataclass(frozen=True, slots=True)
class DemoPatient:
    """One line of patients.json; `medecins_traitants`, `authorised` and `blocked` are names of people.json."""

    traits: Traits
    ins: str
    status: str = "open"
    medecins_traitants: tuple[str, ...] = ()
    authorised: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    switches: Switches = field(default_factory=Switches)
    representatives: tuple[Parent, ...] = ()
    attached_to_mes: bool = False  # managed in Mon espace santé

    @property
    def identifier(self) -> PatientId:
        """The INS with its authority, that of test NIRs."""
        return PatientId(self.ins, oids.INS_NIR_TEST)

    def line(self) -> dict[str, Any]:
        """As patients.json has it."""
        return {
            "ins": self.ins,
            "ins_oid": oids.INS_NIR_TEST,
            "family": self.traits.birth_family,
            "given": self.traits.birth_given,
            "birth_date": self.traits.born.isoformat(),
            "birth_place": self.traits.birth_place,
            "sex": self.traits.sex,
            "status": self.status,
            "medecins_traitants": list(self.medecins_traitants),
            "authorised": list(self.authorised),
            "blocked": list(self.blocked),
            "switches": asdict(self.switches),
            "representatives": [f"{each.family} {each.given}" for each in self.representatives],
            "attached_to_mes": self.attached_to_mes,
        }


def rpps(number: int) -> str:
    """The PS_IdNat of an invented RPPS number: 8, ten digits, and their Luhn key. Source: Annuaire Santé, RPPS."""
    digits = f"997{number:07d}"
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return f"8{digits}{-total % 10}"


def invented_nir(sex: str, birth: date, place: str, order: int) -> str:
    """A NIR with its key for invented traits. Source: Référentiel INS v2."""
    number = f"{1 if sex == 'M' else 2}{birth:%y%m}{place}{order:03d}"
    return number + key_of(number)


STRUCTURES = (
    Inhabitant("hopital", "structure", HOPITAL, "Hôpital Saint-André", "", "", "", HOPITAL, "SA01", (INDIRECTE,)),
    Inhabitant(
        "laboratoire", "structure", LABORATOIRE, "Laboratoire des Quais", "", "", "", LABORATOIRE, "SA25", (INDIRECTE,)
    ),
    Inhabitant("clinique", "structure", CLINIQUE, "Clinique du Mail", "", "", "", CLINIQUE, "SA04", (AIR,)),
)

PROFESSIONALS = (
    Inhabitant("medecin-traitant", "ps", rpps(1), "MARCHAND", "Claire", "10", "SM26", CABINET_DU_PARC, "SA07"),
    Inhabitant("medecin", "ps", rpps(2), "LEROUX", "Paul", "10", "SM26", CABINET_DES_LILAS, "SA07"),
    Inhabitant(
        "medecin-hospitalier", "ps", rpps(3), "BENALI", "Nadia", "10", "SM04", HOPITAL, "SA01", (DIRECTE, INDIRECTE)
    ),
    Inhabitant("biologiste", "ps", rpps(4), "GIRAUD", "Hugo", "10", "SM03", LABORATOIRE, "SA25", (DIRECTE, INDIRECTE)),
    Inhabitant("pharmacien", "ps", rpps(5), "FABRE", "Lucie", "21", "A", PHARMACIE, "SA33"),
    Inhabitant("infirmier", "ps", rpps(6), "ROCHE", "Samuel", "60", "", CABINET_DES_LILAS, "SA08"),
    Inhabitant("podologue", "ps", rpps(7), "PICARD", "Inès", "80", "", CABINET_DES_LILAS, "SA08"),
    Inhabitant("dentiste", "ps", rpps(8), "MEUNIER", "Théo", "40", "", CABINET_DU_PARC, "SA07"),
    Inhabitant("medecin-du-travail", "ps", rpps(9), "COLIN", "Anne", "10", "SM25", SANTE_AU_TRAVAIL, "SA66"),
    Inhabitant("medecin-clinique", "ps", rpps(10), "HAMON", "Éric", "10", "SM26", CLINIQUE, "SA04", (AIR,)),
    Inhabitant(
        "secretaire",
        "ps",
        f"{CABINET_DU_PARC.replace('3', '5', 1)}/CPE001",  # 5 + SIRET / internal identifier
        "LAMBERT",
        "Julie",
        "SECRETARIAT_MEDICAL",
        "",
        CABINET_DU_PARC,
        "SA07",
    ),
)

PEOPLE = (*PROFESSIONALS, *STRUCTURES)
EVERYBODY = tuple(person.name for person in PEOPLE)


def _patient(sex: str, family: str, given: str, birth: date, place: str, order: int, **said: Any) -> DemoPatient:
    given_by_default = {"medecins_traitants": ("medecin-traitant",), "authorised": EVERYBODY}
    traits = Traits(
        birth_family=family, birth_given=given, birth_date=birth, sex=sex, birth_place=place, used_family=family
    )
    return DemoPatient(traits, invented_nir(sex, birth, place, order), **(given_by_default | said))


def _but(*names: str) -> tuple[str, ...]:
    return tuple(name for name in EVERYBODY if name not in names)


PATIENTS = (
    _patient("F", "CORBEAU", "Suzanne", date(1951, 3, 14), "75056", 101),
    _patient("M", "CORBEAU", "Marcel", date(1948, 11, 2), "69123", 102),
    _patient("F", "SANTINI", "Laetitia", date(1984, 7, 21), "2A004", 103),
    _patient("M", "LEGOFF", "Yann", date(1990, 1, 9), "29019", 104, status="closed"),
    _patient(
        "M",
        "AUBRY",
        "Malo",
        date(2014, 5, 30),
        "35238",
        105,
        representatives=(Parent("AUBRY", "Sophie", "MTH"), Parent("AUBRY", "Karim", "FTH")),
    ),
    _patient(
        "F",
        "KELLER",
        "Irène",
        date(1967, 9, 12),
        "67482",
        106,
        authorised=("medecin-traitant",),
        switches=Switches(centre_15=False, bris_de_glace=False),
    ),
    _patient("M", "DIALLO", "Mamadou", date(1979, 12, 25), "33063", 107, blocked=("dentiste",)),
    _patient("F", "NGUYEN", "Camille", date(1995, 4, 3), "31555", 108, medecins_traitants=()),
    _patient("M", "PERRIN", "Bastien", date(1972, 8, 18), "59350", 109, authorised=("medecin-traitant", "hopital")),
    _patient("F", "OLLIVIER", "Jeanne", date(1938, 2, 27), "44109", 110, medecins_traitants=("medecin",)),
    _patient(
        "M",
        "ROSSI",
        "Ange",
        date(1960, 6, 6),
        "2B033",
        111,
        switches=Switches(masques_en_urgence=True),
        authorised=_but("medecin"),
    ),
    _patient("F", "BARON", "Élodie", date(2001, 10, 15), "13055", 112),
    _patient("F", "FAURE", "Nora", date(1988, 8, 5), "21231", 113, attached_to_mes=True),
)


def inhabitant(name: str) -> Inhabitant:
    """The person or structure of that name. Raises KeyError."""
    return {person.name: person for person in PEOPLE}[name]


def directory() -> Iterator[Professional | Structure]:
    """What the demo's directory knows: each structure with its modes, then each professional."""
    for structure in STRUCTURES:
        yield Structure(
            structure_id=structure.structure_id,
            name=structure.family,
            sector=structure.sector,
            modes=frozenset(Authentication(mode) for mode in structure.modes),
        )
    for person in PROFESSIONALS:
        yield Professional(
            id_nat=person.id_nat,
            family=person.family,
            given=person.given,
            profession=person.profession,
            profession_system=oids.ROLE_NON_PS if person.cpe else oids.PROFESSION,
            specialty=person.specialty,
            structures=frozenset({person.structure_id}),
        )
