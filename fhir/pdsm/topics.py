"""The topics that somebody can subscribe to, as a table: what they are about, what triggers them, what they filter by.

A topic about deletions tells of none: what is deleted is there for nobody.

Source: IHE DSUBm 1.0, 2:3.110.4.6 (Subscription Topic and Filter Expressions) and its SubscriptionTopics.
"""

from __future__ import annotations

from dataclasses import dataclass

from pdsm.asked import Kind
from pdsm.iti66 import LIST
from pdsm.iti67 import DOCUMENT_REFERENCE
from registry.changes import Change
from registry.metadata import DocumentEntry, SubmissionSet

DSUBM = "https://profiles.ihe.net/ITI/DSUBm/"
TOPIC = f"{DSUBM}SubscriptionTopic/DSUBm-SubscriptionTopic-"  # as the resources have it
TOPIC_TOLD = f"{DSUBM}DSUBm-SubscriptionTopic-"  # as 2:3.110.4.6 has it

_PATIENT = frozenset({"patient", "patient.identifier"})
_DOCUMENTS = frozenset(
    {
        "author.given",
        "author.family",
        "category",
        "event",
        "facility",
        "format",
        "security-label",
        "setting",
        "status",
        "type",
    }
)
_SETS = frozenset({"code", "source.given", "source.family", "sourceId"})
_CREATED = frozenset({Change.CREATED})
_STATUS = frozenset({Change.CREATED, Change.STATUS})


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: its canonical URL, the resource that it is about, whether of one patient, and what triggers it."""

    url: str
    kind: Kind
    object_kind: str
    of_one_patient: bool
    changes: frozenset[Change]
    filters: frozenset[str]


def _documents(name: str, changes: frozenset[Change]) -> tuple[Topic, ...]:
    first, last = name.split("|")
    return tuple(
        Topic(
            f"{TOPIC}{first}-{whom}{last}",
            DOCUMENT_REFERENCE,
            DocumentEntry.__name__,
            of_one,
            changes,
            _DOCUMENTS | (_PATIENT if of_one else frozenset()),
        )
        for whom, of_one in (("PatientDependent", True), ("MultiPatient", False))
    )


def _sets() -> tuple[Topic, ...]:
    kind, name = LIST, SubmissionSet.__name__
    of_one = Topic(f"{TOPIC}SubmissionSet-PatientDependent", kind, name, True, _CREATED, _SETS | _PATIENT)
    return of_one, Topic(f"{TOPIC}SubmissionSet-MultiPatient", kind, name, False, _CREATED, _SETS)


TOPICS = {
    each.url: each
    for each in (
        *_documents("DocumentReference|", _CREATED),
        *_documents("DocReference|-MinUpdate", _STATUS),
        *_documents("DocReference|-AllEvents", frozenset(Change)),
        *_sets(),
    )
}


def topic_of(url: str) -> Topic | None:
    """The topic of a canonical URL, in either form, with or without a version; None for one that is not there."""
    plain = url.partition("|")[0]
    return TOPICS.get(plain) or TOPICS.get(f"{TOPIC}{plain.removeprefix(TOPIC_TOLD)}")
