"""Who holds the workstation: people, structures and patients of a demo folder, with their keys.

The folder holds `people.json`, `patients.json`, `server.json`, `ca.pem` and `pki/NAME/{auth,sign}.{pem,key}`; the
practice software adds the patients it meets, in `lps-patients.json`.

Source: GIE SESAM-Vitale, DMP-Compatibilité (modes d'authentification); CI-SIS, volet Transport synchrone (VIHF).
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.lps import LpsUsageError
from schemas import oids

DIRECTE = "DIRECTE"
INDIRECTE = "INDIRECTE"
INDIRECTE_RENFORCEE = "INDIRECTE_RENFORCEE"
MODES = (DIRECTE, INDIRECTE, INDIRECTE_RENFORCEE)

AUTOMATE = "AUTOMATE"  # TRE_A00: a system that feeds without a person at the keyboard
_PHARMACIEN = "21"  # TRE_G15

REMEMBERED = "lps-patients.json"
REMEMBERED_PATIENTS = 1000
_CX = re.compile(r"(?P<ins>[^\^&~|\s]+)\^\^\^&(?P<oid>[0-2](?:\.\d+)+)&ISO(?:\^.*)?", re.ASCII)  # HL7 v2.5 CX


@dataclass(frozen=True, slots=True)
class Role:
    """One `subject:role` of a VIHF: code and code system."""

    code: str
    system: str


@dataclass(frozen=True, slots=True)
class Keys:
    """Where the PEM files of one holder are: authentication (TLS) and signature (VIHF, XAdES)."""

    auth_cert: Path
    auth_key: Path
    sign_cert: Path
    sign_key: Path


@dataclass(frozen=True, slots=True)
class Person:
    """One line of people.json: a professional (`ps`), a `structure` or a `device`."""

    name: str
    kind: str
    id_nat: str
    family: str = ""
    given: str = ""
    profession: str = ""
    specialty: str = ""
    structure_id: str = ""
    sector: str = ""
    modes: tuple[str, ...] = ()

    def roles(self) -> tuple[Role, ...]:
        """Profession, then speciality when there is one. Source: VIHF, urn:oasis:names:tc:xacml:2.0:subject:role."""
        if not self.profession:
            return ()
        first = Role(self.profession, profession_system(self.profession))
        return (first, Role(self.specialty, self._specialty_system())) if self.specialty else (first,)

    def _specialty_system(self) -> str:
        if self.specialty.startswith("SM"):
            return oids.SPECIALITE_MEDECIN
        return oids.SECTION_PHARMACIEN if self.profession == _PHARMACIEN else oids.ROLE_PRISE_CHARGE


def profession_system(profession: str) -> str:
    """TRE_G15 for a health profession (a number), TRE_A00 for AUTOMATE, SECRETARIAT_MEDICAL and the like."""
    return oids.PROFESSION if profession.isdigit() else oids.ROLE_NON_PS


def is_ins(authority: str) -> bool:
    """Whether an OID is one of the authorities of INS. Source: Référentiel INS v2, annexe OID."""
    return authority.startswith(oids.INS_NIR.rpartition(".")[0] + ".")


@dataclass(frozen=True, slots=True)
class Patient:
    """A patient identifier: the INS and the OID of its issuing authority."""

    ins: str
    ins_oid: str

    @property
    def cx(self) -> str:
        """`INS^^^&OID&ISO^NH`, NH being for an INS only. Source: CI-SIS, Partage de documents, patientId."""
        kind = "^NH" if is_ins(self.ins_oid) else ""
        return f"{self.ins}^^^&{self.ins_oid}&ISO{kind}"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who speaks to the server in one mode: the keys used and the identity claimed in the VIHF."""

    mode: str
    keys: Keys
    name_id: str
    subject: str
    structure_id: str
    sector: str
    roles: tuple[Role, ...]
    holder: Person  # whose certificate signs: the professional, or the structure
    user: Person | None  # the professional at the keyboard, when there is one
    structure_name: str = ""

    @property
    def finds_references_only(self) -> bool:
        """Whether a search gives technical ids and nothing else. Source: PDT-INF-526, PDT-INF-606, row TD3.1."""
        return self.mode == INDIRECTE or not any(role.system == oids.PROFESSION for role in self.roles)


