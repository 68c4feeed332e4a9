"""Who is told, by mail or SMS, of a new document and of an access in an emergency.

Of documents somebody is told who asked for it, and only of what they would find by TD3.1 at that moment; of an
emergency access the patient and who represents them, whether they asked or not, once a day for each requester and mode.
Nobody is told of their own acts, nor a representative of what was done in a secret connection. A message says that
something happened and when: no name, type or title. It leaves when what happened is durable, with an audit event for
each person told.

Source: public guides of the DMP (alertes ; accès en urgence); GIE SESAM-Vitale, PDT-INF-526 v1.8, note (7).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from audit.event import AuditObject, Call, ObjectKind
from audit.transactions import ALERTE
from dmp import record
from dmp.ports import Rooms
from habilitations.decision import Decision
from identities.account import PATIENT, Channel
from identities.alerts import Alerts, Party, Reach, reach_of
from identities.dossier import Dossier
from identities.own_access import patient_requester, representative_requester
from identities.representation import PARIS, in_office, is_minor
from identities.requester import ModeAcces, Requester
from registry.metadata import DocumentEntry
from registry.scope import Custody

DOCUMENT, URGENCE = "alerte/document", "alerte/urgence"  # Event.action

_SUBJECTS = {DOCUMENT: "DMP : un document a été ajouté", URGENCE: "DMP : accès en urgence"}
_TEXTS = {
    (DOCUMENT, Party.PATIENT): "Un document a été ajouté à votre DMP le {when}{how}.",
    (DOCUMENT, Party.REPRESENTANT): (
        "Un document a été ajouté le {when}{how} au DMP d'une personne que vous représentez."
    ),
    (DOCUMENT, Party.PROFESSIONNEL): (
        "Un document a été ajouté le {when}{how} à un DMP pour lequel vous avez demandé à être averti."
    ),
    (URGENCE, Party.PATIENT): "Votre DMP a été consulté le {when}{how}. L'historique des accès vous dit par qui.",
    (URGENCE, Party.REPRESENTANT): (
        "Le DMP d'une personne que vous représentez a été consulté le {when}{how}. "
        "L'historique des accès vous dit par qui."
    ),
}
_EMERGENCIES = {
    ModeAcces.BRIS_DE_GLACE: " en urgence (bris de glace)",
    ModeAcces.CENTRE_15: " en urgence, par la régulation médicale (centre 15)",
}
_BY_PROFESSIONAL = " par un professionnel de santé"
_ADDRESS = "\n{portal}"

Added = tuple[DocumentEntry, Custody]
"""A document that came in, and who stands behind it."""

Foreseen = Callable[[Requester], Decision | None]
"""What would be decided of somebody else who searched this dossier (TD3.1); None for whom the directory lets not in."""


@dataclass(frozen=True, slots=True)
class Happening:
    """What `by` did to a dossier, now. `portal` is the address of the portal, '' where there is none."""

    rooms: Rooms
    dossier: Dossier
    by: Requester
    now: datetime
    call: Call
    portal: str = ""

    @property
    def tellable(self) -> bool:
        """Whether messages leave this server at all."""
        return self.rooms.notices.mails or self.rooms.notices.texts


@dataclass(frozen=True, slots=True)
class _Person:
    """Somebody who may be told: as they would ask, what they want, where they are reached."""

    requester: Requester
    wish: Alerts
    reach: Reach


def tell_of_documents(happening: Happening, added: Sequence[Added], foreseen: Foreseen) -> None:
    """Tells of documents that were just added whoever wants to know of one of them and would find it."""
    if not happening.tellable:
        return
    how = _BY_PROFESSIONAL if happening.by.authentication.french else ""
    for person in _people(happening):
        wanted = [each for each in added if person.wish.wants(each[0].type_code.code)]
        decision = foreseen(person.requester) if wanted else None
        scope = decision.scope if decision and decision.granted else None
        found = [entry for entry, custody in wanted if scope and scope.permits(entry, custody)]
        if found and _sent(happening, person, DOCUMENT, how):
            objects = [AuditObject(ObjectKind.DOCUMENT, each.unique_id, each.repository_unique_id) for each in found]
            _record(happening, person, DOCUMENT, objects, decision)


def tell_of_emergency(happening: Happening) -> None:
    """Tells the patient, and who represents them, of an access in an emergency, unless they were told today.

    To be called when the access itself is recorded: from then on no other one is, until this transaction ends.
    """
    if not happening.tellable:
        return
    by, day = happening.by, happening.now.astimezone(PARIS).date()
    for person in _people(happening):
        if person.wish.party is Party.PROFESSIONNEL:
            continue
        once = (happening.dossier.key, by.id_nat, by.mode_acces.value, day.isoformat(), person.requester.id_nat)
        event_id = str(uuid.uuid5(uuid.NAMESPACE_OID, "|".join((URGENCE, *once))))
        if happening.rooms.traces.holds(event_id):
            continue
        if _sent(happening, person, URGENCE, _EMERGENCIES[by.mode_acces]):
            _record(happening, person, URGENCE, event_id=event_id)


def _people(happening: Happening) -> Iterator[_Person]:
    """Everybody who may want to know: the patient, who represents them, professionals who asked."""
    rooms, dossier, now = happening.rooms, happening.dossier, happening.now
    wishes = {(each.party, each.holder): each for each in rooms.alerts.of(dossier.key)}
    acting = in_office(rooms.identities.representatives(dossier.key), dossier, now)
    people = []
    if not dossier.deceased:
        wish = wishes.get((Party.PATIENT, PATIENT), Alerts(PATIENT, Party.PATIENT))
        reach = wish.reach or _known_reach(happening, represented=bool(acting))
        people.append(_Person(patient_requester(dossier), wish, reach))
    for each in acting if not happening.by.secret_connection else ():
        wish = wishes.get((Party.REPRESENTANT, each.id), Alerts(each.id, Party.REPRESENTANT))
        reach = wish.reach or rooms.accounts.reach(dossier.key, each.id) or reach_of(each.telecoms)
        people.append(_Person(representative_requester(each, dossier), wish, reach))
    for wish in (each for each in wishes.values() if each.party is Party.PROFESSIONNEL):
        if requester := _professional(rooms, wish, dossier):
            people.append(_Person(requester, wish, wish.reach))
    return (each for each in people if each.reach and each.requester.id_nat != happening.by.id_nat)


def _known_reach(happening: Happening, *, represented: bool) -> Reach:
    """Where a patient is reached who did not say so: whose the telecoms of who is represented are, nobody said."""
    dossier, traits = happening.dossier, happening.dossier.traits
    if is_minor(traits.birth_date, dossier.emancipated, happening.now):
        return ()
    telecoms = () if represented else traits.demographics.telecoms
    return happening.rooms.accounts.reach(dossier.key, PATIENT) or reach_of(telecoms)


def _professional(rooms: Rooms, wish: Alerts, dossier: Dossier) -> Requester | None:
    """A professional as the directory knows them, where they asked; None for whom it does not know."""
    known = rooms.identities.professional(wish.holder)
    if known is None:
        return None
    return Requester(
        id_nat=known.id_nat,
        name=f"{known.family} {known.given}",
        profession=known.profession,
        profession_system=known.profession_system,
        specialty=known.specialty,
        structure_id=wish.structure_id,
        sector="",
        authentication=wish.authentication,
        patient=dossier.ins,
    )


def _sent(happening: Happening, person: _Person, what: str, how: str) -> bool:
    """Sends by every channel there is; whether there was one."""
    notices, when = happening.rooms.notices, f"{happening.now.astimezone(PARIS):%d/%m/%Y à %H:%M}"
    text = _TEXTS[what, person.wish.party].format(when=when, how=how)
    if happening.portal:
        text += _ADDRESS.format(portal=happening.portal)
    told = False
    for channel, address in person.reach:
        if channel is Channel.EMAIL and notices.mails:
            notices.mail(address, _SUBJECTS[what], text)
            told = True
        elif channel is Channel.SMS and notices.texts:
            notices.sms(address, text)
            told = True
    return told


def _record(
    happening: Happening,
    person: _Person,
    what: str,
    objects: Iterable[AuditObject] = (),
    decision: Decision | None = None,
    event_id: str = "",
) -> None:
    """The event of somebody who was told: what was secret in what happened is secret in it, too."""
    told = replace(person.requester, secret_connection=happening.by.secret_connection)
    call = Call(transaction=ALERTE, request_id=happening.call.request_id, endpoint=told.id_nat)
    event = record.begun(call, what, told, happening.dossier.ins, happening.now)
    event = replace(event, id=event_id or event.id, dossier=happening.dossier.key, objects=tuple(objects))
    happening.rooms.trail.append(record.decided(event, decision, happening.dossier) if decision else event)
