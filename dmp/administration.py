"""TD1, at the counter: a dossier created, reactivated, closed, and its administrative data read and amended.

What the patient answered is recorded with it. The operator's way of the same is `dmp.gestion`.

Source: GIE SESAM-Vitale, DMP-Compatibilité, TD1.1 to TD1.4; CSP R.1111-26 to R.1111-40.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from audit.event import AuditObject, Call, ObjectKind
from dmp.gate import Gate, Passage
from dmp.gestion import IdentifierError, check_identifiers, open_new
from dmp.patient_search import Question
from dmp.patients import again, alone
from habilitations.action import Action
from habilitations.statement import Switches
from habilitations.wishes import (
    CONSENTEMENT_OUVERTURE,
    CONSENTEMENT_REACTIVATION,
    OPPOSITION_BRIS_DE_GLACE,
    OPPOSITION_CENTRE_15,
    Consent,
)
from identities.demographics import PREFIX, term
from identities.dossier import Dossier, DossierStatus, Traits
from identities.representation import GUARDIAN, Capacity, Representative, in_office, is_minor
from identities.requester import PatientId, Requester
from registry.errors import ErrorCode, Finding, RegistryError, Severity, finding
from schemas.domain import Domain

UNKNOWN = Finding(ErrorCode.XDSUnknownPatientId, "Aucun DMP ne correspond au patient de la demande.")
FOUND = Finding(ErrorCode.DMPFound, "Ce patient a déjà un DMP.")
FOUND_CLOSED = Finding(
    ErrorCode.DMPFound, "Ce patient a déjà un DMP, qui est fermé : il se réactive (TD1.2) et ne se crée pas."
)
FOUND_OPEN = Finding(ErrorCode.DMPFound, "Ce DMP est déjà ouvert.")
NOT_CHANGED = Finding(
    ErrorCode.XDSExtraMetadataNotSaved,
    "Les traits de l'INS (nom et prénom de naissance, date de naissance, sexe) du message ne sont pas ceux du DMP : "
    "ils y restent inchangés.",
    Severity.WARNING,
)


@dataclass(frozen=True, slots=True)
class Registration:
    """What a message about one patient says. `answers` has what was collected of the patient, by its code.

    Representatives have no `id` yet; `closing_code` and `closing_reason` are those of TD1.4.
    """

    patient: PatientId
    message_id: str
    traits: Traits
    representatives: tuple[Representative, ...] = ()
    answers: Mapping[str, bool] = field(default_factory=dict)
    deceased: bool | None = None
    closing_code: str = ""
    closing_reason: str = ""


@dataclass(frozen=True, slots=True)
class Registered:
    """The dossier as it now is, and what of the message was left aside."""

    dossier: Dossier
    warnings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class AdministrativeData:
    """What TD1.3a tells. `representatives` are those in office."""

    dossier: Dossier
    representatives: tuple[Representative, ...]
    switches: Switches


@dataclass(frozen=True, slots=True)
class Administration:
    """The use cases, with what they need of the affinity domain."""

    gate: Gate
    domain: Domain

    def create(self, requester: Requester, call: Call, said: Registration) -> Registered:
        """TD1.1: a DMP for a patient who has none and consented; nobody is authorised by it.

        Raises AccessRefused, or RegistryError: DMPFound, a consent that is missing, an identifier that is no INS.
        """
        with self._passage(requester, Action.TD1_1, said, call) as passage:
            if passage.dossier is not None:
                raise RegistryError([FOUND if passage.dossier.status is DossierStatus.OPEN else FOUND_CLOSED])
            _check_consent(said, CONSENTEMENT_OUVERTURE)
            _check_identifier(said.patient, self.domain)
            identities = passage.rooms.identities
            passage.dossier = open_new(identities, (said.patient,), said.traits, passage.now)
            return _registered(passage, passage.dossier, said)

    def reactivate(self, requester: Requester, call: Call, said: Registration) -> Registered:
        """TD1.2: a closed DMP opened again. What the patient authorised still holds; a request to destroy it does not.

        Raises AccessRefused, or RegistryError: XDSUnknownPatientId, DMPFound, a consent that is missing.
        """
        with self._passage(requester, Action.TD1_2, said, call) as passage:
            dossier = passage.dossier
            if dossier is None:
                raise RegistryError([UNKNOWN])
            if dossier.status is DossierStatus.OPEN:
                raise RegistryError([FOUND_OPEN])
            _check_consent(said, CONSENTEMENT_REACTIVATION)
            passage.rooms.identities.reopen(dossier.key, instant=passage.now)
            return _registered(passage, dossier, replace(said, representatives=(), deceased=None))

    def consult(self, requester: Requester, call: Call, patient: PatientId, question: Question) -> AdministrativeData:
        """TD1.3a. Raises AccessRefused, RegistryError."""
        with self.gate.passage(requester, Action.TD1_3A, patient, call, asked=[question.asked]) as passage:
            return administrative_data(passage)

    def amend(self, requester: Requester, call: Call, said: Registration) -> Registered:
        """TD1.3b: what is said takes the place of what was, but for the traits of the INS; what is not said stays.

        Raises AccessRefused, or RegistryError for a representative of an adult who is no guardian.
        """
        with self._passage(requester, Action.TD1_3B, said, call) as passage:
            dossier = passage.opened
            passage.rooms.identities.set_traits(dossier.key, amended(dossier.traits, said.traits))
            warnings = () if _agree(said.traits, dossier.traits) else (NOT_CHANGED,)
            return replace(_registered(passage, dossier, said), warnings=warnings)

    def close(self, requester: Requester, call: Call, said: Registration) -> Registered:
        """TD1.4: nothing is erased, nothing is accessible any more. Raises AccessRefused, RegistryError."""
        with self._passage(requester, Action.TD1_4, said, call) as passage:
            dossier = passage.opened
            code, reason = said.closing_code, said.closing_reason
            passage.rooms.identities.close(dossier.key, instant=passage.now, reason=reason, code=code)
            return Registered(again(passage.rooms.identities, dossier))

    @contextmanager
    def _passage(self, requester: Requester, action: Action, said: Registration, call: Call) -> Iterator[Passage]:
        message = AuditObject(ObjectKind.MESSAGE, said.message_id)
        with self.gate.passage(requester, action, said.patient, call, asked=[message]) as passage, alone():
            yield passage


def administrative_data(passage: Passage) -> AdministrativeData:
    """What TD1.3a tells of the dossier of `passage`."""
    dossier = passage.opened
    switches = passage.rooms.rights.wishes(dossier.key).switches
    return AdministrativeData(dossier, tuple(_in_office(passage, dossier)), switches)


def amended(before: Traits, said: Traits) -> Traits:
    """`before` with the used name, addresses and telecoms of `said`, as far as these are there."""
    names = said.demographics.names[:1]
    used = next((name.used_family for name in names if name.used_family), before.used_family)
    demographics = replace(
        before.demographics,
        names=names if any(name.texts(PREFIX) for name in names) else before.demographics.names,
        addresses=said.demographics.addresses or before.demographics.addresses,
        telecoms=said.demographics.telecoms or before.demographics.telecoms,
    )
    after = replace(before, used_family="" if used == before.birth_family else used, demographics=demographics)
    return replace(after, demographics=replace(demographics, names=(after.dmp_name,)))


def _agree(said: Traits, held: Traits) -> bool:
    """Whether a message says no other trait of the INS than those that are held: what it does not say agrees."""
    birth_family = next((name.birth_family for name in said.demographics.names), "")
    pairs = (
        (term(birth_family), term(held.birth_family)),
        (term(said.birth_given).split()[:1], term(held.birth_given).split()[:1]),
        (said.sex, held.sex),
        (said.birth_date, held.birth_date),
    )
    return all(not new or new == old for new, old in pairs)


def _check_consent(said: Registration, code: str) -> None:
    answer = said.answers.get(code)
    if answer is not True:
        got = "none" if answer is None else "false"
        raise RegistryError.single(ErrorCode.XDSRegistryMetadataError, code, expected="true", got=got)


def _check_identifier(patient: PatientId, domain: Domain) -> None:
    try:
        check_identifiers((patient,), domain)
    except IdentifierError as error:
        raise RegistryError([Finding(ErrorCode.XDSRegistryMetadataError, str(error))]) from None


def _registered(passage: Passage, dossier: Dossier, said: Registration) -> Registered:
    """Records what was said beside the traits: answers of the patient, representatives, death."""
    rooms, key = passage.rooms, dossier.key
    for code, given in said.answers.items():
        rooms.rights.record_consent(key, Consent(code, given, passage.now, passage.requester.id_nat))
    before = rooms.rights.wishes(key).switches
    switches = _switched(before, said.answers)
    if switches != before:
        rooms.rights.set_switches(key, switches)
    _represent(passage, dossier, said.representatives)
    rooms.identities.set_situation(key, deceased=said.deceased)
    return Registered(again(rooms.identities, dossier))


def _switched(before: Switches, answers: Mapping[str, bool]) -> Switches:
    """The switches after the oppositions among `answers`; masked documents go with the last of the other two."""
    centre_15 = not answers.get(OPPOSITION_CENTRE_15, not before.centre_15)
    bris_de_glace = not answers.get(OPPOSITION_BRIS_DE_GLACE, not before.bris_de_glace)
    return Switches(centre_15, bris_de_glace, before.masques_en_urgence and (centre_15 or bris_de_glace))


def _in_office(passage: Passage, dossier: Dossier) -> list[Representative]:
    return in_office(passage.rooms.identities.representatives(dossier.key), dossier, passage.now)


def _represent(passage: Passage, dossier: Dossier, said: Iterable[Representative]) -> None:
    """Representatives who are said take the place of those in office with the same relationship; others stay.

    Raises RegistryError for one of an adult who is no guardian.
    """
    identities, told = passage.rooms.identities, tuple(said)
    minor = is_minor(dossier.traits.birth_date, dossier.emancipated, passage.now)
    for each in told:
        if not minor and each.relationship != GUARDIAN:
            raise RegistryError([_of_an_adult(each)])
    relationships = {each.relationship for each in told}
    former = {_name(each): each for each in _in_office(passage, dossier) if each.relationship in relationships}
    guardian = Capacity.TUTEUR if minor else Capacity.TUTELLE
    for each in told:
        known = former.pop(_name(each), None)
        identities.save_representative(
            dossier.key,
            replace(
                known or each,
                id=known.id if known else uuid.uuid4().hex,
                capacity=guardian if each.relationship == GUARDIAN else Capacity.PARENT,
                telecoms=each.telecoms or (known.telecoms if known else ()),
                addresses=each.addresses or (known.addresses if known else ()),
                since=known.since if known else passage.now,
            ),
        )
    for gone in former.values():
        identities.end_representation(dossier.key, gone.id, instant=passage.now)


def _name(representative: Representative) -> tuple[str, str, str]:
    return representative.relationship, term(representative.family), term(representative.given)


def _of_an_adult(representative: Representative) -> Finding:
    return finding(
        ErrorCode.XDSRegistryMetadataError,
        "personalRelationship",
        expected=f"{GUARDIAN}, the guardian of an adult",
        got=representative.relationship[:16],
    )
