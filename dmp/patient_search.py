"""Asking for patients: the identifiers of one, or those whose traits fit, a part at a time when the asker wants it so.

Source: ITI TF-2 3.45 (PIXV3 Query), 3.47 (Patient Demographics Query HL7 V3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from audit.event import AuditObject, Call, ObjectKind
from dmp.gate import Gate, Passage
from dmp.ports import Identities
from habilitations.action import Action
from identities.dossier import Dossier, DossierStatus, Traits
from identities.patient_query import Continuation, PatientQuery
from identities.requester import PatientId, Requester
from registry.errors import ErrorCode, Finding, RegistryError, finding
from schemas.domain import Domain

MAX_FOUND = 2_000  # patients of one answer; who finds more must ask for less
TOO_MANY = finding(
    ErrorCode.XDSTooManyResults,
    "parameterList",
    expected=f"a query that finds at most {MAX_FOUND} patients",
    got="more",
)
# Where in a query what is not known stands. Source: ITI TF-2 3.45.4.2.3, cases 3 to 5.
UNKNOWN_IDENTIFIER, UNKNOWN_AUTHORITY = "patientIdentifier/value", "patientIdentifier/value/@root"
DATA_SOURCE = "dataSource"
RETAINED = timedelta(minutes=10)  # how long the rest of an answer is kept after it was last asked for


@dataclass(frozen=True, slots=True)
class Question:
    """A query as it came: `id` names it, `raw` is its QueryByParameter, for the audit log and the answer.

    `message_id` is that of the HL7 message that brought it, '' where none did; `named` what the standard calls that id.
    """

    id: str
    raw: bytes
    message_id: str = ""
    named: str = "II"

    @property
    def asked(self) -> AuditObject:
        """What an audit event names. Source: ITI TF-2 3.45.5.1.2, 3.47.5.1.2 (II), 3.9.5.1, 3.21.5.1 (MSH-10)."""
        return AuditObject(ObjectKind.QUERY, self.id, content=self.raw, details=((self.named, self.message_id),))


@dataclass(frozen=True, slots=True)
class Aliases:
    """Other identifiers of a patient, none when there are none. `dossier` is a dossier key."""

    identifiers: tuple[PatientId, ...]
    traits: Traits
    dossier: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """One patient who was found. `degree` is from 0 to 100."""

    identifiers: tuple[PatientId, ...]
    traits: Traits
    active: bool
    degree: int


@dataclass(frozen=True, slots=True)
class Matches:
    """A part of what was found, of `total` in all with `remaining` after it. `question` is the query as first asked."""

    patients: tuple[Match, ...]
    total: int
    remaining: int
    question: bytes


@dataclass(frozen=True, slots=True)
class PatientSearch:
    """The use case, with what it needs of the affinity domain."""

    gate: Gate
    domain: Domain

    def identifiers_of(
        self, requester: Requester, call: Call, patient: PatientId, authorities: Sequence[str], question: Question
    ) -> Aliases:
        """The identifiers of `patient` beside the one that is asked with; of `authorities` only, when any are named.

        Raises AccessRefused, or RegistryError when the patient or an authority is not known here.
        """
        with self.gate.passage(requester, Action.ITI_45, patient, call, asked=[question.asked]) as passage:
            findings = unknown_authorities(passage, self.domain, authorities, DATA_SOURCE)
            if passage.dossier is None:
                findings.insert(0, _unknown_patient(passage, self.domain, patient))
            if findings or passage.dossier is None:
                raise RegistryError(findings)
            others = (each for each in passage.dossier.identifiers if each != patient)
            wanted = tuple(each for each in others if not authorities or each.authority in authorities)
            name_patients(passage, wanted)
            return Aliases(wanted, passage.dossier.traits, passage.dossier.key)

    def find(
        self,
        requester: Requester,
        call: Call,
        query: PatientQuery,
        authorities: Sequence[str],
        quantity: int | None,
        question: Question,
        *,
        identified: bool = False,
    ) -> Matches:
        """The patients who fit `query`, best first; at most `quantity` of them now, the rest by `proceed`.

        `authorities` are those whose identifiers the asker wants: each must be known here. With `identified` whoever
        has no identifier of them is left out. Raises AccessRefused, or RegistryError also when too many are found.
        """
        with self.gate.passage(requester, Action.ITI_47, None, call, asked=[question.asked]) as passage:
            if findings := unknown_authorities(passage, self.domain, authorities, "otherIDsScopingOrganization"):
                raise RegistryError(findings)
            best = ranked(query, passage.rooms.identities, MAX_FOUND, TOO_MANY)
            if identified and authorities:
                best = [(degree, dossier) for degree, dossier in best if _is_identified(dossier, authorities)]
            found = tuple((dossier.key, degree) for degree, dossier in best)
            given = len(found) if quantity is None else min(quantity, len(found))
            continuation = Continuation(question.raw, found, quantity or given, given, passage.now + RETAINED)
            if given < len(found):
                passage.rooms.identities.save_continuation(_key(requester, question.id), continuation, passage.now)
            return _page(passage, continuation, [dossier for _, dossier in best[:given]], 0)

    def proceed(
        self, requester: Requester, call: Call, question: Question, start: int | None, quantity: int | None
    ) -> Matches:
        """The next part of what was found by the query of that id, by the same requester.

        `start` (from 1) goes elsewhere in the list; `quantity` holds from now on. Raises AccessRefused, RegistryError.
        """
        with self.gate.passage(requester, Action.ITI_47, None, call, asked=[question.asked]) as passage:
            identities, key = passage.rooms.identities, _key(requester, question.id)
            continuation = identities.continuation(key, passage.now)
            if continuation is None:
                raise RegistryError([_no_continuation()])
            begin = continuation.position if start is None else start - 1
            end = min(begin + (quantity or continuation.quantity), len(continuation.found))
            if begin > len(continuation.found):
                expected = f"a number from 1 to {len(continuation.found)}"
                raise RegistryError.single(
                    ErrorCode.XDSStoredQueryParamNumber, "startResultNumber", expected=expected, got=str(start)
                )
            moved = replace(
                continuation,
                quantity=quantity or continuation.quantity,
                position=end,
                expires=passage.now + RETAINED,
            )
            identities.save_continuation(key, moved, passage.now)
            dossiers = identities.dossiers_of_keys([each for each, _ in moved.found[begin:end]])
            return _page(passage, moved, dossiers, begin)

    def cancel(self, requester: Requester, call: Call, question: Question) -> None:
        """Forgets what is left of an answer, if anything is. Raises AccessRefused."""
        with self.gate.passage(requester, Action.ITI_47, None, call, asked=[question.asked]) as passage:
            passage.rooms.identities.drop_continuation(_key(requester, question.id))


def unknown_authorities(passage: Passage, domain: Domain, authorities: Sequence[str], parameter: str) -> list[Finding]:
    """One finding for each authority that is not known here, with the place of its parameter."""
    return [
        finding(
            ErrorCode.XDSUnknownPatientId,
            parameter,
            expected="an authority whose patients are known here",
            got=authority,
            location=f"{parameter}[{number}]/value",
        )
        for number, authority in enumerate(authorities, 1)
        if not _served(passage, domain, authority)
    ]


def _served(passage: Passage, domain: Domain, authority: str) -> bool:
    return authority in domain.patient_authorities or passage.rooms.identities.served(authority)


def _unknown_patient(passage: Passage, domain: Domain, patient: PatientId) -> Finding:
    """An identifier that nobody has, or one of an authority that nobody knows: its place says which."""
    expected, where = "an identifier known here", UNKNOWN_IDENTIFIER
    if not _served(passage, domain, patient.authority):
        expected, where = "an identifier of an authority known here", UNKNOWN_AUTHORITY
    code = ErrorCode.XDSUnknownPatientId
    return finding(code, "patientIdentifier", expected=expected, got="an unknown one", location=where)


def ranked(
    query: PatientQuery, identities: Identities, most: int, too_many: Finding, *, open_only: bool = False
) -> list[tuple[int, Dossier]]:
    """Those who fit well enough, each with its degree, best first, in an order that stays.

    Raises RegistryError: `too_many` for more than `most`, or when nothing is asked that tells patients apart.
    """
    if query.empty:
        expected = "a name, a birth time, a gender, an address, a telecom or an identifier"
        raise RegistryError.single(ErrorCode.XDSStoredQueryMissingParam, "parameterList", expected=expected, got="none")
    found = identities.find_dossiers(query, most + 1, open_only=open_only)
    if len(found) > most:
        raise RegistryError([too_many])
    degrees = [(query.degree(dossier.traits), dossier) for dossier in found]
    return sorted(
        ((degree, dossier) for degree, dossier in degrees if degree >= query.minimum_degree),
        key=lambda each: (-each[0], each[1].opened, each[1].key),
    )


def _is_identified(dossier: Dossier, authorities: Sequence[str]) -> bool:
    return any(each.authority in authorities for each in dossier.identifiers)


def _page(passage: Passage, continuation: Continuation, dossiers: Sequence[Dossier], begin: int) -> Matches:
    degrees = dict(continuation.found)
    patients = tuple(
        Match(each.identifiers, each.traits, each.status is DossierStatus.OPEN, degrees[each.key]) for each in dossiers
    )
    name_patients(passage, [each.identifiers[0] for each in patients])
    total = len(continuation.found)
    return Matches(patients, total, total - max(continuation.position, begin), continuation.query)


def name_patients(passage: Passage, patients: Sequence[PatientId]) -> None:
    """Whoever was disclosed is named in the audit event. Source: ITI TF-2 3.47.5.1.2, Patient (0..n)."""
    passage.objects.extend(AuditObject(ObjectKind.PATIENT, str(each)) for each in patients)


def _key(requester: Requester, query_id: str) -> str:
    """A query belongs to whoever asked it."""
    asker = (
        requester.authentication.value,
        requester.id_nat,
        requester.structure_id,
        requester.certificate_subject or requester.name,
    )
    return hashlib.sha256("\0".join((*asker, query_id)).encode()).hexdigest()


def _no_continuation() -> Finding:
    return finding(
        ErrorCode.XDSUnknownPatientId,
        "queryContinuation/queryId",
        expected="a query of this requester with an answer that is retained",
        got="another one",
        location="queryContinuation/queryId",
    )
