"""TD3.3, the patient's way: one document masked or unmasked, archived or unarchived, or one's own deleted.

What a page asks becomes the message that software would send (ITI-57); from there on it is an update as any other.

Source: GIE SESAM-Vitale, TD3.3a, TD3.3c and TD3.3d; public guides of the DMP (masquer, archiver).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from audit.event import Call
from dmp.depot import new_uuid, submission_set
from habilitations.action import Action
from identities.requester import Requester
from registry.errors import Finding
from registry.metadata import Association, AssociationType, AvailabilityStatus, Code, DocumentEntry, Slots, Submission
from registry.relationships import ORIGINAL, PREVIOUS_VERSION
from registry.scope import MASQUE_PS
from registry.update_operations import NEW_STATUS, ORIGINAL_STATUS

Update = Callable[[Requester, Call, Submission, tuple[Finding, ...]], tuple[Finding, ...]]

_STATUSES = {
    Action.TD3_3C: AvailabilityStatus.DELETED,
    Action.TD3_3D_ARCHIVER: AvailabilityStatus.ARCHIVED,
    Action.TD3_3D_DESARCHIVER: AvailabilityStatus.APPROVED,
}
GESTURES = frozenset({Action.TD3_3A_MASQUER, Action.TD3_3A_DEMASQUER, *_STATUSES})


def gesture(
    update: Update, requester: Requester, call: Call, entry: DocumentEntry, action: Action, now: datetime
) -> None:
    """Does one of GESTURES to the document of `entry`, which stands so, by TD3.3 (`update`).

    Raises AccessRefused, RegistryError.
    """
    own = submission_set(requester, entry.patient_id, now)
    if action in _STATUSES:
        kind, slots = AssociationType.UPDATE_AVAILABILITY_STATUS, _statuses(entry, _STATUSES[action])
        asked = Association(new_uuid(), kind, own.entry_uuid, entry.entry_uuid, extra_slots=slots)
        update(requester, call, Submission(own, associations=(asked,)), ())
    else:
        marked = _marked(entry, masked=action is Action.TD3_3A_MASQUER)
        kind, slots = AssociationType.HAS_MEMBER, ((PREVIOUS_VERSION, (str(entry.version),)),)
        asked = Association(new_uuid(), kind, own.entry_uuid, marked.entry_uuid, ORIGINAL, extra_slots=slots)
        update(requester, call, Submission(own, (marked,), associations=(asked,)), ())


def _statuses(entry: DocumentEntry, new: AvailabilityStatus) -> Slots:
    return ((ORIGINAL_STATUS, (entry.availability_status.value,)), (NEW_STATUS, (new.value,)))


def _marked(entry: DocumentEntry, *, masked: bool) -> DocumentEntry:
    """The next version of the metadata of `entry`."""
    others = tuple(code for code in entry.confidentiality_codes if (code.code, code.scheme) != MASQUE_PS)
    codes = (*others, Code(*MASQUE_PS)) if masked else others
    return replace(entry, entry_uuid=new_uuid(), confidentiality_codes=codes)