class Demo:
    """What a demo folder says. `load` reads it; the look-ups raise LpsUsageError with the names that exist."""

    def __init__(
        self,
        folder: Path,
        people: Sequence[Person],
        patients: Mapping[str, str],
        server: Mapping[str, Any],
        remembered: Sequence[Patient] = (),
        lines: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self.folder = folder
        self.people = tuple(people)
        self.patients = dict(patients)  # INS -> OID of its authority
        self.server = dict(server)
        self.remembered = tuple(remembered)  # the last one first
        self._lines = {Patient(str(line["ins"]), str(line["ins_oid"])): line for line in lines}

    def line(self, patient: Patient) -> Mapping[str, Any]:
        """What patients.json says of a patient; nothing when it does not know him."""
        return self._lines.get(patient, {})

    @property
    def ca(self) -> Path | None:
        """The certification authority of the server, where the folder has one."""
        path = self.folder / "ca.pem"
        return path if path.is_file() else None

    @property
    def repository(self) -> str | None:
        """The repositoryUniqueId of the server, where server.json says it."""
        return str(self.server.get("repository_unique_id") or "") or None

    def person(self, name: str) -> Person:
        """The person of that name: exact first, then whatever the case, accents and separators."""
        for person in self.people:
            if person.name == name:
                return person
        found = [person for person in self.people if _folded(person.name) == _folded(name)]
        if len(found) != 1:
            known = ", ".join(person.name for person in self.people) or "nobody"
            raise LpsUsageError(f"name: expected one of {known}; got {name}")
        return found[0]

    def structure(self, structure_id: str) -> Person:
        """The structure with that Struct_IdNat."""
        for person in self.people:
            if person.kind == "structure" and structure_id and structure_id in (person.id_nat, person.structure_id):
                return person
        raise LpsUsageError(f"structure: expected one that is in people.json, got {structure_id or 'none'}")

    def keys(self, person: Person) -> Keys:
        """The PEM files of a person or structure."""
        folder = self.folder / "pki" / person.name
        paths = [folder / name for name in ("auth.pem", "auth.key", "sign.pem", "sign.key")]
        missing = [path.name for path in paths if not path.is_file()]
        if missing:
            raise LpsUsageError(f"keys of {person.name}: expected {', '.join(missing)} in {folder}, got no such file")
        return Keys(*paths)

    def patient(self, given: str, ins_oid: str | None = None, *, header: Sequence[Patient] = ()) -> Patient:
        """The patient of an INS, or of a CX `INS^^^&OID&ISO`.

        Its authority comes from the caller, from patients.json, from the `header` of a document about this patient,
        from what is remembered, else it is that of test NIRs. Raises LpsUsageError for a CX that is none.
        """
        ins = "".join(given.split()).upper()
        if "^" in given:
            match = _CX.fullmatch(ins)
            if match is None or ins_oid not in (None, match["oid"]):
                raise LpsUsageError(
                    f"patient: expected an INS or one INS^^^&OID&ISO, got {given} {ins_oid or ''}".strip()
                )
            return Patient(match["ins"], match["oid"])
        if ins_oid or ins in self.patients:
            return Patient(ins, ins_oid or self.patients[ins])
        known = (patient for patient in (*header, *self.remembered) if patient.ins == ins)
        return next(known, Patient(ins, oids.INS_NIR_TEST))

    def known_patients(self) -> list[Patient]:
        """Every patient there is: those remembered, the last one first, then those of patients.json."""
        return list(dict.fromkeys((*self.remembered, *(Patient(*item) for item in self.patients.items()))))

    def remember(self, patient: Patient) -> None:
        """Notes whose documents are provided, were found or opened. A folder that cannot be written stays as it is."""
        others = (each for each in self.remembered if each != patient)
        remembered = (patient, *others)[:REMEMBERED_PATIENTS]
        if remembered == self.remembered:
            return
        self.remembered = remembered
        lines = [{"ins": each.ins, "ins_oid": each.ins_oid} for each in remembered]
        try:
            _write_atomically(self.folder / REMEMBERED, json.dumps(lines, indent=2) + "\n")
        except OSError:
            return  # nothing but convenience is lost: --ins-oid says the same

    def address(self, server: str | None = None) -> str:
        """The server's base address: the one given, or `https` (else `http`) of server.json."""
        address = server or self.server.get("https") or self.server.get("http")
        if not address:
            raise LpsUsageError(f"server: expected --server URL, or an address in {self.folder / 'server.json'}")
        return str(address).rstrip("/")

    def sender(self, name: str, *, mode: str | None = None, user: str | None = None) -> Sender:
        """The identity under which `name` speaks, in `mode` (default: the first of its modes).

        DIRECTE takes the person's own card. The indirect modes take the certificates of the structure: the person's
        own structure, or the structure itself with `user` at the keyboard (else an automaton, or in
        INDIRECTE_RENFORCEE the first professional of that structure).
        """
        person = self.person(name)
        chosen = mode or (person.modes[0] if person.modes else DIRECTE if person.kind == "ps" else INDIRECTE)
        if chosen not in MODES:
            raise LpsUsageError(f"mode: expected one of {', '.join(MODES)}; got {chosen}")
        if chosen == DIRECTE:
            return self._direct(person)
        structure = self.structure(person.structure_id) if person.kind == "ps" else person
        structure_id = structure.structure_id or structure.id_nat
        if user is not None:
            at_keyboard: Person | None = self.person(user)
        elif person.kind == "ps":
            at_keyboard = person
        elif chosen == INDIRECTE_RENFORCEE:
            at_keyboard = self._professional_of(structure_id)
        else:
            at_keyboard = None
        return _indirect(chosen, self.keys(structure), structure, structure_id, at_keyboard)

    def _direct(self, person: Person) -> Sender:
        if person.kind != "ps":
            raise LpsUsageError(f"mode: expected an indirect mode for a {person.kind}, got {DIRECTE}")
        try:
            structure_name = _label(self.structure(person.structure_id))
        except LpsUsageError:
            structure_name = ""  # a practice need not be listed: the card names it by its identifier
        return Sender(
            mode=DIRECTE,
            keys=self.keys(person),
            name_id=person.id_nat,
            subject=_subject(person),
            structure_id=person.structure_id,
            sector=person.sector,
            roles=person.roles(),
            holder=person,
            user=person,
            structure_name=structure_name,
        )

    def _professional_of(self, structure_id: str) -> Person:
        for person in self.people:
            if person.kind == "ps" and person.structure_id == structure_id:
                return person
        raise LpsUsageError(f"person: expected a professional of structure {structure_id} in people.json, got none")


def _indirect(mode: str, keys: Keys, structure: Person, structure_id: str, user: Person | None) -> Sender:
    if user is None:
        name_id = f"{structure_id}/automate"
        roles: tuple[Role, ...] = (Role(AUTOMATE, oids.ROLE_NON_PS),)
    else:
        # AIR authenticates the professional nationally; plain INDIRECTE only within the structure.
        name_id = user.id_nat if mode == INDIRECTE_RENFORCEE else f"{structure_id}/{user.id_nat}"
        roles = user.roles()
    return Sender(
        mode=mode,
        keys=keys,
        name_id=name_id,
        subject=_subject(user) if user else _label(structure),
        structure_id=structure_id,
        sector=structure.sector or (user.sector if user else ""),
        roles=roles,
        holder=structure,
        user=user,
        structure_name=_label(structure),
    )


def load(folder: Path | None = None) -> Demo:
    """The demo folder: the one given, `DMP_DEMO`, or `./demo`. Raises LpsUsageError when it is not one."""
    folder = folder or Path(os.environ.get("DMP_DEMO", "demo"))
    people = [_person(line) for line in _read(folder / "people.json", required=True)]
    lines = _read(folder / "patients.json", required=False)
    patients = {str(line["ins"]): str(line["ins_oid"]) for line in lines}
    path = folder / "server.json"
    server = _json(path) if path.is_file() else {}
    remembered = [
        Patient(str(line["ins"]), str(line["ins_oid"])) for line in _read(folder / REMEMBERED, required=False)
    ]
    return Demo(folder, people, patients, server if isinstance(server, dict) else {}, remembered, lines)


def _person(line: Mapping[str, Any]) -> Person:
    try:
        texts = {
            key: str(line.get(key) or "")
            for key in ("family", "given", "profession", "specialty", "structure_id", "sector")
        }
        modes = tuple(str(mode) for mode in line.get("modes") or ())
        return Person(str(line["name"]), str(line["kind"]), str(line["id_nat"]), **texts, modes=modes)
    except (KeyError, AttributeError) as error:
        raise LpsUsageError(f"people.json: expected name, kind and id_nat on every line, missing {error}") from None


def _read(path: Path, *, required: bool) -> list[Mapping[str, Any]]:
    if not path.is_file():
        if required:
            raise LpsUsageError(f"demo folder: expected {path} (make demo writes it, --demo names another), got none")
        return []
    lines = _json(path)
    if not isinstance(lines, list):
        raise LpsUsageError(f"{path}: expected a JSON list, got {type(lines).__name__}")
    return lines


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise LpsUsageError(f"{path}: expected JSON, got {error}") from None


def _write_atomically(path: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # readable by its owner only
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).replace(path)


def _folded(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return "".join(char for char in decomposed if char.isalnum())


def _subject(person: Person) -> str:
    return f"{person.family} {person.given}".strip() or person.name


def _label(structure: Person) -> str:
    return structure.family or structure.name
