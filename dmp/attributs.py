"""TD3.3: a document is masked or unmasked, made visible, deleted, archived or unarchived by a professional (ITI-57).

One submission asks for one action, on as many documents as it names. Which one, the message says and, for a new
version, the version that stands; whatever else ITI-57 could do is ITI-57 itself, which no sheet of the DMP grants. The
new version is the one that stands with other marks; what the message says beside is compared, never taken.

A document that the requester may not touch by this action is not there for him.

Source: GIE SESAM-Vitale, DMP-Compatibilité, TD3.3a to TD3.3d; PDT-INF-526 v1.8 and PDT-INF-606 v1.3, rows TD3.3;
ITI TF-2 3.57 (XDS Metadata Update).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

from audit.event import AuditObject, Call, ObjectKind
from dmp.gate import Gate, Passage
from dmp.mise_a_jour import admitted, touched
from dmp.ports import Registry, Rooms
from dmp.submissions import held, patient_of
from habilitations.action import Action
from habilitations.decision import Decision, Refusal
from identities.dossier import Dossier
from identities.ins import InsError, read_cx
from identities.requester import Requester
from registry.document_kinds import is_patient_document, is_signature
from registry.errors import ErrorCode, Finding, Severity, finding
from registry.hl7_types import cx_key
from registry.metadata import AssociationType, AvailabilityStatus, Code, DocumentEntry, Submission
from registry.scope import INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX, MASQUE_PS, Custody, Scope
from registry.stored_query import GetDocuments, ReturnType
from registry.update import canonical_update
from registry.update_attributes import changed_attributes
from registry.update_operations import ASSOCIATION_PROPAGATION, ATTRIBUTES, NEW_STATUS
from registry.validation import validate
from registry.versions import Versions
from schemas.domain import Domain

_INVISIBLE = frozenset({INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX})
_BY_NEW_STATUS = {
    AvailabilityStatus.DELETED.value: Action.TD3_3C,
    AvailabilityStatus.ARCHIVED.value: Action.TD3_3D_ARCHIVER,
    AvailabilityStatus.APPROVED.value: Action.TD3_3D_DESARCHIVER,
}
_OPERATIONS = frozenset({AssociationType.HAS_MEMBER, AssociationType.UPDATE_AVAILABILITY_STATUS})
_PATIENT_DOCUMENT = "Un document déposé par le patient n'est modifié que par lui et par le médecin traitant du DMP."
_SIGNATURE = "La signature d'un lot de documents n'est modifiée par personne."


@dataclass(frozen=True, slots=True)
class Attributs:
    """The use case, with what it needs of the affinity domain."""

    gate: Gate
    domain: Domain
    is_code: Callable[[str, Code], bool]

    def update(
        self, requester: Requester, call: Call, submission: Submission, findings: tuple[Finding, ...]
    ) -> tuple[Finding, ...]:
        """TD3.3a to TD3.3d. Returns the warnings; raises AccessRefused, or RegistryError with every fault found."""
        presumed = _presumed(submission)
        with self.gate.preparation(requester, presumed, call):
            examined = (*findings, *validate(submission, self.domain, self.is_code))
        submission, patient = canonical_update(submission), patient_of(submission)

        def precisely(rooms: Rooms, reads: Scope | None) -> Action:
            return _asked(rooms.registry, submission, reads) or presumed

        asked = [AuditObject(ObjectKind.SUBMISSION_SET, submission.submission_set.unique_id)]
        finds = precisely if presumed.official else None
        with self.gate.passage(requester, presumed, patient, call, finds, asked) as passage:
            held(passage, patient)
            key = passage.scope.patient
            existing = passage.registry.versions(submission, key)
            existing = existing.only(_touchable(passage, existing))
            revised, wrong = _revised(passage, submission, existing)
            effects = admitted(revised, existing, [*examined, *wrong], received=passage.now, rules=ATTRIBUTES)
            # Whoever touches a document does not come to stand behind it: it stays its authors' and depositors'.
            custody = {entry.entry_uuid: Custody() for entry in effects.entries}
            passage.registry.save_update(effects, key, custody, passage.now)
            passage.objects.extend(touched(effects, existing))
        return tuple(found for found in examined if found.severity is Severity.WARNING)


# --- Which action -----------------------------------------------------------------------------------------------------


def _presumed(submission: Submission) -> Action:
    """What the message alone says, by its first operation; ITI-57 when one of them is none of TD3.3."""
    asked = [*map(_by_mark, submission.entries), *_by_status(submission)]
    foreign = submission.folders or any(item.type not in _OPERATIONS for item in submission.associations)
    return Action.ITI_57 if foreign or not asked or Action.ITI_57 in asked else asked[0]


def _by_mark(entry: DocumentEntry) -> Action:
    return Action.TD3_3A_MASQUER if MASQUE_PS in _codes(entry) else Action.TD3_3A_DEMASQUER


def _by_status(submission: Submission) -> Iterator[Action]:
    for item in submission.associations:
        if item.type is AssociationType.UPDATE_AVAILABILITY_STATUS:
            new = dict(item.extra_slots).get(NEW_STATUS, ())
            yield _BY_NEW_STATUS.get("".join(new), Action.ITI_57)


def _asked(registry: Registry, submission: Submission, reads: Scope | None) -> Action | None:
    """What the first new version asks for of the document that stands, if the requester finds this by TD3.1."""
    lids = tuple(entry.logical_id for entry in submission.entries)
    if reads is None or not lids:
        return None
    found = registry.find(GetDocuments(return_type=ReturnType.LEAF_CLASS, logical_ids=lids), reads)
    standing = {each.logical_id: each for each in found if isinstance(each, DocumentEntry)}
    for entry in submission.entries:
        registered = standing.get(entry.logical_id)
        actions = _actions(entry, registered) if registered else ()
        if len(actions) == 1:
            return actions[0]
    return None


def _actions(item: DocumentEntry, registered: DocumentEntry) -> tuple[Action, ...]:
    """What the marks of `item` ask for of the document as it stands."""
    new, old = _codes(item), _codes(registered)
    asked = {
        Action.TD3_3A_MASQUER: MASQUE_PS in new - old,
        Action.TD3_3A_DEMASQUER: MASQUE_PS in old - new,
        Action.TD3_3B: bool(_INVISIBLE & (old - new)),
    }
    return tuple(action for action, yes in asked.items() if yes)


def _codes(entry: DocumentEntry) -> frozenset[tuple[str, str]]:
    return frozenset((code.code, code.scheme) for code in entry.confidentiality_codes)


# --- Which documents --------------------------------------------------------------------------------------------------


def _touchable(passage: Passage, existing: Versions) -> frozenset[str]:
    """Those of the documents named that the action may touch; why it may not touch the others is noted."""
    named = {
        each.item.entry_uuid: each.item
        for each in (*existing.newest.values(), *existing.named.values())
        if isinstance(each.item, DocumentEntry)
    }
    uuids = tuple(sorted(named))
    for entry, custody in passage.registry.hidden(passage.scope, entry_uuids=uuids):
        passage.hide(_document(entry), entry, custody)
    query = GetDocuments(return_type=ReturnType.OBJECT_REF, entry_uuids=uuids)
    found = [each.entry_uuid for each in passage.registry.find(query, passage.scope)]
    refusals = {uuid: _refusal(passage.decision, named[uuid]) for uuid in found}
    passage.refusals += [(_document(named[uuid]), refusal) for uuid, refusal in refusals.items() if refusal]
    return frozenset(uuid for uuid, refusal in refusals.items() if refusal is None)


def _refusal(decision: Decision, entry: DocumentEntry) -> Refusal | None:
    """Why a document within the Scope is not touched all the same. Source: PDT-INF-526 v1.8, note *; TD2.1."""
    row = f"{decision.row} × {decision.column}"
    if is_signature(entry):
        expected, got = "un document du lot", "sa signature"
        return Refusal("document_de_signature", "regles_du_document", "TD2.1", row, expected, got, _SIGNATURE)
    if is_patient_document(entry) and not decision.patient_documents:
        expected, got = "un document d'un professionnel", "un document du patient"
        table, version = decision.table, decision.version
        return Refusal("document_du_patient", table, version, row, expected, got, _PATIENT_DOCUMENT)
    return None


def _document(entry: DocumentEntry) -> AuditObject:
    return AuditObject(ObjectKind.DOCUMENT, entry.unique_id, entry.repository_unique_id)


# --- What becomes of them ---------------------------------------------------------------------------------------------


def _revised(passage: Passage, submission: Submission, existing: Versions) -> tuple[Submission, list[Finding]]:
    """The submission whose new versions are those that stand with other marks, and what was wrong with it."""
    own, entries = submission.submission_set, list(submission.entries)
    findings: list[Finding] = []
    asked = {passage.action, *_by_status(submission)}
    for number, item in enumerate(entries):
        standing = existing.newest.get(item.logical_id)
        if standing is None or not isinstance(standing.item, DocumentEntry):
            continue
        actions = _actions(item, standing.item)
        asked.update(actions if len(actions) == 1 else ())
        findings += _faults(item, standing.item, actions)
        entries[number] = replace(
            standing.item,
            entry_uuid=item.entry_uuid,
            patient_id=_patient(item, standing.item, own.patient_id, passage.dossier),
            confidentiality_codes=_marked(item, standing.item),
        )
    if len(asked) > 1:
        findings.append(_not_one(own.entry_uuid, "submission", asked))
    findings += _unpropagated(submission)
    return replace(submission, entries=tuple(entries)), findings


def _marked(item: DocumentEntry, registered: DocumentEntry) -> tuple[Code, ...]:
    """The codes that stand, without those that `item` lacks, and those that it has more."""
    new, old = _codes(item), _codes(registered)
    kept = (code for code in registered.confidentiality_codes if (code.code, code.scheme) in new)
    added = (code for code in item.confidentiality_codes if (code.code, code.scheme) not in old)
    return tuple(dict.fromkeys((*kept, *added)))


def _patient(item: DocumentEntry, registered: DocumentEntry, own: str, dossier: Dossier | None) -> str:
    """The patientId of the new version: any INS of the dossier is as good as that of the submission, `own`."""
    try:
        same = dossier is not None and read_cx(item.patient_id) in dossier.identifiers
    except InsError:
        same = False
    if not same:
        return item.patient_id
    return registered.patient_id if cx_key(registered.patient_id) == cx_key(own) else own


def _faults(item: DocumentEntry, registered: DocumentEntry, actions: Collection[Action]) -> Iterator[Finding]:
    """What the new version changes and may not. Values are not told."""
    where, standing = item.entry_uuid, "that of the previous version"
    new, old = _codes(item), _codes(registered)
    if new - old - {MASQUE_PS} or old - new - {MASQUE_PS} - _INVISIBLE:
        expected = f"{standing} but for MASQUE_PS, or without INVISIBLE_*"
        yield _unmodifiable("DocumentEntry.confidentialityCode", expected, "another", where)
    elif len(actions) != 1:
        yield _not_one(where, "DocumentEntry.confidentialityCode", actions)
    for name in changed_attributes(item, registered):
        yield _unmodifiable(f"DocumentEntry.{name}", standing, "another", where)


def _unpropagated(submission: Submission) -> Iterator[Finding]:
    """Links follow a document whose marks change."""
    for item in submission.associations:
        if dict(item.extra_slots).get(ASSOCIATION_PROPAGATION) == ("no",):
            yield _unmodifiable(ASSOCIATION_PROPAGATION, "yes", "no", item.entry_uuid)


def _unmodifiable(attribute: str, expected: str, got: str, where: str) -> Finding:
    return finding(ErrorCode.UnmodifiableMetadataError, attribute, expected=expected, got=got, location=where)


def _not_one(where: str, what: str, actions: Collection[Action]) -> Finding:
    got = ", ".join(sorted(each.value for each in actions)) or "none"
    code = ErrorCode.XDSMetadataUpdateOperationError
    return finding(code, what, expected="one action of TD3.3", got=got, location=where)
