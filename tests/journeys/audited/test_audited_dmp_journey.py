"""Each transaction of practice software over the wire, and the whole of what it leaves in the audit log of a DMP."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from audited_dmp_table import ROWS
from audited_stage import Names
from audited_village import REPOSITORY, Audited, Cases, Software
from lxml import etree

from conformance.lps.candidates import Criteria
from conformance.lps.dossiers import Dossiers
from conformance.lps.metadata import Visibility
from conformance.lps.people import Patient
from conformance.lps.services import LAST_AUTHORISATION
from conformance.lps.soap import LpsError
from conformance.lps.traits import Name, Traits
from conformance.lps.vihf import Access
from dmp.volontes import Block, OpposeFeeding
from registry.metadata import AvailabilityStatus, Code
from registry.scope import INVISIBLE_PATIENT, MASQUE_PS
from schemas import oids
from server.demo.people import invented_nir
from tests.journeys.attributes import Desk, remarked
from tests.somebody import Somebody, number

CASES = Cases()
EMERGENCY, CENTRE_15 = Access("bris_de_glace", "patient inconscient"), Access("centre_15")
MASKED = Code(*MASQUE_PS)
ANNE = Traits(Name("ESSAI", "Anne", "ESSAI"), "F", "19790328")


@pytest.mark.parametrize("title", ROWS)
def test_each_row_is_what_its_request_leaves(audited: Audited, title: str) -> None:
    audited.watch()
    names = CASES[title](audited)
    audited.log.holds(ROWS[title], names)


def test_each_case_has_its_row() -> None:
    assert CASES.keys() == ROWS.keys()


def _refused(attempt: Callable[[], object]) -> str:
    """The code that a request is refused with."""
    with pytest.raises(LpsError) as caught:
        attempt()
    return caught.value.code


def _names(audited: Audited, who: str, somebody: Somebody | None, path: str, **more: str) -> Names:
    patient = {"patient": str(somebody.identifier), "ins": somebody.identifier.value} if somebody else {}
    return {"certificate": audited.card(who), "endpoint": audited.at(path), **patient, **more}


# --- Documents --------------------------------------------------------------------------------------------------------


def _provided(audited: Audited, somebody: Somebody, by: str = "medecin-traitant", **more: Any) -> Names:
    author = "medecin-traitant" if by == "secretaire" else by
    file = somebody.paper(author, by)
    audited.watch()
    sent = audited.lps(by).provide([file], somebody.patient, **more)
    return _names(audited, by, somebody, "/ihe/repository", set=sent.submission_set, document=sent.unique_ids[0])


def _document(audited: Audited, somebody: Somebody, **visible: bool) -> str:
    """A document of the médecin traitant."""
    file = somebody.paper("medecin-traitant")
    sent = audited.lps("medecin-traitant").provide([file], somebody.patient, visibility=Visibility(**visible))
    return sent.unique_ids[0]


@CASES("TD2.1")
def _(audited: Audited) -> Names:
    return _provided(audited, audited.somebody())


@CASES("TD2.2")
def _(audited: Audited) -> Names:
    return _provided(audited, audited.somebody(), "secretaire")


def _set_of(software: Software) -> str:
    """The uniqueId of the set that was sent last."""
    found = re.search(rb'registryObject="SubmissionSet[^"]*"[^>]*value="([^"]+)"', software.content)
    return found[1].decode() if found else ""


@CASES("TD2.1, refused")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    somebody.says(OpposeFeeding(True))
    request, _ = audited.lps("medecin-traitant").prepare([somebody.paper("medecin-traitant")], somebody.patient)
    return _sent(audited, somebody, request)


def _sent(audited: Audited, somebody: Somebody, request: Any) -> Names:
    """A lot that is not taken."""
    body = b"".join(request.body)
    audited.watch()
    answer = audited.lps("medecin-traitant").ask(replace(request, body=[body]))
    assert b"Failure" in etree.tostring(answer)
    (own,) = re.findall(
        rb'identificationScheme="urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8"[^>]*value="([^"]+)"', body
    )
    return _names(audited, "medecin-traitant", somebody, "/ihe/repository", set=own.decode())


@CASES("TD2.1, wrong")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    file = somebody.paper("medecin-traitant")
    audited.lps("medecin-traitant").provide([file], somebody.patient)
    request, _ = audited.lps("medecin-traitant").prepare([file], somebody.patient)
    return _sent(audited, somebody, request)


def _searched(audited: Audited, somebody: Somebody, by: str = "medecin-traitant", **more: Any) -> Names:
    audited.watch()
    software = audited.lps(by)
    try:
        software.find(somebody.patient, **more)
    except LpsError as error:
        assert error.code == "DMPAccessDeniedByRightsService", error
    return _question(audited, by, somebody)


def _question(audited: Audited, by: str, somebody: Somebody) -> Names:
    query = audited.lps(by).content
    (query_id,) = re.findall(rb'AdhocQuery id="([^"]+)"', query)
    return _names(audited, by, somebody, "/ihe/registry", query=query.decode(), query_id=query_id.decode())


@CASES("TD3.1")
def _(audited: Audited) -> Names:
    return _searched(audited, audited.somebody())


@CASES("TD3.1 of a reference")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    audited.watch()
    audited.lps("medecin-traitant").find_references(somebody.patient)
    return _question(audited, "medecin-traitant", somebody)


@CASES("TD3.1, not authorised")
def _(audited: Audited) -> Names:
    return _searched(audited, audited.somebody(), "medecin")


@CASES("TD3.1, bris de glace, and told")
def _(audited: Audited) -> Names:
    somebody = audited.reachable(audited.somebody())
    names = _searched(audited, somebody, "medecin", access=EMERGENCY)
    return {**names, "receiver": somebody.identifier.value, "patient_name": "ESSAI Anne"}


@CASES("TD3.1, centre 15")
def _(audited: Audited) -> Names:
    return _searched(audited, audited.somebody(), "medecin", access=CENTRE_15)


@CASES("two patients")
def _(audited: Audited) -> Names:
    somebody, other = audited.somebody(), audited.somebody()
    software = audited.lps("medecin-traitant")
    assertion = software.assertion(other.patient, Access())
    software._assertions[somebody.patient, Access()] = (software._clock(), assertion)
    return _searched(audited, somebody)


@CASES("another's assertion")
def _(audited: Audited) -> Names:
    somebody, software = audited.somebody(), audited.lps("infirmier")
    made = audited.lps("medecin-traitant").assertion(somebody.patient, Access())
    software._assertions[somebody.patient, Access()] = (software._clock(), made)
    audited.watch()
    _refused(lambda: software.find(somebody.patient))
    return _names(audited, "infirmier", None, "/ihe/registry")


def _opened(audited: Audited, somebody: Somebody, document: str, by: str = "medecin-traitant", **more: str) -> Names:
    audited.watch()
    try:
        audited.lps(by).open(document, audited.folder / "opened", somebody.patient, repository=REPOSITORY)
    except LpsError as error:
        assert error.code in ("XDSDocumentUniqueIdError", "DMPAccessDeniedByRightsService"), error
    return _names(audited, by, somebody, "/ihe/repository", document=document, **more)


@CASES("TD3.2")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    return _opened(audited, somebody, _document(audited, somebody))


@CASES("TD3.2 of a hidden document")
def _(audited: Audited) -> Names:
    somebody = audited.somebody("infirmier")
    return _opened(audited, somebody, _document(audited, somebody, mask=True), "infirmier")


@CASES("TD3.2, none")
def _(audited: Audited) -> Names:
    return _opened(audited, audited.somebody(), "2.25.999", absent="2.25.999")


@CASES("TD3.2, not authorised")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    return _opened(audited, somebody, _document(audited, somebody), "medecin")


# --- Attributes -------------------------------------------------------------------------------------------------------


def _desk(audited: Audited, somebody: Somebody, by: str = "medecin-traitant") -> Desk:
    return Desk(audited.village, audited.lps(by), somebody.patient, Access())


def _updated(audited: Audited, somebody: Somebody, sent: Any, document: str, by: str = "medecin-traitant") -> Names:
    audited.watch()
    try:
        _desk(audited, somebody, by).send(sent)
    except LpsError as error:
        assert error.code == "DMPAccessDeniedByRightsService", error
    own = sent.submission_set.unique_id
    return _names(audited, by, somebody, "/ihe/registry", set=own, document=document)


def _marked(audited: Audited, *, add: tuple[Code, ...] = (), remove: tuple[Code, ...] = (), **visible: bool) -> Names:
    somebody = audited.somebody()
    document = _document(audited, somebody, **visible)
    stands = _desk(audited, somebody).stands(document)
    return _updated(audited, somebody, remarked(stands, add=add, remove=remove), document)


@CASES("TD3.3a, masked")
def _(audited: Audited) -> Names:
    return _marked(audited, add=(MASKED,))


@CASES("TD3.3a, unmasked")
def _(audited: Audited) -> Names:
    return _marked(audited, remove=(MASKED,), mask=True)


@CASES("TD3.3b")
def _(audited: Audited) -> Names:
    return _marked(audited, remove=(Code(*INVISIBLE_PATIENT),), hide_from_patient=True)


def _turned(audited: Audited, new: AvailabilityStatus, before: AvailabilityStatus | None = None, by: str = "") -> Names:
    somebody = audited.somebody()
    document, desk = _document(audited, somebody), _desk(audited, somebody)
    if before is not None:
        desk.change(document, before)
    stands = desk.stands(document)
    sent = desk.restated(stands.entry_uuid, stands.availability_status, new)
    return _updated(audited, somebody, sent, document, by or "medecin-traitant")


@CASES("TD3.3c")
def _(audited: Audited) -> Names:
    return _turned(audited, AvailabilityStatus.DELETED)


@CASES("TD3.3d, archived")
def _(audited: Audited) -> Names:
    return _turned(audited, AvailabilityStatus.ARCHIVED)


@CASES("TD3.3d, unarchived")
def _(audited: Audited) -> Names:
    return _turned(audited, AvailabilityStatus.APPROVED, AvailabilityStatus.ARCHIVED)


@CASES("TD3.3, not authorised")
def _(audited: Audited) -> Names:
    return _turned(audited, AvailabilityStatus.ARCHIVED, by="medecin")


# --- The life of a DMP ------------------------------------------------------------------------------------------------


def _told(
    audited: Audited, somebody: Somebody, ask: Callable[[Software], object], by: str = "medecin-traitant"
) -> Names:
    """A message of HL7 V3."""
    software = audited.lps(by)
    audited.watch()
    try:
        ask(software)
    except LpsError as error:
        assert error.code in ("DMPFound", "XDSUnknownPatientId", "DMPAccessDeniedByRightsService"), error
    return _interaction(audited, software, by, somebody)


def _interaction(audited: Audited, software: Software, by: str, somebody: Somebody | None) -> Names:
    root = etree.fromstring(software.content)
    (own,) = root.findall("{urn:hl7-org:v3}id")
    message = f"{own.get('extension')}@{own.get('root')}" if own.get("extension") else own.get("root", "")
    more = {"message": message}
    for query in root.iter("{urn:hl7-org:v3}queryByParameter"):
        named = query.find("{urn:hl7-org:v3}queryId")
        assert named is not None
        more["query"] = etree.tostring(query, with_tail=False).decode()
        more["query_id"] = f"{named.get('extension', '')}@{named.get('root')}"
    return _names(audited, by, somebody, "/ihe/patients", **more)


@CASES("TD0.2")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    return _told(audited, somebody, lambda software: software.existence(somebody.patient))


@CASES("TD0.5")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    family, dossier = f"Z{somebody.identifier.value}", somebody.dossier
    with audited.village.house() as house, house.rooms() as rooms:
        rooms.identities.set_traits(dossier.key, replace(dossier.traits, birth_family=family))
    criteria = Criteria(family=family, given="Anne", birth_date="19790328", sex="F")
    return _told(audited, somebody, lambda software: software.candidates(criteria, access=CENTRE_15), "medecin")


@CASES("TD0.5, no right")
def _(audited: Audited) -> Names:
    criteria = Criteria(family="ESSAI", birth_date="19790328")
    return _told(audited, None, lambda software: software.candidates(criteria))


def _newcomer(audited: Audited) -> Somebody:
    """A patient without DMP."""
    audited.newcomers += 1
    ins = invented_nir("F", date(1979, 3, 28), "75112", audited.newcomers)
    return Somebody(audited.village, audited.folder, Patient(ins, oids.INS_NIR_TEST))


@CASES("TD1.1")
def _(audited: Audited) -> Names:
    somebody = _newcomer(audited)
    return _told(audited, somebody, lambda software: software.create(somebody.patient, ANNE))


@CASES("TD1.1, there already")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    return _told(audited, somebody, lambda software: software.create(somebody.patient, ANNE))


@CASES("TD1.2")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    audited.lps("medecin-traitant").close_dossier(somebody.patient)
    return _told(audited, somebody, lambda software: software.reactivate(somebody.patient))


@CASES("TD1.3a")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    return _told(audited, somebody, lambda software: software.administrative(somebody.patient))


@CASES("TD1.3b")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    return _told(audited, somebody, lambda software: software.amend(somebody.patient, ANNE))


@CASES("TD1.4")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    return _told(audited, somebody, lambda software: Dossiers.close_dossier(software, somebody.patient))


@CASES("TD1.4, no DMP")
def _(audited: Audited) -> Names:
    somebody = _newcomer(audited)
    return _told(audited, somebody, lambda software: Dossiers.close_dossier(software, somebody.patient))


# --- Authorisations, and the patient's account ------------------------------------------------------------------------


def _served(
    audited: Audited, somebody: Somebody, ask: Callable[[Software], object], by: str = "medecin-traitant"
) -> Names:
    software = audited.lps(by)
    audited.watch()
    try:
        ask(software)
    except LpsError as error:
        assert error.code.startswith("DMP"), error
    return _names(audited, by, somebody, "/ihe/habilitations", query=software.content.decode())


@CASES("TD0.3, added")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    return _served(audited, somebody, lambda software: software.authorise(somebody.patient), "medecin")


@CASES("TD0.3, removed")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    return _served(audited, somebody, lambda software: software.authorise(somebody.patient, remove=True))


@CASES("TD0.3, no longer treating")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    ask = lambda software: software.authorise(somebody.patient, remove=True, medecin_traitant=True)  # noqa: E731
    return _served(audited, somebody, ask)


@CASES("TD0.3, blocked")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    somebody.says(Block(number("medecin")))
    return _served(audited, somebody, lambda software: software.authorise(somebody.patient), "medecin")


@CASES("TD0.3, no médecin")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    ask = lambda software: software.authorise(somebody.patient, medecin_traitant=True)  # noqa: E731
    return _served(audited, somebody, ask, "infirmier")


@CASES("TD0.4")
def _(audited: Audited) -> Names:
    since = f"{datetime.now(UTC) - timedelta(seconds=1):%Y%m%d%H%M%S}"
    somebody = audited.somebody("podologue", treating="")
    ask = lambda software: software.authorised(since=since, by=LAST_AUTHORISATION)  # noqa: E731
    return _served(audited, somebody, ask, "podologue")


@CASES("TD1.6")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    return _served(audited, somebody, lambda software: software.professionals(somebody.patient))


def _account(audited: Audited) -> Somebody:
    somebody = audited.somebody()
    audited.lps("medecin-traitant").create_account(somebody.patient, "EMAIL", "a@exemple.fr")
    return somebody


@CASES("TD1.5a")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    ask = lambda software: software.create_account(somebody.patient, "EMAIL", "a@exemple.fr")  # noqa: E731
    return _served(audited, somebody, ask)


@CASES("TD1.5a, there already")
def _(audited: Audited) -> Names:
    somebody = _account(audited)
    ask = lambda software: software.create_account(somebody.patient, "EMAIL", "a@exemple.fr")  # noqa: E731
    return _served(audited, somebody, ask)


@CASES("TD1.5b")
def _(audited: Audited) -> Names:
    somebody = _account(audited)
    return _served(audited, somebody, lambda software: software.update_otp(somebody.patient, "SMS", "0612345678"))


@CASES("TD1.5d")
def _(audited: Audited) -> Names:
    somebody = _account(audited)
    return _served(audited, somebody, lambda software: software.renew_account(somebody.patient))
